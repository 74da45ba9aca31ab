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

// The columns of topk.recount_query(); the groups follow.
enum Column { column_time = 1, column_passes, column_item, column_weight, column_group };

// The tiles of the rows so far. Rows come mostly in the order of time, so the last one is remembered.
struct Tiles {
    HTAB *by_start;
    Span last;
    CountedTile *found;
};

CountedTile *tile_of(const Recount *recount, Tiles *tiles, TimestampTz time) {
    if (tiles->found == nullptr || !tiles->last.contains(time)) {
        tiles->last = window_of(&recount->row, Level::tile, time);
        bool found;
        tiles->found = static_cast<CountedTile *>(hash_search(tiles->by_start, &tiles->last.start, HASH_ENTER, &found));
        if (!found)
            tiles->found->events = 0;
    }
    return tiles->found;
}

void count_row(Recount *recount, Counter *counter, Tiles *tiles, RollupCount *count, HeapTuple tuple, TupleDesc descriptor,
               Datum *groups, bool *group_is_null) {
    bool null;
    Event event;
    event.time = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, column_time, &null));
    event.time_is_null = null;
    CountedTile *tile = tile_of(recount, tiles, event.time);
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
    count_event(counter, count, event);
    ++recount->counted;
    ++tile->events;
}

const Rollup *definition_of(const Source *source, int32 id) {
    for (int i = 0; source != nullptr && i < source->rollup_count; ++i)
        if (source->rollups[i].id == id)
            return &source->rollups[i];
    elog(ERROR, "rollup %d is not one of its source", id);
    pg_unreachable();
}

void fetch_rows(Recount *recount, Counter *counter, Tiles *tiles, RollupCount *count, const char *query) {
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
            count_row(recount, counter, tiles, count, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, groups, group_is_null);
        rows += static_cast<int64>(SPI_processed);
        pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, rows);
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
    SPI_cursor_close(portal);
    PopActiveSnapshot();
}

HTAB *make_tiles() {
    HASHCTL control = {};
    control.keysize = sizeof(TimestampTz);
    control.entrysize = sizeof(CountedTile);
    control.hcxt = CurrentMemoryContext;
    return hash_create("pg_topk recounted tiles", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void list_tiles(Recount *recount, HTAB *by_start) {
    HASH_SEQ_STATUS all;
    hash_seq_init(&all, by_start);
    while (const void *tile = hash_seq_search(&all))
        recount->tiles.add(*static_cast<const CountedTile *>(tile));
    hash_destroy(by_start);
    std::sort(recount->tiles.begin(), recount->tiles.end(),
              [](const CountedTile &a, const CountedTile &b) { return a.start < b.start; });
}

} // namespace

// The expressions of the rollup run as the owner of the table, who wrote them, and with no other rights.
void count_rows(Recount *recount) {
    PushActiveSnapshot(GetLatestSnapshot()); // names may have changed since the rows' snapshot was taken
    const char *query = as_owner([&] { return make_query("topk.recount_query", recount->row.id); });
    PopActiveSnapshot();
    Tiles tiles = {make_tiles(), {}, nullptr};
    Relation table = table_open(recount->row.source, AccessShareLock);
    const Rollup *rollup = definition_of(pin_source(table), recount->row.id);
    Counter *counter = begin_counting(Times::finite);
    RollupCount *count = add_rollup(counter, rollup);
    SPI_connect();
    as_source_owner(table->rd_rel->relowner, recount->row.zone, [&] { fetch_rows(recount, counter, &tiles, count, query); });
    SPI_finish();
    finish_counting(counter);
    pgstat_progress_end_command();
    table_close(table, NoLock);
    list_tiles(recount, tiles.by_start);
}

} // namespace topk::fold
