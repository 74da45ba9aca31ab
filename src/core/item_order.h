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

// Returns the places of n different items in their order; item(i) is an ItemView.
template <class ItemAt>
std::vector<ItemPlace> in_order(Kind kind, uint32_t n, const ItemAt &item) {
    std::vector<ItemPlace> places(n);
    if (kind == Kind::bigint) {
        constexpr uint64_t sign = uint64_t{1} << 63; // puts negative values first
        for (uint32_t i = 0; i < n; ++i)
            places[i] = {load_bigint(item(i).data) ^ sign, 0, i};
        std::sort(places.begin(), places.end(), [](const ItemPlace &a, const ItemPlace &b) { return a.key < b.key; });
        return places;
    }
    uint32_t shared = n == 0 ? 0 : item(0).length;
    for (uint32_t i = 1; i < n && shared != 0; ++i) {
        const ItemView first = item(0), other = item(i);
        shared = common_prefix(first.data, shared, other.data, other.length);
    }
    const auto load_big_endian = [](const uint8_t *p, uint32_t length) {
        uint64_t v = 0;
        for (uint32_t i = 0; i < 8; ++i)
            v = v << 8 | (i < length ? p[i] : 0);
        return v;
    };
    for (uint32_t i = 0; i < n; ++i) {
        const uint8_t *rest = item(i).data + shared;
        const uint32_t length = item(i).length - shared;
        places[i] = {load_big_endian(rest, length), length <= 8 ? 0 : load_big_endian(rest + 8, length - 8), i};
    }
    std::sort(places.begin(), places.end(), [&](const ItemPlace &a, const ItemPlace &b) {
        if (a.key != b.key)
            return a.key < b.key;
        if (a.more != b.more)
            return a.more < b.more;
        const ItemView x = item(a.at), y = item(b.at);
        return compare_bytes(x.data, x.length, y.data, y.length) < 0;
    });
    return places;
}

} // namespace topk
