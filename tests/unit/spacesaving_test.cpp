// Tests of Space-Saving: agreement with a plain model, purges, limits, errors.
#include "model.h"

#include <algorithm>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "streams.h"

namespace {

using namespace support;
using topk::Errc;
using topk::Item;
using topk::Kind;
using topk::SpaceSaving;
using topk::StoredSpaceSaving;

Item item_of(const std::string &key) { return Item(key.data(), key.size()); }

template <class F>
void expect_error(Errc code, F &&f) {
    try {
        f();
        ADD_FAILURE() << "no error";
    } catch (const topk::Error &e) {
        EXPECT_EQ(e.code(), code) << e.what();
    }
}

TEST(SpaceSaving, AgreesWithTheModel) {
    struct Pair {
        Summary real;
        Model model;
    };
    for (uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        streams::Random random(seed);
        const uint32_t capacities[] = {1, 2, 3, 7, 8, 9, 16, 33, 100};
        const uint64_t items = 1 + random.below(400);
        const streams::Zipf zipf(items, 0.5 + random.unit());
        std::vector<Pair> pairs;
        for (int i = 0; i < 4; ++i) {
            // Capacities differ in half of the runs.
            const uint32_t capacity = capacities[(seed % 2 ? random.next() : seed) % std::size(capacities)];
            pairs.push_back({Summary(capacity), Model(capacity)});
        }
        for (int step = 0; step < 4000; ++step) {
            const size_t i = random.below(pairs.size());
            Pair &p = pairs[i];
            const uint64_t action = random.below(200);
            if (action == 0 && p.real->total() < (uint64_t{1} << 50)) { // each merge with itself doubles the weight
                const Pair &other = pairs[random.below(pairs.size())];
                p.real.merge(other.real.pack());
                p.model.merge(Model(other.model));
            } else if (action == 1) {
                p.real = Summary::load(p.real.pack());
            } else if (action == 2) {
                p = {Summary(p.real->capacity()), Model(p.real->capacity())};
            } else {
                const std::string key(1 + random.below(3), static_cast<char>('a' + random.below(2)));
                const std::string name = key + std::to_string(zipf(random));
                const uint64_t weight = seed % 3 == 0 ? 1 : 1 + random.below(uint64_t{1} << random.below(30));
                p.real.add(item_of(name), weight);
                p.model.add(name, weight);
            }
            ASSERT_EQ(p.model.difference(*p.real), "") << "step " << step;
            ASSERT_EQ(p.real->violated_invariant(), nullptr) << "step " << step;
        }
    }
}

// A full summary adds one more item. The entries that it keeps show which count it found as the (m+1)-th largest.
void check_purge(const std::vector<uint64_t> &counts) {
    const auto capacity = static_cast<uint32_t>(counts.size());
    Summary s(capacity);
    for (uint32_t i = 0; i < capacity; ++i)
        s.add(item_of("item" + std::to_string(i)), counts[i]);
    ASSERT_EQ(s->size(), capacity);
    ASSERT_EQ(s->floor(), 0u);
    s.add(item_of("one more"), 1);

    std::vector<uint64_t> sorted = counts;
    const uint32_t m = SpaceSaving::kept_at_purge(capacity);
    std::nth_element(sorted.begin(), sorted.begin() + m, sorted.end(), std::greater<>());
    const uint64_t threshold = sorted[m];
    ASSERT_EQ(s->floor(), threshold);
    uint32_t larger = 0, tied = 0;
    uint64_t evicted = 0, filtered = 0;
    for (uint64_t c : counts) {
        larger += c > threshold;
        tied += c == threshold;
        evicted += c;
    }
    const uint32_t kept = s->size() - 1; // without the added item
    for (uint32_t i = 0; i < kept; ++i) {
        ASSERT_GE(s->entries()[i].count, threshold);
        evicted -= s->entries()[i].count;
    }
    for (uint32_t i = 0; i < s->filter_width(); ++i)
        filtered += s->filter()[i];
    // Tied entries fill it up to half, except for those that share ten bits of the hash with an entry that is one too many.
    ASSERT_GE(kept, larger);
    ASSERT_LE(kept, std::max(larger, m / 2));
    if (capacity >= 64) {
        ASSERT_GE(kept, std::min(larger + tied, m / 2) * 3 / 4);
    }
    ASSERT_EQ(filtered, evicted);
    ASSERT_EQ(s->violated_invariant(), nullptr);
}

TEST(SpaceSaving, PurgeFindsTheRankAsNthElementDoes) {
    constexpr uint64_t huge = INT64_MAX;
    streams::Random random(5);
    for (const uint32_t n : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 16u, 17u, 64u, 100u, 1000u, 4096u}) {
        SCOPED_TRACE(testing::Message() << "capacity " << n);
        const auto check = [&](auto &&count_of) {
            std::vector<uint64_t> counts(n);
            for (uint32_t i = 0; i < n; ++i)
                counts[i] = count_of(i);
            check_purge(counts);
        };
        check([](uint32_t) { return 1; });
        check([](uint32_t) { return 12345; });
        check([&](uint32_t) { return (huge - 1) / n; });                          // all equal, as large as possible
        check([&](uint32_t i) { return i == 0 ? huge - 1 - 2 * n : 1 + i % 2; }); // one giant
        check([&](uint32_t i) { return i == n - 1 ? (huge - 1 - n) / 2 : 1; });   // one giant, last
        check([](uint32_t i) { return i + 1; });                                  // ascending
        check([&](uint32_t i) { return n - i; });                                 // descending
        check([](uint32_t i) { return uint64_t{1} << (i % 50); });                // powers of two
        check([](uint32_t i) { return (uint64_t{1} << (i % 50)) + (i % 3) - (i % 50 > 2); }); // and their neighbours
        check([&](uint32_t i) { return (huge - 1) / n - i; });                                // crowded far from zero
        check([&](uint32_t i) { return (huge - 1) / n - (uint64_t{i} << 30) / n; });
        check([](uint32_t i) { return 1000 + 31 + i % 3; }); // at the end of the exact buckets
        check([](uint32_t i) { return 1000 + (i % 2 ? 31 : 32); });
        check([](uint32_t i) { return 1 + (i % 2 ? 1023 : 1024) * uint64_t{1 + i % 5}; });
        for (int round = 0; round < 30; ++round) {
            check([&](uint32_t) { return 1 + random.below(uint64_t{1} << random.below(49)); });
            const uint64_t low = random.below(huge / n / 2), width = 1 + random.below(huge / n / 3);
            check([&](uint32_t) { return 1 + low + random.below(width); });
        }
        if (HasFatalFailure())
            return;
    }
    // Powers of two up to the largest that fits.
    std::vector<uint64_t> powers;
    for (uint64_t p = 1; p < uint64_t{1} << 62; p <<= 1)
        powers.push_back(p);
    check_purge(powers);
}

