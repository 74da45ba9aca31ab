#include "distributed.h"

#include "../catalog/as_owner.h"
#include "../catalog/ask_grant.h"
#include "../catalog/citus.h"
#include "../catalog/lock.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/statement.h"
#include "alter_rollup.h"
#include "create_rollup.h"
#include "dependencies.h"
#include "drop_rollup.h"
#include "triggers.h"

extern "C" {
#include "catalog/pg_class.h"
}

namespace topk::define {
namespace {

// An argument of the trigger: the identity of a rollup, and for the table that has the rollup its definition after a space.
struct Definition {
    const char *identity;
    const char *json; // nullptr: the rollup is one of a table that this one is a partition of
};
constexpr size_t identity_length = 36;

// The argument of a trigger that is about to be dropped: the nodes have no rollups of the table then.
constexpr const char *no_rollups = "none";

Definition parse(const char *argument) {
    if (strlen(argument) < identity_length)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid argument of topk.capture(): \"%s\"", argument)));
    return {pnstrdup(argument, identity_length),
            argument[identity_length] == ' ' ? argument + identity_length + 1 : nullptr};
}

// The arguments of the capture trigger.
Array<const char *> arguments_of(const Trigger *trigger) {
    Array<const char *> arguments = {};
    for (int i = 0; trigger != nullptr && i < trigger->tgnargs; ++i)
        arguments.add(pstrdup(trigger->tgargs[i]));
    return arguments;
}

bool has_spread_rollups(Oid table) {
    const Array<RollupOfSource> rollups = list_of(table);
    return std::any_of(rollups.begin(), rollups.end(), [](const RollupOfSource &r) { return r.identity != nullptr; });
}

List *ancestors_of(Oid table) { return get_rel_relispartition(table) ? get_partition_ancestors(table) : NIL; }

// ---- On the coordinator

Array<const char *> wanted_arguments(Oid table) {
    Array<const char *> arguments = {};
    for (const RollupOfSource &rollup : list_of(table))
        if (rollup.identity != nullptr)
            arguments.add(psprintf("%s %s", rollup.identity, describe_for_nodes(rollup.id)));
    ListCell *cell;
    foreach (cell, ancestors_of(table))
        for (const RollupOfSource &rollup : list_of(lfirst_oid(cell)))
            if (rollup.identity != nullptr)
                arguments.add(rollup.identity);
    return arguments;
}

bool equal_arguments(const Array<const char *> &a, const Array<const char *> &b) {
    return a.count == b.count &&
           std::equal(a.begin(), a.end(), b.begin(), [](const char *x, const char *y) { return strcmp(x, y) == 0; });
}

// As the name of the trigger may be another one, if the owner has renamed it.
char *trigger_command(const char *trigger, const char *table, const Array<const char *> &arguments) {
    StringInfoData command;
    initStringInfo(&command);
    appendStringInfo(&command,
                     "CREATE OR REPLACE TRIGGER %s AFTER INSERT ON %s REFERENCING NEW TABLE AS topk_rows FOR EACH STATEMENT"
                     " EXECUTE FUNCTION topk.capture(",
                     quote_identifier(trigger), table);
    for (int i = 0; i < arguments.count; ++i)
        appendStringInfo(&command, "%s%s", i == 0 ? "" : ", ", quote_literal_cstr(arguments[i]));
    appendStringInfo(&command, "%s)", arguments.count == 0 ? quote_literal_cstr(no_rollups) : "");
    return command.data;
}

void set(const char *setting, const char *value, GucAction action) {
    (void)set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
}

// Over one connection to each node, so that a shard gets its trigger after the rollup is there, and sees it.
void run_on_all_nodes(List *commands) {
    const int level = NewGUCNestLevel();
    set("citus.enable_unsafe_triggers", "on", GUC_ACTION_SAVE);
    set("citus.multi_shard_modify_mode", "sequential", GUC_ACTION_SAVE);
    SPI_connect();
    ListCell *cell;
    foreach (cell, commands)
        execute(static_cast<const char *>(lfirst(cell)));
    SPI_finish();
    AtEOXact_GUC(true, level);
}

void renew_dependencies(Oid table) {
    Relation relation = table_open(table, NoLock);
    record_shared_dependencies(relation);
    table_close(relation, NoLock);
}

