// Statements that concern the workers: those that need a database without connections, those that create or drop the
// extension, and topk.create_rollup() with a backfill.
#pragma once

namespace topk::worker {

// Called in _PG_init when shared_preload_libraries loads the library.
void install_utility_hook();

} // namespace topk::worker
