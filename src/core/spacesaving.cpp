#include "spacesaving.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace topk {

const char *kind_name(Kind kind) {
    switch (kind) {
        case Kind::none: return "none";
        case Kind::text: return "text";
        case Kind::bigint: return "bigint";
        case Kind::uuid: return "uuid";
        case Kind::bytea: return "bytea";
    }
    return "unknown";
}

namespace {

// Cells of the filter for each counter. In measurements, a filter cell of two stored bytes gave more accuracy than a larger
// capacity.
constexpr uint32_t filter_cells_per_counter = 8;

// The size limit of a PostgreSQL value.
constexpr uint64_t max_block_size = 0x3fffffff;

// Debug builds check all invariants after each new item up to this capacity; in larger summaries, only after each purge.
[[maybe_unused]] constexpr uint32_t checked_capacity = 64;

// A summary that grows beyond this number of entries reserves an eighth more bytes for each new item than the items so far
// take: in real streams, rare items are longer.
constexpr uint64_t arena_slack_from = 256;

// Blocks up to this size are rounded up to a power of two, as PostgreSQL's allocator would do; items use the rest.
constexpr uint64_t max_rounded_block = 8192;

} // namespace

uint32_t SpaceSaving::filter_width_for(uint32_t capacity) { return std::bit_ceil(filter_cells_per_counter * capacity); }

uint64_t SpaceSaving::size_of(const Layout &l) {
    return sizeof(SpaceSaving) + uint64_t{l.room} * sizeof(Entry) + uint64_t{l.filter_width} * sizeof(uint64_t) +
           uint64_t{l.index_size} * sizeof(uint32_t) + l.arena_room;
}

SpaceSaving::Layout SpaceSaving::layout_for(uint32_t capacity, uint64_t room, uint64_t arena_room, bool purged) {
    Layout l{};
    l.capacity = capacity;
    l.room = static_cast<uint32_t>(room);
    l.index_size = room <= unindexed_room ? 0 : 4 * std::bit_ceil(l.room);
    l.filter_width = purged || room >= capacity ? filter_width_for(capacity) : 0;
    l.arena_room = (arena_room + 7) & ~uint64_t{7}; // aligns the filter behind it
    l.size = size_of(l);
    if (l.size <= max_rounded_block) {
        const uint64_t rounded = std::bit_ceil(l.size);
        l.arena_room += rounded - l.size;
        l.size = rounded;
    }
    if (l.size > max_block_size)
        throw Error(Errc::too_large, "spacesaving state would need %llu bytes, the limit is %llu",
                    static_cast<unsigned long long>(l.size), static_cast<unsigned long long>(max_block_size));
    return l;
}

SpaceSaving::Layout SpaceSaving::initial_layout(uint32_t capacity, uint64_t first_item_length) {
    if (capacity < 1 || capacity > max_capacity)
        throw Error(Errc::invalid_parameter, "capacity must be between 1 and %u", max_capacity);
    return layout_for(capacity, std::min(capacity, 4u), first_item_length, false);
}

SpaceSaving::Layout SpaceSaving::load_layout(const Shape &stored) {
    return layout_for(stored.capacity, std::max(stored.entries, 1u), stored.key_bytes, stored.purged);
}

SpaceSaving::Layout SpaceSaving::roomy_layout(const Shape &stored) {
    // The room for bytes of items is bounded, as items may be long: more is made when they come.
    constexpr uint64_t most = 1 << 20;
    const uint64_t full = stored.key_bytes / std::max(stored.entries, 1u) * stored.capacity;
    const uint64_t key_bytes = std::max(stored.key_bytes, std::min(full, stored.key_bytes + most));
    return layout_for(stored.capacity, stored.capacity, key_bytes, stored.purged);
}

SpaceSaving *SpaceSaving::create(void *block, const Layout &layout, uint32_t k) {
    auto *s = static_cast<SpaceSaving *>(block);
    memset(block, 0, sizeof(SpaceSaving));
    s->magic_ = live_magic;
    s->capacity_ = layout.capacity;
    s->k_ = k;
    s->room_ = layout.room;
    s->index_size_ = layout.index_size;
    s->filter_width_ = layout.filter_width;
    s->arena_room_ = static_cast<uint32_t>(layout.arena_room);
    memset(s->index(), 0, layout.index_size * sizeof(uint32_t));
    memset(s->filter(), 0, layout.filter_width * sizeof(uint64_t));
    return s;
}

