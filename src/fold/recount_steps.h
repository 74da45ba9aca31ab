// A recount in progress, and its steps (README.md).
#pragma once

#include "../catalog/rollup.h"

namespace topk::fold {

enum class Mode {
    backfill, // counts from before the oldest row stay
    refresh,  // counts from before the oldest row are an error
};

struct Recount {
    RollupRow row;
    Mode mode;
    Span span; // whole tiles
    Snapshot snapshot;
    int64 counted;      // rows
    TimestampTz oldest; // the time of the oldest row in the span; DT_NOEND: it has none
};

// Counts the rows of the span that the snapshot sees into new deltas, as the owner of the table.
void count_rows(Recount *recount);
// Whether the snapshot sees a row from before the span.
bool has_older_row(const Recount *recount);

// Removes the counts of the span: the deltas that the snapshot sees, and the tiles. Windows that have other tiles too are
// made anew of those; the new deltas come back to them in a fold. Within as_owner().
void remove_counts(Recount *recount);
// Whether there are counts from the beginning of the span to a time.
bool has_counts_before(const Recount *recount, TimestampTz limit);

} // namespace topk::fold
