#include "rollup.h"

#include "expression.h"
#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column {
    id = 1,
    name,
    source,
    item,
    time,
    weight,
    filter,
    group_by,
    item_kind,
    grain,
    windows,
    timezone,
    k,
    capacity,
    width,
    depth,
    max_groups,
    accept_past,
    accept_future,
    retention,
    created,
    metadata,
    metadata_key,
    unusable,
    identity,
    column_count = identity
};

constexpr const char *by_source = "rollup_source"; // source
constexpr const char *by_name = "rollup_name";     // name

class Values : public Row<column_count> {
public:
    using Row::Row;
    uint32_t uint4(Column c) const { return static_cast<uint32_t>(int4(c)); }
    Interval interval(Column c) const { return *DatumGetIntervalP(datum(c)); }
    char *uuid_string(Column c) const {
        return null(c) ? nullptr : DatumGetCString(DirectFunctionCall1(uuid_out, datum(c)));
    }
    char *name_string(Column c) const { return null(c) ? nullptr : pstrdup(NameStr(*DatumGetName(datum(c)))); }
    TallyShape shape() const {
        return {uint4(capacity), uint4(width), uint4(depth), kind_of_letter(DatumGetChar(datum(item_kind)))};
    }
    int strings(Column c, Datum **elements) const {
        int n;
        bool *nulls;
        deconstruct_array(array(c), TEXTOID, -1, false, TYPALIGN_INT, elements, &nulls, &n);
        return n;
    }
    void levels(Column c, bool *chosen) const {
        Datum *names;
        const int n = strings(c, &names);
        for (int i = 0; i < n; ++i) {
            const char *kind = TextDatumGetCString(names[i]);
            for (int level = 1; level < level_count; ++level)
                chosen[level] |= strcmp(level_name(static_cast<Level>(level)), kind) == 0;
        }
    }
};
static_assert(std::is_trivially_destructible_v<Values>);

void fill(const Values &v, RollupRow *row) {
    *row = {};
    row->id = v.int4(id);
    row->name = v.string(name);
    row->source = v.oid(source);
    row->shape = v.shape();
    row->zone = find_zone(v.string(timezone));
    row->grain = v.interval(grain).time;
    row->k = v.int4(k);
    row->max_groups = v.int4(max_groups);
    Datum *groups;
    row->group_count = v.strings(group_by, &groups);
    row->accept_past = v.interval(accept_past);
    row->accept_future = v.interval(accept_future);
    row->metadata = v.oid(metadata);
    row->metadata_key = v.name_string(metadata_key);
    row->created = v.time(created);
    row->unusable = v.string(unusable);
    row->spread = !v.null(identity);
    v.levels(windows, row->asked);
    std::copy_n(row->asked, level_count, row->kept);
    row->kept[0] = true;
    if (row->grain == USECS_PER_HOUR)
        row->kept[static_cast<int>(Level::hour)] = false;
}

RollupDefinition *make_definition(const Values &v) {
    auto *row = static_cast<RollupDefinition *>(palloc0(sizeof(RollupDefinition)));
    row->id = v.int4(id);
    row->name = v.string(name);
    row->source = v.oid(source);
    row->item = v.string(item);
    row->time = v.string(time);
    row->weight = v.string(weight);
    row->filter = v.string(filter);
    Datum *groups;
    row->group_count = v.strings(group_by, &groups);
    row->groups = static_cast<const char **>(palloc((row->group_count + 1) * sizeof(char *)));
    for (int i = 0; i < row->group_count; ++i)
        row->groups[i] = TextDatumGetCString(groups[i]);
    row->shape = v.shape();
    row->grain = v.interval(grain).time;
    v.levels(windows, row->windows);
    row->zone = v.string(timezone);
    row->k = v.int4(k);
    row->max_groups = v.int4(max_groups);
    row->accept_past = v.interval(accept_past);
    row->accept_future = v.interval(accept_future);
    row->retention = DatumGetJsonbPCopy(v.datum(retention));
    row->metadata = v.oid(metadata);
    row->metadata_key = v.name_string(metadata_key);
    row->identity = v.uuid_string(identity);
    return row;
}

