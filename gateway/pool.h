// Connections to the database, by libpq. A connection serves one thread, which waits for each answer.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway {

struct Result {
    enum State {
        done,
        failed,  // the database refused, and did nothing; sqlstate and message have the reason
        lost,    // the connection broke before anything was done
        unknown, // the connection broke at the commit, which may have been done
    };
    State state = lost;
    std::string sqlstate, message;
    bool at_data = false;             // copy() failed after the first line was sent, so a line may be the reason
    std::optional<std::string> value; // first column of the first row

    bool ok() const { return state == done; }
};

class Connection {
public:
    explicit Connection(std::string conninfo, unsigned statement_seconds)
        : conninfo_(std::move(conninfo)), statement_seconds_(statement_seconds) {}

    // Connects, if there is no connection. Returns the error, or an empty text.
    std::string connect();
    bool connected() const { return connection_ != nullptr && PQstatus(connection_.get()) == CONNECTION_OK; }
    void disconnect() { connection_.reset(); }

    // Asks one question in a read-only transaction, under the role (empty: the login), in UTC. A parameter of nullptr is
    // NULL.
    Result ask(const std::string &role, const std::string &sql, const std::vector<const char *> &parameters);

    // Copies lines of COPY's text format into `target`, a table with a list of columns, in a transaction under the role.
    Result copy(const std::string &role, const std::string &target, const std::vector<std::string_view> &lines);

    std::string quoted(const std::string &identifier) const; // needs a connection

private:
    struct Closer {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };

    Result failure(const PGresult *result) const;
    void roll_back();

    const std::string conninfo_;
    const unsigned statement_seconds_;
    std::unique_ptr<PGconn, Closer> connection_;
};

} // namespace gateway
