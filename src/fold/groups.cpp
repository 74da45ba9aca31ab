#include "groups.h"

#include "../catalog/group_key.h"

namespace topk::fold {

void init_groups(Groups *groups, const RollupRow *row) {
    *groups = {};
    groups->values = static_cast<uint32>(row->group_count);
    init_items(&groups->numbers, CurrentMemoryContext);
}

int group_number(Groups *groups, const ItemView &key) {
    const uint32 number = item_number(&groups->numbers, key.data, key.length);
    if (number == static_cast<uint32>(groups->groups.count))
        groups->groups.add({group_array(key, groups->values), static_cast<int>(number)});
    return static_cast<int>(number);
}

int group_number(Groups *groups, const ArrayType *key) { return key == nullptr ? -1 : group_number(groups, group_key(key)); }

void register_groups(Groups *groups, const RollupRow *row) {
    if (groups->groups.count == 0)
        return;
    const int overflow = group_number(groups, ItemView{});
    const int n = groups->groups.count;
    auto **keys = static_cast<ArrayType **>(palloc(n * sizeof(ArrayType *)));
    for (int i = 0; i < n; ++i)
        keys[i] = groups->groups[i].key;
    const bool *known = find_registered(row->id, keys, n);
    int32 registered = -1;
    for (int i = 0; i < n; ++i) {
        if (i == overflow || known[i])
            continue;
        if (registered == -1)
            registered = registered_count(row->id, row->max_groups, nullptr);
        if (registered >= row->max_groups) {
            groups->groups[i].effective = overflow;
            continue;
        }
        register_group(row->id, groups->groups[i].key);
        ++registered;
    }
}

} // namespace topk::fold
