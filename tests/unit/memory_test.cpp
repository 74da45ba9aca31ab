// Tests where the core allocates memory, and how much, with an operator new that counts.
#include "allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "summary.h"

namespace {

std::atomic<size_t> calls{0};
std::atomic<size_t> bytes{0};

} // namespace

// The function is not inlined, as the compiler would warn that memory of operator new is passed to free().
[[gnu::noinline]] void *operator new(size_t size) {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
    if (void *p = std::malloc(size != 0 ? size : 1))
        return p;
    throw std::bad_alloc();
}
// AddressSanitizer has a nothrow form of its own, which does not match the delete below.
[[gnu::noinline]] void *operator new(size_t size, const std::nothrow_t &) noexcept {
    calls.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(size, std::memory_order_relaxed);
    return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void operator delete(void *p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void *p, size_t) noexcept { std::free(p); }

support::Allocations support::allocations() { return {calls.load(), bytes.load()}; }

namespace {

using namespace support;

TEST(Memory, EventsDoNotAllocate) {
    std::vector<std::string> keys;
    for (int i = 0; i < 5000; ++i)
        keys.push_back("key" + std::to_string(10000 + i * 7919 % 5000)); // of one length
    for (const uint32_t capacity : {4u, 8u, 64u, 1000u}) {
        Summary s(capacity);
        for (const std::string &key : keys)
            s.add(topk::Item(key.data(), key.size()));
        // The block has its final size; hits, misses, filtered items and purges all work inside of it.
        const uint64_t size = s->block_size();
        const size_t before = allocations().calls;
        size_t inserted = 0, failed = 0;
        for (size_t i = 0; i < keys.size(); ++i) {
            const topk::Item item(keys[i].data(), keys[i].size());
            if (!s.try_count(item, 1 + i % 100)) {
                ++inserted;
                failed += !s.try_insert(item, 1 + i % 100);
            }
        }
        EXPECT_EQ(allocations().calls, before);
        EXPECT_EQ(failed, 0u) << "room for items of one length, once it was enough, stays enough";
        EXPECT_GT(inserted, 0u);
        EXPECT_EQ(s->block_size(), size);
    }
}

TEST(Memory, AnEventThatNeedsRoomSaysSoWithoutAllocating) {
    Summary s(1000, topk::Kind::text, 0, 0);
    const size_t before = allocations().calls;
    int refused = 0;
    for (int i = 0; i < 1000; ++i) {
        char key[8] = {};
        memcpy(key, &i, sizeof(i));
        const topk::Item item(key, 8);
        refused += !s.try_count(item, 1) && !s.try_insert(item, 1);
    }
    EXPECT_EQ(allocations().calls, before);
    EXPECT_GT(refused, 0);
    EXPECT_EQ(s->violated_invariant(), nullptr);
}

TEST(Memory, SmallStatesAreSmall) {
    Summary s(1000, topk::Kind::text, 0, 12);
    for (const char *key : {"item_0000001", "item_0000002", "item_0000003"})
        s.add(topk::Item(key, 12));
    EXPECT_EQ(s->size(), 3u);
    EXPECT_LE(s->block_size(), 256u);
    EXPECT_LE(Summary::load(s.pack())->block_size(), 256u);
    EXPECT_LE(s.pack().size(), 64u);
}

// Long items after short ones, in a summary that could have many of them.
TEST(Memory, IsReservedForWhatIsThere) {
    constexpr uint32_t capacity = 200000, short_items = 5000, long_items = 2000;
    Summary s(capacity);
    std::string key;
    for (uint32_t i = 0; i < short_items + long_items; ++i) {
        key = std::to_string(i);
        key.resize(i < short_items ? 10 : 8160, 'x');
        s.add(topk::Item(key.data(), key.size()));
    }
    constexpr uint64_t used = short_items * 10 + long_items * 8160;
    EXPECT_EQ(s->key_bytes(), used);
    EXPECT_LE(s->block_size(), 5 * used / 2);
    // A summary that is loaded to merge others into it has the room for all entries, yet not for all their bytes.
    const Bytes packed = s.pack();
    const auto roomy = topk::SpaceSaving::roomy_layout(topk::StoredSpaceSaving(packed.data(), packed.size()).shape());
    EXPECT_LE(roomy.arena_room, used + (2 << 20));
    EXPECT_LE(roomy.size, used + uint64_t{capacity} * 170);
}

TEST(Memory, ReadingAllocatesNothing) {
    Summary s(64);
    for (int i = 0; i < 5000; ++i) {
        const std::string key = "key" + std::to_string(i % 300);
        s.add(topk::Item(key.data(), key.size()), 1 + i % 9);
    }
    const Bytes packed = s.pack();
    std::vector<topk::Ranked> out(65);
    const topk::Item item("key1", 4);
    const size_t before = allocations().calls;
    const topk::StoredSpaceSaving stored(packed.data(), packed.size());
    stored.top(10, out.data());
    stored.at_least(100, out.data());
    stored.frequency(item);
    EXPECT_EQ(allocations().calls, before);
}

} // namespace
