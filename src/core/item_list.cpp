#include "item_list.h"

#include <algorithm>
#include <vector>

namespace topk {

namespace {

constexpr uint32_t nibble_full = 15; // a varint with the rest follows

uint64_t load_big_endian(const uint8_t *p, uint32_t n) {
    uint64_t v = 0;
    for (uint32_t i = 0; i < 8; ++i)
        v = v << 8 | (i < n ? p[i] : 0);
    return v;
}

uint64_t load_bigint(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; --i)
        v = v << 8 | p[i];
    return v;
}

uint32_t common_prefix(const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb) {
    const uint32_t n = std::min(na, nb);
    uint32_t i = 0;
    while (i < n && a[i] == b[i])
        ++i;
    return i;
}

// The key has the first eight bytes that differ, which nearly always decide the order.
struct Place {
    uint64_t key;
    const SpaceSaving::Entry *entry;
};

std::vector<Place> in_order(const SpaceSaving &s) {
    std::vector<Place> places(s.size());
    const SpaceSaving::Entry *first = s.entries();
    if (s.kind() == Kind::bigint) {
        constexpr uint64_t sign = uint64_t{1} << 63; // puts negative values first
        for (uint32_t i = 0; i < s.size(); ++i)
            places[i] = {load_bigint(s.key(first[i])) ^ sign, first + i};
        std::sort(places.begin(), places.end(), [](const Place &a, const Place &b) { return a.key < b.key; });
        return places;
    }
    uint32_t shared = s.size() == 0 ? 0 : first->length;
    for (uint32_t i = 1; i < s.size(); ++i)
        shared = common_prefix(s.key(*first), shared, s.key(first[i]), first[i].length);
    for (uint32_t i = 0; i < s.size(); ++i)
        places[i] = {load_big_endian(s.key(first[i]) + shared, first[i].length - shared), first + i};
    std::sort(places.begin(), places.end(), [&](const Place &a, const Place &b) {
        if (a.key != b.key)
            return a.key < b.key;
        return compare_bytes(s.key(*a.entry), a.entry->length, s.key(*b.entry), b.entry->length) < 0;
    });
    return places;
}

} // namespace

size_t ItemList::bound(const SpaceSaving &s) {
    // A bigint takes at most ten bytes; the lengths of an item of another kind take at most five.
    const size_t items = s.kind() == Kind::bigint ? size_t{10} * s.size() : s.key_bytes() + size_t{5} * s.size();
    size_t size = 1 + varint_size(s.size()) + varint_size(s.total()) + items;
    for (const SpaceSaving::Entry *e = s.entries(), *end = e + s.size(); e != end; ++e)
        size += varint_size(e->count);
    return size;
}

size_t ItemList::write(const SpaceSaving &s, uint8_t *out) {
    Writer w(out);
    w.u8(static_cast<uint8_t>(version << 4 | static_cast<uint8_t>(s.kind())));
    w.varint(s.size());
    w.varint(s.total());
    const std::vector<Place> places = in_order(s);
    uint64_t value = 0;
    const SpaceSaving::Entry *last = nullptr;
    for (const Place &place : places) {
        const SpaceSaving::Entry &e = *place.entry;
        if (s.kind() == Kind::bigint) {
            const uint64_t next = load_bigint(s.key(e));
            const uint64_t difference = next - value;
            // The first value may be negative, so it is zigzag-encoded; the differences of the others are positive.
            w.varint(last == nullptr ? difference << 1 ^ (difference >> 63 ? ~uint64_t{0} : 0) : difference);
            value = next;
        } else {
            const uint32_t shared = last == nullptr ? 0 : common_prefix(s.key(*last), last->length, s.key(e), e.length);
            const uint32_t rest = e.length - shared;
            w.u8(static_cast<uint8_t>(std::min(shared, nibble_full) << 4 | std::min(rest, nibble_full)));
            if (shared >= nibble_full)
                w.varint(shared - nibble_full);
            if (rest >= nibble_full)
                w.varint(rest - nibble_full);
            w.bytes(s.key(e) + shared, rest);
        }
        w.varint(e.count);
        last = &e;
    }
    return static_cast<size_t>(w.at() - out);
}

ItemList::ItemList(const uint8_t *bytes, size_t size) : body_(bytes, size) {
    const uint8_t head = body_.u8();
    if (head >> 4 != version || (head & 15) == 0 || (head & 15) > kind_last)
        throw Error(Errc::malformed, "not an item list");
    kind_ = static_cast<Kind>(head & 15);
    const uint64_t n = body_.varint();
    // Each entry has at least one byte for its weight and one for its item.
    if (n > body_.left() / 2)
        throw Error(Errc::malformed, "invalid number of items");
    size_ = left_ = static_cast<uint32_t>(n);
    total_ = weight_left_ = body_.varint();
    if (total_ > max_total)
        throw Error(Errc::malformed, "invalid total weight");
}

uint32_t ItemList::read_item(uint8_t *to) {
    if (kind_ == Kind::bigint) {
        const uint64_t v = body_.varint();
        value_ = left_ == size_ ? v >> 1 ^ (~(v & 1) + 1) : value_ + v;
        Writer(to).u64(value_);
        return 8;
    }
    const uint8_t lengths = body_.u8();
    uint64_t shared = lengths >> 4, rest = lengths & 15;
    if (shared == nibble_full)
        shared += std::min<uint64_t>(body_.varint(), max_item_length);
    if (rest == nibble_full)
        rest += std::min<uint64_t>(body_.varint(), max_item_length);
    const uint64_t length = shared + rest;
    const uint32_t fixed = fixed_length(kind_);
    if (shared > last_length_ || length > max_item_length || (fixed != 0 && length != fixed))
        throw Error(Errc::malformed, "invalid length of an item");
    if (shared != 0)
        memmove(to, last_, shared);
    const uint8_t *bytes = body_.bytes(rest);
    if (rest != 0)
        memcpy(to + shared, bytes, rest);
    return static_cast<uint32_t>(length);
}

uint32_t ItemList::next(WeightedItem *out, uint32_t n, uint8_t *scratch) {
    uint8_t *to = scratch;
    uint32_t read = 0;
    // The loop ends when the memory may not have room for another item. The first item of a call overwrites the last item of
    // the call before; they share their beginning.
    for (; read < n && left_ != 0 && to <= scratch + max_item_length; ++read) {
        WeightedItem &entry = out[read];
        entry.length = read_item(to);
        entry.data = to;
        entry.weight = body_.varint();
        if (entry.weight == 0 || entry.weight > weight_left_)
            throw Error(Errc::malformed, "invalid weight");
        weight_left_ -= entry.weight;
        last_ = to;
        last_length_ = entry.length;
        to += entry.length;
        --left_;
    }
    if (left_ == 0 && (weight_left_ != 0 || body_.left() != 0))
        throw Error(Errc::malformed, "item list with trailing data");
    return read;
}

} // namespace topk
