// A fold in progress, and its steps in their order (README.md).
#pragma once

#include "../catalog/rollup_state.h"
#include "../pg/array.h"
#include "../pg/subtransaction.h"
#include "fold.h"
#include "groups.h"
#include "list_sums.h"
#include "window_writer.h"

namespace topk::fold {

// A delta that the fold has read.
struct CollectedDelta {
    HeapTuple tuple;
    FormData_topk_delta form;
    int group; // -1: none
    size_t bytes;
    int8 slot;
    bool is_list;   // exact counts, not a tally
    bool is_bundle; // of groups
    bool draining;  // it must leave its slot, which is to be emptied
    bool taken;     // the fold has counted it elsewhere, and deletes it
};

// A delta, or what bundles have together, as part of a job. A job is everything for one tile and one group, or for all
// groups together (-1). The list of bundles comes first.
struct Part {
    int group;
    int delta; // -1: bundles, which the fold has taken already
    TimestampTz tile;
    const SummedList *list; // of bundles
};

struct Fold {
    RollupRow row;
    TupleDesc descriptor;   // of deltas
    const FoundRows *found; // nullptr: the log is searched
    Snapshot snapshot;
    TimestampTz now;
    Groups groups;
    Array<CollectedDelta> deltas;
    size_t bytes;          // of their values
    Array<Part> parts;     // sorted by job
    bool more;             // the log has deltas that the fold does not read
    TimestampTz unread;    // tiles that stop by then have none of those
    bool everything;       // nothing waits in the log
    bool alone;            // each job in a subtransaction: one of them fails
    MemoryContext context; // of the fold
    MemoryContext job_context;
    ListSums *sums;            // of the bundles that it has read
    Array<SummedList> waiting; // small lists of groups, which go back to the log together
    uint64 waiting_weight;
    WindowWriter windows;
    ErrorData *error;  // of the job that failed last
    FoldTotals totals; // what those of the rollup gain
};

// Records that the error of the fold concerns one window.
void record_failure(Fold *fold, ArrayType *grp);

// Reads the deltas that the snapshot sees, as many as one call takes on.
void collect_deltas(Fold *fold);
// Takes bundles, and adds up what they have. Those of waiting counts may stay in the log.
void read_bundles(Fold *fold);
// Divides deltas into jobs.
void plan_jobs(Fold *fold);
// Merges each job into its tile, or leaves it in the log, perhaps in fewer rows.
void run_jobs(Fold *fold);
// Deletes the deltas that were taken. Returns how many.
int64 remove_taken(Fold *fold);
// Merges tiles that are over into the windows above them, and finishes windows that are over. True when there were any.
bool finish_windows(Fold *fold);

// Runs a part of a fold that writes windows, so that an error that lies in the data undoes this part alone. False after such
// an error, which is written to topk.errors and to the log of the server. Any other error is raised.
template <class Work>
bool succeeds_alone(Fold *fold, ArrayType *grp, const Work &work) {
    const FoldTotals totals = fold->totals;
    const LevelChange change = fold->windows.change;
    const int64 written = fold->windows.written;
    fold->error = in_subtransaction([&] {
        work();
        write_open_windows(&fold->windows);
    });
    if (fold->error == nullptr)
        return true;
    forget_open_windows(&fold->windows);
    MemoryContextReset(fold->job_context);
    fold->totals = totals;
    fold->windows.change = change;
    fold->windows.written = written;
    record_failure(fold, grp);
    return false;
}

// Whether an error concerns what was read and nothing else, so that the other jobs of the fold may succeed.
bool lies_in_data(const ErrorData *error);

// The size of the values in bytes, decompressed.
size_t payload_size(const StoredTally &values);

// Counts wait in the log until they are worth a rewrite of their tile. Meanwhile small rows are compacted into one now and
// then. A row that is larger than what would come to it stays as it is, so that nothing is rewritten more often than its
// size doubles.
inline constexpr int max_waiting = 8; // small rows
inline constexpr size_t small = 1024; // bytes

} // namespace topk::fold
