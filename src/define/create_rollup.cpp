#include "create_rollup.h"

#include "../pg/function.h"
#include "../catalog/as_owner.h"
#include "../catalog/calendar.h"
#include "../catalog/citus.h"
#include "../catalog/rollup_name.h"
#include "../catalog/rollup_state.h"
#include "../stream/delta_log.h"
#include "../stream/expressions.h"
#include "../catalog/lock.h"
#include "../catalog/items_table.h"
#include "../catalog/owner.h"
#include "options.h"
#include "source.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "nodes/nodeFuncs.h"
#include "pgtime.h"
#include "storage/lmgr.h"
}

namespace topk::define {

void (*backfill_requested_hook)() = nullptr;
int max_rollups_per_owner = 0;

namespace {

// The parameters of topk.create_rollup(), in their order. Those that are required must not be NULL.
#define ROLLUP_PARAMETERS(required, optional)                                                                               \
    required(name) required(source) required(item) required(event_time) required(group_by) required(windows) required(k)    \
        optional(weight) optional(filter) required(grain) optional(timezone) optional(capacity) required(width)             \
            required(depth) required(max_groups) optional(retention) optional(accept_past) required(accept_future)          \
                required(backfill) optional(metadata) optional(metadata_key) required(if_not_exists)

#define PARAMETER_ENUM(parameter) arg_##parameter,
enum Argument { ROLLUP_PARAMETERS(PARAMETER_ENUM, PARAMETER_ENUM) argument_count };
static_assert(argument_count == create_argument_count);

void require_arguments(FunctionCallInfo fcinfo) {
#define REQUIRE(parameter)                                                                                                  \
    if (PG_ARGISNULL(arg_##parameter))                                                                                      \
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", #parameter)));
#define ACCEPT(parameter)
    ROLLUP_PARAMETERS(REQUIRE, ACCEPT)
}

char *text_argument(FunctionCallInfo fcinfo, Argument argument) {
    return PG_ARGISNULL(argument) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

void set_texts(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    rollup->item = text_argument(fcinfo, arg_item);
    rollup->time = text_argument(fcinfo, arg_event_time);
    rollup->weight = text_argument(fcinfo, arg_weight);
    rollup->filter = text_argument(fcinfo, arg_filter);
    Datum *groups;
    bool *nulls;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg_group_by), TEXTOID, -1, false, TYPALIGN_INT, &groups, &nulls,
                      &rollup->group_count);
    if (rollup->group_count > INDEX_MAX_KEYS)
        raise_parameter("group_by has too many expressions");
    rollup->groups = static_cast<const char **>(palloc((rollup->group_count + 1) * sizeof(char *)));
    for (int i = 0; i < rollup->group_count; ++i) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("group_by must not contain null")));
        rollup->groups[i] = TextDatumGetCString(groups[i]);
    }
}

// The lock makes transactions that create rollups for the same owner wait for each other.
void require_room(Oid source) {
    if (max_rollups_per_owner == 0)
        return;
    const Oid owner = owner_of(source);
    LockSharedObject(AuthIdRelationId, owner, 0, ShareUpdateExclusiveLock);
    int count = 0;
    for (const RollupSource &rollup : list_rollups(nullptr))
        count += owner_of(rollup.source) == owner;
    if (count >= max_rollups_per_owner)
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("role \"%s\" has %d rollups in this database, and pg_topk.max_rollups_per_owner is %d",
                               GetUserNameFromId(owner, false), count, max_rollups_per_owner),
                        errhint("Drop a rollup first, or have a superuser raise the limit.")));
}

void insert(RollupDefinition *rollup, bool backfill) {
    as_owner([&] {
        insert_rollup(rollup);
        insert_state(rollup->id, backfill ? Backfill::wanted : Backfill::none);
    });
}

// Sets the id.
bool skip_existing(RollupDefinition *rollup, Oid schema) {
    rollup->id = holder_of(schema, rollup->name);
    if (rollup->id == 0)
        return false;
    ereport(NOTICE, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("rollup \"%s\" already exists, skipping", rollup->name)));
    return true;
}

