// The triggers of topk.rollup: one makes sessions see the rollups of a restored dump, the other keeps rows from being
// changed past the checks of topk.alter_rollup().
#include "../catalog/rollup.h"
#include "../catalog/tables.h"
#include "../pg/function.h"
#include "../statistics/statistics.h"

namespace topk::define {
namespace {

Datum before_insert(FunctionCallInfo fcinfo) {
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
        !TRIGGER_FIRED_BY_INSERT(data->tg_event) || RelationGetRelid(data->tg_relation) != table_oid(Table::rollup))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("topk.rollup_restored() is the trigger of topk.rollup")));
    const RollupSource row = read_source(data->tg_trigtuple, RelationGetDescr(data->tg_relation));
    forget_rollup(row.id);
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(row.source)))
        CacheInvalidateRelcacheByRelid(row.source);
    return PointerGetDatum(data->tg_trigtuple);
}

// Only the owner of schema topk and superusers get here. The extension's own work runs in as_owner().
Datum before_change(FunctionCallInfo fcinfo) {
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("topk.rollup_protected() is the trigger of topk.rollup")));
    Oid user;
    int context;
    GetUserIdAndSecContext(&user, &context);
    const bool deletes = TRIGGER_FIRED_BY_DELETE(data->tg_event);
    if ((context & SECURITY_LOCAL_USERID_CHANGE) == 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot %s topk.rollup by a statement", deletes ? "delete from" : "update"),
                        errdetail("Counts that are stored depend on it."),
                        errhint("Use topk.%s().", deletes ? "drop_rollup" : "alter_rollup")));
    return PointerGetDatum(deletes ? data->tg_trigtuple : data->tg_newtuple);
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_rollup_protected, topk::define::before_change(fcinfo))
TOPK_FUNCTION(topk_rollup_restored, topk::define::before_insert(fcinfo))
