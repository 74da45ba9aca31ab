// topk.log_slot: the state of each slot of the delta log (src/stream/README.md).
#pragma once

#include "tables.h"

namespace topk::catalog {

enum class SlotState { empty, active, draining, folded };

inline bool is_readable(SlotState state) { return state == SlotState::active || state == SlotState::draining; }

struct LogSlot {
    SlotState state;
    TransactionId changed_by;
    ArrayType *holders; // transactions that can see none of its rows (log_rotation.cpp)
};

// Into arrays of slot_count. A slot without a row is empty.
void read_slot_states(Snapshot snapshot, SlotState *states); // nullptr: the latest
void read_slots(LogSlot *slots);                             // as they are now

// Within as_owner(). Each makes all sessions read the states again.
void set_slot_state(int slot, SlotState state);
void activate_slot(int slot, const ArrayType *holders);
// Rows that a restored dump brought to a slot that is not active have to be read, and moved on.
void drain_restored_slot(int slot);

} // namespace topk::catalog
