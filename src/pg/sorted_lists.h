// Lists of exact counts in ascending order of their items, added up by merging: a table to look them up would have to be
// filled, and sorted to write the sum.
#pragma once

#include "../core/bundle.h"
#include "pg.h"

namespace topk::pg {

struct SortedList {
    const WeightedItem *items; // each once
    uint32 count;
    uint64_t weight; // of all
};

// The bytes of the items that were read.
struct ItemRoom {
    uint8 *memory;
    Size left;
};

// The list of counts, which refer to items, both in ascending order.
SortedList sorted_list(const ItemView *items, const Bundle::Count *counts, uint32 n);
// Reads an item list, or a bundle as the sum over its groups, into the current memory context. The value must be detoasted.
// Raises XX001 if the bytes are neither, or of another kind of items.
SortedList read_sorted_list(const struct varlena *value, Kind kind, ItemRoom *room);
// Adds up lists, at least one, whose weight together is at most what a weight may be. The sum refers to their items.
SortedList add_sorted_lists(Kind kind, const SortedList *lists, uint32 n);
// Returns an item list.
struct varlena *write_item_list(Kind kind, const SortedList &list);

} // namespace topk::pg
