// Backfill and refresh: counting the rows of a table again, in place of what was counted when they were inserted.
//
// The boundary to concurrent inserts is one snapshot, taken while a lock keeps writers out for a moment: what it sees is
// recounted from the table, and of the log and the tiles exactly that is removed. What is committed later stays as captured.
#include "../stream/counter.h"
#include "../stream/delta_log.h"
#include "fold.h"
#include "../catalog/as_owner.h"
#include "../catalog/lock.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_state.h"
#include "../catalog/snapshot.h"
#include "../catalog/statement.h"
#include "window_writer.h"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/progress.h"
#include "common/int.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/guc.h"
#include "utils/ruleutils.h"
}

namespace {

using namespace topk;
using namespace topk::fold;

constexpr long batch = 10000; // rows fetched at a time

enum class Mode {
    backfill, // what is older than the table's oldest row stays as it is
    refresh,  // and may not exist
};

struct Recount {
    RollupRow row;
    Mode mode;
    Span span;          // whole tiles
    TimestampTz oldest; // of the table's rows in the span
    int64 counted;
    Snapshot snapshot;
};

void require_table(const RollupRow *row) {
    const char kind = get_rel_relkind(row->source);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("cannot recount rollup \"%s\"", row->name),
                        errdetail("Its source is a stream, which keeps no rows.")));
}

// Keeps writers out for the moment that taking the snapshot takes.
Snapshot boundary_snapshot(Oid source) {
    LockRelationOid(source, ShareLock);
    List *tables = find_all_inheritors(source, ShareLock, nullptr);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    LockRelationOid(source, AccessShareLock); // it keeps its name and columns
    ListCell *cell;
    foreach (cell, tables)
        UnlockRelationOid(lfirst_oid(cell), ShareLock);
    return snapshot;
}

// The span that the rollup accepts now, cut to the wanted one and widened to whole tiles.
Span accepted_span(const RollupRow *row, TimestampTz since, TimestampTz until) {
    execute("SELECT accept_past, accept_future FROM topk.rollup WHERE id = $1", {Value::int4(row->id)});
    const Span span = accepted(GetCurrentTransactionStartTimestamp(), *DatumGetIntervalP(result_value(0, 1)),
                               *DatumGetIntervalP(result_value(0, 2)));
    since = std::max(since, span.start);
    until = std::min(until, span.stop);
    if (until <= since)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since"),
                        errdetail("Only times that rollup \"%s\" accepts can be counted.", row->name)));
    return {window_of(row, Level::tile, since).start, window_of(row, Level::tile, until - 1).stop};
}

// A query that a function of the extension makes for the rollup.
char *query_by(const char *statement, const RollupRow *row) {
    return as_owner([&] {
        execute(statement, {Value::int4(row->id)});
        return result_string(0, 1);
    });
}

