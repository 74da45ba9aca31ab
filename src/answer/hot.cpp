// topk.hot(): the top k with exponential decay. docs/accuracy.md proves the bounds.
//
// An event of age a weighs 2^(-a / half-life). All events of a piece get the weight of the youngest age that one of them can
// have in upper bounds, and that of the oldest in lower bounds. These weights are whole numbers of units of 2^-scale,
// rounded up and down, so that the counts stay whole numbers and a sum of pieces is a summary like any other.
#include <cmath>

#include "across.h"
#include "arguments.h"
#include "ranking.h"
#include "rows.h"

namespace {

using namespace topk;
using namespace topk::answer;

// An upper bound of the part of the decayed weight by which the bounds may differ because windows of one more level are read
// in place of shorter ones.
constexpr double tolerance = 0.01;

constexpr int max_scale = 40; // of weights: larger numbers would not be exact in a double
constexpr int total_bits = 60;
constexpr double rounding = 1e-12; // more than the relative error of exp2()

struct Moment {
    TimestampTz at;
    TimestampTz now;
    double half_life; // microseconds
};

double half_life_argument(FunctionCallInfo fcinfo, int position) {
    if (PG_ARGISNULL(position))
        raise_null("half_life");
    const Interval *interval = PG_GETARG_INTERVAL_P(position);
    const double length =
        static_cast<double>(interval->time) + (interval->day + 30.0 * interval->month) * static_cast<double>(USECS_PER_DAY);
    if (!(length >= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("half_life must be positive")));
    return length;
}

// The times that retention has left of a level.
TimestampTz kept_since(const Lost &lost, Level level) {
    const Span &gone = lost.levels[static_cast<int>(level)];
    return gone.start < gone.stop ? gone.stop : DT_NOBEGIN;
}

// Levels whose windows consist of windows of the one before. A longer level is left out if it is not kept for longer.
Array<Level> levels_to_read(const RollupRow *row, const Lost &lost) {
    Array<Level> levels = {};
    levels.add(Level::tile);
    for (int i = 1; i < level_count; ++i) {
        const auto level = static_cast<Level>(i);
        const bool any_longer = std::any_of(row->kept + i + 1, row->kept + level_count, [](bool kept) { return kept; });
        const bool nests = level != Level::week || !any_longer; // weeks lie across months
        if (row->kept[i] && nests && kept_since(lost, level) <= kept_since(lost, levels[levels.count - 1]))
            levels.add(level);
    }
    return levels;
}

// The age from which on windows of this length do.
double sufficient_age(const Moment &moment, Span window) {
    const double length = static_cast<double>(window.stop - window.start) / moment.half_life;
    return moment.half_life * std::max(std::log2(length / tolerance), 0.0);
}

// Where shorter windows end, going back from `stop`, and windows of the longer level do.
TimestampTz boundary(const RollupRow *row, const Moment &moment, TimestampTz kept, Level longer, TimestampTz stop) {
    const double age = sufficient_age(moment, window_of(row, longer, moment.at));
    TimestampTz t = kept;
    if (age < static_cast<double>(moment.at - MIN_TIMESTAMP))
        t = std::max(t, std::min(moment.at - static_cast<int64>(age), stop));
    if (TIMESTAMP_NOT_FINITE(t))
        return t;
    const Span window = window_of(row, longer, t);
    return window.start >= kept ? window.start : window.stop;
}

// Covers all that is kept up to `stop`, with longer windows for older times. Returns the first time of it.
TimestampTz cover_past(Cover *cover, const RollupRow *row, const Lost &lost, const Moment &moment, TimestampTz stop) {
    const Array<Level> levels = levels_to_read(row, lost);
    for (int i = 0; i < levels.count; ++i) {
        const TimestampTz kept = kept_since(lost, levels[i]);
        const TimestampTz since = i + 1 == levels.count ? kept : boundary(row, moment, kept, levels[i + 1], stop);
        if (since < stop)
            cover->parts.add({levels[i], {since, stop}});
        stop = since;
    }
    return stop;
}

constexpr int max_windows = 900;  // that nodes are asked about
constexpr double half_lives = 40; // an older event weighs next to nothing

// The windows that nodes are asked about, from the youngest on. All older ones are one span, whose lower bounds are 0.
Array<Span> windows_to_ask(const RollupRow *row, const Cover &cover, const Moment &moment) {
    Array<Span> windows = {};
    if (nodes_to_ask(row, nullptr).count == 0 || cover.parts.count == 0)
        return windows;
    TimestampTz stop = cover.parts[0].span.stop;
    for (const LevelSpan &part : cover.parts)
        while (stop > part.span.start && windows.count < max_windows &&
               static_cast<double>(moment.at - stop) < half_lives * moment.half_life) {
            const TimestampTz start = std::max(window_of(row, part.level, stop - 1).start, part.span.start);
            windows.add({start, stop});
            stop = start;
        }
    const TimestampTz since = cover.parts[cover.parts.count - 1].span.start;
    if (since < stop)
        windows.add({since, stop});
    return windows;
}

// Of the events of a piece: the youngest and the oldest age that they can have.
double youngest(const Moment &moment, Span span) { return static_cast<double>(std::max(moment.at - span.stop, int64{0})); }
double oldest(const Moment &moment, Span span) {
    return TIMESTAMP_IS_NOBEGIN(span.start) ? HUGE_VAL : static_cast<double>(std::max(moment.at - span.start, int64{0}));
}

double weight_at(const Moment &moment, double age) { return std::exp2(-age / moment.half_life); }

// The largest scale with which the sum of all pieces stays below 2^total_bits.
int scale_of(const Moment &moment, const Pieces &pieces) {
    double sum = 1;
    MemoryContext piece_context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk piece", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(piece_context);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        sum += static_cast<double>(stored_weight(piece.values)) * weight_at(moment, youngest(moment, piece.span));
        MemoryContextReset(piece_context);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(piece_context);
    return std::clamp(total_bits - static_cast<int>(std::ceil(std::log2(sum))), 0, max_scale);
}

Times times_of(const Moment &moment, Span span, int scale) {
    const double most = weight_at(moment, youngest(moment, span)), least = weight_at(moment, oldest(moment, span));
    // Events after the time of the question do not count. Those after now are of clocks that are ahead, and count as of now.
    const bool later = span.stop > moment.at && moment.at < moment.now;
    return {static_cast<uint64_t>(std::max(std::ceil(std::ldexp(most * (1 + rounding), scale)), 1.0)), // most may underflow
            later ? 0 : static_cast<uint64_t>(std::floor(std::ldexp(least * (1 - rounding), scale)))};
}

// A number of units, rounded up to a double.
double rounded_up(uint64_t units, int scale) {
    auto value = static_cast<double>(units);
    if (static_cast<uint64_t>(value) < units)
        value = std::nextafter(value, HUGE_VAL);
    return std::ldexp(value, -scale);
}

// hot(rollup, half_life, at, k, group_key)
Datum hot(FunctionCallInfo fcinfo, const RollupRow *row) {
    Moment moment = {};
    moment.half_life = half_life_argument(fcinfo, 1);
    moment.at = time_argument(fcinfo, 2);
    moment.now = GetCurrentTransactionStartTimestamp();
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    const AskedGroups groups = groups_argument(fcinfo, 4, row);

    Span span = {DT_NOBEGIN, window_of(row, Level::tile, moment.at).stop};
    Cover cover = {};
    span.start = cover_past(&cover, row, read_lost(row->id, GetActiveSnapshot()), moment, span.stop);
    const Array<Span> windows = windows_to_ask(row, cover, moment);
    Across *across =
        windows.count == 0 ? nullptr : ask_across(row, windows.elements, windows.count, groups, Content::summary);
    Pieces pieces = cover_pieces(row, cover, span, groups);
    add_spans_across(across, &pieces);
    const int scale = scale_of(moment, pieces);
    Array<Times> times = {};
    for (const Piece &piece : pieces.parts)
        times.add(times_of(moment, piece.span, scale));
    const Ranking ranking = ranking_of(row, pieces, times.elements, k);
    return return_items<entry_columns + 3, entry_columns>(
        fcinfo, row, static_cast<int>(ranking.n), [&](int i) { return item_text(ranking, ranking.entries[i]); },
        [&](int i, Datum item, Datum *values, bool *) {
            const Ranked &entry = ranking.entries[i];
            fill_entry(ranking, static_cast<uint32_t>(i), item, values);
            values[2] = Float8GetDatum(rounded_up(entry.count, scale));
            values[3] = Float8GetDatum(rounded_up(entry.error, scale));
            values[entry_columns + 1] = TimestampTzGetDatum(span.start);
            values[entry_columns + 2] = TimestampTzGetDatum(span.stop);
        });
}

} // namespace

TOPK_ANSWER(topk_hot, hot, 4)
