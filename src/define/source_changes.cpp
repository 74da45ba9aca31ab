// The event triggers topk.before_ddl(), topk.after_ddl() and topk.after_drop(): rollups follow the changes of their sources
// and of what their expressions use.
#include "../catalog/as_owner.h"
#include "../catalog/expression_tree.h"
#include "../catalog/limit_rule.h"
#include "../catalog/lock.h"
#include "../catalog/rollup_name.h"
#include "../catalog/statement.h"
#include "../catalog/tables.h"
#include "../pg/function.h"
#include "../pg/subtransaction.h"
#include "../stream/expressions.h"
#include "../stream/limits.h"
#include "dependencies.h"
#include "distributed.h"
#include "drop_rollup.h"
#include "triggers.h"
#include "type_changes.h"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
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

// The number of a column that the expressions use and that is gone; 0: there is none.
AttrNumber find_dropped_column(Relation source, const Expressions &e) {
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(e.written), 0)) {
        const AttrNumber number = lfirst_node(Var, cell)->varattno;
        if (TupleDescAttr(RelationGetDescr(source), number - 1)->attisdropped)
            return number;
    }
    return 0;
}

// Checks what was written against the changed source: not what it is coerced to, which always has the type of its role.
// Returns the expressions as they are now, and raises an error when they do not work any more or mean something else.
Expressions follow_types(Relation source, const RollupDefinition *row, const Expressions &before) {
    if (before.written == NIL || fits(source, before))
        return read_expressions(source, row);
    refuse_other_columns(source, row, before.written);
    const Expressions after = read_expressions(source, row);
    for (int i = 0; i < list_length(before.written); ++i)
        if (auto *was = static_cast<Expr *>(list_nth(before.written, i)))
            refuse_other_result(role_of(i), row, was, static_cast<Expr *>(list_nth(after.written, i)));
    return after;
}

