#include "endpoints.h"

#include "log.h"
#include "page.h"

namespace gateway {

using namespace std::chrono_literals;

enum class Kind { events, question, health, readiness, metrics, asset };

struct Endpoint {
    const char *name; // in metrics
    const char *method;
    const char *path; // {item_id} stands for one segment
    Kind kind;
    std::optional<Right> right;
    std::variant<Question, Fault> (*rollup_question)(const std::string &, const Arguments &) = nullptr;
    std::variant<Question, Fault> (*item_question)(const std::string &, const std::string &, const Arguments &) = nullptr;
};

namespace {

constexpr std::string_view items = "/api/v1/items/";

const Endpoint table[] = {
    {"events", "POST", "/api/v1/events", Kind::events, Right::send},
    {"topk", "GET", "/api/v1/topk", Kind::question, Right::ask, topk_question},
    {"frequency", "GET", "/api/v1/items/{item_id}/frequency", Kind::question, Right::ask, nullptr, frequency_question},
    {"series", "GET", "/api/v1/items/{item_id}/series", Kind::question, Right::ask, nullptr, series_question},
    {"trending", "GET", "/api/v1/trending", Kind::question, Right::ask, trending_question},
    {"history", "GET", "/api/v1/history", Kind::question, Right::ask, history_question},
    {"rollups", "GET", "/api/v1/rollups", Kind::question, Right::ask},
    {"healthz", "GET", "/healthz", Kind::health, {}},
    {"readyz", "GET", "/readyz", Kind::readiness, {}},
    {"metrics", "GET", "/metrics", Kind::metrics, Right::metrics},
};
const Endpoint asset_endpoint{"page", "GET", "", Kind::asset, {}};

bool matches(const Endpoint &endpoint, std::string_view path, std::string_view &item) {
    const std::string_view pattern = endpoint.path;
    if (!pattern.starts_with(items))
        return path == pattern;
    const std::string_view after = pattern.substr(pattern.find('}') + 1);
    if (!path.starts_with(items) || !path.ends_with(after) || path.size() < items.size() + after.size())
        return false;
    item = path.substr(items.size(), path.size() - items.size() - after.size());
    return item.find('/') == std::string_view::npos;
}

// Written without the JSON library: ids need no escapes, and a document of 10,000 strings takes longer than reading the
// events.
std::string accepted(const Rows &rows) {
    std::string json = R"({"status":"accepted",)";
    json += rows.array ? R"("event_ids":[)" : R"("event_id":)";
    for (const EventId &id : rows.ids) {
        json += json.back() == '"' ? ",\"" : "\"";
        append(json, id);
        json += '"';
    }
    return json += rows.array ? "]}" : "}";
}

// Returns whether the type is application/json, with or without parameters.
bool is_json(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t'))
        type.remove_suffix(1);
    constexpr std::string_view json = "application/json";
    return type.size() == json.size() && std::equal(type.begin(), type.end(), json.begin(),
                                                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 32 : a) == b; });
}

} // namespace

std::optional<Fault> Endpoints::find(Request &request, std::string &allow) const {
    const std::string_view target = request.target;
    const auto question = target.find('?');
    const std::string_view path = target.substr(0, question);
    const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
    std::string_view item;
    const Endpoint *found = nullptr;
    for (const Endpoint &endpoint : table)
        if (matches(endpoint, path, item))
            found = &endpoint;
    if (found == nullptr && find_asset(path) != nullptr)
        found = &asset_endpoint;
    if (found == nullptr)
        return Fault{404, "not_found", {}, "there is nothing at this path"};
    request.endpoint = found;
    if (method != found->method) {
        allow = std::string_view(found->method) == "GET" ? "GET, HEAD" : found->method;
        return Fault{405, "method_not_allowed", {}, "the method must be " + std::string(found->method)};
    }
    if (found->item_question != nullptr) {
        auto decoded = percent_decode(item, false);
        if (!decoded)
            return invalid("item_id", "must be UTF-8 without NUL, percent-encoded");
        if (decoded->size() > max_item_bytes)
            return invalid("item_id", "must not have more than 8191 bytes");
        request.item = std::move(*decoded);
    }
    if (found->kind != Kind::asset && question != std::string_view::npos)
        return read_query(target.substr(question + 1), request.arguments);
    return {};
}

