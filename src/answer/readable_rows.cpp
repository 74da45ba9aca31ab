// topk.readable_rollups() and the like: the rows of a table of schema topk that belong to rollups which the user may ask or
// watch.
// Views are made of them, so that no plan of a user's query passes over rows of others, which EXPLAIN ANALYZE would count.
#include "../catalog/rights.h"
#include "../catalog/rollup.h"
#include "../catalog/scan.h"
#include "../catalog/tables.h"
#include "../pg/function.h"

namespace topk::answer {
namespace {

constexpr AttrNumber schema_column = -1; // no column of topk.rollup: the schema of the source

// Which columns of the table the function returns: those with the names of its output columns.
AttrNumber *columns_of(TupleDesc rows, TupleDesc table) {
    auto *numbers = static_cast<AttrNumber *>(palloc(rows->natts * sizeof(AttrNumber)));
    for (int i = 0; i < rows->natts; ++i) {
        const FormData_pg_attribute *wanted = TupleDescAttr(rows, i);
        numbers[i] = wanted->atttypid == NAMEOID ? schema_column : InvalidAttrNumber;
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

Datum schema_of(Oid source, bool *null) {
    const char *name = get_namespace_name(get_rel_namespace(source));
    *null = name == nullptr;
    return *null ? (Datum)0 : DirectFunctionCall1(namein, CStringGetDatum(name));
}

// The rollups that the user may ask or watch, by the snapshot of the query; with `only`, at most that one.
Array<int32> readable_ids(bool (*may)(Oid), const int32 *only) {
    Array<int32> ids = {};
    for (const RollupSource &rollup : list_rollups(GetActiveSnapshot()))
        if ((only == nullptr || rollup.id == *only) && may(rollup.source))
            ids.add(rollup.id);
    return ids;
}

bool contains(const Array<int32> &ids, int32 id) { return std::binary_search(ids.begin(), ids.end(), id); }

// Whether a column can have what was counted: a group, or the message of an error, which may quote an item.
bool has_counted(TupleDesc rows, int column) {
    NameData *name = &TupleDescAttr(rows, column)->attname;
    return namestrcmp(name, "message") == 0 || namestrcmp(name, "grp") == 0;
}

// Returns the rows of a table, whose column `rollup` is the id of a rollup. The argument of the SQL function, if it has one,
// is the id of the only rollup whose rows are wanted, which the index finds. Those who may only watch get NULL in the
// place of what was counted.
Datum readable(FunctionCallInfo fcinfo, bool (*may)(Oid), Table of, AttrNumber rollup, const char *index) {
    ReturnSetInfo *result = begin_rows(fcinfo);
    const int32 id = PG_NARGS() != 0 ? PG_GETARG_INT32(0) : 0;
    const Array<int32> ids = readable_ids(may, PG_NARGS() != 0 ? &id : nullptr);
    const Array<int32> asked = readable_ids(may_read, PG_NARGS() != 0 ? &id : nullptr);
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
        const int32 of_row = DatumGetInt32(heap_getattr(tuple, rollup, descriptor, &null));
        if (!contains(ids, of_row))
            continue;
        for (int i = 0; i < count; ++i)
            values[i] = columns[i] == schema_column ? schema_of(read_source(tuple, descriptor).source, &nulls[i])
                                                    : heap_getattr(tuple, columns[i], descriptor, &nulls[i]);
        for (int i = 0; i < count && !contains(asked, of_row); ++i)
            nulls[i] = nulls[i] || has_counted(result->setDesc, i);
        add_row(result, values, nulls);
    }
    return (Datum)0;
}

} // namespace
} // namespace topk::answer

TOPK_FUNCTION(topk_readable_rollups,
              topk::answer::readable(fcinfo, topk::catalog::may_watch, topk::catalog::Table::rollup, 1, nullptr))
TOPK_FUNCTION(topk_readable_states,
              topk::answer::readable(fcinfo, topk::catalog::may_watch, topk::catalog::Table::rollup_state, 1, nullptr))
TOPK_FUNCTION(topk_readable_backfills,
              topk::answer::readable(fcinfo, topk::catalog::may_watch, topk::catalog::Table::backfill_progress, 1, nullptr))
TOPK_FUNCTION(topk_readable_groups,
              topk::answer::readable(fcinfo, topk::catalog::may_read, topk::catalog::Table::group_key, 1, "group_key_pkey"))
TOPK_FUNCTION(topk_readable_snapshots,
              topk::answer::readable(fcinfo, topk::catalog::may_read, topk::catalog::Table::snapshot, 1, "snapshot_stop"))
TOPK_FUNCTION(topk_readable_errors,
              topk::answer::readable(fcinfo, topk::catalog::may_watch, topk::catalog::Table::error_log, 2, nullptr))
