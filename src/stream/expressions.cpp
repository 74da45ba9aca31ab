#include "expressions.h"

#include "../catalog/expression_tree.h"
#include "../catalog/rollup_name.h"

namespace topk::stream {
namespace {

enum Position { item, time, weight, filter, groups };

// The text of an expression; nullptr if the rollup has none there.
const char *&text_at(RollupDefinition *texts, int position) {
    switch (position) {
        case item: return texts->item;
        case time: return texts->time;
        case weight: return texts->weight;
        case filter: return texts->filter;
        default: return texts->groups[position - groups];
    }
}

bool column_fits(Relation source, const Var *var) {
    const TupleDesc descriptor = RelationGetDescr(source);
    if (var->varattno < 1 || var->varattno > descriptor->natts)
        return false;
    const auto *column = TupleDescAttr(descriptor, var->varattno - 1);
    return !column->attisdropped && column->atttypid == var->vartype && column->atttypmod == var->vartypmod &&
           column->attcollation == var->varcollid;
}

void refuse_missing_column(Relation source, const RollupDefinition *stored, List *written) {
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(written), 0)) {
        const auto *var = lfirst_node(Var, cell);
        const TupleDesc descriptor = RelationGetDescr(source);
        if (var->varattno > descriptor->natts || TupleDescAttr(descriptor, var->varattno - 1)->attisdropped)
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_COLUMN),
                     errmsg("a column that rollup \"%s\" uses was dropped from \"%s\"", stored->name,
                            RelationGetRelationName(source)),
                     errhint("Drop the rollup with topk.drop_rollup(%s).", name_literal(stored->source, stored->name))));
    }
}

} // namespace

Role role_of(int position) {
    switch (position) {
        case item: return Role::item;
        case time: return Role::time;
        case weight: return Role::weight;
        case filter: return Role::filter;
        default: return Role::group;
    }
}

Expressions parse_expressions(Relation source, const RollupDefinition *texts, bool stored) {
    const ParseScope scope = {source, texts->name, texts->zone,
                              stored ? name_literal(RelationGetRelid(source), texts->name) : nullptr};
    RollupDefinition copy = *texts;
    Expressions result = {};
    for (int i = 0; i < groups + texts->group_count; ++i) {
        const char *text = text_at(&copy, i);
        Expr *written = text == nullptr ? nullptr : parse_expression(&scope, role_of(i), text);
        result.written = lappend(result.written, written);
        result.coerced =
            lappend(result.coerced, written == nullptr ? nullptr : coerce_expression(role_of(i), texts->zone, written));
    }
    return result;
}

Expressions read_tree_of(Relation source, int32 rollup) {
    List *both = read_tree(rollup, RelationGetRelid(source));
    if (list_length(both) != 2)
        return {};
    return {static_cast<List *>(linitial(both)), static_cast<List *>(lsecond(both))};
}

bool fits(Relation source, const Expressions &expressions) {
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(expressions.coerced), 0))
        if (!column_fits(source, lfirst_node(Var, cell)))
            return false;
    return true;
}

Expressions parse_again(Relation source, const RollupDefinition *stored, const Expressions &expressions) {
    refuse_missing_column(source, stored, expressions.written);
    RollupDefinition texts = *stored;
    print_expressions(source, expressions, &texts);
    return parse_expressions(source, &texts, true);
}

Expressions read_expressions(Relation source, const RollupDefinition *stored) {
    Expressions e = read_tree_of(source, stored->id);
    if (e.written == NIL)
        e = parse_expressions(source, stored, true);
    else if (!fits(source, e))
        e = parse_again(source, stored, e);
    const Kind kind = item_kind(static_cast<const Expr *>(linitial(e.written)));
    if (kind != stored->shape.kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("item of rollup \"%s\" is no longer of type %s but %s", stored->name,
                               kind_name(stored->shape.kind), kind_name(kind)),
                        errhint("Undo the change of the source, or of what the expression uses; or drop the rollup, with "
                                "topk.drop_rollup(%s).",
                                name_literal(stored->source, stored->name))));
    return e;
}

void print_expressions(Relation source, const Expressions &expressions, RollupDefinition *definition) {
    definition->group_count = list_length(expressions.written) - groups;
    definition->groups = static_cast<const char **>(palloc((definition->group_count + 1) * sizeof(char *)));
    for (int i = 0; i < list_length(expressions.written); ++i) {
        auto *written = static_cast<Expr *>(list_nth(expressions.written, i));
        text_at(definition, i) = written == nullptr ? nullptr : print_expression(source, written);
    }
}

} // namespace topk::stream
