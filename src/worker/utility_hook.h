// What the workers must learn from statements: databases that are to have no connections, and the extension's coming and
// going.
#pragma once

namespace topk::worker {

// In _PG_init, from shared_preload_libraries.
void install_utility_hook();

// When this transaction commits, the database's worker looks for what there is to do.
void wake_worker_at_commit();

} // namespace topk::worker