// Calls visit(tuple, descriptor) for rows until it returns false. A handful of rows: a scan of the one page that has them
// costs less than an index, unless there are many of them.
template <class Visit>
void scan(const char *index, int count, ScanKey keys, Snapshot snapshot, const Visit &visit) {
    RowScan rows;
    begin_rows(&rows, table_oid(Table::rollup), index == nullptr ? InvalidOid : index_oid(index), false, count, keys,
               snapshot);
    while (HeapTuple tuple = next_row(&rows))
        if (!visit(tuple, RelationGetDescr(rows.relation))) {
            end_rows(&rows);
            return;
        }
}

bool read(ScanKey key, Snapshot snapshot, RollupRow *row) {
    bool found = false;
    scan(nullptr, 1, key, snapshot, [&](HeapTuple tuple, TupleDesc descriptor) {
        fill(Values(tuple, descriptor), row);
        found = true;
        return false;
    });
    return found;
}

ScanKeyData source_key(Oid of) {
    ScanKeyData key;
    ScanKeyInit(&key, source, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(of));
    return key;
}

int compare_ids(const ListCell *a, const ListCell *b) {
    const int32 x = static_cast<const RollupDefinition *>(lfirst(a))->id,
                y = static_cast<const RollupDefinition *>(lfirst(b))->id;
    return x < y ? -1 : x > y;
}

Value strings(const char *const *strings, int n) {
    auto *elements = static_cast<Datum *>(palloc((n + 1) * sizeof(Datum)));
    for (int i = 0; i < n; ++i)
        elements[i] = CStringGetTextDatum(strings[i]);
    return Value::strings(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Value identity_value(const char *text) {
    return text == nullptr ? Value::of(UUIDOID, (Datum)0, true)
                           : Value::of(UUIDOID, DirectFunctionCall1(uuid_in, CStringGetDatum(text)));
}

Value level_names(const bool *chosen) {
    const char *names[level_count];
    int n = 0;
    for (int level = 0; level < level_count; ++level)
        if (chosen[level])
            names[n++] = level_name(static_cast<Level>(level));
    return strings(names, n);
}

} // namespace

bool read_rollup(int32 wanted, Snapshot snapshot, RollupRow *row) {
    ScanKeyData key;
    ScanKeyInit(&key, id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(wanted));
    return read(&key, snapshot, row);
}

List *read_definitions(Oid of) {
    List *rows = NIL;
    ScanKeyData key = source_key(of);
    scan(by_source, 1, &key, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        rows = lappend(rows, make_definition(Values(tuple, descriptor)));
        return true;
    });
    list_sort(rows, compare_ids);
    return rows;
}

RollupDefinition *read_definition(int32 wanted) {
    RollupDefinition *found = nullptr;
    ScanKeyData key;
    ScanKeyInit(&key, id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(wanted));
    scan(nullptr, 1, &key, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        found = make_definition(Values(tuple, descriptor));
        return false;
    });
    return found;
}

Array<RollupOfSource> list_of(Oid of) {
    Array<RollupOfSource> list = {};
    ScanKeyData key = source_key(of);
    scan(by_source, 1, &key, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        const Values v(tuple, descriptor);
        list.add({v.int4(id), v.string(name), v.uuid_string(identity)});
        return true;
    });
    std::sort(list.begin(), list.end(), [](const RollupOfSource &a, const RollupOfSource &b) { return a.id < b.id; });
    return list;
}

bool has_rollups(Oid of) {
    bool found = false;
    ScanKeyData key = source_key(of);
    scan(by_source, 1, &key, nullptr, [&](HeapTuple, TupleDesc) {
        found = true;
        return false;
    });
    return found;
}

bool any_rollups() {
    bool found = false;
    scan(nullptr, 0, nullptr, nullptr, [&](HeapTuple, TupleDesc) {
        found = true;
        return false;
    });
    return found;
}

bool find_source(int32 wanted, Oid *of) {
    bool found = false;
    ScanKeyData key;
    ScanKeyInit(&key, id, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(wanted));
    scan(nullptr, 1, &key, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        *of = Values(tuple, descriptor).oid(source);
        found = true;
        return false;
    });
    return found;
}

