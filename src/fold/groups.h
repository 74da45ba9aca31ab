// The groups that a fold meets, numbered, and which of them have counts of their own.
#pragma once

#include "../catalog/rollup.h"
#include "../pg/array.h"

extern "C" {
#include "utils/hsearch.h"
}

namespace topk::fold {

struct Group {
    ArrayType *key;
    int effective; // its own number, or that of the overflow group
};

struct Groups {
    Array<Group> groups; // by number
    HTAB *numbers;       // by key
};

void init_groups(Groups *groups);
// The number of a group; -1 for nullptr. The key is copied.
int group_number(Groups *groups, const ArrayType *key);
// Finds or makes the row of each group in topk.group_key while there is room; the others' effective group is {}. Within
// as_owner().
void register_groups(Groups *groups, const RollupRow *row);

} // namespace topk::fold
