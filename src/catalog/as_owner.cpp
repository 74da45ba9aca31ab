#include "as_owner.h"

extern "C" {
#include "catalog/pg_namespace.h"
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

Caller become(Oid user, int more_context, pg_tz *zone, Settings settings) {
    Caller caller;
    GetUserIdAndSecContext(&caller.user, &caller.context);
    SetUserIdAndSecContext(user, caller.context | more_context);
    caller.settings = pin_settings(zone, settings);
    return caller;
}

} // namespace

Caller become_owner() { return become(schema_owner(), SECURITY_LOCAL_USERID_CHANGE, nullptr, Settings::statements); }

Caller become_source_owner(Oid owner, pg_tz *zone) { return become(owner, SECURITY_RESTRICTED_OPERATION, zone, Settings::all); }

void become_caller(const Caller &caller) {
    unpin_settings(caller.settings); // and settings that a function of a user has changed
    SetUserIdAndSecContext(caller.user, caller.context);
}

} // namespace topk::catalog
