#include "spacesaving_format.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "cell_blocks.h"
#include "header.h"
#include "item_order.h"

namespace topk {

namespace {

constexpr uint8_t flag_purged = 1;

int64_t bigint_of(const uint8_t *key) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; --i)
        v = v << 8 | key[i];
    return static_cast<int64_t>(v);
}

} // namespace

int compare_items(Kind kind, const uint8_t *a, uint32_t na, const uint8_t *b, uint32_t nb) {
    if (kind == Kind::bigint) {
        const int64_t x = bigint_of(a), y = bigint_of(b);
        return x < y ? -1 : x > y;
    }
    return compare_bytes(a, na, b, nb);
}

size_t StoredSpaceSaving::packed_bound(const SpaceSaving &s) {
    const bool purged = s.floor() != 0;
    size_t size = max_header_size + s.key_bytes();
    const bool lengths = fixed_length(s.kind()) == 0;
    for (const SpaceSaving::Entry *e = s.entries(), *end = e + s.size(); e != end; ++e)
        size += varint_size(e->count) + (purged ? varint_size(e->error) : 0) + (lengths ? varint_size(e->length) : 0);
    if (purged)
        size += CellBlocks::size(s.filter(), s.filter_width());
    return size;
}

size_t StoredSpaceSaving::pack(const SpaceSaving &s, uint8_t *out) {
    struct Place : ItemPlace {
        uint64_t count;
    };
    const Kind kind = s.kind();
    const auto item = [&](uint32_t i) { return ItemView{s.key(s.entries()[i]), s.entries()[i].length}; };
    std::vector<Place> order(s.size());
    set_places(kind, order.data(), s.size(), item);
    for (Place &place : order)
        place.count = s.entries()[place.at].count;
    std::sort(order.begin(), order.end(), [&](const Place &a, const Place &b) {
        return a.count != b.count ? a.count > b.count : is_before(kind, a, b, item);
    });

    const bool purged = s.floor() != 0;
    const bool lengths = fixed_length(kind) == 0;
    Writer w(out);
    write_header(w,
                 {header_spacesaving, version, static_cast<uint8_t>(purged ? flag_purged : 0), static_cast<uint8_t>(kind)});
    w.varint(s.capacity());
    w.varint(s.k());
    w.varint(s.size());
    w.varint(s.key_bytes());
    w.varint(s.total());
    if (purged)
        w.varint(s.floor());
    uint64_t previous = s.total();
    for (const Place &place : order) {
        const SpaceSaving::Entry &e = s.entries()[place.at];
        w.varint(previous - e.count);
        previous = e.count;
        if (purged)
            w.varint(e.error);
        if (lengths)
            w.varint(e.length);
        w.bytes(s.key(e), e.length);
    }
    if (purged)
        CellBlocks::write(w, s.filter(), s.filter_width());
    return static_cast<size_t>(w.at() - out);
}

StoredSpaceSaving::StoredSpaceSaving(const uint8_t *bytes, size_t size) : body_(bytes, size) {
    const Header header = read_header(body_, header_spacesaving, version, flag_purged, kind_last);
    const auto require = [](bool holds, const char *what) {
        if (!holds)
            throw Error(Errc::malformed, "invalid %s", what);
    };
    kind_ = static_cast<Kind>(header.kind);
    const uint64_t capacity = body_.varint();
    require(capacity >= 1 && capacity <= max_capacity, "capacity");
    capacity_ = static_cast<uint32_t>(capacity);
    const uint64_t k = body_.varint();
    require(k <= max_capacity, "k");
    k_ = static_cast<uint32_t>(k);
    const uint64_t entries = body_.varint();
    // Each entry takes at least one byte for its count and one for its length or content.
    require(entries <= capacity && entries <= body_.left() / 2, "number of entries");
    entries_ = static_cast<uint32_t>(entries);
    key_bytes_ = body_.varint();
    require(key_bytes_ <= body_.left(), "length of items");
    total_ = body_.varint();
    require(total_ <= max_total, "total weight");
    require(kind_ != Kind::none || (entries == 0 && total_ == 0), "kind");
    floor_ = header.flags & flag_purged ? body_.varint() : 0;
    require((floor_ != 0) == ((header.flags & flag_purged) != 0) && floor_ <= total_, "floor");
    require(floor_ == 0 || body_.left() >= CellBlocks::min_size(SpaceSaving::filter_width_for(capacity_)),
            "length of the filter");
}

