// topk.rollup_state: running totals of each rollup over what has been folded, and how its last fold and its backfill went. A
// rollup may have no row before its first fold.
#pragma once

#include "tile.h"

namespace topk::catalog {

// The state of the backfill that topk.create_rollup was asked for.
enum class Backfill { none, wanted, running, done, failed };

inline bool is_unfinished(Backfill backfill) { return backfill == Backfill::wanted || backfill == Backfill::running; }

struct RollupState {
    int32 rollup;
    Backfill backfill;
    int32 failures;            // folds that failed since the last one that succeeded
    TimestampTz retry_at;      // DT_NOBEGIN: at once
    TimestampTz backfill_at;   // when the backfill was tried last, or may be tried again; DT_NOBEGIN: not yet tried
    TimestampTz last_fold;     // DT_NOBEGIN: none
    TimestampTz counted_since; // no event from then on is missing for being older than the rollup; DT_NOEND: not known
};

struct FoldTotals {
    int64 events;
    int128 weight;
    int64 late;
    int64 rejected;
    int64 overflowed;
};

// For each level, the time from the first window to the last one that retention has removed. A window of the level that lies
// outside of it has all its counts in its row, and has counted nothing if there is no row. start >= stop: none was removed.
struct Lost {
    Span levels[level_count];
};
// Reads by a snapshot; nullptr is the latest one.
Lost read_lost(int32 rollup, Snapshot snapshot);
// Return the states of all rollups, by id, or of one.
Array<RollupState> read_states(Snapshot snapshot);
bool read_state(int32 rollup, Snapshot snapshot, RollupState *state);

// The rest within as_owner().

// Returns whether retention was last applied more than an hour ago.
bool is_retention_due(int32 rollup);

void insert_state(int32 rollup, Backfill backfill);
void delete_state(int32 rollup);

void add_fold(int32 rollup, const FoldTotals &totals, TimestampTz started, const LevelChange &change);
// Adds the totals of a row of another database, and what retention has removed there. Returns the number of its events.
int64 add_state(int32 rollup, const char *json);
// Takes away the counts of events that are about to be counted again.
void subtract_counts(int32 rollup, int64 events, int128 weight);
void add_level_change(int32 rollup, const LevelChange &change);
void add_retention(int32 rollup, const LevelChange &change, const Lost &lost);

void write_lost(int32 rollup, const Lost &lost);
// Makes the next fold apply retention, whenever that was done last.
void ask_for_retention(int32 rollup);

void add_failure(int32 rollup); // of a fold
void clear_failures(int32 rollup);

void mark_backfill_started(int32 rollup); // does nothing if it is not wanted any more
void forget_backfill_tries(int32 rollup); // a step was done
void mark_backfill_done(int32 rollup);
// The rows of a span were counted. That matters if they came right before what the rollup has counted.
void extend_counted(int32 rollup, TimestampTz since, TimestampTz until);
// A backfill is tried ten times at most, 10 s, 20 s, ... an hour after each other.
void mark_backfill_failed(int32 rollup, bool try_again);

} // namespace topk::catalog
