// Exact counts of the items of many groups in several tiles, in little memory: each item is there once, and so is each pair
// of group and item. They are written as bundles (core/bundle.h).
#pragma once

#include "bundle_writer.h"
#include "item_table.h"

namespace topk::pg {

// A group in one tile.
struct TileGroup {
    TimestampTz tile;
    ItemView key; // as in a bundle
    int64 events;
    uint32 items; // distinct ones
};

struct GroupCounts;

// Lives in the memory context, which frees it.
GroupCounts *make_group_counts(MemoryContext context, Kind kind, int values);
bool is_empty(const GroupCounts *counts);
// Returns the number of the group, which is added if it is new. It does not change until the counts are written.
uint32 find_group(GroupCounts *counts, TimestampTz tile, const ItemView &key);
TileGroup *group_at(GroupCounts *counts, uint32 group);
// Begins to read from memory what add_count() will need, while the caller looks for the group.
void prefetch_item(const GroupCounts *counts, uint64 hash);
// Adds to the weight of an item of a group. The hash is hash_item(). fits() must be true for the weight.
void add_count(GroupCounts *counts, uint32 group, const void *data, size_t length, uint64 hash, uint64_t weight);
bool fits(const GroupCounts *counts, uint64_t weight);
// The bytes by which the next item of a group may make the counts grow: 0 for all but a few.
Size next_growth(const GroupCounts *counts, size_t length);

// Passes on all that was counted (bundle_writer.h). The counts must not be used after that.
void write_bundles(GroupCounts *counts, size_t longest, AppendBundle append, void *context);

} // namespace topk::pg
