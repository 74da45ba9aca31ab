#include "bundle.h"

#include "sorted_lists.h"
#include "tally.h"

namespace topk::pg {
namespace {

// A Bundle has no destructor, but its constructor may throw.
class BundlePlace {
public:
    BundlePlace(const struct varlena *value, Kind kind) {
        const Bytes bytes = bytes_of(value);
        Kind stored = Kind::none;
        guarded([&] { stored = (bundle_ = new (place_) Bundle(bytes.data, bytes.size))->kind(); });
        require_stored_kind(stored, kind);
    }
    const Bundle *operator->() const { return bundle_; }
    const Bundle &operator*() const { return *bundle_; }

private:
    alignas(Bundle) char place_[sizeof(Bundle)];
    Bundle *bundle_;
};

template <class T>
T *room(Size n) {
    return static_cast<T *>(palloc_extended((n + 1) * sizeof(T), MCXT_ALLOC_HUGE));
}

void read_items(const BundlePlace &bundle, BundleContent *content) {
    content->values = bundle->values();
    content->item_count = bundle->item_count();
    content->total = bundle->total();
    const Size views = content->item_count * sizeof(ItemView);
    auto *block = room<uint8>(views + bundle->item_bytes()); // of both, so that items can be freed
    content->items = reinterpret_cast<ItemView *>(block);
    uint8 *memory = block + views;
    guarded([&] { bundle->read_items(content->items, memory); });
}

void read_groups(const BundlePlace &bundle, BundleContent *content) {
    content->group_count = bundle->group_count();
    content->groups = room<Bundle::Group>(content->group_count);
    auto *memory = room<uint8>(bundle->key_bytes());
    guarded([&] { bundle->read_groups(content->groups, memory); });
}

// The weights of the items in all groups together.
uint64_t *read_weights(const BundlePlace &bundle) {
    auto *weights = room<uint64_t>(bundle->item_count());
    guarded([&] { bundle->read_weights(weights); });
    return weights;
}

} // namespace

bool is_bundle(const struct varlena *items) {
    const Bytes bytes = bytes_of(items);
    return Bundle::is_bundle(bytes.data, bytes.size);
}

ArrayType *group_array(const ItemView &key, uint32 values) {
    if (key.length == 0)
        return construct_empty_array(TEXTOID);
    ItemView parts[Bundle::max_values];
    guarded([&] {
        Reader r(key.data, key.length);
        for (uint32 i = 0; i < values; ++i)
            parts[i] = read_group_value(r);
    });
    Datum datums[Bundle::max_values] = {};
    bool nulls[Bundle::max_values];
    for (uint32 i = 0; i < values; ++i) {
        nulls[i] = parts[i].data == nullptr;
        if (!nulls[i])
            datums[i] = PointerGetDatum(
                cstring_to_text_with_len(reinterpret_cast<const char *>(parts[i].data), static_cast<int>(parts[i].length)));
    }
    int dimensions[] = {static_cast<int>(values)}, lower_bounds[] = {1};
    return construct_md_array(datums, nulls, 1, dimensions, lower_bounds, TEXTOID, -1, false, TYPALIGN_INT);
}

ItemView group_key(const ArrayType *group) {
    Datum *values;
    bool *nulls;
    int n;
    deconstruct_array(const_cast<ArrayType *>(group), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
    Size size = 0;
    for (int i = 0; i < n; ++i)
        size += max_value_overhead + (nulls[i] ? 0 : VARSIZE_ANY_EXHDR(DatumGetPointer(values[i])));
    auto *key = static_cast<uint8 *>(palloc(size + 1));
    uint8 *at = key;
    for (int i = 0; i < n; ++i) {
        if (nulls[i])
            *at++ = 0;
        else
            at = write_group_value(at, VARDATA_ANY(DatumGetPointer(values[i])),
                                   static_cast<uint32>(VARSIZE_ANY_EXHDR(DatumGetPointer(values[i]))));
    }
    return {key, static_cast<uint32>(at - key)};
}

BundleContent read_bundle(const struct varlena *value, Kind kind) {
    const BundlePlace bundle(value, kind);
    BundleContent content = {};
    read_items(bundle, &content);
    read_groups(bundle, &content);
    return content;
}

Bundle::GroupCount *read_bundle_counts(const struct varlena *value, Kind kind, BundleContent *content, uint32 *count) {
    const BundlePlace bundle(value, kind);
    *content = {};
    read_items(bundle, content);
    read_groups(bundle, content);
    Size bytes = 0;
    for (uint32 i = 0; i < content->group_count; ++i)
        bytes += content->groups[i].list_length;
    auto *counts = room<Bundle::GroupCount>(bytes);
    guarded([&] { *count = bundle->read_counts(content->groups, counts); });
    return counts;
}

struct varlena *read_bundle_group(const struct varlena *value, Kind kind, const ItemView &key, int64 *events) {
    const BundlePlace bundle(value, kind);
    Bundle::Group group;
    bool found = false;
    guarded([&] { found = bundle->find_group(key, &group); });
    if (!found)
        return nullptr;
    *events = static_cast<int64>(group.events);
    auto *items = room<WeightedItem>(group.list_length); // an item takes a byte of the list at least
    auto *memory = room<uint8>(bundle->item_bytes());
    uint32 n = 0;
    guarded([&] { n = bundle->read_list(group, items, memory); });
    uint64_t weight = 0;
    for (uint32 i = 0; i < n; ++i)
        weight += items[i].weight;
    return write_item_list(kind, {items, n, weight});
}

BundleItems read_all_groups(const struct varlena *value, Kind kind) {
    const BundlePlace bundle(value, kind);
    BundleContent content = {};
    read_items(bundle, &content);
    return {content.item_count, content.items, read_weights(bundle)};
}

void free_items(const BundleItems &all) {
    pfree(all.weights);
    pfree(all.items);
}

void merge_all_groups(Tally *tally, const struct varlena *value, uint64_t times) {
    const BundleItems all = read_all_groups(value, tally->shape.kind);
    for (uint32 i = 0; i < all.count; ++i)
        count_item(tally, all.items[i].data, all.items[i].length, all.weights[i] * times);
    free_items(all);
}

uint64_t weight_in_bundle(const struct varlena *value, Kind kind, const void *data, size_t length) {
    const BundlePlace bundle(value, kind);
    BundleContent content = {};
    read_items(bundle, &content);
    for (uint32 i = 0; i < content.item_count; ++i)
        if (content.items[i].length == length && memcmp(content.items[i].data, data, length) == 0)
            return read_weights(bundle)[i];
    return 0;
}

struct varlena *item_list(Kind kind, const ItemView *items, const Bundle::Count *counts, uint32 n) {
    const SortedList list = sorted_list(items, counts, n);
    struct varlena *value = write_item_list(kind, list);
    pfree(const_cast<WeightedItem *>(list.items));
    return value;
}

struct varlena *group_items(const BundleContent &content, const Bundle::Group &group, Kind kind) {
    auto *counts = room<Bundle::Count>(group.list_length); // a count takes a byte at least
    uint32 n = 0;
    guarded([&] {
        for (Bundle::Counts list(content.item_count, group); !list.at_end();)
            counts[n++] = list.next();
    });
    struct varlena *list = item_list(kind, content.items, counts, n);
    pfree(counts);
    return list;
}

} // namespace topk::pg
