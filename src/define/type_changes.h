// Which changes of types leave the meaning of an expression as it was.
#pragma once

#include "../stream/expressions.h"

namespace topk::define {

// Both raise 42804.

// The columns that are parts of expressions, which were analysed before the change.
void refuse_other_columns(Relation source, const RollupDefinition *rollup, List *before);
// The result of one expression. A result that is counted as text must have the same text.
void refuse_other_result(Role role, const RollupDefinition *rollup, const Expr *before, const Expr *after);

} // namespace topk::define
