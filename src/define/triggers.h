// The triggers of sources: capture, and the dependencies of each rollup.
#pragma once

#include "../pg/executor.h"

namespace topk::define {

// Whether it is a partition of a table that has rollups.
bool has_rollups_above(Oid relation);
// Whether it has partitions that have rollups.
bool has_rollups_below(Oid relation);

// Raises an error when rows of the table count for a rollup and the trigger is gone.
void require_trigger(Oid relation);

inline constexpr const char *trigger_name = "topk_capture";
// The capture trigger of a table. By its function, as the owner may have renamed it; nullptr: there is none.
const Trigger *find_capture(Relation relation);

// A row that is inserted into the partitioned table fires no trigger of the partition.
[[noreturn]] void raise_partition(Relation relation);

// Creates the capture trigger where rows of the table, or of one of its partitions, count for a rollup, and drops it
// elsewhere; streams have none. Gives each rollup of the table its trigger of dependencies, and drops those of other
// rollups. Raises an error where no trigger can do that.
void sync_triggers(Oid relation);

} // namespace topk::define
