// topk.moved: rollups whose counts have been taken over from another database, or by another one.
#pragma once

#include "../pg/array.h"

namespace topk::catalog {

// Databases are named by their identity: the system identifier of the cluster, and the OID of the database.
const char *own_identity();

// These read by a snapshot; nullptr is the latest one.
Array<const char *> absorbed_databases(int32 rollup, Snapshot snapshot); // whose counts are among ours
bool has_moved_out(int32 rollup, Snapshot snapshot);                     // ours are elsewhere

// Within as_owner().
void insert_moved(int32 rollup, const char *identity, bool outgoing);
// Returns nullptr, or the database that has taken over the rollup.
const char *taken_by(int32 rollup);
void delete_moved(int32 rollup); // all of a rollup that is dropped

} // namespace topk::catalog
