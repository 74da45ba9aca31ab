// SQL functions that answer for a rollup, and the arguments that they share.
#pragma once

#include "../pg/function.h"
#include "pieces.h"

// In place of TOPK_FUNCTION(name, function(fcinfo)): the function gets the rollup that argument 0 names, and topk.stats
// counts and times its answers. A call that ends in an error is not counted.
#define TOPK_ANSWER(name, function) TOPK_FUNCTION(name, topk::answer::timed_answer(function, fcinfo))

namespace topk::answer {

Datum timed_answer(Datum (*function)(FunctionCallInfo, const RollupRow *), FunctionCallInfo fcinfo);

[[noreturn]] void raise_null(const char *argument);

// The rollup that argument 0 names, which the current user may ask (rights.h).
void rollup_argument(FunctionCallInfo fcinfo, RollupRow *row);
// The level that answers for a kind of window.
Level level_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row);
// A finite time. NULL stands for now().
TimestampTz time_argument(FunctionCallInfo fcinfo, int position);
// The same, but the time may be infinite.
TimestampTz limit_argument(FunctionCallInfo fcinfo, int position);
int32 k_argument(FunctionCallInfo fcinfo, int position); // 10 for NULL
// A group, several groups ({{DE},{FR}}), or NULL for all of them together. A notice says of which the rollup has no counts.
AskedGroups groups_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row);
// A group alone. NULL stands for all groups, and becomes nullptr.
ArrayType *group_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row);
// Raises 22023 when a span would end before it begins.
void require_later(TimestampTz until, TimestampTz since);

// The span in which windows of a kind begin, from the one that contains a time. Infinite times stand for the first and the
// last window; NULL for the first of the last ten that are over, and for the last one.
Span starts_arguments(FunctionCallInfo fcinfo, const RollupRow *row, int kind, int since);

// The window of a kind that contains a time.
AskedWindow window_arguments(FunctionCallInfo fcinfo, const RollupRow *row, int kind, int at, int group);

// The canonical bytes of an item given as text, in the current memory context.
struct ItemArgument {
    const void *data;
    size_t length;
};
ItemArgument item_argument(FunctionCallInfo fcinfo, int position, Kind kind);

} // namespace topk::answer
