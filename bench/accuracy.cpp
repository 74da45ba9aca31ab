// Measures the accuracy per stored byte against exact counts. It prints the tables of docs/accuracy.md, and fails if a
// requirement is not met.
//
// usage: accuracy [--events N] [--seed N] [capacity...]
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "cms_format.h"
#include "score.h"
#include "summary.h"

namespace {

using bench::Events;
using bench::Score;
using bench::score;
using bench::top_items;
using bench::Truth;
using support::Summary;

constexpr uint32_t tuned_capacity = 2000;
constexpr int hours = 24;

std::vector<uint8_t> count(const Events &events, size_t from, size_t to, uint32_t capacity) {
    Summary summary(capacity);
    for (size_t i = from; i < to; ++i)
        summary.add(events.item(i));
    return summary.pack();
}

std::vector<uint8_t> count_by_hour(const Events &events, uint32_t capacity, size_t &hour_bytes) {
    Summary day(capacity);
    hour_bytes = 0;
    for (size_t h = 0; h < hours; ++h) {
        const auto hour = count(events, events.size() * h / hours, events.size() * (h + 1) / hours, capacity);
        hour_bytes += hour.size() / hours;
        day.merge(hour);
    }
    return day.pack();
}

// The requirements at the tuned capacity. A uniform stream has no heavy hitters, so only its bounds are required.
bool meets_requirements(const std::string &stream, const Score &s) {
    if (s.wrong != 0)
        return false;
    if (stream == "uniform")
        return true;
    const bool guaranteed = stream == "drift" || s.guaranteed >= 90;
    return s.bytes <= 65536 && s.precision100 >= 0.99 - 1e-9 && s.mean_relative_error <= 0.01 && guaranteed;
}

// A Count-Min sketch with room for all its cells.
class Sketch {
public:
    Sketch() : block_(new uint64_t[layout().size / 8]), sketch_(topk::CountMin::create(block_.get(), layout())) {
        sketch_->require_kind(topk::Kind::text);
    }
    void count(const Events &events, size_t from, size_t to) {
        for (size_t i = from; i < to; ++i)
            sketch_->count(topk::CmsItem(events.data(i), events.length(i), sketch_->seed()), 1);
    }
    void merge(const Sketch &other) {
        const auto packed = other.pack();
        sketch_->merge(topk::StoredCms(packed.data(), packed.size()));
    }
    std::vector<uint8_t> pack() const {
        std::vector<uint8_t> out(topk::StoredCms::packed_bound(*sketch_));
        out.resize(topk::StoredCms::pack(*sketch_, out.data()));
        return out;
    }
    const topk::CountMin *operator->() const { return sketch_; }

private:
    static topk::CountMin::Layout layout() { return topk::CountMin::dense_layout(topk::CmsParameters{}); }

    std::unique_ptr<uint64_t[]> block_;
    topk::CountMin *sketch_;
};

// Prints a line of the table of Count-Min; returns false if an estimate is too low.
bool report_cms(const std::string &stream, const Events &events, const Truth &truth, int states) {
    Sketch sketch;
    if (states == 1)
        sketch.count(events, 0, events.size());
    else
        for (size_t h = 0; h < hours; ++h) {
            Sketch hour;
            hour.count(events, events.size() * h / hours, events.size() * (h + 1) / hours);
            sketch.merge(hour);
        }
    uint64_t largest = 0, distinct = 0, above = 0;
    double sum = 0, top_error = 0;
    bool good = true;
    for (uint32_t rank = 0; rank < truth.counts.size(); ++rank)
        if (const uint64_t exact = truth.counts[rank]) {
            const std::string name = bench::item_name(rank);
            const uint64_t estimate = sketch->estimate(topk::CmsItem(name.data(), name.size(), sketch->seed()));
            good = good && estimate >= exact;
            const uint64_t error = estimate - exact;
            largest = std::max(largest, error);
            sum += static_cast<double>(error);
            above += error > sketch->error_bound();
            ++distinct;
            if (truth.belongs(rank, top_items))
                top_error += static_cast<double>(error) / static_cast<double>(exact) / top_items;
        }
    printf("| %s | %d | %.4f | %.0f | %llu | %llu | %llu of %llu | %zu |%s\n", stream.c_str(), states, top_error,
           sum / static_cast<double>(distinct), static_cast<unsigned long long>(largest),
           static_cast<unsigned long long>(sketch->error_bound()), static_cast<unsigned long long>(above),
           static_cast<unsigned long long>(distinct), sketch.pack().size(), good ? "" : " MISSED");
    return good;
}

} // namespace

int main(int argc, char **argv) {
    uint64_t events = 10000000;
    uint64_t seed = 42;
    std::vector<uint32_t> capacities;
    for (int i = 1; i < argc; ++i) {
        if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
            events = strtoull(argv[++i], nullptr, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], nullptr, 10);
        else
            capacities.push_back(static_cast<uint32_t>(strtoul(argv[i], nullptr, 10)));
    }
    if (capacities.empty())
        capacities = {512, 1000, tuned_capacity, 4000};

    const char *const all_streams[] = {"zipf1.1", "zipf0.8", "drift", "uniform"};
    bool met = true;
    printf("| stream | capacity | states | precision@10 | precision@100 | relative error | guaranteed | floor | bytes |\n"
           "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (const std::string stream : all_streams) {
        const std::vector<uint32_t> ranks = bench::ranks(stream, events, seed);
        const Truth truth = Truth::of(ranks);
        const Events items(ranks, 0);
        for (uint32_t capacity : capacities)
            for (const bool merged : {false, true}) {
                size_t hour_bytes = 0;
                const Score s = score(
                    merged ? count_by_hour(items, capacity, hour_bytes) : count(items, 0, items.size(), capacity), truth);
                const bool good = capacity == tuned_capacity ? meets_requirements(stream, s) : s.wrong == 0;
                met &= good;
                printf("| %s | %u | %d | %.1f | %.2f | %.4f | %u | %llu | %zu |%s\n", stream.c_str(), capacity,
                       merged ? hours : 1, s.precision10, s.precision100, s.mean_relative_error, s.guaranteed,
                       static_cast<unsigned long long>(s.floor), s.bytes, good ? "" : " MISSED");
                fflush(stdout);
            }
    }
    printf("\nCount-Min, %u x %u\n\n"
           "| stream | states | relative error of the top 100 | mean error | largest error | e/w N | above it | bytes |\n"
           "|---|--:|--:|--:|--:|--:|--:|--:|\n",
           topk::CmsParameters::default_width, topk::CmsParameters::default_depth);
    for (const std::string stream : all_streams) {
        const std::vector<uint32_t> ranks = bench::ranks(stream, events, seed);
        const Truth truth = Truth::of(ranks);
        const Events items(ranks, 0);
        for (const int states : {1, hours})
            met &= report_cms(stream, items, truth, states);
    }
    return met ? 0 : 1;
}
