// What a rollup knows of a span of time, by one snapshot: rows of levels, tiles that are not in them yet, and deltas.
#pragma once

#include "../stream/delta_log.h"
#include "../catalog/tile.h"

namespace topk::answer {

// The rollup of this name, which the current user may ask (rights.h).
void find_readable(const char *name, RollupRow *row);

// One part of an answer. Its values are toasted, perhaps.
struct Piece {
    int64 events;
    StoredTally values;
};

struct Pieces {
    Piece *pieces;
    int count;
};

// Everything in the window of this level that contains t; grp: nullptr for all groups, {} for the overflow group.
Pieces window_pieces(const RollupRow *row, Level level, Span span, const ArrayType *grp, Snapshot snapshot);
// Everything in a span of whole tiles.
Pieces range_pieces(const RollupRow *row, Span span, const ArrayType *grp, Snapshot snapshot);

// Their sum: a stored summary when that is all there is, otherwise a tally; both nullptr when there is nothing.
struct Sum {
    struct varlena *stored;
    Tally *tally;
};
Sum sum_of(const RollupRow *row, const Pieces &pieces);

} // namespace topk::answer
