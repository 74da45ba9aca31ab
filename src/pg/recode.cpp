// topk.recoded_items() and topk.recoded_summary(): exact counts of text items, in the encoding of this database instead of
// that of the database where they were dumped.
#include "../core/item_list.h"
#include "../core/spacesaving_format.h"
#include "array.h"
#include "function.h"
#include "group_counts.h"
#include "guard.h"
#include "item_arg.h"
#include "tally.h"

namespace topk::pg {
namespace {

int encoding_argument(FunctionCallInfo fcinfo) {
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const int encoding = pg_char_to_encoding(name);
    if (!PG_VALID_ENCODING(encoding))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("encoding \"%s\" does not exist", name)));
    return encoding;
}

// Converts text; raises an error if this database cannot represent it.
ItemView converted(const ItemView &text, int encoding) {
    const char *from = pnstrdup(reinterpret_cast<const char *>(text.data), text.length);
    const char *to = pg_any_to_server(from, static_cast<int>(text.length), encoding);
    return {reinterpret_cast<const uint8 *>(to), to == from ? text.length : static_cast<uint32>(strlen(to))};
}

// Counts the items of an exact tally in another one. Raises an error for an item that this database cannot represent.
Tally *recoded(const Tally *from, int encoding) {
    Tally *to = make_tally(from->shape, Purpose::exact);
    const SpaceSaving *items = from->summary;
    for (uint32_t i = 0; i < items->size(); ++i) {
        CHECK_FOR_INTERRUPTS();
        const SpaceSaving::Entry &entry = items->entries()[i];
        const ItemView item = converted({items->key(entry), entry.length}, encoding);
        count_item(to, item.data, item.length, entry.count);
    }
    if (!is_exact(to))
        elog(ERROR, "counts are no longer exact after a conversion");
    return to;
}

ItemView recoded_key(const ItemView &key, uint32 values, int encoding) {
    const ArrayType *group = group_array(key, values);
    Datum *texts;
    bool *nulls;
    int n;
    deconstruct_array(const_cast<ArrayType *>(group), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
    for (int i = 0; i < n; ++i) {
        if (nulls[i])
            continue;
        const struct varlena *value_here = DatumGetTextPP(texts[i]);
        const Bytes bytes = bytes_of(value_here);
        const ItemView value = converted({bytes.data, static_cast<uint32>(bytes.size)}, encoding);
        texts[i] = PointerGetDatum(
            cstring_to_text_with_len(reinterpret_cast<const char *>(value.data), static_cast<int>(value.length)));
    }
    int dimensions[] = {n}, lower_bounds[] = {1};
    return group_key(
        n == 0 ? group : construct_md_array(texts, nulls, 1, dimensions, lower_bounds, TEXTOID, -1, false, TYPALIGN_INT));
}

struct Recoded {
    MemoryContext context;
    struct varlena *bundle;
};

void keep_bundle(void *result, const TileBundle &bundle) {
    auto *recoded = static_cast<Recoded *>(result);
    const Size size = VARSIZE(bundle.bytes);
    recoded->bundle = static_cast<struct varlena *>(MemoryContextAlloc(recoded->context, size));
    memcpy(recoded->bundle, bundle.bytes, size);
}

struct varlena *recoded_bundle(const struct varlena *value, int encoding) {
    const Bytes bytes = bytes_of(value);
    Kind kind = Kind::none;
    guarded([&] {
        Bundle::validate(bytes.data, bytes.size);
        kind = Bundle(bytes.data, bytes.size).kind();
    });
    const BundleContent content = read_bundle(value, kind);
    for (uint32 i = 0; kind == Kind::text && i < content.item_count; ++i)
        content.items[i] = converted(content.items[i], encoding);
    GroupCounts *counts = make_group_counts(CurrentMemoryContext, kind, static_cast<int>(content.values));
    for (uint32 i = 0; i < content.group_count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const Bundle::Group &group = content.groups[i];
        const TimestampTz tile = 0;
        const ItemView key = recoded_key(group.key, content.values, encoding);
        uint32 number;
        find_groups(counts, &tile, &key, 1, &number);
        group_at(counts, number)->events += static_cast<int64>(group.events);
        for (Bundle::Counts list(content.item_count, group); !list.at_end();) {
            Bundle::Count read[counted_together];
            uint32 n = 0;
            guarded([&] { n = list.next(read, counted_together); });
            uint32 groups[counted_together];
            ItemView items[counted_together];
            uint64 weights[counted_together];
            for (uint32 j = 0; j < n; ++j) {
                groups[j] = number;
                items[j] = content.items[read[j].item];
                weights[j] = read[j].weight;
                if (items[j].length > max_item_length)
                    raise_item_too_long(items[j].length);
            }
            add_counts(counts, groups, items, weights, n);
        }
    }
    Recoded result = {CurrentMemoryContext, nullptr};
    write_bundles(counts, SIZE_MAX, keep_bundle, &result);
    return result.bundle;
}

// recoded_items(items, encoding). Items that are no text stay as they are.
Datum recoded_items(FunctionCallInfo fcinfo) {
    struct varlena *items = PG_GETARG_VARLENA_P(0);
    const int encoding = encoding_argument(fcinfo);
    if (is_bundle(items))
        PG_RETURN_POINTER(recoded_bundle(items, encoding));
    Kind kind = Kind::none;
    const Bytes bytes = bytes_of(items);
    guarded([&] { kind = ItemList(bytes.data, bytes.size).kind(); });
    if (kind != Kind::text)
        PG_RETURN_POINTER(items);
    Tally *tally = make_exact_tally(Kind::text);
    StoredTally stored = {};
    stored.items = items;
    merge_stored(tally, stored);
    PG_RETURN_POINTER(store_delta(recoded(tally, encoding)).items);
}

// recoded_summary(summary, encoding)
Datum recoded_summary(FunctionCallInfo fcinfo) {
    struct varlena *summary = PG_GETARG_VARLENA_P(0);
    const Bytes bytes = bytes_of(summary);
    uint32_t capacity = 0;
    bool exact = false;
    guarded([&] {
        StoredSpaceSaving::validate(bytes.data, bytes.size);
        const StoredSpaceSaving s(bytes.data, bytes.size);
        capacity = s.capacity();
        exact = s.floor() == 0;
    });
    const int encoding = encoding_argument(fcinfo);
    if (!exact)
        ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                        errmsg("counts that are not exact cannot be converted from encoding \"%s\" to \"%s\"",
                               pg_encoding_to_char(encoding), GetDatabaseEncodingName())));
    Tally *tally = make_tally({capacity, 0, 1, Kind::text}, Purpose::exact);
    StoredTally stored = {};
    stored.summary = summary;
    merge_stored(tally, stored);
    PG_RETURN_POINTER(store_tally(recoded(tally, encoding)).summary);
}

} // namespace
} // namespace topk::pg

TOPK_FUNCTION(topk_recoded_items, topk::pg::recoded_items(fcinfo))
TOPK_FUNCTION(topk_recoded_summary, topk::pg::recoded_summary(fcinfo))
