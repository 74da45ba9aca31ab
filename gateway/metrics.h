// The metrics of the gateway for Prometheus (docs/gateway.md#metrics).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace gateway {

class Metrics {
public:
    Metrics();

    void count_request(const char *endpoint, int status);
    void observe_request(const char *endpoint, double seconds);
    std::string text() const; // Prometheus' text format

private:
    // It stands before the families, because they register in it.
    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter> &requests_;
    prometheus::Family<prometheus::Histogram> &durations_;

public:
    prometheus::Counter &events, &transactions, &refused, &unknown, &reconnects;
    prometheus::Histogram &transaction_events, &transaction_seconds;
    prometheus::Gauge &queued_bytes, &queued_events, &connections;
};

} // namespace gateway
