// The groups that a fold meets, numbered, and which of them have counts of their own.
#pragma once

#include "../catalog/rollup.h"
#include "../pg/array.h"
#include "../pg/bundle.h"
#include "../pg/item_table.h"

namespace topk::fold {

struct Group {
    ArrayType *key;
    int effective; // its own number, or that of the overflow group
};

struct Groups {
    Array<Group> groups; // by number
    ItemTable numbers;   // of keys
    uint32 values;       // of a key
};

void init_groups(Groups *groups, const RollupRow *row);
// The number of a group, whose key is copied.
int group_number(Groups *groups, const ItemView &key);
// The same; -1 for nullptr.
int group_number(Groups *groups, const ArrayType *key);
// Finds or makes the row of each group in topk.group_key while there is room; the others' effective group is {}. Within
// as_owner().
void register_groups(Groups *groups, const RollupRow *row);

} // namespace topk::fold
