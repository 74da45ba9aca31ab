// topk.alter_rollup().
#pragma once

#include "../catalog/rollup.h"

namespace topk::define {

// topk.alter_rollup() with its arguments. follows: this node follows the coordinator.
void alter_rollup(FunctionCallInfo fcinfo, bool follows);
inline constexpr int alter_argument_count = 22;

// Gives the triggers of dependencies, which have the name of the rollup, to the new source or name. Settings must be pinned.
// schema: that of the new name, if it has one.
void reconnect(RollupDefinition *rollup, const char *schema, Oid from);

} // namespace topk::define
