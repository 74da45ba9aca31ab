#include "window_size.h"

#include <algorithm>
#include <cmath>

#include "cell_blocks.h"
#include "hyperloglog.h"

namespace topk {
namespace {

// Room for items that come next, so that a summary does not shrink at each of them.
constexpr uint64_t kept_eighths = 7;

// An entry: its item with the length, the step to the next count, and its count or error.
double entry_size(const SpaceSaving &s, double weight) {
    const double item = static_cast<double>(s.key_bytes()) / s.size() + (fixed_length(s.kind()) == 0);
    return item + 1 + (weight < 1 ? 0 : static_cast<double>(varint_size(static_cast<uint64_t>(weight))));
}

// d rows, in each of which the n items meet in w cells at random.
double sketch_size(double w, double d, double n, double total) {
    if (w == 0)
        return 0;
    const double used = w * -std::expm1(-n / w);
    const auto weight = static_cast<double>(varint_size(static_cast<uint64_t>(total / used)));
    return d * std::min(used * weight + (w - used), used * (weight + 1));
}

// PostgreSQL compresses registers to two thirds, and further where most are 0.
double registers_size(double n) { return std::min(static_cast<double>(register_count) * 2 / 3, 2 * n); }

} // namespace

size_t exact_size(const SpaceSaving &exact) {
    if (exact.size() == 0)
        return 0;
    // Steps between counts: most are 0, and all together are the largest count.
    return static_cast<size_t>(exact.size() * entry_size(exact, 0));
}

size_t inexact_size(const SpaceSaving &exact, uint32_t capacity, uint32_t width, uint32_t depth) {
    if (exact.size() == 0)
        return 0;
    const double n = exact.size(), total = static_cast<double>(exact.total());
    const double cells = SpaceSaving::filter_width_for(capacity);
    const double cell = total / cells < 64 ? 1 : total / cells < 16384 ? 2 : total / cells < 1e9 ? 4 : 8;
    const double filter = cells * (cell + 1.0 / CellBlocks::block_cells);
    const double entries = (capacity + SpaceSaving::kept_at_purge(capacity)) / 2.0 * entry_size(exact, total / n);
    return static_cast<size_t>(entries + filter + sketch_size(width, depth, n, total) + registers_size(n));
}

uint32_t shorter_capacity(const SpaceSaving &summary, uint32_t capacity) {
    const uint64_t fewer = summary.size() * (max_key_bytes(capacity) / 8 * kept_eighths) / summary.key_bytes();
    return static_cast<uint32_t>(std::min<uint64_t>(capacity, fewer));
}

} // namespace topk
