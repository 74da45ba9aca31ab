#include "item_table.h"

#include "../core/item_order.h"
#include "guard.h"

namespace topk::pg {
namespace {

constexpr Size first_chunk = 256;
constexpr Size largest_chunk = 64 * 1024;
constexpr uint32 first_room = 4;

[[gnu::always_inline]] inline uint64 hash_item(const ItemView &item) { return XXH3_64bits(item.data, item.length); }

uint32 number_of(ItemTable *table, const ItemView &item, uint64 hash) {
    uint32 number;
    if (table->index.find(hash, &number, [&](uint32 i) {
            const ItemView &other = table->items[i];
            return other.length == item.length && equal_bytes(other.data, item.data, item.length);
        })) [[likely]]
        return number;
    if (table->count == table->room)
        double_room(table->context, table->items, table->count, table->room, &table->index, hash_item);
    const uint8 *bytes = keep_bytes(table->context, &table->bytes, item.data, item.length);
    number = table->count++;
    table->items[number] = {bytes, item.length};
    table->index.link(hash, number);
    return number;
}

} // namespace

NumberIndex make_index(MemoryContext context, uint32 places) {
    return {static_cast<uint64 *>(
                MemoryContextAllocExtended(context, Size{places} * sizeof(uint64), MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE)),
            places};
}

const uint8 *keep_bytes(MemoryContext context, ItemBytesArea *area, const void *data, size_t length) {
    if (length > area->left) {
        const Size size = Max(area->next, length);
        area->chunk = static_cast<uint8 *>(MemoryContextAlloc(context, size));
        area->left = size;
        area->next = Min(2 * area->next, largest_chunk);
    }
    uint8 *place = area->chunk;
    if (length != 0)
        memcpy(place, data, length);
    area->chunk += length;
    area->left -= length;
    return place;
}

void init_items(ItemTable *table, MemoryContext context) {
    *table = {};
    table->context = context;
    table->room = first_room;
    table->items = static_cast<ItemView *>(MemoryContextAlloc(context, first_room * sizeof(ItemView)));
    table->index = make_index(context, 2 * first_room);
    table->bytes.next = first_chunk;
}

uint32 item_number(ItemTable *table, const void *data, size_t length) {
    const ItemView item = {static_cast<const uint8 *>(data), static_cast<uint32>(length)};
    return number_of(table, item, hash_item(item));
}

// The reads of a batch of items from main memory overlap, where the table is too large for a cache near the processor.
void item_numbers(ItemTable *table, const ItemView *items, uint32 n, uint32 *numbers) {
    constexpr uint32 batch = 32;
    uint64 hashes[batch];
    for (uint32 first = 0; first < n; first += batch) {
        const uint32 size = Min(batch, n - first);
        if (table->count < fits_near) {
            for (uint32 i = first; i < first + size; ++i)
                numbers[i] = number_of(table, items[i], hash_item(items[i]));
            continue;
        }
        for (uint32 i = 0; i < size; ++i)
            table->index.prefetch(hashes[i] = hash_item(items[first + i]));
        for (uint32 i = 0; i < size; ++i)
            if (const uint32 entry = table->index.first_entry(hashes[i]))
                __builtin_prefetch(table->items + entry - 1);
        for (uint32 i = 0; i < size; ++i)
            if (const uint32 entry = table->index.first_entry(hashes[i]))
                __builtin_prefetch(table->items[entry - 1].data);
        for (uint32 i = 0; i < size; ++i)
            numbers[first + i] = number_of(table, items[first + i], hashes[i]);
    }
}

void sort_items(const ItemTable *table, Kind kind, ItemView *sorted, uint32 *ranks) {
    if (table->count == 1) { // a statement of one row
        sorted[0] = table->items[0];
        ranks[0] = 0;
        return;
    }
    guarded([&] {
        uint32 rank = 0;
        for (const ItemPlace &place : in_order(kind, table->count, [&](uint32 i) { return table->items[i]; })) {
            sorted[rank] = table->items[place.at];
            ranks[place.at] = rank++;
        }
    });
}

Size next_growth(const ItemTable *table, uint32 n, Size bytes) {
    Size size = bytes <= table->bytes.left ? 0 : Max(table->bytes.next, bytes);
    if (Size{table->count} + n > table->room)
        size += Size{2} * Max(table->room, n) * (sizeof(ItemView) + 2 * sizeof(uint64));
    return size;
}

} // namespace topk::pg
