// topk.recoded_items() and topk.recoded_summary(): exact counts of text items, in the encoding of this database instead of
// that of the database where they were dumped.
#include "../core/spacesaving_format.h"
#include "array.h"
#include "function.h"
#include "guard.h"
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

// Counts the items of an exact tally in another one. Raises an error for an item that this database cannot represent.
Tally *recoded(const Tally *from, int encoding) {
    Tally *to = make_tally(from->shape);
    const SpaceSaving *items = from->summary;
    for (uint32_t i = 0; i < items->size(); ++i) {
        CHECK_FOR_INTERRUPTS();
        const SpaceSaving::Entry &entry = items->entries()[i];
        const char *text = pnstrdup(reinterpret_cast<const char *>(items->key(entry)), entry.length);
        const char *converted = pg_any_to_server(text, static_cast<int>(entry.length), encoding);
        count_item(to, converted, converted == text ? entry.length : strlen(converted), entry.count);
    }
    if (!is_exact(to))
        elog(ERROR, "counts are no longer exact after a conversion");
    return to;
}

// recoded_items(items, encoding)
Datum recoded_items(FunctionCallInfo fcinfo) {
    Tally *tally = make_tally({max_capacity, 0, 1, Kind::text});
    StoredTally stored = {};
    stored.items = PG_GETARG_VARLENA_P(0);
    merge_stored(tally, stored);
    PG_RETURN_POINTER(store_delta(recoded(tally, encoding_argument(fcinfo))).items);
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
    Tally *tally = make_tally({capacity, 0, 1, Kind::text});
    StoredTally stored = {};
    stored.summary = summary;
    merge_stored(tally, stored);
    PG_RETURN_POINTER(store_tally(recoded(tally, encoding)).summary);
}

} // namespace
} // namespace topk::pg

TOPK_FUNCTION(topk_recoded_items, topk::pg::recoded_items(fcinfo))
TOPK_FUNCTION(topk_recoded_summary, topk::pg::recoded_summary(fcinfo))
