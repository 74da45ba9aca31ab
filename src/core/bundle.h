// The stored bytes of a bundle (docs/format.md): the exact counts of the items of many groups in one tile. A statement
// writes its counts for a rollup with groups in this form. Items are stored once, however many groups have them.
#pragma once

#include "item_coding.h"

namespace topk {

// A view of stored bytes. The constructor checks the head and that all parts are there. The functions that read a part check
// what they read; they throw malformed.
class Bundle {
public:
    static constexpr uint8_t form = 2;
    static constexpr uint32_t max_values = 32;

    struct Count {
        uint32_t item; // its position
        uint64_t weight;
    };

    // A group, and its list of counts. The key has the values of the group, in the form of docs/format.md; the key of the
    // overflow group is empty.
    struct Group {
        ItemView key;
        uint64_t events;
        const uint8_t *list;
        uint32_t list_length;
    };

    // A count of one of several groups.
    struct GroupCount {
        uint32_t group; // its position
        uint32_t item;
        uint64_t weight;
    };

    // The content of a bundle in memory, in ascending order.
    struct CountedGroup {
        ItemView key;
        uint64_t events;
        const Count *counts; // by position in all items
        uint32_t count;
    };
    struct Content {
        Kind kind;
        uint32_t values; // of each group
        const ItemView *items;
        uint32_t item_count;
        const CountedGroup *groups;
        uint32_t group_count;
    };

    // Writes groups and of the items those that the groups have. bound() returns an upper bound of the number of bytes,
    // write() the number. The scratch memory has as many zeros as there are items, and so again after the call.
    static size_t bound(const Content &content, uint32_t *scratch);
    static size_t write(const Content &content, uint32_t *scratch, uint8_t *out);

    static bool is_bundle(const uint8_t *bytes, size_t size) { return size != 0 && bytes[0] >> 4 == form; }

    Bundle(const uint8_t *bytes, size_t size);

    // Throws malformed unless the bytes are exactly what write() would write.
    static void validate(const uint8_t *bytes, size_t size);

    Kind kind() const { return kind_; }
    uint32_t values() const { return values_; }
    uint32_t item_count() const { return item_count_; }
    uint32_t group_count() const { return group_count_; }
    uint64_t total() const { return total_; }
    // The bytes of all items, and of the keys of all groups.
    uint64_t item_bytes() const { return item_bytes_; }
    uint64_t key_bytes() const { return key_bytes_; }

    // Read all items to memory for item_bytes() bytes, and all groups to memory for key_bytes() bytes.
    void read_items(ItemView *items, uint8_t *memory) const;
    void read_groups(Group *groups, uint8_t *memory) const;
    // Finds one group; the key is the caller's.
    bool find_group(const ItemView &key, Group *group) const;
    // Reads the list of a group with its items, of which it keeps those alone. The memory has room for item_bytes() bytes.
    // Returns the number of items; each takes a byte of the list at least.
    uint32_t read_list(const Group &group, WeightedItem *out, uint8_t *memory) const;

    // Reads the lists of groups that read_groups() has read. Returns the number of counts, each of which takes a byte of a
    // list at least. Throws malformed unless the weights add up to the total.
    uint32_t read_counts(const Group *groups, GroupCount *out) const;

    // Reads the weight of each item in all groups together, which is stored for answers about all of them: to add up the
    // lists takes a third of the time of such an answer.
    void read_weights(uint64_t *weights) const;

    // Reads a list of counts, a part at a time.
    class Counts {
    public:
        Counts(const Bundle &bundle, const Group &group) : Counts(bundle.item_count_, group) {}
        Counts(uint32_t item_count, const Group &group) : list_(group.list, group.list_length), item_count_(item_count) {}
        // Returns how many were read, 0 at the end.
        uint32_t next(Count *out, uint32_t n) {
            uint32_t read = 0;
            for (; read < n && list_.left() != 0; ++read)
                out[read] = next();
            return read;
        }
        bool at_end() const { return list_.left() == 0; }
        const uint8_t *at() const { return list_.at(); }
        Count next() {
            const uint64_t step = list_.varint();
            const uint64_t item = next_ + (step >> 1);
            if (item >= item_count_)
                invalid();
            next_ = item + 1;
            const uint64_t weight = (step & 1) == 0 ? 1 : list_.varint();
            if (weight == 0 || weight > max_total)
                invalid();
            return {static_cast<uint32_t>(item), weight};
        }

    private:
        [[noreturn]] static void invalid() { throw Error(Errc::malformed, "invalid count in a bundle"); }

        Reader list_;
        uint64_t next_ = 0;
        uint32_t item_count_;
    };

private:
    // They return whether the order is right, if it is checked.
    template <bool checked>
    bool read_items_in_order(ItemView *items, uint8_t *memory) const;
    template <bool checked>
    bool read_groups_in_order(Group *groups, uint8_t *memory) const;

    Kind kind_;
    uint32_t values_;
    uint32_t item_count_;
    uint32_t group_count_;
    uint64_t total_;
    uint64_t item_bytes_;
    uint64_t key_bytes_;
    Reader groups_, items_, weights_, lists_;
};

// The keys of groups: for each value, 0 for NULL, or its length plus 1, and its bytes.
inline constexpr size_t max_value_overhead = 5;
inline uint8_t *write_group_value(uint8_t *out, const void *data, uint32_t length) {
    Writer w(out);
    w.varint(uint64_t{length} + 1);
    w.bytes(data, length);
    return w.at();
}
// Reads the next value; data is nullptr for NULL.
inline ItemView read_group_value(Reader &key) {
    const uint64_t length = key.varint();
    if (length == 0)
        return {nullptr, 0};
    return {key.bytes(length - 1), static_cast<uint32_t>(length - 1)};
}

} // namespace topk
