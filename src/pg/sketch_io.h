// Text, binary and bytea forms of the sketch types. All bytes from outside pass validate().
#pragma once

#include "../core/spacesaving_format.h"
#include "sketch.h"

namespace topk::pg {

// Returns whether all text items are valid in the encoding of the database, which the core cannot check. A cms state has no
// items.
bool items_valid(const SpaceSaving *, Bytes bytes);
inline bool items_valid(const void *, Bytes) { return true; }

// Decodes the text form, \x and hexadecimal digits. Returns nullptr for any other text; only palloc raises errors.
struct varlena *decode_hex(const char *input);
char *encode_hex(Bytes bytes);

// Sets the failure, with this SQLSTATE, unless the bytes are a valid state.
template <class Sketch>
void validate(Failure &failure, Bytes bytes, int sqlstate) {
    attempt(failure, [&] { Sketch::Stored::validate(bytes.data, bytes.size); });
    if (failure.sqlstate == 0 && !items_valid(static_cast<const Sketch *>(nullptr), bytes)) {
        failure.sqlstate = sqlstate;
        strlcpy(failure.message, "an item is not valid in the encoding of this database", sizeof(failure.message));
    } else if (failure.sqlstate == ERRCODE_DATA_CORRUPTED) {
        failure.sqlstate = sqlstate;
    }
}

[[noreturn]] void raise_invalid(const Failure &failure, const char *type_name);

template <class Sketch>
Datum input(FunctionCallInfo fcinfo) {
    const char *string = PG_GETARG_CSTRING(0);
    Failure failure;
    failure.sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION;
    strlcpy(failure.message, "not a hexadecimal string that begins with \\x", sizeof(failure.message));
    struct varlena *value = decode_hex(string);
    if (value != nullptr)
        validate<Sketch>(failure, bytes_of(value), ERRCODE_INVALID_TEXT_REPRESENTATION);
    if (failure.sqlstate != 0) {
#if PG_VERSION_NUM >= 160000
        ereturn(fcinfo->context, (Datum)0,
                (errcode(failure.sqlstate), errmsg("invalid input for type %s: %s", Sketch::type_name, failure.message)));
#else
        raise_invalid(failure, Sketch::type_name);
#endif
    }
    PG_RETURN_POINTER(value);
}

template <class Sketch>
Datum checked_value(const void *data, size_t size) {
    auto *value = static_cast<struct varlena *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(value, VARHDRSZ + size);
    if (size != 0)
        memcpy(VARDATA(value), data, size);
    Failure failure;
    validate<Sketch>(failure, bytes_of(value), ERRCODE_INVALID_BINARY_REPRESENTATION);
    if (failure.sqlstate != 0)
        raise_invalid(failure, Sketch::type_name);
    PG_RETURN_POINTER(value);
}

template <class Sketch>
Datum receive(FunctionCallInfo fcinfo) {
    auto *message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int size = message->len - message->cursor;
    return checked_value<Sketch>(pq_getmsgbytes(message, size), size);
}

template <class Sketch>
Datum from_bytea(FunctionCallInfo fcinfo) {
    const bytea *value = PG_GETARG_BYTEA_PP(0);
    return checked_value<Sketch>(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

template <class Sketch>
Datum output(FunctionCallInfo fcinfo) {
    PG_RETURN_CSTRING(encode_hex(bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0)))));
}

template <class Sketch>
Datum send(FunctionCallInfo fcinfo) {
    const Bytes bytes = bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0)));
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendbytes(&message, reinterpret_cast<const char *>(bytes.data), static_cast<int>(bytes.size));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

template <class Sketch>
Datum to_bytea(FunctionCallInfo fcinfo) {
    const Bytes bytes = bytes_of(stored_value<Sketch>(PG_GETARG_DATUM(0)));
    auto *result = static_cast<bytea *>(palloc(VARHDRSZ + bytes.size));
    SET_VARSIZE(result, VARHDRSZ + bytes.size);
    memcpy(VARDATA(result), bytes.data, bytes.size);
    PG_RETURN_BYTEA_P(result);
}

} // namespace topk::pg

// Defines the functions that every sketch type has.
#define TOPK_TYPE_FUNCTIONS(type, Sketch)                                                                                   \
    TOPK_FUNCTION(type##_in, topk::pg::input<Sketch>(fcinfo))                                                               \
    TOPK_FUNCTION(type##_out, topk::pg::output<Sketch>(fcinfo))                                                             \
    TOPK_FUNCTION(type##_recv, topk::pg::receive<Sketch>(fcinfo))                                                           \
    TOPK_FUNCTION(type##_send, topk::pg::send<Sketch>(fcinfo))                                                              \
    TOPK_FUNCTION(type##_from_bytea, topk::pg::from_bytea<Sketch>(fcinfo))                                                  \
    TOPK_FUNCTION(type##_to_bytea, topk::pg::to_bytea<Sketch>(fcinfo))                                                      \
    TOPK_FUNCTION(type##_merge, topk::pg::merge_values<Sketch>(fcinfo))                                                     \
    TOPK_FUNCTION(type##_combine, topk::pg::combine<Sketch>(fcinfo))                                                        \
    TOPK_FUNCTION(type##_final, topk::pg::final_value<Sketch>(fcinfo))
