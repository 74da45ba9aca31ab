// The settings pg_topk.*.
#pragma once

#include "../pg/pg.h"

namespace topk::worker {

extern bool worker_enabled;
extern int fold_interval;     // ms
extern int wake_size;         // kB
extern int insert_delay;      // ms; 0: none
extern double answer_slice;   // ms; 0: the system's
extern int launcher_interval; // s
extern int backfill_timeout;  // ms; 0: none

inline uint64 wake_bytes() { return static_cast<uint64>(wake_size) * 1024; }
inline uint64 hurry_bytes() { return 2 * wake_bytes(); } // a round begins at once

void define_settings(); // and pg_topk.max_rollups of statistics.h

} // namespace topk::worker
