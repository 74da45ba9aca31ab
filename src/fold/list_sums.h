// The bundles that a fold reads, added up: one list of exact counts for each tile and group.
#pragma once

#include "../catalog/delta.h"
#include "../pg/array.h"
#include "../pg/bundle.h"
#include "groups.h"

namespace topk::fold {

struct SummedList {
    TimestampTz tile;
    int group; // -1: all groups together
    DeltaScope scope;
    uint32 run; // lists of one run have no more weight together than one list may have
    int64 events;
    int64 raw_events; // those of raw deltas
    uint64 weight;
    const Bundle::Count *counts; // in ascending order of items, each once
    uint32 count;
};

// While bundles are added, their counts stand one after the other, and finish_sums() sorts and adds up those of one item and
// list. To look for them in a table each time would take longer.
struct ListSums {
    MemoryContext context; // frees it
    MemoryContext scratch; // of one bundle
    Kind kind;
    ItemTable items;
    Array<Bundle::GroupCount> counts; // the group is the number of a list
    Array<SummedList> lists;
    Array<uint32> list_of_group; // its number plus 1; up to first_list: of another tile or scope
    uint32 first_list;
    uint64 total;           // of the weights of the lists from first_list on
    const ItemView *sorted; // items in ascending order, to which the counts of finished lists refer
};

ListSums *make_sums(MemoryContext context, Kind kind);

// A bundle that can be read.
struct DecodedBundle {
    BundleContent content;
    const Bundle::GroupCount *counts;
    uint32 count;
};
// Raises XX001 if the bytes are no bundle of these items. The sums stay as they are. The result is valid until the next
// call.
DecodedBundle decode_bundle(ListSums *sums, const struct varlena *bundle);
// The bundles that are added from here on are of another tile or scope.
void begin_lists(ListSums *sums);
// Gives numbers to the groups of the bundle. Begins other lists if the weights of these would exceed what a weight may be.
void add_bundle(ListSums *sums, Groups *groups, const DecodedBundle &bundle, TimestampTz tile, DeltaScope scope);
// The memory that finished sums will take, nearly.
Size memory_of(const ListSums *sums);
// Sorts the lists, and adds one of all groups together for each tile with raw ones. No bundle can be added after that.
void finish_sums(ListSums *sums);
// Makes one list of several, which are those of one tile and of groups that are counted as one. Their weight must not exceed
// what a weight may be.
SummedList *join_lists(ListSums *sums, const SummedList *const *lists, int n);

} // namespace topk::fold