// Every item occurs once: the summary keeps some of them, although all counts are equal.
TEST(SpaceSaving, ItemsSeenOnceDoNotEndUpInAnEmptySummary) {
    for (const uint32_t capacity : {8u, 64u, 1000u})
        for (const int extra : {1, 200, 3000}) {
            Summary s(capacity);
            for (uint32_t i = 0; i < capacity + extra; ++i)
                s.add(item_of("item" + std::to_string(i)), 1);
            EXPECT_GE(s->size(), capacity / 4);
            EXPECT_EQ(s->violated_invariant(), nullptr);
        }
}

// The smallest count and the others differ by 2^62, which the buckets of the selection must cover.
TEST(SpaceSaving, MergeFindsTheRankAmongHugeCounts) {
    Summary a(3), b(3);
    a.add(item_of("a"), (uint64_t{1} << 62) - 10);
    a.add(item_of("b"), 3);
    b.add(item_of("c"), (uint64_t{1} << 61) + 5);
    b.add(item_of("d"), uint64_t{1} << 60);
    a.merge(b.pack());
    EXPECT_EQ(a->floor(), 3u);
    EXPECT_EQ(a->size(), 3u);
    EXPECT_EQ(a->violated_invariant(), nullptr);
}

// All decisions depend on the order of counts alone. So events that count n times are a stream whose weights are n times as
// large, to the byte.
TEST(SpaceSaving, MergesEventsThatCountSeveralTimes) {
    for (const uint32_t capacity : {4u, 50u, 400u})
        for (const uint64_t times : {uint64_t{1}, uint64_t{7}, uint64_t{1} << 40}) {
            SCOPED_TRACE(testing::Message() << capacity << " times " << times);
            Summary once(capacity), scaled(capacity), merged(capacity), both(capacity), other(capacity);
            streams::Random random(capacity);
            for (int i = 0; i < 5000; ++i) {
                const std::string key = std::to_string(random.below(300) * random.below(300));
                const uint64_t weight = 1 + random.below(5);
                once.add(item_of(key), weight);
                scaled.add(item_of(key), weight * times);
                other.add(item_of(std::to_string(random.below(1000))), 1 + random.below(1000));
            }
            merged.merge_times(once.pack(), times);
            EXPECT_EQ(merged.pack(), scaled.pack());
            both.merge(other.pack());
            both.merge(scaled.pack());
            other.merge_times(once.pack(), times);
            EXPECT_EQ(other->violated_invariant(), nullptr);
            EXPECT_EQ(other.pack(), both.pack());
        }
    Summary full(4);
    full.add(item_of("a"), uint64_t{1} << 40);
    const Bytes before = full.pack();
    expect_error(Errc::out_of_range, [&] { full.merge_times(before, uint64_t{1} << 23); });
    expect_error(Errc::out_of_range, [&] { full.merge_times(before, uint64_t{1} << 60); });
    EXPECT_EQ(full.pack(), before);
}

