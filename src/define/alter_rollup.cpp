#include "alter_rollup.h"

#include "../catalog/as_owner.h"
#include "../catalog/backfill_progress.h"
#include "../catalog/citus.h"
#include "../catalog/items_table.h"
#include "../catalog/lock.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/rollup_state.h"
#include "../fold/fold.h"
#include "../fold/levels.h"
#include "../pg/function.h"
#include "../catalog/expression_tree.h"
#include "dependencies.h"
#include "distributed.h"
#include "options.h"
#include "source.h"
#include "triggers.h"
#include "type_changes.h"

extern "C" {
#include "rewrite/rewriteManip.h"
}

namespace topk::define {
namespace {

using stream::Expressions;

// The parameters of topk.alter_rollup(), in their order. Those that are NULL leave things as they are.
enum Argument {
    arg_name,
    arg_rename_to,
    arg_source,
    arg_windows,
    arg_k,
    arg_max_groups,
    arg_retention,
    arg_accept_past,
    arg_accept_future,
    arg_metadata,
    arg_metadata_key,
    arg_if_exists,
    arg_first_fixed
};

// The parameters of topk.create_rollup() that cannot change, in the order in which they follow.
struct Fixed {
    const char *parameter;
    const char *reason;
};
constexpr const char *other_events = "What was counted before would not be comparable with what is counted afterwards.";
constexpr const char *other_tiles =
    "The tiles that are stored begin and end at other times, so no window could be made of both.";
constexpr const char *other_shape = "What is stored has the old size, and cannot be merged with counts of another size.";
constexpr Fixed fixed[] = {{"item", other_events},    {"event_time", other_events}, {"group_by", other_events},
                           {"weight", other_events},  {"filter", other_events},     {"grain", other_tiles},
                           {"timezone", other_tiles}, {"capacity", other_shape},    {"width", other_shape},
                           {"depth", other_shape}};

void refuse_fixed(FunctionCallInfo fcinfo, const char *name) {
    for (int i = 0; i < static_cast<int>(lengthof(fixed)); ++i)
        if (!PG_ARGISNULL(arg_first_fixed + i))
            ereport(
                ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("cannot change %s of rollup \"%s\"", fixed[i].parameter, name), errdetail("%s", fixed[i].reason),
                 errhint("Create another rollup of the same source, with topk.create_rollup(). When it has counted enough, "
                         "drop this one, and give its name to the other with topk.alter_rollup(..., rename_to => %s).",
                         quote_literal_cstr(name))));
}

// Returns nullptr if there is no such rollup.
RollupDefinition *lock_owned(const char *name, bool missing_ok) {
    RollupSource rollup, again;
    if (!find_rollup(name, nullptr, &rollup, missing_ok))
        return nullptr;
    require_ownership(rollup.source); // before locks that would keep others waiting
    lock_rollup(rollup.id, true);
    if (!find_rollup(name, nullptr, &again, missing_ok) || again.id != rollup.id)
        return nullptr;
    require_ownership(again.source);
    return read_definition(rollup.id);
}

void set_metadata(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    if (PG_ARGISNULL(arg_metadata) && PG_ARGISNULL(arg_metadata_key))
        return;
    if (!PG_ARGISNULL(arg_metadata) && PG_GETARG_OID(arg_metadata) == InvalidOid) {
        if (!PG_ARGISNULL(arg_metadata_key))
            raise_parameter("metadata_key must not be given when metadata is removed");
        rollup->metadata = InvalidOid;
        rollup->metadata_key = nullptr;
        return;
    }
    if (!PG_ARGISNULL(arg_metadata))
        rollup->metadata = PG_GETARG_OID(arg_metadata);
    if (!PG_ARGISNULL(arg_metadata_key))
        rollup->metadata_key = NameStr(*PG_GETARG_NAME(arg_metadata_key));
    if (!OidIsValid(rollup->metadata) || rollup->metadata_key == nullptr)
        raise_parameter("metadata and metadata_key must be given together");
    check_metadata(rollup->metadata, rollup->metadata_key, rollup->shape.kind);
}

// Settings must be pinned.
void set_times(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    if (!PG_ARGISNULL(arg_retention))
        rollup->retention =
            checked_retention(PG_GETARG_VARLENA_P(arg_retention), reinterpret_cast<struct varlena *>(rollup->retention))
                .jsonb;
    if (!PG_ARGISNULL(arg_accept_past))
        rollup->accept_past = *checked_interval("accept_past", PG_GETARG_INTERVAL_P(arg_accept_past));
    if (!PG_ARGISNULL(arg_accept_future))
        rollup->accept_future = *checked_interval("accept_future", PG_GETARG_INTERVAL_P(arg_accept_future));
}

void set_options(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    if (!PG_ARGISNULL(arg_k))
        rollup->k = checked_k(PG_GETARG_INT32(arg_k), rollup->shape.capacity);
    if (!PG_ARGISNULL(arg_max_groups))
        rollup->max_groups = checked_max_groups(PG_GETARG_INT32(arg_max_groups));
    if (!PG_ARGISNULL(arg_windows)) {
        std::fill_n(rollup->windows, level_count, false);
        check_windows(PG_GETARG_ARRAYTYPE_P(arg_windows), rollup->windows);
    }
    set_metadata(fcinfo, rollup);
    const int level = pin_settings();
    set_times(fcinfo, rollup);
    unpin_settings(level);
}

// ---- Another source

// The expressions with the columns of a table that have the same names.
List *with_columns_of(Relation source, const char *rollup, Relation before, List *expressions) {
    const TupleDesc columns = RelationGetDescr(before);
    AttrMap *numbers = make_attrmap(columns->natts);
    for (int i = 0; i < columns->natts; ++i)
        if (!TupleDescAttr(columns, i)->attisdropped)
            numbers->attnums[i] = get_attnum(RelationGetRelid(source), NameStr(TupleDescAttr(columns, i)->attname));
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(expressions), 0)) {
        const int column = lfirst_node(Var, cell)->varattno - 1;
        if (numbers->attnums[column] <= 0)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                            errmsg("\"%s\" has no column \"%s\", which rollup \"%s\" uses", RelationGetRelationName(source),
                                   NameStr(TupleDescAttr(columns, column)->attname), rollup)));
    }
    bool whole_row;
    return reinterpret_cast<List *>(map_variable_attnos(reinterpret_cast<Node *>(expressions), 1, 0, numbers,
                                                        RelationGetForm(source)->reltype, &whole_row));
}

