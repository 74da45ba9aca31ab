#include "source.h"

#include "../catalog/as_owner.h"
#include "../catalog/citus.h"
#include "../catalog/owner.h"
#include "dependencies.h"
#include "triggers.h"

extern "C" {
#include "catalog/pg_class.h"
}

namespace topk::define {
namespace {

void check_source(Relation source) {
    const char kind = source->rd_rel->relkind;
    const char *name = RelationGetRelationName(source);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && !is_stream(RelationGetRelid(source)))
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table or a stream", name),
                        errhint("Create a stream with CREATE FOREIGN TABLE ... SERVER topk.")));
    if (source->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot create a rollup on a temporary table")));
    if (OidIsValid(table_of_shard(RelationGetRelid(source))))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create a rollup on \"%s\", because it is a shard", name),
                        errhint("Create the rollup on the distributed table, on the coordinator.")));
}

} // namespace

bool is_stream(Oid relation) {
    return get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE &&
           strcmp(GetForeignDataWrapper(GetForeignServer(GetForeignTable(relation)->serverid)->fdwid)->fdwname, "topk") == 0;
}

Relation open_source(Oid oid) {
    if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(oid)))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", oid)));
    require_ownership(oid);
    Relation source = table_open(oid, AccessShareLock); // nothing of it changes from now on
    require_ownership(oid);
    check_source(source);
    return source;
}

void require_schema(Relation source, const char *schema) {
    const char *name = get_namespace_name(RelationGetNamespace(source));
    if (schema != nullptr && strcmp(schema, name) != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
                        errmsg("a rollup of \"%s\" belongs to schema \"%s\", not \"%s\"", RelationGetRelationName(source),
                               name, schema),
                        errhint("Leave out the schema of the rollup: it is that of the source.")));
}

void connect_rollup(RollupDefinition *rollup, const stream::Expressions &expressions) {
    sync_triggers(rollup->source);
    Relation source = table_open(rollup->source, NoLock);
    store_expressions(source, rollup, expressions);
    lock_needed(source, rollup);
    print_expressions(source, expressions, rollup);
    as_owner([&] { update_expressions(*rollup); });
    table_close(source, NoLock);
    CacheInvalidateRelcacheByRelid(rollup->source);
}

} // namespace topk::define
