#include "questions.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "log.h"
#include "timestamp.h"

namespace gateway {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_waiting = 1000; // questions
constexpr auto longest_wait = 10s;        // of a question for its turn
constexpr int max_points = 1000;          // windows of a series or a history

// The items of a row source with the columns of topk.top, as JSON.
#define TOP_K_JSON                                                                                                          \
    "coalesce(jsonb_agg(jsonb_build_object('rank', t.rank, 'item_id', t.item, 'count', t.count, 'error', t.error, "         \
    "'guaranteed', t.guaranteed, 'share', t.share, 'item', t.metadata) ORDER BY t.rank), '[]')"

constexpr const char *window_sql =
    "SELECT topk_api.get_topk(rollup => $1, k => $2::integer, time_window => $3, window_start => $4::timestamptz, "
    "group_key => $5::text[])";

// The span is widened to whole tiles, and the answer has the true span. The extension has no totals of a span; the weight
// follows from the count and the share of the first item.
constexpr const char *span_sql = R"(
    SELECT jsonb_build_object('time_window', $3::text, 'window_start', s.since, 'window_end', s.until, 'top_k', a.top_k,
                              'total_weight', a.weight, 'total_events', CASE WHEN r.weight IS NULL THEN a.weight END,
                              'total_items', NULL, 'computed_at', statement_timestamp())
    FROM topk.rollups AS r,
         LATERAL (SELECT date_bin(r.grain, now() - $4::interval, timestamptz '2000-01-01 00:00+00') AS since,
                         date_bin(r.grain, now(), timestamptz '2000-01-01 00:00+00') + r.grain AS until) AS s,
         LATERAL (SELECT )" TOP_K_JSON R"( AS top_k,
                         coalesce(max(round(t.count / nullif(t.share, 0))) FILTER (WHERE t.rank = 1), 0)::bigint AS weight
                  FROM topk.range($1, s.since, s.until, $2::integer, $5::text[]) AS t) AS a
    WHERE format('%I.%I', r.schema, r.name) = topk.qualified_name($1))";

constexpr const char *frequency_sql =
    "SELECT topk_api.get_frequency(rollup => $1, item_id => $2, time_window => $3, window_start => $4::timestamptz, "
    "group_key => $5::text[])";

constexpr const char *series_sql = R"(
    WITH RECURSIVE windows AS (
        SELECT w.window_start, w.window_end FROM topk.window_info($1, $3, $4::timestamptz, $6::text[]) AS w
        UNION ALL
        SELECT w.window_start, w.window_end
        FROM windows AS before, topk.window_info($1, $3, before.window_end, $6::text[]) AS w
        WHERE before.window_end < $5::timestamptz
    )
    SELECT jsonb_build_object('item_id', $2::text, 'time_window', $3::text, 'computed_at', statement_timestamp(), 'series',
               jsonb_agg(jsonb_build_object('window_start', w.window_start, 'window_end', w.window_end, 'count', f.count,
                                            'lower', f.lower, 'upper', f.upper, 'rank', f.rank) ORDER BY w.window_start))
    FROM windows AS w, topk.frequency($1, $2, $3, w.window_start, $6::text[]) AS f)";

constexpr const char *trending_sql =
    "SELECT topk_api.get_trending(rollup => $1, k => $2::integer, time_window => $3, window_start => $4::timestamptz, "
    "min_count => $5::bigint, group_key => $6::text[])";

constexpr const char *history_sql = R"(
    SELECT jsonb_build_object('time_window', $3::text, 'computed_at', statement_timestamp(), 'windows',
               coalesce(jsonb_agg(jsonb_build_object('window_start', w.window_start, 'window_end', w.window_end, 'top_k', w.top_k)
                                  ORDER BY w.window_start DESC), '[]'))
    FROM (SELECT t.window_start, t.window_end, )" TOP_K_JSON R"( AS top_k
          FROM topk.history($1, $3, $4::timestamptz, $5::timestamptz, $2::integer, $6::text[]) AS t
          GROUP BY t.window_start, t.window_end) AS w)";

