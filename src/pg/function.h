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
