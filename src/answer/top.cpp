// topk.top(), topk.range(), topk.heavy_hitters(), topk.frequency(), topk.window_info(): the answers about one span of time.
#include "../catalog/rollup_state.h"
#include "across.h"
#include "arguments.h"
#include "ranking.h"

namespace {

using namespace topk;
using namespace topk::answer;

// What this database and its nodes hold, for a ranking. Warns of what is missing, once for an answer.
Pieces pieces_of(const RollupRow *row, const AskedWindow &window) {
    Across *across = ask_across(row, &window.span, 1, window.grp, Content::summary);
    Pieces pieces = window_pieces(row, window);
    add_across(across, &pieces);
    tell_of(pieces);
    return pieces;
}

// A time that may be infinite.
TimestampTz limit_argument(FunctionCallInfo fcinfo, int position) {
    if (!PG_ARGISNULL(position) && TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(position)))
        return PG_GETARG_TIMESTAMPTZ(position);
    return time_argument(fcinfo, position);
}

// top(rollup, window_kind, at, k, group_key)
Datum top(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 4);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    return return_ranking(fcinfo, row, ranking_of(row, pieces_of(row, window), k));
}

// range(rollup, since, until, k, group_key). The span is widened to whole tiles.
Datum range(FunctionCallInfo fcinfo, const RollupRow *row) {
    const Span asked = {limit_argument(fcinfo, 1), limit_argument(fcinfo, 2)};
    require_later(asked.stop, asked.start);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    const Span span = whole_tiles(row, asked);
    ArrayType *grp = group_argument(fcinfo, 4, row);
    Across *across = ask_across(row, &span, 1, grp, Content::summary);
    Pieces pieces = range_pieces(row, span, grp);
    add_across(across, &pieces);
    tell_of(pieces);
    return return_ranking(fcinfo, row, ranking_of(row, pieces, k));
}

// heavy_hitters(rollup, window_kind, share, at, group_key)
Datum heavy_hitters(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 3, 4);
    const float8 share = PG_ARGISNULL(2) ? 0 : PG_GETARG_FLOAT8(2);
    if (!(share > 0 && share <= 1))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("share must be greater than 0 and at most 1")));
    Ranking ranking = ranking_of(row, pieces_of(row, window), all_entries);
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
    return return_ranking(fcinfo, row, ranking);
}

// frequency(rollup, item, window_kind, at, group_key)
Datum frequency(FunctionCallInfo fcinfo, const RollupRow *row) {
    const ItemArgument item = item_argument(fcinfo, 1, row->shape.kind);
    const AskedWindow window = window_arguments(fcinfo, row, 2, 3, 4);
    Across *across = ask_across(row, &window.span, 1, window.grp, Content::summary, text_to_cstring(PG_GETARG_TEXT_PP(1)));
    Pieces pieces = window_pieces(row, window);
    Frequency sum = frequency_of(row, pieces, item.data, item.length);
    add_across(across, &pieces, &sum);
    tell_of(pieces);
    const Ranking ranking = ranking_of(row, pieces, all_entries);
    uint32_t rank = 0;
    while (rank < ranking.n &&
           !(ranking.entries[rank].length == item.length && memcmp(ranking.entries[rank].key, item.data, item.length) == 0))
        ++rank;
    Datum values[] = {Int64GetDatum(static_cast<int64>(sum.upper)), Int64GetDatum(static_cast<int64>(sum.lower)),
                      Int64GetDatum(static_cast<int64>(sum.upper)), Int32GetDatum(static_cast<int32>(rank + 1)),
                      Int64GetDatum(static_cast<int64>(sum.estimate))};
    const bool nulls[] = {false, false, false, rank == ranking.n, false};
    return return_row(fcinfo, values, nulls);
}

// window_info(rollup, window_kind, at, group_key)
Datum window_info(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 3);
    Across *across = ask_across(row, &window.span, 1, window.grp, Content::distinct);
    Pieces pieces = window_pieces(row, window);
    const Answered answered = add_across(across, &pieces);
    RollupState state;
    if (!read_state(row->id, GetActiveSnapshot(), &state))
        state.counted_since = DT_NOEND;
    Tally *tally = make_tally(row->shape, Purpose::distinct);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, piece.values);
    }
    Datum values[] = {TimestampTzGetDatum(window.span.start),
                      TimestampTzGetDatum(window.span.stop),
                      Int64GetDatum(events_of(pieces)),
                      Int64GetDatum(static_cast<int64>(tally_weight(tally))),
                      Int64GetDatum(tally_distinct(tally)),
                      Int64GetDatum(static_cast<int64>(tally->summary->floor())),
                      BoolGetDatum(pieces.missing.count == 0 && answered.missing.count == 0),
                      Int32GetDatum(answered.nodes),
                      names_array(answered.missing),
                      TimestampTzGetDatum(state.counted_since)};
    bool nulls[10] = {};
    nulls[9] = state.counted_since == DT_NOEND;
    return return_row(fcinfo, values, nulls);
}

} // namespace

TOPK_ANSWER(topk_top, top)
TOPK_ANSWER(topk_range, range)
TOPK_ANSWER(topk_rollup_heavy_hitters, heavy_hitters)
TOPK_ANSWER(topk_rollup_frequency, frequency)
TOPK_ANSWER(topk_window_info, window_info)
