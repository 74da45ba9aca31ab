// The stored bytes of a Space-Saving summary (docs/format.md). Entries are in the order of their rank, so the top K are the
// first K. Nothing that can be computed is stored.
#pragma once

#include "spacesaving.h"
#include "wire.h"

namespace topk {

// Compares two items as rankings do for equal counts: bigint by value, other kinds by bytes.
int compare_items(Kind kind, const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb);

// An entry of a ranking; key points into the bytes that it was read from.
struct Ranked {
    const uint8_t *key;
    uint32_t length;
    uint64_t count;
    uint64_t error;
    bool guaranteed;
};

// Returns the least weight that reaches a share (0 to 1) of a total. The double that is nearest to a decimal fraction may be
// above it, so the last bit of the product is ignored: 2 of 5 reach a share of 0.4.
uint64_t weight_of_share(double share, uint64_t total);

// Writes the first min(k, size()) entries of a live summary by rank to out, with `guaranteed` set and keys that point into
// the summary, and returns their number. out must have room for one more.
uint32_t top_of(const SpaceSaving &summary, uint32_t k, Ranked *out);

// A view of stored bytes. The constructor reads and checks the header; the functions check the rest while they read it. All
// of them throw malformed if the bytes contradict the format.
class StoredSpaceSaving {
public:
    // Upper bound of the size of a header.
    static constexpr size_t max_header_size = 64;
    static constexpr uint8_t version = 1;

    // packed_bound() returns an upper bound of the number of bytes that pack() will write, in O(size); pack() returns the
    // number that it has written.
    static size_t packed_bound(const SpaceSaving &summary);
    static size_t pack(const SpaceSaving &summary, uint8_t *out);

    StoredSpaceSaving(const uint8_t *bytes, size_t size);

    // Reads everything and checks every invariant. Bytes from outside must pass this function.
    static void validate(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint64_t floor() const { return floor_; }
    uint32_t capacity() const { return capacity_; }
    uint32_t k() const { return k_; }
    uint32_t size() const { return entries_; }
    SpaceSaving::Shape shape() const { return {capacity_, entries_, key_bytes_, floor_ != 0, kind_, k_, total_}; }

    // Writes the first min(k, size()) entries by rank to out, with `guaranteed` set, and returns their number. out must have
    // room for one more.
    uint32_t top(uint32_t k, Ranked *out) const;
    // Writes the entries whose count reaches the threshold to out, and sets `guaranteed` if the lower bound reaches it too;
    // returns their number. out must have room for size().
    uint32_t at_least(uint64_t threshold, Ranked *out) const;
    Frequency frequency(const Item &item) const;

    // Calls use(entry) for each entry, by rank.
    template <class Use>
    void each(const Use &use) const {
        Reader reader = body_;
        uint64_t count = total_;
        for (uint32_t i = 0; i < entries_; ++i) {
            const Ranked entry = next_entry(reader, count);
            count = entry.count;
            use(entry);
        }
    }

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