void count_row(Recount *recount, Counter *counter, const Rollup *rollup, HeapTuple tuple, TupleDesc descriptor,
               Datum *groups, bool *group_is_null) {
    bool null;
    Event event;
    event.time = DatumGetTimestampTz(SPI_getbinval(tuple, descriptor, 1, &null));
    event.time_is_null = null;
    recount->oldest = std::min(recount->oldest, event.time);
    if (!DatumGetBool(SPI_getbinval(tuple, descriptor, 2, &null)))
        return;
    const Datum item = SPI_getbinval(tuple, descriptor, 3, &null);
    if (null)
        return;
    const int64 weight = DatumGetInt64(SPI_getbinval(tuple, descriptor, 4, &null));
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
        groups[i] = SPI_getbinval(tuple, descriptor, 5 + i, &group_is_null[i]);
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

// Counts the rows as the owner of the table, whose expressions these are: nobody else's rights are theirs to use.
void count_rows(Recount *recount, const char *query) {
    Relation table = table_open(recount->row.source, AccessShareLock);
    const Rollup *rollup = definition_of(pin_source(table), recount->row.id);
    Counter *counter = begin_counting(Times::finite);
    as_source_owner(table->rd_rel->relowner, recount->row.zone, [&] { fetch_rows(recount, counter, rollup, query); });
    finish_counting(counter);
    pgstat_progress_end_command();
    table_close(table, NoLock);
}

void add(int64 *sum, uint64 value) {
    if (pg_add_s64_overflow(*sum, static_cast<int64>(value), sum))
        *sum = PG_INT64_MAX;
}

// The events and the weight that the tiles of the span have counted.
void add_tiles(const Recount *recount, int64 *events, int64 *weight) {
    MemoryContext per_tile = AllocSetContextCreate(CurrentMemoryContext, "pg_topk tile", ALLOCSET_DEFAULT_SIZES);
    TileScan scan;
    begin_tiles(&scan, recount->row.id, Level::tile, nullptr, recount->span, nullptr);
    MemoryContext old = MemoryContextSwitchTo(per_tile);
    Tile tile;
    while (next_tile(&scan, &tile)) {
        if (tile.stop <= recount->span.stop) {
            *events += tile.events;
            add(weight, stored_weight(tile.values));
        }
        MemoryContextReset(per_tile);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(per_tile);
}

// Deltas that the snapshot sees: all that was captured of the rows that were recounted. A compacted one is part of the
// totals of the rollup already, which it leaves again.
void remove_deltas(const Recount *recount) {
    TallyShape shape = recount->row.shape;
    shape.width = 0;
    int64 events = 0, weight = 0;
    DeltaScan scan;
    begin_delta_scan(&scan, recount->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        if (form.rollup != recount->row.id || !recount->span.contains(form.tile))
            continue;
        if (form.scope == DeltaScope::all) {
            Tally *tally = make_tally(shape);
            merge_stored(tally, read_delta(tuple, RelationGetDescr(scan.relation)).values);
            events += form.events;
            add(&weight, tally_weight(tally));
        }
        delete_delta(scan.relation, tuple);
    }
    CommandCounterIncrement();
    add_tiles(recount, &events, &weight);
    subtract_counts(recount->row.id, events, weight);
}

bool has_deltas_before(const Recount *recount, TimestampTz limit) {
    bool found = false;
    DeltaScan scan;
    begin_delta_scan(&scan, recount->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        found |= form.rollup == recount->row.id && recount->span.start <= form.tile && form.tile < limit;
    }
    return found;
}

// Whether the table has a row from before the span. Then what the span lacks was deleted, and is not what the table was rid
// of with everything older.
bool has_older_row(const Recount *recount) {
    const char *statement = query_by("SELECT topk.older_row_query($1)", &recount->row);
    Relation table = table_open(recount->row.source, AccessShareLock);
    bool found = false;
    as_source_owner(table->rd_rel->relowner, recount->row.zone, [&] {
        PushActiveSnapshot(recount->snapshot);
        found = query(statement, {Value::time(recount->span.start)}) != 0;
        PopActiveSnapshot();
    });
    table_close(table, NoLock);
    return found;
}

// Adds what the tiles of a window hold to the window, which is made anew.
void rebuild_window(WindowWriter *writer, const DeletedWindow &window) {
    TileScan scan;
    Tile tile;
    begin_tiles(&scan, writer->row->id, Level::tile, window.grp, window.span, nullptr);
    while (next_tile(&scan, &tile))
        if (tile.finished && tile.stop <= window.span.stop)
            add_to_window(writer, move_to_window(writer, window.level, window.grp, window.span.start), tile.values,
                          tile.events);
}

// Windows that have other tiles too are made of those alone; the recounted ones come back to them when they are folded.
void remove_tiles(const Recount *recount) {
    const int32 id = recount->row.id;
    TimestampTz start;
    if (find_cut_window(id, recount->span, read_cutoffs(id).windows[0], &start))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cannot recount a part of the window that begins at %s", timestamptz_to_str(start)),
                 errdetail("The tiles of its other parts may no longer be kept."), errhint("Recount the whole window.")));
    WindowWriter writer = begin_windows(&recount->row);
    delete_tiles(id, recount->span, &writer.change);
    delete_snapshots(id, recount->span);
    const DeletedWindows deleted = delete_windows(id, recount->span, &writer.change);
    for (int i = 0; i < deleted.count; ++i) {
        const DeletedWindow &window = deleted.windows[i];
        if (window.span.start < recount->span.start || recount->span.stop < window.span.stop)
            rebuild_window(&writer, window);
    }
    write_open_windows(&writer);
    add_level_change(id, writer.change);
}

