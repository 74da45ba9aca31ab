// topk.backfill_in_steps(): a backfill in transactions of its own, one for each step from the last row to the first.
#include "../catalog/as_owner.h"
#include "../catalog/backfill_progress.h"
#include "../catalog/rollup_state.h"
#include "../pg/function.h"
#include "../stream/counter.h"
#include "fold.h"
#include "recount_steps.h"

namespace topk::fold {
namespace {

constexpr int64 notice_pause = 10 * USECS_PER_SEC;

struct Job {
    const char *name;
    Span asked;
    Interval step;
};

TimestampTz earlier(TimestampTz time, const Interval &step) {
    return DatumGetTimestampTz(
        DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(time), IntervalPGetDatum(&step)));
}

// Returns false if the source has no row in the span; otherwise cuts the span to the tiles from the first to the last.
bool cut_to_rows(const RollupRow *row, Span *span) {
    PushActiveSnapshot(GetLatestSnapshot());
    const char *query = as_owner([&] { return make_query("topk.extent_query", row->id); });
    Relation table = table_open(row->source, AccessShareLock);
    Oid types[] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
    Datum values[] = {TimestampTzGetDatum(span->start), TimestampTzGetDatum(span->stop)};
    bool empty = true;
    SPI_connect();
    as_source_owner(table->rd_rel->relowner, row->zone, [&] {
        SPI_execute_with_args(query, 2, types, values, nullptr, true, 1);
        const auto time = [&](int column) {
            return DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &empty));
        };
        const TimestampTz first = time(1), last = time(2);
        if (!empty)
            *span = {window_of(row, Level::tile, first).start, window_of(row, Level::tile, last).stop};
    });
    SPI_finish();
    table_close(table, NoLock);
    PopActiveSnapshot();
    return !empty;
}

// Continues what an earlier call with the same arguments has left.
void begin(const Job &job) {
    RollupRow row;
    lock_owned(job.name, &row);
    require_table(&row);
    BackfillProgress progress;
    if (as_owner([&] { return find_progress(row.id, &progress); }) && progress.left > progress.span.start &&
        progress.asked.start == job.asked.start && progress.asked.stop == job.asked.stop)
        return;
    progress.asked = job.asked;
    progress.span = accepted_span(&row, job.asked.start, job.asked.stop);
    if (!cut_to_rows(&row, &progress.span))
        progress.span.stop = progress.span.start;
    progress.left = progress.span.stop;
    as_owner([&] { start_progress(row.id, progress); });
}

// Days begin and end with steps of at least a day, so that a window of a day is not counted in two parts.
Span next_span(const RollupRow *row, const Job &job, const BackfillProgress &progress) {
    TimestampTz from = earlier(progress.left, job.step);
    if (earlier(progress.left, {0, 1, 0}) >= from) {
        const Span day = window_of(row, Level::day, from);
        if (day.start != from)
            from = day.stop < progress.left ? day.stop : day.start;
    } else {
        from = window_of(row, Level::tile, from).start;
    }
    return {std::max(from, progress.span.start), progress.left};
}

// Returns false when nothing was left.
bool count_step(const Job &job, BackfillProgress *progress) {
    const TimestampTz started = GetCurrentTimestamp();
    Recount r = {};
    r.mode = Mode::backfill;
    lock_owned(job.name, &r.row);
    if (!as_owner([&] { return find_progress(r.row.id, progress); }))
        return false;
    const Span still = accepted(GetCurrentTransactionStartTimestamp(), r.row.accept_past, r.row.accept_future);
    if (progress->left <= std::max(progress->span.start, still.start)) {
        as_owner([&] {
            add_progress(r.row.id, progress->span.start, 0, 0);
            extend_counted(r.row.id, progress->asked.start, DT_NOEND);
            if (progress->asked.start == DT_NOBEGIN && progress->asked.stop == DT_NOEND)
                mark_backfill_done(r.row.id);
        });
        return false;
    }
    const Span wanted = next_span(&r.row, job, *progress);
    const Span span = as_owner([&] {
        r.lost = read_lost(r.row.id, nullptr);
        return workable_span(&r, wanted);
    });
    recount(&r, span.start, span.stop);
    progress->left = std::clamp(span.start, progress->span.start, wanted.start);
    as_owner([&] { add_progress(r.row.id, progress->left, r.counted, GetCurrentTimestamp() - started); });
    return true;
}

// Of the steps since a time.
void tell(const Job &job, const BackfillProgress &progress, TimestampTz since, TimestampTz first_left) {
    const auto length = [](TimestampTz from, TimestampTz to) { return static_cast<double>(to - from); };
    const double left = length(progress.span.start, progress.left);
    const double seconds = length(since, GetCurrentTimestamp()) / USECS_PER_SEC * left / length(progress.left, first_left);
    ereport(NOTICE, (errmsg("rollup \"%s\" has counted %.0f %% of the time, about %.0f s are left", job.name,
                            100 - 100 * left / length(progress.span.start, progress.span.stop), seconds)));
}

// backfill_in_steps(rollup, since, until, step)
Datum backfill_in_steps(FunctionCallInfo fcinfo) {
    require_read_committed("topk.backfill_in_steps()");
    for (int i = 0; i < 4; ++i)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("no argument may be null")));
    if (fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
        reinterpret_cast<CallContext *>(fcinfo->context)->atomic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("topk.backfill_in_steps() cannot be called in a transaction block")));
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    const Job job = {text_to_cstring(PG_GETARG_TEXT_PP(0)),
                     {PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)},
                     *PG_GETARG_INTERVAL_P(3)};
    if (earlier(0, job.step) >= 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("step must be positive")));
    begin(job);
    SPI_commit();
    const TimestampTz since = GetCurrentTimestamp();
    TimestampTz told = since, first_left = DT_NOBEGIN;
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk backfill step", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    for (bool more = true; more;) {
        CHECK_FOR_INTERRUPTS();
        BackfillProgress progress = {};
        const TimestampTz left = first_left;
        PushActiveSnapshot(GetTransactionSnapshot());
        more = count_step(job, &progress);
        PopActiveSnapshot();
        SPI_commit();
        MemoryContextSwitchTo(context);
        MemoryContextReset(context);
        if (left == DT_NOBEGIN)
            first_left = progress.left; // after the first step
        else if (more && GetCurrentTimestamp() - told >= notice_pause) {
            tell(job, progress, since, first_left);
            told = GetCurrentTimestamp();
        }
    }
    MemoryContextSwitchTo(caller);
    SPI_finish();
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::fold

TOPK_FUNCTION(topk_backfill_in_steps, topk::fold::backfill_in_steps(fcinfo))
