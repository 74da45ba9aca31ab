// Options: flags, TOPK_GATEWAY_... in the environment, a file given by --config; in this order.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gateway {

struct Options {
    std::string host = "127.0.0.1"; // an address
    std::uint16_t port = 8080;      // 0: the system chooses one, which the log says
    std::string database;           // libpq's connection string
    std::vector<std::string> streams, rollups;
    std::string keys; // file
    std::vector<std::string> trusted_proxies;
    double address_rate = 0, address_burst = 0;

    unsigned threads = 0; // that serve connections; 0: one for each processor
    unsigned writers = 2; // connections that insert events
    unsigned askers = 4;  // connections that ask questions
    unsigned gather_ms = 5;
    unsigned gather_events = 10'000;
    std::size_t queue_bytes = 64 << 20;
    std::size_t body_bytes = 8 << 20;
    unsigned connections = 4096, connections_per_address = 256;
    unsigned request_seconds = 30, idle_seconds = 60, database_seconds = 30, drain_seconds = 30;
    bool database_metrics = false;
    std::string log_level = "info";
};

// Nothing where the program has said all (--help, --version, an error) and ends with this status.
std::optional<Options> read_options(int argc, char **argv, int &status);

bool is_loopback(const std::string &address);

} // namespace gateway