std::optional<Fault> Endpoints::authorize(Request &request) {
    const auto now = Clock::now();
    if (!request.endpoint->right)
        return {};
    if (auto fault = addresses_.take(request.address, 1, now))
        return fault;
    if (keys_ == nullptr)
        return {};
    constexpr std::string_view scheme = "Bearer ";
    if (!request.authorization.starts_with(scheme))
        return Fault{401, "unauthorized", {}, "a key is needed: Authorization: Bearer KEY"};
    const Key *key = keys_->find(std::string_view(request.authorization).substr(scheme.size()));
    if (key == nullptr)
        return Fault{401, "unauthorized", {}, "the key is not known"};
    request.key = key;
    if (!key->may(*request.endpoint->right))
        return Fault{403, "forbidden", {}, "the key may not do this"};
    return key->take(1, now);
}

std::optional<Response> Endpoints::admit(Request &request, std::optional<std::uint64_t> length) {
    std::string allow;
    auto fault = find(request, allow);
    if (!fault)
        fault = authorize(request);
    if (!fault && request.endpoint->kind == Kind::events) {
        if (!is_json(request.content_type))
            fault = Fault{415, "unsupported_media_type", {}, "the content type must be application/json"};
        else if (!request.content_encoding.empty() && request.content_encoding != "identity")
            fault = Fault{415, "unsupported_media_type", {}, "the body must not be compressed"};
        else if (length.value_or(0) > options_.body_bytes)
            fault = Fault{413, "body_too_large", "body",
                          "must not have more than " + std::to_string(options_.body_bytes) + " bytes"};
    } else if (!fault && length.value_or(0) > 0) {
        fault = invalid("body", "this method has none");
    }
    if (!fault)
        return {};
    Response response = respond(*fault);
    response.allow = allow;
    return response;
}

void Endpoints::handle(Request request, Reply reply) {
    switch (request.endpoint->kind) {
        case Kind::events: return send_events(request, reply);
        case Kind::question: return ask(request, reply);
        case Kind::health: return reply({200, "application/json", R"({"status":"ok"})"});
        case Kind::readiness: return check_ready(reply);
        case Kind::metrics: return write_metrics(request, reply);
        case Kind::asset: {
            const std::string_view target = request.target;
            const Asset *asset = find_asset(target.substr(0, target.find('?')));
            Response response{200, std::string(asset->content_type), std::string(asset->content)};
            response.asset = true;
            return reply(std::move(response));
        }
    }
}

void Endpoints::send_events(Request &request, const Reply &reply) {
    std::string name;
    for (const auto &[argument, value] : request.arguments) {
        if (argument != "stream")
            return reply(respond(invalid(argument.substr(0, 50), "unknown parameter")));
        name = value;
    }
    const auto stream = collector_.find_stream(name);
    if (!stream)
        return reply(respond(
            Fault{404, "not_found", "stream", name.empty() ? "the gateway has no stream" : "there is no such stream"}));
    Fault fault;
    Submission submission;
    submission.columns = collector_.columns(*stream, fault);
    if (!submission.columns)
        return reply(respond(fault));
    thread_local EventReader reader;
    if (auto wrong = reader.read(request.body, *submission.columns, now(), submission.rows))
        return reply(respond(*wrong));
    // authorize() has taken the token of the first event.
    if (const auto more = static_cast<double>(submission.rows.ids.size() - 1); more > 0) {
        const auto when = Clock::now();
        auto over = addresses_.take(request.address, more, when);
        if (!over && request.key != nullptr)
            over = request.key->take(more, when);
        if (over)
            return reply(respond(*over));
    }
    submission.done = [reply](const std::optional<Fault> &refused, Rows &&rows) {
        if (refused)
            return reply(respond(*refused));
        reply({202, "application/json", accepted(rows)});
    };
    if (auto refused = collector_.submit(*stream, request.role(), submission))
        reply(respond(*refused));
}

