#include "as_owner.h"

extern "C" {
#include "catalog/pg_namespace.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

Oid schema_owner() {
    HeapTuple schema = SearchSysCache1(NAMESPACENAME, CStringGetDatum("topk"));
    if (!HeapTupleIsValid(schema))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA), errmsg("schema \"topk\" does not exist")));
    const Oid owner = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(schema))->nspowner;
    ReleaseSysCache(schema);
    return owner;
}

Caller become(Oid user, int more_context, pg_tz *zone) {
    Caller caller;
    GetUserIdAndSecContext(&caller.user, &caller.context);
    SetUserIdAndSecContext(user, caller.context | more_context);
    caller.settings = pin_settings(zone);
    return caller;
}

} // namespace

int pin_settings(pg_tz *zone) {
    static const char *const settings[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                              {"DateStyle", "ISO, YMD"},
                                              {"IntervalStyle", "postgres"},
                                              {"bytea_output", "hex"},
                                              {"extra_float_digits", "1"}};
    const int level = NewGUCNestLevel();
    for (const auto &setting : settings)
        set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    if (zone != nullptr)
        set_config_option("TimeZone", pg_get_timezone_name(zone), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
    return level;
}

void unpin_settings(int level) { AtEOXact_GUC(false, level); }

Caller become_owner() { return become(schema_owner(), SECURITY_LOCAL_USERID_CHANGE, nullptr); }

Caller become_source_owner(Oid owner, pg_tz *zone) { return become(owner, SECURITY_RESTRICTED_OPERATION, zone); }

void become_caller(const Caller &caller) {
    unpin_settings(caller.settings); // and settings that a function of a user has changed
    SetUserIdAndSecContext(caller.user, caller.context);
}

} // namespace topk::catalog
