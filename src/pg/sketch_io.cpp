#include "sketch_io.h"

namespace topk::pg {

void raise_not_in_aggregate(const char *type_name) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("support function of type %s called in non-aggregate context", type_name)));
    pg_unreachable();
}

void raise_invalid(const Failure &failure, const char *type_name) {
    ereport(ERROR, (errcode(failure.sqlstate), errmsg("invalid input for type %s: %s", type_name, failure.message)));
    pg_unreachable();
}

bool items_valid(const SpaceSaving *, Bytes bytes) {
    uint32_t n = 0;
    Kind kind = Kind::none;
    guarded([&] {
        const StoredSpaceSaving stored(bytes.data, bytes.size);
        kind = stored.kind();
        n = stored.size();
    });
    if (kind != Kind::text)
        return true;
    auto *entries = static_cast<Ranked *>(palloc((size_t{n} + 1) * sizeof(Ranked)));
    guarded([&] { n = StoredSpaceSaving(bytes.data, bytes.size).at_least(0, entries); });
    bool valid = true;
    for (uint32_t i = 0; i < n && valid; ++i)
        valid = pg_verify_mbstr(GetDatabaseEncoding(), reinterpret_cast<const char *>(entries[i].key),
                                static_cast<int>(entries[i].length), true);
    pfree(entries);
    return valid;
}

struct varlena *decode_hex(const char *input) {
    const size_t length = strlen(input);
    if (length < 2 || length % 2 != 0 || input[0] != '\\' || input[1] != 'x')
        return nullptr;
    for (size_t i = 2; i < length; ++i)
        if (!isxdigit(static_cast<unsigned char>(input[i])))
            return nullptr;
    const size_t size = (length - 2) / 2;
    auto *value = static_cast<struct varlena *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(value, VARHDRSZ + size);
    hex_decode(input + 2, length - 2, VARDATA(value));
    return value;
}

char *encode_hex(Bytes bytes) {
    auto *text = static_cast<char *>(palloc(2 * bytes.size + 3));
    text[0] = '\\';
    text[1] = 'x';
    hex_encode(reinterpret_cast<const char *>(bytes.data), bytes.size, text + 2);
    text[2 * bytes.size + 2] = '\0';
    return text;
}

} // namespace topk::pg
