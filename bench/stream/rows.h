// Rows of events: item, time, source.
#pragma once

#include "bench_events.h"

namespace bench {

struct RowSource {
    std::vector<uint32_t> ranks;
    uint64_t start_us; // since 1970
    uint64_t span_us;
    uint32_t sources;
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
        return {item_name(ranks[i]), start_us + us, "source_" + std::to_string(1 + random.below(sources))};
    }
};

} // namespace bench
