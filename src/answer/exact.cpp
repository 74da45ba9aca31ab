// topk.exact_counts(): what the rows of a table say, for topk.accuracy().
#include "../catalog/as_owner.h"
#include "../catalog/rights.h"
#include "arguments.h"

namespace {

using namespace topk;
using namespace topk::answer;

constexpr long batch = 10000; // rows fetched at a time

void fetch_all(Portal portal, ReturnSetInfo *rows) {
    for (;;) {
        SPI_cursor_fetch(portal, true, batch);
        if (SPI_processed == 0)
            return;
        for (uint64 i = 0; i < SPI_processed; ++i) {
            Datum values[3];
            bool nulls[3];
            for (int column = 0; column < 3; ++column)
                values[column] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column + 1, &nulls[column]);
            add_row(rows, values, nulls);
        }
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
}

// exact_counts(rollup, since, until, group_key). The expressions of the rollup run as the owner of the table, so that nobody
// who asks has to trust them.
Datum exact_counts(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row, 3);
    require_readable(&row);
    const TimestampTz since = time_argument(fcinfo, 1), until = time_argument(fcinfo, 2);
    const ArrayType *grp = group_argument(fcinfo, 3, &row);
    ReturnSetInfo *rows = begin_rows(fcinfo);
    const char *query = as_owner([&] { return make_query("topk.exact_query", row.id); });
    Relation table = table_open(row.source, AccessShareLock);
    Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTARRAYOID};
    Datum values[] = {TimestampTzGetDatum(since), TimestampTzGetDatum(until), PointerGetDatum(grp)};
    const char nulls[] = {' ', ' ', grp == nullptr ? 'n' : ' '};
    as_source_owner(table->rd_rel->relowner, row.zone, [&] {
        SPI_connect();
        Portal portal = SPI_cursor_open_with_args(nullptr, query, lengthof(types), types, values, nulls, true, 0);
        fetch_all(portal, rows);
        SPI_cursor_close(portal);
        SPI_finish();
    });
    table_close(table, NoLock);
    return (Datum)0;
}

} // namespace

TOPK_FUNCTION(topk_exact_counts, exact_counts(fcinfo))
