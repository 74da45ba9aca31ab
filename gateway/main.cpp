#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>
#include <utility>

#include <boost/asio/signal_set.hpp>

#include "collector.h"
#include "endpoints.h"
#include "log.h"
#include "options.h"
#include "questions.h"
#include "server.h"
#include "version.h"

namespace gateway {
namespace {

std::optional<Keys> read_keys(const std::string &file) {
    if (file.empty())
        return {};
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    if (!in)
        throw std::runtime_error("--keys: cannot read " + file);
    try {
        return Keys::parse(text.str());
    } catch (const std::exception &error) {
        throw std::runtime_error("--keys: " + file + ": " + error.what());
    }
}

// Each connection takes a file descriptor.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int run(const Options &options) {
    // This precedes all threads, so that they inherit it.
    std::signal(SIGPIPE, SIG_IGN);
    boost::asio::io_context context;
    boost::asio::signal_set signals(context, SIGTERM, SIGINT);
    raise_file_limit();

    const std::optional<Keys> keys = read_keys(options.keys);
    Budget budget(options.queue_bytes);
    Metrics metrics;
    Server server(options, budget, metrics);
    Collector collector(options, metrics, budget);
    Askers askers(options);
    Endpoints endpoints(options, keys ? &*keys : nullptr, metrics, budget, collector, askers);
    const auto port = server.start(endpoints);
    log(spdlog::level::info, "listening",
        {{"address", options.host},
         {"port", std::int64_t{port}},
         {"version", TOPK_GATEWAY_VERSION},
         {"keys", static_cast<std::int64_t>(keys ? keys->size() : 0)}});
    if (!keys)
        log(spdlog::level::warn,
            "there are no keys: everybody on this machine may do everything, so no other address is listened at");

    int status = 0;
    signals.async_wait([&](const boost::system::error_code &, int signal) {
        log(spdlog::level::info, "draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
        signals.async_wait([](const boost::system::error_code &error, int) {
            if (!error)
                std::_Exit(1); // a second signal ends it at once
        });
        std::thread([&] {
            const std::chrono::seconds longest(options.drain_seconds);
            const auto start = Clock::now();
            bool drained = server.drain(longest);
            drained = collector.drain(std::chrono::ceil<std::chrono::seconds>(
                          longest - std::min<Clock::duration>(longest, Clock::now() - start))) &&
                      drained;
            if (!drained)
                log(spdlog::level::warn, "not all requests were answered in time");
            status = drained ? 0 : 1;
            context.stop();
        }).detach();
    });
    context.run();

    // In this order no part calls another that has ended.
    server.stop();
    askers.stop();
    collector.stop();
    log(spdlog::level::info, "ended");
    return status;
}

} // namespace
} // namespace gateway

int main(int argc, char **argv) {
    int status = 0;
    const auto options = gateway::read_options(argc, argv, status);
    if (!options)
        return status;
    gateway::start_log(options->log_level);
    try {
        return gateway::run(*options);
    } catch (const std::exception &error) {
        gateway::log(spdlog::level::critical, "cannot start", {{"reason", error.what()}});
        return 1;
    }
}
