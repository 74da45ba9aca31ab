// The stored bytes of an item list (docs/format.md): the exact weights of a few items. A statement writes its counts in this
// form. It has no filter, and each item is stored as the difference from the item before it, which takes about six bytes for
// a short item.
#pragma once

#include "item_coding.h"
#include "spacesaving.h"

namespace topk {

// A view of stored bytes. The constructor checks the header, and next() checks what it reads; both throw malformed.
class ItemList {
public:
    static constexpr uint8_t version = 1;

    // The summary must be exact. bound() returns an upper bound of the number of bytes that write() will write; write()
    // returns the number that it has written.
    static size_t bound(const SpaceSaving &summary);
    static size_t write(const SpaceSaving &summary, uint8_t *out);
    // The same for different items in ascending order, whose weights add up to the total.
    static size_t bound(Kind kind, const WeightedItem *items, uint32_t n);
    static size_t write(Kind kind, const WeightedItem *items, uint32_t n, uint64_t total, uint8_t *out);

    ItemList(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint32_t size() const { return size_; }
    uint64_t total() const { return total_; }

    // The memory that one call of next() needs for its items.
    static constexpr size_t scratch_size = 2 * (max_item_length + 1);
    // Reads the next items: at most n, as many as fit into the memory, and at least one. Returns their number, 0 at the end.
    uint32_t next(WeightedItem *out, uint32_t n, uint8_t *scratch);

private:
    Kind kind_;
    uint32_t size_;
    uint32_t left_;
    uint64_t total_;
    uint64_t weight_left_;
    ItemReader items_;
    Reader body_;
};

} // namespace topk
