// SQL functions that answer for a rollup, and the arguments that they share.
#pragma once

#include "../pg/function.h"
#include "pieces.h"

// In place of TOPK_FUNCTION(name, function(fcinfo)): the function gets the rollup that argument 0 names, if the user may ask
// it for the groups of argument `group`. topk.stats counts and times its answers. A call that ends in an error is not
// counted.
#define TOPK_ANSWER(name, function, group) TOPK_FUNCTION(name, topk::answer::timed_answer(function, group, fcinfo))

namespace topk::answer {

// In place of the position of an argument: the function returns nothing of groups that the user may not ask for.
constexpr int permitted_groups = -1;

Datum timed_answer(Datum (*function)(FunctionCallInfo, const RollupRow *), int group, FunctionCallInfo fcinfo);

[[noreturn]] void raise_null(const char *argument);

// The rollup that argument 0 names, which the current user may ask (rights.h) for the groups of argument `group`.
void rollup_argument(FunctionCallInfo fcinfo, RollupRow *row, int group);
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
