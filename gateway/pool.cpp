#include "pool.h"

#include <cstring>

namespace gateway {
namespace {

struct Clearer {
    void operator()(PGresult *result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, Clearer>;

std::string text_of(const char *text) {
    std::string out = text != nullptr ? text : "";
    while (!out.empty() && out.back() == '\n')
        out.pop_back();
    return out;
}

bool is_error(const PGresult *result) {
    const auto status = PQresultStatus(result);
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

} // namespace

std::string Connection::connect() {
    if (connected())
        return {};
    // Later values win, so the connection string may change the first three, but not the encoding. Without the timeouts, a
    // server that has lost its network would hold a connection for hours.
    const char *keywords[] = {
        "fallback_application_name", "connect_timeout", "tcp_user_timeout", "dbname", "client_encoding", nullptr};
    const char *values[] = {"topk-gateway", "5", "15000", conninfo_.c_str(), "UTF8", nullptr};
    connection_.reset(PQconnectdbParams(keywords, values, 1));
    if (connected()) {
        PQsetNoticeProcessor(
            connection_.get(), [](void *, const char *) {}, nullptr);
        return {};
    }
    const std::string message = connection_ ? text_of(PQerrorMessage(connection_.get())) : "out of memory";
    connection_.reset();
    return message;
}

Result Connection::failure(const PGresult *result) const {
    Result failure;
    const char *sqlstate = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    if (sqlstate == nullptr) { // an error of libpq: the connection broke
        failure.message = text_of(PQerrorMessage(connection_.get()));
        return failure;
    }
    failure.state = Result::failed;
    failure.sqlstate = sqlstate;
    failure.message = text_of(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    if (const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
        detail != nullptr && failure.sqlstate.starts_with("TK"))
        failure.message += ": " + text_of(detail);
    return failure;
}

void Connection::roll_back() {
    if (connected() && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE)
        Answer(PQexec(connection_.get(), "ROLLBACK"));
    if (!connected() || PQtransactionStatus(connection_.get()) != PQTRANS_IDLE)
        disconnect();
}

// A pipeline needs one round trip.
Result Connection::ask(const std::string &role, const std::string &sql, const std::vector<const char *> &parameters) {
    PGconn *c = connection_.get();
    if (!connected() || PQenterPipelineMode(c) != 1) {
        disconnect();
        return {};
    }
    const std::string limit = std::to_string(statement_seconds_) + "s";
    const char *settings[] = {limit.c_str(), role.empty() ? "none" : role.c_str()};
    const bool sent =
        PQsendQueryParams(c, "BEGIN READ ONLY", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 &&
        PQsendQueryParams(c,
                          "SELECT pg_catalog.set_config('timezone', 'UTC', true), "
                          "pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('role', $2, true)",
                          2, nullptr, settings, nullptr, nullptr, 0) == 1 &&
        PQsendQueryParams(c, sql.c_str(), static_cast<int>(parameters.size()), nullptr, parameters.data(), nullptr, nullptr,
                          0) == 1 &&
        PQsendQueryParams(c, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 && PQpipelineSync(c) == 1;

    Result outcome;
    outcome.state = Result::done;
    for (int statement = 0, nothing = 0; sent && nothing < 2;) {
        const Answer answer(PQgetResult(c));
        if (!answer) { // the end of a statement, or of the connection
            ++nothing;
            ++statement;
            continue;
        }
        nothing = 0;
        if (PQresultStatus(answer.get()) == PGRES_PIPELINE_SYNC)
            break;
        if (is_error(answer.get()) && outcome.ok())
            outcome = failure(answer.get());
        else if (statement == 2 && PQresultStatus(answer.get()) == PGRES_TUPLES_OK && PQntuples(answer.get()) > 0 &&
                 PQgetisnull(answer.get(), 0, 0) == 0)
            outcome.value.emplace(PQgetvalue(answer.get(), 0, 0), static_cast<std::size_t>(PQgetlength(answer.get(), 0, 0)));
    }
    if (!sent || !connected() || PQexitPipelineMode(c) != 1) {
        if (outcome.ok())
            outcome = failure(nullptr);
        disconnect();
        return outcome;
    }
    roll_back();
    return outcome;
}

Result Connection::copy(const std::string &role, const std::string &target, const std::vector<std::string_view> &lines) {
    if (!connected())
        return {};
    PGconn *c = connection_.get();
    // After the last line the server goes on to COMMIT without a further message, so there are two round trips.
    std::string sql = "BEGIN; SET LOCAL statement_timeout = '" + std::to_string(statement_seconds_) + "s'; ";
    if (!role.empty())
        sql += "SET LOCAL ROLE " + quoted(role) + "; ";
    sql += "COPY " + target + " FROM STDIN; COMMIT";
    Result outcome;
    bool ended = false, copying = false;
    if (PQsendQuery(c, sql.c_str()) != 1) {
        outcome = failure(nullptr);
        disconnect();
        return outcome;
    }
    outcome.state = Result::unknown;
    bool committed = false;
    while (const Answer answer{PQgetResult(c)}) {
        if (PQresultStatus(answer.get()) == PGRES_COPY_IN) {
            if (copying) { // libpq repeats this state for ever if the connection broke
                disconnect();
                break;
            }
            copying = true;
            bool sent = true;
            for (const auto text : lines)
                sent = sent && PQputCopyData(c, text.data(), static_cast<int>(text.size())) == 1;
            if (!sent) { // nothing was committed, because the server did not get the end
                outcome.state = Result::lost;
                outcome.message = text_of(PQerrorMessage(c));
                disconnect();
                return outcome;
            }
            ended = true;
            if (PQputCopyEnd(c, nullptr) != 1) {
                outcome.message = text_of(PQerrorMessage(c));
                disconnect();
                return outcome;
            }
        } else if (is_error(answer.get())) {
            outcome = failure(answer.get());
            outcome.at_data = copying;
            if (outcome.sqlstate.starts_with("57P0")) // the server ends the session, perhaps after the commit
                outcome.state = Result::lost;
        } else if (std::strcmp(PQcmdStatus(answer.get()), "COMMIT") == 0) {
            committed = true;
        }
    }
    if (committed)
        outcome.state = Result::done;
    else if (outcome.state != Result::failed) {
        // Nothing was committed if the end of the lines was not sent.
        outcome.state = ended ? Result::unknown : Result::lost;
        if (outcome.message.empty() && connection_)
            outcome.message = text_of(PQerrorMessage(c));
    }
    if (outcome.state == Result::lost || outcome.state == Result::unknown)
        disconnect();
    else if (outcome.state == Result::failed)
        roll_back();
    return outcome;
}

std::string Connection::quoted(const std::string &identifier) const {
    char *text = PQescapeIdentifier(connection_.get(), identifier.data(), identifier.size());
    const std::string out = text != nullptr ? text : "";
    PQfreemem(text);
    return out;
}

} // namespace gateway
