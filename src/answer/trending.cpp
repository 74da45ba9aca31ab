// topk.trending(): which items grew, from the window before to this one.
#include <cmath>

#include "../core/growth.h"
#include "../statistics/answer_timer.h"
#include "arguments.h"
#include "../catalog/items_table.h"
#include "ranking.h"

namespace {

using namespace topk;
using namespace topk::answer;

// The window before, as far as it is compared: whole tiles, and a share of the one in which as much of that window has
// passed as of the present one. Either may be nullptr.
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
    if (pieces.count == 0)
        return nullptr;
    Tally *tally = make_tally(row->shape);
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, pieces.pieces[i].values);
    }
    return tally;
}

int64 events_of(const Pieces &pieces) {
    int64 events = 0;
    for (int i = 0; i < pieces.count; ++i)
        events += pieces.pieces[i].events;
    return events;
}

// Nothing for an empty span.
Pieces pieces_of(const RollupRow *row, Span span, const ArrayType *grp) {
    return span.start < span.stop ? range_pieces(row, span, grp, GetActiveSnapshot()) : Pieces{};
}

// The first `passed` of the window before.
Before read_before(const RollupRow *row, Level level, Span window, double passed, const ArrayType *grp) {
    const Span span = window_of(row, level, window.start - 1);
    const Pieces all = window_pieces(row, level, span, grp, GetActiveSnapshot());
    if (passed >= 1)
        return {sum_with_sketch(row, all), nullptr, 0};
    if (level == Level::tile)
        return {nullptr, sum_with_sketch(row, all), passed};
    const auto cut = span.start + static_cast<int64>(passed * static_cast<double>(span.stop - span.start));
    const Span tile = window_of(row, Level::tile, cut);
    const Pieces whole = pieces_of(row, {span.start, tile.start}, grp), part = pieces_of(row, tile, grp);
    // Where tiles are gone, and no smaller windows in their place, every hour of the window counts alike.
    if (events_of(whole) + events_of(part) + events_of(pieces_of(row, {tile.stop, span.stop}, grp)) != events_of(all))
        return {nullptr, sum_with_sketch(row, all), passed};
    return {sum_with_sketch(row, whole), sum_with_sketch(row, part),
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

// From the least that an item has grown for certain, so that no error of a sketch makes a trend.
double score_of(const Ranked &entry, const Bounds &previous) {
    const auto least = static_cast<double>(entry.count - entry.error);
    return least > previous.upper ? growth_score(least, previous.upper) : 0;
}

// Those that grew, by score; then by rank.
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
Datum trending(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const Span window = window_of(&row, level, time_argument(fcinfo, 2));
    const int32 k = k_argument(fcinfo, 3);
    const int64 min_count = PG_ARGISNULL(4) ? 1 : PG_GETARG_INT64(4);
    if (min_count < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("min_count must be positive")));
    const ArrayType *grp = group_argument(fcinfo, 5, &row);

    const TimestampTz now = std::clamp(GetCurrentTransactionStartTimestamp(), window.start, window.stop);
    const double passed = static_cast<double>(now - window.start) / static_cast<double>(window.stop - window.start);
    const Pieces pieces = window_pieces(&row, level, window, grp, GetActiveSnapshot());
    const Ranking ranking = ranking_of(sum_of(&row, pieces), all_entries);
    const Before before = read_before(&row, level, window, passed, grp);
    int n;
    const Trend *trends = find_trends(ranking, before, static_cast<uint64_t>(min_count), static_cast<uint32_t>(k), &n);

    InitMaterializedSRF(fcinfo, 0);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    auto *items = static_cast<Datum *>(palloc(n * sizeof(Datum) + 1));
    for (int i = 0; i < n; ++i)
        items[i] = PointerGetDatum(pg::item_to_text(ranking.kind, trends[i].entry->key, trends[i].entry->length));
    const Datum *metadata = metadata_of(&row, items, n);
    for (int i = 0; i < n; ++i) {
        const auto count = static_cast<double>(trends[i].entry->count), previous = static_cast<double>(trends[i].previous);
        Datum values[] = {Int32GetDatum(i + 1),
                          items[i],
                          Int64GetDatum(static_cast<int64>(trends[i].entry->count)),
                          Int64GetDatum(static_cast<int64>(trends[i].previous)),
                          Float8GetDatum((count - previous) / previous),
                          Float8GetDatum(trends[i].score),
                          metadata[i]};
        const bool nulls[] = {false, false, false, false, trends[i].previous == 0, false, metadata[i] == 0};
        tuplestore_putvalues(result->setResult, result->setDesc, values, const_cast<bool *>(nulls));
    }
    return (Datum)0;
}

} // namespace

TOPK_ANSWER(topk_trending, trending)
