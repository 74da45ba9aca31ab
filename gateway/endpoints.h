// The endpoints: they turn a request into a submission to the collector or a question to the database, and answer it.
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
    // keys is nullptr if no keys are needed.
    Endpoints(const Options &options, const Keys *keys, Metrics &metrics, const Budget &budget, Collector &collector,
              Askers &askers)
        : options_(options), keys_(keys), metrics_(metrics), budget_(budget), collector_(collector), askers_(askers),
          addresses_(options.address_rate, options.address_burst) {}

    // Checks a request before its body is read. Returns the answer if the request is refused; otherwise the caller passes
    // the request, with its body, to handle(). length is the Content-Length, if there is one.
    std::optional<Response> admit(Request &request, std::optional<std::uint64_t> length);

    // Calls reply once, now or later, in any thread. The request must have been admitted.
    void handle(Request request, Reply reply);

    // Counts an answer in the metrics. The server calls it for every answer.
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
    Response ready_; // the answer at ready_at_
    std::vector<Reply> ready_waiting_;
};

} // namespace gateway
