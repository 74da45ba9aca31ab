// Tests of Count-Min against exact counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../src/core/cms_format.h"
#include "../support/streams.h"

using namespace topk;

namespace {

using Bytes = std::vector<uint8_t>;
using Counts = std::unordered_map<std::string, uint64_t>;

// A sketch with its memory, which moves like a sketch at the boundary to PostgreSQL.
class Sketch {
public:
    explicit Sketch(const CmsParameters &parameters, Kind kind = Kind::text) {
        create(CountMin::initial_layout(parameters));
        sketch_->require_kind(kind);
    }

    static Sketch load(const Bytes &bytes) {
        const StoredCms stored(bytes.data(), bytes.size());
        Sketch s;
        s.create(CountMin::load_layout(stored.shape()));
        s->merge(stored);
        return s;
    }

    CountMin *operator->() { return sketch_; }
    const CountMin &operator*() const { return *sketch_; }

    void add(const std::string &item, uint64_t weight = 1) {
        const CmsItem key = sketch_->key_of(item.data(), item.size());
        if (const uint64_t raised = sketch_->raise(key, weight)) {
            EXPECT_EQ(raised, sketch_->estimate(key));
            return;
        }
        while (!sketch_->insert(key, weight))
            move(sketch_->grown_layout(key));
    }

    void merge(const Bytes &stored) {
        const StoredCms source(stored.data(), stored.size());
        if (!sketch_->fits(source.shape()))
            move(sketch_->merge_layout(source.shape()));
        sketch_->merge(source);
    }

    void make_dense() { move(CountMin::dense_layout(sketch_->parameters())); }

    uint64_t estimate(const std::string &item) const { return sketch_->estimate(sketch_->key_of(item.data(), item.size())); }

    Bytes packed() const {
        const size_t bound = StoredCms::packed_bound(*sketch_);
        Bytes bytes(bound);
        const size_t size = StoredCms::pack(*sketch_, bytes.data());
        EXPECT_LE(size, bound);
        bytes.resize(size);
        return bytes;
    }

    unsigned moves() const { return moves_; }

private:
    Sketch() = default;

    void create(const CountMin::Layout &layout) {
        block_.reset(new uint64_t[(layout.size + 7) / 8]);
        sketch_ = CountMin::create(block_.get(), layout);
    }

    void move(const CountMin::Layout &layout) {
        std::unique_ptr<uint64_t[]> block(new uint64_t[(layout.size + 7) / 8]);
        sketch_ = CountMin::relocate(*sketch_, block.get(), layout);
        EXPECT_EQ(sketch_->block_size(), layout.size);
        block_ = std::move(block);
        ++moves_;
    }

