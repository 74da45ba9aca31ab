#include "rights.h"

#include "../pg/function.h"
#include "ask_grant.h"
#include "group_key.h"
#include "owner.h"
#include "rollup_name.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rls.h"
}

namespace topk::catalog {
namespace {

enum class Answer { allowed, no_source, no_select, no_reader, row_security };

// By SELECT.
Answer ask(Oid source) {
    bool missing = false;
    const AclResult select = pg_class_aclcheck_ext(source, GetUserId(), ACL_SELECT, &missing);
    if (missing) // dropped after the snapshot was taken, or by a session whose event triggers were off
        return Answer::no_source;
    if (select != ACLCHECK_OK)
        return Answer::no_select;
    if (is_owner(source))
        return Answer::allowed;
    if (!is_reader(GetUserId(), source))
        return Answer::no_reader;
    return check_enable_rls(source, InvalidOid, true) == RLS_ENABLED ? Answer::row_security : Answer::allowed;
}

// The rights that the user was given, whether a reader or not.
Permission granted(int32 rollup) {
    Permission permission = {};
    const Oid user = GetUserId();
    for (const AskGrant &grant : list_grants(&rollup)) {
        if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(grant.role)) || !has_privs_of_role(user, grant.role))
            continue;
        if (grant.grp == nullptr)
            permission.all = true;
        else
            permission.groups.add(grant.grp);
    }
    std::sort(permission.groups.begin(), permission.groups.end(),
              [](const ArrayType *a, const ArrayType *b) { return compare_groups(a, b) < 0; });
    return permission;
}

const char *user_name() { return quote_identifier(GetUserNameFromId(GetUserId(), false)); }

const char *kind_of(Oid source) { return get_rel_relkind(source) == RELKIND_FOREIGN_TABLE ? "foreign table" : "table"; }

const char *source_name(Oid source) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(source)), get_rel_name(source));
}

const char *grant_call(const RollupRow *rollup) {
    return psprintf("SELECT topk.grant_ask(%s, %s)", name_literal(rollup->source, rollup->name),
                    quote_literal_cstr(user_name()));
}

[[noreturn]] void refuse(const RollupRow *rollup, Answer answer) {
    const char *const name = get_rel_name(rollup->source);
    switch (answer) {
        case Answer::allowed: break;
        case Answer::no_source:
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rollup \"%s\" does not exist any more", rollup->name),
                            errdetail("Its source was dropped.")));
            break;
        case Answer::no_select:
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                            errmsg("permission denied for %s %s", kind_of(rollup->source), name),
                            errdetail("Asking rollup \"%s\" takes SELECT on the whole of it, or a right that "
                                      "topk.grant_ask gives.",
                                      rollup->name),
                            errhint("The owner of the table can give either: GRANT SELECT ON %s TO %s, or %s.",
                                    source_name(rollup->source), user_name(), grant_call(rollup))));
            break;
        case Answer::no_reader:
            ereport(ERROR,
                    (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for rollup \"%s\"", rollup->name),
                     errdetail("Only the owner of \"%s\" and roles with privileges of role \"%s\" may ask it.", name,
                               reader_role),
                     errhint("A superuser can give them: GRANT %s TO %s.", reader_role, user_name())));
            break;
        case Answer::row_security:
            ereport(ERROR,
                    (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for rollup \"%s\"", rollup->name),
                     errdetail("Its counts are of all rows of \"%s\", of which row-level security shows you some.", name),
                     errhint("The owner of the table can let you see counts of all rows: %s.", grant_call(rollup))));
            break;
    }
    elog(ERROR, "permission denied for rollup \"%s\"", rollup->name);
    pg_unreachable();
}

const char *group_text(ArrayType *grp) { return OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(grp)); }

const char *list_groups(const Permission &permission) {
    constexpr int most = 10;
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < std::min(most, permission.groups.count); ++i)
        appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", group_text(permission.groups[i]));
    if (permission.groups.count > most)
        appendStringInfo(&list, ", and %d more", permission.groups.count - most);
    return list.data;
}

} // namespace

bool is_reader(Oid user, Oid source) {
    if (is_owner(user, source))
        return true;
    const Oid role = get_role_oid(reader_role, true);
    return OidIsValid(role) && has_privs_of_role(user, role);
}

bool may_read(Oid source) { return ask(source) == Answer::allowed; }

Permission permission_of(const RollupSource &rollup) {
    const Answer answer = ask(rollup.source);
    if (answer == Answer::allowed)
        return {true, {}};
    return answer == Answer::no_source || !is_reader(GetUserId(), rollup.source) ? Permission{} : granted(rollup.id);
}

bool permits(const Permission &permission, const ArrayType *grp) {
    return permission.all || (grp != nullptr && std::binary_search(permission.groups.begin(), permission.groups.end(), grp,
                                                                   [](const ArrayType *a, const ArrayType *b) {
                                                                       return compare_groups(a, b) < 0;
                                                                   }));
}

bool may_watch(const RollupSource &rollup, const Permission &permission) {
    return permission.all ||
           (ask(rollup.source) != Answer::no_source && has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS));
}

Permission require_permission(const RollupRow *rollup) {
    const Permission permission = permission_of({rollup->id, rollup->source});
    if (any(permission))
        return permission;
    const Answer answer = ask(rollup->source);
    refuse(rollup, answer != Answer::no_source && any(granted(rollup->id)) ? Answer::no_reader : answer);
}

void require_groups(const Permission &permission, const RollupRow *rollup, ArrayType *const *groups, int count) {
    if (permission.all)
        return;
    if (count == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for all groups of rollup \"%s\" together", rollup->name),
                 errdetail("You may ask for these groups: %s.", list_groups(permission)),
                 errhint("Name one of them, as in group_key => %s.", quote_literal_cstr(group_text(permission.groups[0])))));
    for (int i = 0; i < count; ++i)
        if (!permits(permission, groups[i]))
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                            errmsg("permission denied for group %s of rollup \"%s\"", group_text(groups[i]), rollup->name),
                            errdetail("You may ask for these groups: %s.", list_groups(permission))));
}

void require_readable(const RollupRow *rollup) {
    const Answer answer = ask(rollup->source);
    if (answer == Answer::no_select)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for %s %s", kind_of(rollup->source), get_rel_name(rollup->source)),
                        errdetail("Comparing rollup \"%s\" with its rows takes SELECT on the whole of it.", rollup->name),
                        errhint("The owner of the table can give it: GRANT SELECT ON %s TO %s.", source_name(rollup->source),
                                user_name())));
    if (answer != Answer::allowed)
        refuse(rollup, answer);
}

} // namespace topk::catalog

TOPK_FUNCTION(topk_may_read, BoolGetDatum(topk::catalog::may_read(PG_GETARG_OID(0))))