// Stores the expressions as they read now.
void renew(Relation source, const RollupDefinition *row) {
    RollupDefinition renewed = *row;
    const Expressions before = read_tree_of(source, row->id);
    Expressions e = {};
    // The user who changes the table need not trust its owner.
    as_source_owner(source->rd_rel->relowner, nullptr, [&] {
        e = follow_types(source, row, before);
        print_expressions(source, e, &renewed);
    });
    const bool changed = before.written == NIL || !equal(before.coerced, e.coerced) || !equal(before.written, e.written);
    if (changed)
        store_expressions(source, row, e);
    const bool reads_differently = as_owner([&] { return update_expressions(renewed); });
    if (reads_differently || changed)
        CacheInvalidateRelcacheByRelid(RelationGetRelid(source));
    if (reads_differently && row->identity != nullptr) {
        CommandCounterIncrement();
        sync_triggers(RelationGetRelid(source));
    }
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

// Users who put another table in the place of a source expect that its rows count.
void tell_of_renamed_source(const Node *statement, Oid source) {
    const auto *rename = reinterpret_cast<const RenameStmt *>(statement);
    if (!IsA(statement, RenameStmt) || rename->relation == nullptr || rename->subname != nullptr || !has_rollups(source) ||
        (rename->renameType != OBJECT_TABLE && rename->renameType != OBJECT_FOREIGN_TABLE))
        return;
    ereport(NOTICE, (errmsg("the rollups of \"%s\" go on counting the rows of \"%s\"", rename->relation->relname,
                            get_rel_name(source)),
                     errhint("If another table takes the old name, its rows are not counted: create rollups for it, or move "
                             "these there with topk.alter_rollup(..., source => %s).",
                             quote_literal_cstr(rename->relation->relname))));
}

// A table that moves to another schema takes its rollups along, and an extension takes its tables. Names are unique there
// too.
void claim_names(const Node *statement, List *relations) {
    if (!IsA(statement, AlterObjectSchemaStmt))
        return;
    if (reinterpret_cast<const AlterObjectSchemaStmt *>(statement)->objectType == OBJECT_EXTENSION)
        relations = find_oids("SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'"
                              " AND (refclassid, refobjid) IN (SELECT classid, objid FROM pg_event_trigger_ddl_commands())");
    ListCell *source;
    foreach (source, relations)
        for (const RollupOfSource &rollup : list_of(lfirst_oid(source)))
            claim_name(get_rel_namespace(lfirst_oid(source)), rollup.name, rollup.id);
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

// Statements after which printed expressions may read differently.
bool gives_new_names(const Node *statement) {
    switch (nodeTag(statement)) {
        case T_RenameStmt:
        case T_AlterObjectSchemaStmt:
        case T_AlterExtensionStmt: return true;
        case T_AlterEnumStmt: return reinterpret_cast<const AlterEnumStmt *>(statement)->oldVal != nullptr;
        default: return false;
    }
}

// The triggers of rollups that need what the statement named anew. A type has the name of its table or of its elements.
List *dependent_triggers() {
    if (find_oids("SELECT objid FROM pg_event_trigger_ddl_commands()"
                  " WHERE classid IN ('pg_namespace'::regclass, 'pg_extension'::regclass)") != NIL)
        return find_oids("SELECT trigger FROM topk.expression_tree");
    return find_oids("WITH changed AS (SELECT classid, objid FROM pg_event_trigger_ddl_commands()),"
                     " types AS (SELECT oid, typarray FROM pg_type"
                     "           WHERE ('pg_type'::regclass::oid, oid) IN (TABLE changed)"
                     "              OR typrelid <> 0 AND ('pg_class'::regclass::oid, typrelid) IN (TABLE changed)),"
                     " named AS (TABLE changed UNION SELECT 'pg_type'::regclass::oid, oid FROM types"
                     "           UNION SELECT 'pg_type'::regclass::oid, typarray FROM types WHERE typarray <> 0)"
                     " SELECT d.objid FROM named AS n"
                     " JOIN pg_depend AS d ON d.refclassid = n.classid AND d.refobjid = n.objid"
                     " WHERE d.classid = 'pg_trigger'::regclass");
}

void renew_of(Oid relation, int32 rollup) {
    Relation source = try_relation_open(relation, AccessShareLock);
    if (source == nullptr)
        return;
    ListCell *cell;
    foreach (cell, read_definitions(relation))
        if (const auto *row = static_cast<const RollupDefinition *>(lfirst(cell)); row->id == rollup)
            renew(source, row);
    relation_close(source, NoLock);
}

// The statement does not fail because the rollup of somebody else does.
void renew_names() {
    List *triggers = dependent_triggers();
    for (const TreeHolder &tree : list_trees()) {
        if (!list_member_oid(triggers, tree.trigger))
            continue;
        if (ErrorData *error = pg::in_subtransaction([&] { renew_of(tree.source, tree.rollup); }))
            ereport(WARNING, (errcode(error->sqlerrcode),
                              errmsg("could not print the expressions of rollup %d: %s", tree.rollup, error->message)));
    }
}

// A statement that puts in order what the library cannot read, or is part of a script that does.
bool may_mend_extension(const Node *statement) {
    return creating_extension || IsA(statement, AlterExtensionStmt) ||
           (IsA(statement, DropStmt) && reinterpret_cast<const DropStmt *>(statement)->removeType == OBJECT_EXTENSION);
}

// The rollups that a statement may concern.
bool has_followers(FunctionCallInfo fcinfo) {
    const Node *statement = reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree;
    return (is_catalog_readable() || !may_mend_extension(statement)) && any_rollups();
}

Datum before_ddl(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "ddl_command_start");
    if (has_followers(fcinfo)) {
        store_missing_expressions(InvalidOid);
        drop_rollups_first(reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree);
    }
    PG_RETURN_VOID();
}

Datum after_ddl(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "ddl_command_end");
    const Node *statement = reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree;
    if (IsA(statement, CreateTrigStmt))
        follow_trigger(reinterpret_cast<const CreateTrigStmt *>(statement));
    if (changes_owner_alone(statement) || !has_followers(fcinfo))
        PG_RETURN_VOID(); // most databases run far more DDL than they have rollups
    // With the tables of a composite type, which share its columns.
    List *relations = find_oids("WITH changed AS (SELECT objid FROM pg_event_trigger_ddl_commands()"
                                "                 WHERE classid = 'pg_class'::regclass)"
                                " SELECT objid FROM changed UNION ALL"
                                " SELECT c.oid FROM pg_class AS c JOIN pg_type AS t ON t.oid = c.reloftype"
                                " WHERE t.typrelid IN (SELECT objid FROM changed)");
    claim_names(statement, relations);
    ListCell *cell;
    foreach (cell, relations) {
        const Oid oid = lfirst_oid(cell);
        if (!can_have_rollups(oid))
            continue;
        renew_all(oid);
        tell_of_renamed_source(statement, oid);
        if (!may_add_partition(statement))
            continue;
        if (has_rollups(oid) || has_rollups_above(oid) || has_rollups_below(oid))
            sync_triggers(oid);
    }
    release_detached(statement);
    follow_renamed_key(statement);
    if (gives_new_names(statement))
        renew_names();
    if (IsA(statement, CreateTrigStmt)) // the triggers of a restored dump come last
        store_missing_expressions(
            RangeVarGetRelid(reinterpret_cast<const CreateTrigStmt *>(statement)->relation, NoLock, true));
    PG_RETURN_VOID();
}

