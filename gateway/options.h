// Options come from flags, from TOPK_GATEWAY_... in the environment, and from the file of --config. Earlier sources win.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gateway {

struct Options {
    std::string host = "127.0.0.1"; // an address
    std::uint16_t port = 8080;      // 0: the system chooses one, and the log names it
    std::string database;           // libpq's connection string
    std::vector<std::string> streams, rollups;
    std::string keys; // file
    std::vector<std::string> trusted_proxies;
    double address_rate = 0, address_burst = 0;

    unsigned threads = 0; // to serve clients; 0: one for each processor
    unsigned writers = 2; // database connections that insert events
    unsigned askers = 4;  // database connections that ask questions
    unsigned gather_ms = 5;
    unsigned gather_events = 10'000;
    std::size_t queue_bytes = 64 << 20;
    std::size_t body_bytes = 8 << 20;
    unsigned connections = 4096, connections_per_address = 256;
    unsigned request_seconds = 30, idle_seconds = 60, database_seconds = 30, drain_seconds = 30;
    bool database_metrics = false;
    std::string log_level = "info";
};

// Returns nothing if the program must end with this status: after --help, --version, or an error that was printed.
std::optional<Options> read_options(int argc, char **argv, int &status);

bool is_loopback(const std::string &address);

} // namespace gateway