    std::unique_ptr<uint64_t[]> block_;
    CountMin *sketch_ = nullptr;
    unsigned moves_ = 0;
};

std::string name(uint64_t id) { return "item" + std::to_string(id); }

std::string hex(const Bytes &bytes) {
    std::string text;
    char digits[3];
    for (uint8_t b : bytes) {
        snprintf(digits, sizeof(digits), "%02x", b);
        text += digits;
    }
    return text;
}

Frequency frequency(const Bytes &bytes, const std::string &item) {
    const StoredCms stored(bytes.data(), bytes.size());
    return stored.frequency(stored.key_of(item.data(), item.size()));
}

template <class Work>
void expect_error(Errc code, const std::string &message, const Work &work) {
    try {
        work();
        ADD_FAILURE() << "no error: " << message;
    } catch (const Error &error) {
        EXPECT_EQ(error.code(), code);
        EXPECT_STREQ(error.what(), message.c_str());
    }
}

void expect_malformed(const Bytes &bytes, const std::string &message) {
    expect_error(Errc::malformed, message, [&] { StoredCms::validate(bytes.data(), bytes.size()); });
}

// Count-Min without the conservative update, with the same cells.
class Plain {
public:
    explicit Plain(const CmsParameters &p) : parameters_(p), cells_(p.cells()) {}
    void add(const std::string &item, uint64_t weight) {
        const CmsItem key(item.data(), item.size(), parameters_.seed);
        for (uint32_t i = 0; i < parameters_.depth; ++i)
            cells_[key.cell(i, parameters_.width)] += weight;
    }
    uint64_t estimate(const std::string &item) const {
        const CmsItem key(item.data(), item.size(), parameters_.seed);
        uint64_t least = UINT64_MAX;
        for (uint32_t i = 0; i < parameters_.depth; ++i)
            least = std::min(least, cells_[key.cell(i, parameters_.width)]);
        return least;
    }

private:
    CmsParameters parameters_;
    std::vector<uint64_t> cells_;
};

struct Stream {
    const char *name;
    double exponent; // of Zipf; 0 for uniform
    uint64_t max_weight;
};

const Stream all_streams[] = {{"zipf 0.8", 0.8, 1},
                              {"zipf 1.1", 1.1, 1},
                              {"zipf 1.5", 1.5, 1},
                              {"uniform", 0, 1},
                              {"weighted zipf 1.1", 1.1, uint64_t{1} << 40},
                              {"weighted uniform", 0, uint64_t{1} << 40}};

// Calls event(item, weight).
template <class Event>
void run(const Stream &stream, uint64_t seed, size_t events, uint64_t items, Event event) {
    streams::Random random(seed);
    const streams::Zipf zipf(items, stream.exponent == 0 ? 1 : stream.exponent);
    for (size_t i = 0; i < events; ++i) {
        const uint64_t id = stream.exponent == 0 ? random.below(items) + 1 : zipf(random);
        // Weights of all magnitudes
        const uint64_t weight = stream.max_weight == 1 ? 1 : 1 + random.below(stream.max_weight >> random.below(40));
        event(name(id), weight);
    }
}

Bytes small_sparse() {
    Sketch s({10000, 5, 0});
    s.add("apple", 3);
    s.add("banana", 1);
    s.add("apple", 200);
    return s.packed();
}

Bytes small_dense() {
    Sketch s({7, 3, 0x0123456789abcdef}, Kind::bytea);
    for (int i = 0; i < 12; ++i)
        s.add(name(static_cast<uint64_t>(i)), static_cast<uint64_t>(i * i + 1));
    return s.packed();
}

} // namespace

TEST(Cms, NeverBelowTheTruth) {
    for (const Stream &stream : all_streams)
        for (const CmsParameters p : {CmsParameters{100, 1, 0}, {500, 4, 7}, {2719, 5, 0}, {1, 3, 0}, {400, 17, 1}}) {
            SCOPED_TRACE(std::string(stream.name) + " " + std::to_string(p.width));
            Sketch s(p);
            Counts exact;
            uint64_t total = 0;
            run(stream, 1, 50000, 20000, [&](const std::string &item, uint64_t weight) {
                s.add(item, weight);
                exact[item] += weight;
                total += weight;
            });
            ASSERT_EQ(s->total(), total);
            ASSERT_EQ(s->violated_invariant(), nullptr);
            size_t below = 0;
            for (const auto &[item, count] : exact)
                below += s.estimate(item) < count;
            EXPECT_EQ(below, 0u);
        }
}

TEST(Cms, ConservativeUpdateIsNeverWorseThanPlain) {
    for (const Stream &stream : all_streams) {
        SCOPED_TRACE(stream.name);
        const CmsParameters p{1000, 5, 0};
        Sketch s(p);
        Plain plain(p);
        Counts exact;
        run(stream, 2, 100000, 20000, [&](const std::string &item, uint64_t weight) {
            s.add(item, weight);
            plain.add(item, weight);
            exact[item] += weight;
        });
        double error = 0, plain_error = 0;
        size_t worse = 0;
        for (const auto &[item, count] : exact) {
            worse += s.estimate(item) > plain.estimate(item);
            error += static_cast<double>(s.estimate(item) - count);
            plain_error += static_cast<double>(plain.estimate(item) - count);
        }
        EXPECT_EQ(worse, 0u);
        EXPECT_LT(error, plain_error);
    }
}

