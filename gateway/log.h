// Log lines: one JSON object each, on standard error.
#pragma once

#include <string>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace gateway {

void start_log(const std::string &level);

// {"time": ..., "level": ..., "message": ..., fields}. Bytes of clients and of the database may be in the fields: what is no
// UTF-8 is replaced.
inline void log(spdlog::level::level_enum level, const char *message,
                nlohmann::ordered_json fields = nlohmann::ordered_json::object()) {
    if (!spdlog::should_log(level))
        return;
    nlohmann::ordered_json line{{"message", message}};
    line.update(fields);
    std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    spdlog::log(level, "{}", text.substr(1)); // the pattern has the brace
}

} // namespace gateway
