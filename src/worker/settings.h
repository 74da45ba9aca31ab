// The settings pg_topk.*.
#pragma once

namespace topk::worker {

extern bool worker_enabled;
extern int fold_interval;     // ms
extern int wake_deltas;       // rows
extern int launcher_interval; // s
extern int backfill_timeout;  // ms; 0: none

void define_settings(); // and pg_topk.max_rollups of statistics.h

} // namespace topk::worker
