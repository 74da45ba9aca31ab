// The steps of a round, for workers and for topk.run().
#pragma once

#include "../fold/fold.h"
#include "../pg/array.h"

namespace topk::worker {

struct Due {
    int32 id;
    bool backfill;     // topk.create_rollup asked for a backfill, which is not done yet
    TimestampTz since; // of the backfill's place in the queue: the last attempt, or when the next one is allowed
    bool fold;         // there is something to fold, or the last fold failed
    bool failed;       // the last fold failed
    int64 wait;        // ms until it may be folded, 0: now
    FoundRows found;
};

// These run in the current transaction, as the owner of schema topk.

// Lists all rollups, in the current memory context. The log is read once for all of them. over: whether to look for tiles
// and windows that are over, which end at full minutes.
Array<Due> list_due(bool over);
// Returns the rollup whose backfill may begin now and has waited longest, or nullptr.
Due *next_backfill(Array<Due> &list);
void start_backfill(int32 id);
void forget_failures(int32 id);

// Counts the failure and writes it to topk.error_log, and to the log of the server at the given level.
void record_failure(int32 id, bool backfill, const ErrorData *error, int level);

// Whether the error is a cancellation by a user or a setting, and none that an expression raised.
bool is_cancel(const ErrorData *error);

// Within these, waiting for a lock is bounded, and the whole by pg_topk.backfill_timeout. A setting that the session has for
// itself stays.
struct Bounds {
    int settings;
    TimestampTz until;
    bool armed;
};
Bounds begin_bounds(int lock_ms, int total_ms);
void end_bounds(const Bounds &bounds);
bool is_time_up(const Bounds &bounds, const ErrorData *error);
void explain_timeout(ErrorData *error);         // of a backfill, which is not tried again then
inline constexpr int lock_patience = 10 * 1000; // ms

// The version of the extension in this database; nullptr: it is not installed.
char *extension_version();

} // namespace topk::worker
