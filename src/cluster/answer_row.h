// The values of a row of an answer, in PostgreSQL's binary form. Whatever does not have that form is an error.
#pragma once

#include "../core/cms_format.h"
#include "../pg/sketch_io.h"
#include "connection.h"

extern "C" {
#include "port/pg_bswap.h"
}

namespace topk::cluster {

[[noreturn]] inline void raise_malformed() {
    ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("the answer of a node is malformed"),
                    errhint("All nodes need the same version of pg_topk.")));
    pg_unreachable();
}

struct AnswerRow {
    const PGresult *result;
    int row;

    bool null(int c) const { return PQgetisnull(result, row, c) != 0; }
    const char *data(int c) const { return PQgetvalue(result, row, c); }
    int length(int c) const { return PQgetlength(result, row, c); }
    template <class Integer>
    Integer integer(int c) const {
        if (null(c) || length(c) != sizeof(Integer))
            raise_malformed();
        Integer value;
        memcpy(&value, data(c), sizeof(value));
        return value;
    }
    int32 int4(int c) const { return static_cast<int32>(pg_ntoh32(integer<uint32>(c))); }
    int64 int8(int c) const { return static_cast<int64>(pg_ntoh64(integer<uint64>(c))); }
    char *string(int c) const { return null(c) ? nullptr : pnstrdup(data(c), length(c)); }
    struct varlena *bytes(int c) const {
        if (null(c))
            return nullptr;
        auto *value = static_cast<struct varlena *>(palloc(VARHDRSZ + length(c)));
        SET_VARSIZE(value, VARHDRSZ + length(c));
        memcpy(VARDATA(value), data(c), length(c));
        return value;
    }
    // Checks all bytes of a sketch.
    template <class Sketch>
    struct varlena *state(int c) const {
        return null(c) ? nullptr
                       : reinterpret_cast<struct varlena *>(DatumGetPointer(checked_value<Sketch>(data(c), length(c))));
    }
};

} // namespace topk::cluster