// runs_as: InvalidOid is the owner of the table.
void publish(Oid oid, Oid runs_as) {
    Relation relation = table_open(oid, ShareRowExclusiveLock);
    if (relation->rd_rel->relispartition && has_rollups(oid))
        raise_partition(relation);
    const Trigger *trigger = find_capture(relation);
    const bool exists = trigger != nullptr;
    const char *name = exists ? pstrdup(trigger->tgname) : trigger_name;
    const char *table =
        quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation));
    const Array<const char *> present = arguments_of(trigger), wanted = wanted_arguments(oid);
    const Oid user = OidIsValid(runs_as) ? runs_as : relation->rd_rel->relowner;
    table_close(relation, NoLock);
    if (exists ? wanted.count != 0 && equal_arguments(present, wanted) : wanted.count == 0)
        return;
    List *commands = list_make1(trigger_command(name, table, wanted));
    if (wanted.count == 0)
        commands = lappend(commands, psprintf("DROP TRIGGER %s ON %s", quote_identifier(name), table));
    if (user == GetUserId())
        run_on_all_nodes(commands);
    else
        as_source_owner(user, nullptr, [&] { run_on_all_nodes(commands); });
    renew_dependencies(oid);
    // Citus distributes a new partition when the statement that makes it goes on.
    if (distribution_of(oid) == Distribution::none)
        set("citus.enable_unsafe_triggers", "on", GUC_ACTION_LOCAL);
}

// ---- On other nodes

constexpr const char *record =
    "jsonb_to_record($1::jsonb) AS d(name text, item text, \"time\" text, weight text, filter text, group_by text[],"
    " grain interval, windows text[], timezone text, k integer, capacity integer, width integer, depth integer,"
    " max_groups integer, accept_past interval, accept_future interval, retention jsonb, metadata regclass,"
    " metadata_key name)";

// Fills the arguments of a function of SQL with the columns of the one row of a statement. Returns whether any but the first
// is not NULL.
bool fill_arguments(FunctionCallInfo call, int count, const char *statement, std::initializer_list<Value> values) {
    InitFunctionCallInfoData(*call, nullptr, static_cast<short>(count), InvalidOid, nullptr, nullptr);
    bool any = false;
    as_owner([&] {
        if (execute(statement, values) != 1)
            elog(ERROR, "the rollup of a definition is gone");
        for (int i = 0; i < count; ++i) {
            NullableDatum *argument = &call->args[i];
            *argument = {(Datum)0, true};
            if (i >= SPI_tuptable->tupdesc->natts)
                continue;
            const auto *column = TupleDescAttr(SPI_tuptable->tupdesc, i);
            const Datum value = result_value(0, i + 1, &argument->isnull);
            if (argument->isnull)
                continue;
            argument->value = SPI_datumTransfer(value, column->attbyval, column->attlen);
            any |= i != 0;
        }
    });
    return any;
}

void copy_rights(int32 id, const char *json) {
    const char *missing = as_owner([&] {
        execute("SELECT $1::jsonb -> 'askers'", {Value::string(json)});
        return copy_grants(id, result_string(0, 1));
    });
    if (missing != nullptr)
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT),
                          errmsg("role \"%s\" does not exist here, and gets no right to ask", missing)));
}

} // namespace

char *describe_for_nodes(int32 id) {
    return as_owner([&] {
        execute("SELECT $1::jsonb || jsonb_strip_nulls(jsonb_build_object('askers', $2::jsonb))",
                {Value::string(describe(id)), Value::string(describe_grants(id))});
        return result_string(0, 1);
    });
}

int32 create_described(Oid table, const char *json, const char *identity) {
    LOCAL_FCINFO(call, create_argument_count);
    fill_arguments(call, create_argument_count,
                   psprintf("SELECT quote_ident(d.name), $2, d.item, d.\"time\", d.group_by, d.windows, d.k, d.weight,"
                            " d.filter, d.grain, d.timezone, d.capacity, d.width, d.depth, d.max_groups, d.retention,"
                            " d.accept_past, d.accept_future, false, d.metadata, d.metadata_key, false FROM %s",
                            record),
                   {Value::string(json), Value::oid(table)});
    const int32 id = create_rollup(call, identity);
    copy_rights(id, json);
    return id;
}

namespace {

void change(const RollupDefinition *rollup, const Definition &definition) {
    LOCAL_FCINFO(call, alter_argument_count);
    const bool differs = fill_arguments(
        call, alter_argument_count,
        psprintf("SELECT $3, CASE WHEN d.name <> r.name THEN quote_ident(d.name) END, NULL::regclass,"
                 " CASE WHEN d.windows <> r.windows THEN d.windows END, CASE WHEN d.k <> r.k THEN d.k END,"
                 " CASE WHEN d.max_groups <> r.max_groups THEN d.max_groups END,"
                 " CASE WHEN d.retention <> r.retention THEN d.retention END,"
                 " CASE WHEN d.accept_past <> r.accept_past THEN d.accept_past END,"
                 " CASE WHEN d.accept_future <> r.accept_future THEN d.accept_future END,"
                 " CASE WHEN d.metadata IS DISTINCT FROM r.metadata THEN coalesce(d.metadata, 0::regclass) END,"
                 " CASE WHEN d.metadata_key <> r.metadata_key OR r.metadata IS NULL THEN d.metadata_key END"
                 " FROM %s, topk.rollup AS r WHERE r.id = $2",
                 record),
        {Value::string(definition.json), Value::int4(rollup->id),
         Value::string(qualified_name(rollup->source, rollup->name))});
    if (differs)
        alter_rollup(call, true);
    copy_rights(rollup->id, definition.json);
}

// Citus has made the table of a rollup anew. It does so as a superuser; others could take the counts of somebody's table.
void attach(RollupDefinition *rollup, Oid table) {
    if (!superuser() || get_rel_relkind(rollup->source) != '\0')
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                        errmsg("the rollup with identity %s belongs to another table", rollup->identity)));
    lock_rollup(rollup->id, true);
    const Oid before = rollup->source;
    rollup->source = table;
    reconnect(rollup, nullptr, before);
}