TEST(Cms, ErrorBoundHoldsWithItsProbability) {
    for (const Stream &stream : all_streams)
        for (const CmsParameters p : {CmsParameters{272, 1, 0}, {272, 2, 0}, {272, 5, 0}, {2719, 3, 0}, {50, 4, 0}}) {
            Sketch s(p);
            Counts exact;
            run(stream, 3, 100000, 50000, [&](const std::string &item, uint64_t weight) {
                s.add(item, weight);
                exact[item] += weight;
            });
            const Bytes bytes = s.packed();
            const uint64_t bound = s->error_bound();
            EXPECT_EQ(bound, StoredCms(bytes.data(), bytes.size()).error_bound());
            EXPECT_NEAR(static_cast<double>(bound), std::numbers::e / p.width * static_cast<double>(s->total()), 1);
            size_t missed = 0;
            for (const auto &[item, count] : exact)
                missed += s.estimate(item) - count > bound;
            EXPECT_LE(static_cast<double>(missed),
                      std::exp(-static_cast<double>(p.depth)) * static_cast<double>(exact.size()))
                << stream.name << " " << p.width << " x " << p.depth;
        }
}

TEST(Cms, SparseAndDenseGiveTheSameEstimates) {
    streams::Random random(4);
    const streams::Zipf zipf(3000, 0.9);
    Sketch growing({4000, 5, 0}), dense({4000, 5, 0});
    dense.make_dense();
    ASSERT_FALSE(growing->is_dense());
    bool was_sparse = true;
    for (int i = 0; i < 20000; ++i) {
        const std::string item = name(zipf(random));
        growing.add(item, 1 + i % 3);
        dense.add(item, 1 + i % 3);
        const bool turned_dense = was_sparse && growing->is_dense();
        was_sparse = !growing->is_dense();
        if (i % 1000 == 0 || turned_dense) {
            ASSERT_EQ(growing->violated_invariant(), nullptr);
            ASSERT_EQ(growing.packed(), dense.packed());
            for (uint64_t id = 1; id <= 3000; ++id)
                ASSERT_EQ(growing.estimate(name(id)), dense.estimate(name(id)));
        }
    }
    EXPECT_TRUE(growing->is_dense());
    EXPECT_LE(growing.moves(), 10u);
}

TEST(Cms, EveryDepthCountsAlikeInBothForms) {
    for (uint32_t depth = 1; depth <= CmsParameters::max_depth; ++depth) {
        Sketch sparse({3000, depth, depth}), dense({3000, depth, depth});
        dense.make_dense();
        for (uint64_t i = 0; i < 40; ++i) {
            sparse.add(name(i % 30), i + 1);
            dense.add(name(i % 30), i + 1);
        }
        EXPECT_EQ(sparse->violated_invariant(), nullptr);
        EXPECT_EQ(dense->violated_invariant(), nullptr);
        EXPECT_EQ(sparse.packed(), dense.packed()) << depth;
    }
}

TEST(Cms, AFewItemsTakeAFewHundredBytes) {
    for (const CmsParameters p : {CmsParameters{}, CmsParameters{272, 5, 0}, {20, 5, 0}, {10, 5, 0}, {1, 5, 0}}) {
        Sketch s(p);
        for (uint64_t i = 0; i < 3; ++i) {
            s.add(name(i));
            EXPECT_LE(s->block_size(), 256u) << p.width;
        }
    }
    Sketch one(CmsParameters{});
    one.add("x");
    EXPECT_LE(one.packed().size(), 40u);
}

TEST(Cms, TakesNoMoreMemoryThanDense) {
    Sketch s(CmsParameters{});
    const uint64_t dense = CountMin::dense_layout(CmsParameters{}).size;
    for (uint64_t i = 0; i < 5000; ++i) {
        s.add(name(i));
        EXPECT_LE(s->block_size(), s->is_dense() ? dense : dense / 4);
        // The memory is what the items need, within a factor of two for growing.
        EXPECT_TRUE(s->is_dense() || s->block_size() <= 12 * 8 * 5 * (i + 1) / 3 + 256) << i;
    }
    EXPECT_TRUE(s->is_dense());
    EXPECT_EQ(s->block_size(), dense);
}

TEST(Cms, InsertThatLacksRoomChangesNothing) {
    Sketch s(CmsParameters{});
    for (uint64_t i = 0; i < 100; ++i) {
        const std::string item = name(i);
        const CmsItem key = s->key_of(item.data(), item.size());
        const Bytes before = s.packed();
        if (!s->count(key, 5)) {
            EXPECT_EQ(s.packed(), before);
            EXPECT_FALSE(s->insert(key, 5));
            EXPECT_EQ(s.packed(), before);
            s.add(item, 5);
        }
        EXPECT_EQ(s.estimate(item), 5u);
    }
}