int32 find_identity(const char *wanted) {
    int32 found = 0;
    ScanKeyData key;
    ScanKeyInit(&key, identity, BTEqualStrategyNumber, F_UUID_EQ, DirectFunctionCall1(uuid_in, CStringGetDatum(wanted)));
    scan(nullptr, 1, &key, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        found = Values(tuple, descriptor).int4(id);
        return false;
    });
    return found;
}

Array<RollupSource> list_rollups(Snapshot snapshot) {
    Array<RollupSource> list = {};
    scan(nullptr, 0, nullptr, snapshot, [&](HeapTuple tuple, TupleDesc descriptor) {
        list.add(read_source(tuple, descriptor));
        return true;
    });
    std::sort(list.begin(), list.end(), [](const RollupSource &a, const RollupSource &b) { return a.id < b.id; });
    return list;
}

Array<RollupSource> list_named(const char *wanted, Snapshot snapshot) {
    Array<RollupSource> list = {};
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, 0, name, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(wanted));
    scan(by_name, 1, &key, snapshot, [&](HeapTuple tuple, TupleDesc descriptor) {
        list.add(read_source(tuple, descriptor));
        return true;
    });
    return list;
}

RollupSource read_source(HeapTuple tuple, TupleDesc descriptor) {
    const Values v(tuple, descriptor);
    return {v.int4(id), v.oid(source)};
}

char *make_query(const char *function, int32 of) {
    query(psprintf("SELECT %s($1)", function), {Value::int4(of)});
    return result_string(0, 1);
}

char *make_identity() {
    execute("SELECT gen_random_uuid()");
    return result_string(0, 1);
}

char *describe(int32 of) {
    execute("SELECT to_jsonb(r) - '{id,source,item_kind,created,unusable}'::text[] FROM topk.rollup AS r WHERE id = $1",
            {Value::int4(of)});
    return result_string(0, 1);
}

Cutoffs read_cutoffs(int32 of) {
    // If the grain is an hour, the tiles answer for hours too.
    static Prepared statement = {
        "SELECT topk.ago(CASE WHEN r.grain = interval '1 hour' AND 'hour' = ANY (r.windows)"
        "                     THEN greatest(k.tile, k.hour) ELSE k.tile END),"
        " topk.ago(k.hour), topk.ago(k.day), topk.ago(k.week), topk.ago(k.month), topk.ago(k.quarter), topk.ago(k.year),"
        " topk.ago(k.snapshot)"
        " FROM topk.rollup AS r, jsonb_to_record(r.retention) AS k"
        " (tile interval, hour interval, day interval, week interval, month interval, quarter interval, year interval,"
        "  snapshot interval)"
        " WHERE r.id = $1"};
    execute(&statement, {Value::int4(of)});
    const auto cutoff = [](int column) {
        bool null;
        const Datum before = result_value(0, column, &null);
        return null ? DT_NOBEGIN : DatumGetTimestampTz(before);
    };
    Cutoffs cutoffs;
    for (int level = 0; level < level_count; ++level)
        cutoffs.windows[level] = cutoff(level + 1);
    cutoffs.snapshots = cutoff(level_count + 1);
    return cutoffs;
}

