#include "group_key.h"

#include <numeric>

#include "../pg/array.h"
#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { rollup = 1, grp, column_count = grp };
constexpr const char *primary_key = "group_key_pkey"; // rollup, grp
constexpr int rows_for_search = 8;                    // that can be read in the time in which one is found

size_t size_of(const ArrayType *key) { return key == nullptr ? 0 : VARSIZE_ANY_EXHDR(key); }

bool is_before(const ArrayType *a, const ArrayType *b) { return compare_groups(a, b) < 0; }

// Calls visit(tuple, descriptor) for at most `limit` rows. Returns how many there were.
template <class Visit>
int32 scan(int count, ScanKey keys, int32 limit, Snapshot snapshot, const Visit &visit) {
    RowScan rows;
    begin_rows(&rows, table_oid(Table::group_key), index_oid(primary_key), false, count, keys, snapshot);
    for (int32 n = 0; n < limit; ++n) {
        HeapTuple tuple = next_row(&rows);
        if (!HeapTupleIsValid(tuple))
            return n;
        visit(tuple, RelationGetDescr(rows.relation));
    }
    end_rows(&rows);
    return limit;
}

int32 count_rows(int count, ScanKey keys, int32 limit, Snapshot snapshot) {
    return scan(count, keys, limit, snapshot, [](HeapTuple, TupleDesc) {});
}

} // namespace

bool equal_groups(const ArrayType *a, const ArrayType *b) { return compare_groups(a, b) == 0; }

int compare_groups(const ArrayType *a, const ArrayType *b) {
    const size_t x = size_of(a), y = size_of(b);
    if (x != y)
        return x < y ? -1 : 1;
    return x == 0 ? 0 : memcmp(VARDATA_ANY(a), VARDATA_ANY(b), x);
}

void group_scan_key(ScanKey key, AttrNumber column, const ArrayType *group) {
    if (group == nullptr)
        ScanKeyEntryInitialize(key, SK_ISNULL | SK_SEARCHNULL, column, InvalidStrategy, InvalidOid, InvalidOid, InvalidOid,
                               0);
    else
        ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_ARRAY_EQ,
                               PointerGetDatum(group));
}

bool is_registered(int32 id, const ArrayType *key, Snapshot snapshot) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    group_scan_key(&keys[1], grp, key);
    return count_rows(2, keys, 1, snapshot) != 0;
}

int32 registered_count(int32 id, int32 limit, Snapshot snapshot) {
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    return count_rows(1, &key, limit, snapshot);
}

bool has_own_counts(const RollupRow *row, const ArrayType *key, Snapshot snapshot) {
    return is_registered(row->id, key, snapshot) || registered_count(row->id, row->max_groups, snapshot) < row->max_groups;
}

bool *find_registered(int32 id, ArrayType *const *keys, int n) {
    auto *found = static_cast<bool *>(palloc0(n * sizeof(bool) + 1));
    auto *order = static_cast<int *>(palloc(n * sizeof(int) + 1));
    std::iota(order, order + n, 0);
    std::sort(order, order + n, [&](int i, int j) { return is_before(keys[i], keys[j]); });
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    const int32 limit = n < INT_MAX / rows_for_search ? n * rows_for_search : INT_MAX;
    const int32 rows = scan(1, &key, limit, nullptr, [&](HeapTuple tuple, TupleDesc descriptor) {
        const Row<column_count> values(tuple, descriptor);
        const auto *group = reinterpret_cast<const ArrayType *>(PG_DETOAST_DATUM_PACKED(values.datum(grp)));
        const int *at = std::lower_bound(order, order + n, group,
                                         [&](int i, const ArrayType *other) { return is_before(keys[i], other); });
        if (at != order + n && equal_groups(keys[*at], group))
            found[*at] = true;
    });
    for (int i = 0; rows == limit && i < n; ++i)
        found[i] = found[i] || is_registered(id, keys[i], nullptr);
    pfree(order);
    return found;
}

OwnGroups read_own_groups(const RollupRow *row, Snapshot snapshot) {
    Array<ArrayType *> keys = {};
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(row->id));
    // There may be more than max_groups, which can be lowered.
    scan(1, &key, INT_MAX, snapshot, [&](HeapTuple tuple, TupleDesc descriptor) {
        const Row<column_count> values(tuple, descriptor);
        keys.add(DatumGetArrayTypePCopy(values.datum(grp)));
    });
    std::sort(keys.begin(), keys.end(), is_before);
    return {keys.count < row->max_groups, keys.elements, keys.count};
}

bool contains(const OwnGroups &groups, const ArrayType *key) {
    return groups.all || std::binary_search(groups.keys, groups.keys + groups.count, key, is_before);
}

void register_group(int32 id, const ArrayType *key) {
    execute("INSERT INTO topk.group_key (rollup, grp) VALUES ($1, $2)", {Value::int4(id), Value::strings(key)});
}

void copy_group(int32 of, const char *json) {
    execute("INSERT INTO topk.group_key (rollup, grp) SELECT $1, o.grp FROM json_populate_record(NULL::topk.group_key, "
            "$2::json) AS o"
            " ON CONFLICT DO NOTHING",
            {Value::int4(of), Value::string(json)});
}

void delete_unused_groups(int32 id) {
    StringInfoData statement;
    initStringInfo(&statement);
    appendStringInfoString(&statement, "DELETE FROM topk.group_key AS g WHERE g.rollup = $1"
                                       " AND NOT EXISTS (SELECT FROM topk.tile AS t WHERE t.rollup = $1 AND t.grp = g.grp)");
    for (int slot = 0; slot < slot_count; ++slot)
        appendStringInfo(&statement,
                         " AND NOT EXISTS (SELECT FROM topk.%1$s AS d WHERE d.rollup = $1 AND d.grp = g.grp)"
                         " AND g.grp NOT IN (SELECT b.grp FROM topk.%1$s AS d, topk.bundle_groups(d.items) AS b"
                         " WHERE d.rollup = $1 AND d.scope = 'g' AND d.grp IS NULL)",
                         table_name(slot_table(slot)));
    execute(statement.data, {Value::int4(id)});
}

void delete_groups(int32 id) { execute("DELETE FROM topk.group_key WHERE rollup = $1", {Value::int4(id)}); }

} // namespace topk::catalog
