#include "type_changes.h"

#include "../catalog/rollup_name.h"

namespace topk::define {
namespace {

// Types of one family have the same values, and operators that mean the same.
enum class Family { integer, text, json, time, other };

Family family_of(Oid base) {
    switch (base) {
        case INT2OID:
        case INT4OID:
        case INT8OID: return Family::integer;
        case JSONOID:
        case JSONBOID: return Family::json;
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID: return Family::time;
        default: break;
    }
    return TypeCategory(base) == TYPCATEGORY_STRING || TypeCategory(base) == TYPCATEGORY_ENUM ? Family::text : Family::other;
}

bool same_meaning(Oid before, Oid after) {
    const Oid a = getBaseType(before), b = getBaseType(after);
    if (a == b)
        return true;
    // A type of an extension, such as citext, can have operators of its own.
    return family_of(a) != Family::other && family_of(a) == family_of(b) && a < FirstUnpinnedObjectId &&
           b < FirstUnpinnedObjectId;
}

// The part of a type modifier that decides how a value reads as text: of numeric(10,2) it is the scale, of others, such as
// timestamp(3), the whole.
int32 text_modifier(Oid base, int32 modifier) {
    return base == NUMERICOID && modifier >= VARHDRSZ ? (modifier - VARHDRSZ) & 0x7ff : modifier;
}

// Whether a value has the same text in both types.
bool same_text(const Expr *before, const Expr *after) {
    const auto *x = reinterpret_cast<const Node *>(before), *y = reinterpret_cast<const Node *>(after);
    int32 x_modifier = exprTypmod(x), y_modifier = exprTypmod(y);
    const Oid a = getBaseTypeAndTypmod(exprType(x), &x_modifier), b = getBaseTypeAndTypmod(exprType(y), &y_modifier);
    const Family family = family_of(a);
    if (family == Family::integer || family == Family::text)
        return family == family_of(b);
    return a == b && text_modifier(a, x_modifier) == text_modifier(b, y_modifier);
}

[[noreturn]] void raise(const char *what, const RollupDefinition *rollup, const char *before, const char *after) {
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("cannot change %s of rollup \"%s\" from %s to %s", what, rollup->name, before, after),
                    errdetail("The rollup would count the same values in another way than before."),
                    errhint("Drop the rollup first, with topk.drop_rollup(%s), or add another column.",
                            name_literal(rollup->source, rollup->name))));
    pg_unreachable();
}

const char *type_name(const Expr *expression) {
    const auto *node = reinterpret_cast<const Node *>(expression);
    return format_type_with_typemod(exprType(node), exprTypmod(node));
}

// Whether the column is a part of an expression. If it is the whole expression, its type is the type of the result.
bool is_part_of_any(const Var *column, List *expressions) {
    ListCell *cell;
    foreach (cell, expressions) {
        Node *expression = static_cast<Node *>(lfirst(cell));
        if (expression == nullptr || IsA(expression, Var))
            continue;
        ListCell *other;
        foreach (other, pull_var_clause(expression, 0))
            if (lfirst_node(Var, other)->varattno == column->varattno)
                return true;
    }
    return false;
}

} // namespace

void refuse_other_columns(Relation source, const RollupDefinition *rollup, List *before) {
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(before), 0)) {
        const auto *var = lfirst_node(Var, cell);
        const auto *column = TupleDescAttr(RelationGetDescr(source), var->varattno - 1);
        if (column->attisdropped || !is_part_of_any(var, before))
            continue;
        const char *what = psprintf("column \"%s\"", NameStr(column->attname));
        if (!same_meaning(var->vartype, column->atttypid))
            raise(what, rollup, format_type_be(var->vartype), format_type_be(column->atttypid));
        if (var->varcollid != column->attcollation && OidIsValid(var->varcollid) && OidIsValid(column->attcollation))
            raise(what, rollup, psprintf("collation %s", get_collation_name(var->varcollid)),
                  psprintf("collation %s", get_collation_name(column->attcollation)));
    }
}

void refuse_other_result(Role role, const RollupDefinition *rollup, const Expr *before, const Expr *after) {
    const Oid a = exprType(reinterpret_cast<const Node *>(before)), b = exprType(reinterpret_cast<const Node *>(after));
    const bool as_text = role == Role::item || role == Role::group;
    if (as_text ? !same_text(before, after) : !same_meaning(a, b))
        raise(role_name(role), rollup, type_name(before), type_name(after));
}

} // namespace topk::define
