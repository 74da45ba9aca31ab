// topk.readable_rollups() and the like: the rows of a table of schema topk that belong to rollups which the user may ask or
// watch, and to groups that the user may ask for.
// Views are made of them, so that no plan of a user's query passes over rows of others, which EXPLAIN ANALYZE would count.
#include "../catalog/ask_grant.h"
#include "../catalog/rights.h"
#include "../catalog/rollup.h"
#include "../catalog/scan.h"
#include "../catalog/tables.h"
#include "../pg/function.h"

extern "C" {
#include "utils/acl.h"
}

namespace topk::answer {
namespace {

constexpr AttrNumber schema_column = -1; // no column of topk.rollup: the schema of the source

// Which columns of the table the function returns: those with the names of its output columns.
AttrNumber *columns_of(TupleDesc rows, TupleDesc table) {
    auto *numbers = static_cast<AttrNumber *>(palloc(rows->natts * sizeof(AttrNumber)));
    for (int i = 0; i < rows->natts; ++i) {
        const FormData_pg_attribute *wanted = TupleDescAttr(rows, i);
        numbers[i] = wanted->atttypid == NAMEOID ? schema_column : InvalidAttrNumber;
        for (int j = 0; j < table->natts; ++j) {
            const FormData_pg_attribute *column = TupleDescAttr(table, j);
            if (!column->attisdropped && column->atttypid == wanted->atttypid &&
                namestrcmp(const_cast<NameData *>(&column->attname), NameStr(wanted->attname)) == 0)
                numbers[i] = column->attnum;
        }
        if (numbers[i] == InvalidAttrNumber)
            elog(ERROR, "there is no column \"%s\"", NameStr(wanted->attname));
    }
    return numbers;
}

Datum schema_of(Oid source, bool *null) {
    const char *name = get_namespace_name(get_rel_namespace(source));
    *null = name == nullptr;
    return *null ? (Datum)0 : DirectFunctionCall1(namein, CStringGetDatum(name));
}

// The part of a rollup that a function shows to a user.
enum class Shown {
    definition, // to those who may ask it, for whatever group, or watch it
    totals,     // to those who may ask it for all groups, or watch it
    counts      // to those who may ask it, what is of their groups
};

struct Readable {
    int32 id;
    Permission permission;
};

// By the snapshot of the query; with `only`, at most that one.
Array<Readable> readable_rollups(Shown shown, const int32 *only) {
    Array<Readable> list = {};
    for (const RollupSource &rollup : list_rollups(GetActiveSnapshot())) {
        if (only != nullptr && rollup.id != *only)
            continue;
        const Permission permission = permission_of(rollup);
        if ((shown != Shown::totals && any(permission)) || (shown != Shown::counts && may_watch(rollup, permission)))
            list.add({rollup.id, permission});
    }
    return list;
}

const Permission *find(const Array<Readable> &list, int32 id) {
    const Readable *found =
        std::lower_bound(list.begin(), list.end(), id, [](const Readable &rollup, int32 i) { return rollup.id < i; });
    return found != list.end() && found->id == id ? &found->permission : nullptr;
}

// Whether a column can have what was counted: a group, or the message of an error, which may quote an item.
bool has_counted(TupleDesc rows, int column) {
    NameData *name = &TupleDescAttr(rows, column)->attname;
    return namestrcmp(name, "message") == 0 || namestrcmp(name, "grp") == 0;
}

// The group of a row; nullptr: it is of all groups together.
const ArrayType *group_of(HeapTuple tuple, TupleDesc descriptor, AttrNumber column) {
    bool null;
    const Datum value = heap_getattr(tuple, column, descriptor, &null);
    return null ? nullptr : DatumGetArrayTypeP(value);
}

// Returns the rows of a table, whose column `rollup` is the id of a rollup. The argument of the SQL function, if it has one,
// is the id of the only rollup whose rows are wanted, which the index finds. Those who may only watch get NULL in the
// place of what was counted.
Datum readable(FunctionCallInfo fcinfo, Shown shown, Table of, AttrNumber rollup, const char *index) {
    ReturnSetInfo *result = begin_rows(fcinfo);
    const int32 id = PG_NARGS() != 0 ? PG_GETARG_INT32(0) : 0;
    const Array<Readable> rollups = readable_rollups(shown, PG_NARGS() != 0 ? &id : nullptr);
    if (rollups.count == 0)
        return (Datum)0;
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id));
    RowScan rows;
    begin_rows(&rows, table_oid(of), index != nullptr ? index_oid(index) : InvalidOid, false, PG_NARGS(), &key,
               GetActiveSnapshot());
    const TupleDesc descriptor = RelationGetDescr(rows.relation);
    const AttrNumber grp = get_attnum(RelationGetRelid(rows.relation), "grp");
    const int count = result->setDesc->natts;
    const AttrNumber *columns = columns_of(result->setDesc, descriptor);
    auto *values = static_cast<Datum *>(palloc(count * sizeof(Datum)));
    auto *nulls = static_cast<bool *>(palloc(count * sizeof(bool)));
    while (HeapTuple tuple = next_row(&rows)) {
        CHECK_FOR_INTERRUPTS();
        bool null;
        const Permission *permission = find(rollups, DatumGetInt32(heap_getattr(tuple, rollup, descriptor, &null)));
        if (permission == nullptr ||
            (shown == Shown::counts && !permission->all && !permits(*permission, group_of(tuple, descriptor, grp))))
            continue;
        for (int i = 0; i < count; ++i)
            values[i] = columns[i] == schema_column ? schema_of(read_source(tuple, descriptor).source, &nulls[i])
                                                    : heap_getattr(tuple, columns[i], descriptor, &nulls[i]);
        for (int i = 0; i < count && shown == Shown::totals && !permission->all; ++i)
            nulls[i] = nulls[i] || has_counted(result->setDesc, i);
        add_row(result, values, nulls);
    }
    return (Datum)0;
}

