#include "log.h"

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace gateway {

void start_log(const std::string &level) {
    auto logger = spdlog::stderr_logger_mt("gateway");
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc);
    logger->set_level(spdlog::level::from_str(level));
    spdlog::set_default_logger(std::move(logger));
}

bool logs(spdlog::level::level_enum level) { return spdlog::should_log(level); }

void log(spdlog::level::level_enum level, const char *message, std::initializer_list<LogField> fields) {
    if (!logs(level))
        return;
    nlohmann::ordered_json line{{"message", message}};
    for (const auto &[name, value] : fields)
        std::visit([&line, key = name](const auto &v) { line[key] = v; }, value);
    const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    spdlog::log(level, "{}", text.substr(1)); // the pattern writes the first brace
}

} // namespace gateway
