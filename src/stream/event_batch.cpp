#include "event_batch.h"

namespace topk::stream {
namespace {

// Writes the key of the event's group, as in a bundle. Returns its length.
uint32 write_key(uint8 *key, const Rollup *rollup, const Event &event) {
    uint8 *at = key;
    size_t size = ARR_OVERHEAD_WITHNULLS(1, rollup->group_count);
    for (int i = 0; i < rollup->group_count; ++i) {
        if (event.group_is_null[i]) {
            *at++ = 0;
            continue;
        }
        auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(event.groups[i]));
        size += toast_raw_datum_size(event.groups[i]) + 3;
        if (size > max_group_size)
            return 0; // the overflow group
        auto *plain = pg_detoast_datum_packed(value);
        at = write_group_value(at, VARDATA_ANY(plain), static_cast<uint32>(VARSIZE_ANY_EXHDR(plain)));
        if (plain != value)
            pfree(plain);
    }
    return static_cast<uint32>(at - key);
}

} // namespace

EventBatch *make_batch(MemoryContext context) {
    auto *batch = static_cast<EventBatch *>(MemoryContextAlloc(context, sizeof(EventBatch)));
    clear(batch);
    return batch;
}

bool add_event(EventBatch *batch, const Rollup *rollup, TimestampTz tile, const Event &event) {
    uint8 *key = batch->bytes + batch->used;
    const uint32 key_length = write_key(key, rollup, event), length = static_cast<uint32>(event.item_length);
    const bool copied = length <= max_copied_item;
    const void *item = copied ? memcpy(key + key_length, event.item, length) : event.item;
    const uint32 i = batch->count++;
    batch->tiles[i] = tile;
    batch->keys[i] = {key, key_length};
    batch->items[i] = {static_cast<const uint8 *>(item), length};
    batch->weights[i] = event.weight;
    batch->used += key_length + length;
    batch->total += event.weight;
    return copied;
}

} // namespace topk::stream
