// Converts SQL arguments to items of the core, and items of the core to text.
#pragma once

#include "../core/spacesaving_format.h"
#include "pg.h"

// Defines an SQL-callable function for each item type.
#define TOPK_FOR_EACH_KIND(DEFINE) DEFINE(text) DEFINE(bigint) DEFINE(uuid) DEFINE(bytea)

namespace topk::pg {

// The canonical bytes of an item argument. They are valid as long as this object and the argument are.
struct ItemBytes {
    const void *data;
    size_t length;
    uint8_t buffer[8];
};

// A varlena may have 1 GB; an item that is too long is refused before it is decompressed.
[[noreturn]] void raise_item_too_long(size_t length);

template <Kind kind>
inline void read_item(Datum arg, ItemBytes &out) {
    if constexpr (kind == Kind::bigint) {
        const auto value = static_cast<uint64_t>(DatumGetInt64(arg));
        for (int i = 0; i < 8; ++i)
            out.buffer[i] = static_cast<uint8_t>(value >> (8 * i));
        out.data = out.buffer;
        out.length = 8;
    } else if constexpr (kind == Kind::uuid) {
        out.data = DatumGetUUIDP(arg)->data;
        out.length = UUID_LEN;
    } else {
        auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(arg));
        if (VARATT_IS_SHORT(value) && !VARATT_IS_EXTERNAL(value)) [[likely]] { // the form of most items in a tuple
            out.data = VARDATA_SHORT(value);
            out.length = VARSIZE_SHORT(value) - VARHDRSZ_SHORT;
            return;
        }
        if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value)) {
            const size_t length = toast_raw_datum_size(arg) - VARHDRSZ;
            if (length > max_item_length)
                raise_item_too_long(length);
            value = pg_detoast_datum_packed(value);
        }
        out.data = VARDATA_ANY(value);
        out.length = VARSIZE_ANY_EXHDR(value);
        if (out.length > max_item_length) [[unlikely]]
            raise_item_too_long(out.length);
    }
}

// Returns the weight argument at this position, or 1 if the function has none. The caller must handle NULL.
inline uint64_t read_weight(FunctionCallInfo fcinfo, int position) {
    if (PG_NARGS() <= position)
        return 1;
    const int64 weight = PG_GETARG_INT64(position);
    if (weight < 0) [[unlikely]]
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("weight must not be negative")));
    return static_cast<uint64_t>(weight);
}

// Raises an error if the item is not of the kind of the state; a state without items (Kind::none) accepts any kind.
void require_item_kind(const char *type_name, Kind state, Kind item);

// Returns the row (count, lower, upper) for a function that declares these OUT parameters.
Datum frequency_row(FunctionCallInfo fcinfo, const Frequency &frequency);

// Returns the item in the text form of its SQL type, bytea always in hexadecimal.
text *item_to_text(Kind kind, const uint8_t *data, uint32_t length);

} // namespace topk::pg
