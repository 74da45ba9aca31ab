#include "capture.h"

#include "counter.h"
#include "delta_log.h"
#include "limits.h"
#include "../catalog/as_owner.h"
#include "../catalog/citus.h"

extern "C" {
#include "storage/proc.h"
}

namespace topk::stream {
namespace {

// How a value of a row is found: in a column as it stands, or by evaluating an expression.
struct Getter {
    AttrNumber column; // 0: none
    ExprState *state;  // nullptr, and column 0: the rollup has no such expression
};

struct RollupCapture {
    const Rollup *rollup;
    RollupCount *count; // nullptr: no row counts so far
    Getter item, time, weight, filter;
    Getter *groups;
    Datum *group_values;
    bool *group_is_null;
};

// The rollups of one table: the source of the rows, or one that it is a partition of.
struct Target {
    Relation ancestor;       // nullptr: the source itself
    TupleConversionMap *map; // nullptr: the rows are as in the source
    TupleTableSlot *slot;    // nullptr without map
    AttrNumber last_column;  // that getters take from the row
    int rollup_count;
    RollupCapture *rollups;
};

} // namespace

struct Capture {
    dlist_node node;
    bool listed;
    SubTransactionId subtransaction;
    MemoryContext context;
    const Source *source;
    EState *estate; // nullptr while there are no expressions to evaluate
    ExprContext *econtext;
    MemoryContext per_row;
    int pinned; // settings for all rows, as pin_settings() returned it; 0: row by row
    Counter *counter;
    Limits *limits; // nullptr: none
    int target_count;
    Target *targets;
};

namespace {

dlist_head unfinished = DLIST_STATIC_INIT(unfinished);

// The node comes first; C's macro for this does not compile as C++.
Capture *capture_of(dlist_node *node) { return reinterpret_cast<Capture *>(node); }
static_assert(offsetof(Capture, node) == 0);

void unlist(Capture *capture) {
    if (capture->listed)
        dlist_delete(&capture->node);
    capture->listed = false;
}

void at_context_end(void *arg) { unlist(static_cast<Capture *>(arg)); }

void at_transaction_event(XactEvent event, void *) {
    switch (event) {
        case XACT_EVENT_PRE_COMMIT:
        case XACT_EVENT_PARALLEL_PRE_COMMIT:
        case XACT_EVENT_PRE_PREPARE:
            if (!dlist_is_empty(&unfinished))
                elog(ERROR, "a statement ended without appending what it counted");
            return;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PARALLEL_ABORT:
            while (!dlist_is_empty(&unfinished))
                unlist(capture_of(unfinished.head.next));
            return;
        default: return;
    }
}

// A statement that failed takes its captures with it, but perhaps not at once its memory.
void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *) {
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
        return;
    dlist_node *next;
    for (dlist_node *at = unfinished.head.next; at != &unfinished.head; at = next) {
        next = at->next;
        Capture *capture = capture_of(at);
        if (capture->subtransaction != self)
            continue;
        if (event == SUBXACT_EVENT_ABORT_SUB)
            unlist(capture);
        else
            capture->subtransaction = parent;
    }
}

void list(Capture *capture) {
    static bool registered = false;
    if (!registered) {
        RegisterXactCallback(at_transaction_event, nullptr);
        RegisterSubXactCallback(at_subtransaction_event, nullptr);
        registered = true;
    }
    auto *callback = static_cast<MemoryContextCallback *>(palloc(sizeof(MemoryContextCallback)));
    callback->func = at_context_end;
    callback->arg = capture;
    MemoryContextRegisterResetCallback(capture->context, callback);
    capture->subtransaction = GetCurrentSubTransactionId();
    dlist_push_tail(&unfinished, &capture->node);
    capture->listed = true;
}

Getter make_getter(Capture *capture, Target *target, Expr *expression) {
    Getter getter = {0, nullptr};
    if (expression == nullptr)
        return getter;
    const Expr *inner = expression;
    while (IsA(inner, RelabelType))
        inner = reinterpret_cast<const RelabelType *>(inner)->arg;
    if (IsA(inner, Var) && reinterpret_cast<const Var *>(inner)->varattno > 0) {
        getter.column = reinterpret_cast<const Var *>(inner)->varattno;
        target->last_column = Max(target->last_column, getter.column);
        return getter;
    }
    if (capture->estate == nullptr) {
        capture->estate = CreateExecutorState();
        capture->econtext = GetPerTupleExprContext(capture->estate);
        capture->per_row = capture->econtext->ecxt_per_tuple_memory;
    }
    getter.state = ExecInitExpr(expression, nullptr);
    return getter;
}

RollupCapture make_rollup(Capture *capture, Target *target, const Rollup *rollup) {
    if (rollup->moved)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("another database has taken over rollup \"%s\"", rollup->name),
                        errhint("Insert there; or drop the rollup here with topk.drop_rollup().")));
    RollupCapture r = {};
    r.rollup = rollup;
    r.item = make_getter(capture, target, rollup->item);
    r.time = make_getter(capture, target, rollup->time);
    r.weight = make_getter(capture, target, rollup->weight);
    r.filter = make_getter(capture, target, rollup->filter);
    if (rollup->group_count != 0) {
        r.groups = static_cast<Getter *>(palloc(rollup->group_count * sizeof(Getter)));
        r.group_values = static_cast<Datum *>(palloc(rollup->group_count * sizeof(Datum)));
        r.group_is_null = static_cast<bool *>(palloc(rollup->group_count * sizeof(bool)));
        for (int i = 0; i < rollup->group_count; ++i)
            r.groups[i] = make_getter(capture, target, rollup->groups[i]);
    }
    return r;
}

