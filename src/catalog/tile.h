// topk.tile: the counts of each window.
#pragma once

#include "rollup.h"

namespace topk::catalog {

struct TileKey {
    int32 rollup;
    Level level;
    ArrayType *grp; // nullptr: all groups
    TimestampTz start;
};

// A row as it was read; the values are those of a copy of it, perhaps toasted.
struct Tile {
    TileKey key;
    TimestampTz stop;
    int64 events;
    bool finished;
    ItemPointerData place;
    StoredTally values;
};

// How many more rows there are of each level after a change, and how many more bytes their values take.
struct LevelChange {
    int64 windows[level_count];
    int64 bytes[level_count];
};

// The bytes that the values take in the table or beside it, without headers.
int64 stored_bytes(const StoredTally &values);

// Reading, by a snapshot; nullptr is the latest.

// False when the snapshot sees none.
bool find_tile(const TileKey &key, Snapshot snapshot, Tile *tile);

struct TileScan {
    Relation relation;
    SysScanDesc scan;
};
// The rows of a level and group that begin in the span.
void begin_tiles(TileScan *scan, int32 rollup, Level level, const ArrayType *grp, Span span, Snapshot snapshot);
// The unfinished rows of a level and group that end after `after` and not later than `until`.
void begin_unfinished(TileScan *scan, int32 rollup, Level level, const ArrayType *grp, TimestampTz after, TimestampTz until,
                      Snapshot snapshot);
// The same of all groups.
void begin_unfinished(TileScan *scan, int32 rollup, Level level, TimestampTz after, TimestampTz until, Snapshot snapshot);
// False at the end, which also ends the scan.
bool next_tile(TileScan *scan, Tile *tile);

// Within as_owner(). Each makes its change visible to what follows.

bool has_tiles(int32 rollup, Span span); // of the grain
// The first window that has a part of the span and a part from before `kept`; false when there is none.
bool find_cut_window(int32 rollup, Span span, TimestampTz kept, TimestampTz *start);

void insert_tile(Tile *tile);
void update_tile(Tile *tile); // events, finished and values, by place
void finish_tile(Tile *tile); // finished alone

// Deletes tell the change what they did.
void expire_tiles(int32 rollup, Level level, TimestampTz before, LevelChange *change); // finished ones that end before
void delete_tiles(int32 rollup, Span span, LevelChange *change);                       // those of the grain in the span
struct DeletedWindow {
    Level level;
    ArrayType *grp;
    Span span;
};
struct DeletedWindows {
    DeletedWindow *windows;
    int count;
};
// Those above the grain that have a part of the span.
DeletedWindows delete_windows(int32 rollup, Span span, LevelChange *change);
void delete_tiles(int32 rollup); // all of a rollup that is dropped

} // namespace topk::catalog
