// Statistics of rollups in shared memory: events per second, the time since which deltas wait for a fold, and how long
// answers take. They start anew with the server. There are none without shared_preload_libraries, and none of a rollup that
// comes when pg_topk.max_rollups others have theirs.
#pragma once

#include "../pg/pg.h"

namespace topk::statistics {

extern int max_rollups; // pg_topk.max_rollups, of all databases together

// The module calls these in its hooks for shared memory.
void request_statistics();
void attach_statistics();
bool has_statistics();
bool are_statistics_full(); // as many rollups as fit have theirs

// The next functions take effect when the transaction commits. PREPARE TRANSACTION forgets them.

// A fold calls mark_fold() before it takes its snapshot, and looked_at_all() at its end when it left out nothing that the
// snapshot saw.
struct FoldMark {
    TimestampTz began;
    uint64 commits;
};
FoldMark mark_fold(int32 rollup);
void looked_at_all(int32 rollup, const FoldMark &mark);

// For a rollup that is dropped, or new: its number may have been that of a rollup of an earlier CREATE EXTENSION.
void forget_rollup(int32 rollup);

// These take effect at once: for a database without the extension; for databases that are not in the list; and for rollups
// of this database that are not in the list, which is sorted. The last is needed because an answer may end after its rollup
// was dropped, and because a standby gets no notice of drops.
void forget_database(Oid database);
void forget_databases_except(const List *databases);
void forget_rollups_except(const int32 *rollups, int count);

// Counts an answer, by the time that it took.
void count_answer(int32 rollup, int64 nanoseconds);
void reset_answers(); // of this database

struct Activity {
    double events_per_second; // over the last 60 seconds that are complete
    bool folded;              // a fold has looked at all since the server started; otherwise oldest means nothing
    TimestampTz oldest;       // the oldest commit that no fold has looked at; 0: there is none
    int64 answers;
    double milliseconds[3]; // 50, 95 and 99 % of the answers took no longer; at most 5 % off; not set without answers
};
// False when the rollup has no statistics, because as many rollups as fit have theirs.
bool read_activity(int32 rollup, Activity *activity);

} // namespace topk::statistics
