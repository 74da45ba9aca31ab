// The event triggers topk.after_ddl() and topk.after_drop(): rollups follow the changes of their sources.
#include "../catalog/as_owner.h"
#include "../catalog/limit_rule.h"
#include "../catalog/lock.h"
#include "../catalog/statement.h"
#include "../catalog/tables.h"
#include "../pg/function.h"
#include "../stream/definition.h"
#include "../stream/limits.h"
#include "drop_rollup.h"
#include "triggers.h"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "utils/guc.h"
}

namespace topk::define {
namespace {

void require_event(FunctionCallInfo fcinfo, const char *event) {
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo) || strcmp(reinterpret_cast<EventTriggerData *>(fcinfo->context)->event, event) != 0)
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("not called as an event trigger on %s", event)));
}

// The OIDs that a statement finds, each once.
List *find_oids(const char *statement) {
    MemoryContext caller = CurrentMemoryContext;
    List *oids = NIL;
    as_owner([&] {
        const uint64 count = execute(statement);
        MemoryContext spi = MemoryContextSwitchTo(caller);
        for (uint64 i = 0; i < count; ++i)
            oids = list_append_unique_oid(oids, DatumGetObjectId(result_value(i, 1)));
        MemoryContextSwitchTo(spi);
    });
    return oids;
}

// A column that is gone would only be missed at the next INSERT.
void refuse_dropped_column(Relation source, const RollupDefinition *row) {
    if (row->source_oid != RelationGetRelid(source))
        return;
    const TupleDesc descriptor = RelationGetDescr(source);
    for (int i = 0; i < descriptor->natts; ++i) {
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            continue;
        JsonbValue buffer;
        const char *key = psprintf("%d", i + 1);
        const JsonbValue *name =
            getKeyJsonValueFromContainer(&row->columns->root, key, static_cast<int>(strlen(key)), &buffer);
        if (name != nullptr && name->type == jbvString)
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("cannot drop column \"%s\" of \"%s\" because rollup \"%s\" uses it",
                                   pnstrdup(name->val.string.val, name->val.string.len), RelationGetRelationName(source),
                                   row->name),
                            errhint("Drop the rollup first, with topk.drop_rollup(%s).", quote_literal_cstr(row->name))));
    }
}

// Raises an error when an expression does not work any more; otherwise stores it as it reads now.
void renew(Relation source, const RollupDefinition *row) {
    refuse_dropped_column(source, row);
    RollupDefinition renewed = *row;
    renewed.source_oid = RelationGetRelid(source);
    // The user who changes the table need not trust its owner.
    as_source_owner(source->rd_rel->relowner, nullptr, [&] {
        const Expressions e = parse_stored(source, row);
        print_expressions(source, e, &renewed);
    });
    if (as_owner([&] { return update_expressions(renewed); }))
        CacheInvalidateRelcacheByRelid(RelationGetRelid(source));
}

// Partitions and children share the columns of their parents, and their changes.
void renew_all(Oid oid) {
    ListCell *cell;
    foreach (cell, find_all_inheritors(oid, AccessShareLock, nullptr)) {
        Relation source = table_open(lfirst_oid(cell), NoLock);
        ListCell *row;
        foreach (row, read_definitions(RelationGetRelid(source)))
            renew(source, static_cast<RollupDefinition *>(lfirst(row)));
        table_close(source, NoLock);
    }
}

bool can_have_rollups(Oid oid) {
    const char kind = get_rel_relkind(oid);
    return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE || kind == RELKIND_FOREIGN_TABLE) &&
           get_rel_persistence(oid) != RELPERSISTENCE_TEMP;
}

// A statement that may make a table a partition. Others leave triggers alone: in a restored dump they come last.
bool may_add_partition(const Node *statement) {
    if (!IsA(statement, AlterTableStmt))
        return true;
    ListCell *cell;
    foreach (cell, reinterpret_cast<const AlterTableStmt *>(statement)->cmds)
        if (lfirst_node(AlterTableCmd, cell)->subtype == AT_AttachPartition)
            return true;
    return false;
}

// A table that is no partition any more needs no trigger.
void release_detached(const Node *statement) {
    if (!IsA(statement, AlterTableStmt))
        return;
    ListCell *cell;
    foreach (cell, reinterpret_cast<const AlterTableStmt *>(statement)->cmds) {
        const auto *command = lfirst_node(AlterTableCmd, cell);
        if (command->subtype != AT_DetachPartition && command->subtype != AT_DetachPartitionFinalize)
            continue;
        const Oid oid = RangeVarGetRelid(reinterpret_cast<PartitionCmd *>(command->def)->name, NoLock, true);
        if (OidIsValid(oid) && can_have_rollups(oid))
            sync_triggers(oid);
    }
}

