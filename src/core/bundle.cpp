#include "bundle.h"

#include <algorithm>
#include <vector>

#include "item_order.h"

namespace topk {
namespace {

[[noreturn]] void invalid(const char *what) { throw Error(Errc::malformed, "%s", what); }

size_t item_bound(Kind kind, const ItemView &item) {
    return kind == Kind::bigint ? 10 : size_t{item.length} + ItemWriter::overhead;
}

size_t list_size(const Bundle::CountedGroup &group, const uint32_t *positions) {
    size_t size = 0;
    uint32_t next = 0;
    for (const Bundle::Count *c = group.counts, *end = c + group.count; c != end; ++c) {
        const uint32_t at = positions[c->item] - 1;
        size += varint_size(uint64_t{at - next} << 1) + (c->weight == 1 ? 0 : varint_size(c->weight));
        next = at + 1;
    }
    return size;
}

void write_list(Writer &w, const Bundle::CountedGroup &group, const uint32_t *positions) {
    uint32_t next = 0;
    for (const Bundle::Count *c = group.counts, *end = c + group.count; c != end; ++c) {
        const uint32_t at = positions[c->item] - 1;
        w.varint(uint64_t{at - next} << 1 | (c->weight != 1));
        if (c->weight != 1)
            w.varint(c->weight);
        next = at + 1;
    }
}

// The values of a key are as many as there should be, and nothing follows. The key of the overflow group has none.
bool is_key(const ItemView &key, uint32_t values) {
    if (key.length == 0)
        return true;
    Reader r(key.data, key.length);
    for (uint32_t i = 0; i < values; ++i)
        read_group_value(r);
    return r.left() == 0;
}

} // namespace

size_t Bundle::bound(const Content &content, uint32_t *scratch) {
    size_t size = 1 + 9 * 10; // the head
    const CountedGroup *const groups = content.groups, *const end = groups + content.group_count;
    for (const CountedGroup *g = groups; g != end; ++g) {
        size += g->key.length + ItemWriter::overhead + varint_size(g->events) + 5;
        for (const Count *c = g->counts, *last = c + g->count; c != last; ++c) {
            size += 5 + 2 * varint_size(c->weight); // in its list, and as a part of the weight of all groups
            if (scratch[c->item]++ == 0)
                size += item_bound(content.kind, content.items[c->item]);
        }
    }
    for (const CountedGroup *g = groups; g != end; ++g)
        for (const Count *c = g->counts, *last = c + g->count; c != last; ++c)
            scratch[c->item] = 0;
    return size;
}

size_t Bundle::write(const Content &content, uint32_t *scratch, uint8_t *out) {
    const CountedGroup *const groups = content.groups, *const end = groups + content.group_count;
    std::vector<uint32_t> used;
    std::vector<uint64_t> weights; // of used items, as they come
    uint64_t total = 0, key_bytes = 0, item_bytes = 0;
    for (const CountedGroup *g = groups; g != end; ++g) {
        key_bytes += g->key.length;
        for (const Count *c = g->counts, *last = c + g->count; c != last; ++c) {
            total += c->weight;
            uint32_t &place = scratch[c->item];
            if (place == 0) {
                used.push_back(c->item);
                weights.push_back(0);
                place = static_cast<uint32_t>(used.size());
                item_bytes += content.items[c->item].length;
            }
            weights[place - 1] += c->weight;
        }
    }
    if (used.size() > content.item_count / 16) { // to look at all is faster than to sort
        for (uint32_t item = 0, i = 0; i < used.size(); ++item)
            if (scratch[item] != 0)
                used[i++] = item;
    } else {
        std::sort(used.begin(), used.end());
    }
    std::vector<uint64_t> sorted(used.size());
    for (uint32_t i = 0; i < used.size(); ++i) {
        sorted[i] = weights[scratch[used[i]] - 1];
        scratch[used[i]] = i + 1;
    }

    // The directory, the items and their weights are written behind the head before their sizes are known, and moved then.
    Writer w(out);
    w.u8(static_cast<uint8_t>(form << 4 | static_cast<uint8_t>(content.kind)));
    w.varint(content.values);
    w.varint(used.size());
    w.varint(content.group_count);
    w.varint(total);
    w.varint(item_bytes);
    w.varint(key_bytes);
    uint8_t *const directory = w.at() + 3 * 10;
    Writer d(directory);
    ItemWriter keys(Kind::bytea);
    for (const CountedGroup *g = groups; g != end; ++g) {
        keys.put(d, g->key);
        d.varint(g->events);
        d.varint(list_size(*g, scratch));
    }
    const auto directory_size = static_cast<size_t>(d.at() - directory);
    ItemWriter items(content.kind);
    for (const uint32_t item : used)
        items.put(d, content.items[item]);
    const auto items_end = static_cast<size_t>(d.at() - directory);
    for (const uint64_t weight : sorted)
        d.varint(weight);
    const auto size = static_cast<size_t>(d.at() - directory);
    w.varint(directory_size);
    w.varint(items_end - directory_size);
    w.varint(size - items_end);
    memmove(w.at(), directory, size);
    Writer lists(w.at() + size);
    for (const CountedGroup *g = groups; g != end; ++g)
        write_list(lists, *g, scratch);
    for (const uint32_t item : used)
        scratch[item] = 0;
    return static_cast<size_t>(lists.at() - out);
}

Bundle::Bundle(const uint8_t *bytes, size_t size)
    : groups_(bytes, 0), items_(bytes, 0), weights_(bytes, 0), lists_(bytes, 0) {
    Reader head(bytes, size);
    const uint8_t first = head.u8();
    if (first >> 4 != form || (first & 15) == 0 || (first & 15) > kind_last)
        invalid("not a bundle");
    kind_ = static_cast<Kind>(first & 15);
    const uint64_t values = head.varint(), items = head.varint(), groups = head.varint();
    total_ = head.varint();
    item_bytes_ = head.varint();
    key_bytes_ = head.varint();
    const uint64_t directory_size = head.varint(), items_size = head.varint(), weights_size = head.varint();
    // Each item has a byte at least, and so has its weight, and each group three.
    if (values == 0 || values > max_values || groups == 0 || items > items_size || items > weights_size ||
        groups > directory_size / 3 || directory_size > head.left() || items_size > head.left() - directory_size ||
        weights_size > head.left() - directory_size - items_size || total_ > max_total)
        invalid("invalid head of a bundle");
    values_ = static_cast<uint32_t>(values);
    item_count_ = static_cast<uint32_t>(items);
    group_count_ = static_cast<uint32_t>(groups);
    if (item_bytes_ > uint64_t{item_count_} * max_item_length || key_bytes_ > uint64_t{group_count_} * max_item_length)
        invalid("invalid head of a bundle");
    groups_ = Reader(head.bytes(directory_size), directory_size);
    items_ = Reader(head.bytes(items_size), items_size);
    weights_ = Reader(head.bytes(weights_size), weights_size);
    lists_ = head;
}

template <bool checked>
bool Bundle::read_items_in_order(ItemView *items, uint8_t *memory) const {
    Reader r = items_;
    ItemReader reader(kind_);
    uint64_t room = item_bytes_;
    bool ascending = true;
    for (uint32_t i = 0; i < item_count_; ++i) {
        items[i] = reader.next<checked>(r, memory, room);
        memory += items[i].length;
        room -= items[i].length;
        ascending &= reader.ascending();
    }
    if (r.left() != 0 || room != 0)
        invalid("invalid items of a bundle");
    return ascending;
}

template <bool checked>
bool Bundle::read_groups_in_order(Group *groups, uint8_t *memory) const {
    Reader r = groups_, lists = lists_;
    ItemReader reader(Kind::bytea);
    uint64_t room = key_bytes_;
    bool ascending = true;
    for (uint32_t i = 0; i < group_count_; ++i) {
        Group &group = groups[i];
        group.key = reader.next<checked>(r, memory, room);
        if (!is_key(group.key, values_))
            invalid("invalid group of a bundle");
        memory += group.key.length;
        room -= group.key.length;
        group.events = r.varint();
        const uint64_t length = r.varint();
        group.list = lists.bytes(length);
        group.list_length = static_cast<uint32_t>(length);
        if (group.events > max_total || length > UINT32_MAX)
            invalid("invalid group of a bundle");
        ascending &= reader.ascending();
    }
    if (r.left() != 0 || room != 0 || lists.left() != 0)
        invalid("invalid groups of a bundle");
    return ascending;
}

void Bundle::read_items(ItemView *items, uint8_t *memory) const { read_items_in_order<false>(items, memory); }

void Bundle::read_groups(Group *groups, uint8_t *memory) const { read_groups_in_order<false>(groups, memory); }

bool Bundle::find_group(const ItemView &key, Group *group) const {
    Reader r = groups_;
    ItemSearch search(key);
    uint64_t before = 0; // bytes of the lists of the groups so far
    for (uint32_t i = 0; i < group_count_; ++i) {
        const int order = search.next(r);
        const uint64_t events = r.varint(), length = r.varint();
        if (order > 0)
            return false;
        if (length > lists_.left() - before)
            invalid("invalid group of a bundle");
        if (order == 0) {
            if (events > max_total || length > UINT32_MAX)
                invalid("invalid group of a bundle");
            *group = {key, events, lists_.at() + before, static_cast<uint32_t>(length)};
            return true;
        }
        before += length;
    }
    return false;
}

uint32_t Bundle::read_list(const Group &group, WeightedItem *out, uint8_t *memory) const {
    Reader r = items_;
    ItemReader reader(kind_);
    uint64_t room = item_bytes_;
    uint32_t n = 0, read = 0;
    for (Counts counts(*this, group); !counts.at_end();) {
        const Count count = counts.next();
        ItemView item = {memory, 0};
        for (; read <= count.item; ++read) // each in the place of the one before it
            item = reader.next(r, memory, room);
        out[n++] = {item.data, item.length, count.weight};
        memory += item.length;
        room -= item.length;
    }
    return n;
}

uint32_t Bundle::read_counts(const Group *groups, GroupCount *out) const {
    GroupCount *next = out;
    uint64_t left = total_;
    for (uint32_t i = 0; i < group_count_; ++i)
        for (Counts counts(*this, groups[i]); !counts.at_end();) {
            const Count count = counts.next();
            if (count.weight > left)
                invalid("invalid total weight of a bundle");
            left -= count.weight;
            *next++ = {i, count.item, count.weight};
        }
    if (left != 0)
        invalid("invalid total weight of a bundle");
    return static_cast<uint32_t>(next - out);
}

void Bundle::read_weights(uint64_t *weights) const {
    Reader r = weights_;
    uint64_t left = total_;
    for (uint32_t i = 0; i < item_count_; ++i) {
        weights[i] = r.varint();
        if (weights[i] == 0 || weights[i] > left)
            invalid("invalid weight of an item of a bundle");
        left -= weights[i];
    }
    if (left != 0 || r.left() != 0)
        invalid("invalid weights of the items of a bundle");
}

void Bundle::validate(const uint8_t *bytes, size_t size) {
    const Bundle bundle(bytes, size);
    std::vector<ItemView> items(bundle.item_count_);
    std::vector<Group> groups(bundle.group_count_);
    std::vector<uint8_t> memory(bundle.item_bytes_ + bundle.key_bytes_);
    std::vector<uint64_t> weights(bundle.item_count_);
    bool ascending = bundle.read_items_in_order<true>(items.data(), memory.data());
    ascending &= bundle.read_groups_in_order<true>(groups.data(), memory.data() + bundle.item_bytes_);
    bundle.read_weights(weights.data());
    for (const Group &group : groups)
        for (Counts counts(bundle, group); !counts.at_end();) {
            const uint8_t *at = counts.at();
            const Count count = counts.next();
            if (count.weight == 1 && (*at & 1) != 0)
                invalid("weight 1 is not stored");
            if (count.weight > weights[count.item])
                invalid("invalid sum of weights of a bundle");
            weights[count.item] -= count.weight;
        }
    if (!ascending || std::any_of(weights.begin(), weights.end(), [](uint64_t left) { return left != 0; }))
        invalid("invalid order or sums of items in a bundle");
}

} // namespace topk
