#include "expression.h"

#include "session.h"

namespace topk::catalog {
namespace {

struct Context {
    const ParseScope *scope;
    Role role;
    const char *source;
};

// Error positions refer to the expression, not to the statement that is running.
void add_context(void *arg) {
    const auto *context = static_cast<const Context *>(arg);
    const int position = geterrposition();
    if (position > 0) {
        errposition(0);
        internalerrposition(position);
        internalerrquery(context->source);
    }
    errcontext("%s of rollup \"%s\"", role_name(context->role), context->scope->rollup);
    if (context->scope->stored != nullptr)
        errhint(
            "Undo the change of the source, or of what the expression uses; or drop the rollup, with topk.drop_rollup(%s).",
            context->scope->stored);
}

[[noreturn]] void raise_not_an_expression(Role role) {
    ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("%s must be a single expression", role_name(role))));
    pg_unreachable();
}

Node *parse_raw(Role role, const char *source) {
    List *statements = raw_parser(source, RAW_PARSE_PLPGSQL_EXPR);
    if (list_length(statements) != 1)
        raise_not_an_expression(role);
    Node *statement = linitial_node(RawStmt, statements)->stmt;
    if (!IsA(statement, SelectStmt))
        raise_not_an_expression(role);
    const auto *select = reinterpret_cast<SelectStmt *>(statement);
    if (list_length(select->targetList) != 1 || select->distinctClause != NIL || select->intoClause != nullptr ||
        select->fromClause != NIL || select->whereClause != nullptr || select->groupClause != NIL ||
        select->havingClause != nullptr || select->windowClause != NIL || select->valuesLists != NIL ||
        select->sortClause != NIL || select->limitOffset != nullptr || select->limitCount != nullptr ||
        select->lockingClause != NIL || select->withClause != nullptr || select->op != SETOP_NONE)
        raise_not_an_expression(role);
    const auto *target = linitial_node(ResTarget, select->targetList);
    if (target->name != nullptr || target->indirection != NIL)
        raise_not_an_expression(role);
    if (IsA(target->val, ColumnRef) && IsA(llast(reinterpret_cast<ColumnRef *>(target->val)->fields), A_Star))
        raise_not_an_expression(role);
    return target->val;
}

[[noreturn]] void raise_type(Role role, const char *wanted, Oid type) {
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("%s must be of type %s, not %s", role_name(role), wanted, format_type_be(type)),
             role == Role::weight ? errhint("A weight is a whole number. Choose a scale, for example (price * 100)::bigint.")
                                  : 0));
    pg_unreachable();
}

Kind kind_of_type(Oid type) {
    switch (getBaseType(type)) {
        case INT2OID:
        case INT4OID:
        case INT8OID: return Kind::bigint;
        case UUIDOID: return Kind::uuid;
        case BYTEAOID: return Kind::bytea;
        default: return Kind::text;
    }
}

