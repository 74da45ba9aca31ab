// SQL functions that read stored values of deltas and tiles.
#include "../core/item_list.h"
#include "bundle.h"
#include "function.h"
#include "tally.h"

namespace {

using namespace topk;
using namespace topk::pg;

void add_item(ReturnSetInfo *rows, Kind kind, const uint8_t *data, uint32_t length, uint64_t weight,
              const ArrayType *group) {
    Datum values[] = {PointerGetDatum(item_to_text(kind, data, length)), Int64GetDatum(static_cast<int64>(weight)),
                      PointerGetDatum(group)};
    bool nulls[] = {false, false, group == nullptr};
    add_row(rows, values, nulls);
}

void add_list(ReturnSetInfo *rows, Bytes bytes) {
    alignas(ItemList) char place[sizeof(ItemList)];
    ItemList *list = nullptr;
    Kind kind = Kind::none;
    uint8_t scratch[ItemList::scratch_size];
    guarded([&] {
        list = new (place) ItemList(bytes.data, bytes.size);
        kind = list->kind();
    });
    for (;;) {
        WeightedItem entry;
        uint32_t n = 0;
        guarded([&] { n = list->next(&entry, 1, scratch); });
        if (n == 0)
            return;
        add_item(rows, kind, entry.data, entry.length, entry.weight, nullptr);
    }
}

void add_bundle(ReturnSetInfo *rows, const struct varlena *value) {
    const Bytes bytes = bytes_of(value);
    Kind kind = Kind::none;
    guarded([&] {
        Bundle::validate(bytes.data, bytes.size);
        kind = Bundle(bytes.data, bytes.size).kind();
    });
    const BundleContent content = read_bundle(value, kind);
    for (uint32 i = 0; i < content.group_count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const Bundle::Group &group = content.groups[i];
        const ArrayType *key = group_array(group.key, content.values);
        for (Bundle::Counts counts(content.item_count, group); !counts.at_end();) {
            Bundle::Count count = {};
            guarded([&] { count = counts.next(); });
            const ItemView &item = content.items[count.item];
            add_item(rows, kind, item.data, item.length, count.weight, key);
        }
    }
}

Datum items(FunctionCallInfo fcinfo) {
    struct varlena *value = PG_GETARG_VARLENA_PP(0);
    ReturnSetInfo *rows = begin_rows(fcinfo);
    if (is_bundle(value))
        add_bundle(rows, value);
    else
        add_list(rows, bytes_of(value));
    return (Datum)0;
}

Datum bundle_groups(FunctionCallInfo fcinfo) {
    const Bytes bytes = bytes_of(PG_GETARG_VARLENA_PP(0));
    ReturnSetInfo *rows = begin_rows(fcinfo);
    Bundle::Group *groups = nullptr;
    uint8 *memory = nullptr;
    uint32 n = 0, values = 0;
    uint64 key_bytes = 0;
    Failure failure;
    attempt(failure, [&] {
        if (!Bundle::is_bundle(bytes.data, bytes.size))
            return;
        const Bundle bundle(bytes.data, bytes.size);
        n = bundle.group_count();
        values = bundle.values();
        key_bytes = bundle.key_bytes();
    });
    if (failure.sqlstate != 0 || n == 0)
        return (Datum)0;
    groups = static_cast<Bundle::Group *>(palloc_extended(n * sizeof(Bundle::Group), MCXT_ALLOC_HUGE));
    memory = static_cast<uint8 *>(palloc_extended(key_bytes + 1, MCXT_ALLOC_HUGE));
    attempt(failure, [&] { Bundle(bytes.data, bytes.size).read_groups(groups, memory); });
    if (failure.sqlstate != 0)
        return (Datum)0;
    for (uint32 i = 0; i < n; ++i) {
        const Datum row[] = {PointerGetDatum(group_array(groups[i].key, values)),
                             Int64GetDatum(static_cast<int64>(groups[i].events))};
        const bool nulls[2] = {};
        add_row(rows, row, nulls);
    }
    return (Datum)0;
}

Datum distinct_items(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
        PG_RETURN_NULL();
    StoredTally stored = {};
    if (!PG_ARGISNULL(1))
        stored.registers = PG_GETARG_BYTEA_PP(1);
    else
        stored.summary = stored_value<SpaceSaving>(PG_GETARG_DATUM(0));
    PG_RETURN_INT64(stored_distinct(stored));
}

} // namespace

TOPK_FUNCTION(topk_items, items(fcinfo))
TOPK_FUNCTION(topk_bundle_groups, bundle_groups(fcinfo))
TOPK_FUNCTION(topk_distinct_items, distinct_items(fcinfo))
