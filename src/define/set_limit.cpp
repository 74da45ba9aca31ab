// topk.set_limit(), topk.drop_limit(), and what topk.limits shows besides the rows of topk.limit_rule.
#include <cmath>

#include "../pg/function.h"
#include "../catalog/as_owner.h"
#include "../catalog/tables.h"
#include "../stream/limits.h"
#include "options.h"
#include "../catalog/owner.h"

extern "C" {
#include "commands/trigger.h"
}

namespace {

using namespace topk;
using namespace topk::define;

constexpr double max_rate = 1e9;
constexpr double longest_refill = 366 * 86400.0; // s

// The role and the source of a limit: the first two parameters of both functions.
struct LimitScope {
    Oid role;   // InvalidOid: every role
    Oid source; // InvalidOid: every source
};

void check_source(Oid oid) {
    Relation source = relation_open(oid, AccessShareLock); // so that it is not dropped without its limits
    const char kind = source->rd_rel->relkind;
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_FOREIGN_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("\"%s\" is not a table or a stream", RelationGetRelationName(source))));
    if (source->rd_rel->relispartition && kind != RELKIND_FOREIGN_TABLE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot limit partition \"%s\"", RelationGetRelationName(source)),
                        errhint("Limit the partitioned table.")));
    relation_close(source, NoLock);
}

LimitScope scope_arguments(FunctionCallInfo fcinfo) {
    const LimitScope scope = {PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0),
                              PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1)};
    if (!PG_ARGISNULL(0))
        (void)GetUserNameFromId(scope.role, false);
    if (PG_ARGISNULL(1)) {
        if (!superuser())
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be superuser to limit all sources"),
                            errdetail("The owner of a table or stream may set limits for that.")));
        return scope;
    }
    if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(scope.source)))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", scope.source)));
    require_ownership(scope.source);
    check_source(scope.source);
    return scope;
}

// Within as_owner(), with the table locked. Returns how many there were: one at most, unless a role was renamed to the name
// of one that was dropped.
int delete_rules(const LimitScope &scope) {
    const LimitRules all = limit_rules();
    auto *ids = static_cast<int32 *>(palloc(all.count * sizeof(int32) + 1));
    int n = 0;
    for (int i = 0; i < all.count; ++i) {
        const LimitRule &rule = all.rules[i];
        if (rule.any_role == !OidIsValid(scope.role) && rule.role == scope.role && rule.source == scope.source)
            ids[n++] = rule.id;
    }
    for (int i = 0; i < n; ++i)
        if (!delete_limit(ids[i])) // the rules are those of now, whatever this transaction sees
            ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("the limit was changed concurrently"),
                            errhint("Retry the transaction.")));
    return n;
}

void check_rate(FunctionCallInfo fcinfo, int64 *burst) {
    if (PG_ARGISNULL(2)) {
        if (!PG_ARGISNULL(3))
            raise_parameter("burst needs events_per_second");
        return;
    }
    const double rate = PG_GETARG_FLOAT8(2);
    if (!(rate > 0 && rate <= max_rate))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("events_per_second must be greater than 0 and not greater than %.0f", max_rate),
                        errhint("To forbid insertions, revoke the privilege INSERT.")));
    *burst = PG_ARGISNULL(3) ? static_cast<int64>(std::ceil(rate)) : PG_GETARG_INT64(3);
    if (*burst < 1 || static_cast<double>(*burst) / rate > longest_refill)
        raise_parameter("burst must be at least 1 and at most what comes in a year");
    if (!has_token_buckets())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("events_per_second cannot be limited without shared memory"),
                        errhint("Put pg_topk into shared_preload_libraries and restart the server.")));
}

// set_limit(role, source, events_per_second, burst, max_item_bytes, max_metadata_bytes)
Datum set_limit(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.set_limit()");
    int64 burst = 0;
    check_rate(fcinfo, &burst);
    if (PG_ARGISNULL(2) && PG_ARGISNULL(4) && PG_ARGISNULL(5))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("nothing is limited"),
                 errhint("Give events_per_second, max_item_bytes or max_metadata_bytes, or call topk.drop_limit().")));
    if (!PG_ARGISNULL(4))
        checked_range("max_item_bytes", PG_GETARG_INT32(4), 1, PG_INT32_MAX);
    if (!PG_ARGISNULL(5))
        checked_range("max_metadata_bytes", PG_GETARG_INT32(5), 1, PG_INT32_MAX);
    const LimitScope scope = scope_arguments(fcinfo);
    LimitRule rule = {};
    rule.any_role = !OidIsValid(scope.role);
    rule.role = scope.role;
    rule.source = scope.source;
    rule.events_per_second = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);
    rule.burst = burst;
    rule.item_bytes = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4);
    rule.metadata_bytes = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
    LockRelationOid(table_oid(Table::limit_rule), ShareRowExclusiveLock);
    as_owner([&] {
        delete_rules(scope);
        renew_limit_roles();
        insert_limit(rule);
    });
    PG_RETURN_VOID();
}

