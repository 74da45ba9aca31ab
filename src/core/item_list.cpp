#include "item_list.h"

#include "item_order.h"

namespace topk {

size_t ItemList::bound(const SpaceSaving &s) {
    // A bigint takes at most ten bytes.
    const size_t items =
        s.kind() == Kind::bigint ? size_t{10} * s.size() : s.key_bytes() + size_t{ItemWriter::overhead} * s.size();
    size_t size = 1 + varint_size(s.size()) + varint_size(s.total()) + items;
    for (const SpaceSaving::Entry *e = s.entries(), *end = e + s.size(); e != end; ++e)
        size += varint_size(e->count);
    return size;
}

size_t ItemList::bound(Kind kind, const WeightedItem *items, uint32_t n) {
    size_t size = 1 + 2 * varint_size(max_total);
    for (const WeightedItem *i = items, *end = items + n; i != end; ++i)
        size += (kind == Kind::bigint ? 10 : i->length + ItemWriter::overhead) + varint_size(i->weight);
    return size;
}

namespace {

Writer begin_list(Kind kind, uint32_t n, uint64_t total, uint8_t *out) {
    Writer w(out);
    w.u8(static_cast<uint8_t>(ItemList::version << 4 | static_cast<uint8_t>(kind)));
    w.varint(n);
    w.varint(total);
    return w;
}

} // namespace

size_t ItemList::write(const SpaceSaving &s, uint8_t *out) {
    Writer w = begin_list(s.kind(), s.size(), s.total(), out);
    const SpaceSaving::Entry *entries = s.entries();
    const auto item = [&](uint32_t i) { return ItemView{s.key(entries[i]), entries[i].length}; };
    ItemWriter items(s.kind());
    for (const ItemPlace &place : in_order(s.kind(), s.size(), item)) {
        items.put(w, item(place.at));
        w.varint(entries[place.at].count);
    }
    return static_cast<size_t>(w.at() - out);
}

size_t ItemList::write(Kind kind, const WeightedItem *items, uint32_t n, uint64_t total, uint8_t *out) {
    Writer w = begin_list(kind, n, total, out);
    ItemWriter writer(kind);
    for (const WeightedItem *i = items, *end = items + n; i != end; ++i) {
        writer.put(w, {i->data, i->length});
        w.varint(i->weight);
    }
    return static_cast<size_t>(w.at() - out);
}

ItemList::ItemList(const uint8_t *bytes, size_t size) : items_(Kind::none), body_(bytes, size) {
    const uint8_t head = body_.u8();
    if (head >> 4 != version || (head & 15) == 0 || (head & 15) > kind_last)
        throw Error(Errc::malformed, "not an item list");
    kind_ = static_cast<Kind>(head & 15);
    items_ = ItemReader(kind_);
    const uint64_t n = body_.varint();
    // Each entry has at least one byte for its weight and one for its item.
    if (n > body_.left() / 2)
        throw Error(Errc::malformed, "invalid number of items");
    size_ = left_ = static_cast<uint32_t>(n);
    total_ = weight_left_ = body_.varint();
    if (total_ > max_total)
        throw Error(Errc::malformed, "invalid total weight");
}

uint32_t ItemList::next(WeightedItem *out, uint32_t n, uint8_t *scratch) {
    uint8_t *to = scratch;
    uint32_t read = 0;
    // The loop ends when the memory may not have room for another item. The first item of a call overwrites the last item of
    // the call before; they share their beginning.
    for (; read < n && left_ != 0 && to <= scratch + max_item_length; ++read) {
        const ItemView item = items_.next(body_, to);
        const uint64_t weight = body_.varint();
        if (weight == 0 || weight > weight_left_)
            throw Error(Errc::malformed, "invalid weight");
        weight_left_ -= weight;
        out[read] = {item.data, item.length, weight};
        to += item.length;
        --left_;
    }
    if (left_ == 0 && (weight_left_ != 0 || body_.left() != 0))
        throw Error(Errc::malformed, "item list with trailing data");
    return read;
}

} // namespace topk
