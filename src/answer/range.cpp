// topk.range() and topk.last(): the top k of a span of any length.
#include "across.h"
#include "arguments.h"
#include "ranking.h"

namespace {

using namespace topk;
using namespace topk::answer;

// The whole tiles in a span. `outer` also has the tiles of which only a part is in it. An end that is not in the past stands
// for that of its tile: later events of the tile come from clocks that are ahead.
Span inner_tiles(const RollupRow *row, Span asked, Span outer) {
    Span inner = outer;
    if (asked.start != outer.start)
        inner.start = window_of(row, Level::tile, asked.start).stop;
    if (asked.stop != outer.stop && asked.stop < GetCurrentTransactionStartTimestamp())
        inner.stop = window_of(row, Level::tile, asked.stop).start;
    return inner.start < inner.stop ? inner : Span{outer.start, outer.start};
}

// A tile at an edge counts at most as a whole, and at least not at all.
Datum answer(FunctionCallInfo fcinfo, const RollupRow *row, Span asked, int k_position, int group_position) {
    require_later(asked.stop, asked.start);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, k_position));
    const AskedGroups groups = groups_argument(fcinfo, group_position, row);
    const Span outer = whole_tiles(row, asked), inner = inner_tiles(row, asked, outer);
    const Lost lost = read_lost(row->id, GetActiveSnapshot());
    const Span parts[] = {{outer.start, inner.start}, inner, {inner.stop, outer.stop}};
    Array<Span> spans = {};
    Cover cover = {};
    for (const Span &part : parts) {
        if (part.start >= part.stop)
            continue;
        add_span(&cover, row, lost, part, &part == &parts[1] ? longest_level : Level::tile);
        spans.add(part);
    }
    Across *across = ask_across(row, spans.elements, spans.count, groups, Content::summary);
    Pieces pieces = cover_pieces(row, cover, outer, groups);
    add_spans_across(across, &pieces);
    tell_of(pieces);
    Array<Times> times = {};
    bool whole = true;
    for (const Piece &piece : pieces.parts) {
        const bool inside = inner.contains(piece.span.start);
        times.add({1, inside ? uint64_t{1} : uint64_t{0}});
        whole &= inside;
    }
    const Ranking ranking = whole ? ranking_of(row, pieces, k) : ranking_of(row, pieces, times.elements, k);
    return return_ranking(fcinfo, row, ranking, &outer);
}

// range(rollup, since, until, k, group_key)
Datum range(FunctionCallInfo fcinfo, const RollupRow *row) {
    return answer(fcinfo, row, {limit_argument(fcinfo, 1), limit_argument(fcinfo, 2)}, 3, 4);
}

// last(rollup, length, k, group_key)
Datum last(FunctionCallInfo fcinfo, const RollupRow *row) {
    if (PG_ARGISNULL(1))
        raise_null("length");
    const TimestampTz now = GetCurrentTransactionStartTimestamp();
    const TimestampTz since =
        DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(1)));
    if (since >= now)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("length must be positive")));
    return answer(fcinfo, row, {since, now}, 2, 3);
}

} // namespace

TOPK_ANSWER(topk_range, range, 4)
TOPK_ANSWER(topk_last, last, 3)
