#include "cover.h"

namespace topk::catalog {
namespace {

// The first beginning of a window that is not earlier than t.
TimestampTz round_up(const RollupRow *row, Level level, TimestampTz t) {
    if (TIMESTAMP_NOT_FINITE(t))
        return t;
    const Span window = window_of(row, level, t);
    return window.start == t ? t : window.stop;
}

TimestampTz round_down(const RollupRow *row, Level level, TimestampTz t) {
    return TIMESTAMP_NOT_FINITE(t) ? t : window_of(row, level, t).start;
}

void add(Array<Span> *spans, TimestampTz start, TimestampTz stop) {
    if (start < stop)
        spans->add({start, stop});
}

// Covers as much of a span as it can with windows of one level, and adds the rest to `left`.
void cover_with(Cover *cover, const RollupRow *row, const Lost &lost, Level level, Span span, Array<Span> *left) {
    const Span gone = lost.levels[static_cast<int>(level)];
    Span kept[2] = {span, {span.stop, span.stop}};
    if (is_lost(lost, level, span)) {
        kept[0].stop = std::max(gone.start, span.start);
        kept[1].start = std::min(gone.stop, span.stop);
    }
    TimestampTz at = span.start;
    for (const Span &part : kept) {
        if (part.start >= part.stop)
            continue;
        const Span whole = {round_up(row, level, part.start), round_down(row, level, part.stop)};
        if (whole.start >= whole.stop)
            continue;
        add(left, at, whole.start);
        cover->parts.add({level, whole});
        at = whole.stop;
    }
    add(left, at, span.stop);
}

void read_rows(Array<Tile> *rows, const RollupRow *row, const ArrayType *grp, LevelSpan part, Snapshot snapshot) {
    RowScan scan;
    begin_tiles(&scan, row->id, part.level, grp, part.span, snapshot);
    Tile tile;
    while (next_tile(&scan, &tile))
        if (tile.stop <= part.span.stop && (tile.finished || part.level != Level::tile))
            rows->add(tile);
}

} // namespace

Cover cover_span(const RollupRow *row, const Lost &lost, Span span, Level largest) {
    Cover cover = {};
    Array<Span> spans = {};
    add(&spans, span.start, span.stop);
    for (int level = static_cast<int>(largest); level >= 0; --level) {
        if (!row->kept[level])
            continue;
        Array<Span> left = {};
        for (const Span &part : spans)
            cover_with(&cover, row, lost, static_cast<Level>(level), part, &left);
        spans = left;
    }
    cover.missing = spans;
    return cover;
}

Array<Tile> read_cover(const RollupRow *row, const ArrayType *grp, const Cover &cover, Snapshot snapshot) {
    Array<Tile> rows = {};
    for (const LevelSpan &part : cover.parts)
        read_rows(&rows, row, grp, part, snapshot);
    return rows;
}

Array<Tile> read_remains(const RollupRow *row, const ArrayType *grp, const Cover &cover, Snapshot snapshot) {
    Array<Tile> all = {};
    Array<Span> spans = cover.missing;
    for (int level = level_count - 1; level >= 0; --level) {
        if (!row->kept[level])
            continue;
        Array<Span> left = {};
        for (const Span &span : spans) {
            Array<Tile> rows = {};
            read_rows(&rows, row, grp, {static_cast<Level>(level), span}, snapshot);
            std::sort(rows.begin(), rows.end(), [](const Tile &a, const Tile &b) { return a.key.start < b.key.start; });
            TimestampTz at = span.start;
            for (const Tile &tile : rows) {
                add(&left, at, tile.key.start);
                at = tile.stop;
                all.add(tile);
            }
            add(&left, at, span.stop);
        }
        spans = left;
    }
    return all;
}

} // namespace topk::catalog
