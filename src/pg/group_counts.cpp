#include "group_counts.h"

#include <algorithm>

#include "../core/item_order.h"
#include "guard.h"

namespace topk::pg {
namespace {

constexpr Size chunk_size = 64 * 1024; // of the bytes of items and keys

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

    ItemView *items;
    uint32 item_count;
    uint32 item_room;
    uint64 *item_index; // of each place the number of an item plus 1, and above it half of the item's hash
    uint32 item_places; // a power of 2, as the others

    TileGroup *groups;
    uint32 group_count;
    uint32 group_room;
    uint64 *group_index;
    uint32 group_places;

    Pair *pairs;
    uint32 pair_count;
    uint32 pair_places;
    uint64 total; // weight

    uint8 *chunk;
    Size chunk_left;
    Size next_chunk;
};

namespace {

uint64 mix(uint64 v) {
    v *= 0x9e3779b97f4a7c15;
    return v ^ v >> 32;
}

uint64 hash_group(TimestampTz tile, const ItemView &key) {
    return XXH3_64bits_withSeed(key.data, key.length, mix(static_cast<uint64>(tile)));
}

uint64 hash_pair(uint32 group, uint32 item) { return mix(static_cast<uint64>(group) << 32 | item); }

template <class T>
T *zeros(GroupCounts *counts, Size n) {
    return static_cast<T *>(MemoryContextAllocExtended(counts->context, n * sizeof(T), MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE));
}

const uint8 *keep(GroupCounts *counts, const void *data, size_t length) {
    if (length > counts->chunk_left) {
        counts->chunk_left = Max(counts->next_chunk, length);
        counts->chunk = static_cast<uint8 *>(MemoryContextAlloc(counts->context, counts->chunk_left));
        counts->next_chunk = Min(2 * counts->next_chunk, chunk_size);
    }
    uint8 *place = counts->chunk;
    if (length != 0)
        memcpy(place, data, length);
    counts->chunk += length;
    counts->chunk_left -= length;
    return place;
}

// The index of items or groups: entries are (upper half of hash, number + 1).
void link(uint64 *index, uint32 places, uint64 hash, uint32 number) {
    uint32 at = static_cast<uint32>(hash);
    while (index[at &= places - 1] != 0)
        ++at;
    index[at] = (hash >> 32) << 32 | (number + 1);
}

template <class Is>
bool find(const uint64 *index, uint32 places, uint64 hash, uint32 *number, const Is &is) {
    for (uint32 at = static_cast<uint32>(hash);; ++at) {
        const uint64 entry = index[at &= places - 1];
        if (entry == 0)
            return false;
        if (entry >> 32 == hash >> 32) {
            *number = static_cast<uint32>(entry) - 1;
            if (is(*number))
                return true;
        }
    }
}

template <class T, class Hash>
[[gnu::noinline]] void grow(GroupCounts *counts, T *&elements, uint32 count, uint32 &room, uint64 *&index, uint32 &places,
                            const Hash &hash) {
    room *= 2;
    elements = static_cast<T *>(repalloc_huge(elements, room * sizeof(T)));
    pfree(index);
    places = 2 * room;
    index = zeros<uint64>(counts, places);
    for (uint32 i = 0; i < count; ++i)
        link(index, places, hash(elements[i]), i);
}

uint64 hash_item(const ItemView &item) { return XXH3_64bits(item.data, item.length); }

uint32 find_item(GroupCounts *counts, const void *data, size_t length) {
    const ItemView item = {static_cast<const uint8 *>(data), static_cast<uint32>(length)};
    const uint64 hash = hash_item(item);
    uint32 number;
    if (find(counts->item_index, counts->item_places, hash, &number, [&](uint32 i) {
            return counts->items[i].length == length && equal_bytes(counts->items[i].data, item.data, item.length);
        })) [[likely]]
        return number;
    if (counts->item_count == counts->item_room)
        grow(counts, counts->items, counts->item_count, counts->item_room, counts->item_index, counts->item_places,
             hash_item);
    number = counts->item_count++;
    counts->items[number] = {keep(counts, data, length), item.length};
    link(counts->item_index, counts->item_places, hash, number);
    return number;
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

bool is_full(const GroupCounts *counts) { return counts->pair_count >= counts->pair_places / 4 * 3; }

void sort_items(const GroupCounts *counts, ItemView *items, uint32 *ranks) {
    const auto item = [&](uint32 i) { return counts->items[i]; };
    uint32 rank = 0;
    for (const ItemPlace &place : in_order(counts->kind, counts->item_count, item)) {
        items[rank] = item(place.at);
        ranks[place.at] = rank++;
    }
}

void sort_groups(const GroupCounts *counts, uint32 *order, uint32 *ranks) {
    const TileGroup *groups = counts->groups;
    std::vector<ItemPlace> places = in_order(Kind::bytea, counts->group_count, [&](uint32 i) { return groups[i].key; });
    const auto other_tile = [&](const ItemPlace &place) { return groups[place.at].tile != groups[0].tile; };
    if (std::any_of(places.begin(), places.end(), other_tile))
        std::stable_sort(places.begin(), places.end(),
                         [&](const ItemPlace &a, const ItemPlace &b) { return groups[a.at].tile < groups[b.at].tile; });
    for (uint32 rank = 0; rank < places.size(); ++rank) {
        order[rank] = places[rank].at;
        ranks[places[rank].at] = rank;
    }
}

// Distributes the pairs by a rank below n. starts has n + 1 elements.
template <class Rank, class From, class To>
void distribute(const From *from, To *to, uint32 count, uint32 *starts, uint32 n, const Rank &rank) {
    memset(starts, 0, (Size{n} + 1) * sizeof(uint32));
    for (uint32 i = 0; i < count; ++i)
        ++starts[rank(from[i]) + 1];
    for (uint32 i = 0; i < n; ++i)
        starts[i + 1] += starts[i];
    for (uint32 i = 0; i < count; ++i)
        to[starts[rank(from[i])]++] = from[i];
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
        MemoryContextAllocHuge(counts->context, (Size{Max(counts->item_count, counts->group_count)} + 1) * sizeof(uint32)));
    distribute(pairs, by_item, n, starts, counts->item_count, [](const Pair &p) { return p.item; });
    distribute(by_item, pairs, n, starts, counts->group_count, [](const Pair &p) { return p.group; });
    pfree(starts);
    pfree(by_item);
}

struct BundleWriter {
    GroupCounts *counts;
    size_t longest;
    void (*append)(void *context, const TileBundle &bundle);
    void *context;
    MemoryContext scratch;
    const ItemView *items;
    const Bundle::CountedGroup *groups; // in order
    uint32 *positions;
};

// Writes the groups from first to last, of one tile, as one bundle, or as two if that would be too long.
void write_groups(const BundleWriter *writer, TimestampTz tile, uint32 first, uint32 last) {
    CHECK_FOR_INTERRUPTS();
    const GroupCounts *counts = writer->counts;
    const Bundle::Content content = {counts->kind, counts->values, writer->items, writer->groups + first, last - first};
    size_t size = 0;
    guarded([&] { size = Bundle::bound(content, writer->positions); });
    auto *bytes = static_cast<struct varlena *>(palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE));
    guarded([&] { size = Bundle::write(content, writer->positions, reinterpret_cast<uint8_t *>(VARDATA(bytes))); });
    if (size > writer->longest && last - first > 1) {
        pfree(bytes);
        const uint32 middle = first + (last - first) / 2;
        write_groups(writer, tile, first, middle);
        write_groups(writer, tile, middle, last);
        return;
    }
    if (size > MaxAllocSize - VARHDRSZ)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the counts of a group are too large")));
    SET_VARSIZE(bytes, VARHDRSZ + size);
    TileBundle bundle = {tile, 0, bytes};
    for (uint32 i = first; i < last; ++i)
        bundle.events += static_cast<int64>(writer->groups[i].events);
    writer->append(writer->context, bundle);
    MemoryContextReset(writer->scratch);
}

} // namespace

