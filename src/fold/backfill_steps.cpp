// Backfills in steps: those that topk.create_rollup asked for, and CALL topk.backfill_in_steps().
#include "../catalog/as_owner.h"
#include "../catalog/backfill_progress.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/rollup_state.h"
#include "../pg/function.h"
#include "../stream/counter.h"
#include "fold.h"
#include "recount.h"
#include "recount_steps.h"

namespace topk::fold {
namespace {

constexpr int64 notice_pause = 10 * USECS_PER_SEC;
// A step of no given length takes so long, so that folds go on meanwhile and an error undoes little. It also takes several
// times as long as to look at each row of the table once: without an index on the time, each step does that.
constexpr int64 usual_duration = 10 * USECS_PER_SEC;
constexpr int64 passes = 5;
// The first step is short, because nobody knows yet how many rows it has.
constexpr int64 first_length = USECS_PER_HOUR;
constexpr double most_growth = 8, most_shrinking = 0.5;

bool same(const Span &a, const Span &b) { return a.start == b.start && a.stop == b.stop; }

bool is_whole(const Span &asked) { return asked.start == DT_NOBEGIN && asked.stop == DT_NOEND; }

// Between the first time and the last one lie more microseconds than an int64 can have.
double length_of(const Span &span) { return static_cast<double>(span.stop) - static_cast<double>(span.start); }

int64 scaled(double length, double factor) {
    return static_cast<int64>(std::clamp(length * factor, static_cast<double>(USECS_PER_MINUTE), 1e18));
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

// Of a rollup that is locked. Goes on with a backfill of the same span that was interrupted.
void begin(Steps *steps, const RollupRow *row, int limit) {
    BackfillProgress progress = {};
    const bool goes_on = as_owner([&] { return find_progress(row->id, &progress); }) &&
                         progress.left > progress.span.start && same(progress.asked, steps->asked);
    if (goes_on && steps->length != 0)
        return;
    Span rows =
        goes_on ? Span{progress.span.start, progress.left} : accepted_span(row, steps->asked.start, steps->asked.stop);
    const TimestampTz began = GetCurrentTimestamp();
    if (!cut_to_rows(row, &rows))
        rows.stop = rows.start;
    if (steps->length == 0) {
        steps->duration = std::max(usual_duration, passes * (GetCurrentTimestamp() - began));
        if (limit != 0)
            steps->duration = std::min<int64>(steps->duration, static_cast<int64>(limit) * 1000 / 4);
        steps->length = first_length;
        if (goes_on && progress.spent > 0 && progress.left < progress.span.stop)
            steps->length = scaled(length_of({progress.left, progress.span.stop}),
                                   static_cast<double>(steps->duration) / static_cast<double>(progress.spent));
    }
    if (!goes_on)
        as_owner([&] { start_progress(row->id, {steps->asked, rows, rows.stop, 0}); });
}

// Days begin and end with steps of at least a day, so that a window of a day is not counted in two parts.
Span next_span(const RollupRow *row, int64 length, const Span &left) {
    if (length_of(left) <= static_cast<double>(length))
        return left;
    TimestampTz from = left.stop - length;
    if (length >= USECS_PER_DAY) {
        const Span day = window_of(row, Level::day, from);
        if (day.start != from)
            from = day.stop < left.stop ? day.stop : day.start;
    } else {
        from = window_of(row, Level::tile, from).start;
    }
    return {std::max(from, left.start), left.stop};
}

// Returns false if the rollup is gone, which is an error of a call.
bool lock_for_step(const Steps *steps, RollupRow *row) {
    if (!lock_again(steps->rollup, row)) {
        if (steps->caller_name != nullptr)
            raise_no_rollup(steps->caller_name);
        return false;
    }
    if (steps->caller_name != nullptr)
        require_ownership(row->source);
    require_table(row);
    return true;
}

// Returns false if the backfill is not asked for any more. Others may have done it, or begun another one.
bool read_progress(const Steps *steps, BackfillProgress *progress) {
    const bool mine =
        as_owner([&] { return find_progress(steps->rollup, progress); }) && same(progress->asked, steps->asked);
    if (steps->caller_name == nullptr) {
        RollupState state;
        return mine && read_state(steps->rollup, nullptr, &state) && is_unfinished(state.backfill);
    }
    if (!mine)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("another session has ended this backfill of rollup \"%s\"", steps->caller_name),
                        errdetail("It has counted all rows at once, begun to count another span in steps, or changed the"
                                  " source of the rollup.")));
    return true;
}

// Counts the next span, and says in `progress` what is left.
void count_next(Steps *steps, Recount *r, BackfillProgress *progress) {
    const TimestampTz started = GetCurrentTimestamp();
    const Span wanted = next_span(&r->row, steps->length, {progress->span.start, progress->left});
    const Span span = as_owner([&] {
        r->lost = read_lost(r->row.id, nullptr);
        return workable_span(r, wanted);
    });
    recount(r, span.start, span.stop);
    progress->left = std::clamp(span.start, progress->span.start, wanted.start);
    if (r->tiles.count == 0) { // the next step begins where there are rows again
        Span rest = {progress->span.start, progress->left};
        progress->left = rest.start < rest.stop && cut_to_rows(&r->row, &rest) ? rest.stop : progress->span.start;
    } else if (steps->duration != 0) {
        const double spent = static_cast<double>(std::max<int64>(GetCurrentTimestamp() - started, 1));
        steps->length = scaled(static_cast<double>(steps->length),
                               std::clamp(static_cast<double>(steps->duration) / spent, most_shrinking, most_growth));
    }
    progress->spent = GetCurrentTimestamp() - started;
}

bool count_step(Steps *steps, BackfillProgress *progress) {
    Recount r = {};
    r.mode = Mode::backfill;
    if (!lock_for_step(steps, &r.row) || !read_progress(steps, progress))
        return false;
    const Span still = accepted(GetCurrentTransactionStartTimestamp(), r.row.accept_past, r.row.accept_future);
    const TimestampTz first = std::max(progress->span.start, still.start);
    progress->spent = 0;
    if (progress->left > first)
        count_next(steps, &r, progress);
    const bool done = progress->left <= first;
    if (done)
        progress->left = progress->span.start;
    as_owner([&] {
        add_progress(r.row.id, progress->left, r.counted, progress->spent);
        if (steps->caller_name == nullptr)
            forget_backfill_tries(r.row.id);
        if (!done)
            return;
        extend_counted(r.row.id, progress->asked.start, DT_NOEND);
        if (is_whole(progress->asked))
            mark_backfill_done(r.row.id);
    });
    return !done;
}

// Of the steps since a time.
void tell(const Steps &steps, const BackfillProgress &progress, TimestampTz since, TimestampTz first_left) {
    const double left = length_of({progress.span.start, progress.left});
    const double seconds =
        length_of({since, GetCurrentTimestamp()}) / USECS_PER_SEC * left / length_of({progress.left, first_left});
    ereport(NOTICE, (errmsg("rollup \"%s\" has counted %.0f %% of the time, about %.0f s are left", steps.caller_name,
                            100 - 100 * left / length_of(progress.span), seconds)));
}

int64 step_length(const Interval &step) {
    const double days = static_cast<double>(step.month) * DAYS_PER_MONTH + step.day;
    const double length = static_cast<double>(step.time) + days * static_cast<double>(USECS_PER_DAY);
    if (length <= 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("step must be positive")));
    return scaled(length, 1);
}

