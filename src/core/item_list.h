// The stored bytes of an item list (docs/format.md): the exact weights of a few items. A statement writes
// its counts in this form. It has no filter, and each item is stored as its difference from the one before, which takes half
// a dozen bytes for a short item.
#pragma once

#include "spacesaving.h"
#include "wire.h"

namespace topk {

// A view of stored bytes. The constructor checks the header, next() what it reads; both throw malformed.
class ItemList {
public:
    static constexpr uint8_t version = 1;

    struct WeightedItem {
        const uint8_t *data;
        uint32_t length;
        uint64_t weight;
    };

    // The list of an exact summary. bound() is an upper bound of the size that write() will write; write() returns the size.
    static size_t bound(const SpaceSaving &summary);
    static size_t write(const SpaceSaving &summary, uint8_t *out);

    ItemList(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint32_t size() const { return size_; }
    uint64_t total() const { return total_; }

    // Memory for the items that one call of next() reads.
    static constexpr size_t scratch_size = 2 * (max_item_length + 1);
    // Reads the next items, at most n and as many as fit in the memory, which is at least one. Returns how many; 0 at the
    // end.
    uint32_t next(WeightedItem *out, uint32_t n, uint8_t *scratch);

private:
    uint32_t read_item(uint8_t *to);

    Kind kind_;
    uint32_t size_;
    uint32_t left_;
    uint64_t total_;
    uint64_t weight_left_;
    uint64_t value_ = 0; // of the last bigint
    const uint8_t *last_ = nullptr;
    uint32_t last_length_ = 0;
    Reader body_;
};

} // namespace topk
