// topk.top(), topk.heavy_hitters(), topk.frequency(): the answers about one window.
#include "across.h"
#include "arguments.h"
#include "leaders.h"

namespace {

using namespace topk;
using namespace topk::answer;

// The counts of this database and its nodes, for a ranking. Warns of missing ones, once for an answer.
Pieces pieces_of(const RollupRow *row, const AskedWindow &window) {
    Across *across = ask_across(row, &window.span, 1, window.groups, Content::summary);
    Pieces pieces = window_pieces(row, window);
    add_across(across, &pieces);
    tell_of(pieces);
    return pieces;
}

// The first k items of a window.
Ranking first_of(const RollupRow *row, const AskedWindow &window, uint32_t k) {
    Across *across = ask_across(row, &window.span, 1, window.groups, Content::summary);
    Leaders leaders;
    Pieces pieces = across == nullptr ? leading_pieces(row, window, k, &leaders) : window_pieces(row, window);
    add_across(across, &pieces);
    tell_of(pieces);
    return pieces.lists != 0 ? leaders.ranking : ranking_of(row, pieces, k);
}

// top(rollup, window_kind, at, k, group_key)
Datum top(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 4);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    return return_ranking(fcinfo, row, first_of(row, window, k));
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
    Across *across =
        ask_across(row, &window.span, 1, window.groups, Content::summary, text_to_cstring(PG_GETARG_TEXT_PP(1)));
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

} // namespace

TOPK_ANSWER(topk_top, top, 4)
TOPK_ANSWER(topk_rollup_heavy_hitters, heavy_hitters, 4)
TOPK_ANSWER(topk_rollup_frequency, frequency, 4)
