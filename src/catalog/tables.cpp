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

} // namespace topk::catalog