TEST(Cms, MergesInAnyTreeKeepTheUpperBound) {
    for (const Stream &stream : all_streams)
        for (const CmsParameters p : {CmsParameters{10000, 5, 0}, {300, 4, 3}, {9, 2, 0}}) {
            SCOPED_TRACE(stream.name);
            streams::Random random(5);
            std::vector<Sketch> parts;
            for (int i = 0; i < 24; ++i)
                parts.emplace_back(p);
            Counts exact;
            run(stream, 6, 20000, 5000, [&](const std::string &item, uint64_t weight) {
                // The parts have very different sizes, and some are empty.
                const uint64_t part = random.below(1 + random.below(parts.size()));
                parts[part].add(item, weight);
                exact[item] += weight;
            });
            while (parts.size() > 1) {
                const size_t from = random.below(parts.size());
                const Bytes bytes = parts[from].packed();
                StoredCms::validate(bytes.data(), bytes.size());
                parts.erase(parts.begin() + static_cast<ptrdiff_t>(from));
                Sketch &to = parts[random.below(parts.size())];
                to.merge(bytes);
                ASSERT_EQ(to->violated_invariant(), nullptr);
                if (random.below(2) == 0) { // the sketch counts on after a merge
                    to.add("late", 9);
                    exact["late"] += 9;
                    ASSERT_EQ(to->violated_invariant(), nullptr);
                }
            }
            const Bytes bytes = parts[0].packed();
            StoredCms::validate(bytes.data(), bytes.size());
            uint64_t total = 0;
            size_t below = 0;
            for (const auto &[item, count] : exact) {
                total += count;
                below += parts[0].estimate(item) < count;
            }
            EXPECT_EQ(below, 0u);
            EXPECT_EQ(parts[0]->total(), total);
        }
}

TEST(Cms, MergeAddsCellByCell) {
    Sketch a({5000, 3, 0}), b({5000, 3, 0});
    for (uint64_t i = 0; i < 300; ++i) {
        a.add(name(i), i + 1);
        b.add(name(i + 150), 1000);
    }
    a.make_dense();
    b.make_dense();
    std::vector<uint64_t> sum(a->cells(), a->cells() + 15000);
    for (size_t i = 0; i < sum.size(); ++i)
        sum[i] += b->cells()[i];
    // Sparse into sparse, dense into dense, and mixed
    Sketch merged = Sketch::load(a.packed());
    merged.merge(b.packed());
    a.merge(b.packed());
    EXPECT_EQ(std::vector<uint64_t>(a->cells(), a->cells() + 15000), sum);
    EXPECT_EQ(merged.packed(), a.packed());
}

TEST(Cms, MergingManyStatesMovesRarely) {
    for (const uint64_t items : {3, 300, 100000}) {
        Sketch all(CmsParameters{});
        streams::Random random(7);
        for (int i = 0; i < 1000; ++i) {
            Sketch part(CmsParameters{});
            for (int j = 0; j < 10; ++j)
                part.add(name(random.below(items)));
            all.merge(part.packed());
        }
        EXPECT_EQ(all->total(), 10000u);
        EXPECT_LE(all.moves(), 10u);
    }
}

TEST(Cms, PackAndLoadAreLossless) {
    for (const CmsParameters p : {CmsParameters{}, CmsParameters{300, 7, 99}, {40, 2, UINT64_MAX}, {1, 1, 0}, {3, 64, 0}})
        for (const size_t events : {0, 1, 2, 10, 100, 1000, 30000}) {
            Sketch s(p, Kind::bytea);
            run(all_streams[4], 8, events, 4000, [&](const std::string &item, uint64_t weight) { s.add(item, weight); });
            const Bytes bytes = s.packed();
            StoredCms::validate(bytes.data(), bytes.size());
            const StoredCms stored(bytes.data(), bytes.size());
            EXPECT_EQ(stored.parameters(), p);
            EXPECT_EQ(stored.total(), s->total());
            EXPECT_EQ(stored.kind(), Kind::bytea);
            Sketch loaded = Sketch::load(bytes);
            EXPECT_EQ(loaded->kind(), Kind::bytea);
            EXPECT_EQ(loaded->parameters(), p);
            EXPECT_EQ(loaded->violated_invariant(), nullptr);
            EXPECT_EQ(loaded.packed(), bytes);
            for (uint64_t id = 1; id <= 50; ++id) {
                const Frequency f = frequency(bytes, name(id));
                EXPECT_EQ(f.count, s.estimate(name(id)));
                EXPECT_EQ(loaded.estimate(name(id)), f.count);
            }
        }
}

