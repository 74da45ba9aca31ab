#include "snapshot.h"

#include "group_key.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { rollup = 1, window_kind, start, stop, grp, events, weight, distinct_items, entries, id, column_count = id };

constexpr const char *by_key = "snapshot_key"; // rollup, window_kind, grp, start

} // namespace

void begin_snapshots(RowScan *scan, int32 of, const char *kind, const ArrayType *group, Span span, Snapshot snapshot) {
    ScanKeyData keys[5];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(of));
    ScanKeyEntryInitialize(&keys[1], 0, window_kind, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(kind));
    group_scan_key(&keys[2], grp, group);
    ScanKeyInit(&keys[3], start, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(span.start));
    ScanKeyInit(&keys[4], start, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(span.stop));
    begin_rows(scan, table_oid(Table::snapshot), index_oid(by_key), true, 5, keys, snapshot);
}

bool next_snapshot(RowScan *scan, SnapshotRow *row) {
    HeapTuple tuple = next_row(scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    const Row<column_count> values(tuple, RelationGetDescr(scan->relation));
    row->window = {values.time(start), values.time(stop)};
    row->weight = values.int8(weight);
    row->entries = DatumGetArrayTypePCopy(values.datum(entries));
    return true;
}

// The statement stands in an SQL function, because it calls functions of the sketches, whose schema CREATE EXTENSION
// chooses.
void write_snapshot(const Tile *tile, const char *kind, int32 k, bool keep_larger) {
    static Prepared statement = {"SELECT topk.write_snapshot($1, $2, $3, $4)"};
    execute(&statement,
            {Value::pointer(TIDOID, &tile->place), Value::string(kind), Value::int4(k), Value::boolean(keep_larger)});
    SPI_freetuptable(SPI_tuptable);
}

bool copy_snapshot(int32 of, const char *json) {
    return execute(
               "INSERT INTO topk.snapshot (rollup, window_kind, start, stop, grp, events, weight, distinct_items, entries)"
               " SELECT $1, o.window_kind, o.start, o.stop, o.grp, o.events, o.weight, o.distinct_items, o.entries"
               " FROM json_populate_record(NULL::topk.snapshot, $2::json) AS o ON CONFLICT DO NOTHING",
               {Value::int4(of), Value::string(json)}) != 0;
}

void expire_snapshots(int32 of, const char *kind, TimestampTz before) {
    static Prepared statement = {"DELETE FROM topk.snapshot WHERE rollup = $1 AND window_kind = $2 AND stop < $3"};
    execute(&statement, {Value::int4(of), Value::string(kind), Value::time(before)});
}

void delete_snapshots(int32 of, Span span) {
    execute("DELETE FROM topk.snapshot AS s USING topk.tile AS t WHERE t.rollup = $1 AND t.level > 0 AND t.grp IS NULL"
            " AND t.start < $3 AND t.stop > $2 AND s.rollup = $1 AND s.start = t.start"
            " AND s.window_kind = (ARRAY['tile', 'hour', 'day', 'week', 'month', 'quarter', 'year'])[t.level + 1]",
            {Value::int4(of), Value::time(span.start), Value::time(span.stop)});
    execute("DELETE FROM topk.snapshot WHERE rollup = $1 AND start >= $2 AND stop <= $3",
            {Value::int4(of), Value::time(span.start), Value::time(span.stop)});
}

void delete_snapshots_with(int32 of, const ArrayType *group, Span span) {
    execute("DELETE FROM topk.snapshot WHERE rollup = $1 AND grp IS NOT DISTINCT FROM $2 AND start <= $3 AND stop >= $4",
            {Value::int4(of), Value::strings(group), Value::time(span.start), Value::time(span.stop)});
}

void delete_snapshots(int32 of, const char *kind) {
    execute("DELETE FROM topk.snapshot WHERE rollup = $1 AND window_kind = $2", {Value::int4(of), Value::string(kind)});
}

void delete_snapshots(int32 of) { execute("DELETE FROM topk.snapshot WHERE rollup = $1", {Value::int4(of)}); }

} // namespace topk::catalog
