#include "group_key.h"

#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { rollup = 1, grp };
constexpr const char *primary_key = "group_key_pkey"; // rollup, grp

int32 count_rows(int nkeys, ScanKey keys, int32 limit, Snapshot snapshot) {
    Relation relation = table_open(table_oid(Table::group_key), AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, index_oid(primary_key), true, snapshot, nkeys, keys);
    int32 n = 0;
    while (n < limit && HeapTupleIsValid(systable_getnext(scan)))
        ++n;
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return n;
}

} // namespace

bool equal_groups(const ArrayType *a, const ArrayType *b) {
    if (a == nullptr || b == nullptr)
        return a == b;
    const auto *x = reinterpret_cast<const struct varlena *>(a), *y = reinterpret_cast<const struct varlena *>(b);
    return VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) && memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0;
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

void register_group(int32 id, const ArrayType *key) {
    execute("INSERT INTO topk.group_key (rollup, grp) VALUES ($1, $2)", {Value::int4(id), Value::strings(key)});
}

} // namespace topk::catalog
