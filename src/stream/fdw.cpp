// The foreign-data wrapper of streams: rows are captured and not kept.
#include "../pg/function.h"
#include "capture.h"

extern "C" {
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
    const char *name = get_rel_name(relation);
    if (root->parse->commandType != CMD_SELECT && root->parse->resultRelation != 0 &&
        rt_fetch(root->parse->resultRelation, root->parse->rtable)->relid == relation)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot update or delete rows of stream \"%s\"", name), errdetail("Streams keep no rows.")));
    if (is_dump()) {
        ereport(NOTICE, (errmsg("stream \"%s\" keeps no rows", name)));
        stream->rows = 1;
        return;
    }
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot read from stream \"%s\"", name),
                    errhint("Streams keep no rows. Ask topk.top() for the top items of a window.")));
}

void add_paths(PlannerInfo *root, RelOptInfo *stream, Oid) {
    ForeignPath *path = makeNode(ForeignPath);
    path->path.pathtype = T_ForeignScan;
    path->path.parent = stream;
    path->path.pathtarget = stream->reltarget;
    path->path.param_info = get_baserel_parampathinfo(root, stream, stream->lateral_relids);
    add_path(stream, &path->path);
}

ForeignScan *plan_scan(PlannerInfo *, RelOptInfo *stream, Oid, ForeignPath *, List *targets, List *clauses, Plan *outer) {
    return make_foreignscan(targets, extract_actual_clauses(clauses, false), stream->relid, NIL, NIL, NIL, NIL, outer);
}

Datum handler() {
    FdwRoutine *routine = makeNode(FdwRoutine);
    routine->GetForeignRelSize = estimate_size;
    routine->GetForeignPaths = add_paths;
    routine->GetForeignPlan = plan_scan;
    routine->BeginForeignScan = [](ForeignScanState *, int) {};
    routine->IterateForeignScan = [](ForeignScanState *scan) { return ExecClearTuple(scan->ss.ss_ScanTupleSlot); };
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

Datum validate(FunctionCallInfo fcinfo) {
    Datum *options;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &options, nullptr, &count);
    if (count != 0) {
        char *option = TextDatumGetCString(options[0]);
        if (char *end = strchr(option, '='))
            *end = '\0';
        ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", option),
                        errdetail("The foreign-data wrapper topk has no options.")));
    }
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_fdw_handler, ((void)fcinfo, topk::stream::handler()))
TOPK_FUNCTION(topk_fdw_validator, topk::stream::validate(fcinfo))
