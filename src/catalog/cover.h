// Which rows of topk.tile have the counts of a span, where retention has removed some.
#pragma once

#include "rollup_state.h"

namespace topk::catalog {

// A cover of a span. Disjoint parts of it are whole windows of a level, and the rows of that level have all that their
// finished tiles have counted. The rest is missing: no level has all its counts any more.
struct Cover {
    Array<LevelSpan> parts;
    Array<Span> missing;
};

// Covers a span of whole tiles with windows up to a level, longer windows before shorter ones. A span may begin and end in
// infinity.
Cover cover_span(const RollupRow *row, const Lost &lost, Span span, Level largest);

// Whether retention may have removed the row of a window, or counts that it would have.
inline bool is_lost(const Lost &lost, Level level, Span window) {
    const Span &gone = lost.levels[static_cast<int>(level)];
    return window.start < gone.stop && gone.start < window.stop;
}

// Returns the rows of a group for the parts of a cover, by a snapshot. Of tiles it returns those that are finished.
Array<Tile> read_cover(const RollupRow *row, const ArrayType *grp, const Cover &cover, Snapshot snapshot);
// Returns rows for what is missing. They have only a part of what was counted there, for example late events.
Array<Tile> read_remains(const RollupRow *row, const ArrayType *grp, const Cover &cover, Snapshot snapshot);

} // namespace topk::catalog
