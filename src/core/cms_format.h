// The stored bytes of a Count-Min sketch (docs/format.md): either its nonzero cells with the gaps between them, or all
// cells, whichever is shorter.
#pragma once

#include "cms.h"
#include "wire.h"

namespace topk {

// A view of stored bytes. The constructor reads and checks the header; the functions check the rest while they read it. All
// of them throw malformed if the bytes contradict the format.
class StoredCms {
public:
    // Upper bound of the size of a header.
    static constexpr size_t max_header_size = 64;
    static constexpr uint8_t version = 1;

    // packed_bound() returns an upper bound of the number of bytes that pack() will write, in O(size); pack() returns the
    // number that it has written.
    static size_t packed_bound(const CountMin &sketch);
    static size_t pack(const CountMin &sketch, uint8_t *out);

    StoredCms(const uint8_t *bytes, size_t size);

    // Reads everything and checks every invariant, without allocating memory. Bytes from outside must pass this function.
    static void validate(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint64_t total() const { return total_; }
    uint32_t width() const { return parameters_.width; }
    uint32_t depth() const { return parameters_.depth; }
    uint64_t seed() const { return parameters_.seed; }
    const CmsParameters &parameters() const { return parameters_; }
    CountMin::Shape shape() const { return {parameters_, nonzero_, dense_}; }
    uint64_t error_bound() const { return cms_error_bound(width(), total_); }

    CmsItem key_of(const void *data, size_t length) const { return CmsItem(data, length, parameters_.seed); }

    // count and upper are never below the weight of the item; lower is not above it with probability 1 - e^-depth. The
    // estimate is upper without noise (CmsNoise).
    Frequency frequency(const CmsItem &item) const;

private:
    friend class CountMin;

    // Calls visit(cell, count) for the nonzero cells, in ascending order.
    template <class Visit>
    void visit_cells(Visit visit) const;
    // Adds all cells of a dense form.
    void add_dense(uint64_t *cells) const;

    CmsParameters parameters_;
    Kind kind_;
    bool dense_;
    uint32_t nonzero_; // 0 in dense form
    uint64_t total_;
    Reader body_;
};

} // namespace topk