void add_target(Capture *capture, Relation relation, const Source *source, Relation from) {
    Target *target = &capture->targets[capture->target_count++];
    *target = {};
    if (relation != from) {
        target->ancestor = relation;
        target->map = convert_tuples_by_name(RelationGetDescr(from), RelationGetDescr(relation));
        if (target->map != nullptr)
            target->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
    }
    target->rollups = static_cast<RollupCapture *>(palloc(source->rollup_count * sizeof(RollupCapture)));
    for (int i = 0; i < source->rollup_count; ++i)
        target->rollups[target->rollup_count++] = make_rollup(capture, target, &source->rollups[i]);
}

// Other tables than that of the statement. Of a distributed table, a statement on a shard must not wait for the lock as long
// as it takes: a change of the table holds it on this node, and may itself wait on another node for the session that this
// statement is part of, which no node can find out.
Relation open_table(Oid table, bool of_shard) {
    const TimestampTz until = of_shard ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), DeadlockTimeout) : DT_NOEND;
    while (of_shard && !ConditionalLockRelationOid(table, AccessShareLock)) {
        if (GetCurrentTimestamp() > until)
            ereport(ERROR,
                    (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                     errmsg("could not lock distributed table \"%s\" to count its rows", get_rel_name(table)),
                     errhint("A statement changes the table. Try again when it is over. If this transaction has changed "
                             "it, begin the transaction with SET LOCAL citus.multi_shard_modify_mode = "
                             "'sequential'.")));
        CHECK_FOR_INTERRUPTS();
        pg_usleep(1000);
    }
    return table_open(table, of_shard ? NoLock : AccessShareLock);
}

inline Datum get(const Capture *capture, const Getter &getter, const TupleTableSlot *slot, bool *null) {
    if (getter.column != 0) [[likely]] {
        *null = slot->tts_isnull[getter.column - 1];
        return slot->tts_values[getter.column - 1];
    }
    return ExecEvalExpr(getter.state, capture->econtext, null);
}

inline bool present(const Getter &getter) { return getter.column != 0 || getter.state != nullptr; }

void read_item_of(Kind kind, Datum value, pg::ItemBytes &bytes) {
    switch (kind) {
        case Kind::bigint: return pg::read_item<Kind::bigint>(value, bytes);
        case Kind::uuid: return pg::read_item<Kind::uuid>(value, bytes);
        default: return pg::read_item<Kind::text>(value, bytes);
    }
}