TEST(SpaceSaving, OverflowOfTheTotalIsAnErrorAndChangesNothing) {
    for (const bool purged : {false, true}) {
        SCOPED_TRACE(purged ? "purged" : "exact");
        Summary s(4);
        s.add(item_of("large"), 1000);
        if (purged)
            for (int i = 0; i < 100; ++i)
                s.add(item_of("small" + std::to_string(i)));
        ASSERT_EQ(s->floor() != 0, purged);
        s.add(item_of("large"), INT64_MAX - s->total() - 5);
        const Bytes before = s.pack();
        for (const uint64_t weight : {uint64_t{6}, uint64_t{INT64_MAX}, uint64_t{INT64_MAX} + 1, UINT64_MAX})
            for (const char *key : {"large", "unknown", "small1"}) {
                expect_error(Errc::out_of_range, [&] { s.add(item_of(key), weight); });
                ASSERT_EQ(s.pack(), before) << key << " " << weight;
            }
        Summary six(4);
        six.add(item_of("x"), 6);
        expect_error(Errc::out_of_range, [&] { s.merge(six.pack()); });
        ASSERT_EQ(s.pack(), before);

        s.add(item_of("large"), 5);
        EXPECT_EQ(s->total(), uint64_t{INT64_MAX});
        EXPECT_EQ(s->violated_invariant(), nullptr);
        const Bytes full = s.pack();
        EXPECT_EQ(Summary::load(full).pack(), full);
        expect_error(Errc::out_of_range, [&] { s.add(item_of("large"), 1); });
        Summary nothing(4);
        s.merge(nothing.pack()); // adds no weight
        EXPECT_EQ(s.pack(), full);
    }
}

// A merge to a smaller capacity moves the summary first. If the merge is refused, the summary must be as before.
TEST(SpaceSaving, ARefusedMergeChangesNothing) {
    for (const bool purged : {false, true}) {
        SCOPED_TRACE(purged ? "purged" : "exact");
        Summary s(64, Kind::text, 10);
        for (int i = 0; i < (purged ? 5000 : 64); ++i)
            s.add(item_of("item" + std::to_string(i)), 1 + i % 3);
        const Bytes before = s.pack();
        Summary huge(2), other_kind(2, Kind::bytea), other_k(2, Kind::text, 11);
        huge.add(item_of("x"), INT64_MAX - 5);
        other_kind.add(item_of("x"));
        other_k.add(item_of("x"));
        expect_error(Errc::out_of_range, [&] { s.merge(huge.pack()); });
        expect_error(Errc::mismatch, [&] { s.merge(other_kind.pack()); });
        expect_error(Errc::mismatch, [&] { s.merge(other_k.pack()); });
        EXPECT_EQ(s->violated_invariant(), nullptr);
        EXPECT_EQ(s.pack(), before);
        for (int i = 0; i < 1000; ++i)
            s.add(item_of("more" + std::to_string(i)));
        EXPECT_EQ(s->violated_invariant(), nullptr);
        EXPECT_EQ(s->capacity(), 64u);
    }
}

