// All that a rollup holds for a span of time, by one snapshot: rows of levels, tiles that are not in them yet, and deltas.
#pragma once

#include "../stream/delta_log.h"
#include "../catalog/cover.h"
#include "../pg/array.h"

namespace topk::answer {

// One part of an answer. Its values may be toasted.
struct Piece {
    Span span; // of the window or tile that it is of
    int64 events;
    StoredTally values;
};

struct Pieces {
    Array<Piece> parts;
    Array<Span> missing; // retention has removed counts of these times; the parts may have some of them
    // The question; row is nullptr if there was none.
    const RollupRow *row;
    Span span;
    bool all_groups;
    int deltas; // of the rollup, that the log has for any time
    int lists;  // of the log, that leaders have and parts does not
};

// The counts that are asked for: of all groups together, or of some groups. The key {} is that of the overflow group.
struct AskedGroups {
    ArrayType *given; // as in the question; nullptr: all groups together
    ArrayType **keys; // no two are equal
    int count;
};
// One group, or all of them together (nullptr).
AskedGroups group_alone(ArrayType *grp);

struct GroupPieces {
    ArrayType *grp; // nullptr: all groups
    Pieces pieces;
};

// In groups that are in the order of compare_groups(). Inserts a copy, without pieces.
GroupPieces *find_group(Array<GroupPieces> &groups, const ArrayType *grp); // nullptr: it is not there
GroupPieces *insert_group(Array<GroupPieces> *groups, const ArrayType *grp);

// The window of a level.
struct AskedWindow {
    Level level;
    Span span;
    AskedGroups groups;
};

// Everything that the active snapshot sees in the window.
Pieces window_pieces(const RollupRow *row, const AskedWindow &window);
// The same for the first k items. The lists of the log are added to leaders if that suffices; otherwise, lists is 0.
Pieces leading_pieces(const RollupRow *row, const AskedWindow &window, uint32_t k, struct Leaders *leaders);
// The same for a span of whole tiles.
Pieces range_pieces(const RollupRow *row, Span span, const AskedGroups &groups);
// The same for a span whose finished tiles are counted by the rows of a cover.
Pieces cover_pieces(const RollupRow *row, const Cover &cover, Span span, const AskedGroups &groups);
// The same for each group that has counts in the window of a level, in one pass over the log.
Array<GroupPieces> pieces_by_group(const RollupRow *row, Level level, Span span);
extern Span asked_span; // of the last call, for messages

// Adds a span of whole tiles to a cover, as windows up to a level.
void add_span(Cover *cover, const RollupRow *row, const Lost &lost, Span span, Level largest);
// Adds a window to a cover: its own row, or shorter windows where retention may have removed that.
void add_window(Cover *cover, const RollupRow *row, const Lost &lost, Level level, Span window);

// Whether the rollup has counted events of the group, in a fold or in the log.
bool is_known(const RollupRow *row, ArrayType *grp);
// Returns how many events of a span the overflow group has, if a group without counts of its own is asked for: some of them
// may be of the group. Returns 0 otherwise.
int64 unassigned_events(const RollupRow *row, Span span, const AskedGroups &groups);

// Adds the parts of others.
void add_pieces(Pieces *pieces, const Pieces &others);
// The first span whose counts are missing; nullptr: there is none.
const Span *first_missing(const Pieces &pieces);
// Warns if retention has removed counts (warnings.cpp).
void warn_of_missing(const Pieces &pieces);
// Does so for the span that was asked. Also tells of an empty span that lies before what the rollup has counted, and warns,
// once in a session, if nothing folds the rollup.
void tell_of(const Pieces &pieces);
// Tells why there are no snapshots, if nothing has folded the rollup.
void tell_of_no_snapshots(const RollupRow *row);
// The number of events in them.
int64 events_of(const Pieces &pieces);
// The bounds of an item. The sum of the parts' bounds is never worse than the bound of their sum.
Frequency frequency_of(const RollupRow *row, const Pieces &pieces, const void *data, size_t length);
void add_frequency(Frequency *sum, const Frequency &part);

// Their sum: a stored summary when that is all there is, otherwise a tally; both nullptr when there is nothing.
struct Sum {
    struct varlena *stored;
    struct varlena *registers; // of the stored summary
    Tally *tally;
};
// For reading, or for the number of distinct items too.
Sum sum_of(const RollupRow *row, const Pieces &pieces, Purpose purpose = Purpose::reading);
// Their sum as a tally, also of nothing.
Tally *tally_of(const RollupRow *row, const Pieces &pieces, Purpose purpose);
// Their sum as a tally with the sketch of all of them.
Tally *sum_with_sketch(const RollupRow *row, const Pieces &pieces);

} // namespace topk::answer
