// CALL topk.run(): one round in the calling session, for databases without a worker.
#include "../catalog/lock.h"
#include "../catalog/archive.h"
#include "../define/dependencies.h"
#include "../pg/function.h"
#include "../pg/subtransaction.h"
#include "../stream/delta_log.h"
#include "../fold/recount.h"
#include "round.h"
#include "settings.h"

extern "C" {
#include "nodes/parsenodes.h"
#include "utils/timeout.h"
}

namespace {

using namespace topk;
using namespace topk::worker;

constexpr int64 max_waiting = lock_patience; // ms, for the locks of all rollups together
constexpr int record_patience = 1000;        // ms

// The cancellation of the query ends the call; any other error concerns one rollup alone.
void rethrow_cancel(ErrorData *error) {
    if (is_cancel(error))
        ReThrowError(error);
}

void finish_step(bool atomic) {
    if (!atomic)
        SPI_commit();
    CHECK_FOR_INTERRUPTS();
}

// A transaction that holds the lock of the rollup may have changed its state too.
void record(int32 id, bool backfill, const ErrorData *error) {
    ErrorData *second = in_subtransaction([&] {
        const Bounds bounds = begin_bounds(record_patience, 0);
        record_failure(id, backfill, error, WARNING);
        end_bounds(bounds);
    });
    if (second == nullptr)
        return;
    rethrow_cancel(second);
    ereport(WARNING,
            (errcode(second->sqlerrcode), errmsg("could not record a failure of rollup %d: %s", id, second->message)));
}

// Does work of a backfill, in which time and waits for locks are bounded. Returns false after an error.
template <class Work>
bool in_bounds(int32 id, bool atomic, const Work &work) {
    Bounds bounds = {};
    ErrorData *error = in_subtransaction([&] {
        bounds = begin_bounds(lock_patience, backfill_timeout);
        work();
        end_bounds(bounds);
    });
    if (error != nullptr) {
        if (bounds.armed)
            disable_timeout(STATEMENT_TIMEOUT, false);
        if (is_time_up(bounds, error))
            explain_timeout(error);
        else
            rethrow_cancel(error);
        record(id, true, error);
    }
    finish_step(atomic);
    return error == nullptr;
}

void backfill(int32 id, bool atomic) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk backfill", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    Steps steps;
    bool more = false;
    bool done = in_bounds(id, atomic, [&] {
        lock_rollup(id, true); // before its rows change, as everybody does who changes them
        start_backfill(id);
        more = begin_backfill(id, backfill_timeout, &steps);
    });
    while (done && more) {
        MemoryContextSwitchTo(context); // a commit leaves another one
        MemoryContextReset(context);
        done = in_bounds(id, atomic, [&] { more = count_step(&steps); });
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
}

// Returns whether the lock of the rollup was there, for which it waits so many ms.
bool fold(const Due &due, bool atomic, int64 wait) {
    const FoundRows *found = wait == 0 ? &due.found : nullptr; // after a wait there may be more
    for (;;) {
        FoldResult result = {};
        ErrorData *error = in_subtransaction([&] {
            const Bounds bounds = begin_bounds(static_cast<int>(std::max<int64>(wait, 1)), 0);
            result = fold_rollup(due.id, wait != 0, found);
            if (due.failed && result.locked)
                forget_failures(due.id);
            end_bounds(bounds);
        });
        if (error != nullptr && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && !result.locked) {
            finish_step(atomic);
            return false;
        }
        if (error != nullptr) {
            rethrow_cancel(error);
            record(due.id, false, error);
        }
        finish_step(atomic);
        if (error != nullptr || !result.more || atomic)
            return error != nullptr || result.locked;
        found = nullptr; // what was found is folded
    }
}

// So that after the call all is folded that was committed before it, it waits for the locks of rollups, but not for ever:
// any owner may hold one.
void fold_all(const Array<Due> &list, bool atomic) {
    Array<Due> waiting = {};
    for (const Due &due : list)
        if (due.fold && !fold(due, atomic, 0))
            waiting.add(due);
    const TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), max_waiting);
    for (const Due &due : waiting) {
        const int64 left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
        if (!fold(due, atomic, left))
            ereport(WARNING, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                              errmsg("rollup %d was not folded: another transaction holds its lock", due.id)));
    }
}

Datum run(FunctionCallInfo fcinfo) {
    require_read_committed("topk.run()");
    // Inside a transaction block everything is part of that transaction; otherwise each rollup has one of its own.
    const bool atomic = fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
                        reinterpret_cast<CallContext *>(fcinfo->context)->atomic;
    SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
    Array<Due> list = list_due(true);
    fold_all(list, atomic);
    // Backfills may take long, so they come when all else is folded.
    bool any = false;
    while (Due *next = next_backfill(list)) {
        backfill(next->id, atomic);
        next->backfill = false;
        any = true;
    }
    if (any)
        fold_all(list_due(true), atomic);
    if (ErrorData *error = in_subtransaction([] {
            rotate_log();
            restore_left_over();
            store_missing_expressions(InvalidOid);
        })) {
        rethrow_cancel(error);
        ereport(WARNING, (errcode(error->sqlerrcode), errmsg("could not maintain the delta log: %s", error->message)));
    }
    SPI_finish();
    PG_RETURN_VOID();
}

} // namespace

TOPK_FUNCTION(topk_run, run(fcinfo))
