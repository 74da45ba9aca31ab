// Events of a rollup with groups that wait to be counted together (pg/group_counts.h).
#pragma once

#include "../pg/group_counts.h"
#include "counter.h"

namespace topk::stream {

inline constexpr size_t max_key_size = max_group_size + Bundle::max_values * max_value_overhead;
inline constexpr size_t max_copied_item = 2048; // bytes; so the batch fits into the first block of a memory context

struct EventBatch {
    uint32 count;
    uint32 used;  // bytes of keys and items
    uint64 total; // weight
    TimestampTz tiles[pg::counted_together];
    ItemView keys[pg::counted_together]; // as in a bundle
    ItemView items[pg::counted_together];
    uint64 weights[pg::counted_together];
    uint8 bytes[max_key_size + max_copied_item];
};

EventBatch *make_batch(MemoryContext context);
// An empty batch has room for any event.
inline bool has_room(const EventBatch *batch, const Event &event) {
    return batch->count < pg::counted_together &&
           batch->used + max_key_size + Min(event.item_length, max_copied_item) <= sizeof(batch->bytes) &&
           event.weight <= max_total - batch->total;
}
// The batch must have room for the event. Returns whether it is copied; otherwise the batch needs the bytes of the item
// until the event is counted.
bool add_event(EventBatch *batch, const Rollup *rollup, TimestampTz tile, const Event &event);
inline void clear(EventBatch *batch) {
    batch->count = batch->used = 0;
    batch->total = 0;
}

} // namespace topk::stream
