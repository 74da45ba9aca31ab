#include "dependencies.h"

#include "../catalog/as_owner.h"
#include "../catalog/expression_tree.h"
#include "../pg/function.h"
#include "../pg/subtransaction.h"
#include "triggers.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
}

namespace topk::define {
namespace {

using stream::Expressions;

// A column is known by its number, and after_ddl() follows its changes. If the trigger depended on it, PostgreSQL would
// refuse every change of its type. The dependencies of the type itself are kept.
Node *without_columns(Node *node, void *context) {
    if (node == nullptr)
        return nullptr;
    if (!IsA(node, Var))
        return pg::mutate_expression(node, without_columns, context);
    const auto *var = reinterpret_cast<const Var *>(node);
    Param *value = makeNode(Param);
    value->paramkind = PARAM_EXTERN;
    value->paramid = var->varattno;
    value->paramtype = var->vartype;
    value->paramtypmod = var->vartypmod;
    value->paramcollid = var->varcollid;
    value->location = -1;
    return reinterpret_cast<Node *>(value);
}

// Calls visit(address) for everything that a trigger depends on.
template <class Visit>
void for_each_needed(Oid trigger, const Visit &visit) {
    Relation depend = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(TriggerRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(trigger));
    SysScanDesc scan = systable_beginscan(depend, DependDependerIndexId, true, nullptr, 2, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        const auto *row = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
        ObjectAddress needed;
        ObjectAddressSubSet(needed, row->refclassid, row->refobjid, row->refobjsubid);
        visit(needed);
    }
    systable_endscan(scan);
    table_close(depend, AccessShareLock);
}

// Their names would mean other objects in other sessions, which would run with the rights of the owner.
void refuse_temporary(const ObjectAddress &needed) {
    if (isAnyTempNamespace(needed.classId == NamespaceRelationId ? needed.objectId : get_object_namespace(&needed)))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("the expressions of a rollup must not use temporary objects"),
                        errdetail("One of them uses %s.", getObjectDescription(&needed, false))));
}

// In place of what the trigger depended on: first what every trigger depends on, as in CREATE TRIGGER.
void record_dependencies(Relation source, const Trigger *holder, List *expressions) {
    ObjectAddress self, function, relation;
    ObjectAddressSet(self, TriggerRelationId, holder->tgoid);
    ObjectAddressSet(function, ProcedureRelationId, holder->tgfoid);
    ObjectAddressSet(relation, RelationRelationId, RelationGetRelid(source));
    deleteDependencyRecordsFor(TriggerRelationId, holder->tgoid, true);
    recordDependencyOn(&self, &function, DEPENDENCY_NORMAL);
    recordDependencyOn(&self, &relation, DEPENDENCY_AUTO);
    Node *needed = without_columns(reinterpret_cast<Node *>(expressions), nullptr);
    recordDependencyOnExpr(&self, needed, NIL, DEPENDENCY_NORMAL);
    CommandCounterIncrement();
    for_each_needed(holder->tgoid, refuse_temporary);
}

// Settings are pinned, and the user's code of types runs as its owner.
void store_missing(Relation source, const RollupDefinition *row) {
    Expressions expressions = {};
    as_source_owner(source->rd_rel->relowner, nullptr, [&] { expressions = stream::read_expressions(source, row); });
    store_expressions(source, row, expressions);
    CacheInvalidateRelcacheByRelid(RelationGetRelid(source));
}

struct Holder {
    const char *rollup;
    Oid trigger;
};

Oid oid_of(const Trigger *trigger) { return trigger == nullptr ? InvalidOid : trigger->tgoid; }

bool before(const Holder &a, const Holder &b) { return strcmp(a.rollup, b.rollup) < 0; }

// Sorted copies, as there may be thousands, and the server may read the triggers anew meanwhile.
Array<Holder> list_holders(Relation source) {
    Array<Holder> holders = {};
    int number = 0;
    for (const char *rollup : held_rollups(source)) {
        const Trigger &trigger = source->trigdesc->triggers[number++];
        if (rollup != nullptr)
            holders.add({pstrdup(rollup), trigger.tgoid});
    }
    std::sort(holders.begin(), holders.end(), before);
    return holders;
}

bool is_stored(Relation source, const Array<Holder> &holders, const RollupDefinition *row) {
    TreeHolder tree;
    if (!find_tree(row->id, &tree) || tree.source != row->source)
        return false;
    if (row->identity != nullptr)
        return tree.trigger == oid_of(find_capture(source));
    const Holder *holder = std::lower_bound(holders.begin(), holders.end(), Holder{row->name, InvalidOid}, before);
    const bool held = holder != holders.end() && strcmp(holder->rollup, row->name) == 0;
    return tree.trigger == (held ? holder->trigger : InvalidOid);
}

void store_missing_of(Oid oid) {
    // The statement that runs need not wait until somebody else has changed this table.
    if (!ConditionalLockRelationOid(oid, AccessShareLock)) {
        ereport(LOG, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                      errmsg("could not analyse the expressions of the rollups of \"%s\": the table is locked",
                             get_rel_name(oid))));
        return;
    }
    Relation source = try_relation_open(oid, NoLock);
    if (source == nullptr) {
        UnlockRelationOid(oid, AccessShareLock);
        return;
    }
    const Array<Holder> holders = list_holders(source);
    ListCell *cell;
    foreach (cell, read_definitions(oid)) {
        const auto *row = static_cast<const RollupDefinition *>(lfirst(cell));
        if (is_stored(source, holders, row))
            continue;
        if (ErrorData *error = in_subtransaction([&] { store_missing(source, row); }))
            ereport(LOG, (errcode(error->sqlerrcode),
                          errmsg("could not analyse the expressions of rollup \"%s\": %s", row->name, error->message)));
    }
    relation_close(source, NoLock);
}

} // namespace

