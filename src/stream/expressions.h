// The expressions of a rollup: analysed, kept in topk.expression_tree, and printed for dumps.
#pragma once

#include "../catalog/expression.h"
#include "../catalog/rollup.h"

namespace topk::stream {

// Lists of Expr over the source's row (varno 1): item, time, weight, filter, and then the groups. weight and filter may be
// nullptr.
struct Expressions {
    List *written; // as the user wrote them
    List *coerced; // the same, each in the type of its role
};
Role role_of(int position);

// Settings must be pinned where these run, and the user's code of types may run in the first two.

// Parses the texts of a definition. stored: they come from topk.rollup.
Expressions parse_expressions(Relation source, const RollupDefinition *texts, bool stored);
// Returns what is stored, even if columns have changed in a way that no event trigger has seen: by their numbers. Raises an
// error if an expression does not work any more.
Expressions read_expressions(Relation source, const RollupDefinition *stored);
// Sets the texts.
void print_expressions(Relation source, const Expressions &expressions, RollupDefinition *definition);

// The parts of read_expressions(). Lists are NIL if nothing is stored that this server can read.
Expressions read_tree_of(Relation source, int32 rollup);
// Whether the columns are those of the source as it is, with all their properties.
bool fits(Relation source, const Expressions &expressions);
// Returns the same expressions with the present types of columns.
Expressions parse_again(Relation source, const RollupDefinition *stored, const Expressions &expressions);

} // namespace topk::stream
