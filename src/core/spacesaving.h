// Space-Saving finds the heavy hitters of a stream with a fixed number of counters, and bounds the error of every answer.
//
// Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams", ICDT 2005; evictions
// in batches after Anderson et al., "A High-Performance Algorithm for Identifying Frequent Items in Data Streams", IMC 2017;
// the filter of unmonitored weight after Homem and Carvalho, "Finding top-k elements in data streams", Inf. Sci. 2010.
// Theorems and proofs: docs/accuracy.md. Stored bytes: spacesaving_format.h.
#pragma once

#include <algorithm>

#include "cms.h"
#include "error.h"
#include "item.h"

namespace topk {

inline constexpr uint32_t max_capacity = 1000000;

class StoredSpaceSaving;

// A summary in one contiguous block that the caller owns: this header, then the index, the entries, the bytes of the
// monitored items (the arena) and the filter, in the order in which counting an event uses them. The block has no pointers,
// so a copy of its bytes is a copy of the summary. An operation that lacks room reports that instead of allocating memory;
// the caller then moves the summary to a larger block with relocate().
class SpaceSaving {
public:
    using Stored = StoredSpaceSaving;
    using Key = Item;
    static constexpr const char *type_name = "spacesaving";
    static Key key_of(const void *data, size_t length) { return Item(data, length); }

    struct Entry {
        uint64_t hash;
        uint64_t count; // upper bound of the item's weight
        uint64_t error; // count - error is the lower bound
        uint32_t offset;
        uint32_t length;
    };

    // The parts of a block. Only the layout functions below create a Layout.
    struct Layout {
        uint32_t capacity;
        uint32_t room;
        uint32_t index_size;
        uint32_t filter_width;
        uint64_t arena_room;
        uint64_t size;
    };

    // insert() and shrink() call this for the items that are dropped to make room for others.
    struct Evictions {
        void (*evicted)(void *context, const uint8_t *key, const Entry &entry) noexcept;
        void *context;
    };

    // The properties of the other summary that merging needs in advance.
    struct Shape {
        uint32_t capacity;
        uint32_t entries;
        uint64_t key_bytes;
        bool purged;
        Kind kind;
        uint32_t k;
        uint64_t total;
    };

    // capacity: 1 to max_capacity counters.
    static Layout initial_layout(uint32_t capacity, uint64_t first_item_length);
    // For an empty summary into which a stored one will be merged.
    static Layout load_layout(const Shape &stored);
    // The same, with room for as many items as the capacity allows.
    static Layout roomy_layout(const Shape &stored);
    // k is the number of items that topk_agg() reports, 0 for other summaries.
    static SpaceSaving *create(void *block, const Layout &layout, uint32_t k = 0);

    // The block that insert() needs after it has returned false.
    Layout grown_layout(const Item &item) const;
    // Returns whether merge() can work in this block; throws the errors that merge() would throw in any block. Otherwise,
    // merge_layout() returns the block that it needs. Its capacity may be below the number of entries, so call only merge()
    // next.
    bool fits(const Shape &source) const;
    Layout merge_layout(const Shape &source) const;
    static SpaceSaving *relocate(const SpaceSaving &from, void *block, const Layout &layout);

    // An exact summary may monitor any number of items. set_capacity() sets how many, at least as many as it has.
    // shrunk_layout() is the block in which shrink() gives it this capacity; that may end its exactness.
    void set_capacity(uint32_t capacity);
    Layout shrunk_layout(uint32_t capacity) const;
    void shrink(const Evictions *evictions = nullptr);

    // True if this is the memory of a summary, and not its stored bytes.
    bool is_live() const { return magic_ == live_magic; }

    // Counts an item if it is monitored, or if its bound stays at or below the floor. The latter item cannot be among the
    // largest, so its weight is added to the filter and needs no entry. If it returns false, nothing has changed, and the
    // caller must call insert(). The weight must be positive.
    [[gnu::always_inline]] bool count(const Item &item, uint64_t weight) noexcept {
        return count_monitored(item, weight) || count_filtered(item, weight);
    }

