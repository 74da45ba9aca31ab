// topk.rollup_restored(): the trigger of topk.rollup, which makes sessions see the rollups of a restored dump.
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

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_rollup_restored, topk::define::before_insert(fcinfo))