// The key column of an items table keeps its place in answers under a new name.
void follow_renamed_key(const Node *statement) {
    const auto *rename = reinterpret_cast<const RenameStmt *>(statement);
    if (!IsA(statement, RenameStmt) || rename->renameType != OBJECT_COLUMN || rename->relation == nullptr)
        return;
    const Oid table = RangeVarGetRelid(rename->relation, NoLock, true);
    as_owner([&] { rename_metadata_key(table, rename->subname, rename->newname); });
}

// Then there is nothing to renew, and the new owner is spared to run what the old one has written.
bool changes_owner_alone(const Node *statement) {
    if (!IsA(statement, AlterTableStmt))
        return false;
    ListCell *cell;
    foreach (cell, reinterpret_cast<const AlterTableStmt *>(statement)->cmds)
        if (lfirst_node(AlterTableCmd, cell)->subtype != AT_ChangeOwner)
            return false;
    return true;
}

Datum after_ddl(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "ddl_command_end");
    const Node *statement = reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree;
    if (changes_owner_alone(statement) || !any_rollups())
        PG_RETURN_VOID(); // most databases run far more DDL than they have rollups
    List *relations = find_oids("SELECT objid FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass");
    ListCell *cell;
    foreach (cell, relations) {
        const Oid oid = lfirst_oid(cell);
        if (!can_have_rollups(oid))
            continue;
        renew_all(oid);
        if (!may_add_partition(statement))
            continue;
        if (has_rollups(oid) || has_rollups_above(oid) || has_rollups_below(oid))
            sync_triggers(oid);
    }
    release_detached(statement);
    follow_renamed_key(statement);
    PG_RETURN_VOID();
}

// The relations that were dropped, or that lost a part: a dropped type takes columns with it.
List *dropped_relations(bool whole) {
    return find_oids(whole ? "SELECT objid FROM pg_event_trigger_dropped_objects()"
                             " WHERE classid = 'pg_class'::regclass AND objsubid = 0"
                           : "SELECT objid FROM pg_event_trigger_dropped_objects()"
                             " WHERE classid = 'pg_class'::regclass AND objsubid <> 0");
}

void drop_rollups_of(Oid source) {
    ListCell *cell;
    foreach (cell, read_ids(source)) {
        lock_rollup(lfirst_int(cell), true);
        delete_rollup(lfirst_int(cell));
    }
}

// Without it, nothing would be counted from now on, in silence. pg_restore --clean drops each trigger before its table; its
// sessions, and scripts of pg_dump, turn check_function_bodies off.
void refuse_dropped_trigger() {
    if (!check_function_bodies)
        return;
    List *tables = find_oids("SELECT c.oid FROM pg_event_trigger_dropped_objects() d JOIN pg_namespace n "
                             "ON n.nspname = d.address_names[1] JOIN pg_class c ON c.relnamespace = n.oid AND "
                             "c.relname = d.address_names[2] WHERE d.classid = 'pg_trigger'::regclass");
    ListCell *cell;
    foreach (cell, tables)
        if (can_have_rollups(lfirst_oid(cell)))
            require_trigger(lfirst_oid(cell));
}

Datum after_drop(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "sql_drop");
    const bool limits = limit_rules().count != 0, rollups = any_rollups();
    if (!limits && !rollups)
        PG_RETURN_VOID();
    ListCell *cell;
    foreach (cell, dropped_relations(true)) {
        const Oid relation = lfirst_oid(cell);
        if (limits)
            as_owner([&] { delete_limits_of(relation); });
        if (rollups)
            drop_rollups_of(relation);
    }
    if (!rollups)
        PG_RETURN_VOID();
    refuse_dropped_trigger();
    foreach (cell, dropped_relations(false))
        if (has_rollups(lfirst_oid(cell)) && can_have_rollups(lfirst_oid(cell)))
            renew_all(lfirst_oid(cell));
    as_owner([] { forget_dropped_metadata(); });
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_after_ddl, topk::define::after_ddl(fcinfo))
TOPK_FUNCTION(topk_after_drop, topk::define::after_drop(fcinfo))