TEST(Cms, FrequencyHasASureUpperAndAProbableLowerBound) {
    Sketch s({272, 5, 0});
    Counts exact;
    run(all_streams[1], 9, 50000, 20000, [&](const std::string &item, uint64_t weight) {
        s.add(item, weight);
        exact[item] += weight;
    });
    const Bytes bytes = s.packed();
    const uint64_t error = s->error_bound();
    size_t above = 0;
    for (uint64_t id = 1; id <= 500; ++id) {
        const Frequency f = frequency(bytes, name(id));
        EXPECT_EQ(f.count, f.upper);
        EXPECT_GE(f.upper, exact[name(id)]);
        EXPECT_EQ(f.lower, f.count > error ? f.count - error : 0);
        above += f.lower > exact[name(id)];
    }
    EXPECT_LE(above, 500 * std::exp(-5));
}

TEST(Cms, UnseenItemOfASparseStateIsExactlyZero) {
    const Frequency f = frequency(small_sparse(), "cherry");
    EXPECT_EQ(f.count, 0u);
    EXPECT_EQ(f.lower, 0u);
    EXPECT_EQ(f.upper, 0u);
    EXPECT_EQ(frequency(small_sparse(), "apple").upper, 203u);
    EXPECT_EQ(frequency(Sketch({7, 3, 0}).packed(), "apple").upper, 0u);
}

TEST(Cms, ErrorBoundNeverPassesTheTotal) {
    EXPECT_EQ(cms_error_bound(1, 100), 100u);
    EXPECT_EQ(cms_error_bound(2, max_total), max_total);
    EXPECT_EQ(cms_error_bound(3, 0), 0u);
    EXPECT_EQ(cms_error_bound(10000, 1), 1u);
    EXPECT_EQ(cms_error_bound(10000, 1000000), 272u);
    EXPECT_EQ(cms_error_bound(CmsParameters::max_width, max_total), 2507172460490u);
}

// Never change these bytes: other bytes need a new format version.
TEST(Cms, GoldenBytesOfVersion1) {
    EXPECT_EQ(hex(small_sparse()), "544b430100010000904e050000000000000000cc010ab619019f30cb01ee0b01dd2fcb01dc1701db12cb01f4"
                                   "3c019c0ecb01e640cb01861601");
    EXPECT_EQ(hex(small_dense()), "544b4301010400000703efcdab896745230186040041005201257a65411c527a01327a6541000a5225");
    EXPECT_EQ(hex(Sketch(CmsParameters{}, Kind::none).packed()), "544b430100000000904e0500000000000000000000");
}

TEST(Cms, DamagedBytesAreRejectedOrAValidState) {
    for (const Bytes &original : {small_sparse(), small_dense(), Sketch(CmsParameters{}).packed()}) {
        size_t valid = 0;
        const auto check = [&](const Bytes &bytes) {
            try {
                StoredCms::validate(bytes.data(), bytes.size());
                ++valid;
                Sketch loaded = Sketch::load(bytes);
                EXPECT_EQ(loaded->violated_invariant(), nullptr);
                EXPECT_EQ(loaded.packed(), bytes);
            } catch (const Error &error) {
                EXPECT_EQ(error.code(), Errc::malformed);
            }
            try { // the bytes are not validated: any answer or error is right, but no access outside of the memory
                frequency(bytes, "apple");
                Sketch loaded = Sketch::load(bytes);
                loaded.merge(bytes);
                loaded.add("apple");
            } catch (const Error &) {
            }
        };
        for (size_t i = 0; i < original.size(); ++i)
            for (unsigned change = 1; change < 256; ++change) {
                Bytes bytes = original;
                bytes[i] ^= static_cast<uint8_t>(change);
                check(bytes);
            }
        // A changed parameter or seed, and a count that moves within its row, make valid states; most other changes must be
        // refused.
        EXPECT_LT(valid, original.size() * 255 / 2);
        for (size_t size = 0; size < original.size(); ++size)
            EXPECT_THROW(
                StoredCms::validate(Bytes(original.begin(), original.begin() + static_cast<ptrdiff_t>(size)).data(), size),
                Error);
        Bytes longer = original;
        longer.push_back(0);
        EXPECT_THROW(StoredCms::validate(longer.data(), longer.size()), Error);
    }
}

