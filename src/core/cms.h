// Count-Min gives an upper bound of the weight of any item with a fixed number of counters.
//
// Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications", J. Algorithms
// 2005; conservative update after Estan and Varghese, "New directions in traffic measurement and accounting", SIGCOMM 2002.
// Theorems and proofs: docs/accuracy.md. Stored bytes: cms_format.h.
#pragma once

#include <algorithm>

#include "error.h"
#include "item.h"

namespace topk {

struct CmsParameters {
    static constexpr uint32_t max_width = 10000000;
    static constexpr uint32_t max_depth = 64;
    static constexpr uint32_t max_cells = 1 << 24;
    static constexpr uint32_t default_width = 10000;
    static constexpr uint32_t default_depth = 5;

    uint32_t width = default_width;
    uint32_t depth = default_depth;
    uint64_t seed = 0;

    // Returns the parameters of the smallest sketch whose error is at most `error` times the total weight with probability
    // `confidence`.
    static CmsParameters for_error(double error, double confidence);

    // Throws invalid_parameter.
    void check() const;
    uint32_t cells() const { return width * depth; }
    bool operator==(const CmsParameters &) const = default;
};

// Returns e / width times the total, rounded up: with probability 1 - e^-depth, an estimate exceeds the true weight by no
// more.
uint64_t cms_error_bound(uint32_t width, uint64_t total);

// An item of a sketch. The two halves of its hash select its cells in all rows.
struct CmsItem {
    uint64_t low;
    uint64_t high;
    size_t length;

    CmsItem(const void *bytes, size_t size, uint64_t seed) : length(size) {
        const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, size, seed);
        low = hash.low64;
        high = hash.high64 | 1;
    }

    // A multiplication uses both halves in each row. With the cheaper low + row * high, rows are not independent: in a
    // narrow sketch of 27 x 20 cells, two items met in all rows 1,000 times as often as e^-depth allows.
    uint32_t cell(uint32_t row, uint32_t width) const {
        const unsigned __int128 product = static_cast<unsigned __int128>(low + row * 0x9e3779b97f4a7c15) * high;
        const uint64_t h = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
        return row * width + static_cast<uint32_t>((static_cast<unsigned __int128>(h) * width) >> 64);
    }
};

class StoredCms;

// The estimates of items that were never counted are noise, and the estimate of a rare item is mostly noise too. Deng and
// Rafiei, "New estimation algorithms for streaming data: Count-min can do more" (2007), subtract the noise of each row; here
// the median over probes is subtracted from the whole estimate. The conservative update adds next to no noise to items that
// are above all of it, so those keep their estimate.
class CmsNoise {
public:
    static constexpr uint32_t probes = 63;

    // The cells of a probe are as random as those of an item, and belong to none.
    static CmsItem probe(uint32_t number, uint64_t seed) { return CmsItem(&number, sizeof(number), ~seed); }

    // Reorders the estimates of the probes.
    explicit CmsNoise(uint64_t *estimates);

    uint64_t without(uint64_t upper) const { return upper > largest_ ? upper : upper - std::min(upper, median_); }

private:
    uint64_t median_;
    uint64_t largest_;
};

// A sketch in one contiguous block that the caller owns: this header, then either all cells, row by row (dense), or a hash
// table of the cells that are not zero (sparse). The block has no pointers, so a copy of its bytes is a copy of the sketch.
// An operation that lacks room reports that instead of allocating memory; the caller then moves the sketch with relocate().
class CountMin {
public:
    using Stored = StoredCms;
    using Key = CmsItem;
    static constexpr const char *type_name = "cms";
    Key key_of(const void *data, size_t length) const { return CmsItem(data, length, seed_); }

    // The parts of a block. Only the layout functions below create a Layout.
    struct Layout {
        CmsParameters parameters;
        uint32_t slots; // of the table; 0 in a dense sketch
        uint64_t size;
    };

    // The properties of the other sketch that merging needs in advance.
    struct Shape {
        CmsParameters parameters;
        uint32_t nonzero; // cells of a sparse sketch
        bool dense;
    };

    // Throws invalid_parameter.
    static Layout initial_layout(const CmsParameters &parameters);
    // With room for every cell from the start.
    static Layout dense_layout(const CmsParameters &parameters);
    // For an empty sketch into which a stored one will be merged.
    static Layout load_layout(const Shape &stored);
    static CountMin *create(void *block, const Layout &layout);

    // The block that insert() needs after it has returned false.
    Layout grown_layout(const CmsItem &item) const;
    // Returns whether merge() can work in this block; throws mismatch if it cannot work in any. Otherwise, merge_layout()
    // returns the block that it needs.
    bool fits(const Shape &source) const;
    Layout merge_layout(const Shape &source) const;
    static CountMin *relocate(const CountMin &from, void *block, const Layout &layout);

    // True if this is the memory of a sketch, and not its stored bytes.
    bool is_live() const { return magic_ == live_magic; }

    // Counts an item and returns its new estimate. If it returns 0, nothing has changed, and the caller must call insert().
    // The weight must be positive.
    uint64_t raise(const CmsItem &item, uint64_t weight) noexcept {
        if (weight > max_total - total_ || item.length > max_item_length) [[unlikely]]
            return 0;
        uint64_t estimate;
        if (slots_ != 0)
            estimate = raise_sparse(item, weight);
        else if (depth_ == CmsParameters::default_depth)
            estimate = raise_cells<CmsParameters::default_depth>(item, weight);
        else
            estimate = raise_dense(item, weight);
        if (estimate != 0)
            total_ += weight;
        return estimate;
    }
    // Does the same. If it returns false, nothing has changed, and the caller must call insert().
    bool count(const CmsItem &item, uint64_t weight) noexcept { return raise(item, weight) != 0; }

