// topk.rollup_restored(): the trigger of topk.rollup, which fits the rows of a restored dump to their new database.
#include "../catalog/tables.h"
#include "../pg/function.h"
#include "../statistics/statistics.h"
#include "../stream/definition.h"

extern "C" {
#include "utils/json.h"
}

namespace topk::define {
namespace {

// The column numbers in a restored row are those of the table that was dumped; its names still hold.
HeapTuple renumbered(const TriggerData *data, HeapTuple tuple, Oid source) {
    bool null;
    const TupleDesc descriptor = RelationGetDescr(data->tg_relation);
    const Datum columns = heap_getattr(tuple, rollup_columns, descriptor, &null);
    StringInfoData json;
    initStringInfo(&json);
    JsonbIterator *iterator = JsonbIteratorInit(&DatumGetJsonbP(columns)->root);
    JsonbValue value;
    JsonbIteratorToken token;
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token != WJB_VALUE || value.type != jbvString)
            continue;
        const char *name = pnstrdup(value.val.string.val, value.val.string.len);
        const AttrNumber number = get_attnum(source, name);
        if (number == InvalidAttrNumber)
            continue;
        appendStringInfo(&json, "%c\"%d\":", json.len == 0 ? '{' : ',', number);
        escape_json(&json, name);
    }
    appendStringInfoString(&json, json.len == 0 ? "{}" : "}");
    int changed[] = {rollup_columns, rollup_source_oid};
    Datum values[] = {DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)), ObjectIdGetDatum(source)};
    bool nulls[] = {false, false};
    return heap_modify_tuple_by_cols(tuple, descriptor, 2, changed, values, nulls);
}

Datum before_insert(FunctionCallInfo fcinfo) {
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
        !TRIGGER_FIRED_BY_INSERT(data->tg_event) || RelationGetRelid(data->tg_relation) != table_oid(Table::rollup))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("topk.rollup_restored() is the trigger of topk.rollup")));
    HeapTuple tuple = data->tg_trigtuple;
    bool null, oid_null;
    const TupleDesc descriptor = RelationGetDescr(data->tg_relation);
    forget_rollup(DatumGetInt32(heap_getattr(tuple, rollup_id, descriptor, &null)));
    const Oid source = DatumGetObjectId(heap_getattr(tuple, rollup_source, descriptor, &null));
    const Oid known = DatumGetObjectId(heap_getattr(tuple, rollup_source_oid, descriptor, &oid_null));
    if (null || oid_null || known == source || !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(source)))
        return PointerGetDatum(tuple);
    CacheInvalidateRelcacheByRelid(source);
    return PointerGetDatum(renumbered(data, tuple, source));
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_rollup_restored, topk::define::before_insert(fcinfo))
