// topk.exact_counts(): what the rows of a table say, for topk.accuracy().
#include "../catalog/tables.h"
#include "../catalog/expression.h"
#include "arguments.h"

namespace {

using namespace topk;
using namespace topk::answer;

constexpr long batch = 10000; // rows fetched at a time

char *exact_query(int32 id) {
    const Owner before = become_owner();
    Oid types[] = {INT4OID};
    Datum values[] = {Int32GetDatum(id)};
    if (SPI_execute_with_args("SELECT topk.exact_query($1)", 1, types, values, nullptr, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not make the query for exact counts");
    char *query = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    leave_owner(before);
    return query;
}

void fetch_all(Portal portal, ReturnSetInfo *result) {
    for (;;) {
        SPI_cursor_fetch(portal, true, batch);
        if (SPI_processed == 0)
            return;
        for (uint64 i = 0; i < SPI_processed; ++i) {
            Datum values[3];
            bool nulls[3];
            for (int column = 0; column < 3; ++column)
                values[column] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column + 1, &nulls[column]);
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
}

// exact_counts(rollup, since, until, group_key): as the owner of the table, whose expressions these are: who asks need not
// trust them.
Datum exact_counts(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const TimestampTz since = time_argument(fcinfo, 1), until = time_argument(fcinfo, 2);
    const ArrayType *grp = group_argument(fcinfo, 3, &row);
    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    const char *query = exact_query(row.id);
    Relation table = table_open(row.source, AccessShareLock);
    const Owner before = become_source_owner(table->rd_rel->relowner);
    const int settings = pin_settings(row.zone);
    Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID};
    Datum values[] = {TimestampTzGetDatum(since), TimestampTzGetDatum(until), PointerGetDatum(grp)};
    const char nulls[] = {' ', ' ', grp == nullptr ? 'n' : ' '};
    Portal portal = SPI_cursor_open_with_args(nullptr, query, lengthof(types), types, values, nulls, true, 0);
    fetch_all(portal, reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo));
    SPI_cursor_close(portal);
    unpin_settings(settings);
    leave_owner(before);
    table_close(table, NoLock);
    SPI_finish();
    return (Datum)0;
}

} // namespace

TOPK_FUNCTION(topk_exact_counts, exact_counts(fcinfo))