// False when the rollup has been dropped before its lock was there.
bool lock_row(RollupRow *row) {
    require_table(row);
    lock_rollup(row->id, true);
    return read_rollup(row->id, nullptr, row);
}

// In place of what the log and the tiles have of the span, from `kept` on.
void remove_counted(Recount *recount, TimestampTz kept) {
    if (recount->mode == Mode::refresh &&
        (has_tiles(recount->row.id, {recount->span.start, kept}) || has_deltas_before(recount, kept)))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cannot refresh rollup \"%s\": it has counted rows that its table no longer has", recount->row.name),
                 errdetail("The oldest row in the range is from %s.",
                           recount->oldest == DT_NOEND ? "no time at all" : timestamptz_to_str(recount->oldest)),
                 errhint("Refresh from a later time on, or delete the counts by creating the rollup again.")));
    recount->span.start = std::max(recount->span.start, kept);
    if (recount->span.start < recount->span.stop) {
        remove_deltas(recount);
        remove_tiles(recount);
    }
}

int64 recount(Recount *recount, TimestampTz since, TimestampTz until) {
    recount->span = as_owner([&] { return accepted_span(&recount->row, since, until); });
    recount->snapshot = boundary_snapshot(recount->row.source);
    const char *query = query_by("SELECT topk.recount_query($1)", &recount->row);
    SPI_connect();
    recount->oldest = DT_NOEND;
    count_rows(recount, query);

    // Counts that are older than every row come from rows that are gone.
    TimestampTz kept =
        recount->oldest == DT_NOEND ? recount->span.stop : window_of(&recount->row, Level::tile, recount->oldest).start;
    if (kept > recount->span.start && has_older_row(recount))
        kept = recount->span.start;
    SPI_finish();
    as_owner([&] { remove_counted(recount, kept); });
    UnregisterSnapshot(recount->snapshot);
    return recount->counted;
}

// backfill(rollup, since, until), refresh(rollup, since, until)
Datum recount_function(FunctionCallInfo fcinfo, Mode mode) {
    require_read_committed(mode == Mode::backfill ? "topk.backfill()" : "topk.refresh()");
    Recount r = {};
    r.mode = mode;
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (!read_rollup(name, nullptr, &r.row))
        raise_no_rollup(name);
    require_ownership(r.row.source); // before locks that would keep others waiting
    if (!lock_row(&r.row))
        raise_no_rollup(name);
    require_ownership(r.row.source);
    PG_RETURN_INT64(recount(&r, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)));
}

// run_backfill(id): what create_rollup asked for; a rollup that is gone needs none.
Datum run_backfill(FunctionCallInfo fcinfo) {
    require_read_committed("topk.run_backfill()");
    Recount r = {};
    r.mode = Mode::backfill;
    if (!read_rollup(PG_GETARG_INT32(0), nullptr, &r.row) || !lock_row(&r.row))
        PG_RETURN_NULL();
    const int64 counted = recount(&r, DT_NOBEGIN, DT_NOEND);
    as_owner([&] { mark_backfill_done(r.row.id); });
    PG_RETURN_INT64(counted);
}

} // namespace

TOPK_FUNCTION(topk_backfill, recount_function(fcinfo, Mode::backfill))
TOPK_FUNCTION(topk_refresh, recount_function(fcinfo, Mode::refresh))
TOPK_FUNCTION(topk_run_backfill, run_backfill(fcinfo))
