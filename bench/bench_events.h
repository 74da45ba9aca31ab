// Streams of item strings in one contiguous buffer, which is filled before the clock runs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "item.h"
#include "streams.h"

namespace bench {

// Returns the ranks of a named stream. `events` is the length of the stream, as the second half of drift differs from the
// first.
inline std::vector<uint32_t> ranks(const std::string &stream, uint64_t events, uint64_t seed) {
    streams::Random random(seed);
    std::vector<uint32_t> out;
    out.reserve(events);
    const auto fill = [&](auto &&next) {
        for (uint64_t i = 0; i < events; ++i)
            out.push_back(static_cast<uint32_t>(next(i)));
    };
    if (stream == "zipf1.1")
        fill([&, zipf = streams::Zipf(1000000, 1.1)](uint64_t) { return zipf(random); });
    else if (stream == "zipf1.1-100M")
        fill([&, zipf = streams::Zipf(100000000, 1.1)](uint64_t) { return zipf(random); });
    else if (stream == "zipf0.8")
        fill([&, zipf = streams::Zipf(5000000, 0.8)](uint64_t) { return zipf(random); });
    else if (stream == "zipf0.7")
        fill([&, zipf = streams::Zipf(80000, 0.7)](uint64_t) { return zipf(random); });
    else if (stream == "zipf0.5")
        fill([&, zipf = streams::Zipf(50000, 0.5)](uint64_t) { return zipf(random); });
    else if (stream == "uniform")
        fill([&](uint64_t) { return 1 + random.below(1000000); });
    else if (stream == "drift")
        fill([&](uint64_t i) { return streams::drift(random, i, events); });
    else if (stream == "equal") { // 50,000 items, all with the same count
        fill([](uint64_t i) { return i % 50000; });
        for (uint64_t i = events; i > 1; --i)
            std::swap(out[i - 1], out[random.below(i)]);
    } else if (stream ==
               "singletons")   // half of the events are items that occur once; then come 100 items, the last of which
        fill([&](uint64_t i) { // is twice as frequent as the first
            constexpr uint64_t heavy = 100;
            if (i < events / 2)
                return heavy + i;
            uint64_t item = random.below(heavy);
            while (random.below(2 * heavy) >= heavy + item)
                item = random.below(heavy);
            return item;
        });
    else
        throw std::invalid_argument("unknown stream: " + stream);
    return out;
}

// Ranks are padded with zeros to this number of digits; 0 for no padding.
inline std::string item_name(uint32_t rank, int digits = 0) {
    char name[32];
    return std::string(name, static_cast<size_t>(snprintf(name, sizeof(name), "item_%0*u", digits, rank)));
}

class Events {
public:
    Events(const std::vector<uint32_t> &ranks, int digits) {
        offsets_.reserve(ranks.size() + 1);
        offsets_.push_back(0);
        bytes_.reserve(ranks.size() * 13);
        for (uint32_t rank : ranks) {
            bytes_ += item_name(rank, digits);
            offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
        }
    }
    size_t size() const { return offsets_.size() - 1; }
    const char *data(size_t i) const { return bytes_.data() + offsets_[i]; }
    size_t length(size_t i) const { return offsets_[i + 1] - offsets_[i]; }
    topk::Item item(size_t i) const { return topk::Item(data(i), length(i)); }

private:
    std::string bytes_;
    std::vector<uint32_t> offsets_;
};

} // namespace bench
