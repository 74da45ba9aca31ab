// Windows that a fold is changing: at most one per level, as work comes sorted by group and time.
#pragma once

#include "../catalog/tile.h"

namespace topk::fold {

struct Window {
    Tile tile;
    bool exists;
    int64 bytes; // of its values, as they were
    Tally *tally;
    MemoryContext context;
};

struct WindowStore {
    const RollupRow *row;
    Window *open[level_count];
    int64 written;
    // What it has changed: the rows of each level, and what their values take.
    int64 added[level_count];
    int64 added_bytes[level_count];
};

// The window of this level and group that contains t, loaded or new. What was open at the level before is written.
Window *open_window(WindowStore *store, Level level, ArrayType *grp, TimestampTz t);
// Writes all that is open.
void close_windows(WindowStore *store);
// An array of bigint.
Datum by_level(const int64 *values);
// Marks a row as finished and, where its kind is asked for, writes its snapshot.
void finish(WindowStore *store, Tile *tile);

} // namespace topk::fold
