// Exact counts of the items of many groups in several tiles, in little memory: each item and each key of groups is there
// once, and so is each pair of group and item. They are written as bundles (core/bundle.h).
#pragma once

#include "bundle_writer.h"

namespace topk::pg {

// A group in one tile.
struct TileGroup {
    TimestampTz tile;
    uint32 key;   // its number, for all tiles
    uint32 items; // distinct ones
    int64 events;
};

struct GroupCounts;

// So many events at most are counted together: their reads from main memory overlap.
inline constexpr uint32 counted_together = 32;

// Lives in the memory context, which frees it.
GroupCounts *make_group_counts(MemoryContext context, Kind kind, int values);
// Sets the numbers of the groups of n events, by tile and key as in a bundle. New groups are added. A number does not change
// until the counts are written.
void find_groups(GroupCounts *counts, const TimestampTz *tiles, const ItemView *keys, uint32 n, uint32 *groups);
TileGroup *group_at(GroupCounts *counts, uint32 group);
ItemView key_at(const GroupCounts *counts, uint32 group);
// Adds to the weights of n items, each in its group. fits() must be true for their sum.
void add_counts(GroupCounts *counts, const uint32 *groups, const ItemView *items, const uint64 *weights, uint32 n);
bool fits(const GroupCounts *counts, uint64 weight);
// The bytes by which the counts may grow with n events, whose keys and items have so many bytes: 0 for all but a few.
Size next_growth(const GroupCounts *counts, uint32 n, Size bytes);

// Passes on all that was counted (bundle_writer.h). The counts must not be used after that.
void write_bundles(GroupCounts *counts, size_t longest, AppendBundle append, void *context);

} // namespace topk::pg