    // Counts an item after count() has returned false. If this returns false too, nothing has changed, and the caller must
    // move the sketch to the block of grown_layout() first. Throws out_of_range if the total would exceed max_total, and
    // too_large for an item longer than max_item_length.
    bool insert(const CmsItem &item, uint64_t weight);

    // Adds a stored sketch, which must fit. Throws mismatch for different kinds or parameters. It checks the bytes while it
    // reads them and throws malformed; this sketch must not be used after that.
    void merge(const StoredCms &source);

    // Does the same with a sketch in memory.
    void merge(const CountMin &source);
    Shape shape() const { return {parameters(), used_, slots_ == 0}; }

    // Sets the kind if no item has been counted yet; throws mismatch if the state has another kind.
    void require_kind(Kind kind);

    // The estimate is never below the weight of the item.
    uint64_t estimate(const CmsItem &item) const;
    uint64_t error_bound() const { return cms_error_bound(width_, total_); }

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint32_t width() const { return width_; }
    uint32_t depth() const { return depth_; }
    uint64_t seed() const { return seed_; }
    CmsParameters parameters() const { return {width_, depth_, seed_}; }
    uint64_t block_size() const { return size_of({parameters(), slots_, 0}); }

    // Returns the first documented invariant that does not hold, or nullptr; takes O(size).
    const char *violated_invariant() const;

    bool is_dense() const { return slots_ == 0; }
    // The counts of all cells of a dense sketch.
    const uint64_t *cells() const { return counts(); }
    // The number of cells of a sparse sketch that are not zero.
    uint32_t nonzero() const { return used_; }

    // Calls visit(cell, count) for these cells, in no particular order.
    template <class Visit>
    void for_each_slot(Visit visit) const {
        for (uint32_t i = 0; i < slots_; ++i)
            if (tags()[i] != 0)
                visit(tags()[i] - 1, counts()[i]);
    }

private:
    static constexpr uint32_t live_magic = 0x4d434cfe;
    static constexpr uint32_t min_slots = 16;

    static Layout layout_for(const CmsParameters &parameters, uint64_t nonzero);
    void check_mergeable(const Shape &source, uint64_t total, Kind kind);
    static uint64_t size_of(const Layout &layout);

    uint64_t *counts() { return reinterpret_cast<uint64_t *>(this + 1); }
    const uint64_t *counts() const { return reinterpret_cast<const uint64_t *>(this + 1); }
    // For each slot, the number of its cell plus 1, or 0 if it is free.
    uint32_t *tags() { return reinterpret_cast<uint32_t *>(counts() + slots_); }
    const uint32_t *tags() const { return reinterpret_cast<const uint32_t *>(counts() + slots_); }

    // The number of slots that may be in use. The smallest table may be full, as a scan of it is as fast as probing.
    static uint32_t usable(uint32_t slots) { return slots == min_slots ? slots : slots / 4 * 3; }

    // The conservative update: it raises no cell above the new estimate of this item, which it returns.
    template <uint32_t depth>
    uint64_t raise_cells(const CmsItem &item, uint64_t weight) noexcept {
        uint64_t *cell[depth];
        for (uint32_t i = 0; i < depth; ++i)
            cell[i] = counts() + item.cell(i, width_);
        uint64_t value[depth];
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < depth; ++i)
            least = std::min(least, value[i] = *cell[i]);
        for (uint32_t i = 0; i < depth; ++i)
            *cell[i] = std::max(value[i], least + weight);
        return least + weight;
    }

    uint64_t raise_dense(const CmsItem &item, uint64_t weight) noexcept;
    uint64_t raise_sparse(const CmsItem &item, uint64_t weight) noexcept; // 0: there is no room for its cells
    uint32_t slot_of(uint32_t cell) const noexcept;
    void add(uint32_t cell, uint64_t count);

    uint32_t host_word_; // belongs to the caller: PostgreSQL stores the length of the value here
    uint32_t magic_;
    uint64_t total_;
    uint64_t seed_;
    uint32_t width_;
    uint32_t depth_;
    uint32_t slots_;
    uint32_t used_;
    Kind kind_;
    uint8_t unused_[7];
};

static_assert(sizeof(CountMin) == 48);

// Checks the invariants from the nonzero cells of a sketch, in any order. They hold for every state for two reasons. An
// update by weight w raises no cell by more than w, raises the smallest of its cells by w, and raises no cell above the cell
// of the item in another row. And the sum of two such states is such a state (docs/accuracy.md).
class CmsInvariants {
public:
    CmsInvariants(const CmsParameters &parameters, uint64_t total) : parameters_(parameters), total_(total) {}

    void add(uint32_t cell, uint64_t count) {
        uint64_t &sum = sums_[cell / parameters_.width];
        if (count > total_ - sum) {
            exceeded_ = true;
            return;
        }
        sum += count;
        largest_ = std::max(largest_, count);
    }

    const char *violated() const;

private:
    CmsParameters parameters_;
    uint64_t total_;
    uint64_t largest_ = 0;
    uint64_t sums_[CmsParameters::max_depth] = {};
    bool exceeded_ = false;
};

} // namespace topk
