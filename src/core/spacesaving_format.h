// The stored bytes of a Space-Saving summary (docs/format.md): entries in the order of their rank, so that the top K are the
// first K, and nothing that can be computed again.
#pragma once

#include "spacesaving.h"
#include "wire.h"

namespace topk {

// Order of a ranking: larger upper bound first, then the smaller item.
int compare_items(Kind kind, const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb);

// An entry read from stored bytes; key points into them.
struct Ranked {
    const uint8_t *key;
    uint32_t length;
    uint64_t count;
    uint64_t error;
    bool guaranteed;
};

// The least weight that is this share (0 to 1) of a total. The double nearest to a decimal may lie above it, so the last bit
// of the product does not count: 2 of 5 are a share of 0.4.
uint64_t weight_of_share(double share, uint64_t total);

// The first min(k, size()) entries of a live summary by rank, with `guaranteed` set, pointing into it; returns how many. out
// has room for one more.
uint32_t top_of(const SpaceSaving &summary, uint32_t k, Ranked *out);

// A view of stored bytes. The constructor reads and checks the header; what follows is checked while it is read. Every
// function throws malformed where the bytes contradict the format.
class StoredSpaceSaving {
public:
    // Enough to hold the header of any summary.
    static constexpr size_t max_header_size = 64;
    static constexpr uint8_t version = 1;

    // packed_bound() is an upper bound of the size that pack() will write, in O(size). pack() returns the size.
    static size_t packed_bound(const SpaceSaving &summary);
    static size_t pack(const SpaceSaving &summary, uint8_t *out);

    StoredSpaceSaving(const uint8_t *bytes, size_t size);

    // Reads all bytes and checks every invariant. Bytes from outside must pass it.
    static void validate(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint64_t floor() const { return floor_; }
    uint32_t capacity() const { return capacity_; }
    uint32_t k() const { return k_; }
    uint32_t size() const { return entries_; }
    SpaceSaving::Shape shape() const { return {capacity_, entries_, key_bytes_, floor_ != 0, kind_, k_, total_}; }

    // The first min(k, size()) entries by rank, with `guaranteed` set; returns how many. out has room for one more.
    uint32_t top(uint32_t k, Ranked *out) const;
    // The entries whose count reaches threshold, `guaranteed` where the lower bound does; out has room for size().
    uint32_t at_least(uint64_t threshold, Ranked *out) const;
    Frequency frequency(const Item &item) const;

private:
    friend class SpaceSaving;

    Ranked next_entry(Reader &reader, uint64_t previous_count) const;

    Kind kind_;
    uint32_t capacity_;
    uint32_t k_;
    uint32_t entries_;
    uint64_t key_bytes_;
    uint64_t total_;
    uint64_t floor_;
    Reader body_;
};

} // namespace topk