TEST(SpaceSaving, ItemLengths) {
    for (const bool purged : {false, true}) {
        SCOPED_TRACE(purged ? "purged" : "exact");
        Summary s(16, Kind::bytea);
        if (purged)
            for (int i = 0; i < 100000; ++i)
                s.add(item_of("small" + std::to_string(i)));
        ASSERT_EQ(s->floor() != 0, purged);
        const std::string longest(topk::max_item_length, 'x');
        s.add(item_of(""), 100000);
        s.add(item_of(longest), 90000);
        const Bytes before = s.pack();
        for (const std::string &tail : {std::string("a"), std::string("b"), std::string(100000, 'c')}) {
            expect_error(Errc::too_large, [&] { s.add(item_of(longest + tail)); });
            expect_error(Errc::too_large, [&] { s.add(item_of(longest + tail), 500000); });
        }
        ASSERT_EQ(s.pack(), before);

        // The items are equal up to their last byte, with all lengths around the branches of the comparison.
        Summary t(1000);
        std::vector<std::string> keys;
        for (const uint32_t length :
             {1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 12u, 15u, 16u, 17u, 24u, 33u, 240u, 241u, 8190u, 8191u})
            for (const char last : {'\0', 'a', 'b', '\xff'}) {
                keys.emplace_back(length, 'x');
                keys.back().back() = last;
                keys.emplace_back(length, 'x');
                keys.back().front() = last;
            }
        keys.emplace_back();
        std::sort(keys.begin(), keys.end());
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        for (int round = 0; round < 2; ++round)
            for (size_t i = 0; i < keys.size(); ++i)
                t.add(item_of(keys[i]), i + 1);
        ASSERT_EQ(t->size(), keys.size());
        const Bytes packed = t.pack();
        for (size_t i = 0; i < keys.size(); ++i)
            ASSERT_EQ(StoredSpaceSaving(packed.data(), packed.size()).frequency(item_of(keys[i])).lower, 2 * (i + 1));
        ASSERT_EQ(Summary::load(packed).pack(), packed);
    }
}

// No two short strings with the same XXH3 hash are known; if they exist, they only cost time.
TEST(SpaceSaving, EqualHashesOfDifferentItems) {
    for (const uint32_t items : {7u, 100u}) {
        Summary s(1000);
        std::vector<std::string> keys;
        for (uint32_t i = 0; i < items; ++i)
            keys.push_back("key" + std::to_string(i));
        for (uint32_t round = 0; round < 3; ++round)
            for (uint32_t i = 0; i < items; ++i) {
                Item item = item_of(keys[i]);
                item.hash = i % 2 ? 42 : 42 | uint64_t{1} << 40; // every second item has the same index position and tag too
                s.add(item, i + 1);
            }
        ASSERT_EQ(s->size(), items);
        for (uint32_t i = 0; i < items; ++i)
            EXPECT_EQ(s->entries()[i].count, 3 * (i + 1));
    }
}

TEST(SpaceSaving, KindsDoNotMix) {
    const char bytes[16] = "0123456789abcde";
    const Kind kinds[] = {Kind::text, Kind::bigint, Kind::uuid, Kind::bytea};
    for (const Kind a : kinds)
        for (const Kind b : kinds) {
            const auto item = [&](Kind kind) {
                return Item(bytes, topk::fixed_length(kind) ? topk::fixed_length(kind) : 5);
            };
            Summary s(10, a), other(10, b);
            s.add(item(a), 3);
            other.add(item(b), 4);
            const Bytes before = s.pack();
            if (a == b) {
                s.merge(other.pack());
                EXPECT_EQ(s->total(), 7u);
                EXPECT_EQ(s->size(), 1u);
                continue;
            }
            expect_error(Errc::mismatch, [&] { s.require_kind(b); });
            expect_error(Errc::mismatch, [&] { s.merge(other.pack()); });
            expect_error(Errc::mismatch, [&] { s.merge(Summary(10, b).pack()); }); // even an empty one
            EXPECT_EQ(s.pack(), before);
        }
    // A summary without items takes the kind of the other side, and does not change it.
    Summary fresh(10, Kind::none), uuids(10, Kind::uuid);
    uuids.add(Item(bytes, 16));
    uuids.merge(fresh.pack());
    EXPECT_EQ(uuids->kind(), Kind::uuid);
    fresh.merge(uuids.pack());
    EXPECT_EQ(fresh->kind(), Kind::uuid);
    EXPECT_EQ(fresh.pack(), uuids.pack());
}

