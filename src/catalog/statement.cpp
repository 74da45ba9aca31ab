#include "statement.h"

namespace topk::catalog {
namespace {

constexpr int max_values = 32;

struct Values {
    Oid types[max_values];
    Datum datums[max_values];
    char nulls[max_values];
    int count;
};

void add(Values *values, const Value &value) {
    if (values->count == max_values)
        elog(ERROR, "a statement has too many parameters");
    values->types[values->count] = value.type;
    values->datums[values->count] = value.datum;
    values->nulls[values->count++] = value.null ? 'n' : ' ';
}

void unpack(std::initializer_list<Value> list, Values *values) {
    values->count = 0;
    for (const Value &value : list)
        add(values, value);
}

uint64 checked(int code, const char *statement) {
    if (code < 0)
        elog(ERROR, "could not execute, %s: %s", SPI_result_code_string(code), statement);
    return SPI_processed;
}

bool takes(SPIPlanPtr plan, const Values &values) {
    for (int i = 0; i < values.count; ++i)
        if (SPI_getargtypeid(plan, i) != values.types[i])
            return false;
    return true;
}

void prepare(Prepared *prepared, Values *values) {
    // A plan outlives DROP EXTENSION. When the extension is created again, its types have other numbers.
    if (prepared->plan != nullptr && !takes(prepared->plan, *values)) {
        SPI_freeplan(prepared->plan);
        prepared->plan = nullptr;
    }
    if (prepared->plan != nullptr)
        return;
    // A plan for these values alone would have them as constants, decompressed.
    SPIPlanPtr plan = SPI_prepare_cursor(prepared->statement, values->count, values->types, CURSOR_OPT_GENERIC_PLAN);
    if (plan == nullptr || SPI_keepplan(plan) != 0)
        elog(ERROR, "could not prepare: %s", prepared->statement);
    prepared->plan = plan;
}

uint64 run(const char *statement, Values &values, bool read_only) {
    return checked(SPI_execute_with_args(statement, values.count, values.types, values.datums, values.nulls, read_only, 0),
                   statement);
}

uint64 run(const char *statement, std::initializer_list<Value> list, bool read_only) {
    Values values;
    unpack(list, &values);
    return run(statement, values, read_only);
}

} // namespace

uint64 execute(const char *statement, std::initializer_list<Value> values) { return run(statement, values, false); }

uint64 query(const char *statement, std::initializer_list<Value> values) { return run(statement, values, true); }

uint64 insert_row(const char *table, std::initializer_list<ColumnValue> row, const char *tail) {
    StringInfoData names, places;
    initStringInfo(&names);
    initStringInfo(&places);
    Values values = {};
    for (const ColumnValue &column : row) {
        add(&values, column.value);
        appendStringInfo(&names, "%s%s", values.count == 1 ? "" : ", ", quote_identifier(column.column));
        appendStringInfo(&places, "%s$%d", values.count == 1 ? "" : ", ", values.count);
    }
    return run(psprintf("INSERT INTO %s (%s) VALUES (%s) %s", table, names.data, places.data, tail), values, false);
}

uint64 execute(Prepared *prepared, std::initializer_list<Value> list) {
    Values values;
    unpack(list, &values);
    prepare(prepared, &values);
    return checked(SPI_execute_plan(prepared->plan, values.datums, values.nulls, false, 0), prepared->statement);
}

Datum result_value(uint64 row, int column, bool *null) {
    if (SPI_tuptable == nullptr || row >= SPI_tuptable->numvals)
        elog(ERROR, "a statement returned too few rows");
    bool is_null;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);
    if (null != nullptr)
        *null = is_null;
    else if (is_null)
        elog(ERROR, "column %d of a result is null", column);
    return value;
}

char *result_string(uint64 row, int column) {
    bool null;
    result_value(row, column, &null);
    if (null)
        return nullptr;
    const char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
    const size_t size = strlen(value) + 1;
    return static_cast<char *>(memcpy(SPI_palloc(size), value, size));
}

} // namespace topk::catalog
