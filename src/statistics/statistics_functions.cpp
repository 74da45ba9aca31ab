// The parts of topk.stats that stand in no table: what waits in the delta log, and the counters in shared memory.
#include "../pg/array.h"
#include "../pg/function.h"
#include "../pg/numeric.h"
#include "../catalog/tables.h"
#include "../stream/delta_log.h"
#include "../pg/tally.h"
#include "../catalog/rights.h"
#include "statistics.h"
#include "../catalog/tile.h"

namespace {

using namespace topk;
using namespace topk::statistics;

struct Waiting {
    int32 rollup;
    bool readable;
    int64 deltas; // rows of the log
    // Of the raw ones, which no fold has counted:
    int64 events;
    int128 weight;
    int64 rejected;
};

using WaitingList = Array<Waiting>; // by id

Waiting *find(const WaitingList *list, int32 rollup) {
    Waiting *end = list->elements + list->count;
    Waiting *found = std::lower_bound(list->elements, end, rollup, [](const Waiting &w, int32 id) { return w.rollup < id; });
    return found != end && found->rollup == rollup ? found : nullptr;
}

WaitingList list_waiting(Snapshot snapshot) {
    WaitingList list = {};
    for (const RollupSource &rollup : list_rollups(snapshot))
        list.add({rollup.id, may_watch(rollup, permission_of(rollup)), 0, 0, 0, 0});
    return list;
}

void add_delta(Waiting *waiting, HeapTuple tuple, TupleDesc descriptor) {
    const FormData_topk_delta &form = *delta_form(tuple);
    ++waiting->deltas;
    if (form.scope != DeltaScope::raw)
        return;
    if (form.tile == DT_NOBEGIN) {
        waiting->rejected += form.events;
        return;
    }
    waiting->events += form.events;
    waiting->weight += stored_weight(read_delta(tuple, descriptor).values);
}

void add_deltas(const WaitingList *list, Snapshot snapshot) {
    MemoryContext per_row = AllocSetContextCreate(CurrentMemoryContext, "pg_topk row", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = CurrentMemoryContext;
    DeltaScan scan;
    begin_delta_scan(&scan, snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        Waiting *waiting = find(list, delta_form(tuple)->rollup);
        if (waiting == nullptr || !waiting->readable)
            continue;
        MemoryContextSwitchTo(per_row);
        add_delta(waiting, tuple, RelationGetDescr(scan.relation));
        MemoryContextSwitchTo(caller);
        MemoryContextReset(per_row);
    }
    MemoryContextDelete(per_row);
}

Datum interval_since(TimestampTz since) {
    auto *age = static_cast<Interval *>(palloc0(sizeof(Interval)));
    if (since != 0)
        age->time = Max(GetCurrentTimestamp() - since, 0);
    return IntervalPGetDatum(age);
}

// rollup_activity()
Datum rollup_activity(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const WaitingList list = list_waiting(GetActiveSnapshot());
    add_deltas(&list, GetActiveSnapshot());
    for (const Waiting &waiting : list) {
        if (!waiting.readable)
            continue;
        Activity activity;
        const bool known = read_activity(waiting.rollup, &activity);
        const bool any = known && activity.answers != 0;
        Datum values[] = {Int32GetDatum(waiting.rollup),
                          Int64GetDatum(waiting.deltas),
                          Int64GetDatum(waiting.events),
                          numeric_of(waiting.weight),
                          Int64GetDatum(waiting.rejected),
                          interval_since(activity.oldest),
                          Float8GetDatum(activity.events_per_second),
                          Int64GetDatum(activity.answers),
                          Float8GetDatum(activity.milliseconds[0]),
                          Float8GetDatum(activity.milliseconds[1]),
                          Float8GetDatum(activity.milliseconds[2])};
        bool nulls[] = {false, false, false, false, false, !activity.folded, !known, !known, !any, !any, !any};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

bool has_worker() { return stream::folder() == stream::Folder::worker; }

Datum reset_stats(FunctionCallInfo) {
    if (!has_statistics())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("there are no statistics of answers"),
                        errhint("They need pg_topk in shared_preload_libraries.")));
    reset_answers();
    PG_RETURN_VOID();
}

struct varlena *raw_argument(FunctionCallInfo fcinfo, int position) {
    return PG_ARGISNULL(position) ? nullptr : reinterpret_cast<struct varlena *>(PG_GETARG_POINTER(position));
}

// stored_bytes(summary, sketch, registers)
Datum stored_bytes_function(FunctionCallInfo fcinfo) {
    PG_RETURN_INT64(stored_bytes({nullptr, raw_argument(fcinfo, 0), raw_argument(fcinfo, 1), raw_argument(fcinfo, 2)}));
}

} // namespace

TOPK_FUNCTION(topk_rollup_activity, rollup_activity(fcinfo))
TOPK_FUNCTION(topk_has_worker, ((void)fcinfo, BoolGetDatum(has_worker())))
TOPK_FUNCTION(topk_reset_stats, reset_stats(fcinfo))
TOPK_FUNCTION(topk_stored_bytes, stored_bytes_function(fcinfo))
