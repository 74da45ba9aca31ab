// The counts of a window as the boundary to PostgreSQL keeps them (src/pg/tally.cpp): exact while there are few items, then
// a summary and a sketch of the same events, each of which bounds what the other has forgotten.
#pragma once

#include <algorithm>
#include <optional>

#include "../../src/core/window_size.h"
#include "sketch.h"
#include "summary.h"

namespace support {

class Counts {
public:
    struct Stored {
        Bytes exact; // a summary that is exact; empty once it is not
        Bytes summary;
        Bytes sketch;
        size_t size() const { return exact.size() + summary.size() + sketch.size(); }
    };

    // Exact as long as that takes no more bytes (src/core/window_size.h), as in a rollup.
    static constexpr uint32_t by_size = UINT32_MAX;

    // exact_items: stays exact up to so many items, and at least up to `capacity`. counting: the sketch gets the weight of
    // an item when it leaves the summary. Nothing can be merged into such counts.
    Counts(uint32_t capacity, const topk::CmsParameters &parameters, uint32_t exact_items = 0, bool counting = false,
           topk::Kind kind = topk::Kind::text)
        : capacity_(capacity), parameters_(parameters), kind_(kind), counting_(counting), by_size_(exact_items == by_size),
          limit_(by_size_ ? capacity : std::max(exact_items, capacity)), summary_(topk::max_capacity, kind) {}

    bool is_exact() const { return !sketch_; }
    const Summary &summary() const { return summary_; }
    const Sketch &sketch() const { return *sketch_; }

    void add(const topk::Item &item, uint64_t weight = 1) {
        bound_key_bytes();
        if (!sketch_) {
            if (stays_exact() || summary_->frequency(item).count != 0)
                return summary_.add(item, weight);
            end_exactness();
        }
        if (counting_)
            count(item, weight);
        else
            add_to_both(item, weight);
    }

    void merge(const Stored &other) {
        if (!other.exact.empty()) {
            add_all(Summary::load(other.exact));
            return;
        }
        if (!sketch_)
            make_sketch();
        const Sketch there = Sketch::load(other.sketch);
        summary_.merge(other.summary, &**sketch_, &*there);
        sketch_->merge(there);
        bound_key_bytes();
    }

    // Counts for counting are finished then.
    Stored store() {
        if (!sketch_)
            return {summary_.pack(), {}, {}};
        if (counting_)
            for (uint32_t i = 0; i < summary_->size(); ++i)
                settle(&*sketch_, summary_->key(summary_->entries()[i]), summary_->entries()[i]);
        return {{}, summary_.pack(), sketch_->pack()};
    }

private:
    static void settle(void *sketch, const uint8_t *key, const topk::SpaceSaving::Entry &entry) noexcept {
        auto *s = static_cast<Sketch *>(sketch);
        s->add(s->item(key, entry.length), entry.count - entry.error);
    }

    bool stays_exact() {
        if (by_size_ && summary_->size() == limit_ &&
            topk::exact_size(*summary_) <= topk::inexact_size(*summary_, capacity_, parameters_.width, parameters_.depth))
            limit_ += std::max(limit_ / 8, 1u);
        return summary_->size() < limit_;
    }

    void add_all(const Summary &exact) {
        for (uint32_t i = 0; i < exact->size(); ++i)
            add(topk::Item(exact->key(exact->entries()[i]), exact->entries()[i].length), exact->entries()[i].count);
    }

    // With what is about to be merged the summary may still be exact then.
    void make_sketch() {
        sketch_.emplace(parameters_, kind_);
        sketch_->make_dense();
        for (uint32_t i = 0; !counting_ && i < summary_->size(); ++i) {
            const topk::SpaceSaving::Entry &e = summary_->entries()[i];
            sketch_->add(sketch_->item(summary_->key(e), e.length), e.count);
        }
    }

    void end_exactness() {
        make_sketch();
        shrink(capacity_);
    }

    void shrink(uint32_t capacity) {
        const topk::SpaceSaving::Evictions evictions = {settle, &*sketch_};
        summary_.shrink(capacity, counting_ ? &evictions : nullptr);
    }

    void bound_key_bytes() {
        while (summary_->key_bytes() > topk::max_key_bytes(capacity_)) {
            if (!sketch_)
                make_sketch();
            shrink(topk::shorter_capacity(*summary_, capacity_));
        }
    }

    void add_to_both(const topk::Item &item, uint64_t weight) {
        const topk::CmsItem key = sketch_->item(item.data, item.length);
        sketch_->add(key, weight);
        summary_.add(item, weight, (*sketch_)->estimate(key));
    }

    void count(const topk::Item &item, uint64_t weight) {
        if (summary_.try_count_monitored(item, weight))
            return;
        const topk::CmsItem key = sketch_->item(item.data, item.length);
        const uint64_t limit = (*sketch_)->estimate(key) + weight;
        if (summary_.try_count_filtered(item, weight, limit)) {
            sketch_->add(key, weight);
            return;
        }
        const topk::SpaceSaving::Evictions evictions = {settle, &*sketch_};
        summary_.add_entry(item, weight, limit, &evictions);
    }

    uint32_t capacity_;
    topk::CmsParameters parameters_;
    topk::Kind kind_;
    bool counting_;
    bool by_size_;
    uint32_t limit_;
    Summary summary_;
    std::optional<Sketch> sketch_;
};

} // namespace support
