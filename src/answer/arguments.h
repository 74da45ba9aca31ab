// The arguments that the answer functions share.
#pragma once

#include "../catalog/rollup.h"

namespace topk::answer {

// The rollup that argument 0 names, which the current user may read.
void rollup_argument(FunctionCallInfo fcinfo, RollupRow *row);
// The level that answers for a kind of window.
Level level_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row);
// A finite time; now() for NULL.
TimestampTz time_argument(FunctionCallInfo fcinfo, int position);
int32 k_argument(FunctionCallInfo fcinfo, int position); // 10 for NULL
// nullptr: all groups.
ArrayType *group_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row);
// The canonical bytes of an item given as text, in the current memory context.
struct ItemArgument {
    const void *data;
    size_t length;
};
ItemArgument item_argument(FunctionCallInfo fcinfo, int position, Kind kind);

} // namespace topk::answer
