// The estimate of Count-Min without its noise, against exact counts.
#include <gtest/gtest.h>

#include <cmath>

#include "../../src/core/cms_format.h"
#include "../support/sketch.h"
#include "../support/streams.h"

using support::Sketch;
using topk::Kind;

namespace {

struct Stream {
    const char *name;
    uint64_t items;
    double exponent;
    int parts;
};

class CmsEstimate : public testing::TestWithParam<Stream> {
protected:
    void SetUp() override {
        const Stream &stream = GetParam();
        streams::Random random(7);
        const streams::Zipf zipf(stream.items, stream.exponent);
        exact_.resize(stream.items + 1);
        whole_.require_kind(Kind::bigint);
        whole_.make_dense();
        for (int part = 0; part < stream.parts; ++part) {
            Sketch sketch(topk::CmsParameters{}, Kind::bigint);
            for (int i = 0; i < events / stream.parts; ++i) {
                const uint64_t item = zipf(random);
                ++exact_[item];
                sketch.add(sketch.item(&item, sizeof(item)));
            }
            whole_.merge(sketch.pack());
        }
        stored_ = whole_.pack();
    }

    topk::Frequency frequency(uint64_t item) const {
        const topk::StoredCms view(stored_.data(), stored_.size());
        return view.frequency(view.key_of(&item, sizeof(item)));
    }

    static constexpr int events = 500000;
    std::vector<uint64_t> exact_; // by item
    Sketch whole_ = Sketch(topk::CmsParameters{}, Kind::bigint);
    support::Bytes stored_;
};

// Mean errors of up to 1,000 items whose weights are in a range.
struct Errors {
    double upper = 0;
    double estimate = 0;
    int items = 0;

    void add(const topk::Frequency &f, uint64_t exact) {
        upper += std::fabs(static_cast<double>(f.upper) - static_cast<double>(exact));
        estimate += std::fabs(static_cast<double>(f.estimate) - static_cast<double>(exact));
        ++items;
    }
};

} // namespace

TEST_P(CmsEstimate, TakesTheNoiseFromRareItemsAlone) {
    Errors rare, frequent;
    for (uint64_t item = 1; item < exact_.size(); ++item) {
        Errors &errors = exact_[item] <= 3 ? rare : frequent;
        if (errors.items == 1000 || (exact_[item] > 3 && exact_[item] < 100))
            continue;
        const topk::Frequency f = frequency(item);
        EXPECT_LE(f.estimate, f.upper);
        EXPECT_EQ(f.count, f.upper);
        EXPECT_GE(f.upper, exact_[item]);
        errors.add(f, exact_[item]);
    }
    ASSERT_GT(rare.items, 100);
    ASSERT_GT(frequent.items, 10);
    EXPECT_LE(rare.estimate, rare.upper / (GetParam().parts == 1 ? 5 : 3));
    EXPECT_EQ(frequent.estimate, frequent.upper);
}

INSTANTIATE_TEST_SUITE_P(Streams, CmsEstimate,
                         testing::Values(Stream{"zipf_0_8", 500000, 0.8, 1}, Stream{"zipf_0_8_merged", 500000, 0.8, 24},
                                         Stream{"zipf_0_5", 400000, 0.5, 1}, Stream{"zipf_0_5_merged", 400000, 0.5, 24}),
                         [](const auto &info) { return std::string(info.param.name); });

// Nothing is subtracted where an item that was never counted shows 0.
TEST(CmsEstimateOfFew, IsTheUpperBoundOfASparseSketch) {
    Sketch sketch(topk::CmsParameters{}, Kind::bigint);
    for (uint64_t item = 0; item < 100; ++item)
        sketch.add(sketch.item(&item, sizeof(item)), item + 1);
    const support::Bytes stored = sketch.pack();
    const topk::StoredCms view(stored.data(), stored.size());
    for (uint64_t item = 0; item < 100; ++item)
        EXPECT_EQ(view.frequency(view.key_of(&item, sizeof(item))).estimate, item + 1);
    const uint64_t absent = 1000;
    EXPECT_EQ(view.frequency(view.key_of(&absent, sizeof(absent))).estimate, 0u);
}
