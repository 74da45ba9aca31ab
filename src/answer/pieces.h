// All that a rollup holds for a span of time, by one snapshot: rows of levels, tiles that are not in them yet, and deltas.
#pragma once

#include "../stream/delta_log.h"
#include "../catalog/cover.h"
#include "../pg/array.h"

namespace topk::answer {

// One part of an answer. Its values may be toasted.
struct Piece {
    int64 events;
    StoredTally values;
};

struct Pieces {
    Array<Piece> parts;
    Array<Span> missing; // retention has removed counts of these times; the parts may have some of them
    // What was asked; row is nullptr if nothing was.
    const RollupRow *row;
    Span span;
    bool all_groups;
    int deltas; // of the rollup, that the log has for any time
};

// The window of a level. grp: nullptr for all groups, {} for the overflow group.
struct AskedWindow {
    Level level;
    Span span;
    ArrayType *grp;
};

// Everything that the active snapshot sees in the window.
Pieces window_pieces(const RollupRow *row, const AskedWindow &window);
// The same for a span of whole tiles.
Pieces range_pieces(const RollupRow *row, Span span, ArrayType *grp);
extern Span asked_span; // of the last call, for messages

// Returns how many events of a span the overflow group has, if the group is another one without counts of its own: some of
// them may be of the group. Returns 0 otherwise.
int64 unassigned_events(const RollupRow *row, Span span, ArrayType *grp);

// The first span whose counts are missing; nullptr: there is none.
const Span *first_missing(const Pieces &pieces);
// Warns if retention has removed counts (warnings.cpp).
void warn_of_missing(const Pieces &pieces);
// Does so for the span that was asked. Also tells of an empty span that lies before what the rollup has counted, and warns,
// once in a session, if nothing folds the rollup.
void tell_of(const Pieces &pieces);
// The number of events in them.
int64 events_of(const Pieces &pieces);
// The bounds of an item. The sum of the parts' bounds is never worse than the bound of their sum.
Frequency frequency_of(const RollupRow *row, const Pieces &pieces, const void *data, size_t length);
void add_frequency(Frequency *sum, const Frequency &part);

// Their sum: a stored summary when that is all there is, otherwise a tally; both nullptr when there is nothing.
struct Sum {
    struct varlena *stored;
    Tally *tally;
};
Sum sum_of(const RollupRow *row, const Pieces &pieces);

} // namespace topk::answer
