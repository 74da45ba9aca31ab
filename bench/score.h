// Compares the top of a summary of a stream with exact counts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "bench_events.h"
#include "cms.h"
#include "spacesaving_format.h"

namespace bench {

constexpr uint32_t top_items = 100;

struct Truth {
    std::vector<uint32_t> counts;  // by rank
    std::vector<uint32_t> largest; // the ranks of the top 100

    // counts_by_rank: the number of events of each item
    explicit Truth(std::vector<uint32_t> counts_by_rank) : counts(std::move(counts_by_rank)) {
        largest.resize(counts.size());
        for (uint32_t i = 0; i < counts.size(); ++i)
            largest[i] = i;
        std::partial_sort(largest.begin(), largest.begin() + top_items, largest.end(),
                          [&](uint32_t a, uint32_t b) { return counts[a] != counts[b] ? counts[a] > counts[b] : a < b; });
        largest.resize(top_items);
        largest.shrink_to_fit();
    }
    static Truth of(const std::vector<uint32_t> &ranks) {
        std::vector<uint32_t> counts(*std::max_element(ranks.begin(), ranks.end()) + size_t{1});
        for (uint32_t r : ranks)
            ++counts[r];
        return Truth(std::move(counts));
    }
    // Items that tie with the last place are right.
    bool belongs(uint32_t rank, uint32_t k) const { return counts[rank] >= counts[largest[k - 1]]; }
};

struct Score {
    double precision10 = 0;
    double precision100 = 0;
    double mean_relative_error = 0;
    uint32_t guaranteed = 0;
    uint32_t wrong = 0; // answers outside their bounds, and items that are guaranteed but not in the true top; must be 0
    size_t bytes = 0;
    uint64_t floor = 0;
};

// sketch: one of the same events, whose estimates bound the counts as well; nullptr: there is none.
inline Score score(const std::vector<uint8_t> &packed, const Truth &truth, const topk::CountMin *sketch = nullptr) {
    topk::StoredSpaceSaving::validate(packed.data(), packed.size());
    const topk::StoredSpaceSaving stored(packed.data(), packed.size());
    Score s;
    s.bytes = packed.size();
    s.floor = stored.floor();
    std::vector<topk::Ranked> top(top_items + 1);
    const uint32_t n = stored.top(top_items, top.data());
    for (uint32_t i = 0; i < n; ++i) {
        const topk::Ranked &r = top[i];
        const std::string name(reinterpret_cast<const char *>(r.key), r.length);
        const auto rank = static_cast<uint32_t>(strtoul(name.c_str() + strlen("item_"), nullptr, 10));
        const uint64_t exact = truth.counts[rank];
        s.precision10 += i < 10 && truth.belongs(rank, 10) ? 1.0 / 10 : 0;
        s.precision100 += truth.belongs(rank, top_items) ? 1.0 / top_items : 0;
        s.guaranteed += r.guaranteed;
        s.wrong += exact > r.count || exact < r.count - r.error || (r.guaranteed && !truth.belongs(rank, top_items));
    }
    for (uint32_t rank : truth.largest) {
        const std::string name = item_name(rank);
        const topk::Frequency f = stored.frequency(topk::Item(name.data(), name.size()));
        uint64_t upper = f.upper;
        if (sketch != nullptr)
            upper = std::min(upper, sketch->estimate(sketch->key_of(name.data(), name.size())));
        const double exact = truth.counts[rank];
        s.mean_relative_error += std::fabs(static_cast<double>(upper) - exact) / exact / top_items;
        s.wrong += truth.counts[rank] > upper || truth.counts[rank] < f.lower;
    }
    return s;
}

} // namespace bench