    // Does the same with a limit: an upper bound of the weight of the item including this event, which a Count-Min sketch of
    // the same events gives. no_limit stands for none.
    bool count(const Item &item, uint64_t weight, uint64_t limit) noexcept {
        if (weight > max_total - total_) [[unlikely]]
            return false;
        if (Entry *entry = find(item)) {
            const uint64_t own = entry->count - entry->error + weight;
            entry->count = std::max(own, std::min(entry->count + weight, limit));
            entry->error = entry->count - own;
            total_ += weight;
            return true;
        }
        return count_filtered(item, weight, limit);
    }
    static constexpr uint64_t no_limit = UINT64_MAX;

    // The two halves of count(). The second one is for items that are not monitored.
    [[gnu::always_inline]] bool count_monitored(const Item &item, uint64_t weight) noexcept {
        if (weight > max_total - total_) [[unlikely]]
            return false;
        Entry *entry = find(item);
        if (entry == nullptr)
            return false;
        entry->count += weight;
        total_ += weight;
        return true;
    }
    [[gnu::always_inline]] bool count_filtered(const Item &item, uint64_t weight, uint64_t limit = no_limit) noexcept {
        if (floor_ == 0)
            return false;
        uint64_t &cell = filter()[filter_cell(item.hash, filter_width_)];
        if (std::min(cell + weight, limit) > floor_)
            return false;
        if (item.length > max_item_length || weight > max_total - total_) [[unlikely]]
            return false;
        cell += weight;
        total_ += weight;
        return true;
    }

    // Adds an item after count() has returned false. If this returns false too, the item is not counted, and the caller must
    // move the summary to the block of grown_layout() first. Throws out_of_range if the total would exceed max_total, and
    // too_large for an item longer than max_item_length.
    bool insert(const Item &item, uint64_t weight, uint64_t limit = no_limit, const Evictions *evictions = nullptr);

    // Adds a stored summary, which must fit. The result has the smaller of the two capacities. Throws mismatch for different
    // kinds or k, and out_of_range if the total would exceed max_total; nothing has changed then. It checks the bytes while
    // it reads them and throws malformed; this summary must not be used after that.
    // Sketches of the events of this summary (here) and of the source (there), if given, bound the weight of an item that a
    // side does not monitor. With `times`, the events of the source count so many times.
    void merge(const StoredSpaceSaving &source, const CountMin *here = nullptr, const CountMin *there = nullptr,
               uint64_t times = 1);

    // Sets the kind if no item has been counted yet; throws mismatch if the state has another kind.
    void require_kind(Kind kind);

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint64_t floor() const { return floor_; }
    uint32_t capacity() const { return capacity_; }
    uint32_t k() const { return k_; }
    uint32_t size() const { return entries_; }
    uint32_t filter_width() const { return filter_width_; }
    uint64_t block_size() const;

    // Number of entries that a full summary keeps when it makes room, the m in the bound U <= N / (m + 1).
    static constexpr uint32_t kept_at_purge(uint32_t capacity) { return capacity - capacity / 8 - (capacity < 8); }
    static uint32_t filter_width_for(uint32_t capacity);

    // Returns the first documented invariant that does not hold, or nullptr; takes O(size).
    const char *violated_invariant() const;
    // Does the same for a summary that was always given limits and sketches; takes the sketch of its events.
    const char *violated_invariant(const CountMin &sketch) const;

    const Entry *entries() const { return reinterpret_cast<const Entry *>(index() + index_size_); }
    const uint64_t *filter() const { return reinterpret_cast<const uint64_t *>(arena() + arena_room_); }
    const uint8_t *key(const Entry &entry) const { return arena() + entry.offset; }

    // Returns the upper bound of the weight of an item that has no entry.
    uint64_t unmonitored_bound(uint64_t hash) const {
        return floor_ == 0 ? 0 : std::min(floor_, filter()[filter_cell(hash, filter_width_)]);
    }

