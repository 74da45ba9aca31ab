// Sorting items: numbers by value, anything else by its bytes.
#pragma once

#include <algorithm>
#include <vector>

#include "item_coding.h"

namespace topk {

// The key has the first bytes that differ, which nearly always decide the order.
struct ItemPlace {
    uint64_t key;
    uint64_t more; // of the key
    uint32_t at;
};

// Sets the places of n items; item(i) is an ItemView.
template <class Place, class ItemAt>
void set_places(Kind kind, Place *places, uint32_t n, const ItemAt &item) {
    if (kind == Kind::bigint) {
        constexpr uint64_t sign = uint64_t{1} << 63; // puts negative values first
        for (uint32_t i = 0; i < n; ++i) {
            places[i].key = load_bigint(item(i).data) ^ sign;
            places[i].more = 0;
            places[i].at = i;
        }
        return;
    }
    uint32_t shared = n == 0 ? 0 : item(0).length;
    for (uint32_t i = 1; i < n && shared != 0; ++i) {
        const ItemView first = item(0), other = item(i);
        shared = common_prefix(first.data, shared, other.data, other.length);
    }
    const auto load_big_endian = [](const uint8_t *p, uint32_t length) {
        uint8_t bytes[8] = {};
        if (length != 0)
            memcpy(bytes, p, std::min(length, 8u));
        uint64_t v = 0;
        for (const uint8_t byte : bytes)
            v = v << 8 | byte;
        return v;
    };
    for (uint32_t i = 0; i < n; ++i) {
        const uint8_t *rest = item(i).data + shared;
        const uint32_t length = item(i).length - shared;
        places[i].key = load_big_endian(rest, length);
        places[i].more = length <= 8 ? 0 : load_big_endian(rest + 8, length - 8);
        places[i].at = i;
    }
}

template <class ItemAt>
bool is_before(Kind kind, const ItemPlace &a, const ItemPlace &b, const ItemAt &item) {
    if (a.key != b.key || kind == Kind::bigint)
        return a.key < b.key;
    if (a.more != b.more)
        return a.more < b.more;
    const ItemView x = item(a.at), y = item(b.at);
    return compare_bytes(x.data, x.length, y.data, y.length) < 0;
}

// Returns the places of n different items in their order.
template <class ItemAt>
std::vector<ItemPlace> in_order(Kind kind, uint32_t n, const ItemAt &item) {
    std::vector<ItemPlace> places(n);
    set_places(kind, places.data(), n, item);
    std::sort(places.begin(), places.end(),
              [&](const ItemPlace &a, const ItemPlace &b) { return is_before(kind, a, b, item); });
    return places;
}

} // namespace topk
