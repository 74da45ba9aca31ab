// Tests of the stored bytes of a Space-Saving summary: golden bytes, one form for each state, and refusal of all other
// bytes.
#include "allocations.h"
#include "hex.h"
#include "summary.h"

#include <algorithm>
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

void add(Summary &s, const std::string &key, uint64_t weight = 1) { s.add(Item(key.data(), key.size()), weight); }
void add(Summary &s, int64_t key, uint64_t weight = 1) { s.add(Item(&key, sizeof(key)), weight); } // little-endian machine

Summary exact_text() {
    Summary s(100);
    add(s, "b");
    add(s, "", 2);
    add(s, "a");
    add(s, "hello", 300);
    return s;
}

Summary purged_text() {
    Summary s(4, Kind::text, 3);
    for (int i = 0; i < 40; ++i)
        add(s, "item" + std::to_string(i % 25), 1 + i % 7);
    add(s, "large", 1000);
    return s;
}

Summary some_bigints() {
    Summary s(1000, Kind::bigint);
    for (const int64_t key : {int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MIN, INT64_MAX, int64_t{256}})
        add(s, key, 5);
    add(s, int64_t{42}, INT64_MAX - 100);
    return s;
}

Summary one_uuid() {
    Summary s(1, Kind::uuid);
    s.add(Item("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10", 16), 128);
    return s;
}

// A larger state, with entries and filter cells of all sizes.
Summary large_state(uint32_t capacity, uint64_t seed) {
    streams::Random random(seed);
    const streams::Zipf zipf(5000, 1.1);
    Summary s(capacity, Kind::bytea);
    for (int i = 0; i < 20000; ++i)
        add(s, std::string(random.below(4), 'x') + std::to_string(zipf(random)), 1 + random.below(1u << random.below(20)));
    return s;
}

struct Golden {
    const char *name;
    Summary state;
    const char *hex;
};

// The bytes of version 1 never change: a reader that reads them differently needs another version.
std::vector<Golden> golden() {
    std::vector<Golden> all;
    all.push_back({"empty", Summary(10, Kind::none, 10), "544b5301000000000a0a000000"});
    all.push_back({"exact text", exact_text(), "544b53010001000064000407b002040568656c6c6faa0200010161000162"});
    all.push_back({"purged text", purged_text(),
                   "544b5301010100000403041783090e990102056c61726765d8070e066974656d3133010e066974656d3132020a066974"
                   "656d3134010000150a040d0a02000015000000000300060700000000130006000008060700"});
    all.push_back({"bigint", some_bigints(),
                   "544b530100020000e807000738b9ffffffffffffff7f1e2a0000000000000096ffffffffffffff7f0000000000000080"
                   "00ffffffffffffffff00000000000000000000010000000000000000000100000000000000ffffffffffffff7f"});
    all.push_back({"uuid", one_uuid(), "544b530100030000010001108001000123456789abcdeffedcba9876543210"});
    return all;
}

TEST(SpaceSavingFormat, GoldenBytesOfVersion1) {
    for (const Golden &g : golden()) {
        SCOPED_TRACE(g.name);
        const Bytes expected = from_hex(g.hex);
        EXPECT_EQ(to_hex(g.state.pack()), to_hex(expected));
        const Summary read = Summary::load(expected);
        EXPECT_EQ(read->kind(), g.state->kind());
        EXPECT_EQ(read->capacity(), g.state->capacity());
        EXPECT_EQ(read->k(), g.state->k());
        EXPECT_EQ(read->total(), g.state->total());
        EXPECT_EQ(read->floor(), g.state->floor());
        EXPECT_EQ(read->size(), g.state->size());
        EXPECT_EQ(read.pack(), expected);
    }
}

TEST(SpaceSavingFormat, TopOfGoldenBytes) {
    const Bytes bytes = exact_text().pack();
    topk::Ranked top[5];
    ASSERT_EQ(StoredSpaceSaving(bytes.data(), bytes.size()).top(5, top), 4u);
    const char *keys[] = {"hello", "", "a", "b"}; // equal counts: the smaller item first
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(std::string(reinterpret_cast<const char *>(top[i].key), top[i].length), keys[i]);

    const Bytes numbers = some_bigints().pack();
    topk::Ranked all[8];
    ASSERT_EQ(StoredSpaceSaving(numbers.data(), numbers.size()).top(7, all), 7u);
    const int64_t order[] = {42, INT64_MIN, -1, 0, 1, 256, INT64_MAX}; // as numbers, not as bytes
    for (int i = 0; i < 7; ++i)
        EXPECT_EQ(static_cast<int64_t>(topk::load_u64(all[i].key)), order[i]);
}

