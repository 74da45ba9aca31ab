// The input is a program for four summaries, which count, merge, and are stored and read back; they are compared with exact
// counts.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "check.h"
#include "summary.h"

namespace {

using support::Bytes;
using support::Summary;
using topk::Item;
using topk::SpaceSaving;
using topk::StoredSpaceSaving;

constexpr uint32_t items = 512;

// The lengths differ, so that blocks grow for bytes as well as for entries.
const Item &item_of(uint64_t number) {
    static const std::vector<std::string> keys = [] {
        std::vector<std::string> all;
        for (uint32_t i = 0; i < items; ++i)
            all.push_back(std::string(i % 5 * (i % 3) * 4, 'k') + std::to_string(i));
        return all;
    }();
    static const std::vector<Item> all([] {
        std::vector<Item> made;
        for (const std::string &key : keys)
            made.emplace_back(key.data(), key.size());
        return made;
    }());
    return all[number % items];
}

uint32_t number_of(const uint8_t *key, uint32_t length) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < length; ++i)
        if (key[i] != 'k')
            number = 10 * number + (key[i] - '0');
    CHECK(number < items && item_of(number).length == length && memcmp(item_of(number).data, key, length) == 0);
    return number;
}

struct Slot {
    Summary summary;
    uint32_t capacity;
    std::array<uint64_t, items> exact{};
    uint64_t total = 0;
    uint32_t distinct = 0;
    bool small = true; // never more distinct items than the capacity

    explicit Slot(uint32_t c) : summary(c), capacity(c) {}
    void count(uint32_t number, uint64_t weight) {
        distinct += exact[number] == 0 && weight != 0;
        exact[number] += weight;
        total += weight;
    }
};

void check(const Slot &slot) {
    const SpaceSaving &s = *slot.summary;
    CHECK(s.violated_invariant() == nullptr);
    CHECK(s.total() == slot.total);
    CHECK(s.capacity() == slot.capacity);
    CHECK(s.size() <= slot.capacity);
    CHECK(s.floor() <= slot.total / (SpaceSaving::kept_at_purge(slot.capacity) + 1));

    std::array<bool, items> monitored{};
    for (uint32_t i = 0; i < s.size(); ++i) {
        const SpaceSaving::Entry &e = s.entries()[i];
        const uint32_t number = number_of(s.key(e), e.length);
        const uint64_t f = slot.exact[number];
        CHECK(!monitored[number] && f != 0);
        monitored[number] = true;
        CHECK(f <= e.count && e.count - e.error <= f);
        CHECK(!slot.small || e.error == 0);
    }
    for (uint32_t i = 0; i < items; ++i)
        CHECK(monitored[i] || slot.exact[i] <= s.unmonitored_bound(item_of(i).hash));
    CHECK(!slot.small || (s.size() == slot.distinct && s.floor() == 0));

    std::array<uint64_t, items> sorted = slot.exact;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const Bytes packed = slot.summary.pack();
    StoredSpaceSaving::validate(packed.data(), packed.size());
    const StoredSpaceSaving stored(packed.data(), packed.size());
    for (const uint32_t k : {1u, 3u, 10u}) {
        topk::Ranked top[11];
        const uint32_t n = stored.top(k, top);
        for (uint32_t i = 0; i < n; ++i)
            CHECK(!top[i].guaranteed || slot.exact[number_of(top[i].key, top[i].length)] >= sorted[k - 1]);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    constexpr uint32_t capacities[] = {1, 2, 3, 7, 8, 9, 16, 40};
    constexpr uint64_t max_total = uint64_t{1} << 62;
    const uint8_t *const end = data + size;
    const auto next = [&]() -> uint64_t { return data != end ? *data++ : 0; };

    std::vector<Slot> slots;
    for (int i = 0; i < 4; ++i)
        slots.emplace_back(capacities[next() % std::size(capacities)]);
    const auto add = [&](Slot &slot, uint64_t number, uint64_t weight) {
        if (slot.total > max_total - weight)
            return;
        slot.summary.add(item_of(number), weight);
        slot.count(number % items, weight);
        slot.small = slot.small && slot.distinct <= slot.capacity;
    };
    while (data != end) {
        const uint64_t op = next();
        Slot &slot = slots[op & 3];
        switch (op >> 2 & 7) {
            case 0:
            case 1: add(slot, next(), 1); break;
            case 2: add(slot, next(), 1 + next()); break;
            case 3: { // weights of any size
                const uint64_t number = next(), mantissa = 1 + next(), exponent = next() % 54;
                add(slot, number, mantissa << exponent);
                break;
            }
            case 4: { // a run of different items
                const uint64_t first = next() * 2, n = next() % 64, weight = 1 + (op >> 5);
                for (uint64_t i = 0; i < n; ++i)
                    add(slot, first + i, weight);
                break;
            }
            case 5: slot.summary = Summary::load(slot.summary.pack()); break;
            default: {
                const Slot &other = slots[op >> 5 & 3]; // may be the same summary
                if (slot.total > max_total - other.total)
                    break;
                slot.summary.merge(other.summary.pack());
                slot.small = slot.small && other.small;
                slot.capacity = std::min(slot.capacity, other.capacity);
                for (uint32_t i = 0; i < items; ++i)
                    slot.count(i, other.exact[i]);
                slot.small = slot.small && slot.distinct <= slot.capacity;
            }
        }
        CHECK(slot.summary->total() == slot.total);
        CHECK(slot.summary->violated_invariant() == nullptr);
        if ((op & 0xbc) == 0x94) // after some reloads only, as the full check is slow; it runs at the end in any case
            check(slot);
    }
    for (const Slot &slot : slots)
        check(slot);
    return 0;
}
