// Named event streams with their exact counts, and a check of summaries against them.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "streams.h"
#include "summary.h"

namespace support {

#ifdef TOPK_TEST_SMALL // sanitizers are slow
inline constexpr uint32_t stream_events = 20000;
inline constexpr uint32_t file_events = 30000;
#else
inline constexpr uint32_t stream_events = 200000;
inline constexpr uint32_t file_events = 1000000;
#endif

struct Event {
    uint32_t id;
    uint64_t weight;
};

class Stream {
public:
    topk::Kind kind = topk::Kind::text;
    std::vector<Event> events;

    void add(uint64_t number, uint64_t weight = 1) {
        if (kind == topk::Kind::bigint) {
            char key[8];
            memcpy(key, &number, 8);
            add(std::string_view(key, 8), weight);
        } else {
            add(std::string_view("item_" + std::to_string(number)), weight);
        }
    }
    void add(std::string_view key, uint64_t weight = 1) {
        auto at = ids_.find(key);
        if (at == ids_.end()) {
            keys_.emplace_back(key);
            items_.emplace_back(keys_.back().data(), keys_.back().size());
            at = ids_.emplace(keys_.back(), static_cast<uint32_t>(items_.size() - 1)).first;
        }
        events.push_back({at->second, weight});
    }

    const topk::Item &item(uint32_t id) const { return items_[id]; }
    uint32_t distinct() const { return static_cast<uint32_t>(items_.size()); }

private:
    std::deque<std::string> keys_; // a deque does not move its elements
    std::vector<topk::Item> items_;
    std::unordered_map<std::string_view, uint32_t> ids_;
};

// The exact weights of a part of the events of a stream.
struct Exact {
    std::vector<uint64_t> weight; // by id; 0 if the item is not among these events
    uint64_t total = 0;