Ranked StoredSpaceSaving::next_entry(Reader &reader, uint64_t previous_count) const {
    Ranked r{};
    const uint64_t step = reader.varint();
    if (step >= previous_count)
        throw Error(Errc::malformed, "invalid count");
    r.count = previous_count - step;
    r.error = floor_ != 0 ? reader.varint() : 0;
    if (r.error >= r.count || r.error > floor_)
        throw Error(Errc::malformed, "invalid error bound");
    uint64_t length = fixed_length(kind_);
    if (length == 0)
        length = reader.varint();
    if (length > max_item_length)
        throw Error(Errc::malformed, "invalid length of an item");
    r.length = static_cast<uint32_t>(length);
    r.key = reader.bytes(r.length);
    return r;
}

namespace {

// Sets `guaranteed` of n entries by rank; entries[n] is the next one if `next`.
void set_guaranteed(Ranked *entries, uint32_t n, bool next, uint64_t floor) {
    const uint64_t rival = std::max(next ? entries[n].count : 0, floor);
    for (uint32_t i = 0; i < n; ++i)
        entries[i].guaranteed = entries[i].count - entries[i].error >= rival;
}

} // namespace

uint64_t weight_of_share(double share, uint64_t total) {
    // long double can represent every bigint.
    const long double product = static_cast<long double>(share) * total;
    return static_cast<uint64_t>(std::ceil(product - product * std::numeric_limits<double>::epsilon() / 2));
}

uint32_t top_of(const SpaceSaving &s, uint32_t k, Ranked *out) {
    std::vector<const SpaceSaving::Entry *> order(s.size());
    for (uint32_t i = 0; i < s.size(); ++i)
        order[i] = &s.entries()[i];
    const uint32_t n = std::min(k, s.size());
    const uint32_t wanted = std::min(n + 1, s.size());
    std::partial_sort(order.begin(), order.begin() + wanted, order.end(),
                      [&](const SpaceSaving::Entry *a, const SpaceSaving::Entry *b) {
                          if (a->count != b->count)
                              return a->count > b->count;
                          return compare_items(s.kind(), s.key(*a), a->length, s.key(*b), b->length) < 0;
                      });
    for (uint32_t i = 0; i < wanted; ++i)
        out[i] = {s.key(*order[i]), order[i]->length, order[i]->count, order[i]->error, false};
    set_guaranteed(out, n, wanted > n, s.floor());
    return n;
}

uint32_t StoredSpaceSaving::top(uint32_t k, Ranked *out) const {
    const uint32_t n = std::min(k, entries_);
    Reader reader = body_;
    uint64_t count = total_;
    for (uint32_t i = 0; i < std::min(n + 1, entries_); ++i) {
        out[i] = next_entry(reader, count);
        count = out[i].count;
    }
    set_guaranteed(out, n, n < entries_, floor_);
    return n;
}

uint32_t StoredSpaceSaving::at_least(uint64_t threshold, Ranked *out) const {
    Reader reader = body_;
    uint64_t count = total_;
    for (uint32_t i = 0; i < entries_; ++i) {
        out[i] = next_entry(reader, count);
        count = out[i].count;
        if (count < threshold)
            return i;
        out[i].guaranteed = count - out[i].error >= threshold;
    }
    return entries_;
}

Frequency StoredSpaceSaving::frequency(const Item &item) const {
    Reader reader = body_;
    uint64_t count = total_;
    for (uint32_t i = 0; i < entries_; ++i) {
        const Ranked r = next_entry(reader, count);
        count = r.count;
        if (r.length == item.length && equal_bytes(r.key, item.data, item.length))
            return {r.count, r.count - r.error, r.count, r.count};
    }
    if (floor_ == 0)
        return {0, 0, 0, 0};
    const uint32_t width = SpaceSaving::filter_width_for(capacity_);
    const uint64_t cell = CellBlocks::read_one(reader, width, SpaceSaving::filter_cell(item.hash, width));
    const uint64_t upper = std::min(floor_, cell);
    return {upper, 0, upper, upper};
}

