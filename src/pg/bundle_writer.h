// Writes exact counts of many groups, which are in order, as bundles (core/bundle.h).
#pragma once

#include "bundle.h"

namespace topk::pg {

// By tile, then by key.
struct SortedGroups {
    Kind kind;
    uint32 values;
    const ItemView *items; // in ascending order
    uint32 item_count;
    const Bundle::CountedGroup *groups;
    const TimestampTz *tiles; // of the groups
    uint32 group_count;
};

// The counts of some groups of a tile, as a bundle.
struct TileBundle {
    TimestampTz tile;
    int64 events;
    struct varlena *bytes;
};
using AppendBundle = void (*)(void *context, const TileBundle &bundle);

// Calls append(context, bundle) for each bundle, in order of the tiles. longest: bytes of a bundle; one of a single group
// may be longer.
void write_bundles(const SortedGroups &groups, size_t longest, AppendBundle append, void *context);

} // namespace topk::pg
