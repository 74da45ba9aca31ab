// The worker of a database: folds its rollups in turn (README.md draws its states).
#pragma once

#include "slots.h"

namespace topk::worker {

// Carried in bgw_extra; the slot is bgw_main_arg.
struct Start {
    Oid database;
    uint32 generation;
    int32 rollup; // to be backfilled; 0: a worker
};

struct Process {
    const char *name;
    const char *function;
};
inline constexpr Process worker_process = {"pg_topk worker", "topk_worker_main"};
inline constexpr Process backfill_process = {"pg_topk backfill", "topk_backfill_main"};

// Makes a process for a slot. nullptr when the server has no place for another one.
BackgroundWorkerHandle *start_process(const Process &process, const DatabaseSlot *slot, const Start &start);

// Looks for signals too. True when the configuration was read again.
bool sleep_until_woken(int64 ms);

} // namespace topk::worker
