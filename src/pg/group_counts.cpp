#include "group_counts.h"

#include <algorithm>
#include <vector>

#include "bundle_writer.h"
#include "counting_sort.h"
#include "guard.h"
#include "item_table.h"

namespace topk::pg {
namespace {

// The weight of an item in a group. A table of them has more places than pairs, and is searched from a hash on.
struct Pair {
    uint32 group; // its number plus 1; 0: none
    uint32 item;
    uint64 weight;
};

} // namespace

struct GroupCounts {
    MemoryContext context;
    Kind kind;
    uint32 values;

    ItemTable items;
    ItemTable keys; // of groups

    TileGroup *groups;
    uint32 group_count;
    uint32 group_room;
    NumberIndex group_index;

    Pair *pairs;
    uint32 pair_count;
    uint32 pair_places;
    uint64 total; // weight
};

namespace {

uint64 mix(uint64 v) {
    v *= 0x9e3779b97f4a7c15;
    return v ^ v >> 32;
}

uint64 hash_group(TimestampTz tile, uint32 key) { return mix(mix(static_cast<uint64>(tile)) + key); }

uint64 hash_pair(uint32 group, uint32 item) { return mix(static_cast<uint64>(group) << 32 | item); }

template <class T>
T *zeros(GroupCounts *counts, Size n) {
    return static_cast<T *>(MemoryContextAllocExtended(counts->context, n * sizeof(T), MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE));
}

Pair *place_of(Pair *pairs, uint32 places, uint32 group, uint32 item) {
    for (uint32 at = static_cast<uint32>(hash_pair(group, item));; ++at) {
        Pair *pair = pairs + (at &= places - 1);
        if (pair->group == 0 || (pair->group == group + 1 && pair->item == item))
            return pair;
    }
}

[[gnu::noinline]] void grow_pairs(GroupCounts *counts) {
    Pair *old = counts->pairs;
    const uint32 old_places = counts->pair_places;
    counts->pair_places *= 2;
    counts->pairs = zeros<Pair>(counts, counts->pair_places);
    for (uint32 i = 0; i < old_places; ++i)
        if (old[i].group != 0)
            *place_of(counts->pairs, counts->pair_places, old[i].group - 1, old[i].item) = old[i];
    pfree(old);
}

bool is_full(const GroupCounts *counts, uint32 more) {
    return Size{counts->pair_count} + more > counts->pair_places / 4 * 3;
}

void add_count(GroupCounts *counts, uint32 group, uint32 item, uint64 weight) {
    Pair *pair = place_of(counts->pairs, counts->pair_places, group, item);
    if (pair->group == 0) {
        if (is_full(counts, 1)) {
            grow_pairs(counts);
            pair = place_of(counts->pairs, counts->pair_places, group, item);
        }
        *pair = {group + 1, item, 0};
        ++counts->pair_count;
        ++counts->groups[group].items;
    }
    pair->weight += weight;
    counts->total += weight;
}

uint32 group_number(GroupCounts *counts, TimestampTz tile, uint32 key, uint64 hash) {
    uint32 number;
    if (counts->group_index.find(hash, &number, [&](uint32 i) {
            const TileGroup &group = counts->groups[i];
            return group.tile == tile && group.key == key;
        })) [[likely]]
        return number;
    if (counts->group_count == counts->group_room)
        double_room(counts->context, counts->groups, counts->group_count, counts->group_room, &counts->group_index,
                    [](const TileGroup &group) { return hash_group(group.tile, group.key); });
    number = counts->group_count++;
    counts->groups[number] = {tile, key, 0, 0};
    counts->group_index.link(hash, number);
    return number;
}

void sort_groups(const GroupCounts *counts, const uint32 *key_ranks, uint32 *ranks) {
    struct Place {
        TimestampTz tile;
        uint32 key;
        uint32 at;
    };
    std::vector<Place> places(counts->group_count);
    for (uint32 i = 0; i < places.size(); ++i)
        places[i] = {counts->groups[i].tile, key_ranks[counts->groups[i].key], i};
    std::sort(places.begin(), places.end(),
              [](const Place &a, const Place &b) { return a.tile != b.tile ? a.tile < b.tile : a.key < b.key; });
    for (uint32 rank = 0; rank < places.size(); ++rank)
        ranks[places[rank].at] = rank;
}

// Sets the rank of each group: by tile, then by key.
void rank_groups(const GroupCounts *counts, const uint32 *key_ranks, uint32 *ranks) {
    const TileGroup *groups = counts->groups, *end = groups + counts->group_count;
    if (std::any_of(groups, end, [=](const TileGroup &group) { return group.tile != groups->tile; })) {
        guarded([&] { sort_groups(counts, key_ranks, ranks); });
        return;
    }
    for (uint32 i = 0; i < counts->group_count; ++i) // one group for each key
        ranks[i] = key_ranks[groups[i].key];
}

// The pairs of one group after the other, each in the order of the items. It takes the places of the table.
void sort_pairs(GroupCounts *counts, const uint32 *item_ranks, const uint32 *group_ranks) {
    Pair *pairs = counts->pairs;
    uint32 n = 0;
    for (uint32 i = 0; i < counts->pair_places; ++i)
        if (pairs[i].group != 0)
            pairs[n++] = {group_ranks[pairs[i].group - 1], item_ranks[pairs[i].item], pairs[i].weight};
    auto *by_item = static_cast<Pair *>(MemoryContextAllocHuge(counts->context, (Size{n} + 1) * sizeof(Pair)));
    auto *starts = static_cast<uint32 *>(
        MemoryContextAllocHuge(counts->context, (Size{Max(counts->items.count, counts->group_count)} + 1) * sizeof(uint32)));
    distribute(pairs, by_item, n, starts, counts->items.count, [](const Pair &p) { return p.item; });
    distribute(by_item, pairs, n, starts, counts->group_count, [](const Pair &p) { return p.group; });
    pfree(starts);
    pfree(by_item);
}

} // namespace

GroupCounts *make_group_counts(MemoryContext context, Kind kind, int values) {
    auto *counts = static_cast<GroupCounts *>(MemoryContextAllocZero(context, sizeof(GroupCounts)));
    counts->context = context;
    counts->kind = kind;
    counts->values = static_cast<uint32>(values);
    init_items(&counts->items, context);
    init_items(&counts->keys, context);
    counts->group_room = 4;
    counts->groups = static_cast<TileGroup *>(MemoryContextAlloc(context, counts->group_room * sizeof(TileGroup)));
    counts->group_index = make_index(context, 2 * counts->group_room);
    counts->pair_places = 8;
    counts->pairs = zeros<Pair>(counts, counts->pair_places);
    return counts;
}

void find_groups(GroupCounts *counts, const TimestampTz *tiles, const ItemView *keys, uint32 n, uint32 *groups) {
    uint32 numbers[counted_together];
    uint64 hashes[counted_together];
    item_numbers(&counts->keys, keys, n, numbers);
    for (uint32 i = 0; i < n; ++i)
        hashes[i] = hash_group(tiles[i], numbers[i]);
    if (counts->group_count >= fits_near) {
        for (uint32 i = 0; i < n; ++i)
            counts->group_index.prefetch(hashes[i]);
        for (uint32 i = 0; i < n; ++i)
            if (const uint32 entry = counts->group_index.first_entry(hashes[i]))
                __builtin_prefetch(counts->groups + entry - 1);
    }
    for (uint32 i = 0; i < n; ++i)
        groups[i] = group_number(counts, tiles[i], numbers[i], hashes[i]);
}

TileGroup *group_at(GroupCounts *counts, uint32 group) { return counts->groups + group; }

ItemView key_at(const GroupCounts *counts, uint32 group) { return counts->keys.items[counts->groups[group].key]; }

void add_counts(GroupCounts *counts, const uint32 *groups, const ItemView *items, const uint64 *weights, uint32 n) {
    uint32 numbers[counted_together];
    item_numbers(&counts->items, items, n, numbers);
    for (uint32 i = 0; i < n && counts->pair_count >= fits_near; ++i)
        __builtin_prefetch(counts->pairs +
                           (static_cast<uint32>(hash_pair(groups[i], numbers[i])) & (counts->pair_places - 1)));
    for (uint32 i = 0; i < n; ++i)
        add_count(counts, groups[i], numbers[i], weights[i]);
}

Size next_growth(const GroupCounts *counts, uint32 n, Size bytes) {
    Size size = next_growth(&counts->items, n, bytes) + next_growth(&counts->keys, n, bytes);
    if (Size{counts->group_count} + n > counts->group_room)
        size += Size{2} * Max(counts->group_room, n) * (sizeof(TileGroup) + 2 * sizeof(uint64));
    if (is_full(counts, n))
        size += Size{2} * Max(counts->pair_places, n) * sizeof(Pair);
    return size;
}

bool fits(const GroupCounts *counts, uint64 weight) { return weight <= max_total - counts->total; }

void write_bundles(GroupCounts *counts, size_t longest, AppendBundle append, void *context) {
    if (counts->group_count == 0)
        return;
    MemoryContext caller = MemoryContextSwitchTo(counts->context);
    const auto room = [](uint32 n, Size size) { return palloc_extended((Size{n} + 1) * size, MCXT_ALLOC_HUGE); };
    auto *items = static_cast<ItemView *>(room(counts->items.count, sizeof(ItemView)));
    auto *item_ranks = static_cast<uint32 *>(room(counts->items.count, sizeof(uint32)));
    auto *group_ranks = static_cast<uint32 *>(room(counts->group_count, sizeof(uint32)));
    auto *keys = static_cast<ItemView *>(room(counts->keys.count, sizeof(ItemView)));
    auto *key_ranks = static_cast<uint32 *>(room(counts->keys.count, sizeof(uint32)));
    sort_items(&counts->items, counts->kind, items, item_ranks);
    sort_items(&counts->keys, Kind::bytea, keys, key_ranks);
    rank_groups(counts, key_ranks, group_ranks);
    sort_pairs(counts, item_ranks, group_ranks);
    pfree(item_ranks);

    static_assert(sizeof(Pair) == sizeof(Bundle::Count));
    // The counts overwrite the pairs.
    auto *sorted = reinterpret_cast<Bundle::Count *>(counts->pairs);
    for (uint32 i = 0; i < counts->pair_count; ++i) {
        const Pair pair = counts->pairs[i];
        sorted[i] = {pair.item, pair.weight};
    }
    auto *groups = static_cast<Bundle::CountedGroup *>(room(counts->group_count, sizeof(Bundle::CountedGroup)));
    auto *tiles = static_cast<TimestampTz *>(room(counts->group_count, sizeof(TimestampTz)));
    for (uint32 i = 0; i < counts->group_count; ++i) {
        const TileGroup &group = counts->groups[i];
        const uint32 rank = group_ranks[i];
        groups[rank] = {keys[key_ranks[group.key]], static_cast<uint64>(group.events), nullptr, group.items};
        tiles[rank] = group.tile;
    }
    for (uint32 i = 0; i < counts->group_count; ++i) {
        groups[i].counts = sorted;
        sorted += groups[i].count;
    }
    write_bundles({counts->kind, counts->values, items, counts->items.count, groups, tiles, counts->group_count}, longest,
                  append, context);
    MemoryContextSwitchTo(caller);
}

} // namespace topk::pg
