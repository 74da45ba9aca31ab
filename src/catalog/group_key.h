// topk.group_key: the groups of each rollup that have counts of their own. Comparison of group keys in any table.
#pragma once

#include "rollup.h"

namespace topk::catalog {

bool equal_groups(const ArrayType *a, const ArrayType *b);
// An order of groups, with nullptr first: less than 0 when a comes before b.
int compare_groups(const ArrayType *a, const ArrayType *b);
// Sets the scan key of a column of groups; nullptr finds the NULL that stands for all groups.
void group_scan_key(ScanKey key, AttrNumber column, const ArrayType *group);

// These read by a snapshot; nullptr is the latest one.
bool is_registered(int32 rollup, const ArrayType *key, Snapshot snapshot);
// Which of many groups are registered.
bool *find_registered(int32 rollup, ArrayType *const *keys, int n);
int32 registered_count(int32 rollup, int32 limit, Snapshot snapshot); // counts up to the limit
// Returns whether the group has counts of its own, or would get them from the next fold.
bool has_own_counts(const RollupRow *row, const ArrayType *key, Snapshot snapshot);

// The groups for which has_own_counts() is true, read once for many questions.
struct OwnGroups {
    bool all; // there is room for more
    ArrayType **keys;
    int count;
};
OwnGroups read_own_groups(const RollupRow *row, Snapshot snapshot); // in the current memory context
bool contains(const OwnGroups &groups, const ArrayType *key);

// Within as_owner().
void register_group(int32 rollup, const ArrayType *key);
void copy_group(int32 rollup, const char *json); // a row of another database
void delete_unused_groups(int32 rollup);         // those without a tile and without a delta
void delete_groups(int32 rollup);                // all of a rollup that is dropped

} // namespace topk::catalog
