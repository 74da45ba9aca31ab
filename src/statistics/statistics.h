// Statistics of rollups in shared memory: events by the second, since when something waits for a fold, how long answers
// take. They begin anew with each start of the server. There are none without shared_preload_libraries, and none of rollups
// that come when there are pg_topk.max_rollups already.
#pragma once

#include "../pg/pg.h"

namespace topk::statistics {

extern int max_rollups; // pg_topk.max_rollups, of all databases together

// From the hooks of the module that set up shared memory.
void request_statistics();
void attach_statistics();
bool has_statistics();
bool are_statistics_full(); // no place is left

// What a transaction tells below counts from its commit on; PREPARE TRANSACTION forgets it.

// A fold says when it began, before it takes its snapshot, and in the end that the snapshot left nothing out.
struct FoldMark {
    TimestampTz began;
    uint64 commits;
};
FoldMark mark_fold(int32 rollup);
void looked_at_all(int32 rollup, const FoldMark &mark);

// A rollup that is dropped, or new: its number may have been another's, in an extension that was dropped.
void forget_rollup(int32 rollup);

// At once: of databases that have no extension, or are no more; and rollups of this database that are not in the list (by
// id), as an answer may have been given when its rollup was dropped, and a standby is not told of drops.
void forget_database(Oid database);
void forget_databases_except(const List *databases);
void forget_rollups_except(const int32 *rollups, int count);

// An answer has been given.
void count_answer(int32 rollup, int64 nanoseconds);
void reset_answers(); // of this database

struct Activity {
    double events_per_second; // over the last 60 seconds that are complete
    bool folded;              // something is known of waiting
    TimestampTz oldest;       // commit that no fold has looked at; 0: there is none
    int64 answers;
    double milliseconds[3]; // at most 5 % off, of 50, 95 and 99 % of the answers; not set without answers
};
// False when nothing can be known of the rollup.
bool read_activity(int32 rollup, Activity *activity);

} // namespace topk::statistics
