// topk.add_node() and topk.drop_node(): which other databases answers ask.
#include "../catalog/as_owner.h"
#include "../catalog/citus.h"
#include "../catalog/node.h"
#include "../pg/executor.h"
#include "../pg/function.h"
#include "question.h"

extern "C" {
#include "catalog/pg_foreign_server.h"
}

namespace topk::cluster {
namespace {

// The validator of this wrapper knows the options of libpq, and which of them a role may give itself.
constexpr const char *wrapper = "postgres_fdw";

void require_usage(const ForeignServer *server) {
#if PG_VERSION_NUM >= 160000
    const AclResult usage = object_aclcheck(ForeignServerRelationId, server->serverid, GetUserId(), ACL_USAGE);
#else
    const AclResult usage = pg_foreign_server_aclcheck(server->serverid, GetUserId(), ACL_USAGE);
#endif
    if (usage != ACLCHECK_OK)
        aclcheck_error(usage, OBJECT_FOREIGN_SERVER, server->servername);
}

void require_server(const char *name) {
    const ForeignServer *server = GetForeignServerByName(name, false);
    require_usage(server);
    if (strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, wrapper) != 0)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("server \"%s\" is not one of foreign-data wrapper %s", name, wrapper),
                        errhint("Use CREATE SERVER ... FOREIGN DATA WRAPPER postgres_fdw.")));
}

void require_citus() {
    if (!has_citus())
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("extension citus is not installed in this database")));
}

Datum add_node(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.add_node()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (strcmp(name, all_of_citus) == 0)
        require_citus();
    else
        require_server(name);
    if (!as_owner([&] { return insert_node(name); }))
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("node \"%s\" already exists", name)));
    PG_RETURN_VOID();
}

Datum drop_node(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.drop_node()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (!as_owner([&] { return delete_node(name); }))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("node \"%s\" does not exist", name)));
    PG_RETURN_VOID();
}

// listed_nodes()
Datum listed_nodes(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (const NodeRow &node : list_nodes(GetActiveSnapshot())) {
        const Datum values[] = {CStringGetTextDatum(node.server), TimestampTzGetDatum(node.added)};
        const bool nulls[2] = {};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

} // namespace
} // namespace topk::cluster

TOPK_FUNCTION(topk_add_node, topk::cluster::add_node(fcinfo))
TOPK_FUNCTION(topk_listed_nodes, topk::cluster::listed_nodes(fcinfo))
TOPK_FUNCTION(topk_drop_node, topk::cluster::drop_node(fcinfo))
