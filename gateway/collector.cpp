#include "collector.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <nlohmann/json.hpp>

#include "log.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 5s; // between two readings of the streams' columns

// Finds the table of a name, and its columns that take the fields of an event.
constexpr const char *columns_query = R"(
    SELECT CASE WHEN c.oid IS NULL THEN jsonb_build_object('trouble', 'there is no stream or table of this name')
                ELSE jsonb_build_object('table', format('%I.%I', n.nspname, c.relname), 'columns', a.columns) END
    FROM (SELECT to_regclass($1) AS oid) AS s
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = s.oid AND c.relkind IN ('r', 'p', 'f')
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (SELECT jsonb_object_agg(attname, atttypid::regtype::text) AS columns FROM pg_catalog.pg_attribute
                       WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                         AND attname IN ('item_id', 'ts', 'timestamp', 'source', 'metadata', 'event_id')) AS a ON true)";

// Chooses the columns as topk_api.ingest_events does.
std::optional<Columns> columns_of(const std::string &answer, std::string &trouble) {
    const auto json = nlohmann::json::parse(answer);
    if (json.contains("trouble")) {
        trouble = json["trouble"];
        return {};
    }
    const auto columns = json["columns"].is_object() ? json["columns"] : nlohmann::json::object();
    const std::string time = columns.contains("ts") ? "ts" : "timestamp";
    if (!columns.contains("item_id") || !columns.contains(time)) {
        trouble = columns.contains("item_id") ? "it has no column ts or timestamp" : "it has no column item_id";
        return {};
    }
    if (columns[time] != "timestamp with time zone") {
        trouble = "its column " + time + " must be of type timestamp with time zone";
        return {};
    }
    const auto name = [&](const char *column) { return columns.contains(column) ? std::string(column) : std::string(); };
    return Columns{json["table"],  "item_id",        time == "ts" ? "ts" : "\"timestamp\"",
                   name("source"), name("metadata"), name("event_id")};
}

// Returns whether a single event may be the reason, so that dividing the transaction helps the others.
bool may_be_of_events(const Result &result) {
    return result.at_data &&
           (result.sqlstate.starts_with("22") || result.sqlstate.starts_with("23") || result.sqlstate.starts_with("54") ||
            result.sqlstate.starts_with("TK") || result.sqlstate.starts_with("P0"));
}

double retry_after(const std::string &message) {
    const auto found = message.find("Retry in ");
    return found == std::string::npos ? 0 : std::strtod(message.c_str() + found + 9, nullptr);
}

} // namespace

Fault fault_of(const Result &result) {
    switch (result.state) {
        case Result::lost: return unavailable("database_unavailable", "the database cannot be reached; nothing was counted");
        case Result::unknown:
            return unavailable("outcome_unknown",
                               "the connection to the database broke at the commit; the events may be counted or not");
        case Result::done:
        case Result::failed: break;
    }
    if (result.sqlstate == "TK001")
        return {429, "quota_exceeded", {}, result.message, retry_after(result.message)};
    if (result.sqlstate == "TK002")
        return {413, "too_large", {}, result.message};
    if (result.sqlstate == "42501")
        return {403, "forbidden", {}, "the role in the database may not do this"};
    if (may_be_of_events(result))
        return {400, "refused_by_table", {}, result.message};
    if (result.sqlstate == "57014")
        return unavailable("database_timeout", "the database took too long; nothing was counted");
    return unavailable("database_error", "the database could not do it now; nothing was counted");
}

bool Budget::take(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= limit_)
        return true;
    used_ -= bytes;
    return false;
}

Collector::Collector(const Options &options, Metrics &metrics, Budget &budget)
    : options_(options), metrics_(metrics), budget_(budget) {
    for (const auto &name : options.streams)
        streams_.push_back({name, nullptr, "the gateway has not looked at it yet"});
    for (unsigned i = 0; i < options.writers && !streams_.empty(); ++i)
        writers_.emplace_back([this] { write_forever(); });
}

void Collector::stop() {
    {
        const std::lock_guard lock(mutex_);
        draining_ = stopping_ = true;
    }
    work_.notify_all();
    for (auto &writer : writers_)
        writer.join();
    writers_.clear();
    for (auto &[key, lane] : lanes_)
        answer(lane.waiting, unavailable("shutting_down", "the gateway ends; nothing was counted"));
}

std::optional<std::size_t> Collector::find_stream(std::string_view name) const {
    for (std::size_t i = 0; i < options_.streams.size(); ++i)
        if (name.empty() || options_.streams[i] == name)
            return i;
    return {};
}

Fault Collector::unavailable_fault() const {
    return unavailable("database_unavailable", "the database cannot be reached; nothing was counted", 2);
}

std::shared_ptr<const Columns> Collector::columns(std::size_t stream, Fault &fault) const {
    const std::lock_guard lock(mutex_);
    if (!streams_[stream].columns)
        fault = connected_ > 0 ? unavailable("stream_unusable",
                                             "stream \"" + streams_[stream].name + "\": " + streams_[stream].trouble, 5)
                               : unavailable_fault();
    return streams_[stream].columns;
}

