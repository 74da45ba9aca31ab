// The input is taken as a stored spacesaving: it must be refused, or be a state on which every operation works.
#include <algorithm>
#include <cstdint>
#include <string>

#include "check.h"
#include "summary.h"

namespace {

using support::Bytes;
using support::Summary;
using topk::Errc;
using topk::Error;
using topk::Item;
using topk::Kind;
using topk::StoredSpaceSaving;

// Returns an item of the kind; mutated seeds are likely to have the first ones.
Item numbered_item(Kind kind, uint64_t number, std::string &bytes) {
    bytes = "item" + std::to_string(number);
    if (const uint32_t length = topk::fixed_length(kind)) {
        bytes.assign(length, '\0');
        bytes[0] = static_cast<char>(number);
    }
    return Item(bytes.data(), bytes.size());
}

const Bytes &other_state(Kind kind) {
    static Bytes states[topk::kind_last + 1];
    Bytes &packed = states[static_cast<size_t>(kind)];
    if (packed.empty()) {
        Summary s(5, kind);
        std::string bytes;
        for (uint64_t i = 0; kind != Kind::none && i < 40; ++i)
            s.add(numbered_item(kind, i % 23, bytes), 1 + i % 7);
        packed = s.pack();
    }
    return packed;
}

void check_stored(const Bytes &packed, const Summary &summary) {
    StoredSpaceSaving::validate(packed.data(), packed.size());
    const StoredSpaceSaving stored(packed.data(), packed.size());
    CHECK(stored.size() == summary->size() && stored.total() == summary->total() && stored.floor() == summary->floor());
    std::vector<topk::Ranked> top(stored.size() + 1), all(stored.size());
    for (const uint32_t k : {uint32_t{0}, uint32_t{1}, stored.size() / 2, stored.size(), stored.size() + 5}) {
        top.resize(std::min(k, stored.size()) + 1);
        const uint32_t n = stored.top(k, top.data());
        CHECK(n == std::min(k, stored.size()));
        bool guaranteed = true;
        for (uint32_t i = 0; i < n; ++i) {
            CHECK(top[i].error < top[i].count && top[i].error <= stored.floor() && top[i].count <= stored.total());
            CHECK(i == 0 || top[i - 1].count >= top[i].count);
            guaranteed = guaranteed && top[i].guaranteed;
        }
        CHECK(stored.floor() != 0 || k < stored.size() || guaranteed);
    }
    CHECK(stored.at_least(0, all.data()) == stored.size());
    const uint64_t middle = stored.size() == 0 ? 1 : all[stored.size() / 2].count;
    const uint32_t reached = stored.at_least(middle, all.data());
    for (uint32_t i = 0; i < reached; ++i)
        CHECK(all[i].count >= middle);

    for (uint32_t i = 0; i < std::min(stored.size(), 8u); ++i) { // each call scans all entries
        const topk::SpaceSaving::Entry &e = summary->entries()[i];
        const topk::Frequency f = stored.frequency(Item(summary->key(e), e.length));
        CHECK(f.upper == e.count && f.count == e.count && f.lower == e.count - e.error);
    }
    std::string bytes;
    for (uint64_t i = 0; i < 4; ++i) {
        const topk::Frequency f = stored.frequency(numbered_item(stored.kind(), i, bytes));
        CHECK(f.lower <= f.count && f.count <= f.upper && f.upper <= stored.total());
    }
}

// Runs an operation, which may only throw out_of_range.
template <class F>
void unless_out_of_range(F &&operation) {
    try {
        operation();
    } catch (const Error &e) {
        CHECK(e.code() == Errc::out_of_range);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const Bytes input(data, data + size);
    try {
        StoredSpaceSaving::validate(input.data(), input.size());
    } catch (const Error &e) {
        CHECK(e.code() == Errc::malformed);
        return 0;
    }
    Summary summary = Summary::load(input);
    CHECK(summary->violated_invariant() == nullptr);
    CHECK(summary.pack() == input);
    check_stored(input, summary);

    unless_out_of_range([&] { summary.merge(input); });
    unless_out_of_range([&] { summary.merge(other_state(summary->kind())); });
    Summary reversed = Summary::load(other_state(summary->kind()));
    unless_out_of_range([&] { reversed.merge(input); });
    for (Summary *s : {&summary, &reversed}) {
        const Kind kind = (*s)->kind() == Kind::none ? Kind::text : (*s)->kind();
        s->require_kind(kind);
        std::string bytes;
        for (uint64_t i = 0; i < 30; ++i)
            unless_out_of_range([&] { s->add(numbered_item(kind, i % 17, bytes), 1 + i * i); });
        CHECK((*s)->violated_invariant() == nullptr);
        const Bytes packed = s->pack();
        check_stored(packed, *s);
        CHECK(Summary::load(packed).pack() == packed);
    }
    return 0;
}
