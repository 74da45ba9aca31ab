// The delta log: what statements counted and no fold has taken away yet. README.md says why it has slots.
#pragma once

#include "../catalog/delta.h"
#include "../catalog/log_slot.h"

namespace topk::stream {

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
    SlotState states[slot_count]; // as the snapshot sees them
    int slot;
    Relation relation;
    TableScanDesc scan;
};
void begin_delta_scan(DeltaScan *scan, Snapshot snapshot);
// Valid until the next call; nullptr at the end, which also ends the scan.
HeapTuple next_delta(DeltaScan *scan);
void end_delta_scan(DeltaScan *scan);
// Whether the row that was read last waits in a slot that is to be emptied.
inline bool is_draining(const DeltaScan *scan) { return scan->states[scan->slot] != SlotState::active; }

// Makes the next empty slot the active one when that has grown, and empties slots that nobody can need any more. One at a
// time; returns without waiting when another transaction is at it. At READ COMMITTED only.
void rotate_log();

} // namespace topk::stream
