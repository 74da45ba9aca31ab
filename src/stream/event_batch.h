// Events of a rollup with groups that wait to be counted together (pg/group_counts.h).
#pragma once

#include "../pg/group_counts.h"
#include "counter.h"

namespace topk::stream {

inline constexpr size_t max_key_size = max_group_size + Bundle::max_values * max_value_overhead;

struct EventBatch {
    uint32 count;
    uint32 used;  // bytes
    uint64 total; // weight
    TimestampTz tiles[pg::counted_together];
    ItemView keys[pg::counted_together]; // as in a bundle
    ItemView items[pg::counted_together];
    uint64 weights[pg::counted_together];
    uint8 bytes[max_key_size + max_item_length];
};

EventBatch *make_batch(MemoryContext context);
// An empty batch has room for any event.
inline bool has_room(const EventBatch *batch, const Event &event) {
    return batch->count < pg::counted_together && batch->used + max_key_size + event.item_length <= sizeof(batch->bytes) &&
           event.weight <= max_total - batch->total;
}
// Copies the event. The batch must have room for it.
void add_event(EventBatch *batch, const Rollup *rollup, TimestampTz tile, const Event &event);
inline void clear(EventBatch *batch) {
    batch->count = batch->used = 0;
    batch->total = 0;
}

} // namespace topk::stream
