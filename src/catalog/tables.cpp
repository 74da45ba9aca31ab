#include "tables.h"

#include "../pg/buffer.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

const char *const names[] = {
    "rollup",          "log_slot",  "delta_0",  "delta_1",      "delta_2",           "delta_3",   "tile",
    "set_aside",       "group_key", "snapshot", "rollup_state", "backfill_progress", "error_log", "limit_rule",
    "expression_tree", "archive",   "node",     "moved",        "joint_snapshot"}; // by Table
static_assert(lengthof(names) == table_count, "a name for each table, and for each slot of the delta log");

// The OIDs change only when the schema is dropped. 0: not looked up yet.
Oid oids[table_count];

void forget(Datum, int, uint32) { memset(oids, 0, sizeof(oids)); }

Oid relation_oid(const char *name) {
    const Oid schema = get_namespace_oid("topk", true);
    const Oid oid = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
    if (!OidIsValid(oid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"topk.%s\" does not exist", name),
                        errhint("Run CREATE EXTENSION pg_topk in this database.")));
    return oid;
}

} // namespace

Oid table_oid(Table table) {
    static bool registered = false;
    if (!registered) {
        CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum)0);
        registered = true;
    }
    const int i = static_cast<int>(table);
    if (!OidIsValid(oids[i]))
        oids[i] = relation_oid(names[i]);
    return oids[i];
}

bool is_table_empty(Table table) {
    Relation relation = table_open(table_oid(table), AccessShareLock);
    const bool empty = RelationGetNumberOfBlocks(relation) == 0;
    table_close(relation, AccessShareLock);
    return empty;
}

const char *table_name(Table table) { return names[static_cast<int>(table)]; }

// The OID is not remembered, because REINDEX CONCURRENTLY puts another index in its place.
Oid index_oid(const char *name) { return relation_oid(name); }

} // namespace topk::catalog
