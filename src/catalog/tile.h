// The rows of topk.tile.
#pragma once

#include "rollup.h"

namespace topk::catalog {

struct TileKey {
    int32 rollup;
    Level level;
    ArrayType *grp; // nullptr: all groups
    TimestampTz start;
};

// A row as it was read; the values are those of a copy of it, perhaps toasted.
struct Tile {
    TileKey key;
    TimestampTz stop;
    int64 events;
    bool finished;
    ItemPointerData place;
    StoredTally values;
};

// What the values take in the table or beside it, without headers.
int64 stored_bytes(const StoredTally &values);

// False when the snapshot, nullptr being the latest, sees none.
bool find_tile(const TileKey &key, Snapshot snapshot, Tile *tile);

// The unfinished rows of a level and group (any_group: of all) that end after `after` and not later than `until`.
struct TileScan {
    Relation relation;
    SysScanDesc scan;
};
void begin_unfinished(TileScan *scan, int32 rollup, Level level, bool any_group, ArrayType *grp, TimestampTz after,
                      TimestampTz until, Snapshot snapshot);
bool next_unfinished(TileScan *scan, Tile *tile);

// Within as_owner(). Each makes its change visible to what follows.
void insert_tile(Tile *tile);
void update_tile(Tile *tile); // events, finished and values, by place
void finish_tile(Tile *tile); // finished alone

} // namespace topk::catalog
