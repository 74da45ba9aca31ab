#include "tile.h"

#include "group_key.h"
#include "statement.h"
#include "tables.h"

extern "C" {
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

enum Column { start = 1, stop, events, rollup, level, finished, grp, summary, sketch, registers, id, column_count = id };

struct Indexes {
    Oid relation;
    Oid by_key;
    Oid unfinished;
};

// Looked for once: index names may be changed, their columns not.
const Indexes &indexes_of(Relation relation) {
    static Indexes known = {};
    if (known.relation == RelationGetRelid(relation) && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(known.by_key)) &&
        SearchSysCacheExists1(RELOID, ObjectIdGetDatum(known.unfinished)))
        return known;
    Indexes found = {RelationGetRelid(relation), InvalidOid, InvalidOid};
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (index->rd_index->indnkeyatts == 4)
            (index->rd_index->indisunique ? found.by_key : found.unfinished) = RelationGetRelid(index);
        index_close(index, AccessShareLock);
    }
    if (!OidIsValid(found.by_key) || !OidIsValid(found.unfinished))
        elog(ERROR, "topk.tile lacks an index");
    known = found;
    return known;
}

void read_tile(HeapTuple tuple, TupleDesc descriptor, Tile *tile) {
    HeapTuple copy = heap_copytuple(tuple);
    Datum v[column_count];
    bool n[column_count];
    heap_deform_tuple(copy, descriptor, v, n);
    const auto value = [&](Column c) {
        return n[c - 1] ? nullptr : reinterpret_cast<struct varlena *>(DatumGetPointer(v[c - 1]));
    };
    tile->key.rollup = DatumGetInt32(v[rollup - 1]);
    tile->key.level = static_cast<Level>(DatumGetInt16(v[level - 1]));
    tile->key.grp = n[grp - 1] ? nullptr : DatumGetArrayTypeP(v[grp - 1]);
    tile->key.start = DatumGetTimestampTz(v[start - 1]);
    tile->stop = DatumGetTimestampTz(v[stop - 1]);
    tile->events = DatumGetInt64(v[events - 1]);
    tile->finished = DatumGetBool(v[finished - 1]);
    tile->place = tuple->t_self;
    tile->values = {nullptr, value(summary), value(sketch), value(registers)};
}

Oid column_type(Column column) { return get_atttype(table_oid(Table::tile), column); }

void write(Prepared *statement, std::initializer_list<Value> values, Tile *tile) {
    if (execute(statement, values) != 1)
        elog(ERROR, "could not write a tile of rollup %d", tile->key.rollup);
    tile->place = *reinterpret_cast<ItemPointer>(DatumGetPointer(result_value(0, 1)));
    SPI_freetuptable(SPI_tuptable);
}

} // namespace

// They are compressed, or cannot be, before they come to the table (tally.cpp); so these are the same before and after.
int64 stored_bytes(const StoredTally &values) {
    int64 sum = 0;
    for (const struct varlena *value : {values.summary, values.sketch, values.registers}) {
        if (value == nullptr)
            continue;
        if (!VARATT_IS_EXTERNAL_ONDISK(value)) {
            sum += VARSIZE_ANY_EXHDR(value);
            continue;
        }
        struct varatt_external toasted;
        VARATT_EXTERNAL_GET_POINTER(toasted, value);
        sum += VARATT_EXTERNAL_GET_EXTSIZE(toasted);
    }
    return sum;
}

bool find_tile(const TileKey &key, Snapshot snapshot, Tile *tile) {
    Relation relation = table_open(table_oid(Table::tile), AccessShareLock);
    ScanKeyData keys[4];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(key.rollup));
    ScanKeyInit(&keys[1], level, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(key.level)));
    group_scan_key(&keys[2], grp, key.grp);
    ScanKeyInit(&keys[3], start, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ, TimestampTzGetDatum(key.start));
    SysScanDesc scan = systable_beginscan(relation, indexes_of(relation).by_key, true, snapshot, 4, keys);
    HeapTuple tuple = systable_getnext(scan);
    const bool found = HeapTupleIsValid(tuple);
    if (found)
        read_tile(tuple, RelationGetDescr(relation), tile);
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

void begin_unfinished(TileScan *scan, int32 id, Level of, bool any_group, ArrayType *group, TimestampTz after,
                      TimestampTz until, Snapshot snapshot) {
    scan->relation = table_open(table_oid(Table::tile), AccessShareLock);
    ScanKeyData keys[5];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    ScanKeyInit(&keys[1], level, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(of)));
    ScanKeyInit(&keys[2], stop, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT, TimestampTzGetDatum(after));
    ScanKeyInit(&keys[3], stop, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, TimestampTzGetDatum(until));
    if (!any_group)
        group_scan_key(&keys[4], grp, group);
    scan->scan =
        systable_beginscan(scan->relation, indexes_of(scan->relation).unfinished, true, snapshot, any_group ? 4 : 5, keys);
}

bool next_unfinished(TileScan *scan, Tile *tile) {
    HeapTuple tuple = systable_getnext(scan->scan);
    if (HeapTupleIsValid(tuple)) {
        read_tile(tuple, RelationGetDescr(scan->relation), tile);
        return true;
    }
    systable_endscan(scan->scan);
    table_close(scan->relation, AccessShareLock);
    return false;
}

void insert_tile(Tile *tile) {
    static Prepared statement = {
        "INSERT INTO topk.tile (rollup, level, grp, start, stop, events, finished, summary, sketch, registers)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ctid"};
    write(&statement,
          {Value::int4(tile->key.rollup), Value::int2(static_cast<int16>(tile->key.level)), Value::strings(tile->key.grp),
           Value::time(tile->key.start), Value::time(tile->stop), Value::int8(tile->events), Value::boolean(tile->finished),
           Value::pointer(column_type(summary), tile->values.summary),
           Value::pointer(column_type(sketch), tile->values.sketch), Value::pointer(BYTEAOID, tile->values.registers)},
          tile);
}

void update_tile(Tile *tile) {
    static Prepared statement = {"UPDATE topk.tile SET events = $2, finished = $3, summary = $4, sketch = $5, registers = $6"
                                 " WHERE ctid = $1 RETURNING ctid"};
    write(&statement,
          {Value::pointer(TIDOID, &tile->place), Value::int8(tile->events), Value::boolean(tile->finished),
           Value::pointer(column_type(summary), tile->values.summary),
           Value::pointer(column_type(sketch), tile->values.sketch), Value::pointer(BYTEAOID, tile->values.registers)},
          tile);
}

void finish_tile(Tile *tile) {
    static Prepared statement = {"UPDATE topk.tile SET finished = true WHERE ctid = $1 RETURNING ctid"};
    write(&statement, {Value::pointer(TIDOID, &tile->place)}, tile);
    tile->finished = true;
}

} // namespace topk::catalog