TEST(SpaceSavingFormat, EqualSummariesHaveEqualBytes) {
    // The same content is built in different ways: order of events, weights, growth, merges, a smaller first block.
    std::vector<std::string> keys;
    for (int i = 0; i < 200; ++i)
        keys.push_back("key" + std::to_string(i));
    Summary once(500), split(500, Kind::text, 0, 0), backwards(500), left(500), right(500);
    for (size_t i = 0; i < keys.size(); ++i) {
        const Item item(keys[i].data(), keys[i].size());
        once.add(item, i / 3 + 2);
        left.add(item, i / 3 + 1);
        right.add(item, 1);
        const size_t back = keys.size() - 1 - i;
        backwards.add(Item(keys[back].data(), keys[back].size()), back / 3 + 2);
    }
    for (int half = 0; half < 2; ++half)
        for (size_t i = 0; i < keys.size(); ++i)
            split.add(Item(keys[i].data(), keys[i].size()), half == 0 ? i / 3 + 1 : 1);
    Summary merged = Summary::load(left.pack()), swapped = Summary::load(right.pack());
    merged.merge(right.pack());
    swapped.merge(left.pack());
    for (const Summary *s : {&split, &backwards, &merged, &swapped})
        EXPECT_EQ(s->pack(), once.pack());

    // Purged states too: merging is commutative.
    const Bytes a = large_state(64, 1).pack(), b = large_state(64, 2).pack();
    Summary ab = Summary::load(a), ba = Summary::load(b);
    ab.merge(b);
    ba.merge(a);
    EXPECT_EQ(ab.pack(), ba.pack());
}

TEST(SpaceSavingFormat, PackedBoundHolds) {
    streams::Random random(3);
    for (int round = 0; round < 300; ++round) {
        Summary s(1 + static_cast<uint32_t>(random.below(40)), Kind::text);
        const uint64_t events = random.below(200);
        for (uint64_t i = 0; i < events; ++i)
            add(s, std::string(random.below(20), 'y') + std::to_string(random.below(60)),
                1 + random.below(uint64_t{1} << random.below(54)));
        const Bytes packed = s.pack();
        ASSERT_LE(packed.size(), StoredSpaceSaving::packed_bound(*s));
        ASSERT_EQ(Summary::load(packed).pack(), packed);
    }
}

// Checks that bytes are either refused as malformed, or are the only form of a state that keeps all invariants. Returns
// whether they are accepted.
bool check_door(const Bytes &bytes) {
    // The memory has exactly this size, so that a sanitizer finds a read beyond it.
    const std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), copy.get());
    try {
        StoredSpaceSaving::validate(copy.get(), bytes.size());
    } catch (const topk::Error &e) {
        EXPECT_EQ(e.code(), Errc::malformed) << e.what();
        return false;
    }
    Summary s = Summary::load(bytes);
    EXPECT_EQ(s->violated_invariant(), nullptr);
    EXPECT_EQ(s.pack(), bytes) << "accepted, but not the form that pack() writes";
    const StoredSpaceSaving stored(copy.get(), bytes.size());
    std::vector<topk::Ranked> top(stored.size() + 1);
    EXPECT_EQ(stored.top(stored.size(), top.data()), stored.size());

    // The state can be used further.
    if (s->total() > INT64_MAX / 2 - 1000)
        return true;
    s.merge(bytes);
    EXPECT_EQ(s->violated_invariant(), nullptr);
    s.require_kind(s->kind() == Kind::none ? Kind::text : s->kind());
    for (uint64_t i = 0; i < 12; ++i) {
        const uint64_t key[2] = {i, 0};
        s.add(Item(key, topk::fixed_length(s->kind()) == 16 ? 16 : 8), i + 1);
    }
    EXPECT_EQ(s->violated_invariant(), nullptr);
    return true;
}

