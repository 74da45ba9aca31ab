#include "item_arg.h"

#include "function.h"

namespace topk::pg {

void raise_item_too_long(size_t length) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("item of %zu bytes exceeds the maximum of %u bytes", length, max_item_length),
                    errhint("Count a digest of long items instead, such as md5(item).")));
    pg_unreachable();
}

void require_item_kind(const char *type_name, Kind state, Kind item) {
    if (state != Kind::none && state != item)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s state counts items of type %s, not %s", type_name, kind_name(state), kind_name(item))));
}

Datum frequency_row(FunctionCallInfo fcinfo, const Frequency &frequency) {
    Datum values[] = {Int64GetDatum(static_cast<int64>(frequency.count)), Int64GetDatum(static_cast<int64>(frequency.lower)),
                      Int64GetDatum(static_cast<int64>(frequency.upper)),
                      Int64GetDatum(static_cast<int64>(frequency.estimate))};
    bool nulls[lengthof(values)] = {};
    return return_row(fcinfo, values, nulls);
}

text *item_to_text(Kind kind, const uint8_t *data, uint32_t length) {
    switch (kind) {
        case Kind::bigint: {
            uint64_t value = 0;
            for (int i = 7; i >= 0; --i)
                value = value << 8 | data[i];
            char digits[MAXINT8LEN + 1];
            const int n = pg_lltoa(static_cast<int64>(value), digits);
            return cstring_to_text_with_len(digits, n);
        }
        case Kind::uuid: {
            pg_uuid_t uuid;
            memcpy(uuid.data, data, UUID_LEN);
            return cstring_to_text(DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid))));
        }
        case Kind::bytea: {
            auto *result = static_cast<text *>(palloc(VARHDRSZ + 2 + 2 * static_cast<size_t>(length)));
            char *out = VARDATA(result);
            out[0] = '\\';
            out[1] = 'x';
            hex_encode(reinterpret_cast<const char *>(data), length, out + 2);
            SET_VARSIZE(result, VARHDRSZ + 2 + 2 * static_cast<size_t>(length));
            return result;
        }
        default: return cstring_to_text_with_len(reinterpret_cast<const char *>(data), static_cast<int>(length));
    }
}

} // namespace topk::pg
