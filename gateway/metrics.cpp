#include "metrics.h"

#include <prometheus/text_serializer.h>

namespace gateway {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

Counter &counter(Registry &registry, const char *name, const char *help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}
Gauge &gauge(Registry &registry, const char *name, const char *help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

const Histogram::BucketBoundaries seconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};

} // namespace

Metrics::Metrics()
    : requests_(prometheus::BuildCounter()
                    .Name("topk_gateway_requests_total")
                    .Help("Requests that were answered, by endpoint and HTTP status")
                    .Register(registry_)),
      durations_(prometheus::BuildHistogram()
                     .Name("topk_gateway_request_duration_seconds")
                     .Help("Time from a whole request to its answer, by endpoint")
                     .Register(registry_)),
      events(counter(registry_, "topk_gateway_events_total", "Events that were committed and acknowledged")),
      transactions(counter(registry_, "topk_gateway_transactions_total", "Transactions of events that were committed")),
      refused(counter(registry_, "topk_gateway_refused_events_total", "Events that the database refused")),
      unknown(counter(registry_, "topk_gateway_unknown_events_total",
                      "Events of transactions whose connection broke at the commit: not acknowledged, perhaps counted")),
      reconnects(counter(registry_, "topk_gateway_connects_total", "Connections that writers made to the database")),
      transaction_events(prometheus::BuildHistogram()
                             .Name("topk_gateway_transaction_events")
                             .Help("Events of a transaction")
                             .Register(registry_)
                             .Add({}, Histogram::BucketBoundaries{1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000})),
      transaction_seconds(prometheus::BuildHistogram()
                              .Name("topk_gateway_transaction_duration_seconds")
                              .Help("Time of a transaction of events")
                              .Register(registry_)
                              .Add({}, seconds)),
      queued_bytes(gauge(registry_, "topk_gateway_queue_bytes", "Bytes of events and of bodies in memory")),
      queued_events(gauge(registry_, "topk_gateway_queue_events", "Events that wait for their commit")),
      connections(gauge(registry_, "topk_gateway_connections", "Connections of clients")) {}

void Metrics::count_request(const char *endpoint, int status) {
    requests_.Add({{"endpoint", endpoint}, {"status", std::to_string(status)}}).Increment();
}

void Metrics::observe_request(const char *endpoint, double time) {
    durations_.Add({{"endpoint", endpoint}}, seconds).Observe(time);
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

} // namespace gateway
