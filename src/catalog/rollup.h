// A row of topk.rollup, as folds and reads want it.
#pragma once

#include "calendar.h"
#include "../pg/tally.h"

namespace topk::catalog {

struct RollupRow {
    int32 id;
    const char *name;
    Oid source;
    TallyShape shape;
    pg_tz *zone;
    int64 grain; // microseconds
    Interval accept_past;
    Interval accept_future;
    int32 k;
    int32 max_groups;
    int group_count;
    Oid metadata;             // the items table; InvalidOid: none
    const char *metadata_key; // its column that is the item
    bool kept[level_count];   // which levels have rows; tile always
    bool asked[level_count];  // which are windows of the rollup: hour is answered by tiles when the grain is an hour
};

// By the snapshot, nullptr being the latest; false when there is none.
bool read_rollup(int32 id, Snapshot snapshot, RollupRow *row);
bool read_rollup(const char *name, Snapshot snapshot, RollupRow *row);

// Within as_owner().

// What ended before is no longer kept; DT_NOBEGIN: nothing did.
struct Cutoffs {
    TimestampTz windows[level_count];
    TimestampTz snapshots;
};
Cutoffs read_cutoffs(int32 id);
// After a restore with triggers disabled, finds the columns of the source again by their names.
void renumber_restored(int32 id);

// Raises 42704.
[[noreturn]] void raise_no_rollup(const char *name);

// The level whose rows answer for a kind of window ("hour" ...). Raises 22023 for a kind that the rollup does not keep.
Level level_of(const RollupRow *row, const char *window_kind);
// The window that contains t.
inline Span window_of(const RollupRow *row, Level level, TimestampTz t) {
    return level == Level::tile ? tile_at(row->zone, row->grain, t) : window_at(row->zone, level, t);
}

} // namespace topk::catalog