// drop_limit(role, source)
Datum drop_limit(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.drop_limit()");
    const LimitScope scope = scope_arguments(fcinfo);
    LockRelationOid(table_oid(Table::limit_rule), ShareRowExclusiveLock);
    const int n = as_owner([&] {
        const int deleted = delete_rules(scope);
        renew_limit_roles();
        return deleted;
    });
    if (n == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no such limit"),
                        errhint("The view topk.limits lists them.")));
    PG_RETURN_VOID();
}

// Those that one may change, and those that hold for oneself, where one may insert or read.
bool may_see(const LimitRule &rule) {
    if (superuser())
        return true;
    if (OidIsValid(rule.source) && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(rule.source)))
        return false;
    if (OidIsValid(rule.source) && is_owner(rule.source))
        return true;
    if (!rule.any_role && !(OidIsValid(rule.role) && is_member_of_role(GetUserId(), rule.role)))
        return false;
    return !OidIsValid(rule.source) || pg_class_aclcheck(rule.source, GetUserId(), ACL_INSERT) == ACLCHECK_OK ||
           pg_class_aclcheck(rule.source, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

// limit_state()
Datum limit_state(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const LimitRules all = limit_rules();
    for (int i = 0; i < all.count; ++i) {
        const LimitRule rule = all.rules[i];
        if (!may_see(rule))
            continue;
        const bool rated = rule.events_per_second != 0, counted = rated && has_token_buckets();
        const char *name = OidIsValid(rule.role) ? GetUserNameFromId(rule.role, true) : nullptr;
        if (name == nullptr)
            name = rule.role_name;
        Datum values[] = {name == nullptr ? (Datum)0 : CStringGetTextDatum(name),
                          ObjectIdGetDatum(rule.source),
                          Float8GetDatum(rule.events_per_second),
                          Int64GetDatum(rule.burst),
                          Int32GetDatum(rule.item_bytes),
                          Int32GetDatum(rule.metadata_bytes),
                          counted ? Int64GetDatum(tokens_left(bucket_of(rule))) : (Datum)0};
        bool nulls[] = {name == nullptr,      !OidIsValid(rule.source), !rated,  !rated,
                        rule.item_bytes == 0, rule.metadata_bytes == 0, !counted};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

bool changed = false; // in this transaction

// Frees the token buckets of limits that this transaction has dropped or set again. Those of limits that it made and undid
// go with the next change.
void before_commit(XactEvent event, void *) {
    const bool committing = event == XACT_EVENT_PRE_COMMIT && changed && has_token_buckets();
    if (event != XACT_EVENT_PARALLEL_PRE_COMMIT)
        changed = false;
    if (!committing)
        return;
    CommandCounterIncrement();
    const LimitRules all = limit_rules();
    auto *ids = static_cast<int32 *>(palloc(all.count * sizeof(int32) + 1));
    for (int i = 0; i < all.count; ++i)
        ids[i] = all.rules[i].id;
    forget_buckets_except(ids, all.count);
    pfree(ids);
}

// limits_changed(): the trigger of topk.limit_rule
Datum limits_changed(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("function must be called as a trigger")));
    CacheInvalidateRelcache(reinterpret_cast<TriggerData *>(fcinfo->context)->tg_relation);
    static bool registered = false;
    if (!registered)
        RegisterXactCallback(before_commit, nullptr);
    registered = changed = true;
    return PointerGetDatum(nullptr);
}

} // namespace

TOPK_FUNCTION(topk_set_limit, set_limit(fcinfo))
TOPK_FUNCTION(topk_drop_limit, drop_limit(fcinfo))
TOPK_FUNCTION(topk_limit_state, limit_state(fcinfo))
TOPK_FUNCTION(topk_limits_changed, limits_changed(fcinfo))
