#include "rollup.h"

#include "tables.h"
#include "expression.h"
#include "statement.h"

namespace topk::catalog {
namespace {

class Columns {
public:
    Columns(HeapTuple tuple, TupleDesc descriptor) : tuple_(tuple), descriptor_(descriptor) {}
    // 0 for NULL.
    Datum get(const char *name) const {
        for (int i = 0; i < descriptor_->natts; ++i)
            if (strcmp(NameStr(TupleDescAttr(descriptor_, i)->attname), name) == 0) {
                bool null;
                return heap_getattr(tuple_, i + 1, descriptor_, &null);
            }
        elog(ERROR, "topk.rollup has no column %s", name);
        pg_unreachable();
    }
    int32 int4(const char *name) const { return DatumGetInt32(get(name)); }
    char *string(const char *name) const { return TextDatumGetCString(get(name)); }

private:
    HeapTuple tuple_;
    TupleDesc descriptor_;
};

int elements(Datum array, Datum **values) {
    int n;
    bool *nulls;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, values, &nulls, &n);
    return n;
}

void fill(const Columns &c, RollupRow *row) {
    *row = {};
    row->id = c.int4("id");
    row->name = c.string("name");
    row->source = DatumGetObjectId(c.get("source"));
    row->shape.kind = kind_of_letter(DatumGetChar(c.get("item_kind")));
    row->shape.capacity = static_cast<uint32_t>(c.int4("capacity"));
    row->shape.width = static_cast<uint32_t>(c.int4("width"));
    row->shape.depth = static_cast<uint32_t>(c.int4("depth"));
    row->zone = find_zone(c.string("timezone"));
    row->grain = DatumGetIntervalP(c.get("grain"))->time;
    row->accept_past = *DatumGetIntervalP(c.get("accept_past"));
    row->accept_future = *DatumGetIntervalP(c.get("accept_future"));
    row->k = c.int4("k");
    row->max_groups = c.int4("max_groups");
    row->metadata = DatumGetObjectId(c.get("metadata"));
    if (OidIsValid(row->metadata))
        row->metadata_key = pstrdup(NameStr(*DatumGetName(c.get("metadata_key"))));
    Datum *values;
    row->group_count = elements(c.get("group_by"), &values);
    const int n = elements(c.get("windows"), &values);
    for (int i = 0; i < n; ++i) {
        const char *name = TextDatumGetCString(values[i]);
        for (int level = 1; level < level_count; ++level)
            if (strcmp(level_name(static_cast<Level>(level)), name) == 0)
                row->asked[level] = true;
    }
    for (int level = 0; level < level_count; ++level)
        row->kept[level] = row->asked[level];
    row->kept[0] = true;
    if (row->grain == USECS_PER_HOUR)
        row->kept[static_cast<int>(Level::hour)] = false;
}

bool read(ScanKey key, Oid index, Snapshot snapshot, RollupRow *row) {
    Relation relation = table_open(table_oid(Table::rollup), AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, index, OidIsValid(index), snapshot, 1, key);
    HeapTuple tuple = systable_getnext(scan);
    const bool found = HeapTupleIsValid(tuple);
    if (found)
        fill(Columns(tuple, RelationGetDescr(relation)), row);
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

} // namespace

// A handful of rows: a scan of the one page that has them costs less than an index.
bool read_rollup(int32 id, Snapshot snapshot, RollupRow *row) {
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    return read(&key, InvalidOid, snapshot, row);
}

bool read_rollup(const char *name, Snapshot snapshot, RollupRow *row) {
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(name));
    return read(&key, InvalidOid, snapshot, row);
}

Cutoffs read_cutoffs(int32 id) {
    // The tiles of the grain answer for hours too when they are hours.
    static Prepared statement = {
        "SELECT topk.ago(CASE WHEN r.grain = interval '1 hour' AND 'hour' = ANY (r.windows)"
        "                     THEN greatest(k.tile, k.hour) ELSE k.tile END),"
        " topk.ago(k.hour), topk.ago(k.day), topk.ago(k.week), topk.ago(k.month), topk.ago(k.snapshot)"
        " FROM topk.rollup AS r, jsonb_to_record(r.retention) AS k"
        " (tile interval, hour interval, day interval, week interval, month interval, snapshot interval)"
        " WHERE r.id = $1"};
    execute(&statement, {Value::int4(id)});
    const auto cutoff = [](int column) {
        bool null;
        const Datum time = result_value(0, column, &null);
        return null ? DT_NOBEGIN : DatumGetTimestampTz(time);
    };
    Cutoffs cutoffs;
    for (int level = 0; level < level_count; ++level)
        cutoffs.windows[level] = cutoff(level + 1);
    cutoffs.snapshots = cutoff(level_count + 1);
    return cutoffs;
}

void renumber_restored(int32 id) {
    static Prepared statement = {
        "UPDATE topk.rollup AS r SET source_oid = r.source::oid,"
        " columns = coalesce((SELECT jsonb_object_agg(a.attnum, a.attname) FROM jsonb_each_text(r.columns) AS c"
        " JOIN pg_attribute AS a ON a.attrelid = r.source AND a.attname = c.value AND NOT a.attisdropped), '{}')"
        " WHERE r.id = $1 AND r.source_oid <> r.source::oid"};
    execute(&statement, {Value::int4(id)});
}

void raise_no_rollup(const char *name) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rollup \"%s\" does not exist", name)));
    pg_unreachable();
}

Level level_of(const RollupRow *row, const char *window_kind) {
    for (int level = 1; level < level_count; ++level)
        if (row->asked[level] && strcmp(level_name(static_cast<Level>(level)), window_kind) == 0)
            return row->kept[level] ? static_cast<Level>(level) : Level::tile;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rollup \"%s\" has no windows of kind \"%s\"", row->name, window_kind),
                    errhint("The view topk.rollups lists the windows of each rollup.")));
    pg_unreachable();
}

} // namespace topk::catalog
