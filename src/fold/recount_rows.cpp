#include "../catalog/as_owner.h"
#include "../catalog/statement.h"
#include "../stream/counter.h"
#include "recount_steps.h"

extern "C" {
#include "commands/progress.h"
#include "utils/backend_progress.h"
}

namespace topk::fold {
namespace {

constexpr long batch = 10000; // rows fetched at a time

char *query_by(const char *function, const Recount *recount) {
    PushActiveSnapshot(recount->snapshot);
    char *query = as_owner([&] { return make_query(function, recount->row.id); });
    PopActiveSnapshot();
    return query;
}

// The columns of topk.recount_query(); the groups follow.
enum Column { column_time = 1, column_passes, column_item, column_weight, column_group };

void count_row(Recount *recount, Counter *counter, const Rollup *rollup, HeapTuple tuple, TupleDesc descriptor,
               Datum *groups, bool *group_is_null) {
    bool null;
    Event event;
    event.time = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, column_time, &null));
    event.time_is_null = null;
    recount->oldest = std::min(recount->oldest, event.time);
    if (!DatumGetBool(SPI_getbinval(tuple, descriptor, column_passes, &null)))
        return;
    const Datum item = SPI_getbinval(tuple, descriptor, column_item, &null);
    if (null)
        return;
    const int64 weight = DatumGetInt64(SPI_getbinval(tuple, descriptor, column_weight, &null));
    if (null)
        return;
    if (weight < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("weight must not be negative")));
    pg::ItemBytes bytes;
    switch (recount->row.shape.kind) {
        case Kind::bigint: pg::read_item<Kind::bigint>(item, bytes); break;
        case Kind::uuid: pg::read_item<Kind::uuid>(item, bytes); break;
        default: pg::read_item<Kind::text>(item, bytes);
    }
    for (int i = 0; i < recount->row.group_count; ++i)
        groups[i] = SPI_getbinval(tuple, descriptor, column_group + i, &group_is_null[i]);
    event.item = bytes.data;
    event.item_length = bytes.length;
    event.weight = static_cast<uint64_t>(weight);
    event.groups = groups;
    event.group_is_null = group_is_null;
    count_event(counter, rollup, event);
    ++recount->counted;
}

const Rollup *definition_of(const Source *source, int32 id) {
    for (int i = 0; source != nullptr && i < source->rollup_count; ++i)
        if (source->rollups[i].id == id)
            return &source->rollups[i];
    elog(ERROR, "rollup %d is not one of its source", id);
    pg_unreachable();
}

void fetch_rows(Recount *recount, Counter *counter, const Rollup *rollup, const char *query) {
    Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
    Datum values[] = {TimestampTzGetDatum(recount->span.start), TimestampTzGetDatum(recount->span.stop)};
    PushActiveSnapshot(recount->snapshot);
    Portal portal = SPI_cursor_open_with_args(nullptr, query, 2, types, values, nullptr, true, 0);
    pgstat_progress_start_command(PROGRESS_COMMAND_COPY, recount->row.source);
    auto *groups = static_cast<Datum *>(palloc((recount->row.group_count + 1) * sizeof(Datum)));
    auto *group_is_null = static_cast<bool *>(palloc(recount->row.group_count + 1));
    int64 rows = 0;
    for (;;) {
        SPI_cursor_fetch(portal, true, batch);
        if (SPI_processed == 0)
            break;
        for (uint64 i = 0; i < SPI_processed; ++i)
            count_row(recount, counter, rollup, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, groups, group_is_null);
        rows += static_cast<int64>(SPI_processed);
        pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, rows);
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
    SPI_cursor_close(portal);
    PopActiveSnapshot();
}

} // namespace

// The expressions of the rollup run as the owner of the table, who wrote them, and with no other rights.
void count_rows(Recount *recount) {
    const char *query = query_by("topk.recount_query", recount);
    recount->oldest = DT_NOEND;
    Relation table = table_open(recount->row.source, AccessShareLock);
    const Rollup *rollup = definition_of(pin_source(table), recount->row.id);
    Counter *counter = begin_counting(Times::finite);
    SPI_connect();
    as_source_owner(table->rd_rel->relowner, recount->row.zone, [&] { fetch_rows(recount, counter, rollup, query); });
    SPI_finish();
    finish_counting(counter);
    pgstat_progress_end_command();
    table_close(table, NoLock);
}

bool has_older_row(const Recount *recount) {
    const char *statement = query_by("topk.older_row_query", recount);
    Relation table = table_open(recount->row.source, AccessShareLock);
    bool found = false;
    SPI_connect();
    as_source_owner(table->rd_rel->relowner, recount->row.zone, [&] {
        PushActiveSnapshot(recount->snapshot);
        found = query(statement, {Value::time(recount->span.start)}) != 0;
        PopActiveSnapshot();
    });
    SPI_finish();
    table_close(table, NoLock);
    return found;
}

} // namespace topk::fold
