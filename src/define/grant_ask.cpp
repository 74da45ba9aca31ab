// topk.grant_ask() and topk.revoke_ask().
#include "../answer/arguments.h"
#include "../catalog/as_owner.h"
#include "../catalog/ask_grant.h"
#include "../catalog/owner.h"
#include "../catalog/rights.h"
#include "../catalog/rollup_name.h"
#include "distributed.h"
#include "triggers.h"

namespace topk::define {
namespace {

// The rollup of the first argument, locked so that it is not dropped without the rights to ask it.
void owned_rollup(FunctionCallInfo fcinfo, RollupRow *row) {
    if (PG_ARGISNULL(0))
        raise_null("rollup");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    RollupSource rollup;
    if (!find_rollup(name, nullptr, &rollup))
        raise_no_rollup(name);
    require_ownership(rollup.source); // before a lock that may wait
    LockRelationOid(rollup.source, AccessShareLock);
    if (!read_rollup(rollup.id, nullptr, row))
        raise_no_rollup(name);
    require_ownership(row->source);
    require_coordinator(row->source, row->id);
}

// Citus brings the rights to ask a rollup of a distributed table to the other nodes, with its definition.
void publish_rights(const RollupRow &row) {
    if (!row.spread)
        return;
    CommandCounterIncrement();
    sync_triggers(row.source);
}

Oid role_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(1))
        raise_null("role");
    (void)GetUserNameFromId(PG_GETARG_OID(1), false); // raises an error if there is no such role
    return PG_GETARG_OID(1);
}

// grant_ask(rollup, role, group_key)
Datum grant_ask(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.grant_ask()");
    RollupRow row;
    owned_rollup(fcinfo, &row);
    const Oid role = role_argument(fcinfo);
    const AskedGroups groups = groups_argument(fcinfo, 2, &row);
    as_owner([&] {
        delete_grants_of_dropped_roles();
        if (groups.count == 0)
            insert_grant({row.id, role, nullptr});
        for (int i = 0; i < groups.count; ++i)
            insert_grant({row.id, role, groups.keys[i]});
    });
    publish_rights(row);
    if (!is_reader(role, row.source))
        ereport(NOTICE, (errmsg("role \"%s\" cannot ask yet", GetUserNameFromId(role, false)),
                         errdetail("Asking also takes the privileges of role \"%s\".", reader_role),
                         errhint("A superuser can give them: GRANT %s TO %s.", reader_role,
                                 quote_identifier(GetUserNameFromId(role, false)))));
    PG_RETURN_VOID();
}

// revoke_ask(rollup, role, group_key)
Datum revoke_ask(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.revoke_ask()");
    RollupRow row;
    owned_rollup(fcinfo, &row);
    const Oid role = role_argument(fcinfo);
    const AskedGroups groups = groups_argument(fcinfo, 2, &row);
    const uint64 revoked = as_owner([&] {
        delete_grants_of_dropped_roles();
        if (groups.count == 0)
            return delete_grants(row.id, role);
        uint64 n = 0;
        for (int i = 0; i < groups.count; ++i)
            n += delete_grant({row.id, role, groups.keys[i]});
        return n;
    });
    if (revoked == 0)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("role \"%s\" has no such right to ask rollup \"%s\"", GetUserNameFromId(role, false), row.name),
                 errhint("The view topk.askers lists the rights.")));
    publish_rights(row);
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_grant_ask, topk::define::grant_ask(fcinfo))
TOPK_FUNCTION(topk_revoke_ask, topk::define::revoke_ask(fcinfo))
