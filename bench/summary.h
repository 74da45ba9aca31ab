// Owner of a summary's block; what the boundary to PostgreSQL does with a memory context.
#pragma once

#include <memory>
#include <vector>

#include "spacesaving_format.h"

namespace bench {

class Summary {
public:
    explicit Summary(uint32_t capacity) {
        const topk::SpaceSaving::Layout layout = topk::SpaceSaving::initial_layout(capacity, 16);
        block_ = allocate(layout);
        summary_ = topk::SpaceSaving::create(block_.get(), layout, 0);
        summary_->require_kind(topk::Kind::text);
    }
    void add(const topk::Item &item, uint64_t weight = 1) {
        if (summary_->count(item, weight)) [[likely]]
            return;
        while (!summary_->insert(item, weight))
            move(summary_->grown_layout(item));
    }
    void merge(const std::vector<uint8_t> &packed) {
        const topk::StoredSpaceSaving stored(packed.data(), packed.size());
        if (!summary_->fits(stored.shape()))
            move(summary_->merge_layout(stored.shape()));
        summary_->merge(stored);
    }
    std::vector<uint8_t> pack() const {
        std::vector<uint8_t> out(topk::StoredSpaceSaving::packed_bound(*summary_));
        out.resize(topk::StoredSpaceSaving::pack(*summary_, out.data()));
        return out;
    }
    const topk::SpaceSaving *operator->() const { return summary_; }

private:
    using Block = std::unique_ptr<uint64_t[]>;
    static Block allocate(const topk::SpaceSaving::Layout &layout) { return Block(new uint64_t[(layout.size + 7) / 8]); }
    void move(const topk::SpaceSaving::Layout &layout) {
        Block block = allocate(layout);
        summary_ = topk::SpaceSaving::relocate(*summary_, block.get(), layout);
        block_ = std::move(block);
    }

    Block block_;
    topk::SpaceSaving *summary_;
};

} // namespace bench
