// Space-Saving in its plainest form, as docs/accuracy.md describes it: with ordered maps and nth_element, without regard to
// speed. The real one must have the same counts.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "summary.h"

namespace support {

class Model {
public:
    struct Counter {
        uint64_t count;
        uint64_t error;
        bool operator==(const Counter &) const = default;
    };

    explicit Model(uint32_t capacity) : capacity_(capacity), filter_(topk::SpaceSaving::filter_width_for(capacity)) {}

    void add(const std::string &key, uint64_t weight) {
        total_ += weight;
        const auto at = counters_.find(key);
        if (at != counters_.end()) {
            at->second.count += weight;
            return;
        }
        uint64_t &cell = filter_[cell_of(key)];
        if (floor_ != 0 && cell + weight <= floor_) {
            cell += weight;
            return;
        }
        if (counters_.size() == capacity_)
            purge(topk::SpaceSaving::kept_at_purge(capacity_));
        const uint64_t error = bound(key);
        counters_[key] = {error + weight, error};
    }

    void merge(const Model &other) {
        const uint32_t capacity = std::min(capacity_, other.capacity_);
        Model a = *this, b = other;
        // The filter becomes narrower before the bounds are computed, as in a block that is moved for the merge. The other
        // side is read from its stored bytes, and its bounds use its own width.
        a.narrow(capacity);
        std::map<std::string, Counter> merged = a.counters_;
        for (auto &[key, counter] : merged) {
            const auto there = b.counters_.find(key);
            const uint64_t absent = b.bound(key);
            counter.count += there != b.counters_.end() ? there->second.count : absent;
            counter.error += there != b.counters_.end() ? there->second.error : absent;
        }
        for (const auto &[key, counter] : b.counters_)
            if (!a.counters_.contains(key))
                merged[key] = {counter.count + a.bound(key), counter.error + a.bound(key)};
        b.narrow(capacity);
        for (size_t i = 0; i < a.filter_.size(); ++i)
            a.filter_[i] += b.filter_[i];
        a.counters_ = std::move(merged);
        a.total_ += b.total_;
        a.floor_ += b.floor_;
        if (a.counters_.size() > capacity)
            a.purge(capacity);
        *this = std::move(a);
    }

    // Returns an empty string if the real summary agrees, otherwise the difference.
    std::string difference(const topk::SpaceSaving &s) const {
        if (s.total() != total_)
            return "total";
        if (s.floor() != floor_)
            return "floor " + std::to_string(s.floor()) + " instead of " + std::to_string(floor_);
        if (s.capacity() != capacity_)
            return "capacity";
        std::map<std::string, Counter> entries;
        for (uint32_t i = 0; i < s.size(); ++i) {
            const topk::SpaceSaving::Entry &e = s.entries()[i];
            entries[std::string(reinterpret_cast<const char *>(s.key(e)), e.length)] = {e.count, e.error};
        }
        if (entries != counters_)
            return "entries";
        if (floor_ != 0 && !std::equal(filter_.begin(), filter_.end(), s.filter(), s.filter() + s.filter_width()))
            return "filter";
        return "";
    }

private:
    uint32_t cell_of(const std::string &key) const {
        const topk::Item item(key.data(), key.size());
        return topk::SpaceSaving::filter_cell(item.hash, static_cast<uint32_t>(filter_.size()));
    }
    static uint64_t tie_of(const std::string &key) { return topk::Item(key.data(), key.size()).hash >> 54; }
    uint64_t bound(const std::string &key) const { return std::min(floor_, filter_[cell_of(key)]); }

    void narrow(uint32_t capacity) {
        std::vector<uint64_t> narrow(topk::SpaceSaving::filter_width_for(capacity));
        for (size_t i = 0; i < filter_.size(); ++i)
            narrow[i % narrow.size()] += filter_[i];
        filter_ = std::move(narrow);
        capacity_ = capacity;
    }

    void purge(uint32_t keep) {
        std::vector<uint64_t> counts;
        for (const auto &[key, counter] : counters_)
            counts.push_back(counter.count);
        std::nth_element(counts.begin(), counts.begin() + keep, counts.end(), std::greater<>());
        const uint64_t threshold = counts[keep];
        // If fewer than half would be left, tied entries stay too: those with the smallest first ten bits of the hash, up to
        // half.
        size_t room = keep / 2;
        std::map<uint64_t, size_t> tied;
        for (const auto &[key, counter] : counters_) {
            if (counter.count > threshold)
                room -= room > 0;
            tied[tie_of(key)] += counter.count == threshold;
        }
        uint64_t first_gone = 0;
        if (room > 0)
            for (const auto &[tie, n] : tied) {
                if (n > room)
                    break;
                room -= n;
                first_gone = tie + 1;
            }
        for (auto at = counters_.begin(); at != counters_.end();)
            if (at->second.count < threshold || (at->second.count == threshold && tie_of(at->first) >= first_gone)) {
                filter_[cell_of(at->first)] += at->second.count - at->second.error;
                at = counters_.erase(at);
            } else {
                ++at;
            }
        floor_ = std::max(floor_, threshold);
    }

    uint32_t capacity_;
    std::vector<uint64_t> filter_;
    std::map<std::string, Counter> counters_;
    uint64_t total_ = 0;
    uint64_t floor_ = 0;
};

} // namespace support