    // The index, the tags and the filter use different bits of the hash.
    static uint32_t filter_cell(uint64_t hash, uint32_t width) { return static_cast<uint32_t>(hash >> 28) & (width - 1); }
    // A hash that has this cell in any width above the cell.
    static uint64_t hash_of_cell(uint32_t cell) { return uint64_t{cell} << 28; }

    // Like StoredSpaceSaving::frequency().
    Frequency frequency(const Item &item) const;

    uint64_t key_bytes() const { return arena_used_; }

private:
    static constexpr uint32_t live_magic = 0x53534cfe;
    static constexpr uint32_t unindexed_room = 8; // up to this room, a scan of the entries is faster than an index
    static constexpr unsigned id_bits = 22;       // bits of an index word for the entry; the others are a tag of the hash
    static constexpr uint32_t id_mask = (1u << id_bits) - 1;
    static_assert(2 * max_capacity < id_mask);
    static constexpr unsigned tie_bits = 10; // bits of the hash that choose among entries with equal counts

    static Layout layout_for(uint32_t capacity, uint64_t room, uint64_t arena_room, bool purged);
    static uint64_t size_of(const Layout &layout);

    uint32_t *index() { return reinterpret_cast<uint32_t *>(this + 1); }
    const uint32_t *index() const { return reinterpret_cast<const uint32_t *>(this + 1); }
    Entry *entries() { return reinterpret_cast<Entry *>(index() + index_size_); }
    uint8_t *arena() { return reinterpret_cast<uint8_t *>(entries() + room_); }
    const uint8_t *arena() const { return reinterpret_cast<const uint8_t *>(entries() + room_); }
    uint64_t *filter() { return reinterpret_cast<uint64_t *>(arena() + arena_room_); }

    static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) & ~id_mask; }

    bool is(const Entry &entry, const Item &item) const {
        return entry.hash == item.hash && entry.length == item.length &&
               equal_bytes(arena() + entry.offset, item.data, item.length);
    }

    [[gnu::always_inline]] Entry *find(const Item &item) noexcept {
        if (index_size_ == 0) {
            for (Entry *e = entries(), *end = e + entries_; e != end; ++e)
                if (is(*e, item))
                    return e;
            return nullptr;
        }
        const uint32_t mask = index_size_ - 1;
        const uint32_t wanted = tag(item.hash);
        const uint32_t *words = index();
        for (uint32_t at = static_cast<uint32_t>(item.hash) & mask;; at = (at + 1) & mask) {
            const uint32_t word = words[at];
            if (word == 0)
                return nullptr;
            if ((word & ~id_mask) == wanted) {
                Entry *e = entries() + (word & id_mask) - 1;
                if (is(*e, item)) [[likely]]
                    return e;
            }
        }
    }

    bool has_room(uint32_t length) const { return entries_ < room_ && length <= arena_room_ - arena_used_; }
    void check_kind(Kind kind) const;
    void check_mergeable(const Shape &source) const;
    void append(const Item &item, uint64_t count, uint64_t error);
    void link(uint64_t hash, uint32_t position);
    void rebuild_index();
    uint64_t nth_largest_count(uint32_t nth, uint32_t &larger) const;
    uint32_t first_ties(uint64_t count, uint32_t most) const;
    void purge(uint32_t keep, uint32_t fill, const Evictions *evictions = nullptr);

    uint32_t host_word_; // belongs to the caller: PostgreSQL stores the length of the value here
    uint32_t magic_;
    uint64_t total_;
    uint64_t floor_;
    uint32_t capacity_;
    uint32_t k_;
    uint32_t entries_;
    uint32_t room_;
    uint32_t index_size_;
    uint32_t filter_width_;
    uint32_t arena_used_;
    uint32_t arena_room_;
    Kind kind_;
    uint8_t unused_[7];
};

static_assert(sizeof(SpaceSaving) % alignof(SpaceSaving::Entry) == 0);

} // namespace topk
