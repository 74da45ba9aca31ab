#include "steps.h"

namespace topk::fold {

namespace {

// What one call takes on, so that memory and the length of the transaction are bounded.
constexpr int max_deltas = 200000;
constexpr size_t max_bytes = 64 << 20;

void collect(Fold *fold, const DeltaScan *scan, HeapTuple tuple, int *room) {
    if (fold->delta_count == *room) {
        *room *= 2;
        fold->deltas = static_cast<CollectedDelta *>(repalloc_huge(fold->deltas, *room * sizeof(CollectedDelta)));
    }
    CollectedDelta &collected = fold->deltas[fold->delta_count++];
    collected.tuple = heap_copytuple(tuple);
    collected.key = delta_key(tuple);
    const Delta delta = read_delta(collected.tuple, fold->descriptor);
    collected.group =
        delta.grp == nullptr ? -1 : group_number(&fold->groups, DatumGetArrayTypeP(PointerGetDatum(delta.grp)));
    collected.bytes = payload_size({delta.items, delta.summary, delta.sketch, delta.registers});
    collected.slot = static_cast<int8>(scan->slot);
    collected.is_list = delta.items != nullptr;
    collected.draining = is_draining(scan);
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

void collect_deltas(Fold *fold) {
    int room = 256;
    size_t bytes = 0;
    fold->deltas = static_cast<CollectedDelta *>(palloc(room * sizeof(CollectedDelta)));
    DeltaScan scan;
    begin_delta_scan(&scan, fold->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        if (delta_key(tuple).rollup != fold->row.id)
            continue;
        if (fold->delta_count == max_deltas || bytes > max_bytes) {
            fold->more = true;
            end_delta_scan(&scan);
            break;
        }
        collect(fold, &scan, tuple, &room);
        bytes += fold->deltas[fold->delta_count - 1].bytes;
    }
}

void plan_jobs(Fold *fold) {
    fold->parts =
        static_cast<Part *>(MemoryContextAllocHuge(CurrentMemoryContext, (2 * fold->delta_count + 1) * sizeof(Part)));
    for (int i = 0; i < fold->delta_count; ++i) {
        CollectedDelta &delta = fold->deltas[i];
        if (delta.key.tile == DT_NOBEGIN) {
            fold->rejected += delta.key.events;
            delta.taken = true;
            continue;
        }
        if (delta.key.scope != DeltaScope::group)
            fold->parts[fold->part_count++] = {-1, i, delta.key.tile};
        if (delta.group != -1 && delta.key.scope != DeltaScope::all)
            fold->parts[fold->part_count++] = {fold->groups.effective[delta.group], i, delta.key.tile};
    }
    std::sort(fold->parts, fold->parts + fold->part_count, [](const Part &a, const Part &b) {
        if (a.group != b.group)
            return a.group < b.group;
        return a.tile != b.tile ? a.tile < b.tile : a.delta < b.delta;
    });
}

int64 remove_taken(Fold *fold) {
    Relation slots[slot_count] = {};
    int64 n = 0;
    for (int i = 0; i < fold->delta_count; ++i) {
        const CollectedDelta &delta = fold->deltas[i];
        if (!delta.taken)
            continue;
        if (slots[delta.slot] == nullptr)
            slots[delta.slot] = table_open(slot_oid(delta.slot), RowExclusiveLock);
        simple_heap_delete(slots[delta.slot], &delta.tuple->t_self);
        ++n;
    }
    for (Relation slot : slots)
        if (slot != nullptr)
            table_close(slot, NoLock);
    return n;
}

} // namespace topk::fold