constexpr const char *rollups_sql = R"(
    SELECT jsonb_build_object('computed_at', statement_timestamp(), 'rollups',
               coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'windows', r.windows, 'group_by', r.group_by, 'k', r.k,
                                                     'grain_seconds', extract(epoch FROM r.grain)::integer, 'timezone', r.timezone,
                                                     'groups', g.groups, 'total_events', s.events, 'total_weight', s.weight,
                                                     'events_per_second', s.events_per_second) ORDER BY n.place), '[]'))
    FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place)
    JOIN topk.rollups AS r ON format('%I.%I', r.schema, r.name) = topk.qualified_name(n.name)
    LEFT JOIN topk.stats AS s ON s.schema = r.schema AND s.rollup = r.name -- not for who may ask for some groups alone
    CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(g.group_key ORDER BY g.group_key), '[]') AS groups
                        FROM (SELECT group_key FROM topk.groups AS g WHERE g.schema = r.schema AND g.rollup = r.name ORDER BY group_key LIMIT 1000) AS g) AS g)";

const std::pair<std::string_view, std::int64_t> window_seconds[] = {
    {"hour", 3600}, {"day", 86400}, {"week", 7 * 86400}, {"month", 31 * 86400},
    {"quarter", 92 * 86400}, {"year", 366 * 86400}};

std::optional<std::string> find(const Arguments &arguments, std::string_view name) {
    for (const auto &[key, value] : arguments)
        if (key == name)
            return value;
    return {};
}

// Writes an array of text as PostgreSQL reads it.
std::string array_literal(const std::vector<std::optional<std::string>> &elements) {
    std::string out = "{";
    for (const auto &element : elements) {
        if (out.size() > 1)
            out += ',';
        if (!element) {
            out += "NULL";
            continue;
        }
        out += '"';
        for (const char c : *element) {
            if (c == '"' || c == '\\')
                out += '\\';
            out += c;
        }
        out += '"';
    }
    return out += '}';
}

// Reads arguments one by one, and keeps the first fault.
class Reader {
public:
    Reader(const Arguments &arguments, std::initializer_list<std::string_view> known) : arguments_(arguments) {
        for (const auto &[name, value] : arguments)
            if (name != "rollup" && std::find(known.begin(), known.end(), name) == known.end())
                fail(name, "unknown parameter");
    }

    std::string k(int otherwise, int most) { return number("k", otherwise, 1, most); }

    std::string number(const char *name, int otherwise, int least, int most) {
        const auto text = find(arguments_, name);
        int value = otherwise;
        if (text) {
            const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
            if (error != std::errc() || end != text->data() + text->size() || value < least || value > most)
                fail(name, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
        }
        return std::to_string(value);
    }

    std::optional<Micros> time(const char *name) {
        auto text = find(arguments_, name);
        if (!text)
            return {};
        if (text->size() == 10)
            *text += "T00:00:00Z"; // a date
        const auto time = parse_timestamp(*text);
        if (!time)
            fail(name, "must be a date, or a time in ISO 8601 with an offset from UTC, like 2026-03-01T10:00:00Z");
        return time;
    }

    std::string window() {
        const std::string window = find(arguments_, "time_window").value_or("hour");
        if (std::none_of(std::begin(window_seconds), std::end(window_seconds),
                         [&](const auto &w) { return w.first == window; }))
            fail("time_window", "must be hour, day, week, month, quarter or year");
        return window;
    }

    // Returns the interval of last_60m, last_24h or last_7d.
    std::optional<std::string> span() {
        const std::string window = find(arguments_, "time_window").value_or("hour");
        if (!window.starts_with("last_"))
            return {};
        unsigned number = 0;
        const char *end = window.data() + window.size();
        const auto [unit, error] = std::from_chars(window.data() + 5, end, number);
        const std::string_view letter(unit, static_cast<std::size_t>(end - unit));
        const char *name = letter == "m" ? " minutes" : letter == "h" ? " hours" : letter == "d" ? " days" : nullptr;
        if (error != std::errc() || name == nullptr || number == 0 || number > 10'000) {
            fail("time_window", "must be hour, day, week, month, quarter, year, or a span like last_60m, last_24h, last_7d");
            return {};
        }
        return std::to_string(number) + name;
    }

    // Reads one value, or a JSON array with a value for each group expression of the rollup; [] is the overflow group.
    std::optional<std::string> group() {
        const auto text = find(arguments_, "group");
        if (!text)
            return {};
        std::vector<std::optional<std::string>> elements;
        if (!text->starts_with('['))
            return array_literal({*text});
        const auto json = nlohmann::json::parse(*text, nullptr, false);
        if (!json.is_array() || json.size() > 32) {
            fail("group", "must be a value, or a JSON array of strings and nulls");
            return {};
        }
        for (const auto &element : json) {
            if (element.is_null())
                elements.emplace_back();
            else if (element.is_string() && element.get_ref<const std::string &>().find('\0') == std::string::npos)
                elements.emplace_back(element.get<std::string>());
            else
                fail("group", "must be a value, or a JSON array of strings and nulls");
        }
        return array_literal(elements);
    }

    void fail(std::string_view field, std::string message) {
        if (!fault_)
            fault_ = invalid(std::string(field.substr(0, 50)), std::move(message));
    }

    std::variant<Question, Fault> question(const char *sql, std::vector<std::optional<std::string>> parameters) {
        if (fault_)
            return *fault_;
        return Question{sql, std::move(parameters)};
    }

private:
    const Arguments &arguments_;
    std::optional<Fault> fault_;
};

std::optional<std::string> text_of(const std::optional<Micros> &time) {
    if (!time)
        return {};
    std::string text;
    append_timestamp(text, *time);
    return text;
}

struct Span {
    Micros since, until;
};

// Reads since and until. The span has at most max_points windows; by default it has `otherwise` windows and ends now.
Span read_span(Reader &reader, const std::string &window, int otherwise) {
    std::int64_t length = 3600;
    for (const auto &[name, seconds] : window_seconds)
        if (name == window)
            length = seconds;
    length *= 1'000'000;
    const Micros until = reader.time("until").value_or(now());
    const Micros since = reader.time("since").value_or(until - otherwise * length);
    if (since >= until)
        reader.fail("since", "must be before until");
    else if ((until - since) / length > max_points)
        reader.fail("since", "must be at most " + std::to_string(max_points) + " windows before until");
    return {since, until};
}

} // namespace

