#include "groups.h"

#include "../catalog/statement.h"
#include "../stream/delta_log.h"

namespace topk::fold {
namespace {

uint64_t hash_of(const ArrayType *key) { return XXH3_64bits(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)); }

void enter(Groups *groups, int number) {
    uint32 at = static_cast<uint32>(hash_of(groups->keys[number])) & (groups->slots - 1);
    while (groups->table[at] != 0)
        at = (at + 1) & (groups->slots - 1);
    groups->table[at] = number + 1;
}

void grow(Groups *groups) {
    groups->room *= 2;
    groups->keys = static_cast<ArrayType **>(repalloc(groups->keys, groups->room * sizeof(ArrayType *)));
    groups->effective = static_cast<int *>(repalloc(groups->effective, groups->room * sizeof(int)));
    groups->slots *= 2;
    pfree(groups->table);
    groups->table = static_cast<int *>(palloc0(groups->slots * sizeof(int)));
    for (int i = 0; i < groups->count; ++i)
        enter(groups, i);
}

Oid primary_key(Relation relation) {
    RelationGetIndexList(relation);
    return relation->rd_pkindex;
}

bool is_registered(Relation relation, int32 rollup, const ArrayType *key, Snapshot snapshot) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(rollup));
    ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_ARRAY_EQ,
                           PointerGetDatum(key));
    SysScanDesc scan = systable_beginscan(relation, primary_key(relation), true, snapshot, 2, keys);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    return found;
}

int32 registered_count(Relation relation, int32 rollup, int32 limit, Snapshot snapshot) {
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(rollup));
    SysScanDesc scan = systable_beginscan(relation, primary_key(relation), true, snapshot, 1, &key);
    int32 n = 0;
    while (n < limit && HeapTupleIsValid(systable_getnext(scan)))
        ++n;
    systable_endscan(scan);
    return n;
}

} // namespace

void init_groups(Groups *groups) {
    *groups = {};
    groups->room = 64;
    groups->slots = 4 * 64;
    groups->keys = static_cast<ArrayType **>(palloc(groups->room * sizeof(ArrayType *)));
    groups->effective = static_cast<int *>(palloc(groups->room * sizeof(int)));
    groups->table = static_cast<int *>(palloc0(groups->slots * sizeof(int)));
}

int group_number(Groups *groups, const ArrayType *key) {
    if (key == nullptr)
        return -1;
    uint32 at = static_cast<uint32>(hash_of(key)) & (groups->slots - 1);
    for (; groups->table[at] != 0; at = (at + 1) & (groups->slots - 1))
        if (equal_groups(groups->keys[groups->table[at] - 1], key))
            return groups->table[at] - 1;
    if (groups->count == groups->room)
        grow(groups);
    const int number = groups->count++;
    groups->keys[number] = DatumGetArrayTypePCopy(PointerGetDatum(key));
    groups->effective[number] = number;
    enter(groups, number);
    return number;
}

void register_groups(Groups *groups, const RollupRow *row) {
    if (groups->count == 0)
        return;
    const int overflow = group_number(groups, construct_empty_array(TEXTOID));
    Relation relation = table_open(table_oid(Table::group_key), AccessShareLock);
    int32 registered = -1;
    for (int i = 0; i < groups->count; ++i) {
        if (i == overflow || is_registered(relation, row->id, groups->keys[i], nullptr))
            continue;
        if (registered == -1)
            registered = registered_count(relation, row->id, row->max_groups, nullptr);
        if (registered >= row->max_groups) {
            groups->effective[i] = overflow;
            continue;
        }
        execute("INSERT INTO topk.group_key VALUES ($1, $2)", {Value::int4(row->id), Value::strings(groups->keys[i])});
        ++registered;
    }
    table_close(relation, AccessShareLock);
}

bool has_own_counts(const RollupRow *row, const ArrayType *key, Snapshot snapshot) {
    Relation relation = table_open(table_oid(Table::group_key), AccessShareLock);
    const bool own = is_registered(relation, row->id, key, snapshot) ||
                     registered_count(relation, row->id, row->max_groups, snapshot) < row->max_groups;
    table_close(relation, AccessShareLock);
    return own;
}

} // namespace topk::fold
