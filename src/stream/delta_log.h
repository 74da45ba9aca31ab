// The delta log: what statements counted and no fold has taken away yet. README.md says why it has slots.
#pragma once

#include "../catalog/tables.h"

namespace topk::stream {

enum class DeltaScope : char {
    raw = 'r',   // counts for its group and for all groups
    group = 'g', // compacted: for its group only
    all = 'a',   // compacted: for all groups only
};

// One row. Pointers are varlena values as the row has them, perhaps toasted, or nullptr for NULL; items excludes the three
// after it.
struct Delta {
    TimestampTz tile; // DT_NOBEGIN: rejected events, counted without items
    int64 events;
    int32 rollup;
    DeltaScope scope;
    ArrayType *grp;
    struct varlena *items;
    struct varlena *summary;
    struct varlena *sketch;
    struct varlena *registers;
};

// Appends a row of the current transaction, whoever its user is. May raise any error of an insertion.
void append_delta(const Delta &delta);

// Called for each row that is appended, whether it will be committed or not. Must be quick.
extern void (*delta_append_hook)(const Delta &delta);
// Called after the commit of a transaction that appended rows. Must not raise an error.
extern void (*log_commit_hook)(uint32 rows);

// Reads the rows that a snapshot sees. Raises 40001 where the snapshot is too old for the log to have them still, which
// takes a snapshot on a standby that outlived a rotation, or one of several that a transaction holds.
struct DeltaScan {
    Snapshot snapshot;
    char state[slot_count]; // the first letter of topk.log_slot.state, 0 where there is nothing to read
    int slot;
    Relation relation;
    TableScanDesc scan;
};
void begin_delta_scan(DeltaScan *scan, Snapshot snapshot);
// Valid until the next call; nullptr at the end, which also ends the scan.
HeapTuple next_delta(DeltaScan *scan);
void end_delta_scan(DeltaScan *scan);
// Whether the row that was read last waits in a slot that is to be emptied.
inline bool is_draining(const DeltaScan *scan) { return scan->state[scan->slot] != 'a'; }

// The four columns that say whose a row is. Cheap: they come first and are never NULL.
struct DeltaKey {
    TimestampTz tile;
    int64 events;
    int32 rollup;
    DeltaScope scope;
};
inline DeltaKey delta_key(HeapTuple tuple) {
    const char *at = reinterpret_cast<char *>(tuple->t_data) + tuple->t_data->t_hoff;
    DeltaKey key;
    memcpy(&key.tile, at, sizeof(key.tile));
    memcpy(&key.events, at + 8, sizeof(key.events));
    memcpy(&key.rollup, at + 16, sizeof(key.rollup));
    key.scope = static_cast<DeltaScope>(at[20]);
    return key;
}
Delta read_delta(HeapTuple tuple, TupleDesc descriptor);
// Whether it is of this group, nullptr being none.
bool delta_in_group(HeapTuple tuple, TupleDesc descriptor, const ArrayType *grp);

// Makes the next empty slot the active one when that has grown, and empties slots that nobody can need any more. One at a
// time; returns without waiting when another transaction is at it. At READ COMMITTED only.
void rotate_log();

} // namespace topk::stream
