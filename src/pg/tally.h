// The counts of one window and group: a Space-Saving summary and, once that is no longer exact, a Count-Min sketch and
// HyperLogLog registers of all its items. While the summary is exact it knows all that the other two would say.
#pragma once

#include "../core/cms.h"
#include "../core/hyperloglog.h"
#include "sketch.h"

namespace topk::pg {

// What a tally is made with.
struct TallyShape {
    uint32_t capacity;
    uint32_t width; // of the Count-Min sketch; 0: none is kept
    uint32_t depth;
    Kind kind;
};

// A tally in stored form, as the columns of a row; nullptr is NULL. items: exact counts in the format of item_list.h.
struct StoredTally {
    struct varlena *items;
    struct varlena *summary;
    struct varlena *sketch;
    struct varlena *registers;
};

enum class Purpose {
    merging,  // anything may be added
    reading,  // only the summary is wanted: neither of the other two is ever made
    counting, // only count_item(): the sketch gets the weight of an item when it leaves the summary, which spares most
              // updates
};

// A tally being built, in the memory context that was current when it was made. Plain memory: resetting the context is
// enough.
struct Tally {
    MemoryContext context;
    TallyShape shape;
    SpaceSaving *summary;
    CountMin *sketch; // nullptr while exact, and where the shape has none
    uint8 *registers; // nullptr while exact
    Purpose purpose;
};

Tally *make_tally(const TallyShape &shape, Purpose purpose = Purpose::merging);

inline bool is_exact(const Tally *tally) { return tally->summary->floor() == 0; }

// One for reading with the content of a stored summary that is no longer exact.
Tally *load_tally(const TallyShape &shape, struct varlena *summary);

// Counts an item of the tally's kind. Weight 0 counts nothing.
void count_item(Tally *tally, const void *data, size_t length, uint64_t weight);

// Counts the items of a summary that is exact.
void count_all(Tally *tally, const SpaceSaving *exact);

// The hot path of count_item(): false when that has to be called.
inline bool count_exact(Tally *tally, const void *data, size_t length, uint64_t weight) {
    return is_exact(tally) && tally->summary->count(SpaceSaving::key_of(data, length), weight);
}

// Whether one more distinct item would end exactness.
inline bool is_full(const Tally *tally) { return is_exact(tally) && tally->summary->size() >= tally->summary->capacity(); }

// Adds a stored one, of which a tally for reading needs no more than items and summary.
void merge_stored(Tally *tally, const StoredTally &stored);

// The columns of a tile. items stays nullptr. A tally for counting is finished then.
StoredTally store_tally(Tally *tally);
// The smallest form, for the delta log: items while exact, compressed where that helps.
StoredTally store_delta(Tally *tally);

// What is known of an item: the lower bound of the summary, the lower of the two sketches' upper bounds as count and upper.
Frequency tally_frequency(const Tally *tally, const void *data, size_t length);
// The same of a stored one, without building it.
Frequency stored_frequency(const StoredTally &stored, Kind kind, const void *data, size_t length);

// Raises XX001 for stored counts of another kind than the rollup's.
void require_stored_kind(Kind stored, Kind wanted);

// Weight and number of distinct items (exact, or estimated from the registers).
uint64_t tally_weight(const Tally *tally);
int64 tally_distinct(const Tally *tally);
int64 registers_estimate(const struct varlena *registers);

} // namespace topk::pg
