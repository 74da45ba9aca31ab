// Retention: what a rollup no longer keeps.
#pragma once

#include "../pg/pg.h"

namespace topk::fold {

// Removes windows, snapshots and groups. With the lock of the rollup, within as_owner().
void apply_retention(int32 rollup);

} // namespace topk::fold
