#include "tile.h"

#include "group_key.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column {
    start = 1,
    stop,
    events,
    rollup,
    level,
    finished,
    grp,
    summary,
    sketch,
    registers,
    failed,
    id,
    column_count = id,
    written_count = failed // the id is a default
};

constexpr const char *by_key = "tile_key";               // rollup, level, grp, start
constexpr const char *by_unfinished = "tile_unfinished"; // rollup, level, stop, grp

void read_tile(HeapTuple tuple, TupleDesc descriptor, Tile *tile) {
    const Row<column_count> row(heap_copytuple(tuple), descriptor);
    tile->key.rollup = row.int4(rollup);
    tile->key.level = static_cast<Level>(row.int2(level));
    tile->key.grp = row.array(grp);
    tile->key.start = row.time(start);
    tile->stop = row.time(stop);
    tile->events = row.int8(events);
    tile->finished = row.boolean(finished);
    tile->failed = row.boolean(failed);
    tile->place = tuple->t_self;
    tile->values = {nullptr, row.stored(summary), row.stored(sketch), row.stored(registers)};
}

void begin(RowScan *scan, const char *index, int count, ScanKey keys, Snapshot snapshot) {
    begin_rows(scan, table_oid(Table::tile), index_oid(index), false, count, keys, snapshot);
}

void level_scan_keys(ScanKey keys, int32 id, Level of) {
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    ScanKeyInit(&keys[1], level, BTEqualStrategyNumber, F_INT2EQ, Int16GetDatum(static_cast<int16>(of)));
}

void unfinished_scan_keys(ScanKey keys, int32 id, Level of, TimestampTz after, TimestampTz until) {
    level_scan_keys(keys, id, of);
    ScanKeyInit(&keys[2], stop, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT, TimestampTzGetDatum(after));
    ScanKeyInit(&keys[3], stop, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, TimestampTzGetDatum(until));
}

Value level_value(Level of) { return Value::int2(static_cast<int16>(of)); }

struct WrittenTile {
    Datum values[written_count];
    bool nulls[written_count];
};

WrittenTile written(const Tile &tile) {
    WrittenTile row = {};
    const auto set = [&](Column column, Datum value) { row.values[column - 1] = value; };
    const auto set_pointer = [&](Column column, const void *value) {
        row.values[column - 1] = PointerGetDatum(value);
        row.nulls[column - 1] = value == nullptr;
    };
    set(start, TimestampTzGetDatum(tile.key.start));
    set(stop, TimestampTzGetDatum(tile.stop));
    set(events, Int64GetDatum(tile.events));
    set(rollup, Int32GetDatum(tile.key.rollup));
    set(level, Int16GetDatum(static_cast<int16>(tile.key.level)));
    set(finished, BoolGetDatum(tile.finished));
    set_pointer(grp, tile.key.grp);
    set_pointer(summary, tile.values.summary);
    set_pointer(sketch, tile.values.sketch);
    set_pointer(registers, tile.values.registers);
    set(failed, BoolGetDatum(tile.failed));
    return row;
}

// The statement returns the number of rows that it deleted, the bytes of their values, and the span from the first to the
// last of them.
void remove(Prepared *statement, std::initializer_list<Value> values, Level of, LevelChange *change, Span *removed) {
    execute(statement, values);
    change->windows[static_cast<int>(of)] -= DatumGetInt64(result_value(0, 1));
    change->bytes[static_cast<int>(of)] -= DatumGetInt64(result_value(0, 2));
    *removed = {DatumGetTimestampTz(result_value(0, 3)), DatumGetTimestampTz(result_value(0, 4))};
    SPI_freetuptable(SPI_tuptable);
}

#define DELETED_TILES                                                                                                       \
    " RETURNING start, stop, topk.stored_bytes(summary, sketch, registers) AS bytes)"                                       \
    " SELECT count(*), coalesce(sum(bytes), 0)::bigint, coalesce(min(start), 'infinity'), coalesce(max(stop), '-infinity')" \
    " FROM deleted"

} // namespace

