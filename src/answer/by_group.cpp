// topk.top_by_group(): the top k of every group.
#include "../catalog/rights.h"
#include "across.h"
#include "arguments.h"
#include "ranking.h"
#include "rows.h"

namespace {

using namespace topk;
using namespace topk::answer;

struct GroupRanking {
    ArrayType *grp;
    Ranking ranking;
};

struct Line {
    const GroupRanking *group;
    uint32_t place;
};

// top_by_group(rollup, window_kind, at, k)
Datum top_by_group(FunctionCallInfo fcinfo, const RollupRow *row) {
    if (row->group_count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rollup \"%s\" has no groups", row->name)));
    const Level level = level_argument(fcinfo, 1, row);
    const Span window = window_of(row, level, time_argument(fcinfo, 2));
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    const Permission permission = permission_of({row->id, row->source});
    Array<GroupPieces> groups = {};
    for (const GroupPieces &group : pieces_by_group(row, level, window))
        if (permits(permission, group.grp))
            groups.add(group);
    add_groups_across(row, level, window, &groups);
    if (groups.count != 0)
        warn_of_missing(groups[0].pieces);
    Array<GroupRanking> rankings = {};
    rankings.reserve(groups.count);
    Array<Line> lines = {};
    for (const GroupPieces &group : groups) {
        const GroupRanking *ranking = &rankings.add({group.grp, ranking_of(row, group.pieces, k)});
        for (uint32_t i = 0; i < ranking->ranking.n; ++i)
            lines.add({ranking, i});
    }
    return return_items<entry_columns + 2>(
        fcinfo, row, lines.count,
        [&](int i) { return item_text(lines[i].group->ranking, lines[i].group->ranking.entries[lines[i].place]); },
        [&](int i, Datum item, Datum *values, bool *) {
            values[0] = PointerGetDatum(lines[i].group->grp);
            fill_entry(lines[i].group->ranking, lines[i].place, item, values + 1);
        });
}

} // namespace

TOPK_ANSWER(topk_top_by_group, top_by_group, topk::answer::permitted_groups)