std::variant<Question, Fault> topk_question(const std::string &rollup, const Arguments &arguments) {
    Reader reader(arguments, {"k", "time_window", "window_start", "group"});
    const auto k = reader.k(10, 1000);
    const auto group = reader.group();
    const auto start = reader.time("window_start");
    if (find(arguments, "time_window").value_or("").starts_with("last_")) {
        const auto span = reader.span();
        if (start)
            reader.fail("window_start", "is not for a span that ends now");
        return reader.question(span_sql, {rollup, k, find(arguments, "time_window"), span, group});
    }
    const auto window = reader.window();
    return reader.question(window_sql, {rollup, k, window, text_of(start), group});
}

std::variant<Question, Fault> frequency_question(const std::string &rollup, const std::string &item,
                                                 const Arguments &arguments) {
    Reader reader(arguments, {"time_window", "window_start", "group"});
    const auto window = reader.window();
    const auto start = reader.time("window_start");
    const auto group = reader.group();
    return reader.question(frequency_sql, {rollup, item, window, text_of(start), group});
}

std::variant<Question, Fault> series_question(const std::string &rollup, const std::string &item,
                                              const Arguments &arguments) {
    Reader reader(arguments, {"time_window", "since", "until", "group"});
    const auto window = reader.window();
    const auto span = read_span(reader, window, 47);
    const auto group = reader.group();
    return reader.question(series_sql, {rollup, item, window, text_of(span.since), text_of(span.until), group});
}

