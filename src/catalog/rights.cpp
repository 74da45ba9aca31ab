#include "rights.h"

#include "../pg/function.h"
#include "owner.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/rls.h"
}

namespace topk::catalog {
namespace {

constexpr const char *reader = "topk_reader";

enum class Answer { allowed, no_source, no_select, no_reader, row_security };

Answer ask(Oid source) {
    bool missing = false;
    const AclResult select = pg_class_aclcheck_ext(source, GetUserId(), ACL_SELECT, &missing);
    if (missing) // dropped after the snapshot was taken, or by a session whose event triggers were off
        return Answer::no_source;
    if (select != ACLCHECK_OK)
        return Answer::no_select;
    if (is_owner(source))
        return Answer::allowed;
    const Oid role = get_role_oid(reader, true);
    if (!OidIsValid(role) || !has_privs_of_role(GetUserId(), role))
        return Answer::no_reader;
    return check_enable_rls(source, InvalidOid, true) == RLS_ENABLED ? Answer::row_security : Answer::allowed;
}

} // namespace

bool may_read(Oid source) { return ask(source) == Answer::allowed; }

bool may_watch(Oid source) {
    const Answer answer = ask(source);
    return answer == Answer::allowed ||
           (answer != Answer::no_source && has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS));
}

void require_readable(const char *rollup, Oid source) {
    const Answer answer = ask(source);
    const char *const name = get_rel_name(source);
    switch (answer) {
        case Answer::allowed: return;
        case Answer::no_source:
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rollup \"%s\" does not exist any more", rollup),
                            errdetail("Its source was dropped.")));
            break;
        case Answer::no_select:
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                            errmsg("permission denied for %s %s",
                                   get_rel_relkind(source) == RELKIND_FOREIGN_TABLE ? "foreign table" : "table", name),
                            errdetail("Asking rollup \"%s\" takes SELECT on the whole of it.", rollup),
                            errhint("The owner of the table can give it: GRANT SELECT ON %s TO %s.",
                                    quote_qualified_identifier(get_namespace_name(get_rel_namespace(source)), name),
                                    quote_identifier(GetUserNameFromId(GetUserId(), false)))));
            break;
        case Answer::no_reader:
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for rollup \"%s\"", rollup),
                            errdetail("Only the owner of \"%s\" and roles with privileges of role \"%s\" may ask it.", name,
                                      reader),
                            errhint("A superuser can give them: GRANT %s TO %s.", reader,
                                    quote_identifier(GetUserNameFromId(GetUserId(), false)))));
            break;
        case Answer::row_security:
            ereport(ERROR,
                    (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for rollup \"%s\"", rollup),
                     errdetail("Its counts are of all rows of \"%s\", of which row-level security shows you some.", name)));
    }
}

} // namespace topk::catalog

TOPK_FUNCTION(topk_may_read, BoolGetDatum(topk::catalog::may_read(PG_GETARG_OID(0))))