uint64_t SpaceSaving::block_size() const { return size_of({capacity_, room_, index_size_, filter_width_, arena_room_, 0}); }

SpaceSaving::Layout SpaceSaving::grown_layout(const Item &item) const {
    uint64_t room = room_;
    if (entries_ == room_)
        room = std::max<uint64_t>(room_, std::min<uint64_t>(2 * uint64_t{room_}, capacity_));
    uint64_t arena = arena_room_;
    if (room > room_) // room for items of the average length so far
        arena = std::max<uint64_t>(arena, uint64_t{arena_used_} * room / std::max(entries_, 1u));
    if (room > std::max<uint64_t>(room_, arena_slack_from))
        arena += arena / 8;
    if (arena < uint64_t{arena_used_} + item.length)
        arena = uint64_t{arena_used_} + item.length + arena_used_ / 2;
    return layout_for(capacity_, room, arena, floor_ != 0);
}

bool SpaceSaving::fits(const Shape &source) const {
    check_mergeable(source);
    const uint64_t entries = uint64_t{entries_} + source.entries;
    const bool filter = source.purged || entries > capacity_;
    return source.capacity >= capacity_ && entries <= room_ && arena_used_ + source.key_bytes <= arena_room_ &&
           (!filter || filter_width_ != 0);
}

SpaceSaving::Layout SpaceSaving::merge_layout(const Shape &source) const {
    const uint32_t capacity = std::min(capacity_, source.capacity);
    // The next merge of an aggregate will need as much room again, so reserve it now.
    const uint64_t entries = uint64_t{entries_} + source.entries;
    const uint64_t doubled = std::bit_ceil(std::max<uint64_t>(entries, 2));
    const uint64_t room = std::max(entries, std::min<uint64_t>(doubled, 2 * uint64_t{capacity}));
    const uint64_t bytes = arena_used_ + source.key_bytes;
    const uint64_t spare = entries_ == 0 ? 0 : bytes / 4;
    return layout_for(capacity, room, bytes + spare, floor_ != 0 || source.purged || entries > capacity);
}

SpaceSaving *SpaceSaving::relocate(const SpaceSaving &from, void *block, const Layout &layout) {
    assert(layout.room >= from.entries_ && layout.arena_room >= from.arena_used_);
    SpaceSaving *to = create(block, layout, from.k_);
    to->kind_ = from.kind_;
    to->total_ = from.total_;
    to->floor_ = from.floor_;
    to->entries_ = from.entries_;
    to->arena_used_ = from.arena_used_;
    memcpy(to->entries(), from.entries(), from.entries_ * sizeof(Entry));
    memcpy(to->arena(), from.arena(), from.arena_used_);
    if (from.floor_ != 0) // both widths are powers of two; each cell of a narrower filter is the sum of several cells
        for (uint32_t i = 0; i < from.filter_width_; ++i)
            to->filter()[i & (to->filter_width_ - 1)] += from.filter()[i];
    to->rebuild_index();
    assert(to->entries_ > to->capacity_ || to->violated_invariant() == nullptr || from.violated_invariant() != nullptr);
    return to;
}

void SpaceSaving::set_capacity(uint32_t capacity) {
    assert(floor_ == 0 && capacity >= entries_);
    capacity_ = capacity;
}

SpaceSaving::Layout SpaceSaving::shrunk_layout(uint32_t capacity) const {
    const uint64_t room = std::max(entries_, capacity);
    return layout_for(capacity, room, uint64_t{arena_used_} + arena_used_ / 8, true);
}

void SpaceSaving::shrink(const Evictions *evictions) {
    if (entries_ > capacity_)
        purge(capacity_, capacity_, evictions);
}

void SpaceSaving::check_kind(Kind kind) const {
    if (kind_ != kind && kind_ != Kind::none && kind != Kind::none)
        throw Error(Errc::mismatch, "spacesaving state counts items of type %s, not %s", kind_name(kind_), kind_name(kind));
}

Frequency SpaceSaving::frequency(const Item &item) const {
    if (const Entry *e = const_cast<SpaceSaving *>(this)->find(item))
        return {e->count, e->count - e->error, e->count, e->count};
    const uint64_t upper = unmonitored_bound(item.hash);
    return {upper, 0, upper, upper};
}

