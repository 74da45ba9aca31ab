// topk.create_rollup().
#pragma once

namespace topk::define {

// Called in the transaction that creates a rollup with a backfill. nullptr: there are no workers.
extern void (*backfill_requested_hook)();

} // namespace topk::define
