// The estimate by which a window stays exact, against what is really stored.
#include "window_size.h"

#include <algorithm>

#include <zlib.h>

#include "counts.h"
#include "events.h"
#include "hyperloglog.h"

namespace {

using namespace support;

struct Sizes {
    double exact;
    double inexact;
};

// Really stored, the registers compressed.
Sizes stored_sizes(const Stream &stream, uint32_t capacity, const topk::CmsParameters &sketch) {
    Summary exact(topk::max_capacity, stream.kind);
    Counts counts(capacity, sketch, 0, false, stream.kind);
    Bytes registers(topk::register_count);
    for (const Event &e : stream.events) {
        exact.add(stream.item(e.id), e.weight);
        counts.add(stream.item(e.id), e.weight);
        topk::add_register(registers.data(), stream.item(e.id).hash);
    }
    uLongf packed = compressBound(registers.size());
    Bytes out(packed);
    EXPECT_EQ(compress2(out.data(), &packed, registers.data(), registers.size(), 1), Z_OK);
    const Counts::Stored stored = counts.store();
    return {static_cast<double>(exact.pack().size()),
            static_cast<double>(stored.summary.size() + stored.sketch.size() + packed)};
}

TEST(WindowSize, IsNearlyWhatIsStored) {
    const topk::CmsParameters sketch;
    for (const double exponent : {0.5, 1.1})
        for (const uint32_t items : {3000u, 10000u, 60000u})
            for (const uint32_t capacity : {200u, 1000u, 2000u})
                for (const topk::Kind kind : {topk::Kind::text, topk::Kind::bigint}) {
                    SCOPED_TRACE(testing::Message()
                                 << exponent << ' ' << items << ' ' << capacity << ' ' << topk::kind_name(kind));
                    Stream stream;
                    stream.kind = kind;
                    streams::Random random(7);
                    const streams::Zipf zipf(items, exponent);
                    for (uint32_t i = 0; i < 4 * items; ++i)
                        stream.add(zipf(random));
                    if (stream.distinct() <= capacity)
                        continue; // exact in any case
                    Summary exact(topk::max_capacity, kind);
                    for (const Event &e : stream.events)
                        exact.add(stream.item(e.id), e.weight);
                    const Sizes stored = stored_sizes(stream, capacity, sketch);
                    const auto estimated =
                        static_cast<double>(topk::inexact_size(*exact, capacity, sketch.width, sketch.depth));
                    EXPECT_NEAR(static_cast<double>(topk::exact_size(*exact)) / stored.exact, 1, 0.03);
                    EXPECT_NEAR(estimated / stored.inexact, 1, 0.25);
                }
}

TEST(WindowSize, NothingTakesNothing) {
    const Summary empty(topk::max_capacity);
    EXPECT_EQ(topk::exact_size(*empty), 0u);
    EXPECT_EQ(topk::inexact_size(*empty, 1000, 10000, 5), 0u);
}

// An exact summary that shrinks keeps its largest items, and every promise.
TEST(WindowSize, ShrinkingKeepsTheLargest) {
    for (const uint32_t capacity : {1u, 7u, 100u, 1000u}) {
        Stream stream;
        streams::Random random(3);
        const streams::Zipf zipf(20000, 0.9);
        for (uint32_t i = 0; i < 50000; ++i)
            stream.add(zipf(random));
        Summary summary(topk::max_capacity);
        for (const Event &e : stream.events)
            summary.add(stream.item(e.id), e.weight);
        const uint32_t items = summary->size();
        const uint64_t largest = summary->frequency(stream.item(0)).count;
        summary.shrink(capacity);
        EXPECT_LE(summary->size(), capacity);
        EXPECT_LT(summary->size(), items);
        for (uint32_t i = 0; i < summary->size(); ++i) {
            EXPECT_EQ(summary->entries()[i].error, 0u);
            EXPECT_GE(summary->entries()[i].count, summary->floor());
        }
        if (summary->frequency(stream.item(0)).lower != 0) {
            EXPECT_EQ(summary->frequency(stream.item(0)).count, largest);
        }
        check_against_exact(summary, stream, Exact::of(stream));
        for (const Event &e : stream.events) // and goes on counting
            summary.add(stream.item(e.id), e.weight);
        Exact twice = Exact::of(stream);
        for (const Event &e : stream.events)
            twice.add(e);
        check_against_exact(summary, stream, twice);
    }
}

// Frequent short items and far more long ones than their bytes have room for, in parts that are counted by themselves and
// then merged.
TEST(WindowSize, LongItemsShortenASummary) {
    constexpr uint32_t capacity = 8000, parts = 4;
    constexpr topk::CmsParameters sketch = {1000, 3};
    Stream stream;
    streams::Random random(11);
    const streams::Zipf zipf(2000, 0.9);
    for (uint32_t i = 0; i < 30000; ++i) {
        stream.add(zipf(random));
        if (i % 5 == 0) {
            std::string item = std::to_string(i / 5 % 5000); // 1,000 of them come twice
            item.resize(topk::max_item_length - i / 5 % 100, 'x');
            stream.add(std::string_view(item), 1 + i / 5 % 50);
        }
    }
    const Exact exact = Exact::of(stream);
    const auto frequent = std::max_element(exact.weight.begin(), exact.weight.end()) - exact.weight.begin();
    const auto check = [&](const Counts &counts, const Exact &truth) {
        EXPECT_FALSE(counts.is_exact());
        EXPECT_LE(counts.summary()->key_bytes(), topk::max_key_bytes(capacity) + topk::max_item_length);
        EXPECT_GT(counts.summary()->key_bytes(), topk::max_key_bytes(capacity) / 4);
        EXPECT_LT(counts.summary()->capacity(), capacity);
        ASSERT_EQ(counts.summary()->violated_invariant(*counts.sketch()), nullptr)
            << counts.summary()->violated_invariant(*counts.sketch());
        check_against_exact(counts.summary(), stream, truth);
        EXPECT_EQ(counts.summary()->frequency(stream.item(frequent)).lower, truth.weight[frequent]);
    };
    for (const bool counting : {false, true}) {
        SCOPED_TRACE(counting);
        Counts all(capacity, sketch, Counts::by_size, counting);
        for (const Event &e : stream.events)
            all.add(stream.item(e.id), e.weight);
        const Counts::Stored stored = all.store();
        EXPECT_EQ(Summary::load(stored.summary)->key_bytes(), all.summary()->key_bytes());
        check(all, exact);
    }
    Counts merged(capacity, sketch, Counts::by_size);
    for (uint32_t p = 0; p < parts; ++p) {
        Counts part(capacity, sketch, Counts::by_size);
        for (size_t i = p * stream.events.size() / parts; i < (p + 1) * stream.events.size() / parts; ++i)
            part.add(stream.item(stream.events[i].id), stream.events[i].weight);
        merged.merge(part.store());
    }
    check(merged, exact);
    // Stored and loaded, it goes on counting.
    Counts loaded(capacity, sketch, Counts::by_size);
    loaded.merge(merged.store());
    Exact twice = exact;
    for (const Event &e : stream.events) {
        loaded.add(stream.item(e.id), e.weight);
        twice.add(e);
    }
    check(loaded, twice);
}

// Where the largest counts are those of the longest items, shrinking once is not enough.
TEST(WindowSize, ShrinksAgainWhileTheLargestAreLong) {
    constexpr uint32_t capacity = 20000;
    Stream stream;
    for (uint32_t i = 0; i < 15000; ++i)
        stream.add(i);
    for (uint32_t i = 0; i < 2560; ++i) {
        std::string item = std::to_string(i);
        item.resize(topk::max_item_length, 'x');
        stream.add(std::string_view(item), 10 + i);
    }
    Counts counts(capacity, topk::CmsParameters{1000, 3}, Counts::by_size);
    for (const Event &e : stream.events)
        counts.add(stream.item(e.id), e.weight);
    EXPECT_LE(counts.summary()->key_bytes(), topk::max_key_bytes(capacity) + topk::max_item_length);
    EXPECT_LT(counts.summary()->size(), 2560u);
    ASSERT_EQ(counts.summary()->violated_invariant(*counts.sketch()), nullptr);
    check_against_exact(counts.summary(), stream, Exact::of(stream));
    EXPECT_EQ(counts.summary()->frequency(stream.item(17559)).lower, 10u + 2559) << "the largest one is exact";
}

} // namespace