std::variant<Question, Fault> trending_question(const std::string &rollup, const Arguments &arguments) {
    Reader reader(arguments, {"k", "time_window", "window_start", "min_count", "group"});
    const auto k = reader.k(10, 1000);
    const auto window = reader.window();
    const auto start = reader.time("window_start");
    const auto least = reader.number("min_count", 1, 1, 2'000'000'000);
    const auto group = reader.group();
    return reader.question(trending_sql, {rollup, k, window, text_of(start), least, group});
}

std::variant<Question, Fault> history_question(const std::string &rollup, const Arguments &arguments) {
    Reader reader(arguments, {"k", "time_window", "since", "until", "group"});
    const auto k = reader.k(10, 100);
    const auto window = reader.window();
    const auto span = read_span(reader, window, 31);
    const auto group = reader.group();
    return reader.question(history_sql, {rollup, k, window, text_of(span.since), text_of(span.until), group});
}

Question rollups_question(const std::vector<std::string> &rollups) {
    return {rollups_sql, {array_literal({rollups.begin(), rollups.end()})}};
}

Question ready_question() { return {"SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_topk'", {}}; }

Question metrics_question() { return {"SELECT topk.metrics('prometheus')", {}}; }

Fault question_fault(const Result &result) {
    const std::string &state = result.sqlstate;
    if (result.state != Result::failed || state.starts_with("57P0"))
        return unavailable("database_unavailable", "the database cannot be reached", 2);
    if (state == "22023") {
        // Messages of topk_api begin with the name of the argument.
        std::string message = result.message, field;
        for (const char *argument : {"rollup", "time_window", "window_start", "k", "group_key", "min_count", "item_id"})
            if (message.starts_with(std::string(argument) + ": "))
                field = argument;
        if (!field.empty())
            message.erase(0, field.size() + 2);
        if (field == "group_key")
            field = "group";
        return field == "rollup" && message.starts_with("there is no") ? Fault{404, "not_found", field, message}
                                                                       : invalid(field, message);
    }
    if (state.starts_with("22"))
        return invalid("", result.message);
    if (state == "42501")
        return {403, "forbidden", {}, "the role in the database may not ask this"};
    if (state == "42704" || state == "3F000") // the rollup or its schema
        return {404, "not_found", "rollup", "there is no such rollup"};
    if (state == "57014")
        return unavailable("database_timeout", "the database took too long", 5);
    return unavailable("database_error", "the database could not answer now");
}

namespace {

Fault too_many_questions() { return unavailable("too_many_questions", "too many questions wait for their turn"); }

} // namespace

Askers::Askers(const Options &options) : options_(options) {
    for (unsigned i = 0; i < options.askers; ++i)
        askers_.emplace_back([this] { ask_forever(); });
}

void Askers::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    work_.notify_all();
    for (auto &asker : askers_)
        asker.join();
    askers_.clear();
    for (const auto &waiting : std::exchange(waiting_, {}))
        for (const auto &done : waiting.done)
            done(unavailable("shutting_down", "the gateway ends"));
}

void Askers::ask(const std::string &role, Question question, Done done) {
    {
        const std::lock_guard lock(mutex_);
        const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting &waiting) {
            return waiting.role == role && waiting.question == question;
        });
        if (same != waiting_.end()) {
            same->done.push_back(std::move(done));
            return;
        }
        if (waiting_.size() < max_waiting && !stopping_) {
            waiting_.push_back({role, std::move(question), {std::move(done)}, Clock::now()});
            work_.notify_one();
            return;
        }
    }
    done(too_many_questions());
}

void Askers::ask_forever() {
    Connection connection(options_.database, options_.database_seconds);
    for (;;) {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_)
            return;
        const Waiting waiting = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        const std::variant<std::string, Fault> found =
            Clock::now() - waiting.since > longest_wait ? too_many_questions() : answer(connection, waiting);
        for (const auto &done : waiting.done)
            done(found);
    }
}

std::variant<std::string, Fault> Askers::answer(Connection &connection, const Waiting &waiting) {
    std::vector<const char *> parameters;
    for (const auto &parameter : waiting.question.parameters)
        parameters.push_back(parameter ? parameter->c_str() : nullptr);
    Result result;
    // A question may be repeated: after a lost connection, and if its snapshot was too old.
    for (int attempt = 0; attempt < 3; ++attempt) {
        if (const std::string trouble = connection.connect(); !trouble.empty()) {
            const std::lock_guard lock(mutex_);
            if (std::exchange(trouble_, trouble) != trouble)
                log(spdlog::level::warn, "cannot reach the database", {{"reason", trouble}});
            return question_fault(Result{});
        }
        result = connection.ask(waiting.role, waiting.question.sql, parameters);
        if (result.ok()) {
            const std::lock_guard lock(mutex_);
            trouble_.clear();
            return std::move(result.value).value_or("");
        }
        if (result.state == Result::failed && result.sqlstate != "40001" && !result.sqlstate.starts_with("57P0"))
            break;
    }
    Fault fault = question_fault(result);
    if (fault.status >= 500)
        log(spdlog::level::warn, "the database did not answer", {{"sqlstate", result.sqlstate}, {"reason", result.message}});
    return fault;
}

} // namespace gateway
