#include "options.h"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>

#include "version.h"

namespace gateway {
namespace {

namespace net = boost::asio;

// 127.0.0.1:8080 or [::1]:8080
std::string check_listen(const std::string &text, Options &options) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos)
        return "must be ADDRESS:PORT";
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    net::ip::make_address(host, error);
    const std::string port = text.substr(colon + 1);
    if (error || port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
        std::stoul(port) > 65535)
        return "must be ADDRESS:PORT";
    options.host = host;
    options.port = static_cast<std::uint16_t>(std::stoul(port));
    return {};
}

std::string check_address(const std::string &text) {
    boost::system::error_code error;
    net::ip::make_address(text, error);
    return error ? "must be an address" : "";
}

} // namespace

bool is_loopback(const std::string &address) {
    boost::system::error_code error;
    return net::ip::make_address(address, error).is_loopback() && !error;
}

std::optional<Options> read_options(int argc, char **argv, int &status) {
    Options options;
    std::string listen;
    CLI::App app("Takes events over HTTP into a PostgreSQL database with the extension pg_topk, and answers for the top K.",
                 "topk-gateway");
    app.set_version_flag("--version", TOPK_GATEWAY_VERSION);
    app.set_config("--config", "", "A file with options, one a line: name=value")->envname("TOPK_GATEWAY_CONFIG");
    app.allow_config_extras(CLI::config_extras_mode::error);

    const auto option = [&](const char *name, auto &value, const char *says) {
        std::string variable = std::string("TOPK_GATEWAY_") + (name + 2);
        for (char &c : variable)
            c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return app.add_option(name, value, says)->envname(variable)->capture_default_str();
    };
    listen = "127.0.0.1:8080";
    option("--listen", listen, "Address and port to listen at")->check([&](const std::string &text) {
        return check_listen(text, options);
    });
    option("--database", options.database, "Connection string of libpq; what it leaves out, PGHOST and its like say");
    option("--stream", options.streams, "Stream or table that takes events; repeatable, the first is the default")
        ->delimiter(',')
        ->capture_default_str();
    option("--rollup", options.rollups,
           "Rollup that may be asked, with its schema unless search_path has it; repeatable, the first is the default")
        ->delimiter(',');
    option("--keys", options.keys, "File with the hashes of API keys; without it, only a loopback address is listened at");
    option("--trusted-proxy", options.trusted_proxies,
           "Address of a reverse proxy whose X-Forwarded-For is believed; repeatable")
        ->delimiter(',')
        ->check(check_address);
    option("--address-rate", options.address_rate, "Requests and events per second from an address; 0: no limit")
        ->check(CLI::NonNegativeNumber);
    option("--address-burst", options.address_burst,
           "Requests and events at once from an address; 0: as many as in a second")
        ->check(CLI::NonNegativeNumber);
    option("--threads", options.threads, "Threads that serve connections; 0: one for each processor")
        ->check(CLI::Range(0, 256));
    option("--writers", options.writers, "Connections to the database that insert events")->check(CLI::Range(1, 64));
    option("--askers", options.askers, "Connections to the database that ask questions")->check(CLI::Range(1, 64));
    option("--gather-ms", options.gather_ms, "Longest time that an event waits for others of its transaction")
        ->check(CLI::Range(0, 1000));
    option("--gather-events", options.gather_events, "Events that begin a transaction at once")
        ->check(CLI::Range(1, 1'000'000));
    option("--queue-bytes", options.queue_bytes, "Bytes of events and of bodies in memory; past it, senders get 503")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::size_t{64} << 10, std::size_t{16} << 30));
    option("--body-bytes", options.body_bytes, "Largest body of a request")
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(std::size_t{1} << 10, std::size_t{256} << 20));
    option("--connections", options.connections, "Connections of clients at once")->check(CLI::Range(1, 1'000'000));
    option("--connections-per-address", options.connections_per_address, "Connections of one address at once")
        ->check(CLI::Range(1, 1'000'000));
    option("--request-seconds", options.request_seconds,
           "Longest time in which a client may send a request, or take its answer")
        ->check(CLI::Range(1, 3600));
    option("--idle-seconds", options.idle_seconds, "Longest time between two requests of a connection")
        ->check(CLI::Range(1, 3600));
    option("--database-seconds", options.database_seconds, "Longest time of a statement in the database")
        ->check(CLI::Range(1, 3600));
    option("--drain-seconds", options.drain_seconds, "Longest time that SIGTERM waits for requests to be answered")
        ->check(CLI::Range(1, 3600));
    app.add_flag("--database-metrics", options.database_metrics, "Add topk.metrics() of the database to /metrics")
        ->envname("TOPK_GATEWAY_DATABASE_METRICS");
    option("--log-level", options.log_level, "Least level of what is logged")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    try {
        app.parse(argc, argv);
        if (options.streams.empty() && options.rollups.empty())
            throw CLI::ValidationError("--stream, --rollup", "at least one of them must be given");
        if (options.address_burst != 0 && options.address_rate == 0)
            throw CLI::ValidationError("--address-burst", "needs --address-rate");
        if (options.body_bytes > options.queue_bytes)
            throw CLI::ValidationError("--body-bytes", "must not be more than --queue-bytes");
        if (options.keys.empty() && !is_loopback(options.host))
            throw CLI::ValidationError("--listen",
                                       "without --keys, everybody may do everything: only a loopback address is allowed");
    } catch (const CLI::ParseError &error) {
        status = app.exit(error);
        return {};
    }
    if (options.address_burst == 0)
        options.address_burst = std::max(1.0, options.address_rate);
    return options;
}

} // namespace gateway
