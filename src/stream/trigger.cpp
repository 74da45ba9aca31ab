// topk.capture(): the statement-level trigger that counts what is inserted into ordinary and partitioned tables.
#include "../pg/function.h"
#include "capture.h"

namespace topk::stream {
namespace {

[[noreturn]] void raise_protocol() {
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("topk.capture() must be the function of a trigger AFTER INSERT FOR EACH STATEMENT that is "
                           "REFERENCING a NEW TABLE"),
                    errhint("topk.create_rollup() creates it.")));
    pg_unreachable();
}

Datum capture_statement(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        raise_protocol();
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!TRIGGER_FIRED_BY_INSERT(data->tg_event) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event) || data->tg_newtable == nullptr)
        raise_protocol();

    // A partition's trigger fires for what is inserted into the partition by name; the root's trigger for what is routed.
    const int definitions = data->tg_trigger->tgnargs;
    Capture *capture = definitions == 0 ? begin_capture(data->tg_relation, Ancestors::yes)
                                        : begin_capture_of_shard(data->tg_relation, definitions);
    if (has_rollups(capture)) {
        TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(data->tg_relation), &TTSOpsMinimalTuple);
        Tuplestorestate *rows = data->tg_newtable;
        // Other triggers read the same rows.
        tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
        tuplestore_rescan(rows);
        expect_rows(capture, tuplestore_tuple_count(rows));
        pin_for_all_rows(capture);
        while (tuplestore_gettupleslot(rows, true, false, slot)) {
            CHECK_FOR_INTERRUPTS();
            capture_slot(capture, slot);
        }
        ExecDropSingleTupleTableSlot(slot);
    } else if (tuplestore_tuple_count(data->tg_newtable) != 0)
        warn_without_rollups(capture, data->tg_relation);
    finish_capture(capture);
    return PointerGetDatum(nullptr);
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_capture, topk::stream::capture_statement(fcinfo))
