// Tables that Citus spreads over nodes, where it is installed.
#pragma once

#include "../pg/array.h"

namespace topk::catalog {

bool has_citus(); // in this database

// Whether rows that are inserted into the table go to shards: a distributed table, a reference table, or a local table that
// Citus manages.
bool is_distributed(Oid table);

// Whether the table is a shard of another. Nothing remembers that a table is none: it may become one at any time.
bool is_shard(Oid table);

// Another node of the cluster that this database is part of.
struct CitusNode {
    const char *name; // "host:port"
    const char *host;
    const char *port;
    bool active;
    const char *login; // options of libpq for a role, from pg_dist_authinfo; nullptr: none
};

// Reads pg_dist_node by the active snapshot: the primaries but this one.
Array<CitusNode> list_citus_nodes(Oid role);

} // namespace topk::catalog