// The relations that were dropped, or that lost a part: a dropped type takes columns with it.
List *dropped_relations(bool whole) {
    return find_oids(whole ? "SELECT objid FROM pg_event_trigger_dropped_objects()"
                             " WHERE classid = 'pg_class'::regclass AND objsubid = 0"
                           : "SELECT objid FROM pg_event_trigger_dropped_objects()"
                             " WHERE classid = 'pg_class'::regclass AND objsubid <> 0");
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
        if (const Oid table = lfirst_oid(cell); can_have_rollups(table) && !(keeps_dropped_rollups() && is_spread(table)))
            require_trigger(table);
}

// Whether the statement takes along what depends on what it drops.
bool cascades(const Node *statement) {
    ListCell *cell;
    switch (nodeTag(statement)) {
        case T_DropStmt: return reinterpret_cast<const DropStmt *>(statement)->behavior == DROP_CASCADE;
        case T_DropOwnedStmt: return reinterpret_cast<const DropOwnedStmt *>(statement)->behavior == DROP_CASCADE;
        case T_AlterTableStmt:
            foreach (cell, reinterpret_cast<const AlterTableStmt *>(statement)->cmds)
                if (lfirst_node(AlterTableCmd, cell)->behavior == DROP_CASCADE)
                    return true;
            return false;
        default: return false;
    }
}

void drop_by_cascade(int32 rollup, const char *name) {
    ereport(NOTICE, (errmsg("drop cascades to rollup \"%s\"", name)));
    lock_rollup(rollup, true);
    delete_rollup(rollup);
}

// When all rollups are gone that go: otherwise those that wait would get new triggers.
void sync_after_cascade(List *sources) {
    if (sources == NIL)
        return;
    CommandCounterIncrement();
    ListCell *cell;
    foreach (cell, sources) {
        sync_triggers(lfirst_oid(cell));
        CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
    }
}

[[noreturn]] void raise_needed(const char *what, Oid source, const char *rollup) {
    ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                    errmsg("cannot drop %s because rollup \"%s\" uses it", what, rollup),
                    errhint("Drop the rollup first, with topk.drop_rollup(%s).", name_literal(source, rollup))));
    pg_unreachable();
}

char *dropped_name(Oid table, AttrNumber column) {
    return as_owner([&] {
        execute("SELECT address_names[3] FROM pg_event_trigger_dropped_objects()"
                " WHERE classid = 'pg_class'::regclass AND objid = $1 AND objsubid = $2",
                {Value::oid(table), Value::int4(column)});
        return result_string(0, 1);
    });
}

