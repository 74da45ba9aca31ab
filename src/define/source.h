// The part of topk.create_rollup and topk.alter_rollup that concerns the source of a rollup.
#pragma once

#include "../stream/expressions.h"

namespace topk::define {

bool is_stream(Oid relation);

// Opens a source under AccessShareLock. The user must own it. Raises an error if it cannot have rollups.
Relation open_source(Oid oid);

// A rollup belongs to the schema of its source. Raises 42602 if its name was given with another one; nullptr: with none.
void require_schema(Relation source, const char *schema);

// Gives the source, which is locked (lock_sources), the triggers that it needs for the rollup and no others, and stores the
// expressions with the names of now. The row is written. Settings must be pinned.
void connect_rollup(RollupDefinition *rollup, const stream::Expressions &expressions);

} // namespace topk::define
