// A tally has the counts of one window and group: a Space-Saving summary, and as soon as that is no longer exact, a
// Count-Min sketch and HyperLogLog registers of all items. An exact summary contains everything that the other two could
// add. It stays exact as long as it takes no more bytes than the three would (window_size.h), and for at least as many items
// as the capacity.
#pragma once

#include "../core/cms.h"
#include "../core/hyperloglog.h"
#include "sketch.h"

namespace topk::pg {

// The parameters of a tally.
struct TallyShape {
    uint32_t capacity;
    uint32_t width; // of the Count-Min sketch; 0 for none
    uint32_t depth;
    Kind kind;
};

// A tally in stored form, as columns of a row; nullptr stands for NULL. items has exact counts in the format of item_list.h,
// or a bundle (bundle.h), which stands for all its groups together.
struct StoredTally {
    struct varlena *items;
    struct varlena *summary;
    struct varlena *sketch;
    struct varlena *registers;
};

enum class Purpose {
    merging,  // items and stored tallies may be added
    reading,  // only the summary is built, neither of the other two
    distinct, // the summary and the registers are built, no sketch
    exact,    // only the summary is built, with all items; the caller bounds their number and length
    counting, // only items are added; the sketch gets the weight of an item when the item leaves the summary, which saves
              // most updates
};

// A tally in memory, in the memory context that was current when it was created. Resetting that context frees it.
struct Tally {
    MemoryContext context;
    TallyShape shape;
    SpaceSaving *summary; // while it is exact, it has any number of items
    uint32_t exact_items; // with this many items, the sizes are compared again
    CountMin *sketch;     // nullptr while the summary is exact, and if the width is 0
    uint8 *registers;     // nullptr while the summary is exact
    Purpose purpose;
};

Tally *make_tally(const TallyShape &shape, Purpose purpose = Purpose::merging);

// For sums of lists, which nothing but exact counts must come out of.
inline Tally *make_exact_tally(Kind kind) { return make_tally({max_capacity, 0, 1, kind}, Purpose::exact); }

inline bool is_exact(const Tally *tally) { return tally->summary->floor() == 0; }

// Returns a tally for reading, or for distinct items, with the content of a stored one that has a summary.
Tally *load_tally(const TallyShape &shape, const StoredTally &stored, Purpose purpose);

// Counts an item, which must be of the kind of the tally. Weight 0 counts nothing.
void count_item(Tally *tally, const void *data, size_t length, uint64_t weight);

// Counts the items of an exact summary.
void count_all(Tally *tally, const SpaceSaving *exact);

// The fast path of count_item(); if it returns false, the caller must call that.
inline bool count_exact(Tally *tally, const void *data, size_t length, uint64_t weight) {
    return is_exact(tally) && tally->summary->count(SpaceSaving::key_of(data, length), weight);
}

// Adds a stored tally. A tally for reading needs only its items and summary, and can count them several times.
void merge_stored(Tally *tally, const StoredTally &stored, uint64_t times = 1);

// Returns a value compressed, if that makes it smaller.
struct varlena *compress(struct varlena *value);

// Returns the columns of a tile, with items nullptr. A tally for counting must not be used after that.
StoredTally store_tally(Tally *tally);
// Returns a sketch of everything that a tally for merging has counted, exact or not. The width of its shape is not 0.
struct varlena *store_sketch(Tally *tally);
// Returns the columns of a delta: items as long as the summary is exact. Values are compressed if that makes them smaller.
StoredTally store_delta(Tally *tally);

// Returns the bounds of an item: the lower bound of the summary, and the smaller upper bound of summary and sketch as count
// and upper.
Frequency tally_frequency(const Tally *tally, const void *data, size_t length);
// Does the same for a stored tally, without building it.
Frequency stored_frequency(const StoredTally &stored, Kind kind, const void *data, size_t length);

// An item whose lower bound is added up.
struct BoundedItem {
    uint64_t hash; // XXH3_64bits(), by which an array of them is sorted
    const uint8_t *data;
    uint32_t length;
    uint64_t *lower;
};
// Adds the lower bounds of these items in a stored tally, `times` times.
void add_lower_bounds(const StoredTally &stored, Kind kind, uint64_t times, BoundedItem *items, uint32_t n);

// Raises XX001 if stored counts are of another kind than the rollup.
void require_stored_kind(Kind stored, Kind wanted);

// Returns the weight of a stored tally. Raises XX001 if it has neither items nor a summary.
uint64_t stored_weight(const StoredTally &stored);
// The same, but 0 for a damaged tally, which must not be in the way of its removal.
uint64_t readable_weight(const StoredTally &stored);
// Return the weight, and the number of distinct items, which is exact or estimated from the registers.
inline uint64_t tally_weight(const Tally *tally) { return tally->summary->total(); }
int64 tally_distinct(const Tally *tally);
int64 stored_distinct(const StoredTally &stored);          // of one with a summary
int64 registers_estimate(const struct varlena *registers); // not toasted

} // namespace topk::pg
