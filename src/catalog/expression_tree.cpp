#include "expression_tree.h"

#include <algorithm>

#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/catversion.h"
}

namespace topk::catalog {
namespace {

enum Column { rollup = 1, source, trigger, cluster, catalog_version, tree, column_count = tree };

constexpr const char *primary_key = "expression_tree_pkey"; // rollup

// The text of a tree names objects by the OIDs of a cluster, in the form of a catalog version.
int64 this_cluster() { return static_cast<int64>(GetSystemIdentifier()); }
constexpr int32 this_version = CATALOG_VERSION_NO;

// Calls visit(row) for the rows that this server can read.
template <class Visit>
void scan(const char *index, int count, ScanKey keys, const Visit &visit) {
    RowScan rows;
    begin_rows(&rows, table_oid(Table::expression_tree), index == nullptr ? InvalidOid : index_oid(index), false, count,
               keys, nullptr);
    while (HeapTuple tuple = next_row(&rows)) {
        const Row<column_count> row(tuple, RelationGetDescr(rows.relation));
        if (row.int8(cluster) == this_cluster() && row.int4(catalog_version) == this_version)
            visit(row);
    }
}

template <class Visit>
void visit_tree(int32 wanted, const Visit &visit) {
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(wanted));
    scan(primary_key, 1, &key, visit);
}

TreeHolder holder_of(const Row<column_count> &row) { return {row.int4(rollup), row.oid(source), row.oid(trigger)}; }

} // namespace

List *read_tree(int32 wanted, Oid of) {
    List *expressions = NIL;
    visit_tree(wanted, [&](const Row<column_count> &row) {
        if (row.oid(source) == of)
            expressions = static_cast<List *>(stringToNode(row.string(tree)));
    });
    return expressions;
}

bool find_tree(int32 wanted, TreeHolder *holder) {
    bool found = false;
    visit_tree(wanted, [&](const Row<column_count> &row) {
        *holder = holder_of(row);
        found = true;
    });
    return found;
}

Array<TreeHolder> list_trees() {
    Array<TreeHolder> list = {};
    scan(nullptr, 0, nullptr, [&](const Row<column_count> &row) { list.add(holder_of(row)); });
    std::sort(list.begin(), list.end(), [](const TreeHolder &a, const TreeHolder &b) { return a.rollup < b.rollup; });
    return list;
}

void write_tree(const TreeHolder &holder, const List *expressions) {
    insert_row("topk.expression_tree",
               {{"rollup", Value::int4(holder.rollup)},
                {"source", Value::oid(holder.source)},
                {"trigger", Value::oid(holder.trigger)},
                {"cluster", Value::int8(this_cluster())},
                {"catalog_version", Value::int4(this_version)},
                {"tree", Value::pointer(PG_NODE_TREEOID, cstring_to_text(nodeToString(expressions)))}},
               "ON CONFLICT (rollup) DO UPDATE SET (source, trigger, cluster, catalog_version, tree) ="
               " ROW (excluded.source, excluded.trigger, excluded.cluster, excluded.catalog_version, excluded.tree)");
}

} // namespace topk::catalog
