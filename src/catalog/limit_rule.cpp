#include "limit_rule.h"

#include "row.h"
#include "statement.h"
#include "tables.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

enum Column {
    id = 1,
    role,
    role_oid,
    cluster,
    source,
    events_per_second,
    burst,
    max_item_bytes,
    max_metadata_bytes,
    column_count = max_metadata_bytes
};

int64 this_cluster() { return static_cast<int64>(GetSystemIdentifier()); }

// Finds the role by its number in the cluster where the rule was made, even if it was renamed, and by its name in a cluster
// where the rule was restored from a dump.
Oid find_role(const char *name, Oid oid, int64 made_in) {
    if (made_in == this_cluster() && SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(oid)))
        return oid;
    return get_role_oid(name, true);
}

LimitRule read_rule(HeapTuple tuple, TupleDesc descriptor) {
    const Row<column_count> row(tuple, descriptor);
    LimitRule rule = {};
    rule.id = row.int4(id);
    rule.any_role = row.null(role);
    if (!rule.any_role) {
        rule.role_name = row.string(role);
        rule.role = find_role(rule.role_name, row.oid(role_oid), row.int8(cluster));
    }
    rule.source = row.oid(source);
    rule.events_per_second = row.float8(events_per_second);
    rule.burst = row.int8(burst);
    rule.item_bytes = row.int4(max_item_bytes);
    rule.metadata_bytes = row.int4(max_metadata_bytes);
    return rule;
}

} // namespace

void begin_limits(RowScan *scan) { begin_rows(scan, table_oid(Table::limit_rule), InvalidOid, false, 0, nullptr, nullptr); }

bool next_limit(RowScan *scan, LimitRule *rule) {
    HeapTuple tuple = next_row(scan);
    if (!HeapTupleIsValid(tuple))
        return false;
    *rule = read_rule(tuple, RelationGetDescr(scan->relation));
    return true;
}

void insert_limit(const LimitRule &rule) {
    const bool unlimited = rule.events_per_second == 0;
    insert_row("topk.limit_rule",
               {{"role", Value::string(rule.any_role ? nullptr : GetUserNameFromId(rule.role, false))},
                {"role_oid", Value::of(OIDOID, ObjectIdGetDatum(rule.role), rule.any_role)},
                {"cluster", Value::int8(this_cluster())},
                {"source", Value::of(REGCLASSOID, ObjectIdGetDatum(rule.source), !OidIsValid(rule.source))},
                {"events_per_second", Value::of(FLOAT8OID, Float8GetDatum(rule.events_per_second), unlimited)},
                {"burst", Value::of(INT8OID, Int64GetDatum(rule.burst), unlimited)},
                {"max_item_bytes", Value::of(INT4OID, Int32GetDatum(rule.item_bytes), rule.item_bytes == 0)},
                {"max_metadata_bytes", Value::of(INT4OID, Int32GetDatum(rule.metadata_bytes), rule.metadata_bytes == 0)}});
}

bool delete_limit(int32 of) { return execute("DELETE FROM topk.limit_rule WHERE id = $1", {Value::int4(of)}) != 0; }

void delete_limits_of(Oid of) { execute("DELETE FROM topk.limit_rule WHERE source = $1", {Value::oid(of)}); }

void renew_limit_roles() {
    execute("UPDATE topk.limit_rule AS l SET role = r.rolname, role_oid = r.oid, cluster = $1 FROM pg_roles AS r "
            "WHERE CASE WHEN l.cluster = $1 THEN r.oid = l.role_oid ELSE r.rolname = l.role END "
            "AND (l.role, l.role_oid, l.cluster) IS DISTINCT FROM (r.rolname::text, r.oid, $1)",
            {Value::int8(this_cluster())});
}

} // namespace topk::catalog
