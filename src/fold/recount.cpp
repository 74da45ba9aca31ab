// topk.backfill(), topk.refresh() and topk.discard().
//
// One snapshot separates the rows that are counted again from those that are inserted meanwhile. It is taken while a lock
// keeps writers out for a moment. The events that it sees are counted from the table, and exactly those are removed from the
// log and the tiles. Events that are committed later stay as captured.
#include "../catalog/as_owner.h"
#include "../catalog/backfill_progress.h"
#include "../catalog/lock.h"
#include "../catalog/moved.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/rollup_state.h"
#include "../pg/function.h"
#include "../stream/counter.h"
#include "fold.h"
#include "recount_steps.h"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
}

namespace topk::fold {
namespace {

// Keeps writers out for the moment that taking the snapshot takes.
Snapshot boundary_snapshot(Oid source) {
    lock_sources({{source, ShareLock}});
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    LockRelationOid(source, AccessShareLock); // it keeps its name and columns
    List *tables = get_rel_relkind(source) == RELKIND_PARTITIONED_TABLE ? find_all_inheritors(source, NoLock, nullptr)
                                                                        : list_make1_oid(source);
    ResourceOwner owner = CurrentResourceOwner;
    CurrentResourceOwner = CurTransactionResourceOwner; // to which the attempt that got the locks has left them
    ListCell *cell;
    foreach (cell, tables)
        UnlockRelationOid(lfirst_oid(cell), ShareLock);
    CurrentResourceOwner = owner;
    return snapshot;
}

// False when the rollup has been dropped before its lock was there.
bool lock_row(RollupRow *row) {
    lock_rollup(row->id, true);
    return read_rollup(row->id, nullptr, row);
}

} // namespace

void require_table(const RollupRow *row) {
    const char kind = get_rel_relkind(row->source);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("cannot recount rollup \"%s\"", row->name),
                        errdetail("Its source is a stream, which keeps no rows.")));
    if (row->spread)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot recount rollup \"%s\"", row->name),
                        errdetail("Its source is a distributed table, whose rows other nodes count too.")));
}

Span accepted_span(const RollupRow *row, TimestampTz since, TimestampTz until) {
    const Span span = accepted(GetCurrentTransactionStartTimestamp(), row->accept_past, row->accept_future);
    since = std::max(since, span.start);
    until = std::min(until, span.stop);
    if (until <= since)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since"),
                        errdetail("Only times that rollup \"%s\" accepts can be counted.", row->name)));
    return {window_of(row, Level::tile, since).start, window_of(row, Level::tile, until - 1).stop};
}

void lock_owned(const char *name, RollupRow *row) {
    if (!read_rollup(name, nullptr, row))
        raise_no_rollup(name);
    require_ownership(row->source); // before locks that would keep others waiting
    if (!lock_row(row))
        raise_no_rollup(name);
    require_ownership(row->source);
    if (has_moved_out(row->id, nullptr))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("another database has taken over rollup \"%s\"", row->name)));
}

bool lock_again(int32 id, RollupRow *row) {
    return read_rollup(id, nullptr, row) && lock_row(row) && !has_moved_out(id, nullptr);
}

int64 recount(Recount *recount, TimestampTz since, TimestampTz until) {
    recount->span = accepted_span(&recount->row, since, until);
    recount->snapshot = boundary_snapshot(recount->row.source);
    count_rows(recount);
    as_owner([&] {
        recount->lost = read_lost(recount->row.id, nullptr);
        find_replaced(recount);
        remove_counts(recount);
        if (recount->mode == Mode::backfill)
            extend_counted(recount->row.id, since, until);
        if (recount->mode == Mode::backfill && since == DT_NOBEGIN && until == DT_NOEND) {
            mark_backfill_done(recount->row.id);
            delete_progress(recount->row.id);
        }
    });
    UnregisterSnapshot(recount->snapshot);
    return recount->counted;
}

namespace {

// The lock is the caller's.
int64 discard(Recount *recount, Span span) {
    recount->span = whole_tiles(&recount->row, span);
    recount->snapshot = RegisterSnapshot(GetLatestSnapshot());
    const int64 removed = as_owner([&] {
        recount->lost = read_lost(recount->row.id, nullptr);
        find_replaced(recount);
        return remove_counts(recount);
    });
    UnregisterSnapshot(recount->snapshot);
    return removed;
}

// discard(rollup, since, until)
Datum discard_function(FunctionCallInfo fcinfo) {
    require_read_committed("topk.discard()");
    Recount r = {};
    r.mode = Mode::discard;
    lock_owned(text_to_cstring(PG_GETARG_TEXT_PP(0)), &r.row);
    const Span span = {PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)};
    if (span.stop <= span.start)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since")));
    PG_RETURN_INT64(discard(&r, span));
}

// backfill(rollup, since, until), refresh(rollup, since, until, empty)
Datum recount_function(FunctionCallInfo fcinfo, Mode mode) {
    require_read_committed(mode == Mode::backfill ? "topk.backfill()" : "topk.refresh()");
    Recount r = {};
    r.mode = mode;
    lock_owned(text_to_cstring(PG_GETARG_TEXT_PP(0)), &r.row);
    require_table(&r.row);
    PG_RETURN_INT64(recount(&r, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)));
}

} // namespace
} // namespace topk::fold

TOPK_FUNCTION(topk_backfill, topk::fold::recount_function(fcinfo, topk::fold::Mode::backfill))
TOPK_FUNCTION(topk_refresh,
              topk::fold::recount_function(fcinfo, PG_GETARG_BOOL(3) ? topk::fold::Mode::empty : topk::fold::Mode::refresh))
TOPK_FUNCTION(topk_discard, topk::fold::discard_function(fcinfo))
