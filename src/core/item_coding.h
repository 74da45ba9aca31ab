// Items in ascending order, each stored as its difference from the one before (docs/format.md): a part of item lists and of
// bundles.
#pragma once

#include <algorithm>

#include "item.h"
#include "wire.h"

namespace topk {

struct ItemView {
    const uint8_t *data;
    uint32_t length;
};

inline uint64_t load_bigint(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; --i)
        v = v << 8 | p[i];
    return v;
}

inline uint32_t common_prefix(const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb) {
    const uint32_t n = std::min(na, nb);
    uint32_t i = 0;
    while (i < n && a[i] == b[i])
        ++i;
    return i;
}

inline constexpr uint32_t nibble_full = 15; // a varint with the rest follows

// Writes items of one kind, in ascending order. The last item must stay where it is until the next one is written.
class ItemWriter {
public:
    explicit ItemWriter(Kind kind) : kind_(kind) {}

    // An item takes at most so many bytes more than it has itself.
    static constexpr uint32_t overhead = 5;

    void put(Writer &w, const ItemView &item) {
        if (kind_ == Kind::bigint) {
            const uint64_t value = load_bigint(item.data);
            const uint64_t difference = value - value_;
            // The first value may be negative, so it is zigzag-encoded; the differences of the others are positive.
            w.varint(first_ ? difference << 1 ^ (difference >> 63 ? ~uint64_t{0} : 0) : difference);
            value_ = value;
            first_ = false;
            return;
        }
        const uint32_t shared = common_prefix(last_.data, last_.length, item.data, item.length);
        const uint32_t rest = item.length - shared;
        w.u8(static_cast<uint8_t>(std::min(shared, nibble_full) << 4 | std::min(rest, nibble_full)));
        if (shared >= nibble_full)
            w.varint(shared - nibble_full);
        if (rest >= nibble_full)
            w.varint(rest - nibble_full);
        w.bytes(item.data + shared, rest);
        last_ = item;
    }

private:
    Kind kind_;
    bool first_ = true;
    uint64_t value_ = 0;
    ItemView last_ = {nullptr, 0};
};

// Reads what an ItemWriter has written. It throws malformed unless the bytes are an item of the kind.
class ItemReader {
public:
    explicit ItemReader(Kind kind) : kind_(kind) {}

    // Reads the next item to memory that has room for max_item_length bytes, or for a strict reader, for the item alone. The
    // memory may be where the last item is; otherwise that must still be there. room: bytes that the item may take.
    ItemView next(Reader &r, uint8_t *to, uint64_t room = max_item_length) {
        if (kind_ == Kind::bigint) {
            const uint64_t v = r.varint();
            ascending_ = first_ || (v != 0 && static_cast<int64_t>(value_ + v) > static_cast<int64_t>(value_));
            value_ = first_ ? v >> 1 ^ (~(v & 1) + 1) : value_ + v;
            first_ = false;
            require(room >= 8);
            Writer(to).u64(value_);
            return last_ = {to, 8};
        }
        const uint8_t lengths = r.u8();
        uint64_t shared = lengths >> 4, rest = lengths & 15;
        if (shared == nibble_full)
            shared += std::min<uint64_t>(r.varint(), max_item_length);
        if (rest == nibble_full)
            rest += std::min<uint64_t>(r.varint(), max_item_length);
        const uint64_t length = shared + rest;
        const uint32_t fixed = fixed_length(kind_);
        require(shared <= last_.length && length <= max_item_length && length <= room && (fixed == 0 || length == fixed));
        const uint8_t *bytes = r.bytes(rest);
        // The first byte that differs is larger, or the last item is the beginning of this one.
        ascending_ = first_ || (rest != 0 && (shared == last_.length || bytes[0] > last_.data[shared]));
        if (shared != 0)
            memmove(to, last_.data, shared);
        if (rest != 0)
            memcpy(to + shared, bytes, rest);
        first_ = false;
        return last_ = {to, static_cast<uint32_t>(length)};
    }

    // Whether the last item came after the one before it, and shares no more bytes with it than it says.
    bool ascending() const { return ascending_; }

private:
    static void require(bool valid) {
        if (!valid)
            throw Error(Errc::malformed, "invalid length of an item");
    }

    Kind kind_;
    bool first_ = true;
    bool ascending_ = true;
    uint64_t value_ = 0;
    ItemView last_ = {nullptr, 0};
};

} // namespace topk