void insert_rollup(RollupDefinition *d) {
    Interval grain_interval = {};
    grain_interval.time = d->grain;
    insert_row("topk.rollup",
               {{"name", Value::string(d->name)},
                {"source", Value::of(REGCLASSOID, ObjectIdGetDatum(d->source))},
                {"item", Value::string(d->item)},
                {"time", Value::string(d->time)},
                {"weight", Value::string(d->weight)},
                {"filter", Value::string(d->filter)},
                {"group_by", strings(d->groups, d->group_count)},
                {"item_kind", Value::of(CHAROID, CharGetDatum(kind_letter(d->shape.kind)))},
                {"grain", Value::pointer(INTERVALOID, &grain_interval)},
                {"windows", level_names(d->windows)},
                {"timezone", Value::string(d->zone)},
                {"k", Value::int4(d->k)},
                {"capacity", Value::int4(static_cast<int32>(d->shape.capacity))},
                {"width", Value::int4(static_cast<int32>(d->shape.width))},
                {"depth", Value::int4(static_cast<int32>(d->shape.depth))},
                {"max_groups", Value::int4(d->max_groups)},
                {"accept_past", Value::pointer(INTERVALOID, &d->accept_past)},
                {"accept_future", Value::pointer(INTERVALOID, &d->accept_future)},
                {"retention", Value::pointer(JSONBOID, d->retention)},
                {"metadata", Value::of(REGCLASSOID, ObjectIdGetDatum(d->metadata), !OidIsValid(d->metadata))},
                {"metadata_key", Value::string(d->metadata_key)},
                {"identity", identity_value(d->identity)}},
               "RETURNING id");
    d->id = DatumGetInt32(result_value(0, 1));
}

void update_rollup(const RollupDefinition &d) {
    execute("UPDATE topk.rollup SET name = $2, source = $3, windows = $4, k = $5, max_groups = $6, accept_past = $7,"
            " accept_future = $8, retention = $9, metadata = $10, metadata_key = $11 WHERE id = $1",
            {Value::int4(d.id), Value::string(d.name), Value::of(REGCLASSOID, ObjectIdGetDatum(d.source)),
             level_names(d.windows), Value::int4(d.k), Value::int4(d.max_groups),
             Value::pointer(INTERVALOID, &d.accept_past), Value::pointer(INTERVALOID, &d.accept_future),
             Value::pointer(JSONBOID, d.retention),
             Value::of(REGCLASSOID, ObjectIdGetDatum(d.metadata), !OidIsValid(d.metadata)), Value::string(d.metadata_key)});
}

bool update_expressions(const RollupDefinition &d) {
    return execute("UPDATE topk.rollup SET item = $2, \"time\" = $3, weight = $4, filter = $5, group_by = $6"
                   " WHERE id = $1 AND (item, \"time\", weight, filter, group_by) IS DISTINCT FROM ($2, $3, $4, $5, $6)",
                   {Value::int4(d.id), Value::string(d.item), Value::string(d.time), Value::string(d.weight),
                    Value::string(d.filter), strings(d.groups, d.group_count)}) != 0;
}

void rename_metadata_key(Oid table, const char *from, const char *to) {
    execute("UPDATE topk.rollup SET metadata_key = $3 WHERE metadata = $1 AND metadata_key = $2",
            {Value::oid(table), Value::string(from), Value::string(to)});
}

void forget_dropped_metadata() {
    execute("UPDATE topk.rollup SET metadata = NULL, metadata_key = NULL WHERE metadata IS NOT NULL AND NOT EXISTS"
            " (SELECT FROM pg_attribute AS a"
            " WHERE a.attrelid = metadata AND a.attname = metadata_key AND NOT a.attisdropped)");
}

void delete_rollup_row(int32 of) { execute("DELETE FROM topk.rollup WHERE id = $1", {Value::int4(of)}); }

bool is_window_kind(const char *name) {
    for (int level = 1; level < level_count; ++level)
        if (strcmp(level_name(static_cast<Level>(level)), name) == 0)
            return true;
    return false;
}

namespace {

// The windows of a rollup, as words of a sentence.
char *window_list(const RollupRow *row) {
    StringInfoData list;
    initStringInfo(&list);
    for (int level = 1; level < level_count; ++level)
        if (row->asked[level])
            appendStringInfo(&list, list.len == 0 ? "%s" : ", %s", level_name(static_cast<Level>(level)));
    return list.data;
}

} // namespace

Level level_of(const RollupRow *row, const char *window_kind) {
    for (int level = 1; level < level_count; ++level)
        if (row->asked[level] && strcmp(level_name(static_cast<Level>(level)), window_kind) == 0)
            return row->kept[level] ? static_cast<Level>(level) : Level::tile;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("rollup \"%s\" has no windows of kind \"%s\"", row->name, window_kind),
                    errhint("It has these: %s.", window_list(row))));
    pg_unreachable();
}

} // namespace topk::catalog
