// A kind of window that a rollup gets or loses: the rows of its level. With the lock of the rollup, within as_owner().
#pragma once

#include "../catalog/tile.h"

namespace topk::fold {

// Adds up, for each window of the level, what finished tiles have counted, from the longest shorter windows that are kept.
// The row has the level already. Returns the time from which on the windows have all their counts, DT_NOBEGIN for all time;
// those before it are marked as lost, so that answers for them add up what is left.
TimestampTz build_level(const RollupRow *row, Level level);

// Removes the rows and the snapshots of the level. The row does not have it any more.
void remove_level(const RollupRow *row, Level level);

} // namespace topk::fold