TEST(SpaceSavingFormat, EveryTruncationIsRejected) {
    for (const Golden &g : golden()) {
        const Bytes bytes = from_hex(g.hex);
        for (size_t n = 0; n < bytes.size(); ++n)
            ASSERT_FALSE(check_door(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(n)))) << g.name << " " << n;
    }
    const Bytes large = large_state(64, 1).pack();
    for (size_t n = 0; n < large.size(); ++n)
        ASSERT_FALSE(check_door(Bytes(large.begin(), large.begin() + static_cast<long>(n)))) << n;
}

TEST(SpaceSavingFormat, TrailingBytesAreRejected) {
    for (const Golden &g : golden())
        for (int byte = 0; byte < 256; ++byte) {
            Bytes bytes = from_hex(g.hex);
            bytes.push_back(static_cast<uint8_t>(byte));
            ASSERT_FALSE(check_door(bytes)) << g.name;
        }
}

TEST(SpaceSavingFormat, EverySingleByteMutation) {
    for (const Golden &g : golden()) {
        SCOPED_TRACE(g.name);
        const Bytes bytes = from_hex(g.hex);
        int accepted = 0;
        for (size_t at = 0; at < bytes.size(); ++at)
            for (int change = 1; change < 256; ++change) {
                Bytes mutated = bytes;
                mutated[at] = static_cast<uint8_t>(mutated[at] ^ change);
                accepted += check_door(mutated);
                if (HasFailure())
                    FAIL() << "byte " << at << ": " << to_hex(mutated);
            }
        // A changed item, k or kind makes another valid state, which no check can detect.
        EXPECT_GT(accepted, 0);
    }
}

TEST(SpaceSavingFormat, RandomMutationsOfLargerStates) {
#ifdef TOPK_TEST_SMALL
    constexpr int rounds = 2000;
#else
    constexpr int rounds = 20000;
#endif
    streams::Random random(77);
    for (const uint32_t capacity : {8u, 64u, 200u}) {
        const Bytes bytes = large_state(capacity, capacity).pack(), other = large_state(capacity, 5).pack();
        ASSERT_TRUE(check_door(bytes));
        for (int round = 0; round < rounds; ++round) {
            Bytes mutated = bytes;
            for (uint64_t n = 1 + random.below(4); n > 0; --n) {
                const auto at = static_cast<long>(random.below(mutated.size()));
                switch (random.below(6)) {
                    case 0: mutated.erase(mutated.begin() + at); break;
                    case 1: mutated.insert(mutated.begin() + at, static_cast<uint8_t>(random.next())); break;
                    case 2: // insert a part of another state
                        mutated.resize(static_cast<size_t>(at));
                        mutated.insert(mutated.end(), other.begin() + std::min<long>(at, static_cast<long>(other.size())),
                                       other.end());
                        mutated.push_back(0);
                        break;
                    case 3: mutated[static_cast<size_t>(at)] ^= static_cast<uint8_t>(1 << random.below(8)); break;
                    default: { // raise one count and lower another, so that sums are right
                        ++mutated[static_cast<size_t>(at)];
                        --mutated[random.below(mutated.size())];
                    }
                }
            }
            check_door(mutated);
            if (HasFailure())
                FAIL() << "capacity " << capacity << " round " << round;
        }
    }
}

TEST(SpaceSavingFormat, RandomBytesAreRejected) {
    streams::Random random(78);
    for (int round = 0; round < 20000; ++round) {
        Bytes bytes = {'T', 'K', 'S', 1, static_cast<uint8_t>(random.below(2)), static_cast<uint8_t>(random.below(5)), 0, 0};
        const uint64_t n = random.below(60);
        for (uint64_t i = 0; i < n; ++i)
            bytes.push_back(static_cast<uint8_t>(random.below(3) ? random.below(6) : random.next()));
        check_door(bytes);
    }
}