TEST(Cms, BytesThatNoSketchWritesAreMalformed) {
    const auto state = [](uint64_t width, uint64_t depth, uint64_t total, const Bytes &cells, uint8_t flags = 0,
                          uint8_t kind = 1) {
        Bytes bytes(64 + cells.size());
        Writer w(bytes.data());
        w.bytes("TKC\1", 4);
        w.u8(flags);
        w.u8(kind);
        w.u8(0);
        w.u8(0);
        w.varint(width);
        w.varint(depth);
        w.u64(0);
        w.varint(total);
        w.bytes(cells.data(), cells.size());
        bytes.resize(static_cast<size_t>(w.at() - bytes.data()));
        return bytes;
    };
    const Bytes good = state(100, 2, 5, {2, 3, 5, 99, 5}); // cells 3 and 103
    StoredCms::validate(good.data(), good.size());

    expect_malformed(state(0, 2, 5, {2, 3, 5, 99, 5}), "invalid width");
    expect_malformed(state(10000001, 1, 5, {1, 3, 5}), "invalid width");
    expect_malformed(state(uint64_t{1} << 40, 1, 5, {1, 3, 5}), "invalid width");
    expect_malformed(state(100, 0, 5, {2, 3, 5, 99, 5}), "invalid depth");
    expect_malformed(state(100, 65, 5, {2, 3, 5, 99, 5}), "invalid depth");
    expect_malformed(state(1000000, 17, 5, {2, 3, 5, 99, 5}), "invalid number of cells");
    expect_malformed(state(100, 2, uint64_t{1} << 63, {2, 3, 5, 99, 5}), "invalid total weight");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 99, 5}, 0, 0), "invalid kind");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 99, 5}, 0, 5), "invalid header");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 99, 5}, 2), "invalid header");
    expect_malformed(state(100, 2, 5, {3, 3, 5, 99, 5}), "invalid length of the cells");
    expect_malformed(state(1, 2, 5, {3, 0, 5, 0, 5, 0, 5}), "invalid number of nonzero cells");
    expect_malformed(state(4096, 4096 / 64, 5, {5}, 1), "invalid length of the cells");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 0x80 | 68, 1, 5}), "invalid cell");
    expect_malformed(state(100, 2, 5, {2, 3, 0, 99, 5}), "invalid count");
    expect_malformed(state(100, 2, 5, {2, 3, 6, 99, 5}), "cell above the total weight");
    expect_malformed(state(100, 2, 5, {3, 3, 3, 0, 3, 98, 5}), "weight of a row above the total weight");
    expect_malformed(state(100, 2, 5, {2, 3, 2, 99, 2}), "weight of all rows below the total weight");
    expect_malformed(state(100, 2, 5, {0}), "weight of all rows below the total weight");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 99, 4}), "cell above the weight of another row");
    expect_malformed(state(100, 2, 5, {1, 3, 5}), "cell above the weight of another row");
    expect_malformed(state(100, 2, 5, {2, 3, 5, 99, 5, 0}), "unexpected data after the end");
    expect_malformed(state(1, 1, 5, {1, 0, 5}), "not the shorter form of the cells");
    expect_malformed(state(5, 1, 5, {5, 0, 0, 0, 0}, 1), "not the shorter form of the cells");
    const Bytes tie = state(3, 1, 5, {1, 1, 5}); // both forms have three bytes: sparse
    StoredCms::validate(tie.data(), tie.size());
    expect_malformed(state(3, 1, 5, {0, 5, 0}, 1), "not the shorter form of the cells");
}

