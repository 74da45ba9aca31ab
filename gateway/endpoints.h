// What is at which address: from a request to the collector or to a question, and back.
#pragma once

#include "collector.h"
#include "limits.h"
#include "metrics.h"
#include "options.h"
#include "questions.h"
#include "request.h"

namespace gateway {

class Endpoints {
public:
    // `keys`: nullptr where everybody may do everything.
    Endpoints(const Options &options, const Keys *keys, Metrics &metrics, const Budget &budget, Collector &collector,
              Askers &askers)
        : options_(options), keys_(keys), metrics_(metrics), budget_(budget), collector_(collector), askers_(askers),
          addresses_(options.address_rate, options.address_burst) {}

    // Looks at a request before its body is read. Nothing: handle() shall have it, with its body. `length`: of the body,
    // where that was said.
    std::optional<Response> admit(Request &request, std::optional<std::uint64_t> length);

    // Answers a request that was admitted, now or later, in any thread, once.
    void handle(Request request, Reply reply);

    // Every answer goes through here.
    void count(const Request &request, const Response &response);

private:
    friend struct Endpoint;

    std::optional<Fault> find(Request &request, std::string &allow) const;
    std::optional<Fault> authorize(Request &request);
    std::optional<Fault> find_rollup(const Request &request, std::string &rollup) const;
    void send_events(Request &request, const Reply &reply);
    void ask(const Request &request, const Reply &reply);
    void check_ready(const Reply &reply);
    void write_metrics(const Request &request, const Reply &reply);

    const Options &options_;
    const Keys *keys_;
    Metrics &metrics_;
    const Budget &budget_;
    Collector &collector_;
    Askers &askers_;
    AddressLimits addresses_;

    std::mutex ready_mutex_;
    Clock::time_point ready_at_{};
    Response ready_; // what was found then
    std::vector<Reply> ready_waiting_;
};

} // namespace gateway
