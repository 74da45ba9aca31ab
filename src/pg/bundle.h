// Bundles (core/bundle.h) in values of the server: keys as arrays of text, lists as parts of tallies.
#pragma once

#include "../core/bundle.h"
#include "pg.h"

extern "C" {
#include "utils/array.h"
}

namespace topk::pg {

struct Tally;

// Whether items of a delta are a bundle. The value must be detoasted.
bool is_bundle(const struct varlena *items);

// The key of a group in a bundle, as an array of text, and the other way round.
ArrayType *group_array(const ItemView &key, uint32 values);
ItemView group_key(const ArrayType *group);

// A bundle that was read. Its lists lie in the bytes of the bundle.
struct BundleContent {
    uint32 values;
    uint32 item_count;
    ItemView *items;
    uint32 group_count;
    Bundle::Group *groups;
    uint64_t total; // the weight of all groups together
};
// Raises XX001 if the bytes are no bundle, or of another kind of items.
BundleContent read_bundle(const struct varlena *bundle, Kind kind);
// Reads the lists of all groups too. Sets count to their number.
Bundle::GroupCount *read_bundle_counts(const struct varlena *bundle, Kind kind, BundleContent *content, uint32 *count);
// The counts of one group as an item list, and the number of its events; nullptr if the bundle does not have the group.
struct varlena *read_bundle_group(const struct varlena *bundle, Kind kind, const ItemView &key, int64 *events);

// The items of all groups together.
struct BundleItems {
    uint32 count;
    ItemView *items;
    uint64_t *weights;
};
BundleItems read_all_groups(const struct varlena *bundle, Kind kind);
void free_items(const BundleItems &items);
// Adds the counts of all groups together, `times` times.
void merge_all_groups(Tally *tally, const struct varlena *bundle, uint64_t times);
// The weight of an item in all groups together.
uint64_t weight_in_bundle(const struct varlena *bundle, Kind kind, const void *data, size_t length);
// Exact counts as an item list. Items are in ascending order, and so are the counts, which refer to them.
struct varlena *item_list(Kind kind, const ItemView *items, const Bundle::Count *counts, uint32 n);
// The counts of a group as an item list.
struct varlena *group_items(const BundleContent &content, const Bundle::Group &group, Kind kind);

} // namespace topk::pg