// The parameters that need no source.
void set_options(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    rollup->k = checked_k(PG_GETARG_INT32(arg_k), max_capacity);
    const int32 capacity = PG_ARGISNULL(arg_capacity)
                               ? Max(1000, 20 * rollup->k)
                               : checked_range("capacity", PG_GETARG_INT32(arg_capacity), 1, max_capacity);
    checked_k(rollup->k, static_cast<uint32_t>(capacity));
    rollup->max_groups = checked_max_groups(PG_GETARG_INT32(arg_max_groups));
    const int32 width = PG_GETARG_INT32(arg_width), depth = PG_GETARG_INT32(arg_depth);
    check_sketch(width, depth);
    rollup->shape.capacity = static_cast<uint32_t>(capacity);
    rollup->shape.width = static_cast<uint32_t>(width);
    rollup->shape.depth = static_cast<uint32_t>(depth);
    rollup->grain = checked_grain(PG_GETARG_INTERVAL_P(arg_grain));
    check_windows(PG_GETARG_ARRAYTYPE_P(arg_windows), rollup->windows);
    rollup->zone = PG_ARGISNULL(arg_timezone) ? "UTC" : text_argument(fcinfo, arg_timezone);
    find_zone(rollup->zone);
}

// Settings must be pinned.
void set_times(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    const Retention retention =
        checked_retention(PG_ARGISNULL(arg_retention) ? nullptr : PG_GETARG_VARLENA_P(arg_retention), nullptr);
    rollup->retention = retention.jsonb;
    rollup->accept_past = PG_ARGISNULL(arg_accept_past)
                              ? retention.longest
                              : *checked_interval("accept_past", PG_GETARG_INTERVAL_P(arg_accept_past));
    rollup->accept_future = *checked_interval("accept_future", PG_GETARG_INTERVAL_P(arg_accept_future));
}

void set_metadata(FunctionCallInfo fcinfo, RollupDefinition *rollup) {
    if (PG_ARGISNULL(arg_metadata) != PG_ARGISNULL(arg_metadata_key))
        raise_parameter("metadata and metadata_key must be given together");
    if (PG_ARGISNULL(arg_metadata))
        return;
    rollup->metadata = PG_GETARG_OID(arg_metadata);
    rollup->metadata_key = NameStr(*PG_GETARG_NAME(arg_metadata_key));
    check_metadata(rollup->metadata, rollup->metadata_key, rollup->shape.kind);
}

bool keep_the_same_time(pg_tz *a, pg_tz *b) {
    const TimestampTz now = GetCurrentTransactionStartTimestamp();
    for (int quarter = 0; quarter < 4; ++quarter) { // summer and winter
        struct pg_tm tm;
        fsec_t fraction;
        int offset_a, offset_b;
        const TimestampTz t = now + quarter * 91 * USECS_PER_DAY;
        if (timestamp2tm(t, &offset_a, &tm, &fraction, nullptr, a) != 0 ||
            timestamp2tm(t, &offset_b, &tm, &fraction, nullptr, b) != 0 || offset_a != offset_b)
            return false;
    }
    return true;
}

// Rows get their local time from sessions, as a rule.
void tell_of_time_zone(const RollupDefinition &rollup, const Expressions &expressions, pg_tz *session) {
    const Oid type = exprType(static_cast<const Node *>(lsecond(expressions.written)));
    if ((type != TIMESTAMPOID && type != DATEOID) || keep_the_same_time(find_zone(rollup.zone), session))
        return;
    const char *const name = pg_get_timezone_name(session);
    ereport(NOTICE,
            (errmsg("event_time is taken as local time of %s, because its type is %s", rollup.zone, format_type_be(type)),
             errdetail("The time zone of this session is %s.", name),
             errhint("If the rows have the time of %s, create the rollup with timezone => %s.", name,
                     quote_literal_cstr(name))));
}