GroupCounts *make_group_counts(MemoryContext context, Kind kind, int values) {
    auto *counts = static_cast<GroupCounts *>(MemoryContextAllocZero(context, sizeof(GroupCounts)));
    counts->context = context;
    counts->kind = kind;
    counts->values = static_cast<uint32>(values);
    counts->item_room = counts->group_room = 4;
    counts->item_places = counts->group_places = counts->pair_places = 8;
    counts->items = static_cast<ItemView *>(MemoryContextAlloc(context, counts->item_room * sizeof(ItemView)));
    counts->groups = static_cast<TileGroup *>(MemoryContextAlloc(context, counts->group_room * sizeof(TileGroup)));
    counts->item_index = zeros<uint64>(counts, counts->item_places);
    counts->group_index = zeros<uint64>(counts, counts->group_places);
    counts->pairs = zeros<Pair>(counts, counts->pair_places);
    counts->next_chunk = 256;
    return counts;
}

bool is_empty(const GroupCounts *counts) { return counts->group_count == 0; }

uint32 find_group(GroupCounts *counts, TimestampTz tile, const ItemView &key) {
    const uint64 hash = hash_group(tile, key);
    uint32 number;
    if (find(counts->group_index, counts->group_places, hash, &number, [&](uint32 i) {
            const TileGroup &group = counts->groups[i];
            return group.tile == tile && group.key.length == key.length && equal_bytes(group.key.data, key.data, key.length);
        })) [[likely]]
        return number;
    if (counts->group_count == counts->group_room)
        grow(counts, counts->groups, counts->group_count, counts->group_room, counts->group_index, counts->group_places,
             [](const TileGroup &group) { return hash_group(group.tile, group.key); });
    number = counts->group_count++;
    counts->groups[number] = {tile, {keep(counts, key.data, key.length), key.length}, 0, 0, 0};
    link(counts->group_index, counts->group_places, hash, number);
    return number;
}