std::optional<Fault> Collector::readiness() const {
    const std::lock_guard lock(mutex_);
    if (draining_)
        return unavailable("shutting_down", "the gateway ends");
    if (!writers_.empty() && connected_ == 0)
        return unavailable_fault();
    for (const auto &stream : streams_)
        if (!stream.columns)
            return unavailable("stream_unusable", "stream \"" + stream.name + "\": " + stream.trouble, 5);
    if (budget_.near_limit())
        return unavailable("queue_full", "too many events wait for their commit");
    return {};
}

std::optional<Fault> Collector::submit(std::size_t stream, const std::string &role, Submission &submission) {
    const std::size_t bytes = submission.bytes(), events = submission.rows.ids.size();
    std::unique_lock lock(mutex_);
    if (draining_)
        return unavailable("shutting_down", "the gateway ends; nothing was counted");
    if (connected_ == 0)
        return unavailable_fault();
    if (!budget_.take(bytes))
        return unavailable("queue_full", "too many events wait for their commit; nothing was counted");
    Lane &lane = lanes_.try_emplace({stream, role}, Lane{stream, role, {}}).first->second;
    submission.since = Clock::now();
    const bool first = lane.waiting.empty();
    lane.waiting.push_back(std::move(submission));
    lane.events += events;
    ++unanswered_;
    metrics_.queued_events.Increment(static_cast<double>(events));
    const bool enough = lane.events >= options_.gather_events;
    lock.unlock();
    if (first || enough)
        work_.notify_one();
    return {};
}

bool Collector::drain(std::chrono::seconds longest) {
    std::unique_lock lock(mutex_);
    draining_ = true;
    work_.notify_all();
    return idle_.wait_for(lock, longest, [this] { return unanswered_ == 0; });
}

// Returns when the lane's events should be written. While a transaction of the lane runs, they gather. After its end they
// gather for half of its duration, in which clients that were just answered send again. So a lone event does not wait, and
// under load the transactions get as large as the number of clients allows.
Clock::time_point Collector::ripe_at(const Lane &lane) const {
    if (lane.waiting.empty())
        return Clock::time_point::max();
    if (draining_ || lane.events >= options_.gather_events)
        return Clock::time_point::min();
    const auto latest = lane.waiting.front().since + std::chrono::milliseconds(options_.gather_ms);
    return lane.writing > 0 ? latest : std::min(latest, lane.written + lane.last_duration / 2);
}

Collector::Batch Collector::take(Lane &lane, Batch &outdated) {
    Batch batch;
    std::size_t events = 0;
    const auto &columns = streams_[lane.stream].columns;
    while (!lane.waiting.empty() && (events == 0 || events < options_.gather_events)) {
        Submission &next = lane.waiting.front();
        lane.events -= next.rows.ids.size();
        if (next.columns != columns) {
            outdated.push_back(std::move(next));
        } else {
            events += next.rows.ids.size();
            batch.push_back(std::move(next));
        }
        lane.waiting.pop_front();
    }
    return batch;
}

void Collector::write_forever() {
    Connection connection(options_.database, options_.database_seconds);
    auto pause = 100ms;
    bool counted = false; // this writer is one of connected_
    std::mt19937 random(std::random_device{}());
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (!connection.connected()) {
            connected_ -= std::exchange(counted, false);
            lock.unlock();
            const bool reached = reach_database(connection);
            lock.lock();
            if (!reached) {
                // Unless another writer has a connection, waiting submissions are refused now, so that their senders try
                // again later.
                Batch waiting;
                for (auto &[key, lane] : lanes_) {
                    if (connected_ > 0)
                        break;
                    std::move(lane.waiting.begin(), lane.waiting.end(), std::back_inserter(waiting));
                    lane.waiting.clear();
                    lane.events = 0;
                }
                lock.unlock();
                answer(waiting, unavailable_fault());
                lock.lock();
                work_.wait_for(lock, pause * std::uniform_real_distribution(0.5, 1.0)(random), [this] { return stopping_; });
                pause = std::min(pause * 2, 5000ms);
                continue;
            }
            connected_ += !std::exchange(counted, true);
            pause = 100ms;
        }
        if (Clock::now() >= looked_ + look_interval) {
            looked_ = Clock::now();
            lock.unlock();
            look_at_streams(connection);
            lock.lock();
            continue;
        }
        // The ripe lane that has waited longest is next, so that a lane under heavy load does not starve the others.
        Lane *lane = nullptr;
        const auto now = Clock::now();
        auto next = looked_ + look_interval;
        for (auto &[key, candidate] : lanes_) {
            const auto ripe = ripe_at(candidate);
            if (ripe > now)
                next = std::min(next, ripe);
            else if (lane == nullptr || candidate.waiting.front().since < lane->waiting.front().since)
                lane = &candidate;
        }
        if (lane == nullptr) {
            work_.wait_until(lock, next);
            continue;
        }
        Batch outdated, batch = take(*lane, outdated);
        ++lane->writing;
        const bool more = !lane->waiting.empty();
        lock.unlock();
        if (more)
            work_.notify_one();
        answer(outdated, unavailable("stream_changed", "the columns of the stream have changed; nothing was counted"));
        const auto start = Clock::now();
        std::size_t quota = SIZE_MAX;
        if (!batch.empty())
            write(connection, *lane, batch, quota);
        lock.lock();
        --lane->writing;
        lane->written = Clock::now();
        lane->last_duration = lane->written - start;
    }
}

