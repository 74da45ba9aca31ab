// topk.rollup_state: what is known of each rollup besides its definition: running totals over what has been folded, and how
// its last fold and its backfill went. A rollup has no row where a dump without it was restored, until its first fold.
#pragma once

#include "tile.h"

namespace topk::catalog {

// Of the backfill that topk.create_rollup was asked for.
enum class Backfill { none, wanted, running, done, failed };

struct RollupState {
    int32 rollup;
    Backfill backfill;
    int32 failures;       // folds that failed since the last one that did not
    TimestampTz retry_at; // DT_NOBEGIN: at once
};
struct RollupStates {
    RollupState *rows;
    int count;
};

struct FoldTotals {
    int64 events;
    int64 weight;
    int64 late;
    int64 rejected;
    int64 overflowed;
};

// All within as_owner().

// Of all rollups, by number, in memory that outlives the bracket.
RollupStates read_states();
// Whether retention was not applied for an hour.
bool is_retention_due(int32 rollup);

void insert_state(int32 rollup, Backfill backfill);
void delete_state(int32 rollup);

void add_fold(int32 rollup, const FoldTotals &totals, TimestampTz started, const LevelChange &change);
// Takes away what is about to be counted again.
void subtract_counts(int32 rollup, int64 events, int64 weight);
void add_level_change(int32 rollup, const LevelChange &change);
void add_retention(int32 rollup, const LevelChange &change);

void add_failure(int32 rollup); // of a fold
void clear_failures(int32 rollup);

void mark_backfill_started(int32 rollup); // unless it is not wanted any more
void mark_backfill_done(int32 rollup);
void mark_backfill_failed(int32 rollup, bool try_again);

} // namespace topk::catalog
