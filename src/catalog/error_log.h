// topk.error_log: errors of folds and backfills.
#pragma once

#include "tile.h"

namespace topk::catalog {

// Within as_owner().

// Adds an error, and keeps the last 100 of the rollup. Does nothing if the rollup has been dropped. window: nullptr if a
// fold or backfill failed as a whole.
void log_error(int32 rollup, const char *sqlstate, const char *message, const TileKey *window = nullptr,
               TimestampTz stop = 0);
void delete_errors(int32 rollup);

} // namespace topk::catalog
