// Item lists: golden bytes, nothing else is let in; and what a statement's tally relies on: the top of a live summary, and
// that evictions tell of all weight that leaves the entries.
#include "hex.h"
#include "item_list.h"
#include "sketch.h"
#include "summary.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "streams.h"

namespace {

using namespace support;
using topk::Errc;
using topk::Item;
using topk::ItemList;
using topk::Kind;
using topk::SpaceSaving;
using topk::StoredSpaceSaving;
using topk::WeightedItem;

using Counts = std::map<std::string, uint64_t>;

Bytes write(const Summary &s) {
    Bytes out(ItemList::bound(*s));
    out.resize(ItemList::write(*s, out.data()));
    return out;
}

Counts read(const Bytes &bytes, uint32_t batch) {
    ItemList list(bytes.data(), bytes.size());
    Counts counts;
    std::vector<std::pair<std::string, uint64_t>> in_order;
    std::vector<WeightedItem> entries(batch);
    Bytes scratch(ItemList::scratch_size);
    while (const uint32_t n = list.next(entries.data(), batch, scratch.data()))
        for (uint32_t i = 0; i < n; ++i) {
            const std::string item(reinterpret_cast<const char *>(entries[i].data), entries[i].length);
            counts[item] += entries[i].weight;
            in_order.emplace_back(item, entries[i].weight);
        }
    EXPECT_EQ(in_order.size(), list.size());
    // Items that are in order already are written as the same bytes.
    std::vector<WeightedItem> items;
    for (const auto &[item, weight] : in_order)
        items.push_back({reinterpret_cast<const uint8_t *>(item.data()), static_cast<uint32_t>(item.size()), weight});
    const auto n = static_cast<uint32_t>(items.size());
    Bytes again(ItemList::bound(list.kind(), items.data(), n));
    again.resize(ItemList::write(list.kind(), items.data(), n, list.total(), again.data()));
    EXPECT_EQ(again, bytes);
    return counts;
}

Summary some_text() {
    Summary s(100);
    for (const auto &[key, weight] : Counts{{"", 2}, {"a", 1}, {"hello", 300}})
        s.add(Item(key.data(), key.size()), weight);
    return s;
}

TEST(ItemList, GoldenBytes) {
    EXPECT_EQ(to_hex(write(some_text())), "11"
                                          "03"
                                          "af02"
                                          "00"
                                          "02"
                                          "01"
                                          "61"
                                          "01"
                                          "05"
                                          "68656c6c6f"
                                          "ac02");
    Summary s(10, Kind::bigint);
    const int64_t key = -2;
    s.add(Item(&key, sizeof(key)), 128);
    EXPECT_EQ(to_hex(write(s)), "12"
                                "01"
                                "8001"
                                "03"
                                "8001");
    const int64_t other = 40;
    s.add(Item(&other, sizeof(other)));
    EXPECT_EQ(to_hex(write(s)), "12"
                                "02"
                                "8101"
                                "03"
                                "8001"
                                "2a"
                                "01");
    Summary shared(10);
    for (const char *key : {"item_124", "item_1", "item_12345678901234567"})
        shared.add(Item(key, strlen(key)));
    EXPECT_EQ(to_hex(write(shared)), "11"
                                     "03"
                                     "03"
                                     "06"
                                     "6974656d5f31"
                                     "01"
                                     "6f"
                                     "01"
                                     "3233343536373839"
                                     "30313233343536"
                                     "37"
                                     "01"
                                     "71"
                                     "34"
                                     "01");
}

TEST(ItemList, RoundTrip) {
    for (const uint32_t batch : {1u, 2u, 64u})
        EXPECT_EQ(read(write(some_text()), batch), (Counts{{"", 2}, {"a", 1}, {"hello", 300}}));
    EXPECT_TRUE(read(write(Summary(5)), 3).empty());
    Summary numbers(3000, Kind::bigint);
    Counts exact_numbers;
    streams::Random random(7);
    for (int i = 0; i < 2000; ++i) {
        const int64_t key = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : static_cast<int64_t>(random.next()) >> (i % 64);
        numbers.add(Item(&key, sizeof(key)));
        ++exact_numbers[std::string(reinterpret_cast<const char *>(&key), sizeof(key))];
    }
    EXPECT_EQ(read(write(numbers), 64), exact_numbers);
    Summary long_items(100);
    Counts exact_long;
    for (int i = 0; i < 50; ++i) {
        const std::string key = std::string(static_cast<size_t>(i * 167 % 8192), 'x') + std::string(i % 2, 'y');
        if (key.size() <= topk::max_item_length) {
            long_items.add(Item(key.data(), key.size()));
            ++exact_long[key];
        }
    }
    EXPECT_EQ(read(write(long_items), 64), exact_long);
    const streams::Zipf zipf(3000, 1.0);
    Summary s(5000);
    Counts exact;
    for (int i = 0; i < 20000; ++i) {
        const std::string key = "key" + std::to_string(zipf(random));
        s.add(Item(key.data(), key.size()), 1 + i % 3);
        exact[key] += 1 + i % 3;
    }
    EXPECT_EQ(read(write(s), 64), exact);
}

void expect_malformed(const Bytes &bytes, const char *what) {
    try {
        read(bytes, 4);
        ADD_FAILURE() << what << ": accepted " << to_hex(bytes);
    } catch (const topk::Error &error) {
        EXPECT_EQ(error.code(), Errc::malformed) << what;
    }
}

TEST(ItemList, RefusesEverythingElse) {
    const Bytes good = write(some_text());
    for (size_t n = 0; n < good.size(); ++n)
        expect_malformed(Bytes(good.begin(), good.begin() + static_cast<long>(n)), "cut");
    Bytes longer = good;
    longer.push_back(0);
    expect_malformed(longer, "trailing byte");
    for (const char *bytes : {"", "01 00 00", "21 00 00", "15 00 00", "10 00 00", "11 05 05", "11 01 05 00 04",
                              "11 01 05 00 06", "11 02 02 00 00 00 02", "11 01 ffffffffffffffffff01 00 01", "11 01 01 10 01",
                              "11 01 01 0f f13f 01", "13 01 01 01 61 01", "11 02 02 01 61 01 21 62 01"})
        expect_malformed(from_hex(bytes), bytes);
}

TEST(TopOf, EqualsTheStoredSummarys) {
    streams::Random random(11);
    const streams::Zipf zipf(5000, 0.9);
    for (const uint32_t capacity : {1u, 7u, 100u, 6000u}) {
        Summary s(capacity);
        for (int i = 0; i < 30000; ++i) {
            const std::string key = std::to_string(zipf(random));
            s.add(Item(key.data(), key.size()));
        }
        const Bytes packed = s.pack();
        const StoredSpaceSaving stored(packed.data(), packed.size());
        for (const uint32_t k : {1u, 5u, 100u, 10000u}) {
            std::vector<topk::Ranked> a(s->size() + 1), b(s->size() + 1);
            const uint32_t n = topk::top_of(*s, k, a.data());
            ASSERT_EQ(n, stored.top(k, b.data()));
            for (uint32_t i = 0; i < n; ++i) {
                ASSERT_EQ(std::string(a[i].key, a[i].key + a[i].length), std::string(b[i].key, b[i].key + b[i].length));
                ASSERT_TRUE(a[i].count == b[i].count && a[i].error == b[i].error && a[i].guaranteed == b[i].guaranteed);
            }
        }
    }
}

// For each item, the evicted, the filtered and the held weight together are exactly the added weight.
TEST(Evictions, TellOfAllWeight) {
    streams::Random random(5);
    const streams::Zipf zipf(2000, 0.8);
    const topk::SpaceSaving::Layout layout = SpaceSaving::roomy_layout({64, 1, 16, true, Kind::text, 0, 1});
    std::vector<std::byte> block(layout.size);
    SpaceSaving *s = SpaceSaving::create(block.data(), layout);
    Counts exact, told;
    const SpaceSaving::Evictions evictions = {
        [](void *context, const uint8_t *key, const SpaceSaving::Entry &entry) noexcept {
            (*static_cast<Counts *>(context))[std::string(key, key + entry.length)] += entry.count - entry.error;
        },
        &told};
    for (int i = 0; i < 50000; ++i) {
        const std::string key = "item" + std::to_string(zipf(random));
        const uint64_t weight = 1 + i % 4;
        const Item item(key.data(), key.size());
        exact[key] += weight;
        if (s->count_monitored(item, weight))
            continue;
        if (s->count_filtered(item, weight))
            told[key] += weight;
        else
            ASSERT_TRUE(s->insert(item, weight, topk::SpaceSaving::no_limit, &evictions));
    }
    EXPECT_GT(s->floor(), 0u);
    const SpaceSaving *held = s;
    for (uint32_t i = 0; i < held->size(); ++i) {
        const SpaceSaving::Entry &entry = held->entries()[i];
        told[std::string(held->key(entry), held->key(entry) + entry.length)] += entry.count - entry.error;
    }
    EXPECT_EQ(told, exact);
}

} // namespace
