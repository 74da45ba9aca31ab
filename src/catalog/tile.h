// topk.tile: the counts of each window.
#pragma once

#include "gap.h"
#include "rollup.h"
#include "row_writer.h"
#include "scan.h"

namespace topk::catalog {

struct TileKey {
    int32 rollup;
    Level level;
    ArrayType *grp; // nullptr: all groups
    TimestampTz start;
};

// A row as it was read. Its values lie in a copy of the row, perhaps toasted.
struct Tile {
    TileKey key;
    TimestampTz stop;
    int64 events;
    bool finished;
    bool failed; // folds leave it alone
    ItemPointerData place;
    StoredTally values;
};

// A window or several that follow each other.
struct LevelSpan {
    Level level;
    Span span;
};

// How many more rows there are of each level after a change, and how many more bytes their values take.
struct LevelChange {
    int64 windows[level_count];
    int64 bytes[level_count];
};

// Returns the bytes that the values take in the table and its TOAST table, without headers.
int64 stored_bytes(const StoredTally &values);

// These read by a snapshot; nullptr is the latest one.

// Returns false if the snapshot sees no such row.
bool find_tile(const TileKey &key, Snapshot snapshot, Tile *tile);
// Does the same by the latest snapshot, for a caller that looks for many and writes those that it does not find. Each level
// has a gap of its own, whose memory is in the context.
bool find_tile(const TileKey &key, Gap *gap, MemoryContext context, Tile *tile);

// Reads the rows of a level and group that begin in the span.
void begin_tiles(RowScan *scan, int32 rollup, Level level, const ArrayType *grp, Span span, Snapshot snapshot);
// Reads the unfinished rows of a level and group that end after `after` and not later than `until`.
void begin_unfinished(RowScan *scan, int32 rollup, Level level, const ArrayType *grp, TimestampTz after, TimestampTz until,
                      Snapshot snapshot);
// Does the same for all groups.
void begin_unfinished(RowScan *scan, int32 rollup, Level level, TimestampTz after, TimestampTz until, Snapshot snapshot);
// Returns false at the end, and has then ended the scan.
bool next_tile(RowScan *scan, Tile *tile);
// Returns whether a rollup has rows that are over and not finished, without those that failed.
bool has_windows_over(int32 rollup, TimestampTz now, Snapshot snapshot);

// Within as_owner(). Later statements and scans see the changes.

// Returns the windows above the grain that have a row and overlap the span, shorter ones first.
Array<LevelSpan> list_windows(int32 rollup, Span span);

bool has_overflow(int32 rollup); // whether there is a row of the overflow group

// Returns the spans of the rows below a level that answers for it can be added up from, those of all groups together.
Array<Span> list_counted(int32 rollup, Level below);
// Returns the groups of such rows that overlap a span; nullptr is all groups together.
Array<ArrayType *> list_groups_in(int32 rollup, Level below, Span span);

// These write to topk.tile, and set the place.
void insert_tile(RowWriter *tiles, Tile *tile);
void update_tile(RowWriter *tiles, Tile *tile); // by place

void retry_tiles(int32 rollup); // those that failed

// These delete rows, and add to the change what they did.
// Deletes finished ones, and failed ones above the grain, that end before a time. Returns the span from the first to the
// last of them.
Span expire_tiles(int32 rollup, Level level, TimestampTz before, LevelChange *change);
void delete_tiles(int32 rollup, Span span, LevelChange *change); // those of the grain in the span
struct DeletedWindow {
    Level level;
    ArrayType *grp;
    Span span;
};
// Deletes and returns the rows above the grain that overlap the span.
Array<DeletedWindow> delete_windows(int32 rollup, Span span, LevelChange *change);
void delete_level(int32 rollup, Level level, LevelChange *change); // all rows of a level
void delete_tiles(int32 rollup);                                   // all of a rollup that is dropped

} // namespace topk::catalog