bool Collector::reach_database(Connection &connection) {
    const std::string trouble = connection.connect();
    const std::unique_lock lock(mutex_);
    if (trouble.empty()) {
        log(spdlog::level::info, "a writer has a connection to the database");
        looked_ = {};
        trouble_.clear();
        metrics_.reconnects.Increment();
        return true;
    }
    if (trouble_ != trouble)
        log(spdlog::level::warn, "cannot reach the database", {{"reason", trouble}});
    trouble_ = trouble;
    return false;
}

void Collector::look_at_streams(Connection &connection) {
    for (auto &stream : streams_) {
        const Result answer = connection.ask({}, columns_query, {stream.name.c_str()});
        std::string trouble = "the database could not say what columns it has";
        std::optional<Columns> columns;
        if (answer.ok() && answer.value)
            columns = columns_of(*answer.value, trouble);
        else if (!connection.connected())
            return;
        const std::lock_guard lock(mutex_);
        if (!columns && (stream.columns || stream.trouble != trouble))
            log(spdlog::level::warn, "stream cannot be used", {{"stream", stream.name}, {"reason", trouble}});
        stream.trouble = trouble;
        if (!columns)
            stream.columns = nullptr;
        else if (!stream.columns || *stream.columns != *columns)
            stream.columns = std::make_shared<const Columns>(std::move(*columns));
    }
}

Result Collector::copy(Connection &connection, const Lane &lane, const Batch &batch) {
    std::vector<std::string_view> lines;
    for (const auto &submission : batch)
        lines.push_back(submission.rows.text);
    const Columns &columns = *batch.front().columns;
    const std::string target = columns.table + " (" + columns.list() + ")";
    Result result = connection.copy(lane.role, target, lines);
    // The connection was of a server that has been restarted since. Nothing was committed, so the lines may be sent again.
    if (result.state == Result::lost && reach_database(connection))
        result = connection.copy(lane.role, target, lines);
    return result;
}

// The database has already refused a submission of `quota` events of this batch because of its limit of events per second.
void Collector::write(Connection &connection, const Lane &lane, Batch &batch, std::size_t &quota) {
    const auto events_of = [](const Submission &s) { return s.rows.ids.size(); };
    const auto start = Clock::now();
    const Result result = copy(connection, lane, batch);
    const auto events =
        static_cast<double>(std::transform_reduce(batch.begin(), batch.end(), std::size_t{0}, std::plus<>(), events_of));
    if (result.ok()) {
        metrics_.events.Increment(events);
        metrics_.transactions.Increment();
        metrics_.transaction_events.Observe(events);
        metrics_.transaction_seconds.Observe(std::chrono::duration<double>(Clock::now() - start).count());
        answer(batch, {});
        return;
    }
    if (batch.size() > 1 && may_be_of_events(result)) {
        // The batch is halved until the submission with the wrong event is alone, so that no other fails with it.
        Batch second(std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2)),
                     std::make_move_iterator(batch.end()));
        batch.resize(batch.size() / 2);
        for (Batch *half : {&batch, &second}) {
            if (std::all_of(half->begin(), half->end(), [&](const Submission &s) { return events_of(s) >= quota; }))
                answer(*half, fault_of(result));
            else
                write(connection, lane, *half, quota);
        }
        return;
    }
    if (result.sqlstate == "TK001")
        quota = std::min(quota, events_of(batch.front()));
    if (result.state == Result::unknown)
        metrics_.unknown.Increment(events);
    else if (result.state == Result::failed)
        metrics_.refused.Increment(events);
    if (!may_be_of_events(result))
        log(spdlog::level::warn, "events were not written",
            {{"stream", options_.streams[lane.stream]},
             {"events", events},
             {"sqlstate", result.sqlstate},
             {"reason", result.message}});
    if (result.sqlstate.starts_with("42")) { // perhaps a column has gone
        const std::lock_guard lock(mutex_);
        looked_ = {};
    }
    answer(batch, fault_of(result));
}

void Collector::answer(Batch &batch, const std::optional<Fault> &fault) {
    if (batch.empty())
        return;
    double events = 0;
    for (auto &submission : batch) {
        budget_.give_back(submission.bytes());
        events += static_cast<double>(submission.rows.ids.size());
        submission.rows.text = {};
        submission.done(fault, std::move(submission.rows));
    }
    metrics_.queued_events.Decrement(events);
    const std::lock_guard lock(mutex_);
    unanswered_ -= batch.size();
    if (unanswered_ == 0)
        idle_.notify_all();
    batch.clear();
}

} // namespace gateway