Oid trigger_function(const char *name) {
    oidvector *none = buildoidvector(nullptr, 0);
    return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name), PointerGetDatum(none),
                           ObjectIdGetDatum(get_namespace_oid("topk", false)));
}

Array<const char *> held_rollups(Relation source) {
    Array<const char *> names = {};
    const TriggerDesc *triggers = source->trigdesc;
    if (triggers == nullptr || triggers->numtriggers == 0)
        return names;
    const Oid function = trigger_function("expressions");
    for (const Trigger *t = triggers->triggers; t != triggers->triggers + triggers->numtriggers; ++t)
        names.add(t->tgnargs == 1 && t->tgfoid == function ? t->tgargs[0] : nullptr);
    return names;
}

const Trigger *find_holder(Relation source, const char *rollup) {
    const Array<const char *> held = held_rollups(source);
    for (int i = 0; i < held.count; ++i)
        if (held[i] != nullptr && strcmp(held[i], rollup) == 0)
            return &source->trigdesc->triggers[i];
    return nullptr;
}

namespace {

const Trigger *depender_of(Relation source, const RollupDefinition *rollup) {
    return rollup->identity == nullptr ? find_holder(source, rollup->name) : find_capture(source);
}

} // namespace

// The trigger fires when there is nothing to do for it, and rarely: at TRUNCATE, or of a stream at DELETE, which fails.
char *holder_command(Relation source, const RollupOfSource &rollup) {
    char *trigger = psprintf("topk_expressions_%s", rollup.name);
    if (strlen(trigger) >= NAMEDATALEN)
        trigger = makeObjectName("topk_expressions", rollup.name, psprintf("%d", rollup.id));
    const bool stream = source->rd_rel->relkind == RELKIND_FOREIGN_TABLE;
    return psprintf(
        "CREATE TRIGGER %s AFTER %s ON %s FOR EACH STATEMENT EXECUTE FUNCTION topk.expressions(%s)",
        quote_identifier(trigger), stream ? "DELETE" : "TRUNCATE",
        quote_qualified_identifier(get_namespace_name(RelationGetNamespace(source)), RelationGetRelationName(source)),
        quote_literal_cstr(rollup.name));
}

void store_expressions(Relation source, const RollupDefinition *rollup, const Expressions &expressions) {
    const Trigger *holder = depender_of(source, rollup);
    const Oid trigger = oid_of(holder);
    if (holder != nullptr && rollup->identity == nullptr)
        record_dependencies(source, holder, expressions.coerced);
    as_owner([&] {
        write_tree({rollup->id, RelationGetRelid(source), trigger}, list_make2(expressions.written, expressions.coerced));
    });
    if (rollup->identity != nullptr)
        record_shared_dependencies(source);
}

void record_shared_dependencies(Relation source) {
    const Trigger *capture = find_capture(source);
    if (capture == nullptr)
        return;
    CommandCounterIncrement();
    List *expressions = NIL;
    ListCell *cell;
    foreach (cell, read_definitions(RelationGetRelid(source)))
        if (const auto *row = static_cast<const RollupDefinition *>(lfirst(cell)); row->identity != nullptr)
            expressions = list_concat(expressions, stream::read_tree_of(source, row->id).coerced);
    record_dependencies(source, capture, expressions);
}

void lock_needed(Relation source, const RollupDefinition *rollup) {
    const Trigger *holder = depender_of(source, rollup);
    if (holder == nullptr)
        return;
    for_each_needed(holder->tgoid, [&](const ObjectAddress &needed) {
        // ALTER TYPE RENAME VALUE takes ExclusiveLock, other statements AccessExclusiveLock.
        if (needed.classId == RelationRelationId)
            LockRelationOid(needed.objectId, RowShareLock);
        else
            LockDatabaseObject(needed.classId, needed.objectId, 0, RowShareLock);
        const int cache = get_object_catcache_oid(needed.classId);
        if (cache >= 0 && !SearchSysCacheExists1(static_cast<SysCacheIdentifier>(cache), ObjectIdGetDatum(needed.objectId)))
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                            errmsg("an object that an expression of the rollup uses was dropped concurrently")));
    });
}

void store_missing_expressions(Oid source) {
    if (OidIsValid(source)) {
        store_missing_of(source);
        return;
    }
    const Array<TreeHolder> trees = list_trees();
    Oid last = InvalidOid;
    const TreeHolder *tree = trees.begin();
    for (const RollupSource &rollup : list_rollups(nullptr)) {
        while (tree != trees.end() && tree->rollup < rollup.id)
            ++tree;
        const bool stored = tree != trees.end() && tree->rollup == rollup.id && tree->source == rollup.source;
        if (!stored && rollup.source != last)
            store_missing_of(last = rollup.source);
    }
}

namespace {

Datum never_needed(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("topk.expressions() must be the function of a trigger")));
    return PointerGetDatum(nullptr);
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_expressions, topk::define::never_needed(fcinfo))
