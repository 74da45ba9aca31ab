// The rows of the log by rollup, so that a round of folds need not pass over the log once for each rollup.
#include "../pg/buffer.h"
#include "delta_log.h"

namespace topk::stream {
namespace {

constexpr int max_entries = 1 << 20; // 16 MB

} // namespace

LogIndex index_log(Snapshot snapshot) {
    LogIndex index = {{}, true};
    DeltaScan scan;
    begin_delta_scan(&scan, snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        if (index.entries.count == max_entries) {
            index.complete = false;
            end_delta_scan(&scan);
            break;
        }
        index.entries.add({delta_form(tuple)->rollup, tuple->t_self, static_cast<int8>(scan.slot)});
    }
    std::sort(index.entries.begin(), index.entries.end(), [](const LogEntry &a, const LogEntry &b) {
        if (a.rollup != b.rollup)
            return a.rollup < b.rollup;
        return a.slot != b.slot
                   ? a.slot < b.slot
                   : ItemPointerCompare(const_cast<ItemPointer>(&a.place), const_cast<ItemPointer>(&b.place)) < 0;
    });
    return index;
}

void begin_reading(LogReader *reader, Snapshot snapshot) {
    *reader = {};
    reader->snapshot = snapshot;
    read_slot_states(snapshot, reader->states);
}

HeapTuple read_entry(LogReader *reader, const LogEntry &entry) {
    if (!is_readable(reader->states[entry.slot]))
        return nullptr;
    Relation &slot = reader->slots[entry.slot];
    if (slot == nullptr) {
        slot = table_open(slot_oid(entry.slot), AccessShareLock); // from here on it cannot be emptied
        reader->blocks[entry.slot] = RelationGetNumberOfBlocks(slot);
    }
    if (ItemPointerGetBlockNumber(&entry.place) >= reader->blocks[entry.slot])
        return nullptr;
    HeapTupleData tuple = {};
    tuple.t_self = entry.place;
    Buffer buffer = InvalidBuffer;
    if (!heap_fetch(slot, reader->snapshot, &tuple, &buffer, false))
        return nullptr;
    HeapTuple copy = delta_form(&tuple)->rollup == entry.rollup ? heap_copytuple(&tuple) : nullptr;
    ReleaseBuffer(buffer);
    return copy;
}

void end_reading(LogReader *reader) {
    for (Relation slot : reader->slots)
        if (slot != nullptr)
            table_close(slot, AccessShareLock);
}

} // namespace topk::stream
