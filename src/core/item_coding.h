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

struct WeightedItem {
    const uint8_t *data;
    uint32_t length;
    uint64_t weight;
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

// The lengths of a stored item: of the bytes that it shares with the item before it, and of the rest.
struct ItemLengths {
    uint64_t shared, rest;
};

inline ItemLengths long_item_lengths(Reader &r, uint8_t lengths) {
    ItemLengths l = {uint64_t{lengths} >> 4, uint64_t{lengths} & nibble_full};
    if (l.shared == nibble_full)
        l.shared += std::min<uint64_t>(r.varint(), max_item_length);
    if (l.rest == nibble_full)
        l.rest += std::min<uint64_t>(r.varint(), max_item_length);
    return l;
}
[[noreturn]] inline void invalid_item_length() { throw Error(Errc::malformed, "invalid length of an item"); }
// Throws malformed unless the lengths are those of an item of the kind. room: bytes that it may take.
inline ItemLengths item_lengths(Reader &r, Kind kind, uint32_t before, uint64_t room) {
    const uint8_t lengths = r.u8();
    ItemLengths l = {uint64_t{lengths} >> 4, uint64_t{lengths} & nibble_full};
    if (l.shared == nibble_full || l.rest == nibble_full) [[unlikely]]
        l = long_item_lengths(r, lengths);
    const uint64_t length = l.shared + l.rest;
    const uint32_t fixed = fixed_length(kind);
    if (l.shared > before || length > max_item_length || length > room || (fixed != 0 && length != fixed)) [[unlikely]]
        invalid_item_length();
    return l;
}

// Reads what an ItemWriter has written. It throws malformed unless the bytes are an item of the kind.
class ItemReader {
public:
    explicit ItemReader(Kind kind) : kind_(kind) {}

    // Reads the next item to memory that has room for max_item_length bytes, or for a strict reader, for `room` bytes, which
    // the item may take. All of that may be written. The memory may be where the last item is; otherwise that must still be
    // there, with as much memory behind it. Sets ascending() if it is checked.
    template <bool checked = false>
    ItemView next(Reader &r, uint8_t *to, uint64_t room = max_item_length) {
        if (kind_ == Kind::bigint)
            return next_bigint<checked>(r, to, room);
        const ItemLengths l = item_lengths(r, kind_, last_.length, room);
        const auto shared = static_cast<uint32_t>(l.shared), rest = static_cast<uint32_t>(l.rest);
        const bool is_short = shared <= step && rest <= step && room >= 2 * step && r.left() >= step;
        const uint8_t *bytes = r.bytes(rest);
        if (checked) // the first byte that differs is larger, or the last item is the beginning of this one
            ascending_ = first_ || (rest != 0 && (shared == last_.length || bytes[0] > last_.data[shared]));
        if (is_short) [[likely]] { // copies of a constant size take two instructions
            copy_step(to, last_.data);
            copy_step(to + shared, bytes);
        } else {
            if (shared != 0)
                memmove(to, last_.data, shared);
            if (rest != 0)
                memcpy(to + shared, bytes, rest);
        }
        first_ = false;
        return last_ = {to, shared + rest};
    }

    // Whether the last item came after the one before it, and shares no more bytes with it than it says.
    bool ascending() const { return ascending_; }

private:
    static constexpr uint32_t step = 16;
    static constexpr uint8_t nothing[step] = {};

    static void copy_step(uint8_t *to, const uint8_t *from) {
        uint8_t bytes[step];
        memcpy(bytes, from, step);
        memcpy(to, bytes, step);
    }

    template <bool checked>
    ItemView next_bigint(Reader &r, uint8_t *to, uint64_t room) {
        const uint64_t v = r.varint();
        if (checked)
            ascending_ = first_ || (v != 0 && static_cast<int64_t>(value_ + v) > static_cast<int64_t>(value_));
        value_ = first_ ? v >> 1 ^ (~(v & 1) + 1) : value_ + v;
        first_ = false;
        if (room < 8)
            invalid_item_length();
        Writer(to).u64(value_);
        return last_ = {to, 8};
    }

    Kind kind_;
    bool first_ = true;
    bool ascending_ = true;
    uint64_t value_ = 0;
    ItemView last_ = {nothing, 0};
};

// Passes over stored items of kind bytea, which it does not copy, and compares each with a wanted one.
class ItemSearch {
public:
    explicit ItemSearch(const ItemView &wanted) : wanted_(wanted) {}

    // Negative if the next item comes before the wanted one, 0 if it is that, and positive if it comes after that.
    int next(Reader &r) {
        const ItemLengths l = item_lengths(r, Kind::bytea, length_, max_item_length);
        const uint8_t *bytes = r.bytes(l.rest);
        length_ = static_cast<uint32_t>(l.shared + l.rest);
        if (l.shared > equal_) // it differs from the wanted one where the last item did
            return order_;
        const auto shared = static_cast<uint32_t>(l.shared), rest = static_cast<uint32_t>(l.rest);
        const uint32_t more = common_prefix(bytes, rest, wanted_.data + shared, wanted_.length - shared);
        equal_ = shared + more;
        if (more == rest)
            order_ = length_ < wanted_.length ? -1 : 0;
        else
            order_ = equal_ < wanted_.length && bytes[more] < wanted_.data[equal_] ? -1 : 1;
        return order_;
    }

private:
    ItemView wanted_;
    uint32_t length_ = 0; // of the last item
    uint32_t equal_ = 0;  // bytes at its beginning that are those of the wanted one
    int order_ = 0;       // of it
};

} // namespace topk
