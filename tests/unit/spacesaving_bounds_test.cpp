// Tests of the invariants of docs/accuracy.md against exact counts: all streams, several capacities, all ways to split and
// merge.
#include "events.h"

namespace {

using namespace support;

struct Case {
    std::string stream;
    uint32_t capacity;
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.stream << " with " << c.capacity << " counters"; }

class SpaceSavingBounds : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        stream_ = stream_named(GetParam().stream);
        if (stream_ == nullptr)
            GTEST_SKIP() << GetParam().stream << ".tsv.gz is not in " << data_directory();
        exact_ = std::make_unique<Exact>(Exact::of(*stream_));
    }

    Summary empty() const { return Summary(GetParam().capacity, stream_->kind); }
    void add(Summary &summary, const Event &e) const { summary.add(stream_->item(e.id), e.weight); }

    // The part of the stream that a worker counts: contiguous, or every nth event.
    Summary part(uint32_t worker, uint32_t workers, bool round_robin, uint32_t capacity) const {
        Summary s(capacity, stream_->kind);
        each_of_part(worker, workers, round_robin, [&](const Event &e) { add(s, e); });
        return s;
    }
    template <class F>
    void each_of_part(uint32_t worker, uint32_t workers, bool round_robin, F &&f) const {
        const size_t n = stream_->events.size();
        if (round_robin)
            for (size_t i = worker; i < n; i += workers)
                f(stream_->events[i]);
        else
            for (size_t i = n * worker / workers; i < n * (worker + 1) / workers; ++i)
                f(stream_->events[i]);
    }

    // 64 parts with capacities from capacity_of, merged in a random tree
    template <class F>
    void check_random_tree(uint64_t seed, F &&capacity_of) const {
        constexpr uint32_t parts = 64;
        streams::Random random(seed);
        const bool round_robin = seed % 2 == 0;
        struct Node {
            Bytes packed;
            std::vector<uint32_t> parts;
            uint32_t capacity;
        };
        std::vector<Node> nodes;
        for (uint32_t i = 0; i < parts; ++i) {
            const uint32_t capacity = capacity_of(i);
            nodes.push_back({part(i, parts, round_robin, capacity).pack(), {i}, capacity});
        }
        while (nodes.size() > 1) {
            // A node has two to five children: one summary merges the others, as in a combine function or a fold.
            Node joined;
            uint32_t children = 2 + static_cast<uint32_t>(random.below(4));
            std::unique_ptr<Summary> summary;
            for (; children > 0 && !nodes.empty(); --children) {
                const size_t pick = random.below(nodes.size());
                std::swap(nodes[pick], nodes.back());
                const Node node = std::move(nodes.back());
                nodes.pop_back();
                if (summary == nullptr) {
                    summary = std::make_unique<Summary>(Summary::load(node.packed));
                    joined.capacity = node.capacity;
                } else {
                    summary->merge(node.packed);
                    joined.capacity = std::min(joined.capacity, node.capacity);
                }
                ASSERT_EQ((*summary)->violated_invariant(), nullptr);
                joined.parts.insert(joined.parts.end(), node.parts.begin(), node.parts.end());
            }
            ASSERT_EQ((*summary)->capacity(), joined.capacity);
            joined.packed = summary->pack();
            if (nodes.empty() || random.below(8) == 0) {
                Exact exact(*stream_);
                for (uint32_t p : joined.parts)
                    each_of_part(p, parts, round_robin, [&](const Event &e) { exact.add(e); });
                ASSERT_NO_FATAL_FAILURE(check_against_exact(*summary, *stream_, exact));
            }
            nodes.push_back(std::move(joined));
        }
    }

    const Stream *stream_ = nullptr;
    std::unique_ptr<Exact> exact_;
};

TEST_P(SpaceSavingBounds, OneStream) {
    Summary s = empty();
    for (const Event &e : stream_->events)
        add(s, e);
    check_against_exact(s, *stream_, *exact_);
}

TEST_P(SpaceSavingBounds, TwoOrThreeWorkers) {
    for (const uint32_t workers : {2u, 3u})
        for (const bool round_robin : {false, true}) {
            SCOPED_TRACE(testing::Message() << workers << (round_robin ? " round robin" : " contiguous"));
            Summary merged = empty();
            for (uint32_t w = 0; w < workers; ++w)
                merged.merge(part(w, workers, round_robin, GetParam().capacity).pack());
            ASSERT_NO_FATAL_FAILURE(check_against_exact(merged, *stream_, *exact_));
        }
}

TEST_P(SpaceSavingBounds, RandomTreesOf64Parts) {
    for (uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        ASSERT_NO_FATAL_FAILURE(check_random_tree(seed, [&](uint32_t) { return GetParam().capacity; }));
    }
}

