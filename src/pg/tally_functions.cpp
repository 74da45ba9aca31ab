// SQL functions that read stored values of deltas and tiles.
#include "../core/item_list.h"
#include "function.h"
#include "tally.h"

namespace {

using namespace topk;
using namespace topk::pg;

Datum items(FunctionCallInfo fcinfo) {
    const Bytes bytes = bytes_of(PG_GETARG_BYTEA_PP(0));
    ReturnSetInfo *rows = begin_rows(fcinfo);
    alignas(ItemList) char place[sizeof(ItemList)];
    ItemList *list = nullptr;
    Kind kind = Kind::none;
    auto *scratch = static_cast<uint8_t *>(palloc(ItemList::scratch_size));
    guarded([&] {
        list = new (place) ItemList(bytes.data, bytes.size);
        kind = list->kind();
    });
    for (;;) {
        ItemList::WeightedItem entry;
        uint32_t n = 0;
        guarded([&] { n = list->next(&entry, 1, scratch); });
        if (n == 0)
            break;
        Datum values[] = {PointerGetDatum(item_to_text(kind, entry.data, entry.length)),
                          Int64GetDatum(static_cast<int64>(entry.weight))};
        bool nulls[2] = {};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

Datum distinct_items(FunctionCallInfo fcinfo) {
    if (!PG_ARGISNULL(1))
        PG_RETURN_INT64(registers_estimate(PG_GETARG_BYTEA_PP(1)));
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const Bytes bytes = bytes_of(stored_value<SpaceSaving>(PG_GETARG_DATUM(0)));
    uint32_t n = 0;
    guarded([&] { n = StoredSpaceSaving(bytes.data, bytes.size).size(); });
    PG_RETURN_INT64(n);
}

} // namespace

TOPK_FUNCTION(topk_items, items(fcinfo))
TOPK_FUNCTION(topk_distinct_items, distinct_items(fcinfo))
