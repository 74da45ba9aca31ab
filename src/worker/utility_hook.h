// Statements that concern the workers: those that need a database without connections, those that create or drop the
// extension, and topk.create_rollup() with a backfill.
#pragma once

namespace topk::worker {

// In _PG_init, from shared_preload_libraries.
void install_utility_hook();

} // namespace topk::worker
