// topk.readable_rollups() and the like: the rows of a table of schema topk that belong to rollups which the user may ask.
// Views are made of them, so that no plan of a user's query passes over rows of others, which EXPLAIN ANALYZE would count.
#include "../catalog/rights.h"
#include "../catalog/rollup.h"
#include "../catalog/scan.h"
#include "../catalog/tables.h"
#include "../pg/function.h"

namespace topk::answer {
namespace {

// Which columns of the table the function returns: those with the names of its output columns.
AttrNumber *columns_of(TupleDesc rows, TupleDesc table) {
    auto *numbers = static_cast<AttrNumber *>(palloc(rows->natts * sizeof(AttrNumber)));
    for (int i = 0; i < rows->natts; ++i) {
        const FormData_pg_attribute *wanted = TupleDescAttr(rows, i);
        numbers[i] = InvalidAttrNumber;
        for (int j = 0; j < table->natts; ++j) {
            const FormData_pg_attribute *column = TupleDescAttr(table, j);
            if (!column->attisdropped && column->atttypid == wanted->atttypid &&
                namestrcmp(const_cast<NameData *>(&column->attname), NameStr(wanted->attname)) == 0)
                numbers[i] = column->attnum;
        }
        if (numbers[i] == InvalidAttrNumber)
            elog(ERROR, "there is no column \"%s\"", NameStr(wanted->attname));
    }
    return numbers;
}

// The rollups that the user may ask, by the snapshot of the query; with `only`, at most that one.
Array<int32> readable_ids(const int32 *only) {
    Array<int32> ids = {};
    for (const RollupSource &rollup : list_rollups(GetActiveSnapshot()))
        if ((only == nullptr || rollup.id == *only) && may_read(rollup.source))
            ids.add(rollup.id);
    return ids;
}

// Returns the rows of a table, whose column `rollup` is the id of a rollup. The argument of the SQL function, if it has one,
// is the id of the only rollup whose rows are wanted, which the index finds.
Datum readable(FunctionCallInfo fcinfo, Table of, AttrNumber rollup, const char *index) {
    ReturnSetInfo *result = begin_rows(fcinfo);
    const int32 id = PG_NARGS() != 0 ? PG_GETARG_INT32(0) : 0;
    const Array<int32> ids = readable_ids(PG_NARGS() != 0 ? &id : nullptr);
    if (ids.count == 0)
        return (Datum)0;
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    RowScan rows;
    begin_rows(&rows, table_oid(of), index != nullptr ? index_oid(index) : InvalidOid, false, PG_NARGS(), &key,
               GetActiveSnapshot());
    const TupleDesc descriptor = RelationGetDescr(rows.relation);
    const int count = result->setDesc->natts;
    const AttrNumber *columns = columns_of(result->setDesc, descriptor);
    auto *values = static_cast<Datum *>(palloc(count * sizeof(Datum)));
    auto *nulls = static_cast<bool *>(palloc(count * sizeof(bool)));
    while (HeapTuple tuple = next_row(&rows)) {
        CHECK_FOR_INTERRUPTS();
        bool null;
        if (!std::binary_search(ids.begin(), ids.end(), DatumGetInt32(heap_getattr(tuple, rollup, descriptor, &null))))
            continue;
        for (int i = 0; i < count; ++i)
            values[i] = heap_getattr(tuple, columns[i], descriptor, &nulls[i]);
        add_row(result, values, nulls);
    }
    return (Datum)0;
}

} // namespace
} // namespace topk::answer

TOPK_FUNCTION(topk_readable_rollups, topk::answer::readable(fcinfo, topk::catalog::Table::rollup, 1, nullptr))
TOPK_FUNCTION(topk_readable_states, topk::answer::readable(fcinfo, topk::catalog::Table::rollup_state, 1, nullptr))
TOPK_FUNCTION(topk_readable_groups, topk::answer::readable(fcinfo, topk::catalog::Table::group_key, 1, "group_key_pkey"))
TOPK_FUNCTION(topk_readable_snapshots, topk::answer::readable(fcinfo, topk::catalog::Table::snapshot, 1, "snapshot_stop"))
TOPK_FUNCTION(topk_readable_errors, topk::answer::readable(fcinfo, topk::catalog::Table::error_log, 2, nullptr))
