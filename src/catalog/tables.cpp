#include "tables.h"

#include "../pg/buffer.h"
#include "../pg/function.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

const char *const names[] = {
    "rollup",          "log_slot",  "delta_0",  "delta_1",      "delta_2",           "delta_3",   "tile",
    "set_aside",       "group_key", "snapshot", "rollup_state", "backfill_progress", "error_log", "limit_rule",
    "expression_tree", "archive",   "node",     "moved",        "joint_snapshot",    "ask_grant"}; // by Table
static_assert(lengthof(names) == table_count, "a name for each table, and for each slot of the delta log");

// The form of the tables, their columns, and the functions that our statements call. The script of an extension whose
// tables this library cannot read has another number (control/1.0/catalog.sql).
constexpr const char *catalog_function = "topk_catalog_2";

// The OIDs change only when the schema is dropped, and the form when ALTER EXTENSION UPDATE replaces the function. 0: not
// looked up yet.
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

// The C symbol behind topk.catalog_form() tells which form the script has made.
bool has_known_form() {
    const Oid schema = get_namespace_oid("topk", true);
    HeapTuple tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("catalog_form"),
                                      PointerGetDatum(buildoidvector(nullptr, 0)), ObjectIdGetDatum(schema));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool null;
    const Datum symbol = SysCacheGetAttr(PROCNAMEARGSNSP, tuple, Anum_pg_proc_prosrc, &null);
    const bool known = !null && strcmp(TextDatumGetCString(symbol), catalog_function) == 0;
    ReleaseSysCache(tuple);
    return known;
}

// Otherwise values would be taken for others.
void require_known_form() {
    if (OidIsValid(get_namespace_oid("topk", true)) && !has_known_form())
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("the library of pg_topk cannot read the tables of schema \"topk\" in this database"),
                 errdetail("Another version of the extension has made them."),
                 errhint("Run ALTER EXTENSION pg_topk UPDATE. If the library was replaced while the session was open, "
                         "connect again.")));
}

} // namespace

bool is_catalog_readable() { return has_known_form(); }

Oid table_oid(Table table) {
    static bool registered = false;
    if (!registered) {
        CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum)0);
        CacheRegisterSyscacheCallback(PROCOID, forget, (Datum)0);
        registered = true;
    }
    const int i = static_cast<int>(table);
    if (!OidIsValid(oids[i])) {
        require_known_form();
        oids[i] = relation_oid(names[i]);
    }
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

TOPK_FUNCTION(topk_catalog_2, ((void)fcinfo, Int32GetDatum(2)))