void SpaceSaving::require_kind(Kind kind) {
    check_kind(kind);
    if (kind != Kind::none)
        kind_ = kind;
}

void SpaceSaving::check_mergeable(const Shape &source) const {
    if (source.total > max_total - total_)
        throw Error(Errc::out_of_range, "total weight of spacesaving state would exceed %llu",
                    static_cast<unsigned long long>(max_total));
    if (k_ != 0 && source.k != 0 && k_ != source.k)
        throw Error(Errc::mismatch, "cannot merge top-k states with k = %u and k = %u", k_, source.k);
    check_kind(source.kind);
}

void SpaceSaving::link(uint64_t hash, uint32_t position) {
    if (index_size_ == 0)
        return;
    const uint32_t mask = index_size_ - 1;
    uint32_t *words = index();
    uint32_t at = static_cast<uint32_t>(hash) & mask;
    while (words[at] != 0)
        at = (at + 1) & mask;
    words[at] = tag(hash) | (position + 1);
}

void SpaceSaving::rebuild_index() {
    memset(index(), 0, index_size_ * sizeof(uint32_t));
    for (uint32_t i = 0; i < entries_; ++i)
        link(entries()[i].hash, i);
}

void SpaceSaving::append(const Item &item, uint64_t count, uint64_t error) {
    entries()[entries_] = {item.hash, count, error, arena_used_, item.length};
    if (item.length != 0)
        memcpy(arena() + arena_used_, item.data, item.length);
    link(item.hash, entries_);
    ++entries_;
    arena_used_ += item.length;
}

bool SpaceSaving::insert(const Item &item, uint64_t weight, uint64_t limit, const Evictions *evictions) {
    assert(weight > 0);
    if (item.length > max_item_length)
        throw Error(Errc::too_large, "item of %u bytes exceeds the maximum of %u bytes", item.length, max_item_length);
    if (weight > max_total - total_)
        throw Error(Errc::out_of_range, "total weight of spacesaving state would exceed %llu",
                    static_cast<unsigned long long>(max_total));
    assert(find(item) == nullptr);
    if (entries_ == capacity_) [[unlikely]]
        purge(kept_at_purge(capacity_), kept_at_purge(capacity_) / 2, evictions);
    if (!has_room(item.length)) [[unlikely]]
        return false;
    const uint64_t error = std::min(unmonitored_bound(item.hash), std::max(limit, weight) - weight);
    append(item, error + weight, error);
    total_ += weight;
    assert(capacity_ > checked_capacity || violated_invariant() == nullptr);
    return true;
}

// Returns the nth largest count (the largest for 1) and sets `larger` to the number of counts above it. It counts instead of
// using std::nth_element, because many counts are just above the floor, and because it needs no memory. The first pass uses
// buckets of at most 1/16 relative width; the next passes divide the bucket that has the wanted rank.
uint64_t SpaceSaving::nth_largest_count(const uint32_t nth, uint32_t &larger) const {
    uint32_t rank = nth; // among the counts that are not known to be larger
    constexpr uint32_t buckets = 1024;
    uint32_t histogram[buckets];
    const Entry *first = entries(), *last = first + entries_;

    const auto bucket_of = [](uint64_t x) -> uint32_t {
        if (x < 32)
            return static_cast<uint32_t>(x);
        const unsigned exponent = std::bit_width(x) - 1;
        return 32 + (exponent - 5) * 16 + static_cast<uint32_t>((x >> (exponent - 4)) & 15);
    };
    const auto holds_rank = [&](uint32_t used) {
        uint32_t b = used - 1;
        for (; histogram[b] < rank; --b)
            rank -= histogram[b];
        return b;
    };

    memset(histogram, 0, sizeof(histogram));
    for (const Entry *e = first; e != last; ++e)
        ++histogram[bucket_of(e->count)];
    const uint32_t b = holds_rank(buckets);
    larger = nth - rank;
    if (b < 32)
        return b;
    unsigned shift = (b - 32) / 16 + 1; // the width of the bucket is 2^shift
    uint64_t low = uint64_t{16 + (b - 32) % 16} << shift;

    while (shift > 0) {
        const unsigned step = shift > 10 ? shift - 10 : 0;
        memset(histogram, 0, sizeof(histogram));
        for (const Entry *e = first; e != last; ++e)
            if (const uint64_t x = e->count - low; x >> shift == 0) // wraps around if count < low, and is left out then
                ++histogram[x >> step];
        low += uint64_t{holds_rank(1u << (shift - step))} << step;
        shift = step;
    }
    larger = nth - rank;
    return low;
}