void begin_call(Steps *steps) {
    RollupRow row;
    lock_owned(steps->caller_name, &row);
    require_table(&row);
    steps->rollup = row.id;
    RollupState state;
    if (!is_whole(steps->asked) && read_state(row.id, nullptr, &state) && is_unfinished(state.backfill))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rollup \"%s\" is being backfilled in steps already", row.name),
                        errdetail("topk.create_rollup was asked to count all rows of its table."),
                        errhint("Leave out since and until to go on with that, or count the span at once with"
                                " topk.backfill().")));
    begin(steps, &row, 0);
}

// backfill_in_steps(rollup, since, until, step)
Datum backfill_in_steps(FunctionCallInfo fcinfo) {
    require_read_committed("topk.backfill_in_steps()");
    for (int i = 0; i < 3; ++i)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("rollup, since and until must not be null")));
    if (fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
        reinterpret_cast<CallContext *>(fcinfo->context)->atomic)
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("topk.backfill_in_steps() cannot be called in a transaction block")));
    SPI_connect_ext(SPI_OPT_NONATOMIC);
    Steps steps = {0,
                   text_to_cstring(PG_GETARG_TEXT_PP(0)),
                   {PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)},
                   PG_ARGISNULL(3) ? 0 : step_length(*PG_GETARG_INTERVAL_P(3)),
                   0};
    begin_call(&steps);
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
        more = count_step(&steps, &progress);
        PopActiveSnapshot();
        SPI_commit();
        MemoryContextSwitchTo(context);
        MemoryContextReset(context);
        if (left == DT_NOBEGIN)
            first_left = progress.left; // after the first step
        else if (more && GetCurrentTimestamp() - told >= notice_pause) {
            tell(steps, progress, since, first_left);
            told = GetCurrentTimestamp();
        }
    }
    MemoryContextSwitchTo(caller);
    SPI_finish();
    PG_RETURN_VOID();
}

} // namespace

bool begin_backfill(int32 rollup, int limit, Steps *steps) {
    *steps = {rollup, nullptr, {DT_NOBEGIN, DT_NOEND}, 0, 0};
    RollupRow row;
    RollupState state;
    if (!lock_for_step(steps, &row) || !read_state(rollup, nullptr, &state) || !is_unfinished(state.backfill))
        return false;
    begin(steps, &row, limit);
    return true;
}

bool count_step(Steps *steps) {
    BackfillProgress progress;
    return count_step(steps, &progress);
}

} // namespace topk::fold

TOPK_FUNCTION(topk_backfill_in_steps, topk::fold::backfill_in_steps(fcinfo))
