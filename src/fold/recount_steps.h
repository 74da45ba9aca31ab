// A recount in progress, and its steps (README.md).
#pragma once

#include "../catalog/cover.h"

namespace topk::fold {

enum class Mode {
    backfill, // counts of which the table has no row stay
    refresh,  // they are an error
    empty,    // they are removed
    discard,  // all are removed, and nothing is counted
};

// The rows of the table in a tile.
struct CountedTile {
    TimestampTz start;
    int64 events; // rows that were counted; others have rows that the filter excludes
};

struct Recount {
    RollupRow row;
    Lost lost;
    Mode mode;
    Span span; // whole tiles
    Snapshot snapshot;
    int64 counted;            // rows
    Array<CountedTile> tiles; // those of which the table has a row, in the order of time
    Array<Span> replaced;     // the parts of the span whose counts are removed, in the order of time
    Array<Span> missing;      // of those, the times of which no level has all that was counted
};

// Locks a rollup that the user owns.
void lock_owned(const char *name, RollupRow *row);
// Locks the rollup. Returns false if it is gone, or another database has taken it over.
bool lock_again(int32 id, RollupRow *row);
// Raises 42809 for a stream.
void require_table(const RollupRow *row);
// The span that the rollup accepts now, cut to the wanted one and widened to whole tiles.
Span accepted_span(const RollupRow *row, TimestampTz since, TimestampTz until);

// Counts a span again, of a rollup that is locked. Returns the number of rows.
int64 recount(Recount *recount, TimestampTz since, TimestampTz until);
// The shortest span around this one that can be recounted: each window that is partly in it has the counts of its other
// parts. Needs what retention has removed in `lost`. Within as_owner().
Span workable_span(const Recount *recount, Span span);

// Counts the rows of the span that the snapshot sees into new deltas, as the owner of the table.
void count_rows(Recount *recount);

// Finds the parts of the span whose counts are replaced. Raises 55000 in a refresh if the table has no row for a count.
// Within as_owner(), as is the next one.
void find_replaced(Recount *recount);
// Removes the counts of these parts: the deltas that the snapshot sees, and the tiles. Windows that have other tiles too are
// made anew of those; the new deltas come back to them in a fold. Returns the number of events that were removed.
int64 remove_counts(Recount *recount);

} // namespace topk::fold
