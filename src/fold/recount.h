// Counting the rows of a table again, in place of what was captured when they were inserted.
#pragma once

#include "../pg/pg.h"

namespace topk::fold {

// The backfill that topk.create_rollup asked for, in the current transaction. Does nothing for a rollup that is gone.
void run_backfill(int32 id);

} // namespace topk::fold