TEST_P(SpaceSavingBounds, RandomTreesOfDifferentCapacities) {
    const uint32_t capacity = GetParam().capacity;
    for (uint64_t seed = 11; seed <= 12; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        ASSERT_NO_FATAL_FAILURE(
            check_random_tree(seed, [&](uint32_t i) { return capacity + (i % 5) * (i % 5) * capacity / 3; }));
    }
}

// A summary is stored and read back between events, merges a stored part, counts on, and is stored and merged again.
TEST_P(SpaceSavingBounds, StoredContinuedAndMerged) {
    const auto &events = stream_->events;
    const size_t n = events.size();
    Summary a = empty(), b = empty();
    for (size_t i = 0; i < n; ++i) {
        if (i % (n / 7 + 1) == 0)
            a = Summary::load(a.pack());
        if (i == n / 3)
            for (size_t j = n / 2; j < n / 2 + n / 4; ++j)
                add(b, events[j]);
        if (i == n / 3 + n / 8)
            a.merge(b.pack());
        if (i < n / 2 || i >= n / 2 + n / 4)
            add(a, events[i]);
    }
    ASSERT_NO_FATAL_FAILURE(check_against_exact(a, *stream_, *exact_));

    a.merge(a.pack()); // with itself: twice the weight
    Exact twice = *exact_;
    for (uint64_t &w : twice.weight)
        w *= 2;
    twice.total *= 2;
    ASSERT_NO_FATAL_FAILURE(check_against_exact(a, *stream_, twice));
}

// Invariant 2 for users: an item above the floor is monitored, and its rank by upper bound is no worse than its true rank.
TEST_P(SpaceSavingBounds, EveryItemAboveTheFloorIsMonitored) {
    Summary s = empty();
    for (const Event &e : stream_->events)
        add(s, e);
    const Bytes packed = s.pack();
    const topk::StoredSpaceSaving stored(packed.data(), packed.size());
    for (uint32_t id = 0; id < stream_->distinct(); ++id)
        if (const uint64_t f = exact_->weight[id]; f > s->floor()) {
            ASSERT_GT(stored.frequency(stream_->item(id)).lower, 0u) << id;
            std::vector<topk::Ranked> above(s->size());
            const uint32_t found = stored.at_least(f, above.data());
            const bool there = std::any_of(above.begin(), above.begin() + found, [&](const topk::Ranked &r) {
                return r.length == stream_->item(id).length && memcmp(r.key, stream_->item(id).data, r.length) == 0;
            });
            ASSERT_TRUE(there) << id;
            if (s->size() > 100 && id > 100)
                break; // quadratic
        }
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (const std::string &name : stream_names())
        for (const uint32_t capacity : {1u, 2u, 7u, 8u, 64u, 1000u})
            all.push_back({name, capacity});
    return all;
}

INSTANTIATE_TEST_SUITE_P(Streams, SpaceSavingBounds, testing::ValuesIn(cases()),
                         [](const auto &info) { return info.param.stream + "_" + std::to_string(info.param.capacity); });

// ClickHouse's approx_top_k, which ranks by count - error, ranked such an item behind 512 items that had not occurred for
// long.
TEST(SpaceSavingLateRiser, IsRankedAboveStaleIncumbents) {
    for (const uint32_t parts : {1u, 64u}) {
        SCOPED_TRACE(testing::Message() << parts << " parts");
        const uint32_t capacity = 512;
        Stream stream;
        for (uint32_t i = 0; i < 40 * 512; ++i)
            stream.add(uint64_t{1000000 + i % 512});
        for (uint32_t i = 0; i < 100000; ++i)
            stream.add(uint64_t{2000000 + i});
        // The present floor decides how often the rising item occurs.
        Summary before(capacity);
        for (const Event &e : stream.events)
            before.add(stream.item(e.id), e.weight);
        const uint64_t bound = (*before).total() / (topk::SpaceSaving::kept_at_purge(capacity) + 1);
        for (uint64_t i = 0; i < 9 * bound; ++i)
            stream.add(uint64_t{7});

        const size_t n = stream.events.size();
        Summary merged(capacity);
        for (uint32_t p = 0; p < parts; ++p) {
            Summary part(capacity);
            for (size_t i = n * p / parts; i < n * (p + 1) / parts; ++i)
                part.add(stream.item(stream.events[i].id), stream.events[i].weight);
            merged.merge(part.pack());
        }
        ASSERT_NO_FATAL_FAILURE(check_against_exact(merged, stream, Exact::of(stream)));
        const Bytes packed = merged.pack();
        topk::Ranked top[2];
        ASSERT_EQ(topk::StoredSpaceSaving(packed.data(), packed.size()).top(1, top), 1u);
        EXPECT_EQ(std::string(reinterpret_cast<const char *>(top[0].key), top[0].length), "item_7");
        EXPECT_TRUE(top[0].guaranteed);
    }
}

} // namespace
