#include "node.h"

#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { server = 1, added, column_count = added };

} // namespace

Array<NodeRow> list_nodes(Snapshot snapshot) {
    Array<NodeRow> nodes = {};
    if (is_table_empty(Table::node))
        return nodes;
    RowScan scan;
    begin_rows(&scan, table_oid(Table::node), InvalidOid, false, 0, nullptr, snapshot);
    while (HeapTuple tuple = next_row(&scan)) {
        const Row<column_count> row(tuple, RelationGetDescr(scan.relation));
        nodes.add({row.string(server), row.time(added)});
    }
    std::sort(nodes.begin(), nodes.end(), [](const NodeRow &a, const NodeRow &b) { return strcmp(a.server, b.server) < 0; });
    return nodes;
}

bool insert_node(const char *name) {
    return insert_row("topk.node", {{"server", Value::string(name)}}, "ON CONFLICT (server) DO NOTHING") != 0;
}

bool delete_node(const char *name) { return execute("DELETE FROM topk.node WHERE server = $1", {Value::string(name)}) != 0; }

} // namespace topk::catalog