void require_kind(const RollupDefinition *rollup, const Expressions &e) {
    const Kind kind = item_kind(static_cast<const Expr *>(linitial(e.written)));
    if (kind != rollup->shape.kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("the items of rollup \"%s\" are of type %s, and would be of type %s", rollup->name,
                               kind_name(rollup->shape.kind), kind_name(kind))));
}

void require_same_meaning(Relation source, const RollupDefinition *rollup, const Expressions &before, List *mapped,
                          const Expressions &after) {
    refuse_other_columns(source, rollup, mapped);
    for (int i = 0; i < list_length(before.written); ++i)
        if (auto *was = static_cast<Expr *>(list_nth(before.written, i)))
            refuse_other_result(stream::role_of(i), rollup, was, static_cast<Expr *>(list_nth(after.written, i)));
}

// Returns the expressions of a rollup for another source, whose columns are found by their names, and sets their texts.
// Raises an error if they would count the same values in another way.
Expressions translate(Relation source, RollupDefinition *rollup, Oid from) {
    Expressions before = {}, after = {};
    Relation old = try_relation_open(from, NoLock); // it may have been dropped by a session whose event triggers were off
    if (old != nullptr)
        as_source_owner(old->rd_rel->relowner, nullptr, [&] {
            before = stream::read_expressions(old, rollup);
            stream::print_expressions(old, before, rollup);
        });
    as_source_owner(source->rd_rel->relowner, nullptr, [&] {
        List *mapped = old == nullptr ? NIL : with_columns_of(source, rollup->name, old, before.written);
        after = stream::parse_expressions(source, rollup, true);
        require_kind(rollup, after);
        require_same_meaning(source, rollup, before, mapped, after);
    });
    if (old != nullptr)
        relation_close(old, NoLock);
    return after;
}

void require_no_backfill(int32 id, const char *name) {
    RollupState state;
    if (read_state(id, nullptr, &state) && is_unfinished(state.backfill))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cannot change the source of rollup \"%s\" to a stream before its backfill is done", name),
                        errdetail("A stream keeps no rows that the backfill could count."),
                        errhint("Call topk.backfill() first, or wait for it.")));
}

void write(const RollupDefinition &rollup) {
    as_owner([&] { update_rollup(rollup); });
}

} // namespace

