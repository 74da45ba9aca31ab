// Measures the accuracy of a window of a rollup: an exact list while that is smaller, then a summary beside a sketch, merged
// from the windows of its parts. It prints a table of docs/accuracy.md, and fails if a requirement is not met.
//
// usage: windows [--events N] [--seed N] [--capacity N]
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "bench_events.h"
#include "counts.h"

namespace {

using bench::Events;
using support::Counts;

constexpr uint32_t top_items = 100;

Counts count(const Events &events, size_t from, size_t to, uint32_t capacity) {
    Counts counts(capacity, topk::CmsParameters{}, Counts::by_size, true);
    for (size_t i = from; i < to; ++i)
        counts.add(events.item(i));
    return counts;
}

struct Score {
    double precision10 = 0;
    double precision100 = 0;
    double relative_error = 0;
    uint32_t guaranteed = 0;
    uint32_t wrong = 0; // answers outside their bounds, and items that are guaranteed but not in the true top; must be 0
    uint64_t last = 0;  // true weight of the last of the top
};

Score score(const Counts &counts, const std::vector<uint32_t> &ranks) {
    std::vector<uint64_t> exact(*std::max_element(ranks.begin(), ranks.end()) + size_t{1});
    for (const uint32_t r : ranks)
        ++exact[r];
    std::vector<uint64_t> sorted = exact;
    std::sort(sorted.rbegin(), sorted.rend());
    Score s;
    s.last = sorted[top_items - 1];
    std::vector<topk::Ranked> top(top_items + 1);
    const auto packed = counts.summary().pack();
    const topk::StoredSpaceSaving stored(packed.data(), packed.size());
    const uint32_t n = stored.top(top_items, top.data());
    for (uint32_t i = 0; i < n; ++i) {
        const topk::Ranked &r = top[i];
        const std::string name(reinterpret_cast<const char *>(r.key), r.length);
        const uint64_t f = exact[strtoul(name.c_str() + strlen("item_"), nullptr, 10)];
        s.precision10 += i < 10 && f >= sorted[9] ? 1.0 / 10 : 0;
        s.precision100 += f >= s.last ? 1.0 / top_items : 0;
        s.guaranteed += r.guaranteed;
        s.wrong += f > r.count || f < r.count - r.error || (r.guaranteed && f < s.last);
    }
    uint32_t measured = 0;
    for (uint32_t rank = 0; rank < exact.size() && measured < top_items; ++rank)
        if (exact[rank] >= s.last) {
            const std::string name = bench::item_name(rank);
            const topk::Frequency f = stored.frequency(topk::Item(name.data(), name.size()));
            uint64_t upper = f.upper;
            if (!counts.is_exact())
                upper = std::min(upper, counts.sketch()->estimate(counts.sketch().item(name.data(), name.size())));
            s.relative_error += std::fabs(static_cast<double>(upper - exact[rank])) / static_cast<double>(exact[rank]);
            s.wrong += exact[rank] > upper || exact[rank] < f.lower;
            ++measured;
        }
    s.relative_error /= measured;
    return s;
}

} // namespace

int main(int argc, char **argv) {
    uint64_t events = 2000000, seed = 42, capacity = 2000;
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
        const Events items(ranks, 0);
        for (const size_t parts : {1, 24, 168, 720}) {
            Counts whole(static_cast<uint32_t>(capacity), topk::CmsParameters{}, Counts::by_size);
            for (size_t p = 0; p < parts; ++p)
                whole.merge(
                    count(items, events * p / parts, events * (p + 1) / parts, static_cast<uint32_t>(capacity)).store());
            const Score s = score(whole, ranks);
            const uint64_t floor = whole.summary()->floor();
            const Counts::Stored stored = whole.store();
            const size_t summary = stored.exact.size() + stored.summary.size();
            bool good = s.wrong == 0 && summary <= 65536;
            if (2 * s.last >= 3 * floor)
                good = good && s.precision100 >= 0.98 - 1e-9 && s.relative_error <= 0.005 && s.guaranteed >= 85;
            met &= good;
            printf("| %s | %zu | %.1f | %.2f | %.4f | %u | %llu | %llu | %zu | %zu |%s\n", stream.c_str(), parts,
                   s.precision10, s.precision100, s.relative_error, s.guaranteed, static_cast<unsigned long long>(floor),
                   static_cast<unsigned long long>(s.last), summary, stored.size(), good ? "" : " MISSED");
            fflush(stdout);
        }
    }
    return met ? 0 : 1;
}
