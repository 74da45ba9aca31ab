#include "row_writer.h"

#include "../pg/executor.h"

namespace topk::catalog {

struct RowWriter {
    Relation relation;
    EState *estate;
    EPQState recheck; // PostgreSQL asks for it; only triggers would use it
    ResultRelInfo *target;
    TupleTableSlot *row;
    TupleTableSlot *replaced;
    ExprState **defaults; // by column; nullptr is NULL
};

namespace {

TupleDesc descriptor_of(const RowWriter *writer) { return RelationGetDescr(writer->relation); }

void set_row(RowWriter *writer, int count, const Datum *values, const bool *nulls) {
    TupleTableSlot *row = writer->row;
    ExecClearTuple(row);
    for (int i = 0; i < Min(count, descriptor_of(writer)->natts); ++i) {
        row->tts_values[i] = values[i];
        row->tts_isnull[i] = nulls[i];
    }
}

ItemPointerData finish_row(RowWriter *writer) {
    const ItemPointerData place = writer->row->tts_tid;
    ExecClearTuple(writer->row);
    ResetPerTupleExprContext(writer->estate);
    CommandCounterIncrement();
    return place;
}

} // namespace

RowWriter *begin_writing(Table table) {
    auto *writer = static_cast<RowWriter *>(palloc0(sizeof(RowWriter)));
    writer->relation = table_open(table_oid(table), RowExclusiveLock);
    writer->estate = CreateExecutorState();
#if PG_VERSION_NUM >= 160000
    EvalPlanQualInit(&writer->recheck, writer->estate, nullptr, NIL, -1, NIL);
#else
    EvalPlanQualInit(&writer->recheck, writer->estate, nullptr, NIL, -1);
#endif
    writer->target = makeNode(ResultRelInfo);
    InitResultRelInfo(writer->target, writer->relation, 0, nullptr, 0);
    ExecOpenIndices(writer->target, false);
    const TupleDesc descriptor = descriptor_of(writer);
    writer->row = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);
    writer->replaced = table_slot_create(writer->relation, nullptr);
    writer->defaults = static_cast<ExprState **>(palloc0(descriptor->natts * sizeof(ExprState *)));
    for (int i = 0; i < descriptor->natts; ++i)
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            if (Node *value = build_column_default(writer->relation, i + 1))
                writer->defaults[i] = ExecPrepareExpr(reinterpret_cast<Expr *>(value), writer->estate);
    return writer;
}

void end_writing(RowWriter *writer) {
    ExecCloseIndices(writer->target);
    ExecDropSingleTupleTableSlot(writer->row);
    ExecDropSingleTupleTableSlot(writer->replaced);
    FreeExecutorState(writer->estate);
    table_close(writer->relation, NoLock);
}

ItemPointerData append_row(RowWriter *writer, int count, const Datum *values, const bool *nulls) {
    MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
    set_row(writer, count, values, nulls);
    TupleTableSlot *row = writer->row;
    for (int i = count; i < descriptor_of(writer)->natts; ++i) {
        row->tts_isnull[i] = writer->defaults[i] == nullptr;
        row->tts_values[i] = row->tts_isnull[i] ? (Datum)0
                                                : ExecEvalExpr(writer->defaults[i], GetPerTupleExprContext(writer->estate),
                                                               &row->tts_isnull[i]);
    }
    ExecStoreVirtualTuple(row);
    ExecSimpleRelationInsert(writer->target, writer->estate, row);
    MemoryContextSwitchTo(caller);
    return finish_row(writer);
}

ItemPointerData replace_row(RowWriter *writer, ItemPointerData place, int count, const Datum *values, const bool *nulls) {
    MemoryContext caller = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));
    TupleTableSlot *row = writer->row, *replaced = writer->replaced;
    if (!table_tuple_fetch_row_version(writer->relation, &place, SnapshotAny, replaced))
        elog(ERROR, "could not find a row of table \"%s\"", RelationGetRelationName(writer->relation));
    slot_getallattrs(replaced);
    set_row(writer, count, values, nulls);
    for (int i = count; i < descriptor_of(writer)->natts; ++i) {
        row->tts_values[i] = replaced->tts_values[i];
        row->tts_isnull[i] = replaced->tts_isnull[i];
    }
    ExecStoreVirtualTuple(row);
    ExecSimpleRelationUpdate(writer->target, writer->estate, &writer->recheck, replaced, row);
    ExecClearTuple(replaced);
    MemoryContextSwitchTo(caller);
    return finish_row(writer);
}

Oid column_type(const RowWriter *writer, AttrNumber column) {
    return TupleDescAttr(descriptor_of(writer), column - 1)->atttypid;
}

} // namespace topk::catalog
