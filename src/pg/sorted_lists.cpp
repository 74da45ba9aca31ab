#include "sorted_lists.h"

#include <algorithm>

#include "../core/item_list.h"
#include "../core/item_order.h"
#include "bundle.h"
#include "tally.h"

namespace topk::pg {
namespace {

constexpr Size chunk = 64 * 1024;
static_assert(chunk >= ItemList::scratch_size);

WeightedItem *room_for(Size n) {
    return static_cast<WeightedItem *>(palloc_extended((n + 1) * sizeof(WeightedItem), MCXT_ALLOC_HUGE));
}

int compare(Kind kind, const WeightedItem &a, const WeightedItem &b) {
    if (kind == Kind::bigint) {
        const auto x = static_cast<int64>(load_bigint(a.data)), y = static_cast<int64>(load_bigint(b.data));
        return x < y ? -1 : x > y;
    }
    return compare_bytes(a.data, a.length, b.data, b.length);
}

// Returns the end of the sum.
WeightedItem *add_two(Kind kind, const WeightedItem *a, const WeightedItem *a_end, const WeightedItem *b,
                      const WeightedItem *b_end, WeightedItem *out) {
    while (a != a_end && b != b_end) {
        const int order = compare(kind, *a, *b);
        *out = order <= 0 ? *a : *b;
        if (order == 0)
            out->weight += b->weight;
        ++out;
        a += order <= 0;
        b += order >= 0;
    }
    out = std::copy(a, a_end, out);
    return std::copy(b, b_end, out);
}

} // namespace

SortedList sorted_list(const ItemView *items, const Bundle::Count *counts, uint32 n) {
    WeightedItem *weighted = room_for(n);
    uint64_t weight = 0;
    for (uint32 i = 0; i < n; ++i) {
        const ItemView &item = items[counts[i].item];
        weighted[i] = {item.data, item.length, counts[i].weight};
        weight += counts[i].weight;
    }
    return {weighted, n, weight};
}

SortedList read_sorted_list(const struct varlena *value, Kind kind, ItemRoom *room) {
    if (is_bundle(value)) {
        const BundleItems all = read_all_groups(value, kind);
        WeightedItem *items = room_for(all.count);
        uint64_t weight = 0;
        for (uint32 i = 0; i < all.count; ++i) {
            items[i] = {all.items[i].data, all.items[i].length, all.weights[i]};
            weight += all.weights[i];
        }
        return {items, all.count, weight};
    }
    const Bytes bytes = bytes_of(value);
    alignas(ItemList) char place[sizeof(ItemList)];
    ItemList *list = nullptr;
    guarded([&] { list = new (place) ItemList(bytes.data, bytes.size); });
    require_stored_kind(list->kind(), kind);
    WeightedItem *items = room_for(list->size());
    uint32 count = 0;
    for (uint32 n = 1; n != 0; count += n) {
        if (room->left < ItemList::scratch_size)
            *room = {static_cast<uint8 *>(palloc(chunk)), chunk};
        guarded([&] { n = list->next(items + count, list->size() - count, room->memory); });
        if (n == 0)
            break;
        const WeightedItem &last = items[count + n - 1];
        const auto used = static_cast<Size>(last.data + last.length - room->memory);
        *room = {room->memory + used, room->left - used};
    }
    return {items, count, list->total()};
}

// Two of similar size at a time, as merges of a long list with short ones would read it again each time.
SortedList add_sorted_lists(Kind kind, const SortedList *lists, uint32 n) {
    if (n == 1)
        return lists[0];
    const uint32 half = n / 2;
    const SortedList a = add_sorted_lists(kind, lists, half), b = add_sorted_lists(kind, lists + half, n - half);
    WeightedItem *sum = room_for(Size{a.count} + b.count);
    const WeightedItem *end = add_two(kind, a.items, a.items + a.count, b.items, b.items + b.count, sum);
    return {sum, static_cast<uint32>(end - sum), a.weight + b.weight};
}

struct varlena *write_item_list(Kind kind, const SortedList &list) {
    size_t size = 0;
    guarded([&] { size = ItemList::bound(kind, list.items, list.count); });
    auto *value = static_cast<struct varlena *>(palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE));
    guarded([&] {
        size = ItemList::write(kind, list.items, list.count, list.weight, reinterpret_cast<uint8_t *>(VARDATA(value)));
    });
    if (size > MaxAllocSize - VARHDRSZ)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the counts of a group are too large")));
    SET_VARSIZE(value, VARHDRSZ + size);
    return value;
}

} // namespace topk::pg