// A column that is gone would only be missed at the next INSERT.
void drop_rollups_of_columns(Oid oid, bool cascade) {
    Relation source = table_open(oid, AccessShareLock);
    List *rows = read_definitions(oid);
    List *dropped = NIL;
    ListCell *cell;
    foreach (cell, rows) {
        auto *row = static_cast<RollupDefinition *>(lfirst(cell));
        const Expressions e = read_tree_of(source, row->id);
        const AttrNumber column = find_dropped_column(source, e);
        if (column == 0)
            continue;
        if (!cascade)
            raise_needed(psprintf("column \"%s\" of \"%s\"", dropped_name(oid, column), RelationGetRelationName(source)),
                         oid, row->name);
        dropped = lappend(dropped, row);
    }
    table_close(source, NoLock);
    foreach (cell, dropped) {
        const auto *row = static_cast<const RollupDefinition *>(lfirst(cell));
        drop_by_cascade(row->id, row->name);
    }
    sync_after_cascade(dropped == NIL ? NIL : list_make1_oid(oid));
}

// A trigger of dependencies goes with what its rollup needs, by CASCADE, and the rollup goes with it. By itself it stays,
// but pg_restore --clean drops each trigger before its table; its sessions, and scripts of pg_dump, turn
// check_function_bodies off.
void drop_rollups_of_triggers() {
    List *originals = find_oids("SELECT objid FROM pg_event_trigger_dropped_objects()"
                                " WHERE classid = 'pg_trigger'::regclass AND original");
    List *cascaded = find_oids("SELECT objid FROM pg_event_trigger_dropped_objects()"
                               " WHERE classid = 'pg_trigger'::regclass AND NOT original");
    if (originals == NIL && cascaded == NIL)
        return;
    List *sources = NIL;
    for (const TreeHolder &tree : list_trees()) {
        const bool cascade = list_member_oid(cascaded, tree.trigger);
        RollupRow row;
        if ((!cascade && !list_member_oid(originals, tree.trigger)) || !read_rollup(tree.rollup, nullptr, &row) ||
            row.spread)
            continue; // a rollup of all nodes stays, and refuse_dropped_trigger() says so
        if (cascade) {
            drop_by_cascade(tree.rollup, row.name);
            sources = list_append_unique_oid(sources, tree.source);
        } else if (check_function_bodies) {
            raise_needed("the trigger", row.source, row.name);
        }
    }
    sync_after_cascade(sources);
}

Datum after_drop(FunctionCallInfo fcinfo) {
    require_event(fcinfo, "sql_drop");
    const Node *statement = reinterpret_cast<EventTriggerData *>(fcinfo->context)->parsetree;
    if (!is_catalog_readable() && may_mend_extension(statement))
        PG_RETURN_VOID();
    const bool limits = limit_rules().count != 0, rollups = any_rollups();
    if (!limits && !rollups)
        PG_RETURN_VOID();
    ListCell *cell;
    foreach (cell, dropped_relations(true)) {
        const Oid relation = lfirst_oid(cell);
        if (limits)
            as_owner([&] { delete_limits_of(relation); });
        if (rollups)
            drop_rollups_of_table(relation);
    }
    if (!rollups)
        PG_RETURN_VOID();
    drop_rollups_of_triggers();
    refuse_dropped_trigger();
    foreach (cell, dropped_relations(false))
        if (has_rollups(lfirst_oid(cell)) && can_have_rollups(lfirst_oid(cell)))
            drop_rollups_of_columns(lfirst_oid(cell), cascades(statement));
    as_owner([] { forget_dropped_metadata(); });
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_before_ddl, topk::define::before_ddl(fcinfo))
TOPK_FUNCTION(topk_after_ddl, topk::define::after_ddl(fcinfo))
TOPK_FUNCTION(topk_after_drop, topk::define::after_drop(fcinfo))
