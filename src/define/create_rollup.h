// topk.create_rollup().
#pragma once

#include "../pg/executor.h"

namespace topk::define {

// topk.create_rollup() with its arguments. identity: of a rollup that other nodes have; nullptr: a new one.
int32 create_rollup(FunctionCallInfo fcinfo, const char *identity);
inline constexpr int create_argument_count = 22;

// Called in the transaction that creates a rollup with a backfill. nullptr: there are no workers.
extern void (*backfill_requested_hook)();

// pg_topk.max_rollups_per_owner; 0: any number.
extern int max_rollups_per_owner;

} // namespace topk::define
