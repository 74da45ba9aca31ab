// The worker of a database, which folds its rollups in turn (README.md draws its round).
#pragma once

#include "slots.h"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace topk::worker {

struct Process {
    const char *name;
    const char *function;
};
inline constexpr Process worker_process = {"pg_topk worker", "topk_worker_main"};
inline constexpr Process backfill_process = {"pg_topk backfill", "topk_backfill_main"};

// Registers a process for the place. nullptr when the server has no room for another one.
BackgroundWorkerHandle *start_process(const Process &process, const Assignment &assignment);

// Handles signals too: the process exits with this status when it is asked to end. True when the configuration was read
// again.
bool sleep_until_woken(int64 ms, int exit_status);

} // namespace topk::worker
