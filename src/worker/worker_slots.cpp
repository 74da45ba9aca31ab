// topk.worker_slots(): what topk.workers says of each slot.
#include "../pg/function.h"
#include "slots.h"

namespace {

using namespace topk::worker;

// worker_slots()
Datum worker_slots(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const char *const names[] = {"stopped", "starting", "running"};
    int count;
    const SlotStatus *slots = read_slots(&count);
    for (int i = 0; i < count; ++i) {
        const SlotStatus &slot = slots[i];
        Datum values[] = {ObjectIdGetDatum(slot.database),
                          CStringGetTextDatum(names[static_cast<int>(slot.state)]),
                          Int32GetDatum(slot.worker),
                          Int32GetDatum(slot.backfill),
                          TimestampTzGetDatum(slot.started),
                          Int64GetDatum(slot.rounds),
                          TimestampTzGetDatum(slot.last_round),
                          Int64GetDatum(slot.pending),
                          Int64GetDatum(static_cast<int64>(slot.pending_bytes))};
        bool nulls[] = {false, false, slot.worker == 0, slot.backfill == 0, slot.started == 0, false, slot.last_round == 0,
                        false, false};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

} // namespace

TOPK_FUNCTION(topk_worker_slots, worker_slots(fcinfo))