void capture_rollup(Capture *capture, RollupCapture *r, TupleTableSlot *slot) {
    bool null;
    if (present(r->filter)) {
        const Datum value = get(capture, r->filter, slot, &null);
        if (null || !DatumGetBool(value))
            return;
    }
    const Datum item = get(capture, r->item, slot, &null);
    if (null)
        return;
    if (capture->limits != nullptr) [[unlikely]]
        check_item(capture->limits, r->rollup->name, r->rollup->shape.kind, item);
    Event event;
    event.weight = 1;
    if (present(r->weight)) {
        const int64 weight = DatumGetInt64(get(capture, r->weight, slot, &null));
        if (null)
            return;
        if (weight < 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("weight must not be negative"),
                            errdetail("Rollup \"%s\" got a weight of " INT64_FORMAT ".", r->rollup->name, weight)));
        event.weight = static_cast<uint64_t>(weight);
    }
    event.time = DatumGetTimestampTz(get(capture, r->time, slot, &event.time_is_null));
    for (int i = 0; i < r->rollup->group_count; ++i)
        r->group_values[i] = get(capture, r->groups[i], slot, &r->group_is_null[i]);
    event.groups = r->group_values;
    event.group_is_null = r->group_is_null;
    pg::ItemBytes bytes;
    read_item_of(r->rollup->shape.kind, item, bytes);
    event.item = bytes.data;
    event.item_length = bytes.length;
    if (r->count == nullptr) [[unlikely]]
        r->count = add_rollup(capture->counter, r->rollup);
    count_event(capture->counter, r->count, event);
}

// An expression that depends on settings means the same in every session, so that one day is one item.
void capture_pinned(Capture *capture, RollupCapture *r, TupleTableSlot *slot) {
    if (r->rollup->settings == Settings::none || capture->pinned != 0) [[likely]] {
        capture_rollup(capture, r, slot);
        return;
    }
    const int settings = pin_settings(r->rollup->zone, r->rollup->settings);
    capture_rollup(capture, r, slot);
    unpin_settings(settings);
}

} // namespace

namespace {

// table: the one whose rollups count the rows. It is closed with the capture if it is another relation.
Capture *begin(Relation relation, Relation table, Ancestors ancestors) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk capture", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto *capture = static_cast<Capture *>(palloc0(sizeof(Capture)));
    capture->context = context;
    const Source *source = capture->source = pin_source(table);
    const int ancestor_count = ancestors == Ancestors::yes ? source->ancestor_count : 0;
    capture->targets = static_cast<Target *>(palloc((1 + ancestor_count) * sizeof(Target)));
    if (source->rollup_count != 0)
        add_target(capture, table, source, relation);
    for (int i = 0; i < ancestor_count; ++i) {
        Relation ancestor = open_table(source->ancestors[i], table != relation);
        const Source *above = pin_source(ancestor);
        if (above->rollup_count != 0)
            add_target(capture, ancestor, above, relation);
        else
            table_close(ancestor, NoLock);
    }
    if (capture->target_count != 0) {
        if (capture->per_row == nullptr)
            capture->per_row = AllocSetContextCreate(context, "pg_topk row", ALLOCSET_SMALL_SIZES);
        capture->limits = find_limits(table, source->ancestors, source->ancestor_count);
        if (capture_hook != nullptr)
            capture_hook();
        capture->counter = begin_counting();
        list(capture);
    }
    if (source->rollup_count == 0 && table != relation)
        table_close(table, NoLock);
    MemoryContextSwitchTo(caller);
    return capture;
}

[[noreturn]] void raise_not_counted(Relation shard, const char *detail) {
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         errmsg("the rows of shard \"%s\" would not be counted", RelationGetRelationName(shard)), errdetail("%s", detail),
         errhint("If the rollups or the cluster are being changed, try again afterwards. If this transaction has changed "
                 "them, commit first, or begin it with SET LOCAL citus.multi_shard_modify_mode = 'sequential'.")));
    pg_unreachable();
}

} // namespace

Capture *begin_capture(Relation relation, Ancestors ancestors) { return begin(relation, relation, ancestors); }