// The weight of an item that a side does not monitor is at most min(floor, filter cell, estimate of its sketch) there, so
// the sums are bounds.
void SpaceSaving::merge(const StoredSpaceSaving &source, const CountMin *here, const CountMin *there, uint64_t times) {
    assert(times == 1 || there == nullptr);
    const auto limited = [](uint64_t bound, const CountMin *sketch, const uint8_t *key, uint32_t length) {
        return sketch == nullptr || bound == 0 ? bound : std::min(bound, sketch->estimate(sketch->key_of(key, length)));
    };
    SpaceSaving::Shape shape = source.shape();
    shape.total = times != 0 && shape.total > max_total / times ? max_total + 1 : shape.total * times;
    check_mergeable(shape);
    require_kind(source.kind());
    k_ = std::max(k_, source.k());

    const uint32_t own = entries_;
    std::vector<bool> in_both(own);
    Reader reader = source.body_;
    uint64_t count = source.total();
    uint64_t bytes = 0;
    Ranked previous{};
    for (uint32_t i = 0; i < source.size(); ++i) {
        const Ranked r = source.next_entry(reader, count);
        if (i > 0 && r.count == count && compare_items(kind_, previous.key, previous.length, r.key, r.length) >= 0)
            throw Error(Errc::malformed, "items out of order");
        count = r.count;
        bytes += r.length;
        previous = r;
        const Item item(r.key, r.length);
        if (Entry *e = find(item)) {
            const auto position = static_cast<uint32_t>(e - entries());
            if (position >= own || in_both[position])
                throw Error(Errc::malformed, "repeated item");
            in_both[position] = true;
            e->count += r.count * times;
            e->error += r.error * times;
        } else {
            if (!has_room(r.length))
                throw Error(Errc::malformed, "invalid length of items");
            const uint64_t before = limited(unmonitored_bound(item.hash), here, r.key, r.length);
            append(item, before + r.count * times, before + r.error * times);
        }
    }
    if (bytes != source.key_bytes_) // later merges rely on it
        throw Error(Errc::malformed, "invalid length of items");
    if (source.floor() != 0) {
        const uint32_t width = filter_width_for(source.capacity());
        std::vector<const uint8_t *> blocks;
        blocks.reserve(width / CellBlocks::block_cells + 1);
        uint64_t *const own_cells = filter();
        uint64_t unassigned = source.total();
        CellBlocks::read(reader, width, [&](uint32_t first, const uint64_t *cells, uint32_t n, const uint8_t *block) {
            blocks.push_back(block);
            uint64_t low = 0, high = 0; // halves of the sum, neither of which can overflow
            for (uint32_t i = 0; i < n; ++i) {
                low += cells[i] & UINT32_MAX;
                high += cells[i] >> 32;
            }
            if (high + (low >> 32) > unassigned >> 32 || (high << 32) + low > unassigned)
                throw Error(Errc::malformed, "invalid filter");
            unassigned -= (high << 32) + low;
            const uint32_t step = std::min(n, filter_width_); // a cell of a narrower filter gets several cells
            for (uint32_t i = 0; i < n; i += step) {
                uint64_t *const sums = own_cells + ((first + i) & (filter_width_ - 1));
                for (uint32_t j = 0; j < step; ++j)
                    sums[j] += cells[i + j] * times;
            }
        });
        const uint32_t block_cells = std::min(width, CellBlocks::block_cells);
        for (uint32_t i = 0; i < own; ++i)
            if (!in_both[i]) {
                Entry &e = entries()[i];
                const uint32_t cell = filter_cell(e.hash, width);
                const uint64_t bound =
                    std::min(source.floor(), CellBlocks::at_block(blocks[cell / block_cells], cell % block_cells));
                const uint64_t missed = limited(bound, there, key(e), e.length) * times;
                e.count += missed;
                e.error += missed;
            }
    }
    if (reader.left() != 0)
        throw Error(Errc::malformed, "unexpected data after the end");
    total_ += shape.total;
    floor_ += source.floor() * times;
    if (entries_ > capacity_)
        purge(capacity_, capacity_ / 2);
}

void StoredSpaceSaving::validate(const uint8_t *bytes, size_t size) {
    const StoredSpaceSaving stored(bytes, size);
    const SpaceSaving::Layout layout = SpaceSaving::load_layout(stored.shape());
    // The block has the alignment of the counters.
    const std::unique_ptr<uint64_t[]> block(new uint64_t[(layout.size + 7) / 8]);
    SpaceSaving *summary = SpaceSaving::create(block.get(), layout, 0);
    summary->merge(stored);
    if (const char *violated = summary->violated_invariant())
        throw Error(Errc::malformed, "%s", violated);
}

} // namespace topk
