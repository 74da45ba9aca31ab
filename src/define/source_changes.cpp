// The event triggers topk.after_ddl() and topk.after_drop(): rollups follow the changes of their sources.
#include "../catalog/as_owner.h"
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
}

namespace topk::define {
namespace {

void require_event(FunctionCallInfo fcinfo, const char *event) {
    if (!CALLED_AS_EVENT_TRIGGER(fcinfo) || strcmp(reinterpret_cast<EventTriggerData *>(fcinfo->context)->event, event) != 0)
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("not called as an event trigger on %s", event)));
}

// Most databases run far more DDL than they have rollups.
bool any_rollups() {
    Relation relation = table_open(table_oid(Table::rollup), AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 0, nullptr);
    const bool result = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return result;
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
void refuse_dropped_column(Relation source, const StoredRollup *row) {
    if (DatumGetObjectId(row->values[rollup_source_oid - 1]) != RelationGetRelid(source))
        return;
    Jsonb *columns = DatumGetJsonbP(row->values[rollup_columns - 1]);
    const TupleDesc descriptor = RelationGetDescr(source);
    for (int i = 0; i < descriptor->natts; ++i) {
        if (!TupleDescAttr(descriptor, i)->attisdropped)
            continue;
        JsonbValue buffer;
        const char *key = psprintf("%d", i + 1);
        const JsonbValue *name = getKeyJsonValueFromContainer(&columns->root, key, static_cast<int>(strlen(key)), &buffer);
        if (name != nullptr && name->type == jbvString)
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("cannot drop column \"%s\" of \"%s\" because rollup \"%s\" uses it",
                                   pnstrdup(name->val.string.val, name->val.string.len), RelationGetRelationName(source),
                                   row->name),
                            errhint("Drop the rollup first, with topk.drop_rollup(%s).", quote_literal_cstr(row->name))));
    }
}

char *printed(Relation source, Expr *expression) {
    return expression == nullptr ? nullptr : print_expression(source, expression);
}

// Raises an error when an expression does not work any more; otherwise stores it as it reads now.
void renew(Relation source, const StoredRollup *row) {
    refuse_dropped_column(source, row);
    // The user who changes the table need not trust its owner.
    const char *item, *time, *weight, *filter;
    const ArrayType *group_by;
    Datum columns;
    as_source_owner(source->rd_rel->relowner, nullptr, [&] {
        const Expressions e = parse_stored(source, row);
        item = printed(source, e.item);
        time = printed(source, e.time);
        weight = printed(source, e.weight);
        filter = printed(source, e.filter);
        auto *groups = static_cast<Datum *>(palloc((e.group_count + 1) * sizeof(Datum)));
        for (int i = 0; i < e.group_count; ++i)
            groups[i] = CStringGetTextDatum(printed(source, e.groups[i]));
        group_by = construct_array(groups, e.group_count, TEXTOID, -1, false, TYPALIGN_INT);
        columns = used_columns(source, &e);
    });
    const uint64 changed = as_owner([&] {
        return execute(
            "UPDATE topk.rollup SET item = $2, \"time\" = $3, weight = $4, filter = $5, group_by = $6, columns = $7, "
            "source_oid = $8 WHERE id = $1 AND (item, \"time\", weight, filter, group_by, columns, source_oid) "
            "IS DISTINCT FROM ($2, $3, $4, $5, $6, $7, $8)",
            {Value::int4(row->id), Value::string(item), Value::string(time), Value::string(weight), Value::string(filter),
             Value::strings(group_by), Value::of(JSONBOID, columns), Value::oid(RelationGetRelid(source))});
    });
    if (changed != 0)
        CacheInvalidateRelcacheByRelid(RelationGetRelid(source));
}

// Partitions and children share the columns of their parents, and their changes.
void renew_all(Oid oid) {
    ListCell *cell;
    foreach (cell, find_all_inheritors(oid, AccessShareLock, nullptr)) {
        Relation source = table_open(lfirst_oid(cell), NoLock);
        ListCell *row;
        foreach (row, read_rollups(source))
            renew(source, static_cast<StoredRollup *>(lfirst(row)));
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
    as_owner([&] {
        execute("UPDATE topk.rollup SET metadata_key = $3 WHERE metadata = $1 AND metadata_key = $2",
                {Value::oid(table), Value::string(rename->subname), Value::string(rename->newname)});
    });
}

// Answers go on without an items table that is gone.
void forget_dropped_metadata() {
    as_owner([] {
        execute("UPDATE topk.rollup SET metadata = NULL, metadata_key = NULL WHERE metadata IS NOT NULL AND NOT EXISTS "
                "(SELECT FROM pg_attribute a WHERE a.attrelid = metadata AND a.attname = metadata_key AND NOT "
                "a.attisdropped)");
    });
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
        PG_RETURN_VOID();
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

void drop_limits() {
    as_owner([] {
        execute("DELETE FROM topk.limit_rule WHERE source IN (SELECT objid FROM pg_event_trigger_dropped_objects() "
                "WHERE classid = 'pg_class'::regclass AND objsubid = 0)");
    });
}

Datum after_drop(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "sql_drop");
    if (limit_rules().count != 0)
        drop_limits();
    if (!any_rollups())
        PG_RETURN_VOID();
    List *dropped = find_oids("SELECT r.id FROM topk.rollup r JOIN pg_event_trigger_dropped_objects() d "
                              "ON d.objid = r.source WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0");
    ListCell *cell;
    foreach (cell, dropped) {
        const auto id = static_cast<int32>(lfirst_oid(cell));
        lock_rollup(id, true);
        delete_rollup(id);
    }
    // A dropped type takes columns with it.
    List *changed = find_oids("SELECT DISTINCT d.objid FROM topk.rollup r JOIN pg_event_trigger_dropped_objects() d "
                              "ON d.objid = r.source WHERE d.classid = 'pg_class'::regclass AND d.objsubid <> 0");
    foreach (cell, changed)
        if (can_have_rollups(lfirst_oid(cell)))
            renew_all(lfirst_oid(cell));
    forget_dropped_metadata();
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_after_ddl, topk::define::after_ddl(fcinfo))
TOPK_FUNCTION(topk_after_drop, topk::define::after_drop(fcinfo))