    explicit Exact(const Stream &stream) : weight(stream.distinct()) {}
    void add(const Event &e) {
        weight[e.id] += e.weight;
        total += e.weight;
    }
    static Exact of(const Stream &stream) {
        Exact exact(stream);
        for (const Event &e : stream.events)
            exact.add(e);
        return exact;
    }
};

// Checks everything that the documentation promises for a summary of these events.
inline void check_against_exact(const Summary &summary, const Stream &stream, const Exact &exact) {
    ASSERT_EQ(summary->violated_invariant(), nullptr) << summary->violated_invariant();
    ASSERT_EQ(summary->total(), exact.total);
    ASSERT_LE(summary->size(), summary->capacity());
    const uint64_t m = topk::SpaceSaving::kept_at_purge(summary->capacity());
    ASSERT_LE(summary->floor(), exact.total / (m + 1));

    const Bytes packed = summary.pack();
    ASSERT_NO_THROW(topk::StoredSpaceSaving::validate(packed.data(), packed.size()));
    ASSERT_EQ(Summary::load(packed).pack(), packed);
    const topk::StoredSpaceSaving stored(packed.data(), packed.size());
    std::vector<topk::Ranked> entries(summary->size() + 1);
    ASSERT_EQ(stored.at_least(0, entries.data()), summary->size());
    entries.pop_back();

    const auto key_of = [](const auto &x) { return std::string_view(reinterpret_cast<const char *>(x.data), x.length); };
    std::unordered_map<std::string_view, const topk::Ranked *> monitored;
    for (const topk::Ranked &r : entries)
        monitored[std::string_view(reinterpret_cast<const char *>(r.key), r.length)] = &r;
    ASSERT_EQ(monitored.size(), summary->size());

    std::unordered_map<const uint8_t *, uint64_t> truth; // by address in the stored bytes
    uint32_t distinct = 0, seen = 0;
    for (uint32_t id = 0; id < stream.distinct(); ++id) {
        const topk::Item &item = stream.item(id);
        const uint64_t f = exact.weight[id];
        distinct += f != 0;
        const auto at = monitored.find(key_of(item));
        if (at != monitored.end()) {
            ++seen;
            truth[at->second->key] = f;
            ASSERT_LE(f, at->second->count) << "item " << id;
            ASSERT_LE(at->second->count - at->second->error, f) << "item " << id;
        } else {
            ASSERT_LE(f, summary->unmonitored_bound(item.hash)) << "item " << id;
            ASSERT_LE(f, summary->floor()) << "item " << id;
        }
        if (id % (1 + stream.distinct() / 64) == 0) {
            const topk::Frequency q = stored.frequency(item);
            ASSERT_LE(q.lower, f);
            ASSERT_GE(q.upper, f);
            ASSERT_EQ(q.count, q.upper);
            ASSERT_EQ(q.upper, at != monitored.end() ? at->second->count : summary->unmonitored_bound(item.hash));
        }
    }
    ASSERT_EQ(seen, monitored.size()) << "an item that never came";
    if (distinct <= summary->capacity()) {
        ASSERT_EQ(summary->size(), distinct);
        ASSERT_EQ(summary->floor(), 0u);
        for (const topk::Ranked &r : entries)
            ASSERT_EQ(r.error, 0u);
    }

    std::vector<uint64_t> sorted = exact.weight;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (const uint32_t k : {1u, 10u, 100u}) {
        std::vector<topk::Ranked> top(k + 1);
        const uint32_t n = stored.top(k, top.data());
        ASSERT_EQ(n, std::min(k, summary->size()));
        const uint64_t boundary = k <= sorted.size() ? sorted[k - 1] : 0;
        for (uint32_t i = 0; i < n; ++i) {
            ASSERT_EQ(top[i].key, entries[i].key);
            if (i > 0) {
                ASSERT_GE(top[i - 1].count, top[i].count);
            }
            if (top[i].guaranteed) { // items that tie with the last place belong to the top
                ASSERT_GE(truth.at(top[i].key), boundary) << "rank " << i + 1 << " of the top " << k;
            }
        }
        if (distinct <= summary->capacity()) {
            for (uint32_t i = 0; i < n; ++i) {
                ASSERT_TRUE(top[i].guaranteed);
                ASSERT_EQ(top[i].count, sorted[i]);
            }
        }
    }
}

inline std::string data_directory() {
    const char *set = getenv("TOPK_TEST_DATA");
    return set != nullptr && *set != '\0' ? set : std::string(TOPK_ROOT) + "/../shared/data";
}

// Reads lines of epoch, item and an optional weight. Returns nullptr if the file is absent.
inline std::unique_ptr<Stream> read_file(const std::string &name) {
    gzFile file = gzopen((data_directory() + "/" + name + ".tsv.gz").c_str(), "rb");
    if (file == nullptr)
        return nullptr;
    auto stream = std::make_unique<Stream>();
    std::vector<char> line(1 << 16);
    while (stream->events.size() < file_events && gzgets(file, line.data(), static_cast<int>(line.size())) != nullptr) {
        std::string_view text(line.data());
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
            text.remove_suffix(1);
        const size_t first = text.find('\t');
        if (first == std::string_view::npos)
            continue;
        const size_t second = text.find('\t', first + 1);
        long long weight = 1;
        if (second != std::string_view::npos)
            weight = atoll(text.data() + second + 1);
        if (weight > 0) // the others are returns of goods
            stream->add(text.substr(first + 1, second == std::string_view::npos ? second : second - first - 1),
                        static_cast<uint64_t>(weight));
    }
    gzclose(file);
    return stream;
}

inline std::unique_ptr<Stream> make_stream(const std::string &name) {
    using streams::Random, streams::Zipf;
    constexpr uint32_t n = stream_events;
    Random random(20240229);
    auto s = std::make_unique<Stream>();
    const auto zipf = [&](double exponent) {
        const Zipf next(n / 2, exponent);
        for (uint32_t i = 0; i < n; ++i)
            s->add(next(random));
    };
    if (name == "zipf08") {
        zipf(0.8);
    } else if (name == "zipf11") {
        zipf(1.1);
    } else if (name == "zipf15") {
        zipf(1.5);
    } else if (name == "uniform") {
        s->kind = topk::Kind::bigint;
        for (uint32_t i = 0; i < n; ++i)
            s->add(random.below(n / 8) - n / 16); // negative ones too
    } else if (name == "distinct") {              // the worst case of every counter algorithm: no item repeats
        for (uint32_t i = 0; i < n / 2; ++i)
            s->add(uint64_t{i});
    } else if (name == "sorted") {
        std::map<uint64_t, uint32_t> events;
        const Zipf next(n / 10, 1.0);
        for (uint32_t i = 0; i < n; ++i)
            ++events[next(random)];
        for (const auto &[item, count] : events)
            for (uint32_t i = 0; i < count; ++i)
                s->add(item);
    } else if (name == "sorted_up") { // the most frequent item is last
        std::map<uint64_t, uint32_t, std::greater<>> events;
        const Zipf next(n / 10, 1.0);
        for (uint32_t i = 0; i < n; ++i)
            ++events[next(random)];
        for (const auto &[item, count] : events)
            for (uint32_t i = 0; i < count; ++i)
                s->add(item);
    } else if (name == "drift") {
        for (uint32_t i = 0; i < n; ++i)
            s->add(streams::drift(random, i, n));
    } else if (name == "late_riser") {
        // 512 items stop after the first part. The rest are items that occur once, and in the end one item that rises.
        for (uint32_t i = 0; i < n / 4; ++i)
            s->add(uint64_t{1000000 + i % 512});
        for (uint32_t i = 0; i < 3 * (n / 4); ++i)
            s->add(uint64_t{i > n / 2 && i % 8 == 0 ? 7 : 2000000 + i});
    } else if (name == "weights") {
        const Zipf next(n / 8, 0.9);
        for (uint32_t i = 0; i < n; ++i)
            s->add(next(random), 1 + random.below(uint64_t{1} << random.below(41)));
    } else if (name == "few") {
        const Zipf next(6, 0.7); // fewer items than most capacities of the tests
        for (uint32_t i = 0; i < n / 8; ++i)
            s->add(next(random), 1 + random.below(3));
    } else if (name == "hundreds") {
        for (uint32_t i = 0; i < n / 4; ++i)
            s->add(random.below(900), 1 + random.below(100));
    } else if (name == "adversary") {
        // Round robin over 65 items: with a capacity of 64, each is dropped just before it occurs again.
        for (uint32_t i = 0; i < n / 4; ++i)
            s->add(uint64_t{i % 65});
    } else {
        return read_file(name);
    }
    return s;
}

// Returns a stream, which is made at the first call; nullptr if its file is absent.
inline const Stream *stream_named(const std::string &name) {
    static std::map<std::string, std::unique_ptr<Stream>> streams;
    const auto at = streams.find(name);
    return (at != streams.end() ? at : streams.emplace(name, make_stream(name)).first)->second.get();
}

inline const std::vector<std::string> &stream_names() {
    static const std::vector<std::string> names = {"zipf08",
                                                   "zipf11",
                                                   "zipf15",
                                                   "uniform",
                                                   "distinct",
                                                   "sorted",
                                                   "sorted_up",
                                                   "drift",
                                                   "late_riser",
                                                   "weights",
                                                   "few",
                                                   "hundreds",
                                                   "adversary",
                                                   "nasa_19950801_url",
                                                   "nasa_19950801_host",
                                                   "rails_path",
                                                   "online_retail_ts_item_qty"};
    return names;
}

} // namespace support
