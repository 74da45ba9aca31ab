#include "tables.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

const char *const names[table_count] = {"rollup", "log_slot",  "delta_0",  "delta_1",      "delta_2",   "delta_3",
                                        "tile",   "group_key", "snapshot", "rollup_state", "error_log", "limit_rule"};

// The tables live and die with their schema. 0: not known.
Oid oids[table_count];

void forget(Datum, int, uint32) { memset(oids, 0, sizeof(oids)); }

void become(Owner *before, Oid user, int context) {
    SetUserIdAndSecContext(user, before->context | context);
    before->settings = NewGUCNestLevel();
    set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

} // namespace

Oid table_oid(Table table) {
    static bool registered = false;
    if (!registered) {
        CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum)0);
        registered = true;
    }
    const int i = static_cast<int>(table);
    if (!OidIsValid(oids[i])) {
        const Oid schema = get_namespace_oid("topk", true);
        const Oid oid = OidIsValid(schema) ? get_relname_relid(names[i], schema) : InvalidOid;
        if (!OidIsValid(oid))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"topk.%s\" does not exist", names[i]),
                            errhint("Run CREATE EXTENSION pg_topk in this database.")));
        oids[i] = oid;
    }
    return oids[i];
}

Owner become_owner() {
    Owner before;
    GetUserIdAndSecContext(&before.user, &before.context);
    HeapTuple schema = SearchSysCache1(NAMESPACENAME, CStringGetDatum("topk"));
    if (!HeapTupleIsValid(schema))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"topk\" does not exist")));
    const Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(schema))->nspowner;
    ReleaseSysCache(schema);
    become(&before, owner, SECURITY_LOCAL_USERID_CHANGE);
    return before;
}

Owner become_source_owner(Oid owner) {
    Owner before;
    GetUserIdAndSecContext(&before.user, &before.context);
    become(&before, owner, SECURITY_RESTRICTED_OPERATION);
    return before;
}

void leave_owner(const Owner &before) {
    AtEOXact_GUC(false, before.settings); // also what a user's function has set
    SetUserIdAndSecContext(before.user, before.context);
}

} // namespace topk::catalog