// A constant without a type gets that of its role, as in an INSERT.
Node *type_unknown(ParseState *state, Role role, Node *expression) {
    if (exprType(expression) != UNKNOWNOID || role == Role::time)
        return expression;
    const Oid type = role == Role::weight ? INT8OID : role == Role::filter ? BOOLOID : TEXTOID;
    return coerce_type(state, expression, UNKNOWNOID, type, -1, COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
}

Oid type_of_kind(Kind kind) {
    return kind == Kind::bigint ? INT8OID : kind == Kind::uuid ? UUIDOID : kind == Kind::bytea ? BYTEAOID : TEXTOID;
}

Node *cast(ParseState *state, Role role, Node *expression, Oid type, CoercionContext context) {
    const Oid from = exprType(expression);
    Node *result = coerce_to_target_type(state, expression, from, type, -1, context,
                                         context == COERCION_EXPLICIT ? COERCE_EXPLICIT_CAST : COERCE_IMPLICIT_CAST, -1);
    if (result == nullptr)
        raise_type(role, format_type_be(type), from);
    return result;
}

// Local times are those of the rollup's time zone, whatever that of the session.
Node *to_timestamptz(ParseState *state, const char *zone, Node *expression) {
    const Oid type = exprType(expression);
    const Oid base = getBaseType(type);
    if (base == TIMESTAMPTZOID)
        return cast(state, Role::time, expression, TIMESTAMPTZOID, COERCION_IMPLICIT);
    if (base != TIMESTAMPOID && base != DATEOID)
        raise_type(Role::time, "timestamp with time zone", type);
    expression = cast(state, Role::time, expression, TIMESTAMPOID, COERCION_IMPLICIT);
    Const *name = makeConst(TEXTOID, -1, DEFAULT_COLLATION_OID, -1, CStringGetTextDatum(zone), false, false);
    return reinterpret_cast<Node *>(makeFuncExpr(F_TIMEZONE_TEXT_TIMESTAMP, TIMESTAMPTZOID, list_make2(name, expression),
                                                 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

Node *coerce(ParseState *state, Role role, const char *zone, Node *expression) {
    switch (role) {
        case Role::item:
            return cast(state, role, expression, type_of_kind(kind_of_type(exprType(expression))), COERCION_EXPLICIT);
        case Role::time: return to_timestamptz(state, zone, expression);
        case Role::weight: return cast(state, role, expression, INT8OID, COERCION_IMPLICIT);
        case Role::filter: return coerce_to_boolean(state, expression, "filter");
        case Role::group: return cast(state, role, expression, TEXTOID, COERCION_EXPLICIT);
    }
    pg_unreachable();
}

[[noreturn]] void raise_forbidden(Role role, const char *what) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s must not use %s", role_name(role), what)));
    pg_unreachable();
}

int hint_quotes() {
    return errhint("An expression is SQL: quote the name of a column that is also a keyword, as in item => '\"user\"'.");
}

void check(const ParseState *state, Role role, Node *expression) {
    if (state->p_hasAggs)
        raise_forbidden(role, "aggregate functions");
    if (state->p_hasWindowFuncs)
        raise_forbidden(role, "window functions");
    if (state->p_hasSubLinks)
        raise_forbidden(role, "subqueries");
    if (expression_returns_set(expression))
        raise_forbidden(role, "set-returning functions");
    List *columns = pull_var_clause(expression, 0);
    ListCell *cell;
    if (const char *name = find_session_function(expression))
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("%s must not use %s", role_name(role), name),
                        errdetail("It differs between sessions, so counting the same row again could give another answer."),
                        hint_quotes()));
    foreach (cell, columns) {
        const AttrNumber column = lfirst_node(Var, cell)->varattno;
        if (column == 0)
            raise_forbidden(role, "whole rows");
        if (column < 0)
            raise_forbidden(role, "system columns");
    }
    if (contain_volatile_functions(expression))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("%s must not use volatile functions", role_name(role)),
                 errdetail("Counting the same row again could give another answer.")));
    if (role == Role::item && columns == NIL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), errmsg("item must use a column of the source"), hint_quotes()));
}

} // namespace

const char *role_name(Role role) {
    switch (role) {
        case Role::item: return "item";
        case Role::time: return "event_time";
        case Role::weight: return "weight";
        case Role::filter: return "filter";
        case Role::group: return "group_by";
    }
    pg_unreachable();
}

Expr *parse_expression(const ParseScope *scope, Role role, const char *source) {
    Context context = {scope, role, source};
    ErrorContextCallback callback = {error_context_stack, add_context, &context};
    error_context_stack = &callback;

    ParseState *state = make_parsestate(nullptr);
    state->p_sourcetext = source;
    ParseNamespaceItem *row = addRangeTableEntryForRelation(state, scope->relation, AccessShareLock, nullptr, false, true);
    addNSItemToQuery(state, row, false, true, true);

    // The kind for callers that check by themselves what the parser found.
    Node *expression = transformExpr(state, parse_raw(role, source), EXPR_KIND_OTHER);
    expression = type_unknown(state, role, expression);
    assign_expr_collations(state, expression);
    check(state, role, coerce(state, role, scope->zone, expression));
    free_parsestate(state);
    error_context_stack = callback.previous;
    return reinterpret_cast<Expr *>(expression);
}

Expr *coerce_expression(Role role, const char *zone, Expr *written) {
    Node *expression = coerce(nullptr, role, zone, reinterpret_cast<Node *>(written));
    assign_expr_collations(nullptr, expression);
    return reinterpret_cast<Expr *>(expression);
}

Kind item_kind(const Expr *written) { return kind_of_type(exprType(reinterpret_cast<const Node *>(written))); }

char *print_expression(Relation relation, Expr *written) {
    List *context = deparse_context_for(RelationGetRelationName(relation), RelationGetRelid(relation));
    return deparse_expression(reinterpret_cast<Node *>(written), context, false, false);
}

char kind_letter(Kind kind) {
    return kind == Kind::bigint ? 'i' : kind == Kind::uuid ? 'u' : kind == Kind::bytea ? 'b' : 't';
}

Kind kind_of_letter(char letter) {
    return letter == 'i' ? Kind::bigint : letter == 'u' ? Kind::uuid : letter == 'b' ? Kind::bytea : Kind::text;
}

} // namespace topk::catalog