TEST(Cms, RowsNeedNotHoldTheWholeWeight) {
    // Conservative update: if an item shares a cell with another item in each row, it raises no cell by the weights of both.
    Sketch s({2, 2, 0});
    Counts exact;
    for (uint64_t i = 0; i < 50; ++i)
        s.add(name(i));
    s.make_dense();
    uint64_t sums[2] = {s->cells()[0] + s->cells()[1], s->cells()[2] + s->cells()[3]};
    EXPECT_LT(std::min(sums[0], sums[1]), s->total());
    EXPECT_GE(sums[0] + sums[1], s->total());
    EXPECT_EQ(s->violated_invariant(), nullptr);
}

TEST(Cms, ParametersHaveLimits) {
    const auto check = [](uint32_t width, uint32_t depth) { CountMin::initial_layout({width, depth, 0}); };
    expect_error(Errc::invalid_parameter, "width must be between 1 and 10000000", [&] { check(0, 5); });
    expect_error(Errc::invalid_parameter, "width must be between 1 and 10000000", [&] { check(10000001, 1); });
    expect_error(Errc::invalid_parameter, "depth must be between 1 and 64", [&] { check(10, 0); });
    expect_error(Errc::invalid_parameter, "depth must be between 1 and 64", [&] { check(10, 65); });
    expect_error(Errc::invalid_parameter, "width times depth must not exceed 16777216", [&] { check(10000000, 2); });
    expect_error(Errc::invalid_parameter, "width times depth must not exceed 16777216", [&] { check(10000000, 64); });
    expect_error(Errc::invalid_parameter, "width times depth must not exceed 16777216", [&] { check(4194305, 4); });
    check(1, 1);
    check(10000000, 1);
    check(4194304, 4);
    check(262144, 64);
    EXPECT_EQ(CountMin::dense_layout({4194304, 4, 0}).size, 134217728u + sizeof(CountMin));
}

TEST(Cms, ErrorAndConfidenceChooseWidthAndDepth) {
    const auto p = CmsParameters::for_error(0.001, 0.99);
    EXPECT_EQ(p.width, 2719u);
    EXPECT_EQ(p.depth, 5u);
    EXPECT_EQ(p.seed, 0u);
    EXPECT_EQ(CmsParameters::for_error(0.0001, 0.999), (CmsParameters{27183, 7, 0}));
    EXPECT_EQ(CmsParameters::for_error(0.999, 0.0001), (CmsParameters{3, 1, 0}));
    EXPECT_EQ(CmsParameters::for_error(0.5, std::nextafter(1.0, 0.0)).depth, 37u);
    EXPECT_EQ(CmsParameters::for_error(0.5, std::numeric_limits<double>::denorm_min()).depth, 1u);

    constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
    for (const double bad : {0.0, 1.0, -0.1, 1.5, nan, inf, -inf}) {
        expect_error(Errc::invalid_parameter, "error must be greater than 0 and less than 1",
                     [&] { CmsParameters::for_error(bad, 0.9); });
        expect_error(Errc::invalid_parameter, "confidence must be greater than 0 and less than 1",
                     [&] { CmsParameters::for_error(0.1, bad); });
    }
    expect_error(Errc::invalid_parameter, "error of 1e-08 would need a width above 10000000",
                 [] { CmsParameters::for_error(1e-8, 0.9); });
    expect_error(Errc::invalid_parameter, "error of 4.94066e-324 would need a width above 10000000",
                 [] { CmsParameters::for_error(std::numeric_limits<double>::denorm_min(), 0.9); });
    expect_error(Errc::invalid_parameter, "width times depth must not exceed 16777216",
                 [] { CmsParameters::for_error(3e-7, 0.99); });
}

TEST(Cms, OverflowIsAnErrorAndChangesNothing) {
    for (const bool dense : {false, true}) {
        Sketch s(CmsParameters{});
        if (dense)
            s.make_dense();
        s.add("a", max_total - 10);
        s.add("b", 10);
        const Bytes full = s.packed();
        StoredCms::validate(full.data(), full.size());
        const auto message = "total weight of cms state would exceed 9223372036854775807";
        expect_error(Errc::out_of_range, message, [&] { s.add("a", 1); });
        expect_error(Errc::out_of_range, message, [&] { s.add("c", UINT64_MAX); });
        expect_error(Errc::out_of_range, message, [&] { s.merge(full); });
        EXPECT_EQ(s.packed(), full);
        EXPECT_EQ(s->total(), max_total);
        EXPECT_EQ(s.estimate("a"), max_total - 10);
    }
}

