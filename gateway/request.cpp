#include "request.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>
#include <simdjson.h>

namespace gateway {

Response respond(const Fault &fault) {
    nlohmann::ordered_json error{{"code", fault.code}};
    if (!fault.field.empty())
        error["field"] = fault.field;
    error["message"] = fault.message;
    Response response;
    response.status = fault.status;
    response.body =
        nlohmann::ordered_json{{"error", error}}.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    response.retry_after = fault.retry_after;
    return response;
}

std::optional<std::string> percent_decode(std::string_view text, bool query) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    };
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0)
                return {};
            out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            out += query && text[i] == '+' ? ' ' : text[i];
        }
    }
    if (out.find('\0') != std::string::npos || !simdjson::validate_utf8(out))
        return {};
    return out;
}

std::optional<Fault> read_query(std::string_view query, Arguments &arguments) {
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.empty())
            continue;
        const auto equals = part.find('=');
        const auto name = percent_decode(part.substr(0, equals), true);
        const auto value = percent_decode(equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
        if (!name)
            return invalid("query", "must be UTF-8 without NUL, percent-encoded");
        if (!value)
            return invalid(name->substr(0, 50), "must be UTF-8 without NUL, percent-encoded");
        for (const auto &argument : arguments)
            if (argument.first == *name)
                return invalid(name->substr(0, 50), "is there twice");
        arguments.emplace_back(*name, *value);
    }
    return {};
}

} // namespace gateway
