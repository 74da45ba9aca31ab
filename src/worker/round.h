// What a round does with each rollup, for workers and for topk.run().
#pragma once

#include "../fold/fold.h"

namespace topk::worker {

struct Due {
    int32 id;
    bool backfill; // topk.create_rollup asked for one that has not been done
    bool failed;   // the last fold did
    int64 wait;    // ms until it is tried again, 0: now
};

struct DueList {
    Due *rollups;
    int count;
};

// All in the current transaction, where nothing of it is anybody's but the extension owner's.
DueList list_due(); // in the current memory context
void start_backfill(int32 id);
void run_backfill(int32 id);
void forget_failures(int32 id);

// Counts the failure, writes topk.error_log. Logs it too, at the given level.
void record_failure(int32 id, bool backfill, const ErrorData *error, int level);

// The version of the extension in this database; nullptr: it is not installed.
char *extension_version();

} // namespace topk::worker
