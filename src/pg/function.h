// Functions that SQL calls.
#pragma once

#include "pg.h"

// Defines an SQL-callable function. All other symbols of the library are hidden, so they cannot clash with those of other
// libraries.
#define TOPK_FUNCTION(name, ...)                                                                                            \
    extern "C" {                                                                                                            \
    __attribute__((visibility("default"))) Datum name(PG_FUNCTION_ARGS);                                                    \
    __attribute__((visibility("default"))) const Pg_finfo_record *pg_finfo_##name(void);                                    \
    PG_FUNCTION_INFO_V1(name);                                                                                              \
    Datum name(PG_FUNCTION_ARGS) { return __VA_ARGS__; }                                                                    \
    }

namespace topk::pg {

// Returns a row of the composite type that the function returns.
inline Datum return_row(FunctionCallInfo fcinfo, const Datum *values, const bool *nulls) {
    TupleDesc descriptor;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    return HeapTupleGetDatum(
        heap_form_tuple(BlessTupleDesc(descriptor), const_cast<Datum *>(values), const_cast<bool *>(nulls)));
}

// The rows of a set-returning function, which returns (Datum)0 when it has added them all.
inline ReturnSetInfo *begin_rows(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    return reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
}
inline void add_row(ReturnSetInfo *rows, const Datum *values, const bool *nulls) {
    tuplestore_putvalues(rows->setResult, rows->setDesc, const_cast<Datum *>(values), const_cast<bool *>(nulls));
}

} // namespace topk::pg