TEST(SpaceSaving, DifferentKDoNotMix) {
    Summary ten(100, Kind::text, 10), five(100, Kind::text, 5), none(100);
    ten.add(item_of("a"));
    five.add(item_of("b"));
    none.add(item_of("c"));
    const Bytes before = ten.pack();
    expect_error(Errc::mismatch, [&] { ten.merge(five.pack()); });
    EXPECT_EQ(ten.pack(), before);
    ten.merge(none.pack());
    EXPECT_EQ(ten->k(), 10u);
    none.merge(five.pack());
    EXPECT_EQ(none->k(), 5u);
    EXPECT_EQ(Summary::load(none.pack())->k(), 5u);
}

TEST(SpaceSaving, CapacityLimits) {
    expect_error(Errc::invalid_parameter, [] { Summary s(0); });
    expect_error(Errc::invalid_parameter, [] { Summary s(topk::max_capacity + 1); });
    expect_error(Errc::invalid_parameter, [] { Summary s(UINT32_MAX); });
    Summary s(topk::max_capacity);
    EXPECT_LE(s->block_size(), 256u);
}

// This is part of the format: readers check the floor with it.
TEST(SpaceSaving, KeepsSevenEighths) {
    const std::pair<uint32_t, uint32_t> known[] = {{1, 0},   {2, 1},   {7, 6},   {8, 7},
                                                   {15, 14}, {16, 14}, {64, 56}, {1000, 875}};
    for (const auto &[capacity, m] : known)
        EXPECT_EQ(SpaceSaving::kept_at_purge(capacity), m);
    for (uint32_t capacity = 1; capacity < 5000; ++capacity) {
        const uint32_t m = SpaceSaving::kept_at_purge(capacity);
        ASSERT_LT(m, capacity);                                 // a purge must free an entry
        ASSERT_LE(m, SpaceSaving::kept_at_purge(capacity + 1)); // or a merge to the smaller capacity would break the bound
        ASSERT_GE(m + 1, capacity - capacity / 8);
        const uint32_t width = SpaceSaving::filter_width_for(capacity);
        ASSERT_EQ(width & (width - 1), 0u);
        ASSERT_GE(width, 8 * capacity);
        ASSERT_LT(width, 16 * capacity);
    }
}

// A summary is the same if it grew step by step, was allocated at once, or was loaded.
TEST(SpaceSaving, BlocksGrowWithoutATrace) {
    streams::Random random(9);
    for (const uint32_t capacity : {1u, 4u, 5u, 8u, 9u, 100u, 2000u}) {
        Summary grown(capacity, Kind::text, 0, 0), reloaded(capacity);
        uint64_t last = 0;
        for (uint32_t i = 0; i < 3000; ++i) {
            const std::string key(random.below(100), static_cast<char>('a' + random.below(26)));
            grown.add(item_of(key), 1 + i % 3);
            ASSERT_GE(grown->block_size(), last);
            last = grown->block_size();
            if (i % 50 == 0)
                reloaded = Summary::load(reloaded.pack()); // blocks without spare room
            reloaded.add(item_of(key), 1 + i % 3);
        }
        EXPECT_EQ(grown.pack(), reloaded.pack()) << capacity;
        EXPECT_EQ(grown->violated_invariant(), nullptr);
    }
}

TEST(SpaceSaving, MergingToASmallerCapacityBothWays) {
    for (const bool purged : {false, true}) {
        Summary small(8), large(100);
        for (int i = 0; i < (purged ? 1000 : 5); ++i) {
            small.add(item_of("s" + std::to_string(i)), i % 7 + 1);
            large.add(item_of("l" + std::to_string(i)), i % 5 + 1);
        }
        Summary a = Summary::load(small.pack()), b = Summary::load(large.pack());
        a.merge(large.pack());
        b.merge(small.pack());
        for (const Summary *s : {&a, &b}) {
            EXPECT_EQ((*s)->capacity(), 8u);
            EXPECT_LE((*s)->size(), 8u);
            EXPECT_EQ((*s)->total(), small->total() + large->total());
            EXPECT_EQ((*s)->violated_invariant(), nullptr);
        }
        // The capacity becomes smaller even if no item is added.
        Summary c = Summary::load(large.pack());
        c.merge(Summary(8).pack());
        EXPECT_EQ(c->capacity(), 8u);
        EXPECT_LE(c->size(), 8u);
        EXPECT_EQ(c->violated_invariant(), nullptr);
        Summary d(8);
        d.merge(large.pack());
        EXPECT_EQ(d->capacity(), 8u);
        EXPECT_EQ(d->violated_invariant(), nullptr);
    }
}

} // namespace
