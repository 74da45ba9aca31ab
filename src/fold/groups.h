// The groups that a fold meets, numbered, and which of them have counts of their own.
#pragma once

#include "../catalog/rollup.h"

namespace topk::fold {

struct Groups {
    int count;
    int room;
    ArrayType **keys;
    int *effective; // itself, or the overflow group
    uint32 slots;   // of the hash table, a power of 2
    int *table;     // number + 1
};

void init_groups(Groups *groups);
// The number of a group; -1 for nullptr. The key is copied.
int group_number(Groups *groups, const ArrayType *key);
// Finds or makes the row of each group in topk.group_key while there is room; the others' effective group is {}. Within
// as_owner().
void register_groups(Groups *groups, const RollupRow *row);

} // namespace topk::fold