TileGroup *group_at(GroupCounts *counts, uint32 group) { return counts->groups + group; }

void add_count(GroupCounts *counts, uint32 group, const void *data, size_t length, uint64_t weight) {
    const uint32 item = find_item(counts, data, length);
    Pair *pair = place_of(counts->pairs, counts->pair_places, group, item);
    if (pair->group == 0) {
        if (is_full(counts)) {
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

Size next_growth(const GroupCounts *counts, size_t length) {
    Size size = length <= counts->chunk_left ? 0 : Max(counts->next_chunk, length);
    if (counts->item_count == counts->item_room)
        size += 2 * counts->item_room * (sizeof(ItemView) + 2 * sizeof(uint64));
    if (counts->group_count == counts->group_room)
        size += 2 * counts->group_room * (sizeof(TileGroup) + 2 * sizeof(uint64));
    if (is_full(counts))
        size += 2 * counts->pair_places * sizeof(Pair);
    return size;
}

bool fits(const GroupCounts *counts, uint64_t weight) { return weight <= max_total - counts->total; }

void write_bundles(GroupCounts *counts, size_t longest, void (*append)(void *context, const TileBundle &bundle),
                   void *context) {
    if (is_empty(counts))
        return;
    MemoryContext scratch = AllocSetContextCreate(counts->context, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(counts->context);
    const auto room = [](uint32 n, Size size) { return palloc_extended((Size{n} + 1) * size, MCXT_ALLOC_HUGE); };
    auto *items = static_cast<ItemView *>(room(counts->item_count, sizeof(ItemView)));
    auto *item_ranks = static_cast<uint32 *>(room(counts->item_count, sizeof(uint32)));
    auto *order = static_cast<uint32 *>(room(counts->group_count, sizeof(uint32)));
    auto *group_ranks = static_cast<uint32 *>(room(counts->group_count, sizeof(uint32)));
    guarded([&] {
        sort_items(counts, items, item_ranks);
        sort_groups(counts, order, group_ranks);
    });
    sort_pairs(counts, item_ranks, group_ranks);
    pfree(item_ranks);
    pfree(group_ranks);

    static_assert(sizeof(Pair) == sizeof(Bundle::Count));
    // The counts overwrite the pairs.
    auto *sorted = reinterpret_cast<Bundle::Count *>(counts->pairs);
    for (uint32 i = 0; i < counts->pair_count; ++i) {
        const Pair pair = counts->pairs[i];
        sorted[i] = {pair.item, pair.weight};
    }
    auto *groups = static_cast<Bundle::CountedGroup *>(room(counts->group_count, sizeof(Bundle::CountedGroup)));
    uint32 n = 0;
    for (uint32 i = 0; i < counts->group_count; ++i) {
        const TileGroup &group = counts->groups[order[i]];
        groups[i] = {group.key, static_cast<uint64>(group.events), sorted + n, group.items};
        n += group.items;
    }
    const BundleWriter writer = {counts,  longest, append, context,
                                 scratch, items,   groups, zeros<uint32>(counts, Size{counts->item_count} + 1)};
    MemoryContextSwitchTo(scratch);
    // The groups of a tile are divided where they cannot fit into two bundles, and then where one turns out to be too long.
    for (uint32 first = 0, last; first < counts->group_count; first = last) {
        const TimestampTz tile = counts->groups[order[first]].tile;
        size_t size = 0;
        for (last = first; last < counts->group_count && counts->groups[order[last]].tile == tile; ++last)
            size += groups[last].key.length + 6 + Size{groups[last].count} * 6;
        const auto parts = static_cast<uint32>(Min(1 + size / 2 / longest, last - first));
        for (uint32 i = 0; i < parts; ++i)
            write_groups(&writer, tile, first + static_cast<uint32>(uint64{last - first} * i / parts),
                         first + static_cast<uint32>(uint64{last - first} * (i + 1) / parts));
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
}

} // namespace topk::pg