// Waits for the INSERTs that have counted for them. It takes no short attempts, because Citus must see which session waits
// for which.
void drop_others(Oid table, const Array<Definition> &definitions) {
    Array<int32> dropped = {};
    for (const RollupOfSource &rollup : list_of(table))
        if (rollup.identity != nullptr && std::none_of(definitions.begin(), definitions.end(), [&](const Definition &d) {
                return strcmp(d.identity, rollup.identity) == 0;
            }))
            dropped.add(rollup.id);
    for (const int32 id : dropped)
        lock_rollup(id, true);
    if (dropped.count != 0)
        LockRelationOid(table, AccessExclusiveLock);
    for (const int32 id : dropped)
        delete_rollup(id);
}

void follow(Oid table, const Array<Definition> &definitions) {
    require_ownership(table); // anybody with the privilege TRIGGER may create a trigger
    drop_others(table, definitions);
    CommandCounterIncrement();
    for (const Definition &definition : definitions) {
        if (definition.json == nullptr)
            continue;
        const int32 id = find_identity(definition.identity);
        if (id == 0) {
            create_described(table, definition.json, definition.identity);
        } else {
            RollupDefinition *rollup = read_definition(id);
            if (rollup->source != table)
                attach(rollup, table);
            change(rollup, definition);
        }
        CommandCounterIncrement();
    }
    renew_dependencies(table);
    CacheInvalidateRelcacheByRelid(table);
}

// Citus gives a shard the name of its table and its trigger that of the table's, with the same number.
bool is_named_like_shard(const CreateTrigStmt *statement) {
    const char *shard = strrchr(statement->relation->relname, '_'), *number = strrchr(statement->trigname, '_');
    return shard != nullptr && number != nullptr && strcmp(shard, number) == 0 &&
           strspn(number + 1, "0123456789") == strlen(number + 1);
}

// A shard whose definitions this node does not know refuses rows (begin_capture_of_shard). That cannot be said here: the
// rollup may be new, and known to another connection of the same distributed transaction alone.
void require_definitions(Oid shard, const Array<const char *> &arguments) {
    if (arguments.count == 0 && !has_rollups(shard))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("a table with rollups cannot be distributed: its shard \"%s\" would count nothing",
                               get_rel_name(shard)),
                        errhint("Drop its rollups with topk.drop_rollup() first, and create them again afterwards.")));
}

} // namespace

bool is_spread(Oid table) {
    if (!has_citus())
        return false;
    if (distribution_of(table) != Distribution::none || has_spread_rollups(table))
        return true;
    ListCell *cell;
    foreach (cell, ancestors_of(table))
        if (has_spread_rollups(lfirst_oid(cell)))
            return true;
    return false;
}

void publish_definitions(Oid table) {
    if (!is_coordinator())
        return;
    ListCell *cell;
    foreach (cell, find_all_inheritors(table, ShareRowExclusiveLock, nullptr))
        publish(lfirst_oid(cell), InvalidOid);
}

void withdraw_definitions(Oid table) {
    ListCell *cell;
    foreach (cell, find_all_inheritors(table, ShareRowExclusiveLock, nullptr))
        publish(lfirst_oid(cell), GetUserId());
}

void follow_trigger(const CreateTrigStmt *statement) {
    if (!has_citus())
        return;
    const Oid oid = RangeVarGetRelid(statement->relation, NoLock, true);
    if (!OidIsValid(oid))
        return;
    Relation relation = table_open(oid, NoLock);
    const Trigger *trigger = find_capture(relation);
    const bool concerned = trigger != nullptr && strcmp(trigger->tgname, statement->trigname) == 0;
    const Array<const char *> arguments = arguments_of(concerned ? trigger : nullptr);
    table_close(relation, NoLock);
    if (!concerned)
        return;
    Array<Definition> definitions = {};
    for (const char *argument : arguments)
        if (strcmp(argument, no_rollups) != 0)
            definitions.add(parse(argument));
    if (is_named_like_shard(statement))
        require_definitions(oid, arguments);
    else if (!is_coordinator()) {
        const int level = pin_settings();
        follow(oid, definitions);
        unpin_settings(level);
    }
}

void require_coordinator(Oid source, int32 id) {
    if (!has_citus() || is_coordinator())
        return;
    for (const RollupOfSource &rollup : list_of(source))
        if (rollup.id == id && rollup.identity != nullptr)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("cannot change rollup \"%s\" of a distributed table on this node", rollup.name),
                            errhint("Do it on the coordinator.")));
}

} // namespace topk::define
