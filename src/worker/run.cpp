// CALL topk.run(): one round in the calling session, for databases without a worker.
#include "../catalog/archive.h"
#include "../define/dependencies.h"
#include "../pg/function.h"
#include "../pg/subtransaction.h"
#include "../stream/delta_log.h"
#include "../fold/recount.h"
#include "round.h"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace {

using namespace topk;
using namespace topk::worker;

// The cancellation of the query ends the call; any other error concerns one rollup alone.
void rethrow_cancel(ErrorData *error) {
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
        ReThrowError(error);
}

void finish_step(bool atomic) {
    if (!atomic)
        SPI_commit();
    CHECK_FOR_INTERRUPTS();
}

void backfill(int32 id, bool atomic) {
    if (ErrorData *error = in_subtransaction([&] { run_backfill(id); })) {
        rethrow_cancel(error);
        record_failure(id, true, error, WARNING);
    }
    finish_step(atomic);
}

// Waits for the lock, so that after the call all is folded that was committed before it.
void fold(const Due &due, bool atomic) {
    for (;;) {
        FoldResult result = {};
        ErrorData *error = in_subtransaction([&] {
            result = fold_rollup(due.id, true);
            if (due.failed)
                forget_failures(due.id);
        });
        if (error != nullptr) {
            rethrow_cancel(error);
            record_failure(due.id, false, error, WARNING);
        }
        finish_step(atomic);
        if (error != nullptr || !result.more || atomic)
            return;
    }
}

Datum run(FunctionCallInfo fcinfo) {
    require_read_committed("topk.run()");
    // Inside a transaction block everything is part of that transaction; otherwise each rollup has one of its own.
    const bool atomic = fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
                        reinterpret_cast<CallContext *>(fcinfo->context)->atomic;
    SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
    const Array<Due> list = list_due();
    for (int i = 0; i < list.count; ++i) {
        if (list[i].backfill)
            backfill(list[i].id, atomic);
        fold(list[i], atomic);
    }
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
