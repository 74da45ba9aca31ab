// Measures the speed of the core alone, with items of 12 bytes from one buffer; the times include hashing.
#include <benchmark/benchmark.h>

#include <map>
#include <memory>

#include "bench_events.h"
#include "cms.h"
#include "summary.h"

namespace {

using bench::Events;
using support::Summary;

constexpr uint64_t event_count = 10000000;
constexpr int digits = 7; // item_0000001

const Events &events(const std::string &stream) {
    static std::map<std::string, Events> made;
    const auto found = made.find(stream);
    return (found != made.end() ? found : made.emplace(stream, Events(bench::ranks(stream, event_count, 7), digits)).first)
        ->second;
}

void spacesaving_add(benchmark::State &state, const std::string &stream) {
    const Events &items = events(stream);
    const auto capacity = static_cast<uint32_t>(state.range(0));
    for (auto _ : state) {
        Summary summary(capacity);
        for (size_t i = 0, n = items.size(); i < n; ++i)
            summary.add(items.item(i));
        benchmark::DoNotOptimize(summary->floor());
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * items.size()));
}

// A million groups of one to three items, as in a GROUP BY with many small groups.
void spacesaving_small_groups(benchmark::State &state) {
    const Events &items = events("uniform");
    size_t groups = 0;
    for (auto _ : state)
        for (size_t i = 0; i + 3 <= items.size(); i += 3, ++groups) {
            Summary summary(1000);
            for (size_t j = i; j <= i + groups % 3; ++j)
                summary.add(items.item(j));
            benchmark::DoNotOptimize(summary->total());
        }
    state.SetItemsProcessed(static_cast<int64_t>(groups));
}

// Merges stored states, and reads the top 10 of the result.
void spacesaving_merge(benchmark::State &state, const std::string &stream) {
    const Events &items = events(stream);
    const auto parts = static_cast<size_t>(state.range(0));
    std::vector<std::vector<uint8_t>> stored;
    for (size_t p = 0; p < parts; ++p) {
        Summary summary(1000);
        for (size_t i = items.size() * p / parts; i < items.size() * (p + 1) / parts; ++i)
            summary.add(items.item(i));
        stored.push_back(summary.pack());
    }
    for (auto _ : state) {
        Summary merged(1000);
        for (const auto &s : stored)
            merged.merge(s);
        const auto packed = merged.pack();
        topk::Ranked top[11];
        benchmark::DoNotOptimize(topk::StoredSpaceSaving(packed.data(), packed.size()).top(10, top));
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * parts));
}

void cms_add(benchmark::State &state, const std::string &stream) {
    const Events &items = events(stream);
    const topk::CountMin::Layout layout = topk::CountMin::dense_layout(topk::CmsParameters{});
    const std::unique_ptr<uint64_t[]> block(new uint64_t[layout.size / 8]);
    for (auto _ : state) {
        topk::CountMin *sketch = topk::CountMin::create(block.get(), layout);
        for (size_t i = 0, n = items.size(); i < n; ++i)
            sketch->count(topk::CmsItem(items.data(i), items.length(i), 0), 1);
        benchmark::DoNotOptimize(sketch->total());
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * items.size()));
}

} // namespace

BENCHMARK_CAPTURE(spacesaving_add, zipf11_of_1M, "zipf1.1")->Arg(1000)->Arg(2000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(spacesaving_add, zipf08_of_5M, "zipf0.8")->Arg(1000)->Arg(2000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(spacesaving_add, uniform_of_1M, "uniform")->Arg(1000)->Arg(2000)->Unit(benchmark::kMillisecond);
BENCHMARK(spacesaving_small_groups)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(spacesaving_merge, zipf11, "zipf1.1")->Arg(24)->Arg(720)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(spacesaving_merge, zipf08, "zipf0.8")->Arg(24)->Arg(720)->Unit(benchmark::kMillisecond);

BENCHMARK_CAPTURE(cms_add, zipf11_of_1M, "zipf1.1")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cms_add, zipf08_of_5M, "zipf0.8")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(cms_add, uniform_of_1M, "uniform")->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