// Chooses at most `most` of the entries with this count, independently of their order: those whose first hash bits are below
// the result.
uint32_t SpaceSaving::first_ties(uint64_t count, uint32_t most) const {
    constexpr uint32_t buckets = 1u << tie_bits;
    uint32_t histogram[buckets] = {};
    for (const Entry *e = entries(), *end = e + entries_; e != end; ++e)
        histogram[e->hash >> (64 - tie_bits)] += e->count == count;
    uint32_t b = 0;
    for (; b < buckets && histogram[b] <= most; ++b)
        most -= histogram[b];
    return b;
}

// Drops every entry whose count is not among the `keep` largest. The (keep+1)-th largest count becomes the floor. Entries
// with that count are dropped too, unless fewer than `fill` would be left: a stream of distinct items must not empty the
// summary.
void SpaceSaving::purge(uint32_t keep, uint32_t fill, const Evictions *evictions) {
    assert(entries_ > keep && fill <= keep && filter_width_ != 0);
    uint32_t larger;
    const uint64_t threshold = nth_largest_count(keep + 1, larger);
    const uint32_t ties = larger < fill ? first_ties(threshold, fill - larger) : 0;
    Entry *kept = entries();
    uint32_t used = 0;
    uint8_t *bytes = arena();
    uint64_t *cells = filter();
    for (Entry *e = entries(), *end = e + entries_; e != end; ++e) {
        if (e->count < threshold || (e->count == threshold && e->hash >> (64 - tie_bits) >= ties)) {
            cells[filter_cell(e->hash, filter_width_)] += e->count - e->error;
            if (evictions != nullptr)
                evictions->evicted(evictions->context, bytes + e->offset, *e);
            continue;
        }
        // Entries are in the order of their bytes in the arena, so the bytes only move down.
        if (e->offset != used)
            memmove(bytes + used, bytes + e->offset, e->length);
        *kept = *e;
        kept->offset = used;
        used += kept->length;
        ++kept;
    }
    entries_ = static_cast<uint32_t>(kept - entries());
    arena_used_ = used;
    floor_ = std::max(floor_, threshold);
    rebuild_index();
    assert(violated_invariant() == nullptr);
}

const char *SpaceSaving::violated_invariant() const {
    const uint64_t keep = kept_at_purge(capacity_);
    uint64_t held = 0;   // weight in entries and filter, which must be the total weight
    uint64_t excess = 0; // the potential of docs/accuracy.md
    uint64_t used = 0;
    if (entries_ > capacity_ || entries_ > room_)
        return "more entries than the capacity allows";
    for (const Entry *e = entries(), *end = e + entries_; e != end; ++e) {
        if (e->error >= e->count)
            return "error not below count";
        if (e->error > unmonitored_bound(e->hash))
            return "error above the bound of unmonitored items";
        if (e->count > total_)
            return "count above the total weight";
        if (e->offset != used)
            return "item bytes out of order";
        used += e->length;
        if (held > total_ - (e->count - e->error) || excess > total_ - (e->count > floor_ ? e->count - floor_ : 0))
            return "counted weight above the total weight";
        held += e->count - e->error;
        excess += e->count > floor_ ? e->count - floor_ : 0;
    }
    if (floor_ != 0)
        for (uint32_t i = 0; i < filter_width_; ++i) {
            if (filter()[i] > total_ - held)
                return "filtered weight above the total weight";
            held += filter()[i];
        }
    if (held != total_)
        return "counted and filtered weight differ from the total weight";
    if (floor_ > (total_ - excess) / (keep + 1))
        return "floor above its bound";
    if (used != arena_used_)
        return "item bytes of no entry";
    return nullptr;
}

const char *SpaceSaving::violated_invariant(const CountMin &sketch) const {
    if (sketch.total() != total_)
        return "summary and sketch of different events";
    for (const Entry *e = entries(), *end = e + entries_; e != end; ++e)
        if (e->count > sketch.estimate(sketch.key_of(key(*e), e->length)))
            return "count above the estimate of the sketch";
    return violated_invariant();
}

} // namespace topk
