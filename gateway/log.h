// Writes log lines to standard error. Each line is a JSON object.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>

#include <spdlog/common.h>

namespace gateway {

void start_log(const std::string &level);

using LogField = std::pair<const char *, std::variant<std::string, std::int64_t, double>>;

// Writes {"time": ..., "level": ..., "message": ..., fields}. Fields may hold bytes of clients and of the database; bytes
// that are not UTF-8 are replaced.
void log(spdlog::level::level_enum level, const char *message, std::initializer_list<LogField> fields = {});

bool logs(spdlog::level::level_enum level);

} // namespace gateway
