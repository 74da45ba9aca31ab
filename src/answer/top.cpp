// The SQL functions that answer for a window.
#include "../statistics/answer_timer.h"
#include "arguments.h"
#include "ranking.h"

namespace {

using namespace topk;
using namespace topk::answer;

// top(rollup, window_kind, at, k, group_key)
Datum top(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const Span span = window_of(&row, level, time_argument(fcinfo, 2));
    const int32 k = k_argument(fcinfo, 3);
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    return return_ranking(fcinfo, &row, ranking_of(sum_of(&row, pieces), static_cast<uint32_t>(k)));
}

// range(rollup, since, until, k, group_key): outwards to whole tiles.
Datum range(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const TimestampTz since = time_argument(fcinfo, 1), until = time_argument(fcinfo, 2);
    if (until <= since)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since")));
    const Span span = {window_of(&row, Level::tile, since).start, window_of(&row, Level::tile, until - 1).stop};
    const int32 k = k_argument(fcinfo, 3);
    const Pieces pieces = range_pieces(&row, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    return return_ranking(fcinfo, &row, ranking_of(sum_of(&row, pieces), static_cast<uint32_t>(k)));
}

// heavy_hitters(rollup, window_kind, share, at, group_key)
Datum heavy_hitters(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const float8 share = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);
    if (!(share > 0 && share <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("share must be greater than 0 and at most 1")));
    const Span span = window_of(&row, level, time_argument(fcinfo, 3));
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    Ranking ranking = ranking_of(sum_of(&row, pieces), all_entries);
    const uint64_t threshold = weight_of_share(share, ranking.total);
    if (ranking.floor != 0 && threshold <= ranking.floor)
        ereport(WARNING,
                (errmsg("items with a share of %g may be missing", share),
                 errdetail("An item that is not monitored can have a weight of up to " UINT64_FORMAT ", a share of %g.",
                           ranking.floor, static_cast<double>(ranking.floor) / static_cast<double>(ranking.total)),
                 errhint("Use a larger share, or create the rollup with a larger capacity.")));
    uint32_t n = 0;
    for (; n < ranking.n && ranking.entries[n].count >= threshold; ++n)
        ranking.entries[n].guaranteed = ranking.entries[n].count - ranking.entries[n].error >= threshold;
    ranking.n = n;
    return return_ranking(fcinfo, &row, ranking);
}

// Bounds of different parts of a window add up, to the total weight at most.
uint64_t add_bound(uint64_t a, uint64_t b) { return std::min(a + b, max_total); }

// frequency(rollup, item, window_kind, at, group_key)
Datum frequency(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const ItemArgument item = item_argument(fcinfo, 1, row.shape.kind);
    const Level level = level_argument(fcinfo, 2, &row);
    const Span span = window_of(&row, level, time_argument(fcinfo, 3));
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    Frequency sum = {0, 0, 0};
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        // The sum of the parts' bounds is never worse than the bound of their sum.
        const Frequency part = stored_frequency(pieces.pieces[i].values, row.shape.kind, item.data, item.length);
        sum.lower = add_bound(sum.lower, part.lower);
        sum.upper = add_bound(sum.upper, part.upper);
    }
    const Ranking ranking = ranking_of(sum_of(&row, pieces), all_entries);
    uint32_t rank = 0;
    while (rank < ranking.n &&
           !(ranking.entries[rank].length == item.length && memcmp(ranking.entries[rank].key, item.data, item.length) == 0))
        ++rank;
    TupleDesc descriptor;
    get_call_result_type(fcinfo, nullptr, &descriptor);
    Datum values[] = {Int64GetDatum(static_cast<int64>(sum.upper)), Int64GetDatum(static_cast<int64>(sum.lower)),
                      Int64GetDatum(static_cast<int64>(sum.upper)), Int32GetDatum(static_cast<int32>(rank + 1))};
    const bool nulls[] = {false, false, false, rank == ranking.n};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, const_cast<bool *>(nulls)));
}

// window_info(rollup, window_kind, at, group_key)
Datum window_info(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const Span span = window_of(&row, level, time_argument(fcinfo, 2));
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 3, &row), GetActiveSnapshot());
    // Distinct items need the registers, but not the sketches.
    TallyShape shape = row.shape;
    shape.width = 0;
    Tally *tally = make_tally(shape);
    int64 events = 0;
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, pieces.pieces[i].values);
        events += pieces.pieces[i].events;
    }
    TupleDesc descriptor;
    get_call_result_type(fcinfo, nullptr, &descriptor);
    Datum values[] = {TimestampTzGetDatum(span.start),
                      TimestampTzGetDatum(span.stop),
                      Int64GetDatum(events),
                      Int64GetDatum(static_cast<int64>(tally_weight(tally))),
                      Int64GetDatum(tally_distinct(tally)),
                      Int64GetDatum(static_cast<int64>(tally->summary->floor()))};
    bool nulls[6] = {};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

} // namespace

TOPK_ANSWER(topk_top, top)
TOPK_ANSWER(topk_range, range)
TOPK_ANSWER(topk_rollup_heavy_hitters, heavy_hitters)
TOPK_ANSWER(topk_rollup_frequency, frequency)
TOPK_ANSWER(topk_window_info, window_info)
