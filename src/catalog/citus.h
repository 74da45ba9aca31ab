// Tables that Citus spreads over nodes, where it is installed.
#pragma once

#include "../pg/array.h"

namespace topk::catalog {

bool has_citus(); // in this database

// Where Citus stores the rows that are inserted into a table.
enum class Distribution {
    none,    // in the table
    shards,  // in shards, each row once
    copies,  // in shards, some rows several times: a reference table, or several placements of a shard
    one_node // in the one shard of a local table that Citus manages
};
Distribution distribution_of(Oid table);

// Whether this node stores shards of a distributed table.
bool has_shards_here(Oid table);

// Whether this database is the coordinator, which alone changes what all nodes have.
bool is_coordinator();

// Returns the distributed table that a table is a shard of, or InvalidOid. Nothing remembers that a table is no shard: it
// may become one at any time.
Oid table_of_shard(Oid table);

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