TEST(SpaceSavingFormat, WhatIsRejected) {
    struct Case {
        const char *why;
        const char *hex;
    };
    // Header "TK" 'S' version flags kind 0 0; capacity k entries key_bytes total [floor]; entries; filter.
    const Case cases[] = {
        {"nothing", ""},
        {"other magic", "544c5301 00010000 0a 00 00 00 00"},
        {"a cms", "544b4301 00010000 0a 00 00 00 00"},
        {"version 0", "544b5300 00010000 0a 00 00 00 00"},
        {"version 2", "544b5302 00010000 0a 00 00 00 00"},
        {"unknown flag", "544b5301 02010000 0a 00 00 00 00"},
        {"unknown kind", "544b5301 00050000 0a 00 00 00 00"},
        {"first reserved byte", "544b5301 00010100 0a 00 00 00 00"},
        {"second reserved byte", "544b5301 00010001 0a 00 00 00 00"},
        {"capacity 0", "544b5301 00010000 00 00 00 00 00"},
        {"capacity 1,000,001", "544b5301 00010000 c1843d 00 00 00 00"},
        {"k 1,000,001", "544b5301 00010000 0a c1843d 00 00 00"},
        {"capacity not minimal", "544b5301 00010000 8a00 00 00 00 00"},
        {"total not minimal", "544b5301 00010000 0a 00 00 00 8000"},
        {"varint of 65 bits", "544b5301 00010000 0a 00 00 00 ffffffffffffffffff03"},
        {"varint of 11 bytes", "544b5301 00010000 0a 00 00 00 8080808080808080808001"},
        {"total 2^63", "544b5301 00010000 0a 00 00 00 80808080808080808001"},
        {"more entries than the capacity", "544b5301 00010000 01 00 02 02 02 01 01 61 00 01 62"},
        {"more entries than bytes", "544b5301 00010000 0a 00 03 02 02 01 01 61 00 01 62"},
        {"fewer entries than bytes", "544b5301 00010000 0a 00 01 02 02 01 01 61 00 01 62"},
        {"items longer than declared", "544b5301 00010000 0a 00 02 01 02 01 01 61 00 01 62"},
        {"items shorter than declared", "544b5301 00010000 0a 00 02 03 02 01 01 61 00 01 62"},
        {"total above the counts", "544b5301 00010000 0a 00 02 02 03 02 01 61 00 01 62"},
        {"total below the counts", "544b5301 00010000 0a 00 02 02 01 00 01 61 00 01 62"},
        {"total of nothing", "544b5301 00010000 0a 00 00 00 03"},
        {"count 0", "544b5301 00010000 0a 00 02 02 02 00 01 61 02 01 62"},
        {"count below 0", "544b5301 00010000 0a 00 02 02 02 00 01 61 03 01 62"},
        {"items out of order", "544b5301 00010000 0a 00 02 02 02 01 01 62 00 01 61"},
        {"the same item twice", "544b5301 00010000 0a 00 02 02 02 01 01 61 00 01 61"},
        {"the same item twice, with other counts", "544b5301 00010000 0a 00 02 02 03 01 01 61 01 01 61"},
        {"entries without a kind", "544b5301 00000000 0a 00 02 02 02 01 01 61 00 01 62"},
        {"weight without a kind", "544b5301 01000000 01 00 00 00 01 01 01 01 00 00 00 00 00 00 00"},
        {"floor 0 in a purged state", "544b5301 01010000 01 00 00 00 00 00 01 00 00 00 00 00 00 00 00"},
        {"floor above the total", "544b5301 01010000 01 00 00 00 01 02 01 01 00 00 00 00 00 00 00"},
        {"floor above the bound", "544b5301 01010000 02 00 00 00 03 02 01 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"},
        {"filter too short", "544b5301 01010000 01 00 00 00 01 01 01 01 00 00 00 00 00 00"},
        {"filter too long", "544b5301 01010000 01 00 00 00 01 01 01 01 00 00 00 00 00 00 00 00"},
        {"filter below the total", "544b5301 01010000 01 00 00 00 02 01 01 01 00 00 00 00 00 00 00"},
        {"filter above the total", "544b5301 01010000 01 00 00 00 01 01 01 01 01 00 00 00 00 00 00"},
        {"filter cells of no byte", "544b5301 01010000 01 00 00 00 01 01 00 00 00 00 00 00 00 00 00"},
        {"filter cells of 3 bytes",
         "544b5301 01010000 01 00 00 00 01 01 03 010000 000000 000000 000000 000000 000000 000000 000000"},
        {"filter cells wider than needed", "544b5301 01010000 01 00 00 00 01 01 02 0100 0000 0000 0000 0000 0000 0000 0000"},
        {"a sum of filter cells above 64 bits",
         "544b5301 01010000 01 00 00 00 01 01 08 0100000000000000 ffffffffffffffff 0100000000000000 0000000000000000 "
         "0000000000000000 0000000000000000 0000000000000000 0000000000000000"},
        {"error that leaves nothing", "544b5301 01010000 01 00 01 01 03 01 01 02 01 61 01 01 01 01 00 00 00 00 00"},
        {"error above the floor", "544b5301 01010000 01 00 01 01 06 01 02 02 01 61 01 02 02 00 00 00 00 00 00"},
        {"a bigint of 7 bytes", "544b5301 00020000 0a 00 01 07 01 00 01020304050607"},
        {"a bigint of 9 bytes", "544b5301 00020000 0a 00 01 09 01 00 010203040506070809"},
    };
    for (const Case &c : cases)
        EXPECT_FALSE(check_door(from_hex(c.hex))) << c.why;

    // The same without a fault
    for (const char *hex :
         {"544b5301 00010000 0a 00 00 00 00", "544b5301 00000000 0a 00 00 00 00", "544b5301 00010000 c0843d c0843d 00 00 00",
          "544b5301 00010000 0a 00 02 02 02 01 01 61 00 01 62", "544b5301 00010000 0a 00 02 02 03 01 01 61 01 01 62",
          "544b5301 00010000 02 00 02 02 02 01 01 61 00 01 62",
          "544b5301 01010000 01 00 00 00 01 01 01 01 00 00 00 00 00 00 00",
          "544b5301 01010000 02 00 00 00 04 02 01 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
          "544b5301 00020000 0a 00 01 08 01 00 0102030405060708"})
        EXPECT_TRUE(check_door(from_hex(hex))) << hex;

    Bytes longest = from_hex("544b5301 00010000 0a 00 01 ff3f 01 00 ff3f");
    longest.resize(longest.size() + 8191, 'x');
    EXPECT_TRUE(check_door(longest));
    Bytes too_long = from_hex("544b5301 00010000 0a 00 01 8040 01 00 8040");
    too_long.resize(too_long.size() + 8192, 'x');
    EXPECT_FALSE(check_door(too_long));
}

