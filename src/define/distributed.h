// Rollups of the tables that Citus distributes. Their definitions are the arguments of the capture trigger, which Citus
// brings to all nodes and shards. The coordinator writes the arguments, and the other nodes make the same rollups of them.
#pragma once

#include "../pg/executor.h"

namespace topk::define {

// Whether the rollups of a table, and those of the tables that it is a partition of, are those of a distributed table.
bool is_spread(Oid table);

// Returns what a rollup is and which roles may ask it, as JSON.
char *describe_for_nodes(int32 id);

// Creates a rollup of a table by what describe_for_nodes() has returned on another node. identity: as for create_rollup().
// Settings must be pinned. A role that is missing here gets no right to ask, with a warning.
int32 create_described(Oid table, const char *json, const char *identity);

// On the coordinator: gives a table, which is locked, and its partitions the capture trigger with the definitions of their
// rollups, on all nodes. Elsewhere it does nothing.
void publish_definitions(Oid table);

// Does the same for a table without rollups that is about to be dropped, as the current user. Citus then drops the table over
// the same connections; others would wait for these.
void withdraw_definitions(Oid table);

// After CREATE TRIGGER: other nodes than the coordinator make, change and drop the rollups that the definitions of a capture
// trigger are of. Raises an error if the table is a shard whose trigger has no definitions.
void follow_trigger(const CreateTrigStmt *statement);

// Raises an error on other nodes if they follow the coordinator in what a rollup is.
void require_coordinator(Oid source, int32 id);

// Before a statement that drops tables, on the coordinator: drops their rollups, on all nodes. Afterwards Citus could not
// tell the other nodes any more.
void drop_rollups_first(const Node *statement);

// Whether a node keeps the rollups of tables that are dropped. Citus makes its tables anew when it brings a node up to date.
bool keeps_dropped_rollups();

// After DROP TABLE, within its event trigger: raises an error if Citus has made another table of the one that is dropped,
// which takes its name (undistribute_table and its like). The counts would be lost.
void refuse_remaking(Oid dropped);

} // namespace topk::define
