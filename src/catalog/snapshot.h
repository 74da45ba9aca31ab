// topk.snapshot: the top k of each window that is over.
#pragma once

#include "tile.h"

namespace topk::catalog {

struct SnapshotRow {
    Span window;
    int64 weight;
    ArrayType *entries; // of topk_entry
};

// Reads, by a snapshot and in the order of time, the rows of one kind of window ("hour" ...) and group that begin in a span.
void begin_snapshots(RowScan *scan, int32 rollup, const char *kind, const ArrayType *grp, Span span, Snapshot snapshot);
// Returns false at the end, and has then ended the scan.
bool next_snapshot(RowScan *scan, SnapshotRow *row);

// Within as_owner().

// Writes snapshots of one rollup, which nothing else may do meanwhile. end_writing(rows) ends it.
struct SnapshotWriter {
    RowWriter *rows;
    MemoryContext context;
    Gap gaps[level_count];
};
SnapshotWriter begin_writing_snapshots();
// Writes the first k items of a tile. Replaces an earlier row. With keep_larger, it replaces an earlier row
// that has no more events, and does nothing else.
void write_snapshot(SnapshotWriter *writer, const Tile *tile, const char *kind, int32 k, bool keep_larger);
// Copies a row of another database. Returns false if there is one of the same window and group.
bool copy_snapshot(int32 rollup, const char *json);
void expire_snapshots(int32 rollup, const char *kind, TimestampTz before); // those that end before
// Deletes those in the span, and those of windows that have a row and are partly in it: a fold writes them again.
void delete_snapshots(int32 rollup, Span span);
// Deletes those of a group whose window contains the span.
void delete_snapshots_with(int32 rollup, const ArrayType *grp, Span span);
void delete_snapshots(int32 rollup, const char *kind);
void delete_snapshots(int32 rollup); // all of a rollup that is dropped

} // namespace topk::catalog
