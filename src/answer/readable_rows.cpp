// topk.readable(): the rows of a table of schema topk that the user may read. Views are made of it, so that no plan of a
// user's query passes over rows of others, which EXPLAIN ANALYZE would count.
#include "../catalog/rights.h"
#include "../catalog/rollup.h"
#include "../catalog/tables.h"
#include "../pg/array.h"
#include "../pg/function.h"

namespace topk::answer {
namespace {

struct Readable {
    Table table;
    AttrNumber rollup;
    const char *index; // by rollup; nullptr: none
};
constexpr Readable readable_tables[] = {{Table::rollup, 1, "rollup_pkey"},
                                        {Table::rollup_state, 1, "rollup_state_pkey"},
                                        {Table::group_key, 1, "group_key_pkey"},
                                        {Table::snapshot, 1, "snapshot_stop"},
                                        {Table::error_log, 2, nullptr}};

const Readable &find_readable(Oid table) {
    for (const Readable &readable : readable_tables)
        if (table_oid(readable.table) == table)
            return readable;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("topk.readable() has no rows of this type")));
    pg_unreachable();
}

// Visits the rows of one rollup, or of all, by the snapshot of the query.
template <class Visit>
void scan(const Readable &readable, const int32 *rollup, const Visit &visit) {
    Relation relation = table_open(table_oid(readable.table), AccessShareLock);
    ScanKeyData key;
    if (rollup != nullptr)
        ScanKeyInit(&key, readable.rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(*rollup));
    const bool indexed = rollup != nullptr && readable.index != nullptr;
    SysScanDesc rows = systable_beginscan(relation, indexed ? index_oid(readable.index) : InvalidOid, indexed,
                                          GetActiveSnapshot(), rollup != nullptr ? 1 : 0, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(rows))) {
        CHECK_FOR_INTERRUPTS();
        visit(tuple, RelationGetDescr(relation));
    }
    systable_endscan(rows);
    table_close(relation, AccessShareLock);
}

// readable(row_type, rollup)
Datum readable(FunctionCallInfo fcinfo) {
    const Readable &wanted = find_readable(get_typ_typrelid(get_fn_expr_argtype(fcinfo->flinfo, 0)));
    const int32 id = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
    const int32 *rollup = PG_ARGISNULL(1) ? nullptr : &id;
    InitMaterializedSRF(fcinfo, 0);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    Array<int32> ids = {};
    for (const RollupSource &known : list_rollups(GetActiveSnapshot()))
        if ((rollup == nullptr || known.id == *rollup) && may_read(known.source))
            ids.add(known.id);
    if (ids.count == 0)
        return (Datum)0;
    scan(wanted, rollup, [&](HeapTuple tuple, TupleDesc descriptor) {
        bool null;
        if (std::binary_search(ids.begin(), ids.end(), DatumGetInt32(heap_getattr(tuple, wanted.rollup, descriptor, &null))))
            tuplestore_puttuple(result->setResult, tuple);
    });
    return (Datum)0;
}

} // namespace
} // namespace topk::answer

TOPK_FUNCTION(topk_readable, topk::answer::readable(fcinfo))
