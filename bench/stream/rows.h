// Rows of events: item, time, source.
#pragma once

#include <cstring>
#include <optional>

#include "bench_events.h"

namespace bench {

// The sources of rows: "1000" are so many, of equal frequency; "zipf:1000" have frequencies by Zipf's law.
struct Sources {
    uint64_t count;
    std::optional<streams::Zipf> zipf;

    explicit Sources(const char *text) {
        const bool skewed = strncmp(text, "zipf:", 5) == 0;
        count = strtoull(skewed ? text + 5 : text, nullptr, 10);
        if (skewed)
            zipf.emplace(count, 1.0);
    }
    uint64_t operator()(streams::Random &random) const { return zipf ? (*zipf)(random) : 1 + random.below(count); }
};

struct RowSource {
    std::vector<uint32_t> ranks;
    uint64_t start_us; // since 1970
    uint64_t span_us;
    Sources sources;
    bool scattered; // times are in no order
    streams::Random random{7};

    struct Row {
        std::string item;
        uint64_t us;
        std::string source;
    };
    Row at(size_t i) {
        const uint64_t us =
            scattered ? random.below(span_us) : static_cast<uint64_t>(static_cast<double>(i) / ranks.size() * span_us);
        return {item_name(ranks[i]), start_us + us, "source_" + std::to_string(sources(random))};
    }
};

} // namespace bench