void reconnect(RollupDefinition *rollup, const char *schema, Oid from) {
    const bool moves = rollup->source != from, exists = get_rel_relkind(from) != '\0';
    Relation source = open_source(rollup->source);
    require_schema(source, schema);
    claim_name(RelationGetNamespace(source), rollup->name, rollup->id); // before locks that keep others waiting
    // DROP TRIGGER takes AccessExclusiveLock.
    if (!moves)
        lock_sources({{from, AccessExclusiveLock}});
    else if (exists)
        lock_sources({{from, AccessExclusiveLock}, {rollup->source, ShareRowExclusiveLock}});
    else
        lock_sources({{rollup->source, ShareRowExclusiveLock}});
    if (moves && is_stream(rollup->source))
        require_no_backfill(rollup->id, rollup->name);
    Expressions expressions = {};
    if (moves)
        expressions = translate(source, rollup, from);
    else
        as_source_owner(source->rd_rel->relowner, nullptr, [&] { expressions = stream::read_expressions(source, rollup); });
    write(*rollup);
    if (moves) // a backfill in steps begins again, with the rows of the new source
        as_owner([&] { delete_progress(rollup->id); });
    CommandCounterIncrement();
    // So the old trigger is nobody's when it is dropped.
    as_owner([&] {
        write_tree({rollup->id, rollup->source, InvalidOid}, list_make2(expressions.written, expressions.coerced));
    });
    table_close(source, NoLock);
    CommandCounterIncrement();
    connect_rollup(rollup, expressions);
    if (moves && exists) {
        sync_triggers(from);
        CacheInvalidateRelcacheByRelid(from);
    }
}

namespace {

// A rollup is one of all nodes or of this database alone, and so are its counts.
void refuse_other_distribution(const RollupDefinition *rollup, Oid source) {
    if (source != rollup->source && (rollup->identity != nullptr || distribution_of(source) != Distribution::none))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot move a rollup from or to a table that Citus distributes")));
}

// ---- Windows

void tell_since(Level level, TimestampTz since) {
    if (since != DT_NOBEGIN)
        ereport(NOTICE, (errmsg("windows of kind \"%s\" have all their counts from %s on", level_name(level),
                                timestamptz_to_str(since)),
                         errdetail("Retention has removed counts of earlier ones.")));
}

void change_windows(const RollupDefinition *before, const RollupDefinition *after) {
    TimestampTz since[level_count];
    as_owner([&] {
        RollupRow row;
        if (!read_rollup(after->id, nullptr, &row))
            elog(ERROR, "rollup %d is gone", after->id);
        for (int i = 1; i < level_count; ++i)
            if (before->windows[i] && !after->windows[i])
                fold::remove_level(&row, static_cast<Level>(i));
        for (int i = 1; i < level_count; ++i)
            if (!before->windows[i] && after->windows[i])
                since[i] = fold::build_level(&row, static_cast<Level>(i));
    });
    for (int i = 1; i < level_count; ++i)
        if (!before->windows[i] && after->windows[i])
            tell_since(static_cast<Level>(i), since[i]);
}

} // namespace

void alter_rollup(FunctionCallInfo fcinfo, bool follows) {
    PreventCommandDuringRecovery("topk.alter_rollup()");
    if (PG_ARGISNULL(arg_name))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("name must not be null")));
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(arg_name));
    const bool if_exists = !PG_ARGISNULL(arg_if_exists) && PG_GETARG_BOOL(arg_if_exists);
    const RollupDefinition *before = lock_owned(name, if_exists);
    if (before == nullptr) {
        if (!if_exists)
            raise_no_rollup(name);
        ereport(NOTICE, (errmsg("rollup \"%s\" does not exist, skipping", name)));
        return;
    }
    if (!follows)
        require_coordinator(before->source, before->id);
    refuse_fixed(fcinfo, name);
    RollupDefinition after = *before;
    RollupName new_name = {nullptr, before->name};
    if (!PG_ARGISNULL(arg_rename_to))
        new_name = parse_rollup_name(text_to_cstring(PG_GETARG_TEXT_PP(arg_rename_to)));
    after.name = new_name.name;
    set_options(fcinfo, &after);
    if (!PG_ARGISNULL(arg_source))
        after.source = PG_GETARG_OID(arg_source);
    refuse_other_distribution(before, after.source);
    if (!PG_ARGISNULL(arg_windows))
        fold::require_read_committed("topk.alter_rollup()");

    const int level = pin_settings();
    if (after.source != before->source || strcmp(after.name, before->name) != 0)
        reconnect(&after, new_name.schema, before->source);
    else
        write(after);
    CommandCounterIncrement();
    change_windows(before, &after);
    if (!PG_ARGISNULL(arg_retention))
        as_owner([&] { ask_for_retention(after.id); });
    unpin_settings(level);
    CacheInvalidateRelcacheByRelid(after.source);
    CommandCounterIncrement();
    if (after.identity != nullptr)
        sync_triggers(after.source);
}

} // namespace topk::define

TOPK_FUNCTION(topk_alter_rollup, (topk::define::alter_rollup(fcinfo, false), (Datum)0))
