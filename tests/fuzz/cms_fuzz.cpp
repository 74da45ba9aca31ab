// The input is taken as a stored cms: it must be refused, or be a sketch on which every operation works.
#include <algorithm>
#include <cstdint>
#include <string>

#include "check.h"
#include "sketch.h"

namespace {

using support::Bytes;
using support::Sketch;
using topk::CmsItem;
using topk::Errc;
using topk::Error;
using topk::Kind;
using topk::StoredCms;

std::string numbered_key(Kind kind, uint64_t number) {
    std::string key = "item" + std::to_string(number);
    if (const uint32_t length = topk::fixed_length(kind)) {
        key.assign(length, '\0');
        key[0] = static_cast<char>(number);
    }
    return key;
}

// Checks that the stored bytes and the sketch in memory give the same answers.
void check_stored(const Bytes &packed, const Sketch &sketch) {
    StoredCms::validate(packed.data(), packed.size());
    const StoredCms stored(packed.data(), packed.size());
    CHECK(stored.total() == sketch->total() && stored.parameters() == sketch->parameters());
    CHECK(stored.kind() == sketch->kind() && stored.error_bound() == sketch->error_bound());
    for (uint64_t i = 0; i < 4; ++i) {
        const std::string key = numbered_key(stored.kind(), i);
        const CmsItem item = stored.key_of(key.data(), key.size());
        const topk::Frequency f = stored.frequency(item);
        CHECK(f.count == sketch->estimate(item));
        CHECK(f.lower <= f.count && f.count == f.upper && f.upper <= stored.total());
    }
}

// Runs the operation; it may only throw out_of_range.
template <class F>
bool in_range(F &&operation) {
    try {
        operation();
        return true;
    } catch (const Error &e) {
        CHECK(e.code() == Errc::out_of_range);
        return false;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const Bytes input(data, data + size);
    try {
        StoredCms::validate(input.data(), input.size());
    } catch (const Error &e) {
        CHECK(e.code() == Errc::malformed);
        return 0;
    }
    Sketch sketch = Sketch::load(input);
    CHECK(sketch->violated_invariant() == nullptr);
    CHECK(sketch.pack() == input);
    check_stored(input, sketch);
    if (sketch->parameters().cells() > 1 << 16)
        return 0; // valid, but slow

    // Another sketch of the same shape, which is merged into the input and the other way round.
    const Kind kind = sketch->kind() == Kind::none ? Kind::text : sketch->kind();
    const auto key = [&](uint64_t number) { return numbered_key(kind, number); };
    Sketch other(sketch->parameters(), kind);
    for (uint64_t i = 0; i < 20; ++i)
        other.add(other.item(key(i % 13).data(), key(i % 13).size()), 1 + i % 3);
    Sketch reversed = Sketch::load(other.pack());
    if (size % 2 == 1)
        reversed.make_dense();
    const Bytes other_bytes = other.pack();
    const std::string probe = key(3);
    const CmsItem item = sketch.item(probe.data(), probe.size());
    const uint64_t before = sketch->estimate(item), theirs = other->estimate(item);
    if (in_range([&] { sketch.merge(other_bytes); })) {
        CHECK(sketch->estimate(item) >= before + theirs);
        CHECK(in_range([&] { reversed.merge(input); }));
        CHECK(reversed.pack() == sketch.pack());
    }
    in_range([&] { sketch.merge(sketch.pack()); });

    for (uint64_t i = 0; i < 30; ++i) {
        const std::string k = key(i % 17);
        const CmsItem at = sketch.item(k.data(), k.size());
        const uint64_t estimate = sketch->estimate(at);
        if (in_range([&] { sketch.add(at, 1 + i * i); }))
            CHECK(sketch->estimate(at) >= estimate + 1 + i * i);
    }
    CHECK(sketch->violated_invariant() == nullptr);
    const Bytes packed = sketch.pack();
    check_stored(packed, sketch);
    CHECK(Sketch::load(packed).pack() == packed);
    return 0;
}
