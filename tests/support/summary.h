// Owner of a sketch's block in tests, benchmarks and fuzzers: what the boundary to PostgreSQL does with a memory context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "spacesaving_format.h"

namespace support {

using Bytes = std::vector<uint8_t>;

class Summary {
public:
    explicit Summary(uint32_t capacity, topk::Kind kind = topk::Kind::text, uint32_t k = 0,
                     uint64_t first_item_length = 16) {
        place(topk::SpaceSaving::initial_layout(capacity, first_item_length), k);
        summary_->require_kind(kind);
    }

    // Bytes that nobody has checked: throws malformed.
    static Summary load(const Bytes &packed) {
        topk::StoredSpaceSaving::validate(packed.data(), packed.size());
        const topk::StoredSpaceSaving stored(packed.data(), packed.size());
        Summary s(topk::SpaceSaving::load_layout(stored.shape()));
        s.summary_->merge(stored);
        return s;
    }

    void add(const topk::Item &item, uint64_t weight = 1) {
        if (summary_->count(item, weight)) [[likely]]
            return;
        while (!summary_->insert(item, weight))
            move(summary_->grown_layout(item));
    }

    // The same with what a sketch of the same events knows.
    void add(const topk::Item &item, uint64_t weight, uint64_t limit) {
        if (!summary_->count(item, weight, limit))
            add_entry(item, weight, limit);
    }
    void add_entry(const topk::Item &item, uint64_t weight, uint64_t limit,
                   const topk::SpaceSaving::Evictions *evictions = nullptr) {
        while (!summary_->insert(item, weight, limit, evictions))
            move(summary_->grown_layout(item));
    }

    // The two halves of add(), for tests of what happens between them.
    bool try_count(const topk::Item &item, uint64_t weight) { return summary_->count(item, weight); }
    bool try_count_monitored(const topk::Item &item, uint64_t weight) { return summary_->count_monitored(item, weight); }
    bool try_count_filtered(const topk::Item &item, uint64_t weight, uint64_t limit) {
        return summary_->count_filtered(item, weight, limit);
    }
    bool try_insert(const topk::Item &item, uint64_t weight) { return summary_->insert(item, weight); }

    void merge(const topk::StoredSpaceSaving &stored, const topk::CountMin *here = nullptr,
               const topk::CountMin *there = nullptr, uint64_t times = 1) {
        if (!summary_->fits(stored.shape()))
            move(summary_->merge_layout(stored.shape()));
        summary_->merge(stored, here, there, times);
    }
    void merge_times(const Bytes &packed, uint64_t times) {
        merge(topk::StoredSpaceSaving(packed.data(), packed.size()), nullptr, nullptr, times);
    }
    void merge(const Bytes &packed, const topk::CountMin *here = nullptr, const topk::CountMin *there = nullptr) {
        merge(topk::StoredSpaceSaving(packed.data(), packed.size()), here, there);
    }

    void shrink(uint32_t capacity, const topk::SpaceSaving::Evictions *evictions = nullptr) {
        move(summary_->shrunk_layout(capacity));
        summary_->shrink(evictions);
    }

    Bytes pack() const {
        Bytes out(topk::StoredSpaceSaving::packed_bound(*summary_));
        out.resize(topk::StoredSpaceSaving::pack(*summary_, out.data()));
        return out;
    }

    void require_kind(topk::Kind kind) { summary_->require_kind(kind); }

    const topk::SpaceSaving *operator->() const { return summary_; }
    const topk::SpaceSaving &operator*() const { return *summary_; }

private:
    // Of exactly the size asked for, so that a sanitizer sees the first byte beyond it.
    using Block = std::unique_ptr<std::byte[]>;

    explicit Summary(const topk::SpaceSaving::Layout &layout) { place(layout, 0); }

    void place(const topk::SpaceSaving::Layout &layout, uint32_t k) {
        block_.reset(new std::byte[layout.size]);
        summary_ = topk::SpaceSaving::create(block_.get(), layout, k);
    }
    void move(const topk::SpaceSaving::Layout &layout) {
        Block block(new std::byte[layout.size]);
        summary_ = topk::SpaceSaving::relocate(*summary_, block.get(), layout);
        block_ = std::move(block);
    }

    Block block_;
    topk::SpaceSaving *summary_;
};

} // namespace support