// Values are compressed, where that helps, before they are stored (pg/tally.cpp). So their size is the same before and
// after.
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
    ScanKeyData keys[4];
    level_scan_keys(keys, key.rollup, key.level);
    group_scan_key(&keys[2], grp, key.grp);
    ScanKeyInit(&keys[3], start, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ, TimestampTzGetDatum(key.start));
    RowScan scan;
    begin(&scan, by_key, 4, keys, snapshot);
    HeapTuple tuple = next_row(&scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    read_tile(tuple, RelationGetDescr(scan.relation), tile);
    end_rows(&scan);
    return true;
}

bool find_tile(const TileKey &key, Gap *gap, MemoryContext context, Tile *tile) {
    if (gap->contains(key.grp, key.start)) {
        gap->pass(key.start);
        return false;
    }
    ScanKeyData keys[4];
    level_scan_keys(keys, key.rollup, key.level);
    group_scan_key(&keys[2], grp, key.grp);
    ScanKeyInit(&keys[3], start, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(key.start));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::tile), index_oid(by_key), true, 4, keys, nullptr);
    Tile next;
    if (next_tile(&scan, &next))
        end_rows(&scan);
    else
        next.key.start = DT_NOEND;
    gap->set(context, key.grp, {key.start + 1, next.key.start});
    if (next.key.start != key.start)
        return false;
    *tile = next;
    return true;
}

void begin_tiles(RowScan *scan, int32 id, Level of, const ArrayType *group, Span span, Snapshot snapshot) {
    ScanKeyData keys[5];
    level_scan_keys(keys, id, of);
    group_scan_key(&keys[2], grp, group);
    ScanKeyInit(&keys[3], start, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(span.start));
    ScanKeyInit(&keys[4], start, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(span.stop));
    begin(scan, by_key, 5, keys, snapshot);
}

void begin_unfinished(RowScan *scan, int32 id, Level of, const ArrayType *group, TimestampTz after, TimestampTz until,
                      Snapshot snapshot) {
    ScanKeyData keys[5];
    unfinished_scan_keys(keys, id, of, after, until);
    group_scan_key(&keys[4], grp, group);
    begin(scan, by_unfinished, 5, keys, snapshot);
}

void begin_unfinished(RowScan *scan, int32 id, Level of, TimestampTz after, TimestampTz until, Snapshot snapshot) {
    ScanKeyData keys[4];
    unfinished_scan_keys(keys, id, of, after, until);
    begin(scan, by_unfinished, 4, keys, snapshot);
}

