// SQL statements, with SPI connected (as_owner.h): their parameters and their results.
#pragma once

#include <initializer_list>

#include "../pg/pg.h"

namespace topk::catalog {

// A parameter of a statement. A pointer may be nullptr, which is NULL.
struct Value {
    Oid type;
    Datum datum;
    bool null;

    static Value of(Oid type, Datum datum, bool null = false) { return {type, datum, null}; }
    static Value int2(int16 value) { return {INT2OID, Int16GetDatum(value), false}; }
    static Value int4(int32 value) { return {INT4OID, Int32GetDatum(value), false}; }
    static Value int8(int64 value) { return {INT8OID, Int64GetDatum(value), false}; }
    static Value boolean(bool value) { return {BOOLOID, BoolGetDatum(value), false}; }
    static Value oid(Oid value) { return {OIDOID, ObjectIdGetDatum(value), false}; }
    static Value time(TimestampTz value) { return {TIMESTAMPTZOID, TimestampTzGetDatum(value), false}; }
    static Value pointer(Oid type, const void *value) { return {type, PointerGetDatum(value), value == nullptr}; }
    static Value string(const char *value) { return pointer(TEXTOID, value == nullptr ? nullptr : cstring_to_text(value)); }
    static Value strings(const ArrayType *value) { return pointer(TEXTARRAYOID, value); }
};

// Runs a statement and returns how many rows it changed or found. It sees what was committed before it began.
uint64 execute(const char *statement, std::initializer_list<Value> values = {});
// Does the same for a SELECT, which reads by the active snapshot.
uint64 query(const char *statement, std::initializer_list<Value> values = {});

// A column of a new row.
struct ColumnValue {
    const char *column;
    Value value;
};
// Inserts one row into a table; the tail stands after VALUES, for example ON CONFLICT. Returns how many rows were inserted.
uint64 insert_row(const char *table, std::initializer_list<ColumnValue> row, const char *tail = "");

// A statement that runs again and again. Its plan lives as long as the session.
struct Prepared {
    const char *statement;
    SPIPlanPtr plan = nullptr;
};
uint64 execute(Prepared *prepared, std::initializer_list<Value> values);

// Returns a column (from 1) of a row (from 0) of the last statement. Pass no null for a column that cannot be NULL.
Datum result_value(uint64 row, int column, bool *null = nullptr);
// Returns the same as text, which outlives the bracket; nullptr for NULL.
char *result_string(uint64 row, int column);

} // namespace topk::catalog
