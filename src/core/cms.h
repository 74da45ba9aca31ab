// Count-Min: an upper bound for the weight of any item, in a fixed number of counters.
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

    // The smallest sketch whose error is at most `error` times the total weight with probability `confidence`.
    static CmsParameters for_error(double error, double confidence);

    // Throws invalid_parameter.
    void check() const;
    uint32_t cells() const { return width * depth; }
    bool operator==(const CmsParameters &) const = default;
};

// With probability 1 - e^-depth, an estimate exceeds the true weight by no more than this: e / width of the total, rounded
// up.
uint64_t cms_error_bound(uint32_t width, uint64_t total);

// An item as a sketch sees it: the two halves of its hash yield the cells of all rows.
struct CmsItem {
    uint64_t low;
    uint64_t high;
    size_t length;

    CmsItem(const void *bytes, size_t size, uint64_t seed) : length(size) {
        const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, size, seed);
        low = hash.low64;
        high = hash.high64 | 1;
    }

    // A multiplication folds both halves into each row. The cheaper low + row * high gives rows that are not independent:
    // measured on a narrow sketch of 27 x 20 cells, two items then meet in all rows 1,000 times as often as e^-depth allows.
    uint32_t cell(uint32_t row, uint32_t width) const {
        const unsigned __int128 product = static_cast<unsigned __int128>(low + row * 0x9e3779b97f4a7c15) * high;
        const uint64_t h = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
        return row * width + static_cast<uint32_t>((static_cast<unsigned __int128>(h) * width) >> 64);
    }
};

class StoredCms;

// A sketch in one contiguous block owned by the caller: this header, then either all cells, row by row (dense), or a hash
// table of those that are not zero (sparse). It holds no pointer, so a byte copy of the block is a copy of the sketch. An
// operation that lacks room says so instead of allocating; the caller then moves the sketch with relocate().
class CountMin {
public:
    using Stored = StoredCms;
    using Key = CmsItem;
    static constexpr const char *type_name = "cms";
    Key key_of(const void *data, size_t length) const { return CmsItem(data, length, seed_); }

    // How a block is divided. The layout functions below make it.
    struct Layout {
        CmsParameters parameters;
        uint32_t slots; // of the table; 0 when dense
        uint64_t size;
    };

    // The properties of the other side that merging needs beforehand.
    struct Shape {
        CmsParameters parameters;
        uint32_t nonzero; // cells of a sparse one
        bool dense;
    };

    // Throws invalid_parameter.
    static Layout initial_layout(const CmsParameters &parameters);
    // Room for every cell from the start.
    static Layout dense_layout(const CmsParameters &parameters);
    // For an empty sketch that a stored one is to be merged into.
    static Layout load_layout(const Shape &stored);
    static CountMin *create(void *block, const Layout &layout);

    // The block that insert() needs after it returned false.
    Layout grown_layout(const CmsItem &item) const;
    // Whether merge() can work in this block (throws mismatch when in none), and the block it needs otherwise.
    bool fits(const Shape &source) const;
    Layout merge_layout(const Shape &source) const;
    static CountMin *relocate(const CountMin &from, void *block, const Layout &layout);

    // True when this is the memory of a sketch and not its stored bytes.
    bool is_live() const { return magic_ == live_magic; }

    // Counts an item. False: use insert(); nothing has changed then. Weight must be positive.
    bool count(const CmsItem &item, uint64_t weight) noexcept {
        if (weight > max_total - total_ || item.length > max_item_length) [[unlikely]]
            return false;
        if (slots_ != 0) {
            if (!count_sparse(item, weight))
                return false;
        } else if (depth_ == CmsParameters::default_depth) {
            raise_cells<CmsParameters::default_depth>(item, weight);
        } else {
            count_dense(item, weight);
        }
        total_ += weight;
        return true;
    }

    // Counts an item that count() declined. False: needs the block of grown_layout() first; nothing has changed then.
    // Throws out_of_range when the total would pass max_total, too_large for an item longer than max_item_length.
    bool insert(const CmsItem &item, uint64_t weight);

    // Adds a stored sketch, whose bytes are checked on the way (throws malformed, then this sketch is lost) and which must
    // fit. Throws mismatch for different kinds or parameters.
    void merge(const StoredCms &source);

    // Takes a state's kind from its first item; throws mismatch when it has another.
    void require_kind(Kind kind);

    // Never below the item's weight.
    uint64_t estimate(const CmsItem &item) const;
    uint64_t error_bound() const { return cms_error_bound(width_, total_); }

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint32_t width() const { return width_; }
    uint32_t depth() const { return depth_; }
    uint64_t seed() const { return seed_; }
    CmsParameters parameters() const { return {width_, depth_, seed_}; }
    uint64_t block_size() const { return size_of({parameters(), slots_, 0}); }

    // The first of the documented invariants that does not hold, or nullptr. O(size).
    const char *violated_invariant() const;

    bool is_dense() const { return slots_ == 0; }
    // Dense: by cell.
    const uint64_t *cells() const { return counts(); }
    // Sparse: how many cells are not zero.
    uint32_t nonzero() const { return used_; }

    // Sparse: calls visit(cell, count) for these, in no particular order.
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
    static uint64_t size_of(const Layout &layout);

    uint64_t *counts() { return reinterpret_cast<uint64_t *>(this + 1); }
    const uint64_t *counts() const { return reinterpret_cast<const uint64_t *>(this + 1); }
    // Cell + 1 of each slot, 0 where it is free.
    uint32_t *tags() { return reinterpret_cast<uint32_t *>(counts() + slots_); }
    const uint32_t *tags() const { return reinterpret_cast<const uint32_t *>(counts() + slots_); }

    // How many slots may be in use. The smallest table may be full: it is as fast to scan as to probe.
    static uint32_t usable(uint32_t slots) { return slots == min_slots ? slots : slots / 4 * 3; }

    // The conservative update: no cell rises higher than this item's new estimate needs.
    template <uint32_t depth>
    void raise_cells(const CmsItem &item, uint64_t weight) noexcept {
        uint64_t *cell[depth];
        for (uint32_t i = 0; i < depth; ++i)
            cell[i] = counts() + item.cell(i, width_);
        uint64_t value[depth];
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < depth; ++i)
            least = std::min(least, value[i] = *cell[i]);
        for (uint32_t i = 0; i < depth; ++i)
            *cell[i] = std::max(value[i], least + weight);
    }

    void count_dense(const CmsItem &item, uint64_t weight) noexcept;
    bool count_sparse(const CmsItem &item, uint64_t weight) noexcept;
    uint32_t slot_of(uint32_t cell) const noexcept;
    void add(uint32_t cell, uint64_t count);

    uint32_t host_word_; // the caller's: PostgreSQL keeps the length of the value here
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

// Checks the invariants of a sketch, whose nonzero cells it gets in any order. They hold for every state because an update
// by weight w raises no cell by more than w, the smallest of its cells by w, and no cell above the item's cell in any other
// row; and because sums of such states are such states (docs/accuracy.md).
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
