// topk.trending(): which items grew, from the window before to this one.
#include <cmath>

#include "../core/growth.h"
#include "across.h"
#include "arguments.h"
#include "ranking.h"
#include "rows.h"

namespace {

using namespace topk;
using namespace topk::answer;

// The part of the window before that is compared: as much of it as has passed of the present window. It consists of whole
// tiles and a share of one more tile. Either may be nullptr.
struct Before {
    Tally *whole;
    Tally *part;
    double share;
};

struct Trend {
    const Ranked *entry;
    uint64_t previous;
    double score;
};

// nullptr where nothing was counted.
Tally *sum_before(const RollupRow *row, const Pieces &pieces) {
    return pieces.parts.count == 0 ? nullptr : sum_with_sketch(row, pieces);
}

// An empty span has no pieces.
Pieces pieces_of(const RollupRow *row, Span span, const AskedGroups &groups) {
    return span.start < span.stop ? range_pieces(row, span, groups) : Pieces{};
}

// Asks the nodes about the spans that are not empty.
Across *ask_spans(const RollupRow *row, const Span *spans, int count, const AskedGroups &groups, const Answered *before) {
    auto *asked = static_cast<Span *>(palloc(count * sizeof(Span)));
    int n = 0;
    for (int i = 0; i < count; ++i)
        if (spans[i].start < spans[i].stop)
            asked[n++] = spans[i];
    return ask_across(row, asked, n, groups, Content::sketch, nullptr, before);
}

// Adds the answers to the pieces of these spans.
void add_spans(Across *across, const Span *spans, Pieces *pieces) {
    if (across == nullptr)
        return;
    auto *asked = static_cast<Pieces *>(palloc(across->count * sizeof(Pieces)));
    for (int i = 0, n = 0; n < across->count; ++i)
        if (spans[i].start < spans[i].stop)
            asked[n++] = pieces[i];
    add_across(across, asked);
    for (int i = 0, n = 0; n < across->count; ++i)
        if (spans[i].start < spans[i].stop)
            pieces[i] = asked[n++];
}

// Reads the first part of the window before this one; passed is its share of that window.
Before read_before(const RollupRow *row, const AskedWindow &window, double passed, const Answered &answered) {
    const Span span = window_of(row, window.level, window.span.start - 1);
    // All of that window, and where that is not enough its tiles before the one in which the part ends, that tile, and the
    // rest.
    enum { all, whole, part, rest, most };
    const auto cut = span.start + static_cast<int64>(passed * static_cast<double>(span.stop - span.start));
    const Span tile = window_of(row, Level::tile, cut);
    const bool split = passed < 1 && window.level != Level::tile;
    const Span spans[most] = {span, {span.start, tile.start}, tile, {tile.stop, span.stop}};
    Pieces pieces[most] = {};
    Across *across = ask_spans(row, spans, split ? most : 1, window.groups, &answered);
    pieces[all] = window_pieces(row, {window.level, span, window.groups});
    for (int i = whole; split && i < most; ++i)
        pieces[i] = pieces_of(row, spans[i], window.groups);
    add_spans(across, spans, pieces);
    warn_of_missing(pieces[all]);
    if (passed >= 1)
        return {sum_before(row, pieces[all]), nullptr, 0};
    // Where tiles are gone and no smaller windows are there instead, the events are taken as spread evenly over the window.
    if (!split || events_of(pieces[whole]) + events_of(pieces[part]) + events_of(pieces[rest]) != events_of(pieces[all]))
        return {nullptr, sum_before(row, pieces[all]), passed};
    return {sum_before(row, pieces[whole]), sum_before(row, pieces[part]),
            static_cast<double>(cut - tile.start) / static_cast<double>(tile.stop - tile.start)};
}

struct Bounds {
    double lower;
    double upper;
};

Bounds bounds_of(const Before &before, const Ranked &entry) {
    Bounds sum = {0, 0};
    if (before.whole != nullptr) {
        const Frequency f = tally_frequency(before.whole, entry.key, entry.length);
        sum = {static_cast<double>(f.lower), static_cast<double>(f.upper)};
    }
    if (before.part != nullptr) {
        const Frequency f = tally_frequency(before.part, entry.key, entry.length);
        sum.lower += before.share * static_cast<double>(f.lower);
        sum.upper += before.share * static_cast<double>(f.upper);
    }
    return sum;
}

double weight_of(const Before &before) {
    const double whole = before.whole == nullptr ? 0 : static_cast<double>(tally_weight(before.whole));
    return before.part == nullptr ? whole : whole + before.share * static_cast<double>(tally_weight(before.part));
}

// The score of what the item has grown at least, so that no error of a sketch makes a trend.
double score_of(const Ranked &entry, const Bounds &previous, double exposure) {
    const auto least = static_cast<double>(entry.count - entry.error);
    return least > previous.upper * exposure ? growth_score(least, previous.upper, exposure) : 0;
}

// Which items are trends.
struct Threshold {
    uint64_t count;
    double score;
    double exposure; // of this window divided by that of the one before; 1 unless shares are compared
};

// The items that grew, by score, then by rank.
Trend *find_trends(const Ranking &ranking, const Before &before, const Threshold &threshold, uint32_t k, int *count) {
    auto *trends = static_cast<Trend *>(palloc((size_t{ranking.n} + 1) * sizeof(Trend)));
    int n = 0;
    for (uint32_t i = 0; i < ranking.n && ranking.entries[i].count >= threshold.count; ++i) {
        const Bounds previous = bounds_of(before, ranking.entries[i]);
        const double score = score_of(ranking.entries[i], previous, threshold.exposure);
        if (score > 0 && score >= threshold.score)
            trends[n++] = {&ranking.entries[i], static_cast<uint64_t>(previous.upper + 0.5), score};
    }
    std::sort(trends, trends + n,
              [](const Trend &a, const Trend &b) { return a.score != b.score ? a.score > b.score : a.entry < b.entry; });
    *count = std::min(n, static_cast<int>(k));
    return trends;
}

Threshold threshold_arguments(FunctionCallInfo fcinfo, int min_count, int min_score) {
    const int64 count = PG_ARGISNULL(min_count) ? 1 : PG_GETARG_INT64(min_count);
    if (count < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_count must be positive")));
    const double score = PG_ARGISNULL(min_score) ? 0 : PG_GETARG_FLOAT8(min_score);
    if (!(score >= 0))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_score must not be negative")));
    return {static_cast<uint64_t>(count), score, 1};
}

// trending(rollup, window_kind, at, k, min_count, group_key, relative, min_score)
Datum trending(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 5);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    Threshold threshold = threshold_arguments(fcinfo, 4, 7);
    const bool relative = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);

