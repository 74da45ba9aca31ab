// Numbers for different items, in the order in which they come. Elements of other kinds are numbered with NumberIndex alone.
#pragma once

#include "../core/item_coding.h"
#include "pg.h"

namespace topk::pg {

// A hash table of the numbers of elements, which lie elsewhere. An entry is the upper half of a hash and a number plus 1.
struct NumberIndex {
    uint64 *entries;
    uint32 places; // a power of 2

    void link(uint64 hash, uint32 number) {
        uint32 at = static_cast<uint32>(hash);
        while (entries[at &= places - 1] != 0)
            ++at;
        entries[at] = (hash >> 32) << 32 | (number + 1);
    }

    // is(number) compares the element with the one that is looked for.
    template <class Is>
    bool find(uint64 hash, uint32 *number, const Is &is) const {
        for (uint32 at = static_cast<uint32>(hash);; ++at) {
            const uint64 entry = entries[at &= places - 1];
            if (entry == 0)
                return false;
            if (entry >> 32 == hash >> 32) {
                *number = static_cast<uint32>(entry) - 1;
                if (is(*number))
                    return true;
            }
        }
    }

    void prefetch(uint64 hash) const { __builtin_prefetch(entries + (static_cast<uint32>(hash) & (places - 1))); }
    // The number plus 1 of the element that find() will try first, or 0.
    uint32 first_entry(uint64 hash) const { return static_cast<uint32>(entries[static_cast<uint32>(hash) & (places - 1)]); }
};

NumberIndex make_index(MemoryContext context, uint32 places);

// So many elements and their index are in a cache near the processor, where prefetching them only costs time.
inline constexpr uint32 fits_near = 2048;

// Elements and their index grow together: there are two places for each. An error leaves them as they are.
template <class T, class Hash>
[[gnu::noinline]] void double_room(MemoryContext context, T *&elements, uint32 count, uint32 &room, NumberIndex *index,
                                   const Hash &hash) {
    const NumberIndex wider = make_index(context, 4 * room);
    elements = static_cast<T *>(repalloc_huge(elements, 2 * Size{room} * sizeof(T)));
    room *= 2;
    pfree(index->entries);
    *index = wider;
    for (uint32 i = 0; i < count; ++i)
        index->link(hash(elements[i]), i);
}

// Memory for the bytes of many items.
struct ItemBytesArea {
    uint8 *chunk;
    Size left;
    Size next;
};
const uint8 *keep_bytes(MemoryContext context, ItemBytesArea *area, const void *data, size_t length);

struct ItemTable {
    MemoryContext context; // frees it
    ItemView *items;       // by number
    uint32 count;
    uint32 room;
    NumberIndex index;
    ItemBytesArea bytes;
};

void init_items(ItemTable *table, MemoryContext context);
// Returns the number of an item. A new item is copied.
uint32 item_number(ItemTable *table, const void *data, size_t length);
// Does so for n items. This is faster than one after the other if the table is larger than the processor's cache.
void item_numbers(ItemTable *table, const ItemView *items, uint32 n, uint32 *numbers);
// Copies the items in ascending order. ranks gets the place of each item, by number.
void sort_items(const ItemTable *table, Kind kind, ItemView *sorted, uint32 *ranks);
// The bytes by which the table may grow with n items of so many bytes.
Size next_growth(const ItemTable *table, uint32 n, Size bytes);

} // namespace topk::pg
