// The expressions of a rollup: parsed over the row of its source, and printed so that no setting changes what they mean.
#pragma once

#include "../pg/item_arg.h"
#include "../pg/executor.h"

namespace topk::catalog {

enum class Role { item, time, weight, filter, group };

const char *role_name(Role role); // as a parameter of topk.create_rollup

// The context of parsing.
struct ParseScope {
    Relation relation;
    const char *rollup;
    const char *zone;   // of times without one
    const char *stored; // the name as a literal, for hints; nullptr: the rollup is being created
};

// Returns what the user wrote, analysed; coerce_expression() takes it without an error. Errors say which expression of which
// rollup they are about.
Expr *parse_expression(const ParseScope *scope, Role role, const char *source);

// Returns the expression in the type of its role, which is that of the kind for an item.
Expr *coerce_expression(Role role, const char *zone, Expr *written);
Kind item_kind(const Expr *written);

// The text to store. Settings must be pinned.
char *print_expression(Relation relation, Expr *written);

// The letter of topk.rollup.item_kind, and back.
char kind_letter(Kind kind);
Kind kind_of_letter(char letter);

} // namespace topk::catalog
