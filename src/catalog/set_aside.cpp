#include "set_aside.h"

#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column {
    tile = 1,
    rollup = 3,
    summary = 7,
    sketch,
    weight = 10,
    column_count = weight
}; // the others are those of a delta

constexpr const char *by_tile = "set_aside_tile"; // rollup, tile

} // namespace

void begin_set_aside(RowScan *scan, int32 of, Span span, Snapshot snapshot) {
    ScanKeyData keys[3];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(of));
    ScanKeyInit(&keys[1], tile, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(span.start));
    ScanKeyInit(&keys[2], tile, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(span.stop));
    begin_rows(scan, table_oid(Table::set_aside), index_oid(by_tile), false, 3, keys, snapshot);
}

bool next_set_aside(RowScan *scan, SetAside *row) {
    HeapTuple tuple = next_row(scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    TupleDesc descriptor = RelationGetDescr(scan->relation);
    tuple = heap_copytuple(tuple);
    row->delta = read_delta(tuple, descriptor);
    if (row->delta.grp != nullptr)
        row->delta.grp = DatumGetArrayTypeP(PointerGetDatum(row->delta.grp));
    row->weight = Row<column_count>(tuple, descriptor).int8(weight);
    return true;
}

void insert_set_aside(const SetAside &row, const char *sqlstate, bool readable) {
    static Prepared statement = {
        "INSERT INTO topk.set_aside (tile, events, rollup, scope, grp, items, summary, sketch, registers, weight, sqlstate)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"};
    const auto type = [](int column) { return get_atttype(table_oid(Table::set_aside), static_cast<AttrNumber>(column)); };
    const StoredTally values = readable ? row.delta.values : StoredTally{};
    const FormData_topk_delta &form = row.delta.form;
    execute(&statement, {Value::time(form.tile), Value::int8(form.events), Value::int4(form.rollup),
                         Value::of(CHAROID, CharGetDatum(static_cast<char>(form.scope))), Value::strings(row.delta.grp),
                         Value::pointer(BYTEAOID, values.items), Value::pointer(type(summary), values.summary),
                         Value::pointer(type(sketch), values.sketch), Value::pointer(BYTEAOID, values.registers),
                         Value::int8(row.weight), Value::string(sqlstate)});
}

void delete_set_aside(int32 of, Span span) {
    execute("DELETE FROM topk.set_aside WHERE rollup = $1 AND tile >= $2 AND tile < $3",
            {Value::int4(of), Value::time(span.start), Value::time(span.stop)});
}

void delete_set_aside(int32 of) { execute("DELETE FROM topk.set_aside WHERE rollup = $1", {Value::int4(of)}); }

void delete_set_aside_with_values(int32 of) {
    execute("DELETE FROM topk.set_aside WHERE rollup = $1 AND (items IS NOT NULL OR summary IS NOT NULL)",
            {Value::int4(of)});
}

bool has_failures(int32 of) {
    static Prepared statement = {"SELECT WHERE EXISTS (SELECT FROM topk.set_aside WHERE rollup = $1)"
                                 " OR EXISTS (SELECT FROM topk.tile WHERE rollup = $1 AND failed)"};
    return execute(&statement, {Value::int4(of)}) != 0;
}

bool has_failures(int32 of, const ArrayType *grp, Span span) {
    static Prepared statement = {
        "SELECT WHERE EXISTS (SELECT FROM topk.set_aside WHERE rollup = $1 AND tile >= $2 AND tile < $3"
        " AND (scope = 'a') = ($4 IS NULL) AND coalesce(grp = $4, true))"
        " OR EXISTS (SELECT FROM topk.tile WHERE rollup = $1 AND failed AND start >= $2 AND stop <= $3"
        " AND grp IS NOT DISTINCT FROM $4)"};
    return execute(&statement, {Value::int4(of), Value::time(span.start), Value::time(span.stop), Value::strings(grp)}) != 0;
}

} // namespace topk::catalog
