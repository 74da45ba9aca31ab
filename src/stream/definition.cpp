#include "definition.h"

#include "../catalog/as_owner.h"
#include "../catalog/calendar.h"
#include "../catalog/moved.h"
#include "../catalog/session.h"
#include "../catalog/tables.h"
#include "../pg/relcache.h"
#include "expressions.h"

namespace topk::stream {
namespace {

struct CachedSource {
    Oid relation; // key of the cache
    Source source;
    MemoryContext context;
    int pins;
    bool stale; // no longer in the cache
};

struct CacheEntry {
    Oid relation;
    CachedSource *cached;
};

HTAB *cache = nullptr;
uint64 changes = 0; // invalidations so far

void drop(CacheEntry *entry) {
    CachedSource *cached = entry->cached;
    hash_search(cache, &entry->relation, HASH_REMOVE, nullptr);
    cached->stale = true;
    if (cached->pins == 0)
        MemoryContextDelete(cached->context);
}

void drop_relation(Oid relation) {
    ++changes;
    if (OidIsValid(relation)) {
        if (auto *entry = static_cast<CacheEntry *>(hash_search(cache, &relation, HASH_FIND, nullptr)))
            drop(entry);
        return;
    }
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, cache);
    while (auto *entry = static_cast<CacheEntry *>(hash_seq_search(&status)))
        drop(entry);
}

// Functions that are inlined, types, and names that expressions are parsed with.
void drop_all(Datum, int, uint32) { drop_relation(InvalidOid); }

void make_cache() {
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(CacheEntry);
    control.hcxt = CacheMemoryContext;
    cache = hash_create("pg_topk sources", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    pg::on_relation_change(drop_relation);
    for (const auto id : {PROCOID, TYPEOID, OPEROID, NAMESPACEOID, CASTSOURCETARGET})
        CacheRegisterSyscacheCallback(id, drop_all, (Datum)0);
}

void unpin(void *arg) {
    auto *cached = static_cast<CachedSource *>(arg);
    if (--cached->pins == 0 && cached->stale)
        MemoryContextDelete(cached->context);
}

// PostgreSQL leaves stored generated columns out of a row that it routes to a partition with another order of columns, as
// far as triggers see it. So they are computed where they are missing.
Node *fill_generated(Node *node, void *context) {
    if (node == nullptr)
        return nullptr;
    auto *source = static_cast<Relation>(context);
    if (IsA(node, Var)) {
        const auto *var = reinterpret_cast<Var *>(node);
        if (TupleDescAttr(RelationGetDescr(source), var->varattno - 1)->attgenerated != ATTRIBUTE_GENERATED_STORED)
            return node;
        CoalesceExpr *filled = makeNode(CoalesceExpr);
        filled->coalescetype = var->vartype;
        filled->coalescecollid = var->varcollid;
        filled->args = list_make2(node, build_column_default(source, var->varattno));
        filled->location = -1;
        return reinterpret_cast<Node *>(filled);
    }
    return pg::mutate_expression(node, fill_generated, context);
}

// Ready to be executed.
Expr *plan(Relation source, Expr *expression) {
    if (expression == nullptr)
        return nullptr;
    auto *node = reinterpret_cast<Node *>(expression);
#if PG_VERSION_NUM >= 180000
    node = expand_generated_columns_in_expr(node, source, 1); // virtual ones have no value in a row
#endif
    if (source->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
        node = fill_generated(node, source);
    return expression_planner(reinterpret_cast<Expr *>(node));
}

Expr *copy(Expr *expression) { return static_cast<Expr *>(copyObjectImpl(expression)); }

// Into the current context, from garbage in a context of its own.
void prepare(Rollup *rollup, Relation source, const RollupDefinition *row, MemoryContext scratch) {
    MemoryContext context = MemoryContextSwitchTo(scratch);
    List *planned = NIL;
    ListCell *cell;
    foreach (cell, read_expressions(source, row).coerced)
        planned = lappend(planned, plan(source, static_cast<Expr *>(lfirst(cell))));
    rollup->settings = read_settings(reinterpret_cast<Node *>(planned));
    MemoryContextSwitchTo(context);

    rollup->id = row->id;
    rollup->name = pstrdup(row->name);
    rollup->shape = row->shape;
    rollup->zone = find_zone(row->zone);
    rollup->grain = row->grain;
    rollup->accept_past = row->accept_past;
    rollup->accept_future = row->accept_future;
    rollup->moved = has_moved_out(row->id, nullptr);
    auto **expressions = static_cast<Expr **>(palloc(list_length(planned) * sizeof(Expr *)));
    for (int i = 0; i < list_length(planned); ++i)
        expressions[i] = copy(static_cast<Expr *>(list_nth(planned, i)));
    rollup->item = expressions[0];
    rollup->time = expressions[1];
    rollup->weight = expressions[2];
    rollup->filter = expressions[3];
    rollup->groups = expressions + 4;
    rollup->group_count = list_length(planned) - 4;
}

CachedSource *load(Relation relation) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk source", ALLOCSET_SMALL_SIZES);
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk parsing", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    List *rows = read_definitions(RelationGetRelid(relation));
    List *ancestors = relation->rd_rel->relispartition ? get_partition_ancestors(RelationGetRelid(relation)) : NIL;

    MemoryContextSwitchTo(context);
    auto *cached = static_cast<CachedSource *>(palloc0(sizeof(CachedSource)));
    cached->relation = RelationGetRelid(relation);
    cached->context = context;
    Source &source = cached->source;
    source.rollups = static_cast<Rollup *>(palloc0((list_length(rows) + 1) * sizeof(Rollup)));
    source.ancestors = static_cast<Oid *>(palloc((list_length(ancestors) + 1) * sizeof(Oid)));
    ListCell *cell;
    foreach (cell, ancestors)
        source.ancestors[source.ancestor_count++] = lfirst_oid(cell);
    if (rows != NIL) {
        // Literals of a user's types and functions of constants run here, whoever is the first to insert.
        as_source_owner(relation->rd_rel->relowner, nullptr, [&] {
            foreach (cell, rows)
                prepare(&source.rollups[source.rollup_count++], relation, static_cast<RollupDefinition *>(lfirst(cell)),
                        scratch);
        });
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
    return cached;
}

} // namespace

const Source *pin_source(Relation relation) {
    if (cache == nullptr)
        make_cache();
    const Oid oid = RelationGetRelid(relation);
    auto *callback = static_cast<MemoryContextCallback *>(palloc(sizeof(MemoryContextCallback)));
    auto *entry = static_cast<CacheEntry *>(hash_search(cache, &oid, HASH_FIND, nullptr));
    CachedSource *cached;
    if (entry != nullptr) [[likely]] {
        cached = entry->cached;
    } else {
        const uint64 before = changes;
        cached = load(relation);
        bool found = true;
        // A change that was committed during the reading may be missing. This statement may use the result all the same,
        // since it holds its locks from before; later ones may not.
        if (changes == before)
            entry = static_cast<CacheEntry *>(hash_search(cache, &oid, HASH_ENTER, &found));
        cached->stale = found;
        if (!found)
            entry->cached = cached;
        MemoryContextSetParent(cached->context, CacheMemoryContext);
    }
    ++cached->pins;
    callback->func = unpin;
    callback->arg = cached;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    return &cached->source;
}

} // namespace topk::stream
