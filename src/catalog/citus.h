// Tables that Citus spreads over nodes, where it is installed.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

bool has_citus(); // in this database

// Whether rows that are inserted into the table go to shards: a distributed table, a reference table, or a local table that
// Citus manages.
bool is_distributed(Oid table);

// Whether the table is a shard of another. Nothing remembers that a table is none: it may become one at any time.
bool is_shard(Oid table);

} // namespace topk::catalog
