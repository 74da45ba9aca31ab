#include "session.h"

#include <algorithm>
#include <initializer_list>

extern "C" {
#include "catalog/pg_proc.h"
}

namespace topk::catalog {
namespace {

bool among(Oid function, std::initializer_list<Oid> list) {
    for (const Oid oid : list)
        if (oid == function)
            return true;
    return false;
}

bool is_transaction_time(Oid function) { return among(function, {F_NOW, F_TRANSACTION_TIMESTAMP, F_STATEMENT_TIMESTAMP}); }

// has_table_privilege() and its like, in the form that asks about the current user or in another.
bool tells_privileges(const char *name) {
    const size_t length = strlen(name), tail = strlen("_privilege");
    return strncmp(name, "has_", 4) == 0 && length > tail && strcmp(name + length - tail, "_privilege") == 0;
}

// Functions of PostgreSQL only. A function without arguments that is not immutable has nothing to compute its result from
// but the session, the transaction or the server.
bool is_session_function(Oid function, void *name) {
    if (function >= FirstUnpinnedObjectId || func_volatile(function) != PROVOLATILE_STABLE || is_transaction_time(function))
        return false;
    char *found = get_func_name(function);
    if (get_func_nargs(function) != 0 && !tells_privileges(found)) {
        bool named = false;
        for (const char *other :
             {"current_setting", "current_schemas", "pg_has_role", "pg_is_other_temp_schema", "row_security_active"})
            named = named || strcmp(found, other) == 0;
        if (!named)
            return false;
    }
    *static_cast<const char **>(name) = found;
    return true;
}

const char *session_value(const SQLValueFunction *value) {
    switch (value->op) {
        case SVFOP_CURRENT_ROLE: return "CURRENT_ROLE";
        case SVFOP_CURRENT_USER: return "CURRENT_USER";
        case SVFOP_USER: return "USER";
        case SVFOP_SESSION_USER: return "SESSION_USER";
        case SVFOP_CURRENT_CATALOG: return "CURRENT_CATALOG";
        case SVFOP_CURRENT_SCHEMA: return "CURRENT_SCHEMA";
        default: return nullptr; // times
    }
}

bool find_session_walker(Node *node, void *name) {
    if (node == nullptr)
        return false;
    if (IsA(node, SQLValueFunction)) {
        const char *found = session_value(reinterpret_cast<const SQLValueFunction *>(node));
        *static_cast<const char **>(name) = found;
        return found != nullptr;
    }
    return check_functions_in_node(node, is_session_function, name) || pg::walk_expression(node, find_session_walker, name);
}

bool takes_times(Oid function) {
    Oid *types;
    int count;
    get_func_signature(function, &types, &count);
    for (int i = 0; i < count; ++i)
        if (const char category = TypeCategory(types[i]);
            category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_TIMESPAN)
            return true;
    return false;
}

// Some functions are declared immutable and read settings all the same; some are not, and read none.
Settings settings_of(Oid function) {
    if (function >= FirstUnpinnedObjectId)
        return func_volatile(function) == PROVOLATILE_IMMUTABLE ? Settings::none : Settings::all;
    if (among(function, {F_FLOAT4OUT, F_FLOAT8OUT, F_BYTEAOUT, F_POINT_OUT, F_LSEG_OUT, F_PATH_OUT, F_BOX_OUT, F_POLY_OUT,
                         F_LINE_OUT, F_CIRCLE_OUT}))
        return Settings::formats;
    if (function == F_QUOTE_IDENT)
        return Settings::all;
    if (func_volatile(function) == PROVOLATILE_IMMUTABLE || is_transaction_time(function) ||
        among(function, {F_ENUM_IN, F_ENUM_OUT}))
        return Settings::none;
    return takes_times(function) && strcmp(get_func_name(function), "to_char") != 0 ? Settings::formats : Settings::all;
}

bool add_settings(Oid function, void *found) {
    auto *settings = static_cast<Settings *>(found);
    *settings = std::max(*settings, settings_of(function));
    return *settings == Settings::all;
}

// Ends as soon as it has found them all.
bool settings_walker(Node *node, void *found) {
    if (node == nullptr)
        return false;
    auto *settings = static_cast<Settings *>(found);
    switch (nodeTag(node)) {
        case T_SQLValueFunction: *settings = std::max(*settings, Settings::formats); break;
        case T_XmlExpr:
#if PG_VERSION_NUM >= 160000
        case T_JsonConstructorExpr:
#endif
#if PG_VERSION_NUM >= 170000
        case T_JsonExpr:
#endif
            *settings = Settings::all;
            return true;
        case T_CoerceViaIO: {
            // The text of a type of an extension may be made of numbers, in the format of a setting.
            Oid function;
            bool variable_length;
            getTypeOutputInfo(exprType(reinterpret_cast<Node *>(reinterpret_cast<CoerceViaIO *>(node)->arg)), &function,
                              &variable_length);
            if (function >= FirstUnpinnedObjectId)
                *settings = Settings::all;
            break;
        }
        default: break;
    }
    return check_functions_in_node(node, add_settings, found) || pg::walk_expression(node, settings_walker, found);
}

} // namespace

const char *find_session_function(Node *expression) {
    const char *name = nullptr;
    find_session_walker(expression, &name);
    return name;
}

Settings read_settings(Node *expression) {
    Settings settings = Settings::none;
    settings_walker(expression, &settings);
    return settings;
}

} // namespace topk::catalog
