// topk.node: the other databases whose counts answers include, by the names of their foreign servers. A name that no server
// has any more is kept, so that no answer lacks counts in silence.
#pragma once

#include "../pg/array.h"

namespace topk::catalog {

struct NodeRow {
    const char *server;
    TimestampTz added;
};

// Reads the nodes by a snapshot, in the order of their names. Costs next to nothing in a database without nodes.
Array<NodeRow> list_nodes(Snapshot snapshot);

// Within as_owner().
bool insert_node(const char *server); // returns false if it is there already
bool delete_node(const char *server); // returns false if it is not there

} // namespace topk::catalog
