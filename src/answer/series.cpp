// topk.series(): one item in the windows of a span.
#include "across.h"
#include "arguments.h"

namespace {

using namespace topk;
using namespace topk::answer;

constexpr int max_windows = 100000;

// A window and the bounds of the item in it.
struct Point {
    Span window;
    Frequency bounds;
    bool complete;
};

Array<Point> windows_of(const RollupRow *row, Level level, Span span) {
    Array<Point> points = {};
    Span window = window_of(row, level, span.start);
    for (;; window = window_of(row, level, window.stop)) {
        CHECK_FOR_INTERRUPTS();
        if (points.count == max_windows)
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a series has at most %d windows", max_windows),
                            errhint("Ask for a shorter span, or for longer windows.")));
        points.add({window, {}, true});
        if (window.stop >= span.stop)
            return points;
    }
}

Point *point_of(const Array<Point> &points, TimestampTz t) {
    return std::upper_bound(points.elements, points.elements + points.count, t,
                            [](TimestampTz time, const Point &point) { return time < point.window.start; }) -
           1;
}

// Adds what pieces have of the item, each to the point of its window.
void add_to_points(const RollupRow *row, const Array<Point> &points, const Pieces &pieces, const ItemArgument &item) {
    MemoryContext piece_context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk piece", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(piece_context);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        add_frequency(&point_of(points, piece.span.start)->bounds,
                      stored_frequency(piece.values, row->shape.kind, item.data, item.length));
        MemoryContextReset(piece_context);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(piece_context);
    for (const Span &missing : pieces.missing)
        point_of(points, missing.start)->complete = false;
}

// The same with what the nodes have, for some windows at a time.
void add_across_nodes(const RollupRow *row, const Array<Point> &points, const Pieces &own, const AskedGroups &groups,
                      const ItemArgument &item) {
    constexpr int most = 32;
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk series", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = CurrentMemoryContext;
    Answered answered = {};
    for (int i = 0; i < points.count; i += most) {
        const int n = std::min(most, points.count - i);
        MemoryContextSwitchTo(scratch);
        Span windows[most];
        Pieces pieces[most] = {};
        for (int j = 0; j < n; ++j)
            windows[j] = points[i + j].window;
        divide(own, windows, n, pieces);
        const Answered now = add_across(ask_across(row, windows, n, groups, Content::sketch, nullptr, &answered), pieces);
        for (int j = 0; j < n; ++j)
            add_to_points(row, points, pieces[j], item);
        MemoryContextSwitchTo(caller);
        for (const char *name : now.missing)
            answered.missing.add(pstrdup(name));
        MemoryContextReset(scratch);
    }
}

// series(rollup, item, window_kind, since, until, group_key)
Datum series(FunctionCallInfo fcinfo, const RollupRow *row) {
    const ItemArgument item = item_argument(fcinfo, 1, row->shape.kind);
    const Level level = level_argument(fcinfo, 2, row);
    if (PG_ARGISNULL(3))
        raise_null("since");
    const Span asked = {time_argument(fcinfo, 3), time_argument(fcinfo, 4)};
    require_later(asked.stop, asked.start);
    const AskedGroups groups = groups_argument(fcinfo, 5, row);

    const Array<Point> points = windows_of(row, level, asked);
    const Span span = {points[0].window.start, points[points.count - 1].window.stop};
    const Lost lost = read_lost(row->id, GetActiveSnapshot());
    Cover cover = {};
    for (const Point &point : points) {
        LevelSpan *last = cover.parts.count == 0 ? nullptr : &cover.parts[cover.parts.count - 1];
        if (last != nullptr && last->level == level && last->span.stop == point.window.start &&
            !is_lost(lost, level, point.window))
            last->span.stop = point.window.stop; // windows that follow each other are read together
        else
            add_window(&cover, row, lost, level, point.window);
    }
    const Pieces pieces = cover_pieces(row, cover, span, groups);
    if (nodes_to_ask(row, nullptr).count == 0)
        add_to_points(row, points, pieces, item);
    else
        add_across_nodes(row, points, pieces, groups, item);

    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (const Point &point : points) {
        const Datum values[] = {TimestampTzGetDatum(point.window.start),
                                TimestampTzGetDatum(point.window.stop),
                                Int64GetDatum(static_cast<int64>(point.bounds.upper)),
                                Int64GetDatum(static_cast<int64>(point.bounds.lower)),
                                Int64GetDatum(static_cast<int64>(point.bounds.upper)),
                                BoolGetDatum(point.complete)};
        const bool nulls[lengthof(values)] = {};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

} // namespace

TOPK_ANSWER(topk_series, series, 5)