void tell_of_backfill(const RollupDefinition &rollup, const char *source) {
    const bool by_worker = stream::folder() != stream::Folder::nobody;
    ereport(NOTICE,
            (errmsg(by_worker ? "a background worker will count the rows that \"%s\" has already"
                              : "the rows that \"%s\" has already wait to be counted, because no background worker runs",
                    source),
             by_worker
                 ? errhint("The view topk.backfills shows how far it is. topk.backfill(%s) counts them at once.",
                           name_literal(rollup.source, rollup.name))
                 : errhint("CALL topk.run() or SELECT topk.backfill(%s) counts them.",
                           name_literal(rollup.source, rollup.name))));
}

// Citus brings rollups to all nodes from one of them, and what it does not distribute would be counted several times, or not
// at all. Returns the identity of the rollup, or nullptr for one of this database alone.
const char *identity_of(Relation source, bool backfill) {
    const char *name = RelationGetRelationName(source);
    const char *reason = nullptr;
    switch (distribution_of(RelationGetRelid(source))) {
        case Distribution::none: return nullptr;
        case Distribution::copies: reason = "because Citus stores its rows several times"; break;
        case Distribution::one_node: reason = "because Citus manages it as a local table"; break;
        case Distribution::shards: break;
    }
    if (reason != nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot create a rollup on \"%s\", %s", name, reason),
                        errhint("Create a stream with a rollup on each node (docs/citus.md).")));
    if (!is_coordinator())
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot create a rollup on distributed table \"%s\" on this node", name),
                        errhint("Call topk.create_rollup() on the coordinator.")));
    if (backfill)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot backfill from distributed table \"%s\"", name),
                 errdetail("Each node counts the rows that are inserted into its shards from now on.")));
    return as_owner([] { return make_identity(); });
}

} // namespace

int32 create_rollup(FunctionCallInfo fcinfo, const char *identity) {
    PreventCommandDuringRecovery("topk.create_rollup()");
    require_arguments(fcinfo);
    const RollupName name = parse_rollup_name(text_argument(fcinfo, arg_name));
    RollupDefinition rollup = {};
    rollup.name = name.name;
    set_options(fcinfo, &rollup);
    const bool backfill = PG_GETARG_BOOL(arg_backfill);

    const Oid oid = PG_GETARG_OID(arg_source);
    Relation source = open_source(oid);
    require_schema(source, name.schema);
    const Oid schema = RelationGetNamespace(source);
    if (backfill && source->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cannot backfill from stream \"%s\"", RelationGetRelationName(source)),
                        errdetail("Streams keep no rows.")));
    rollup.source = oid;
    if (PG_GETARG_BOOL(arg_if_not_exists) && skip_existing(&rollup, schema)) {
        table_close(source, NoLock);
        return rollup.id;
    }
    rollup.identity = identity != nullptr ? identity : identity_of(source, backfill);
    set_texts(fcinfo, &rollup);
    const Expressions expressions = parse_expressions(source, &rollup, false); // under the user's settings
    rollup.shape.kind = item_kind(static_cast<const Expr *>(linitial(expressions.written)));
    set_metadata(fcinfo, &rollup);
    if (PG_ARGISNULL(arg_timezone))
        tell_of_time_zone(rollup, expressions, session_timezone);

    const int level = pin_settings();
    set_times(fcinfo, &rollup);
    print_expressions(source, expressions, &rollup);
    // Waits for a transaction that holds the name, before a lock behind which INSERTs would wait.
    lock_name(schema, rollup.name);
    if (PG_GETARG_BOOL(arg_if_not_exists) && skip_existing(&rollup, schema)) {
        unpin_settings(level);
        table_close(source, NoLock);
        return rollup.id;
    }
    claim_name(schema, rollup.name, 0);
    require_room(oid);
    insert(&rollup, backfill);

    table_close(source, NoLock);
    CommandCounterIncrement();
    lock_sources({{oid, ShareRowExclusiveLock}});
    connect_rollup(&rollup, expressions);
    unpin_settings(level);
    if (backfill)
        tell_of_backfill(rollup, get_rel_name(oid));
    if (backfill && backfill_requested_hook != nullptr)
        backfill_requested_hook();
    return rollup.id;
}

} // namespace topk::define

TOPK_FUNCTION(topk_create_rollup, Int32GetDatum(topk::define::create_rollup(fcinfo, nullptr)))
