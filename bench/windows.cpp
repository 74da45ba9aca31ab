// Measures the accuracy of a window of a rollup: an exact list while that is smaller, then a summary beside a sketch, merged
// from the windows of its parts. It prints a table of docs/accuracy.md, and fails if a requirement is not met.
//
// usage: windows [--events N] [--seed N] [--capacity N]
#include <cstdlib>
#include <cstring>
#include <string>

#include "counts.h"
#include "score.h"

namespace {

using bench::Events;
using bench::Score;
using bench::Truth;
using support::Counts;

Counts count(const Events &events, size_t from, size_t to, uint32_t capacity) {
    Counts counts(capacity, topk::CmsParameters{}, Counts::by_size, true);
    for (size_t i = from; i < to; ++i)
        counts.add(events.item(i));
    return counts;
}

} // namespace

int main(int argc, char **argv) {
    uint64_t events = 2000000, seed = 42, capacity = 2050;
    for (int i = 1; i + 1 < argc; i += 2) {
        const uint64_t value = strtoull(argv[i + 1], nullptr, 10);
        (strcmp(argv[i], "--events") == 0 ? events : strcmp(argv[i], "--seed") == 0 ? seed : capacity) = value;
    }
    bool met = true;
    printf("| stream | parts | precision@10 | precision@100 | relative error | guaranteed | floor | 100th | summary | all "
           "bytes |\n"
           "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (const std::string stream : {"zipf0.5", "zipf0.7", "zipf0.8", "zipf1.1", "drift", "equal", "singletons"}) {
        const std::vector<uint32_t> ranks = bench::ranks(stream, events, seed);
        const Truth truth = Truth::of(ranks);
        const uint64_t last = truth.counts[truth.largest.back()];
        const Events items(ranks, 0);
        for (const size_t parts : {1, 24, 168, 720}) {
            Counts whole(static_cast<uint32_t>(capacity), topk::CmsParameters{}, Counts::by_size);
            for (size_t p = 0; p < parts; ++p)
                whole.merge(
                    count(items, events * p / parts, events * (p + 1) / parts, static_cast<uint32_t>(capacity)).store());
            const Score s = bench::score(whole.summary().pack(), truth, whole.is_exact() ? nullptr : &*whole.sketch());
            const Counts::Stored stored = whole.store();
            const size_t summary = stored.exact.size() + stored.summary.size();
            bool good = s.wrong == 0 && summary <= 65536;
            if (2 * last >= 3 * s.floor)
                good = good && s.precision100 >= 0.98 - 1e-9 && s.mean_relative_error <= 0.005 && s.guaranteed >= 85;
            met &= good;
            printf("| %s | %zu | %.1f | %.2f | %.4f | %u | %llu | %llu | %zu | %zu |%s\n", stream.c_str(), parts,
                   s.precision10, s.precision100, s.mean_relative_error, s.guaranteed,
                   static_cast<unsigned long long>(s.floor), static_cast<unsigned long long>(last), summary, stored.size(),
                   good ? "" : " MISSED");
            fflush(stdout);
        }
    }
    return met ? 0 : 1;
}