    const Span span = window.span;
    const TimestampTz now = std::clamp(GetCurrentTransactionStartTimestamp(), span.start, span.stop);
    const double passed = static_cast<double>(now - span.start) / static_cast<double>(span.stop - span.start);
    Across *across = ask_across(row, &span, 1, window.groups, Content::summary);
    Pieces pieces = window_pieces(row, window);
    const Answered answered = add_across(across, &pieces);
    tell_of(pieces);
    const Ranking ranking = ranking_of(row, pieces, all_entries);
    const Before before = read_before(row, window, passed, answered);
    if (relative) {
        const double weight = weight_of(before);
        // Where nothing was counted before, no item had a share that could grow.
        threshold.exposure = weight > 0 ? static_cast<double>(ranking.total) / weight : HUGE_VAL;
    }
    int n = 0;
    const Trend *trends = threshold.exposure < HUGE_VAL ? find_trends(ranking, before, threshold, k, &n) : nullptr;
    return return_items<7>(
        fcinfo, row, n, [&](int i) { return item_text(ranking, *trends[i].entry); },
        [&](int i, Datum item, Datum *values, bool *nulls) {
            const Trend &trend = trends[i];
            const auto count = static_cast<double>(trend.entry->count);
            const double previous = static_cast<double>(trend.previous) * threshold.exposure;
            values[0] = Int32GetDatum(i + 1);
            values[1] = item;
            values[2] = Int64GetDatum(static_cast<int64>(trend.entry->count));
            values[3] = Int64GetDatum(static_cast<int64>(trend.previous));
            values[4] = Float8GetDatum((count - previous) / previous);
            nulls[4] = trend.previous == 0;
            values[5] = Float8GetDatum(trend.score);
        });
}

} // namespace

TOPK_ANSWER(topk_trending, trending, 5)
