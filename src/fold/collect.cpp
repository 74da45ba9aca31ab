#include "fold_steps.h"

namespace topk::fold {

namespace {

// One call takes on no more than this, so that memory and the length of the transaction are bounded.
constexpr int max_deltas = 200000;
constexpr size_t max_bytes = 64 << 20;

// The tuple is a copy.
void collect(Fold *fold, HeapTuple tuple, int slot, SlotState state) {
    CollectedDelta &collected = fold->deltas.add({});
    collected.tuple = tuple;
    collected.form = *delta_form(tuple);
    const Delta delta = read_delta(collected.tuple, fold->descriptor);
    collected.group =
        delta.grp == nullptr ? -1 : group_number(&fold->groups, DatumGetArrayTypeP(PointerGetDatum(delta.grp)));
    collected.bytes = payload_size(delta.values);
    collected.slot = static_cast<int8>(slot);
    collected.is_list = delta.values.items != nullptr;
    collected.is_bundle =
        collected.is_list && delta.grp == nullptr && fold->row.group_count != 0 && collected.form.scope != DeltaScope::all;
    collected.draining = state != SlotState::active;
    collected.taken = false;
}

} // namespace

size_t payload_size(const StoredTally &values) {
    size_t size = 0;
    for (const struct varlena *value : {values.items, values.summary, values.sketch, values.registers})
        if (value != nullptr)
            size += toast_raw_datum_size(PointerGetDatum(value));
    return size;
}

namespace {

// True when the fold has as many as one call takes on.
bool is_full(Fold *fold) {
    size_t bytes = 0;
    if (fold->deltas.count != 0)
        bytes = fold->bytes += fold->deltas[fold->deltas.count - 1].bytes;
    fold->more = fold->deltas.count == max_deltas || bytes > max_bytes;
    return fold->more;
}

void collect_found(Fold *fold) {
    LogReader reader;
    begin_reading(&reader, fold->snapshot);
    for (int i = 0; i < fold->found->count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const LogEntry &entry = fold->found->entries[i];
        HeapTuple tuple = read_entry(&reader, entry);
        if (tuple == nullptr)
            continue;
        if (is_full(fold))
            break;
        collect(fold, tuple, entry.slot, reader.states[entry.slot]);
    }
    end_reading(&reader);
    fold->more |= !fold->found->complete;
}

} // namespace

namespace {

void collect_by_scan(Fold *fold) {
    DeltaScan scan;
    begin_delta_scan(&scan, fold->snapshot, fold->row.id);
    while (HeapTuple tuple = next_delta(&scan)) {
        if (delta_form(tuple)->rollup != fold->row.id)
            continue;
        if (is_full(fold)) {
            end_delta_scan(&scan);
            break;
        }
        collect(fold, heap_copytuple(tuple), scan.slot, scan.states[scan.slot]);
    }
}

} // namespace

void collect_deltas(Fold *fold) {
    if (fold->found != nullptr)
        collect_found(fold);
    else
        collect_by_scan(fold);
    fold->unread = fold->more ? DT_NOBEGIN : DT_NOEND;
}

int64 remove_taken(Fold *fold) {
    Relation slots[slot_count] = {};
    int64 n = 0;
    for (const CollectedDelta &delta : fold->deltas) {
        if (!delta.taken)
            continue;
        if (slots[delta.slot] == nullptr)
            slots[delta.slot] = table_open(slot_oid(delta.slot), RowExclusiveLock);
        delete_delta(slots[delta.slot], delta.tuple);
        ++n;
    }
    for (Relation slot : slots)
        if (slot != nullptr)
            table_close(slot, NoLock);
    return n;
}

} // namespace topk::fold
