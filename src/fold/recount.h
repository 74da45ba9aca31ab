// Backfills in steps: rows of a table are counted again in place of what was captured when they were inserted, in a
// transaction for each span of time, from the last row to the first. topk.backfill_progress says how far a backfill has
// come, so that it goes on there after an error, a killed process or a restart.
#pragma once

#include "../catalog/calendar.h"

namespace topk::fold {

struct Steps {
    int32 rollup;
    const char *caller_name; // by which the caller calls the rollup; nullptr: topk.create_rollup has asked for the backfill
    Span asked;
    int64 length;   // of the next step, in microseconds of the time that it counts
    int64 duration; // microseconds that a step should take: the length follows from it; 0: the length stays
};

// Both in a transaction, and of the backfill that topk.create_rollup asked for. They return false when nothing is left to
// do: it is done, or the rollup is gone. A step takes less than `limit` ms if that can be; 0: there is no limit.
bool begin_backfill(int32 rollup, int limit, Steps *steps);
bool count_step(Steps *steps);

} // namespace topk::fold
