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

Tally *sum_with_sketch(const RollupRow *row, const Pieces &pieces) {
    if (pieces.parts.count == 0)
        return nullptr;
    Tally *tally = make_tally(row->shape);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, piece.values);
    }
    return tally;
}

// An empty span has no pieces.
Pieces pieces_of(const RollupRow *row, Span span, ArrayType *grp) {
    return span.start < span.stop ? range_pieces(row, span, grp) : Pieces{};
}

// Asks the nodes about the spans that are not empty.
Across *ask_spans(const RollupRow *row, const Span *spans, int count, ArrayType *grp, const Answered *before) {
    auto *asked = static_cast<Span *>(palloc(count * sizeof(Span)));
    int n = 0;
    for (int i = 0; i < count; ++i)
        if (spans[i].start < spans[i].stop)
            asked[n++] = spans[i];
    return ask_across(row, asked, n, grp, Content::sketch, nullptr, before);
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
    Across *across = ask_spans(row, spans, split ? most : 1, window.grp, &answered);
    pieces[all] = window_pieces(row, {window.level, span, window.grp});
    for (int i = whole; split && i < most; ++i)
        pieces[i] = pieces_of(row, spans[i], window.grp);
    add_spans(across, spans, pieces);
    warn_of_missing(pieces[all]);
    if (passed >= 1)
        return {sum_with_sketch(row, pieces[all]), nullptr, 0};
    // Where tiles are gone and no smaller windows are there instead, the events are taken as spread evenly over the window.
    if (!split || events_of(pieces[whole]) + events_of(pieces[part]) + events_of(pieces[rest]) != events_of(pieces[all]))
        return {nullptr, sum_with_sketch(row, pieces[all]), passed};
    return {sum_with_sketch(row, pieces[whole]), sum_with_sketch(row, pieces[part]),
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

// The score of what the item has grown at least, so that no error of a sketch makes a trend.
double score_of(const Ranked &entry, const Bounds &previous) {
    const auto least = static_cast<double>(entry.count - entry.error);
    return least > previous.upper ? growth_score(least, previous.upper) : 0;
}

// The items that grew, by score, then by rank.
Trend *find_trends(const Ranking &ranking, const Before &before, uint64_t min_count, uint32_t k, int *count) {
    auto *trends = static_cast<Trend *>(palloc((size_t{ranking.n} + 1) * sizeof(Trend)));
    int n = 0;
    for (uint32_t i = 0; i < ranking.n && ranking.entries[i].count >= min_count; ++i) {
        const Bounds previous = bounds_of(before, ranking.entries[i]);
        const double score = score_of(ranking.entries[i], previous);
        if (score > 0)
            trends[n++] = {&ranking.entries[i], static_cast<uint64_t>(previous.upper + 0.5), score};
    }
    std::sort(trends, trends + n,
              [](const Trend &a, const Trend &b) { return a.score != b.score ? a.score > b.score : a.entry < b.entry; });
    *count = std::min(n, static_cast<int>(k));
    return trends;
}

// trending(rollup, window_kind, at, k, min_count, group_key)
Datum trending(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 5);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    const int64 min_count = PG_ARGISNULL(4) ? 1 : PG_GETARG_INT64(4);
    if (min_count < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_count must be positive")));

    const Span span = window.span;
    const TimestampTz now = std::clamp(GetCurrentTransactionStartTimestamp(), span.start, span.stop);
    const double passed = static_cast<double>(now - span.start) / static_cast<double>(span.stop - span.start);
    Across *across = ask_across(row, &span, 1, window.grp, Content::summary);
    Pieces pieces = window_pieces(row, window);
    const Answered answered = add_across(across, &pieces);
    tell_of(pieces);
    const Ranking ranking = ranking_of(row, pieces, all_entries);
    const Before before = read_before(row, window, passed, answered);
    int n;
    const Trend *trends = find_trends(ranking, before, static_cast<uint64_t>(min_count), k, &n);
    return return_items<7>(
        fcinfo, row, n, [&](int i) { return item_text(ranking, *trends[i].entry); },
        [&](int i, Datum item, Datum *values, bool *nulls) {
            const Trend &trend = trends[i];
            const auto count = static_cast<double>(trend.entry->count), previous = static_cast<double>(trend.previous);
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

TOPK_ANSWER(topk_trending, trending)
