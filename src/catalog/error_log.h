// topk.error_log: errors of folds and backfills.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

// Within as_owner().

// Adds an error, and keeps the last 100 of the rollup. Does nothing if the rollup has been dropped.
void log_error(int32 rollup, const char *sqlstate, const char *message);
void delete_errors(int32 rollup);

} // namespace topk::catalog
