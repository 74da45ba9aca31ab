#include "definition.h"

#include "../catalog/as_owner.h"
#include "../catalog/calendar.h"
#include "../catalog/tables.h"

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

void drop_relation(Datum, Oid relation) {
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
void drop_all(Datum, int, uint32) { drop_relation((Datum)0, InvalidOid); }

void make_cache() {
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(CacheEntry);
    control.hcxt = CacheMemoryContext;
    cache = hash_create("pg_topk sources", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(drop_relation, (Datum)0);
    for (const auto id : {PROCOID, TYPEOID, OPEROID, NAMESPACEOID, CASTSOURCETARGET})
        CacheRegisterSyscacheCallback(id, drop_all, (Datum)0);
}

void unpin(void *arg) {
    auto *cached = static_cast<CachedSource *>(arg);
    if (--cached->pins == 0 && cached->stale)
        MemoryContextDelete(cached->context);
}

// The names in topk.rollup.columns, by attribute number. They are only trusted for the table that they were written for:
// after a restore the numbers mean nothing, but the names do.
List *column_names(Relation source, Datum columns, Oid source_oid) {
    if (source_oid != RelationGetRelid(source))
        return NIL;
    const TupleDesc descriptor = RelationGetDescr(source);
    List *names = NIL;
    for (int i = 0; i < descriptor->natts; ++i) {
        if (TupleDescAttr(descriptor, i)->attisdropped)
            continue;
        char key[12];
        pg_snprintf(key, sizeof(key), "%d", i + 1);
        JsonbValue buffer;
        const JsonbValue *name =
            getKeyJsonValueFromContainer(&DatumGetJsonbP(columns)->root, key, static_cast<int>(strlen(key)), &buffer);
        // A column that is not used goes without a name: it could now have one of the stored names.
        const char *text =
            name == nullptr || name->type != jbvString ? "" : pnstrdup(name->val.string.val, name->val.string.len);
        names = lappend(names, makeString(const_cast<char *>(text)));
    }
    return names;
}

const char *text_or_null(const Datum *values, const bool *nulls, int column) {
    return nulls[column - 1] ? nullptr : TextDatumGetCString(values[column - 1]);
}

StoredRollup *read_rollup(Relation source, TupleDesc descriptor, HeapTuple tuple) {
    auto *row = static_cast<StoredRollup *>(palloc0(sizeof(StoredRollup)));
    row->values = static_cast<Datum *>(palloc(descriptor->natts * sizeof(Datum)));
    row->nulls = static_cast<bool *>(palloc(descriptor->natts * sizeof(bool)));
    heap_deform_tuple(heap_copytuple(tuple), descriptor, row->values, row->nulls);
    row->id = DatumGetInt32(row->values[rollup_id - 1]);
    row->name = text_or_null(row->values, row->nulls, rollup_name);
    row->kind = kind_of_letter(DatumGetChar(row->values[rollup_item_kind - 1]));
    row->zone = text_or_null(row->values, row->nulls, rollup_timezone);
    row->item = text_or_null(row->values, row->nulls, rollup_item);
    row->time = text_or_null(row->values, row->nulls, rollup_time);
    row->weight = text_or_null(row->values, row->nulls, rollup_weight);
    row->filter = text_or_null(row->values, row->nulls, rollup_filter);
    Datum *groups;
    bool *group_is_null;
    deconstruct_array(DatumGetArrayTypeP(row->values[rollup_group_by - 1]), TEXTOID, -1, false, TYPALIGN_INT, &groups,
                      &group_is_null, &row->group_count);
    row->groups = static_cast<const char **>(palloc((row->group_count + 1) * sizeof(char *)));
    for (int i = 0; i < row->group_count; ++i)
        row->groups[i] = TextDatumGetCString(groups[i]);
    row->columns =
        column_names(source, row->values[rollup_columns - 1], DatumGetObjectId(row->values[rollup_source_oid - 1]));
    return row;
}

int compare_ids(const ListCell *a, const ListCell *b) {
    const int32 x = static_cast<const StoredRollup *>(lfirst(a))->id, y = static_cast<const StoredRollup *>(lfirst(b))->id;
    return x < y ? -1 : x > y;
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
#if PG_VERSION_NUM >= 160000
    return expression_tree_mutator(node, fill_generated, context);
#else
    return expression_tree_mutator(node, reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(fill_generated)),
                                   context);
#endif
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
void prepare(Rollup *rollup, Relation source, const StoredRollup *row, MemoryContext scratch) {
    MemoryContext context = MemoryContextSwitchTo(scratch);
    Expressions expressions = parse_stored(source, row);
    expressions.item = plan(source, expressions.item);
    expressions.time = plan(source, expressions.time);
    expressions.weight = plan(source, expressions.weight);
    expressions.filter = plan(source, expressions.filter);
    for (int i = 0; i < expressions.group_count; ++i)
        expressions.groups[i] = plan(source, expressions.groups[i]);
    List *all = list_make4(expressions.item, expressions.time, expressions.weight, expressions.filter);
    for (int i = 0; i < expressions.group_count; ++i)
        all = lappend(all, expressions.groups[i]);
    rollup->reads_settings = contain_mutable_functions(reinterpret_cast<Node *>(all));
    MemoryContextSwitchTo(context);

    rollup->id = row->id;
    rollup->name = pstrdup(row->name);
    rollup->shape.capacity = DatumGetInt32(row->values[rollup_capacity - 1]);
    rollup->shape.width = DatumGetInt32(row->values[rollup_width - 1]);
    rollup->shape.depth = DatumGetInt32(row->values[rollup_depth - 1]);
    rollup->shape.kind = row->kind;
    rollup->zone = find_zone(row->zone);
    rollup->grain = DatumGetIntervalP(row->values[rollup_grain - 1])->time;
    rollup->accept_past = *DatumGetIntervalP(row->values[rollup_accept_past - 1]);
    rollup->accept_future = *DatumGetIntervalP(row->values[rollup_accept_future - 1]);
    rollup->item = copy(expressions.item);
    rollup->time = copy(expressions.time);
    rollup->weight = copy(expressions.weight);
    rollup->filter = copy(expressions.filter);
    rollup->group_count = expressions.group_count;
    rollup->groups = static_cast<Expr **>(palloc((expressions.group_count + 1) * sizeof(Expr *)));
    for (int i = 0; i < expressions.group_count; ++i)
        rollup->groups[i] = copy(expressions.groups[i]);
}

CachedSource *load(Relation relation) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk source", ALLOCSET_SMALL_SIZES);
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk parsing", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    List *rows = read_rollups(relation);
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
                prepare(&source.rollups[source.rollup_count++], relation, static_cast<StoredRollup *>(lfirst(cell)),
                        scratch);
        });
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
    return cached;
}

} // namespace

