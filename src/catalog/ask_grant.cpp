#include "ask_grant.h"

#include "group_key.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { rollup = 1, role, grp, column_count = grp };
constexpr const char *by_key = "ask_grant_key"; // rollup, role, grp

Value role_value(Oid of) { return Value::of(REGROLEOID, ObjectIdGetDatum(of)); }

} // namespace

Array<AskGrant> list_grants(const int32 *of) {
    Array<AskGrant> grants = {};
    if (is_table_empty(Table::ask_grant))
        return grants;
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(of == nullptr ? 0 : *of));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::ask_grant), of == nullptr ? InvalidOid : index_oid(by_key), false,
               of == nullptr ? 0 : 1, &key, nullptr);
    while (HeapTuple tuple = next_row(&scan)) {
        const Row<column_count> row(tuple, RelationGetDescr(scan.relation));
        grants.add({row.int4(rollup), row.oid(role), row.null(grp) ? nullptr : DatumGetArrayTypePCopy(row.datum(grp))});
    }
    return grants;
}

void insert_grant(const AskGrant &grant) {
    insert_row("topk.ask_grant",
               {{"rollup", Value::int4(grant.rollup)}, {"role", role_value(grant.role)}, {"grp", Value::strings(grant.grp)}},
               " ON CONFLICT DO NOTHING");
}

uint64 delete_grant(const AskGrant &grant) {
    return execute("DELETE FROM topk.ask_grant WHERE rollup = $1 AND role = $2 AND grp IS NOT DISTINCT FROM $3",
                   {Value::int4(grant.rollup), role_value(grant.role), Value::strings(grant.grp)});
}

uint64 delete_grants(int32 of, Oid to) {
    return execute("DELETE FROM topk.ask_grant WHERE rollup = $1 AND role = $2", {Value::int4(of), role_value(to)});
}

void delete_grants(int32 of) { execute("DELETE FROM topk.ask_grant WHERE rollup = $1", {Value::int4(of)}); }

void delete_grants_of_dropped_roles() {
    execute("DELETE FROM topk.ask_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role)");
}

char *describe_grants(int32 of) {
    execute("SELECT jsonb_agg(jsonb_build_object('role', r.rolname, 'group', to_jsonb(g.grp)) ORDER BY r.rolname, g.grp)"
            " FROM topk.ask_grant AS g JOIN pg_roles AS r ON r.oid = g.role WHERE g.rollup = $1",
            {Value::int4(of)});
    return result_string(0, 1);
}

const char *copy_grants(int32 of, const char *json) {
    delete_grants(of);
    if (json == nullptr)
        return nullptr;
    execute("INSERT INTO topk.ask_grant (rollup, role, grp)"
            " SELECT $1, r.oid, g.\"group\" FROM jsonb_to_recordset($2::jsonb) AS g (role name, \"group\" text[])"
            " JOIN pg_roles AS r ON r.rolname = g.role",
            {Value::int4(of), Value::string(json)});
    return execute("SELECT g.role FROM jsonb_to_recordset($1::jsonb) AS g (role name)"
                   " WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = g.role) ORDER BY g.role LIMIT 1",
                   {Value::string(json)}) == 0
               ? nullptr
               : result_string(0, 1);
}

} // namespace topk::catalog
