#include "triggers.h"

#include "../catalog/as_owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/statement.h"
#include "dependencies.h"
#include "distributed.h"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
}

namespace topk::define {
namespace {

// CREATE TRIGGER topk_capture AFTER INSERT ON table REFERENCING NEW TABLE AS topk_rows FOR EACH STATEMENT
// EXECUTE FUNCTION topk.capture(): as a statement it would need USAGE on schema topk, also of a user who only adds a
// partition.
void create_trigger(Oid table) {
    TriggerTransition *rows = makeNode(TriggerTransition);
    rows->name = pstrdup("topk_rows");
    rows->isNew = rows->isTable = true;
    CreateTrigStmt *statement = makeNode(CreateTrigStmt);
    statement->trigname = pstrdup(trigger_name);
    statement->relation = makeRangeVar(get_namespace_name(get_rel_namespace(table)), pstrdup(get_rel_name(table)), -1);
    statement->funcname = list_make2(makeString(pstrdup("topk")), makeString(pstrdup("capture")));
    statement->timing = TRIGGER_TYPE_AFTER;
    statement->events = TRIGGER_TYPE_INSERT;
    statement->transitionRels = list_make1(rows);
    CreateTrigger(statement, nullptr, table, InvalidOid, InvalidOid, InvalidOid, trigger_function("capture"), InvalidOid,
                  nullptr, false, false);
    CommandCounterIncrement();
}

char *drop_command(const char *trigger, const char *table) {
    return psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger), table);
}

// The statements that, with the capture trigger, give a table the triggers that it needs, and no others. counts: its rows
// count for a rollup.
List *trigger_commands(Relation relation, bool counts, const Array<RollupOfSource> &rollups) {
    const char *const table =
        quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
    List *commands = NIL;
    const Trigger *capture = find_capture(relation);
    if (!counts && capture != nullptr)
        commands = lappend(commands, drop_command(capture->tgname, table));
    // First, as one that a schema-only dump has left may have the name of a new one
    const auto before = [](const char *a, const char *b) { return strcmp(a, b) < 0; };
    Array<const char *> names = {}, held = {};
    for (const RollupOfSource &rollup : rollups)
        names.add(rollup.name);
    std::sort(names.begin(), names.end(), before);
    int number = 0;
    for (const char *name : held_rollups(relation)) {
        const char *trigger = relation->trigdesc->triggers[number++].tgname;
        if (name == nullptr)
            continue;
        held.add(name);
        if (!std::binary_search(names.begin(), names.end(), name, before))
            commands = lappend(commands, drop_command(trigger, table));
    }
    std::sort(held.begin(), held.end(), before);
    for (const RollupOfSource &rollup : rollups)
        if (!std::binary_search(held.begin(), held.end(), rollup.name, before))
            commands = lappend(commands, holder_command(relation, rollup));
    return commands;
}

// As the owner of the table: a partition may have another one than the table that it is part of. Event triggers run then,
// which must not get from this session's search_path what its user wants another one to run.
void change_triggers(Oid table, Oid owner, bool create, List *commands) {
    if (!create && commands == NIL)
        return;
    const auto run = [&] {
        if (create)
            create_trigger(table);
        SPI_connect();
        ListCell *cell;
        foreach (cell, commands)
            execute(static_cast<const char *>(lfirst(cell)));
        SPI_finish();
    };
    if (owner == GetUserId())
        run();
    else
        as_source_owner(owner, nullptr, run);
}

} // namespace

const Trigger *find_capture(Relation relation) {
    const TriggerDesc *triggers = relation->trigdesc;
    if (triggers == nullptr || triggers->numtriggers == 0)
        return nullptr;
    const Oid function = trigger_function("capture");
    for (const Trigger *t = triggers->triggers; t != triggers->triggers + triggers->numtriggers; ++t)
        if (t->tgfoid == function && !TRIGGER_FOR_ROW(t->tgtype))
            return t;
    return nullptr;
}

void raise_partition(Relation relation) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("table \"%s\" cannot be a partition and have rollups", RelationGetRelationName(relation)),
                    errhint("Create the rollup on the partitioned table, with a filter.")));
    pg_unreachable();
}

bool has_rollups_above(Oid relation) {
    List *ancestors = get_rel_relispartition(relation) ? get_partition_ancestors(relation) : NIL;
    ListCell *cell;
    foreach (cell, ancestors)
        if (has_rollups(lfirst_oid(cell)))
            return true;
    return false;
}

bool has_rollups_below(Oid relation) {
    if (get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
        return false;
    ListCell *cell;
    foreach (cell, find_all_inheritors(relation, AccessShareLock, nullptr))
        if (has_rollups(lfirst_oid(cell)))
            return true;
    return false;
}

void require_trigger(Oid oid) {
    Relation relation = table_open(oid, AccessShareLock);
    const bool missing = relation->rd_rel->relkind != RELKIND_FOREIGN_TABLE && find_capture(relation) == nullptr;
    const char *name = pstrdup(RelationGetRelationName(relation));
    table_close(relation, NoLock);
    if (!missing)
        return;
    List *tables = list_make1_oid(oid);
    if (get_rel_relispartition(oid))
        tables = list_concat(tables, get_partition_ancestors(oid));
    ListCell *cell;
    foreach (cell, tables)
        if (const Array<RollupOfSource> rollups = list_of(lfirst_oid(cell)); rollups.count != 0) {
            const char *rollup = rollups[0].name;
            ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                            errmsg("cannot drop the capture trigger of \"%s\" because rollup \"%s\" uses it", name, rollup),
                            errhint("Drop the rollup, with topk.drop_rollup(%s): the trigger goes with the last one.",
                                    name_literal(lfirst_oid(cell), rollup))));
        }
}

void sync_triggers(Oid root) {
    if (is_spread(root)) {
        publish_definitions(root);
        return;
    }
    const char kind = get_rel_relkind(root);
    List *relations =
        kind == RELKIND_PARTITIONED_TABLE ? find_all_inheritors(root, ShareRowExclusiveLock, nullptr) : list_make1_oid(root);
    ListCell *cell;
    foreach (cell, relations) {
        const Oid oid = lfirst_oid(cell);
        const bool own = has_rollups(oid);
        const bool inherited = has_rollups_above(oid);
        Relation relation = table_open(oid, ShareRowExclusiveLock);
        const bool foreign = relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE;
        // PostgreSQL makes such an INSERT fail, or its older minor versions lose the rows.
        if (foreign && inherited)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("a partitioned table with rollups cannot have foreign tables as partitions"),
                            errdetail("Table \"%s\" is a foreign table.", RelationGetRelationName(relation))));
        if (own && !foreign && relation->rd_rel->relispartition)
            raise_partition(relation);
        const Oid owner = relation->rd_rel->relowner;
        const bool counts = !foreign && (own || inherited);
        const bool create = counts && find_capture(relation) == nullptr;
        List *commands = trigger_commands(relation, counts, list_of(oid));
        table_close(relation, NoLock);
        change_triggers(oid, owner, create, commands);
    }
}

} // namespace topk::define
