// The foreign-data wrapper of streams: rows are captured and not kept.
#include "../pg/function.h"
#include "capture.h"

extern "C" {
#include "access/reloptions.h"
#include "catalog/pg_foreign_table.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "tcop/pquery.h"
}

namespace topk::stream {
namespace {

struct StreamInsert {
    Capture *capture;
    bool check_constraints;
    bool check_partition; // only core's tuple routing knows that a row belongs here
};

void begin_insert(ResultRelInfo *result) {
    Relation relation = result->ri_RelationDesc;
    auto *insert = static_cast<StreamInsert *>(palloc0(sizeof(StreamInsert)));
    insert->check_constraints = RelationGetDescr(relation)->constr != nullptr;
    insert->check_partition = relation->rd_rel->relispartition && result->ri_RootResultRelInfo == nullptr;
    insert->capture = begin_capture(relation, Ancestors::no);
    result->ri_FdwState = insert;
}

void end_insert(EState *, ResultRelInfo *result) {
    auto *insert = static_cast<StreamInsert *>(result->ri_FdwState);
    if (insert == nullptr) // only explained
        return;
    finish_capture(insert->capture);
    result->ri_FdwState = nullptr;
}

List *plan_modify(PlannerInfo *, ModifyTable *, Index, int) { return NIL; }

void begin_modify(ModifyTableState *, ResultRelInfo *result, List *, int, int flags) {
    result->ri_FdwState = nullptr;
    if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
        begin_insert(result);
}

void begin_routed_insert(ModifyTableState *, ResultRelInfo *result) { begin_insert(result); }

TupleTableSlot *insert_row(EState *estate, ResultRelInfo *result, TupleTableSlot *slot, TupleTableSlot *) {
    auto *insert = static_cast<StreamInsert *>(result->ri_FdwState);
    // Core leaves these to the wrapper.
    if (insert->check_constraints)
        ExecConstraints(result, slot, estate);
    if (insert->check_partition)
        ExecPartitionCheck(result, slot, estate, true);
    if (!has_rollups(insert->capture))
        warn_without_rollups(insert->capture, result->ri_RelationDesc);
    capture_slot(insert->capture, slot);
    return slot;
}

int updatable(Relation) { return 1 << CMD_INSERT; }

void explain_modify(ModifyTableState *, ResultRelInfo *result, List *, int, struct ExplainState *explain) {
    const Source *source = pin_source(result->ri_RelationDesc);
    List *names = NIL;
    for (int i = 0; i < source->rollup_count; ++i)
        names = lappend(names, const_cast<char *>(source->rollups[i].name));
    ExplainPropertyList("Rollups", names, explain);
}

// pg_dump --include-foreign-data reads whole tables like this. It finds no rows, and goes on with the other tables.
bool is_dump() {
    return ActivePortal != nullptr &&
           (ActivePortal->commandTag == CMDTAG_COPY || ActivePortal->commandTag == CMDTAG_DECLARE_CURSOR);
}

// The planner calls it first for everything but INSERT.
void estimate_size(PlannerInfo *root, RelOptInfo *stream, Oid relation) {
    if (root->parse->commandType != CMD_SELECT && root->parse->resultRelation != 0 &&
        rt_fetch(root->parse->resultRelation, root->parse->rtable)->relid == relation)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot update or delete rows of stream \"%s\"", get_rel_name(relation)),
                        errdetail("Streams keep no rows.")));
    stream->rows = 1;
}

void add_paths(PlannerInfo *root, RelOptInfo *stream, Oid) {
    ForeignPath *path = makeNode(ForeignPath);
    path->path.pathtype = T_ForeignScan;
    path->path.parent = stream;
    path->path.pathtarget = stream->reltarget;
    path->path.param_info = get_baserel_parampathinfo(root, stream, stream->lateral_relids);
    add_path(stream, &path->path);
}

// Only the planner sees whose statement it is: a cursor is read by FETCH.
ForeignScan *plan_scan(PlannerInfo *, RelOptInfo *stream, Oid relation, ForeignPath *, List *targets, List *clauses,
                       Plan *outer) {
    const bool dump = is_dump();
    if (dump)
        ereport(NOTICE, (errmsg("stream \"%s\" keeps no rows", get_rel_name(relation))));
    return make_foreignscan(targets, extract_actual_clauses(clauses, false), stream->relid, NIL, list_make1_int(dump), NIL,
                            NIL, outer);
}

constexpr const char *on_read = "on_read", *read_as_empty = "empty", *refuse_reading = "error";

bool is_read_as_empty(Oid relation) {
    ListCell *cell;
    foreach (cell, GetForeignTable(relation)->options) {
        auto *option = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(option->defname, on_read) == 0)
            return strcmp(defGetString(option), read_as_empty) == 0;
    }
    return false;
}

// A plan may be explained, and run as long as it asks for no row. An answer without the rows that were inserted would be
// wrong, so it is an error unless the owner of the stream wants it.
TupleTableSlot *next_row(ForeignScanState *scan) {
    const auto *plan = reinterpret_cast<ForeignScan *>(scan->ss.ps.plan);
    Relation stream = scan->ss.ss_currentRelation;
    if (linitial_int(plan->fdw_private) == 0 && !is_read_as_empty(RelationGetRelid(stream)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot read from stream \"%s\"", RelationGetRelationName(stream)),
                        errhint("Streams keep no rows. Ask topk.top() for the top items of a window.")));
    return ExecClearTuple(scan->ss.ss_ScanTupleSlot);
}

Datum handler() {
    FdwRoutine *routine = makeNode(FdwRoutine);
    routine->GetForeignRelSize = estimate_size;
    routine->GetForeignPaths = add_paths;
    routine->GetForeignPlan = plan_scan;
    routine->BeginForeignScan = [](ForeignScanState *, int) {};
    routine->IterateForeignScan = next_row;
    routine->ReScanForeignScan = [](ForeignScanState *) {};
    routine->EndForeignScan = [](ForeignScanState *) {};
    routine->PlanForeignModify = plan_modify;
    routine->BeginForeignModify = begin_modify;
    routine->ExecForeignInsert = insert_row;
    routine->EndForeignModify = end_insert;
    routine->BeginForeignInsert = begin_routed_insert;
    routine->EndForeignInsert = end_insert;
    routine->IsForeignRelUpdatable = updatable;
    routine->ExplainForeignModify = explain_modify;
    return PointerGetDatum(routine);
}

// validate(options, catalog)
Datum validate(FunctionCallInfo fcinfo) {
    const bool of_stream = PG_GETARG_OID(1) == ForeignTableRelationId;
    ListCell *cell;
    foreach (cell, untransformRelOptions(PG_GETARG_DATUM(0))) {
        auto *option = static_cast<DefElem *>(lfirst(cell));
        if (!of_stream || strcmp(option->defname, on_read) != 0)
            ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", option->defname),
                            errhint("A stream has the option \"%s\", and the foreign-data wrapper and its server have none.",
                                    on_read)));
        const char *value = defGetString(option);
        if (strcmp(value, read_as_empty) != 0 && strcmp(value, refuse_reading) != 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("invalid value for option \"%s\": \"%s\"", on_read, value),
                            errhint("It is \"%s\" or \"%s\".", refuse_reading, read_as_empty)));
    }
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_fdw_handler, ((void)fcinfo, topk::stream::handler()))
TOPK_FUNCTION(topk_fdw_validator, topk::stream::validate(fcinfo))
