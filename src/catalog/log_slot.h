// topk.log_slot: the state of each slot of the delta log (src/stream/README.md).
#pragma once

#include "tables.h"

namespace topk::catalog {

enum class SlotState { empty, active, draining, folded };

inline bool is_readable(SlotState state) { return state == SlotState::active || state == SlotState::draining; }

struct LogSlot {
    SlotState state;
    TransactionId changed_by;
    ArrayType *holders; // transactions that can see none of its rows (stream/log_rotation.cpp)
};

// Into arrays of slot_count. A slot without a row is empty.
void read_slot_states(Snapshot snapshot, SlotState *states); // nullptr: the latest
void read_slots(LogSlot *slots);                             // as they are now

// Within as_owner(). After each of these, all sessions read the states again.
void set_slot_state(int slot, SlotState state);
void activate_slot(int slot, const ArrayType *holders);
// Makes folds and answers read a slot into which a restored dump has put rows, unless it is the active one.
void drain_restored_slot(int slot);

} // namespace topk::catalog
