// Tables with rollups that Citus distributes, when they are dropped.
#include "../catalog/as_owner.h"
#include "../catalog/citus.h"
#include "../catalog/lock.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/statement.h"
#include "distributed.h"
#include "drop_rollup.h"
#include "triggers.h"

extern "C" {
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "utils/acl.h"
}

namespace topk::define {
namespace {

// The other table has the name of this one with its hash behind it until this one is gone.
void refuse_remaking(const char *schema, const char *name) {
    const uint32 hash = hash_bytes(reinterpret_cast<const unsigned char *>(name), static_cast<int>(strlen(name)));
    if (execute("SELECT FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relname LIKE '%\\_' || $2",
                {Value::string(schema), Value::string(psprintf("%u", hash))}) != 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot make another table of \"%s\", because it has rollups", name),
                        errdetail("Their counts would be lost with the old table."),
                        errhint("Drop its rollups with topk.drop_rollup() first, and create them again afterwards.")));
}

List *named_tables(const DropStmt *statement) {
    List *tables = NIL;
    ListCell *cell;
    foreach (cell, statement->objects)
        tables =
            lappend_oid(tables, RangeVarGetRelid(makeRangeVarFromNameList(static_cast<List *>(lfirst(cell))), NoLock, true));
    return tables;
}

List *named_schemas(const DropStmt *statement) {
    List *schemas = NIL;
    ListCell *cell;
    foreach (cell, statement->objects)
        schemas = lappend_oid(schemas, get_namespace_oid(strVal(lfirst(cell)), true));
    return schemas;
}

List *named_roles(const DropOwnedStmt *statement) {
    List *roles = NIL;
    ListCell *cell;
    foreach (cell, statement->roles)
        roles = lappend_oid(roles, get_rolespec_oid(lfirst_node(RoleSpec, cell), true));
    return roles;
}

// The distributed tables with rollups that a statement is about to drop.
List *doomed_sources(const Node *statement) {
    List *tables = NIL, *schemas = NIL, *roles = NIL;
    if (IsA(statement, DropStmt)) {
        const auto *drop = reinterpret_cast<const DropStmt *>(statement);
        if (drop->removeType == OBJECT_TABLE)
            tables = named_tables(drop);
        else if (drop->removeType == OBJECT_SCHEMA && drop->behavior == DROP_CASCADE)
            schemas = named_schemas(drop);
    } else if (IsA(statement, DropOwnedStmt)) {
        roles = named_roles(reinterpret_cast<const DropOwnedStmt *>(statement));
    }
    List *doomed = NIL;
    if (tables == NIL && schemas == NIL && roles == NIL)
        return doomed;
    for (const RollupSource &rollup : list_rollups(nullptr)) {
        const Oid source = rollup.source;
        // PostgreSQL itself drops the shards that are in a schema or belong to a role, and would wait for the connection
        // over which they have lost their triggers.
        const bool named = list_member_oid(tables, source),
                   contained =
                       list_member_oid(schemas, get_rel_namespace(source)) || list_member_oid(roles, owner_of(source));
        if ((named || contained) && get_rel_relkind(source) != '\0' && is_owner(source) &&
            distribution_of(source) == Distribution::shards && (named || !has_shards_here(source)))
            doomed = list_append_unique_oid(doomed, source);
    }
    return doomed;
}

} // namespace

void drop_rollups_first(const Node *statement) {
    if (!is_coordinator())
        return;
    ListCell *cell;
    foreach (cell, doomed_sources(statement)) {
        const Oid source = lfirst_oid(cell);
        as_owner([&] { refuse_remaking(get_namespace_name(get_rel_namespace(source)), get_rel_name(source)); });
        const Array<RollupOfSource> rollups = list_of(source);
        for (const RollupOfSource &rollup : rollups)
            lock_rollup(rollup.id, true);
        LockRelationOid(source, AccessExclusiveLock);
        for (const RollupOfSource &rollup : rollups)
            delete_rollup(rollup.id);
        CommandCounterIncrement();
        withdraw_definitions(source);
    }
}

bool keeps_dropped_rollups() { return has_citus() && !is_coordinator(); }

void refuse_remaking(Oid dropped) {
    if (!has_citus())
        return;
    as_owner([&] {
        if (execute("SELECT address_names[1], address_names[2] FROM pg_event_trigger_dropped_objects()"
                    " WHERE classid = 'pg_class'::regclass AND objid = $1 AND objsubid = 0",
                    {Value::oid(dropped)}) != 0)
            refuse_remaking(result_string(0, 1), result_string(0, 2));
    });
}

} // namespace topk::define