std::optional<Fault> Endpoints::find_rollup(const Request &request, std::string &rollup) const {
    if (options_.rollups.empty())
        return Fault{404, "not_found", "rollup", "the gateway has no rollup"};
    rollup = options_.rollups.front();
    for (const auto &[name, value] : request.arguments)
        if (name == "rollup")
            rollup = value;
    for (const auto &known : options_.rollups)
        if (known == rollup)
            return {};
    return Fault{404, "not_found", "rollup", "there is no such rollup"};
}

void Endpoints::ask(const Request &request, const Reply &reply) {
    std::variant<Question, Fault> question = rollups_question(options_.rollups);
    if (request.endpoint->rollup_question != nullptr || request.endpoint->item_question != nullptr) {
        std::string rollup;
        if (auto fault = find_rollup(request, rollup))
            return reply(respond(*fault));
        question = request.endpoint->item_question != nullptr
                       ? request.endpoint->item_question(rollup, request.item, request.arguments)
                       : request.endpoint->rollup_question(rollup, request.arguments);
    } else if (!request.arguments.empty()) {
        question = invalid(request.arguments.front().first.substr(0, 50), "unknown parameter");
    }
    if (auto *fault = std::get_if<Fault>(&question))
        return reply(respond(*fault));
    askers_.ask(request.role(), std::get<Question>(std::move(question)), [reply](std::variant<std::string, Fault> answer) {
        if (const auto *fault = std::get_if<Fault>(&answer))
            return reply(respond(*fault));
        auto &json = std::get<std::string>(answer);
        if (json.empty())
            return reply(respond(Fault{404, "not_found", "rollup", "there is no such rollup, or the role may not ask it"}));
        reply({200, "application/json", std::move(json)});
    });
}

// /readyz needs no key, so it asks the database at most once a second, however many clients ask.
void Endpoints::check_ready(const Reply &reply) {
    if (const auto fault = collector_.readiness())
        return reply(respond(*fault));
    {
        const std::lock_guard lock(ready_mutex_);
        if (ready_waiting_.empty() && Clock::now() < ready_at_ + 1s)
            return reply(ready_);
        ready_waiting_.push_back(reply);
        if (ready_waiting_.size() > 1)
            return;
    }
    askers_.ask({}, ready_question(), [this](std::variant<std::string, Fault> answer) {
        Response response{200, "application/json", R"({"status":"ready"})"};
        if (const auto *fault = std::get_if<Fault>(&answer))
            response = respond(*fault);
        else if (std::get<std::string>(answer).empty())
            response = respond(unavailable("extension_missing", "the database does not have the extension pg_topk", 5));
        std::vector<Reply> waiting;
        {
            const std::lock_guard lock(ready_mutex_);
            ready_ = response;
            ready_at_ = Clock::now();
            waiting.swap(ready_waiting_);
        }
        for (const auto &one : waiting)
            one(response);
    });
}

void Endpoints::write_metrics(const Request &request, const Reply &reply) {
    const char *type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_.queued_bytes.Set(static_cast<double>(budget_.used()));
    if (!options_.database_metrics)
        return reply({200, type, metrics_.text()});
    askers_.ask(request.role(), metrics_question(), [this, reply, type](std::variant<std::string, Fault> answer) {
        // The gateway's own metrics are needed most when the database is away.
        const auto *text = std::get_if<std::string>(&answer);
        reply({200, type, metrics_.text() + (text != nullptr ? *text : "")});
    });
}

void Endpoints::count(const Request &request, const Response &response) {
    const char *name = request.endpoint != nullptr ? request.endpoint->name : "none";
    const double seconds = std::chrono::duration<double>(Clock::now() - request.start).count();
    metrics_.count_request(name, response.status);
    metrics_.observe_request(name, seconds);
    if (logs(spdlog::level::debug))
        log(spdlog::level::debug, "request",
            {{"method", request.method},
             {"endpoint", name},
             {"status", std::int64_t{response.status}},
             {"seconds", seconds},
             {"address", request.address},
             {"key", request.key != nullptr ? request.key->name : ""}});
}

} // namespace gateway