Capture *begin_capture_of_shard(Relation relation, int definitions) {
    // A table that is no shard: a dump of a distributed table was restored here.
    if (!has_citus() || pin_source(relation)->rollup_count != 0)
        return begin_capture(relation, Ancestors::yes);
    const Oid distributed = table_of_shard(RelationGetRelid(relation));
    if (!OidIsValid(distributed))
        raise_not_counted(relation, "This node does not know whose shard it is.");
    Capture *capture = begin(relation, open_table(distributed, true), Ancestors::yes);
    int count = 0;
    for (int i = 0; i < capture->target_count; ++i)
        count += capture->targets[i].rollup_count;
    if (count != definitions)
        raise_not_counted(relation,
                          psprintf("Its trigger counts for %d rollups, and this node has %d of them.", definitions, count));
    return capture;
}

bool has_rollups(const Capture *capture) { return capture->target_count != 0; }

void warn_without_rollups(const Capture *capture, Relation relation) {
    // Asked each time: a table may become a shard after the session has seen it.
    if (OidIsValid(table_of_shard(RelationGetRelid(relation))))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("the rows of shard \"%s\" would not be counted", RelationGetRelationName(relation)),
                        errdetail("Citus has given it the trigger of a table with rollups, which shards do not have."),
                        errhint("Drop the trigger that calls topk.capture() (docs/citus.md).")));
    if (capture->source->warned)
        return;
    capture->source->warned = true;
    const bool stream = relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE;
    ereport(WARNING,
            (errmsg(stream ? "stream \"%s\" has no rollup: its rows are not counted"
                           : "table \"%s\" has a capture trigger but no rollup: its rows are not counted",
                    RelationGetRelationName(relation)),
             stream ? errhint("Create one with topk.create_rollup().")
                    : errhint("Create one with topk.create_rollup(), or drop the trigger that calls topk.capture().")));
}

void pin_for_all_rows(Capture *capture) {
    pg_tz *zone = nullptr;
    for (int i = 0; i < capture->target_count; ++i)
        for (int j = 0; j < capture->targets[i].rollup_count; ++j) {
            const Rollup *rollup = capture->targets[i].rollups[j].rollup;
            if (rollup->settings == Settings::none)
                continue;
            if (zone != nullptr && zone != rollup->zone)
                return;
            zone = rollup->zone;
        }
    if (zone != nullptr)
        capture->pinned = pin_settings(zone);
}

void expect_rows(Capture *capture, int64 rows) {
    if (capture->limits != nullptr)
        take_quota(capture->limits, rows);
}

void capture_slot(Capture *capture, TupleTableSlot *slot) {
    if (capture->target_count == 0)
        return;
    if (capture->limits != nullptr) [[unlikely]]
        check_row(capture->limits, slot);
    MemoryContext caller = MemoryContextSwitchTo(capture->per_row);
    for (int i = 0; i < capture->target_count; ++i) {
        Target *target = &capture->targets[i];
        TupleTableSlot *row = slot;
        if (target->map != nullptr)
            row = execute_attr_map_slot(target->map->attrMap, slot, target->slot);
        slot_getsomeattrs(row, target->last_column);
        if (capture->econtext != nullptr)
            capture->econtext->ecxt_scantuple = row;
        for (int j = 0; j < target->rollup_count; ++j)
            capture_pinned(capture, &target->rollups[j], row);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextReset(capture->per_row);
}

void finish_capture(Capture *capture) {
    if (capture->target_count != 0) {
        MemoryContext caller = MemoryContextSwitchTo(capture->context);
        if (capture->limits != nullptr)
            take_quota(capture->limits, capture->limits->rows);
        finish_counting(capture->counter);
        MemoryContextSwitchTo(caller);
        if (capture->pinned != 0)
            unpin_settings(capture->pinned);
        unlist(capture);
        for (int i = 0; i < capture->target_count; ++i) {
            const Target *target = &capture->targets[i];
            if (target->slot != nullptr)
                ExecDropSingleTupleTableSlot(target->slot);
            if (target->ancestor != nullptr)
                table_close(target->ancestor, NoLock);
        }
        if (capture->estate != nullptr)
            FreeExecutorState(capture->estate);
    }
    MemoryContextDelete(capture->context);
}

} // namespace topk::stream
