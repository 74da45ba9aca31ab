#include "fold.h"

#include "../catalog/archive.h"
#include "../catalog/as_owner.h"
#include "../catalog/error_log.h"
#include "../catalog/lock.h"
#include "../catalog/moved.h"
#include "../statistics/statistics.h"
#include "retention.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// With the lock of the rollup.
void fold_deltas(Fold *fold, FoldResult *result) {
    fold->now = GetCurrentTimestamp();
    fold->windows = begin_windows(&fold->row);
    fold->context = CurrentMemoryContext;
    fold->job_context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk fold job", ALLOCSET_DEFAULT_SIZES);
    init_groups(&fold->groups, &fold->row);
    Relation log = table_open(slot_oid(0), AccessShareLock);
    fold->descriptor = CreateTupleDescCopy(RelationGetDescr(log));
    table_close(log, AccessShareLock);

    const FoldMark mark = fold->found != nullptr ? fold->found->mark : mark_fold(fold->row.id);
    // Taken after the lock: it sees what the last fold did.
    fold->snapshot = RegisterSnapshot(GetLatestSnapshot());
    collect_deltas(fold);
    read_bundles(fold);
    register_groups(&fold->groups, &fold->row);
    plan_jobs(fold);
    if (!fold->alone)
        fold->windows.finish_until = std::min(fold->now, fold->unread);
    run_jobs(fold);
    result->deltas = remove_taken(fold);
    UnregisterSnapshot(fold->snapshot);
    CommandCounterIncrement();
    const bool finished = fold->more ? fold->windows.finished : finish_windows(fold);
    end_windows(&fold->windows);
    if (result->deltas != 0 || finished) {
        add_fold(fold->row.id, fold->totals, fold->now, fold->windows.change);
        if (finished || is_retention_due(fold->row.id))
            apply_retention(fold->row.id);
    }
    if (!fold->more)
        looked_at_all(fold->row.id, mark);
    result->tiles = fold->windows.written;
    result->more = fold->more;
}

void fold_as_owner(int32 id, const FoundRows *found, bool everything, bool alone, FoldResult *result) {
    auto *fold = static_cast<Fold *>(palloc0(sizeof(Fold)));
    fold->found = found;
    fold->everything = everything;
    fold->alone = alone;
    if (read_rollup(id, nullptr, &fold->row) && !has_moved_out(id, nullptr))
        as_owner([&] { fold_deltas(fold, result); });
}

} // namespace

bool lies_in_data(const ErrorData *error) {
    if (error->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
        return true;
    for (const int category : {ERRCODE_DATA_EXCEPTION, ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION,
                               ERRCODE_PROGRAM_LIMIT_EXCEEDED, ERRCODE_INTERNAL_ERROR})
        if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TO_CATEGORY(category))
            return true;
    return false;
}

void record_failure(Fold *fold, ArrayType *grp) {
    ErrorData *error = fold->error;
    if (!lies_in_data(error))
        ReThrowError(error);
    const LevelSpan &at = fold->windows.at;
    const TileKey window = {fold->row.id, at.level, grp, at.span.start};
    log_error(fold->row.id, unpack_sql_state(error->sqlerrcode), error->message, &window, at.span.stop);
    ereport(MyBackendType == B_BG_WORKER ? LOG : WARNING,
            (errcode(error->sqlerrcode),
             errmsg("could not fold the %s that begins at %s, of rollup \"%s\": %s", level_name(at.level),
                    timestamptz_to_str(at.span.start), fold->row.name, error->message),
             errhint("Its counts are set aside. topk.discard removes them.")));
}

void require_read_committed(const char *what) {
    PreventCommandDuringRecovery(what);
    if (IsolationUsesXactSnapshot())
        ereport(ERROR,
                (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("%s must be called in a READ COMMITTED transaction", what),
                 errhint("It needs to see what was committed before it runs. Use SET TRANSACTION ISOLATION LEVEL READ "
                         "COMMITTED.")));
}

FoldResult fold_rollup(int32 id, bool wait, const FoundRows *found, bool everything) {
    require_read_committed("topk.fold()");
    FoldResult result = {};
    if (!lock_rollup(id, wait))
        return result;
    result.locked = true;
    // Most folds have no error. After one that lies in the data, each job gets a subtransaction, so that it fails alone.
    const FoldResult before = result;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk fold", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    if (ErrorData *error = in_subtransaction([&] { fold_as_owner(id, found, everything, false, &result); })) {
        if (!lies_in_data(error))
            ReThrowError(error);
        MemoryContextReset(context); // memory may be what was missing
        result = before;
        fold_as_owner(id, found, everything, true, &result);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    return result;
}

} // namespace topk::fold

namespace {

Datum fold_function(FunctionCallInfo fcinfo) {
    const topk::fold::FoldResult result = topk::fold::fold_rollup(PG_GETARG_INT32(0), true);
    Datum values[] = {Int64GetDatum(result.deltas), Int64GetDatum(result.tiles), BoolGetDatum(result.more)};
    bool nulls[3] = {};
    return topk::pg::return_row(fcinfo, values, nulls);
}

Datum maintain(FunctionCallInfo) {
    topk::fold::require_read_committed("topk.maintain()");
    topk::catalog::restore_left_over();
    topk::fold::rotate_log();
    PG_RETURN_VOID();
}

} // namespace

TOPK_FUNCTION(topk_fold, fold_function(fcinfo))
TOPK_FUNCTION(topk_maintain, maintain(fcinfo))
