#include "joint_snapshot.h"

#include "group_key.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { rollup = 1, window_kind, start, stop, grp, weight, entries, column_count = entries };

constexpr const char *by_key = "joint_snapshot_key"; // rollup, window_kind, grp, start

} // namespace

bool find_joint_snapshot(int32 of, const char *kind, const ArrayType *group, TimestampTz begin, Snapshot snapshot,
                         SnapshotRow *row) {
    ScanKeyData keys[4];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(of));
    ScanKeyEntryInitialize(&keys[1], 0, window_kind, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(kind));
    group_scan_key(&keys[2], grp, group);
    ScanKeyInit(&keys[3], start, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ, TimestampTzGetDatum(begin));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::joint_snapshot), index_oid(by_key), true, 4, keys, snapshot);
    HeapTuple tuple = next_row(&scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    const Row<column_count> values(tuple, RelationGetDescr(scan.relation));
    row->window = {values.time(start), values.time(stop)};
    row->weight = values.int8(weight);
    row->entries = DatumGetArrayTypePCopy(values.datum(entries));
    end_rows(&scan);
    return true;
}

// The type of an entry has the schema that CREATE EXTENSION chose, so the row type of the table names it.
void write_joint_snapshot(int32 of, const char *kind, const ArrayType *group, Span window, int64 total, const char *json) {
    execute(
        "INSERT INTO topk.joint_snapshot (rollup, window_kind, start, stop, grp, weight, entries)"
        " SELECT $1, $2, $3, $4, $5, $6, (json_populate_record(NULL::topk.joint_snapshot, $7::json)).entries"
        " ON CONFLICT (rollup, window_kind, grp, start) DO UPDATE SET weight = excluded.weight, entries = excluded.entries",
        {Value::int4(of), Value::string(kind), Value::time(window.start), Value::time(window.stop), Value::strings(group),
         Value::int8(total), Value::string(json)});
}

void expire_joint_snapshots(int32 of, const char *kind, TimestampTz before) {
    execute("DELETE FROM topk.joint_snapshot WHERE rollup = $1 AND window_kind = $2 AND stop < $3",
            {Value::int4(of), Value::string(kind), Value::time(before)});
}

void delete_joint_snapshots(int32 of) { execute("DELETE FROM topk.joint_snapshot WHERE rollup = $1", {Value::int4(of)}); }

} // namespace topk::catalog
