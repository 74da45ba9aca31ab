#include "snapshot.h"

#include "../pg/top_entries.h"
#include "group_key.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column {
    rollup = 1,
    window_kind,
    start,
    stop,
    grp,
    events,
    weight,
    distinct_items,
    entries,
    id,
    column_count = id,
    written_count = entries // the id is a default
};

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

namespace {

// The row of a window and group, by the latest snapshot.
bool find_snapshot(const SnapshotWriter *writer, Gap *gap, const Tile *tile, const char *kind, ItemPointerData *place,
                   int64 *events_before) {
    const TileKey &key = tile->key;
    if (gap->contains(key.grp, key.start)) {
        gap->pass(key.start);
        return false;
    }
    RowScan scan;
    begin_snapshots(&scan, key.rollup, kind, key.grp, {key.start, DT_NOEND}, nullptr);
    TimestampTz next = DT_NOEND;
    if (HeapTuple tuple = next_row(&scan)) {
        const Row<column_count> row(tuple, RelationGetDescr(scan.relation));
        *place = tuple->t_self;
        *events_before = row.int8(events);
        next = row.time(start);
        end_rows(&scan);
    }
    gap->set(writer->context, key.grp, {key.start + 1, next});
    return next == key.start;
}

} // namespace

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

SnapshotWriter begin_writing_snapshots() { return {begin_writing(Table::snapshot), CurrentMemoryContext, {}}; }

void write_snapshot(SnapshotWriter *writer, const Tile *tile, const char *kind, int32 k, bool keep_larger) {
    ItemPointerData place;
    int64 events_before = 0;
    Gap *gap = &writer->gaps[static_cast<int>(tile->key.level)];
    const bool exists = find_snapshot(writer, gap, tile, kind, &place, &events_before);
    if (keep_larger && (!exists || events_before > tile->events))
        return;
    const Oid entry_type = get_element_type(column_type(writer->rows, entries));
    const Datum values[written_count] = {Int32GetDatum(tile->key.rollup),
                                         CStringGetTextDatum(kind),
                                         TimestampTzGetDatum(tile->key.start),
                                         TimestampTzGetDatum(tile->stop),
                                         PointerGetDatum(tile->key.grp),
                                         Int64GetDatum(tile->events),
                                         Int64GetDatum(static_cast<int64>(stored_weight(tile->values))),
                                         Int64GetDatum(stored_distinct(tile->values)),
                                         PointerGetDatum(top_entries(tile->values.summary, k, entry_type))};
    bool nulls[written_count] = {};
    nulls[grp - 1] = tile->key.grp == nullptr;
    if (exists)
        replace_row(writer->rows, place, written_count, values, nulls);
    else
        append_row(writer->rows, written_count, values, nulls);
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
