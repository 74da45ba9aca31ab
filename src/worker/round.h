// The steps of a round, for workers and for topk.run().
#pragma once

#include "../fold/fold.h"
#include "../pg/array.h"

namespace topk::worker {

struct Due {
    int32 id;
    bool backfill; // topk.create_rollup asked for a backfill, which is not done yet
    bool failed;   // the last fold failed
    int64 wait;    // ms until it may be folded, 0: now
};

// These run in the current transaction, as the owner of schema topk.
Array<Due> list_due(); // in the current memory context
void start_backfill(int32 id);
void forget_failures(int32 id);

// Counts the failure and writes it to topk.error_log, and to the log of the server at the given level.
void record_failure(int32 id, bool backfill, const ErrorData *error, int level);

// The version of the extension in this database; nullptr: it is not installed.
char *extension_version();

} // namespace topk::worker
