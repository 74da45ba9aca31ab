// topk.summary(), topk.sketch() and the same for a span: the counts as values of the sketch types, to merge and to store.
#include "across.h"
#include "arguments.h"

namespace {

using namespace topk;
using namespace topk::answer;

Datum summary_of(const RollupRow *row, const Pieces &pieces) {
    warn_of_missing(pieces);
    const Sum sum = sum_of(row, pieces);
    if (sum.stored != nullptr)
        return PointerGetDatum(sum.stored);
    Tally *tally = sum.tally != nullptr ? sum.tally : make_tally(row->shape, Purpose::reading);
    return PointerGetDatum(store_tally(tally).summary);
}

Datum sketch_of(const RollupRow *row, const Pieces &pieces) {
    if (row->shape.width == 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rollup \"%s\" keeps no sketch", row->name), errdetail("It was created with width 0.")));
    warn_of_missing(pieces);
    if (pieces.parts.count == 1 && pieces.parts[0].values.sketch != nullptr)
        return PointerGetDatum(pg_detoast_datum(pieces.parts[0].values.sketch));
    return PointerGetDatum(store_sketch(sum_with_sketch(row, pieces)));
}

// The kind of state that is made of the counts, and the parts of them that the nodes are asked for.
struct State {
    Datum (*make)(const RollupRow *, const Pieces &);
    Content content;
};
constexpr State summary_state = {summary_of, Content::summary}, sketch_state = {sketch_of, Content::sketch};

// (rollup, window_kind, at, group_key)
Datum of_window(FunctionCallInfo fcinfo, const RollupRow *row, const State &state) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 3);
    Across *across = ask_across(row, &window.span, 1, window.groups, state.content);
    Pieces pieces = window_pieces(row, window);
    add_across(across, &pieces);
    return state.make(row, pieces);
}

// (rollup, since, until, group_key). The span consists of whole tiles.
Datum of_range(FunctionCallInfo fcinfo, const RollupRow *row, const State &state) {
    const Span span = {limit_argument(fcinfo, 1), limit_argument(fcinfo, 2)};
    require_later(span.stop, span.start);
    const Span tiles = whole_tiles(row, span);
    if (tiles.start != span.start || tiles.stop != span.stop) {
        char *start = pstrdup(timestamptz_to_str(tiles.start));
        ereport(NOTICE, (errmsg("the counts are of the time from %s to %s", start, timestamptz_to_str(tiles.stop)),
                         errdetail("Counts are kept in tiles, and the span begins or ends inside of one.")));
    }
    const AskedGroups groups = groups_argument(fcinfo, 3, row);
    Across *across = ask_across(row, &tiles, 1, groups, state.content);
    Pieces pieces = range_pieces(row, tiles, groups);
    add_across(across, &pieces);
    return state.make(row, pieces);
}

Datum summary(FunctionCallInfo fcinfo, const RollupRow *row) { return of_window(fcinfo, row, summary_state); }
Datum sketch(FunctionCallInfo fcinfo, const RollupRow *row) { return of_window(fcinfo, row, sketch_state); }
Datum range_summary(FunctionCallInfo fcinfo, const RollupRow *row) { return of_range(fcinfo, row, summary_state); }
Datum range_sketch(FunctionCallInfo fcinfo, const RollupRow *row) { return of_range(fcinfo, row, sketch_state); }

} // namespace

TOPK_ANSWER(topk_summary, summary, 3)
TOPK_ANSWER(topk_sketch, sketch, 3)
TOPK_ANSWER(topk_range_summary, range_summary, 3)
TOPK_ANSWER(topk_range_sketch, range_sketch, 3)