// readable_askers(): a user who may ask for everything sees all rights of a rollup, and others see their own.
Datum readable_askers(FunctionCallInfo fcinfo) {
    ReturnSetInfo *result = begin_rows(fcinfo);
    const Array<AskGrant> grants = list_grants(nullptr);
    if (grants.count == 0)
        return (Datum)0;
    const Array<Readable> rollups = readable_rollups(Shown::counts, nullptr);
    for (const AskGrant &grant : grants) {
        const Permission *permission = find(rollups, grant.rollup);
        const char *role = GetUserNameFromId(grant.role, true);
        if (permission == nullptr || role == nullptr || !(permission->all || has_privs_of_role(GetUserId(), grant.role)))
            continue;
        const Datum values[] = {Int32GetDatum(grant.rollup), CStringGetTextDatum(role), PointerGetDatum(grant.grp)};
        const bool nulls[] = {false, false, grant.grp == nullptr};
        add_row(result, values, nulls);
    }
    return (Datum)0;
}

} // namespace
} // namespace topk::answer

using topk::answer::readable;
using topk::answer::Shown;
using topk::catalog::Table;

TOPK_FUNCTION(topk_readable_rollups, readable(fcinfo, Shown::definition, Table::rollup, 1, nullptr))
TOPK_FUNCTION(topk_readable_states, readable(fcinfo, Shown::totals, Table::rollup_state, 1, nullptr))
TOPK_FUNCTION(topk_readable_backfills, readable(fcinfo, Shown::totals, Table::backfill_progress, 1, nullptr))
TOPK_FUNCTION(topk_readable_groups, readable(fcinfo, Shown::counts, Table::group_key, 1, "group_key_pkey"))
TOPK_FUNCTION(topk_readable_snapshots, readable(fcinfo, Shown::counts, Table::snapshot, 1, "snapshot_stop"))
TOPK_FUNCTION(topk_readable_errors, readable(fcinfo, Shown::totals, Table::error_log, 2, nullptr))
TOPK_FUNCTION(topk_readable_askers, topk::answer::readable_askers(fcinfo))
