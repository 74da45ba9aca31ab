#include "counted_windows.h"

#include "../catalog/rights.h"
#include "../catalog/rollup_name.h"
#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "../cluster/answer_row.h"
#include "arguments.h"

namespace topk::answer {
namespace {

struct Finder {
    const RollupRow *row;
    Level level;
    Span starts;
    TimestampTz now;
    Array<Span> found;
};

void add_window_of(Finder *finder, TimestampTz t) {
    if (TIMESTAMP_NOT_FINITE(t))
        return;
    if (finder->found.count != 0 && finder->found[finder->found.count - 1].contains(t))
        return;
    const Span window = window_of(finder->row, finder->level, t);
    if (window.stop <= finder->now && finder->starts.contains(window.start))
        finder->found.add(window);
}

void sort_windows(Array<Span> *windows) {
    std::sort(windows->begin(), windows->end(), [](const Span &a, const Span &b) { return a.start < b.start; });
    windows->count = static_cast<int>(
        std::unique(windows->begin(), windows->end(), [](const Span &a, const Span &b) { return a.start == b.start; }) -
        windows->begin());
}

// The group is not looked at where that would take long: a window without counts of it is empty.
Array<Span> counted_here(const RollupRow *row, Level level, const char *kind, Span starts, ArrayType *grp) {
    Finder finder = {row, level, starts, GetCurrentTransactionStartTimestamp(), {}};
    const Snapshot snapshot = GetActiveSnapshot();
    RowScan scan;
    Tile tile;
    begin_tiles(&scan, row->id, level, grp, starts, snapshot);
    while (next_tile(&scan, &tile))
        add_window_of(&finder, tile.key.start);
    SnapshotRow kept;
    begin_snapshots(&scan, row->id, kind, grp, starts, snapshot);
    while (next_snapshot(&scan, &kept))
        add_window_of(&finder, kept.window.start);
    begin_unfinished(&scan, row->id, Level::tile, grp, DT_NOBEGIN, finder.now, snapshot);
    while (next_tile(&scan, &tile))
        add_window_of(&finder, tile.key.start);
    SetAside aside;
    begin_set_aside(&scan, row->id, {DT_NOBEGIN, finder.now}, snapshot);
    while (next_set_aside(&scan, &aside))
        add_window_of(&finder, aside.delta.form.tile);
    DeltaScan deltas;
    begin_delta_scan(&deltas, snapshot, row->id);
    while (HeapTuple tuple = next_delta(&deltas)) {
        Form_topk_delta form = delta_form(tuple);
        if (form->rollup == row->id)
            add_window_of(&finder, form->tile);
    }
    sort_windows(&finder.found);
    return finder.found;
}

// Whether no event of the group is known in a window.
bool is_empty(const RollupRow *row, Level level, Span window, ArrayType *grp) {
    const Pieces pieces = window_pieces(row, {level, window, group_alone(grp)});
    return pieces.parts.count == 0 && pieces.missing.count == 0;
}

// counted_windows(rollup, window_kind, since, until, group_key). A user who may ask for some groups does not see in which
// windows others have counts.
Datum counted_windows(FunctionCallInfo fcinfo, const RollupRow *row) {
    const Level level = level_argument(fcinfo, 1, row);
    const char *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const Span starts = starts_arguments(fcinfo, row, 1, 2);
    ArrayType *grp = group_argument(fcinfo, 4, row);
    const bool exact = !permission_of({row->id, row->source}).all;
    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (const Span &window : counted_here(row, level, kind, starts, grp)) {
        if (exact && is_empty(row, level, window, grp))
            continue;
        const Datum values[] = {TimestampTzGetDatum(window.start), TimestampTzGetDatum(window.stop)};
        const bool nulls[2] = {};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

Parameter time_parameter(TimestampTz time) {
    auto *bytes = static_cast<uint64 *>(palloc(sizeof(uint64)));
    *bytes = pg_hton64(static_cast<uint64>(time));
    return {TIMESTAMPTZOID, reinterpret_cast<const char *>(bytes), sizeof(*bytes), true};
}

} // namespace

CountedWindows counted_everywhere(const Array<const char *> &nodes, const RollupRow *row, Level level, const char *kind,
                                  Span starts, ArrayType *grp) {
    const Parameter parameters[] = {text_parameter(qualified_name(row->source, row->name)), text_parameter(kind),
                                    time_parameter(starts.start), time_parameter(starts.stop), group_parameter(grp)};
    Question *question =
        begin_question(nodes, "SELECT window_start, window_end FROM topk.counted_windows($1, $2, $3, $4, $5)", parameters,
                       lengthof(parameters));
    CountedWindows counted = {counted_here(row, level, kind, starts, grp), {1, {}}};
    await_answers(question);
    for (const Node &node : question->nodes) {
        if (node.failed) {
            counted.answered.missing.add(node.name);
            continue;
        }
        const PGresult *result = answer_of(node);
        if (PQnfields(result) != 2)
            raise_malformed();
        for (int i = 0; i < PQntuples(result); ++i) {
            const AnswerRow line = {result, i};
            const Span window = {line.int8(0), line.int8(1)};
            const Span here = window_of(row, level, window.start);
            if (here.start != window.start || here.stop != window.stop)
                ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                                errmsg("node \"%s\" has other windows of rollup \"%s\"", node.name, row->name),
                                errdetail("A rollup needs the same grain and time zone on all nodes.")));
            counted.windows.add(window);
        }
    }
    end_question(question);
    sort_windows(&counted.windows);
    return counted;
}

} // namespace topk::answer

TOPK_ANSWER(topk_counted_windows, topk::answer::counted_windows, 4)