// Readers allocate memory for the bytes that exist, not for declared numbers.
TEST(SpaceSavingFormat, LargeDeclarationsTakeLittleMemory) {
    const char *cases[] = {
        "544b5301 00010000 c0843d 00 00 00 00",                               // capacity 1,000,000: accepted
        "544b5301 00010000 c0843d 00 01 01 01 00 01 61",                      // with one entry: accepted
        "544b5301 00010000 c0843d 00 c0843d 00 00",                           // as many entries
        "544b5301 00010000 c0843d 00 c0843d c0843d c0843d 00 01 61 00 01 62", // and bytes
        "544b5301 01010000 c0843d 00 00 00 01 01 01 00 00 00",                // a filter of 2^23 cells
        "544b5301 00010000 0a 00 01 ffffffff7f 01 00 ffffffff7f 61",          // an item of 32 GB
        "544b5301 00010000 0a 00 01 ffffffffffffffff7f 01 00 01 61",
    };
    int accepted = 0;
    for (const char *hex : cases) {
        const Bytes bytes = from_hex(hex);
        const size_t before = allocations().bytes;
        try {
            StoredSpaceSaving::validate(bytes.data(), bytes.size());
            ++accepted;
        } catch (const topk::Error &e) {
            EXPECT_EQ(e.code(), Errc::malformed) << hex;
        }
        EXPECT_LE(allocations().bytes - before, 4096u) << hex;
    }
    EXPECT_EQ(accepted, 2);

    // For larger inputs, the memory is a small multiple of their size.
    for (const uint32_t capacity : {64u, 1000u}) {
        const Bytes bytes = large_state(capacity, 1).pack();
        const size_t before = allocations().bytes;
        StoredSpaceSaving::validate(bytes.data(), bytes.size());
        EXPECT_LE(allocations().bytes - before, 40 * bytes.size() + 4096);
    }
}

// Faults that merge() detects without validate() before it.
TEST(SpaceSavingFormat, MergeRejectsTruncatedBytes) {
    for (const Bytes &bytes : {large_state(64, 1).pack(), large_state(8, 1).pack()})
        for (size_t n = 0; n < bytes.size(); ++n) {
            Summary s(1000, Kind::bytea);
            add(s, "some");
            try {
                s.merge(Bytes(bytes.begin(), bytes.begin() + static_cast<long>(n)));
                ADD_FAILURE() << "merged " << n << " of " << bytes.size() << " bytes";
            } catch (const topk::Error &e) {
                ASSERT_EQ(e.code(), Errc::malformed) << e.what();
            }
        }
}

} // namespace
