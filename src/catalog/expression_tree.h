// topk.expression_tree: the analysed expressions of rollups, as PostgreSQL keeps those of an index.
#pragma once

#include "../pg/array.h"
#include "../pg/executor.h"

namespace topk::catalog {

// Returns what was written, by the latest snapshot; NIL if this server cannot read it: there is nothing, it is of another
// table, or another cluster or version of PostgreSQL wrote it, as before a restore or pg_upgrade.
List *read_tree(int32 rollup, Oid source);

struct TreeHolder {
    int32 rollup;
    Oid source;
    Oid trigger; // which has the dependencies of the expressions; InvalidOid: none
};
// Returns false if this server cannot read the tree.
bool find_tree(int32 rollup, TreeHolder *holder);
Array<TreeHolder> list_trees(); // those that this server can read, by rollup; by the latest snapshot

// Within as_owner().

void write_tree(const TreeHolder &holder, const List *expressions);

} // namespace topk::catalog
