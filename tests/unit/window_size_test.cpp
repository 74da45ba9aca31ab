// The estimate by which a window stays exact, against what is really stored.
#include "window_size.h"

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

} // namespace
