// Summary and sketch of the same events together (docs/accuracy.md, "A summary beside a sketch"): all promises of both
// against exact counts, through every way to count, store and merge them.
#include "counts.h"
#include "events.h"

namespace {

using namespace support;

struct Case {
    std::string stream;
    uint32_t capacity;
    topk::CmsParameters sketch; // narrow ones, so that bounds are loose
};

void PrintTo(const Case &c, std::ostream *out) {
    *out << c.stream << " with " << c.capacity << " counters beside " << c.sketch.width << " x " << c.sketch.depth;
}

class Hybrid : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        stream_ = stream_named(GetParam().stream);
        if (stream_ == nullptr)
            GTEST_SKIP() << GetParam().stream << ".tsv.gz is not in " << data_directory();
    }

    Counts empty(uint32_t exact_items = 0, bool counting = false) const {
        return Counts(GetParam().capacity, GetParam().sketch, exact_items, counting, stream_->kind);
    }

    // Every n-th event.
    Counts part(uint32_t p, uint32_t parts, uint32_t exact_items, bool counting) const {
        Counts counts = empty(exact_items, counting);
        for (size_t i = p; i < stream_->events.size(); i += parts)
            counts.add(stream_->item(stream_->events[i].id), stream_->events[i].weight);
        return counts;
    }
    void add_part(Exact &exact, uint32_t p, uint32_t parts) const {
        for (size_t i = p; i < stream_->events.size(); i += parts)
            exact.add(stream_->events[i]);
    }

    void check(const Counts &counts, const Exact &exact) const {
        const Summary &summary = counts.summary();
        if (counts.is_exact()) {
            ASSERT_EQ(summary->floor(), 0u);
        } else {
            ASSERT_EQ(summary->violated_invariant(*counts.sketch()), nullptr)
                << summary->violated_invariant(*counts.sketch());
            ASSERT_EQ(counts.sketch()->violated_invariant(), nullptr);
            for (uint32_t id = 0; id < stream_->distinct(); ++id) {
                const topk::Item &item = stream_->item(id);
                ASSERT_GE(counts.sketch()->estimate(counts.sketch().item(item.data, item.length)), exact.weight[id]);
            }
        }
        check_against_exact(summary, *stream_, exact);
    }

    // 32 parts, each exact, counted event by event or merged, joined in a random tree.
    void check_random_tree(uint64_t seed) const {
        constexpr uint32_t parts = 32;
        streams::Random random(seed);
        struct Node {
            Counts::Stored stored;
            std::vector<uint32_t> parts;
        };
        std::vector<Node> nodes;
        for (uint32_t p = 0; p < parts; ++p) {
            const uint32_t exact_items = random.below(3) == 0 ? 2 * GetParam().capacity : 0;
            nodes.push_back({part(p, parts, exact_items, random.below(2) == 0).store(), {p}});
        }
        while (nodes.size() > 1) {
            Counts joined = empty(random.below(3) == 0 ? 4 * GetParam().capacity : 0);
            Node node;
            for (uint64_t children = 2 + random.below(4); children > 0 && !nodes.empty(); --children) {
                std::swap(nodes[random.below(nodes.size())], nodes.back());
                joined.merge(nodes.back().stored);
                node.parts.insert(node.parts.end(), nodes.back().parts.begin(), nodes.back().parts.end());
                nodes.pop_back();
                if (!joined.is_exact()) {
                    ASSERT_EQ(joined.summary()->violated_invariant(*joined.sketch()), nullptr);
                }
            }
            if (nodes.empty() || random.below(6) == 0) {
                Exact exact(*stream_);
                for (const uint32_t p : node.parts)
                    add_part(exact, p, parts);
                ASSERT_NO_FATAL_FAILURE(check(joined, exact));
            }
            node.stored = joined.store();
            nodes.push_back(std::move(node));
        }
    }

    const Stream *stream_ = nullptr;
};

TEST_P(Hybrid, OneStream) {
    const Exact exact = Exact::of(*stream_);
    for (const bool counting : {false, true}) {
        SCOPED_TRACE(counting);
        Counts counts = part(0, 1, 0, counting);
        counts.store();
        ASSERT_NO_FATAL_FAILURE(check(counts, exact));
    }
}

TEST_P(Hybrid, RandomTrees) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(seed);
        ASSERT_NO_FATAL_FAILURE(check_random_tree(seed));
    }
}

// The sketch bounds every entry, and with it the floor gets no higher. This is measured and not proved, because the two keep
// different items. With a single counter the item that is kept decides it all, so there only theorem 3 holds.
TEST_P(Hybrid, IsNeverWorseThanTheSummaryAlone) {
    const Counts counts = part(0, 1, 0, false);
    Summary alone(GetParam().capacity, stream_->kind);
    for (const Event &e : stream_->events)
        alone.add(stream_->item(e.id), e.weight);
    EXPECT_LE(counts.summary()->floor(), GetParam().capacity == 1 ? alone->total() : alone->floor());
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const std::string &name : stream_names()) {
        all.push_back({name, 1, {16, 2, 0}});
        all.push_back({name, 8, {50, 3, 0}});
        all.push_back({name, 64, {20, 1, 0}});
        all.push_back({name, 100, {2000, 5, 0}});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Streams, Hybrid, testing::ValuesIn(cases()),
                         [](const auto &info) { return info.param.stream + "_" + std::to_string(info.param.capacity); });

// The sketch makes these errors smaller: without it, each of these items has the error of the floor.
TEST(HybridMerge, SketchesBoundWhatASideDoesNotMonitor) {
    const topk::CmsParameters parameters;
    Counts whole(10, parameters);
    for (const uint64_t first : {0, 1000}) {
        Counts half(10, parameters);
        for (uint64_t i = 0; i < 200; ++i) {
            const std::string rare = "item_" + std::to_string(first + i), often = "item_" + std::to_string(first + i % 5);
            half.add(topk::Item(rare.data(), rare.size()));
            half.add(topk::Item(often.data(), often.size()), 100);
        }
        whole.merge(half.store());
    }
    for (uint64_t i = 0; i < 5; ++i)
        for (const uint64_t first : {0, 1000}) {
            const std::string name = "item_" + std::to_string(first + i);
            const topk::Frequency f = whole.summary()->frequency(topk::Item(name.data(), name.size()));
            EXPECT_EQ(f.upper, 4001u) << name;
            EXPECT_EQ(f.lower, 4001u) << name;
        }
    EXPECT_GT(whole.summary()->floor(), 0u);
}

// Bytes that belong to no events together can make bounds wrong, but nothing overflow.
TEST(HybridMerge, AForeignSketchBreaksNoInvariantOfTheSummary) {
    const topk::CmsParameters parameters;
    Summary a(8), b(8);
    for (uint64_t i = 0; i < 100; ++i) {
        const std::string name = "item_" + std::to_string(i);
        a.add(topk::Item(name.data(), name.size()), 1 + i % 7);
        b.add(topk::Item(name.data(), name.size()), 1 + i % 5);
    }
    const Sketch nothing(parameters);
    a.merge(b.pack(), &*nothing, &*nothing);
    EXPECT_EQ(a->violated_invariant(), nullptr);
    for (uint64_t i = 0; i < 100; ++i) {
        const std::string name = "item_" + std::to_string(i);
        a.add(topk::Item(name.data(), name.size()), 3, i % 4);
        ASSERT_EQ(a->violated_invariant(), nullptr);
    }
    EXPECT_STREQ(a->violated_invariant(*nothing), "summary and sketch of different events");
}

} // namespace