List *read_rollups(Relation source) {
    Relation relation = table_open(table_oid(Table::rollup), AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, rollup_source, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(source)));
    const Oid index = get_relname_relid("rollup_source", RelationGetNamespace(relation));
    // Without a snapshot it reads what is committed now: a transaction with an old one must count for new rollups too.
    SysScanDesc scan = systable_beginscan(relation, index, OidIsValid(index), nullptr, 1, &key);
    List *rows = NIL;
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        rows = lappend(rows, read_rollup(source, RelationGetDescr(relation), tuple));
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    list_sort(rows, compare_ids);
    return rows;
}

Expressions parse_stored(Relation source, const StoredRollup *stored) {
    const ParseScope scope = {source, stored->name, stored->zone, stored->columns, true};
    Expressions result = {};
    Kind kind = Kind::none;
    result.item = parse_expression(&scope, Role::item, stored->item, &kind);
    if (kind != stored->kind)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("item of rollup \"%s\" is no longer of type %s but %s", stored->name, kind_name(stored->kind),
                               kind_name(kind)),
                        errhint("Change the source back, or drop the rollup with topk.drop_rollup(%s).",
                                quote_literal_cstr(stored->name))));
    result.time = parse_expression(&scope, Role::time, stored->time, nullptr);
    if (stored->weight != nullptr)
        result.weight = parse_expression(&scope, Role::weight, stored->weight, nullptr);
    if (stored->filter != nullptr)
        result.filter = parse_expression(&scope, Role::filter, stored->filter, nullptr);
    result.group_count = stored->group_count;
    result.groups = static_cast<Expr **>(palloc((stored->group_count + 1) * sizeof(Expr *)));
    for (int i = 0; i < stored->group_count; ++i)
        result.groups[i] = parse_expression(&scope, Role::group, stored->groups[i], nullptr);
    return result;
}

Datum used_columns(Relation source, const Expressions *expressions) {
    List *all = list_make4(expressions->item, expressions->time, expressions->weight, expressions->filter);
    for (int i = 0; i < expressions->group_count; ++i)
        all = lappend(all, expressions->groups[i]);
    const TupleDesc descriptor = RelationGetDescr(source);
    auto *used = static_cast<bool *>(palloc0(descriptor->natts + 1));
    ListCell *cell;
    foreach (cell, pull_var_clause(reinterpret_cast<Node *>(all), 0))
        used[lfirst_node(Var, cell)->varattno] = true;

    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoChar(&json, '{');
    for (int i = 1; i <= descriptor->natts; ++i) {
        if (!used[i])
            continue;
        appendStringInfo(&json, "%s\"%d\":", json.len == 1 ? "" : ",", i);
        escape_json(&json, NameStr(TupleDescAttr(descriptor, i - 1)->attname));
    }
    appendStringInfoChar(&json, '}');
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

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
        // What changed while it was read may not be in it: good for this statement, whose locks it began with, but no
        // further.
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
