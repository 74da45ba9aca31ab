#include "log_slot.h"

#include <algorithm>

#include "row.h"
#include "scan.h"
#include "statement.h"

namespace topk::catalog {
namespace {

enum Column { slot = 1, state, holders, column_count = holders };

constexpr const char *state_names[] = {"empty", "active", "draining", "folded"}; // by SlotState

Value state_value(SlotState of) { return Value::string(state_names[static_cast<int>(of)]); }

SlotState state_of(Datum name) {
    const text *string = DatumGetTextPP(name);
    const size_t length = VARSIZE_ANY_EXHDR(string);
    for (size_t i = 0; i < lengthof(state_names); ++i)
        if (strlen(state_names[i]) == length && memcmp(state_names[i], VARDATA_ANY(string), length) == 0)
            return static_cast<SlotState>(i);
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("unknown state in topk.log_slot")));
    pg_unreachable();
}

// Calls visit(slot, tuple, row) for each row.
template <class Visit>
void for_each_row(Snapshot snapshot, const Visit &visit) {
    RowScan rows;
    begin_rows(&rows, table_oid(Table::log_slot), InvalidOid, false, 0, nullptr, snapshot);
    while (HeapTuple tuple = next_row(&rows)) {
        const Row<column_count> row(tuple, RelationGetDescr(rows.relation));
        const int32 number = row.int4(slot);
        if (number >= 0 && number < slot_count)
            visit(number, tuple, row);
    }
}

void changed() { CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot)); }

} // namespace

void read_slot_states(Snapshot snapshot, SlotState *states) {
    std::fill_n(states, slot_count, SlotState::empty);
    for_each_row(snapshot, [&](int32 number, HeapTuple, const Row<column_count> &row) {
        states[number] = state_of(row.datum(state));
    });
}

void read_slots(LogSlot *slots) {
    std::fill_n(slots, slot_count, LogSlot{SlotState::empty, InvalidTransactionId, nullptr});
    for_each_row(nullptr, [&](int32 number, HeapTuple tuple, const Row<column_count> &row) {
        slots[number] = {state_of(row.datum(state)), HeapTupleHeaderGetRawXmin(tuple->t_data),
                         DatumGetArrayTypePCopy(row.datum(holders))};
    });
}

void set_slot_state(int number, SlotState to) {
    execute("UPDATE topk.log_slot SET state = $2 WHERE slot = $1", {Value::int4(number), state_value(to)});
    changed();
}

void activate_slot(int number, const ArrayType *who) {
    execute("UPDATE topk.log_slot SET state = $2, holders = $3 WHERE slot = $1",
            {Value::int4(number), state_value(SlotState::active), Value::strings(who)});
    changed();
}

void drain_restored_slot(int number) {
    execute("UPDATE topk.log_slot SET state = $2 WHERE slot = $1 AND state <> $3",
            {Value::int4(number), state_value(SlotState::draining), state_value(SlotState::active)});
    changed();
}

} // namespace topk::catalog
