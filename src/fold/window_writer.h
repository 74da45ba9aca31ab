// Writing windows: at most one of each level is open at a time, as the work comes sorted by group and time.
#pragma once

#include "../catalog/cover.h"
#include "../catalog/snapshot.h"

namespace topk::fold {

struct Window {
    Tile tile;
    bool exists;  // as a row of topk.tile
    int64 bytes;  // of the row's values, as they were
    Tally *tally; // what the row's values will be
    MemoryContext context;
};

struct WindowWriter {
    const RollupRow *row;
    Lost lost;
    bool failures;            // the rollup has some (catalog/set_aside.h)
    TimestampTz finish_until; // tiles that stop by then are finished when they are written; DT_NOBEGIN: none
    bool finished;            // any were
    RowWriter *tiles;
    Gap gaps[level_count]; // of tiles
    SnapshotWriter snapshots;
    LevelSpan at;          // the window that was worked on last, for messages
    MemoryContext context; // of windows that are open
    MemoryContext scratch;
    Window *open[level_count];
    int64 written;
    LevelChange change;
};

// Call end_windows() at the end, except after an error.
WindowWriter begin_windows(const RollupRow *row);
// Writes all windows that are open.
void end_windows(WindowWriter *writer);
// Opens the window of this level and group that contains t, which begins with what its row holds; it stays open until the
// next call for another one of its level, which writes it.
Window *move_to_window(WindowWriter *writer, Level level, ArrayType *grp, TimestampTz t);
void add_to_window(WindowWriter *writer, Window *window, const StoredTally &values, int64 events);
// Does the same with counts that merge(tally) adds to the tally of the window.
template <class Merge>
void merge_into_window(WindowWriter *writer, Window *window, int64 events, const Merge &merge) {
    writer->at = {window->tile.key.level, {window->tile.key.start, window->tile.stop}};
    MemoryContext old = MemoryContextSwitchTo(writer->scratch);
    merge(window->tally);
    window->tile.events += events;
    MemoryContextSwitchTo(old);
    MemoryContextReset(writer->scratch);
}
// Adds a tile to the windows of all levels above it.
void add_to_windows_above(WindowWriter *writer, const Tile &tile);
// Writes all that are open.
void write_open_windows(WindowWriter *writer);
// Forgets all that are open, after the subtransaction that opened them has failed.
void forget_open_windows(WindowWriter *writer);
// Writes the snapshot of a row that is over, where its kind is a window of the rollup. A window that lacks what a fold could
// not merge gets none, as that would be too small. When retention has removed a window and late events have made a row
// again, that row has less than the snapshot that was written when the window was over.
void write_snapshot_of(WindowWriter *writer, const Tile *tile);
// Marks a row as finished and, where its kind is a window of the rollup, writes its snapshot.
void finish_window(WindowWriter *writer, Tile *tile);

} // namespace topk::fold
