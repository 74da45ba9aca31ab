// The values of a row of a table.
#pragma once

#include <type_traits>

#include "../pg/pg.h"

namespace topk::catalog {

// Reads the first columns of a row. After an update of the extension, a session may still run the library of another
// version, so the table may have more columns than the library knows, or fewer. Columns that the table lacks are NULL.
void read_columns(HeapTuple tuple, TupleDesc descriptor, int count, Datum *values, bool *nulls);
// Makes a row of the first columns. Others are NULL.
HeapTuple make_row(TupleDesc descriptor, int count, const Datum *values, const bool *nulls);

// The first columns of a row, which stay valid as long as its tuple. NULL is 0 or nullptr.
template <int count>
class Row {
public:
    Row(HeapTuple tuple, TupleDesc descriptor) { read_columns(tuple, descriptor, count, values_, nulls_); }
    bool null(int c) const { return nulls_[c - 1]; }
    Datum datum(int c) const { return nulls_[c - 1] ? (Datum)0 : values_[c - 1]; }
    bool boolean(int c) const { return DatumGetBool(datum(c)); }
    int16 int2(int c) const { return DatumGetInt16(datum(c)); }
    int32 int4(int c) const { return DatumGetInt32(datum(c)); }
    int64 int8(int c) const { return null(c) ? 0 : DatumGetInt64(values_[c - 1]); }
    double float8(int c) const { return null(c) ? 0 : DatumGetFloat8(values_[c - 1]); }
    Oid oid(int c) const { return DatumGetObjectId(datum(c)); }
    TimestampTz time(int c) const { return int8(c); }
    // As stored, perhaps toasted.
    struct varlena *stored(int c) const {
        return reinterpret_cast<struct varlena *>(DatumGetPointer(datum(c)));
    }
    // Copies, or values that were detoasted.
    char *string(int c) const { return null(c) ? nullptr : TextDatumGetCString(values_[c - 1]); }
    ArrayType *array(int c) const { return null(c) ? nullptr : DatumGetArrayTypeP(values_[c - 1]); }

private:
    Datum values_[count];
    bool nulls_[count];
};
static_assert(std::is_trivially_destructible_v<Row<1>>);

} // namespace topk::catalog