bool next_tile(RowScan *scan, Tile *tile) {
    HeapTuple tuple = next_row(scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    read_tile(tuple, RelationGetDescr(scan->relation), tile);
    return true;
}

bool has_windows_over(int32 id, TimestampTz now, Snapshot snapshot) {
    for (int of = 0; of < level_count; ++of) {
        RowScan scan;
        begin_unfinished(&scan, id, static_cast<Level>(of), DT_NOBEGIN, now, snapshot);
        while (HeapTuple tuple = next_row(&scan)) {
            const Row<column_count> row(tuple, RelationGetDescr(scan.relation));
            if (row.boolean(failed))
                continue;
            end_rows(&scan);
            return true;
        }
    }
    return false;
}

Array<LevelSpan> list_windows(int32 id, Span span) {
    const uint64 count = execute("SELECT level, start, stop FROM topk.tile WHERE rollup = $1 AND level > 0 AND grp IS NULL"
                                 " AND start < $3 AND stop > $2 ORDER BY level, start",
                                 {Value::int4(id), Value::time(span.start), Value::time(span.stop)});
    Array<LevelSpan> windows = {};
    for (uint64 i = 0; i < count; ++i)
        windows.add({static_cast<Level>(DatumGetInt16(result_value(i, 1))),
                     {DatumGetTimestampTz(result_value(i, 2)), DatumGetTimestampTz(result_value(i, 3))}});
    return windows;
}

bool has_overflow(int32 of) {
    return execute("SELECT FROM topk.tile WHERE rollup = $1 AND grp = '{}' LIMIT 1", {Value::int4(of)}) != 0;
}

Array<Span> list_counted(int32 id, Level below) {
    const uint64 count =
        execute("SELECT DISTINCT start, stop FROM topk.tile WHERE rollup = $1 AND level < $2 AND grp IS NULL"
                " AND (finished OR level > 0)",
                {Value::int4(id), level_value(below)});
    Array<Span> spans = {};
    for (uint64 i = 0; i < count; ++i)
        spans.add({DatumGetTimestampTz(result_value(i, 1)), DatumGetTimestampTz(result_value(i, 2))});
    return spans;
}

Array<ArrayType *> list_groups_in(int32 id, Level below, Span span) {
    static Prepared statement = {"SELECT DISTINCT t.grp FROM generate_series(0, $2 - 1) AS l (level)"
                                 " JOIN topk.tile AS t ON t.level = l.level AND t.start < $4 AND t.stop > $3"
                                 " WHERE t.rollup = $1 AND (t.finished OR t.level > 0) ORDER BY 1 NULLS FIRST"};
    const uint64 count =
        execute(&statement, {Value::int4(id), level_value(below), Value::time(span.start), Value::time(span.stop)});
    Array<ArrayType *> groups = {};
    for (uint64 i = 0; i < count; ++i) {
        bool all_groups;
        const Datum group = result_value(i, 1, &all_groups);
        groups.add(all_groups ? nullptr : DatumGetArrayTypePCopy(group));
    }
    SPI_freetuptable(SPI_tuptable);
    return groups;
}

void insert_tile(RowWriter *tiles, Tile *tile) {
    const WrittenTile row = written(*tile);
    tile->place = append_row(tiles, written_count, row.values, row.nulls);
}

void update_tile(RowWriter *tiles, Tile *tile) {
    const WrittenTile row = written(*tile);
    tile->place = replace_row(tiles, tile->place, written_count, row.values, row.nulls);
}

void retry_tiles(int32 id) {
    execute("UPDATE topk.tile SET failed = false WHERE rollup = $1 AND failed", {Value::int4(id)});
}

Span expire_tiles(int32 id, Level of, TimestampTz before, LevelChange *change) {
    static Prepared statement = {"WITH deleted AS (DELETE FROM topk.tile WHERE rollup = $1 AND level = $2 AND stop < $3"
                                 " AND (finished OR failed AND level > 0)" DELETED_TILES};
    Span removed;
    remove(&statement, {Value::int4(id), level_value(of), Value::time(before)}, of, change, &removed);
    return removed;
}

void delete_tiles(int32 id, Span span, LevelChange *change) {
    static Prepared statement = {"WITH deleted AS (DELETE FROM topk.tile WHERE rollup = $1 AND level = 0 AND start >= $2 "
                                 "AND stop <= $3" DELETED_TILES};
    Span removed;
    remove(&statement, {Value::int4(id), Value::time(span.start), Value::time(span.stop)}, Level::tile, change, &removed);
}

Array<DeletedWindow> delete_windows(int32 id, Span span, LevelChange *change) {
    const uint64 count = execute("DELETE FROM topk.tile WHERE rollup = $1 AND level > 0 AND start < $3 AND stop > $2"
                                 " RETURNING level, grp, start, stop, topk.stored_bytes(summary, sketch, registers)",
                                 {Value::int4(id), Value::time(span.start), Value::time(span.stop)});
    Array<DeletedWindow> deleted = {};
    for (uint64 i = 0; i < count; ++i) {
        const auto of = static_cast<Level>(DatumGetInt16(result_value(i, 1)));
        bool all_groups;
        const Datum group = result_value(i, 2, &all_groups);
        deleted.add({of,
                     all_groups ? nullptr : DatumGetArrayTypePCopy(group),
                     {DatumGetTimestampTz(result_value(i, 3)), DatumGetTimestampTz(result_value(i, 4))}});
        --change->windows[static_cast<int>(of)];
        change->bytes[static_cast<int>(of)] -= DatumGetInt64(result_value(i, 5));
    }
    return deleted;
}

void delete_level(int32 id, Level of, LevelChange *change) {
    static Prepared statement = {"WITH deleted AS (DELETE FROM topk.tile WHERE rollup = $1 AND level = $2" DELETED_TILES};
    Span removed;
    remove(&statement, {Value::int4(id), level_value(of)}, of, change, &removed);
}

void delete_tiles(int32 id) { execute("DELETE FROM topk.tile WHERE rollup = $1", {Value::int4(id)}); }

} // namespace topk::catalog
