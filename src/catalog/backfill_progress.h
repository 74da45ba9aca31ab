// topk.backfill_progress: how far the last backfill in steps of each rollup has come.
#pragma once

#include "calendar.h"

namespace topk::catalog {

// A backfill counts a span from its end to its beginning.
struct BackfillProgress {
    Span asked;       // the arguments of the call, by which another call knows that it continues this one
    Span span;        // whole tiles, from the first to the last row that is to be counted
    TimestampTz left; // what is left to count ends here
    int64 spent;      // microseconds that the steps so far have taken
};

// Within as_owner().

// Returns false if there was no backfill in steps.
bool find_progress(int32 rollup, BackfillProgress *progress);
void start_progress(int32 rollup, const BackfillProgress &progress);
// Records a step that has counted so many events, down to this time, in so many microseconds.
void add_progress(int32 rollup, TimestampTz left, int64 events, int64 microseconds);
void delete_progress(int32 rollup);

} // namespace topk::catalog
