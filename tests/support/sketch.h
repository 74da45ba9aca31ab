// Owner of a Count-Min sketch's block, as summary.h is of a Space-Saving summary's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "cms_format.h"

namespace support {

using Bytes = std::vector<uint8_t>;

class Sketch {
public:
    explicit Sketch(const topk::CmsParameters &parameters, topk::Kind kind = topk::Kind::text) {
        place(topk::CountMin::initial_layout(parameters));
        sketch_->require_kind(kind);
    }

    // Bytes that nobody has checked: throws malformed.
    static Sketch load(const Bytes &packed) {
        topk::StoredCms::validate(packed.data(), packed.size());
        const topk::StoredCms stored(packed.data(), packed.size());
        Sketch s(topk::CountMin::load_layout(stored.shape()));
        s.sketch_->merge(stored);
        return s;
    }

    topk::CmsItem item(const void *data, size_t length) const { return sketch_->key_of(data, length); }

    void add(const topk::CmsItem &item, uint64_t weight = 1) {
        if (sketch_->count(item, weight)) [[likely]]
            return;
        while (!sketch_->insert(item, weight))
            move(sketch_->grown_layout(item));
    }

    void merge(const Bytes &packed) {
        const topk::StoredCms stored(packed.data(), packed.size());
        if (!sketch_->fits(stored.shape()))
            move(sketch_->merge_layout(stored.shape()));
        sketch_->merge(stored);
    }

    void merge(const Sketch &other) {
        if (!sketch_->fits(other->shape()))
            move(sketch_->merge_layout(other->shape()));
        sketch_->merge(*other);
    }

    void make_dense() { move(topk::CountMin::dense_layout(sketch_->parameters())); }

    Bytes pack() const {
        Bytes out(topk::StoredCms::packed_bound(*sketch_));
        out.resize(topk::StoredCms::pack(*sketch_, out.data()));
        return out;
    }

    void require_kind(topk::Kind kind) { sketch_->require_kind(kind); }

    const topk::CountMin *operator->() const { return sketch_; }
    const topk::CountMin &operator*() const { return *sketch_; }

private:
    // Of exactly the size asked for, so that a sanitizer sees the first byte beyond it.
    using Block = std::unique_ptr<std::byte[]>;

    explicit Sketch(const topk::CountMin::Layout &layout) { place(layout); }

    void place(const topk::CountMin::Layout &layout) {
        block_.reset(new std::byte[layout.size]);
        sketch_ = topk::CountMin::create(block_.get(), layout);
    }
    void move(const topk::CountMin::Layout &layout) {
        Block block(new std::byte[layout.size]);
        sketch_ = topk::CountMin::relocate(*sketch_, block.get(), layout);
        block_ = std::move(block);
    }

    Block block_;
    topk::CountMin *sketch_;
};

} // namespace support
