// The expressions of a rollup: parsed over the row of its source, and printed so that no setting changes what they mean.
#pragma once

#include "../pg/item_arg.h"
#include "../pg/executor.h"

namespace topk::catalog {

enum class Role { item, time, weight, filter, group };

const char *role_name(Role role); // as a parameter of topk.create_rollup

// The context of parsing. rollup is for messages; stored decides their hint.
struct ParseScope {
    Relation relation;
    const char *rollup;
    const char *zone; // of times without one
    List *columns;    // names of the columns that are not dropped, where they are not the current ones; or NIL
    bool stored;
};

// Parses an expression and coerces it to the type of its role. Item: *kind is set to its natural kind. Errors say which
// expression of which rollup they are about.
Expr *parse_expression(const ParseScope *scope, Role role, const char *source, Kind *kind);

// The text to store. Settings must be pinned.
char *print_expression(Relation relation, Expr *expression);

// The letter of topk.rollup.item_kind, and back.
char kind_letter(Kind kind);
Kind kind_of_letter(char letter);

} // namespace topk::catalog