TEST(Cms, ItemsHaveAMaximumLength) {
    for (const bool dense : {false, true}) {
        Sketch s(CmsParameters{});
        if (dense)
            s.make_dense();
        const std::string longest(max_item_length, 'x');
        s.add(longest);
        s.add("");
        EXPECT_EQ(s.estimate(longest), 1u);
        EXPECT_EQ(s.estimate(""), 1u);
        expect_error(Errc::too_large, "item of 8192 bytes exceeds the maximum of 8191 bytes", [&] { s.add(longest + "x"); });
        EXPECT_EQ(s->total(), 2u);
    }
}

TEST(Cms, KindIsTakenFromTheFirstItemAndKept) {
    Sketch s(CmsParameters{}, Kind::none);
    EXPECT_EQ(s->kind(), Kind::none);
    const Bytes none = s.packed();
    StoredCms::validate(none.data(), none.size());
    s->require_kind(Kind::uuid);
    s->require_kind(Kind::none);
    s->require_kind(Kind::uuid);
    EXPECT_EQ(s->kind(), Kind::uuid);
    expect_error(Errc::mismatch, "cms state counts items of type uuid, not text", [&] { s->require_kind(Kind::text); });

    s.add("0123456789abcdef");
    Sketch empty(CmsParameters{}, Kind::none);
    empty.merge(s.packed());
    EXPECT_EQ(empty->kind(), Kind::uuid);
    s.merge(none);
    EXPECT_EQ(s->kind(), Kind::uuid);
    expect_error(Errc::mismatch, "cms state counts items of type uuid, not text", [&] { s.merge(small_sparse()); });
    EXPECT_EQ(s->total(), 1u);
}

TEST(Cms, MergingUnlikeParametersIsAnError) {
    Sketch s({100, 5, 1});
    s.add("a");
    const auto merge = [&](CmsParameters p) {
        Sketch other(p);
        other.add("a");
        s.merge(other.packed());
    };
    expect_error(Errc::mismatch, "cannot merge cms states of 100 x 5 and 101 x 5 cells", [&] { merge({101, 5, 1}); });
    expect_error(Errc::mismatch, "cannot merge cms states of 100 x 5 and 100 x 4 cells", [&] { merge({100, 4, 1}); });
    expect_error(Errc::mismatch, "cannot merge cms states with seed 1 and seed 2", [&] { merge({100, 5, 2}); });
    EXPECT_EQ(s->total(), 1u);
    merge({100, 5, 1});
    EXPECT_EQ(s.estimate("a"), 2u);
}

// Stored states depend on the cells.
TEST(Cms, CellsFollowFromTheHash) {
    for (uint64_t id = 0; id < 100; ++id) {
        const std::string item = name(id);
        const XXH128_hash_t hash = XXH3_128bits_withSeed(item.data(), item.size(), id);
        const CmsItem key(item.data(), item.size(), id);
        EXPECT_EQ(key.low, hash.low64);
        EXPECT_EQ(key.high, hash.high64 | 1);
        for (uint32_t row = 0; row < CmsParameters::max_depth; ++row) {
            const unsigned __int128 product = static_cast<unsigned __int128>(key.low + row * 0x9e3779b97f4a7c15) * key.high;
            const uint64_t h = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
            // For a power of two, the reduction is a shift; for any width it keeps the order.
            EXPECT_EQ(key.cell(row, 1 << 18), (row << 18) + (h >> 46));
            EXPECT_EQ((key.cell(row, 200000) - row * 200000) / 100000, h >> 63);
        }
    }
}

TEST(Cms, SeedChoosesOtherCells) {
    const CmsItem a("apple", 5, 0), b("apple", 5, 1);
    EXPECT_NE(a.cell(0, 1000000), b.cell(0, 1000000));
    EXPECT_NE(a.cell(4, 1000000), b.cell(4, 1000000));
}

TEST(Cms, LiveMemoryDiffersFromStoredBytes) {
    Sketch s(CmsParameters{});
    EXPECT_TRUE(s->is_live());
    uint8_t block[8];
    memcpy(block, &*s, sizeof(block));
    EXPECT_EQ(block[4], 0xfe);
    const Bytes stored = small_sparse();
    EXPECT_EQ(std::string(stored.begin(), stored.begin() + 3), "TKC");
}
