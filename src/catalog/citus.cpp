#include "citus.h"

#include "as_owner.h"
#include "statement.h"

extern "C" {
#include "catalog/pg_namespace.h"
}

namespace topk::catalog {
namespace {

// The digits at the end of "name_digits", or 0.
int64 number_at_end(const char *name) {
    const char *digits = strrchr(name, '_');
    if (digits == nullptr || strlen(digits + 1) > 18 || strspn(digits + 1, "0123456789") != strlen(digits + 1))
        return 0;
    return strtoll(digits + 1, nullptr, 10);
}

} // namespace

bool has_citus() { return OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)); }

Distribution distribution_of(Oid table) {
    if (!has_citus())
        return Distribution::none;
    return as_owner([&] {
        if (execute("SELECT repmodel = 's', partmethod = 'n' AND colocationid = 0 FROM pg_dist_partition"
                    " WHERE logicalrelid = $1",
                    {Value::oid(table)}) == 0)
            return Distribution::none;
        if (!DatumGetBool(result_value(0, 1)))
            return Distribution::copies;
        return DatumGetBool(result_value(0, 2)) ? Distribution::one_node : Distribution::shards;
    });
}

bool has_shards_here(Oid table) {
    return as_owner([&] {
        return execute("SELECT FROM pg_dist_shard JOIN pg_dist_placement USING (shardid)"
                       " WHERE logicalrelid = $1 AND groupid IN (SELECT groupid FROM pg_dist_local_group) LIMIT 1",
                       {Value::oid(table)}) != 0;
    });
}

bool is_coordinator() {
    return has_citus() && as_owner([] { return execute("SELECT FROM pg_dist_local_group WHERE groupid = 0") != 0; });
}

// By the exact name that Citus gives the shard: anybody may name a table like one. The statement must not read pg_class,
// where Citus hides shards from most sessions.
Oid table_of_shard(Oid shard) {
    if (!has_citus())
        return InvalidOid;
    const char *name = get_rel_name(shard);
    const int64 number = name == nullptr ? 0 : number_at_end(name);
    if (number == 0)
        return InvalidOid;
    static Prepared statement = {"SELECT logicalrelid::oid FROM pg_dist_shard"
                                 " WHERE shardid = $1 AND $2 = (parse_ident(shard_name(logicalrelid, shardid)))"
                                 "[array_upper(parse_ident(shard_name(logicalrelid, shardid)), 1)]"};
    const Oid table = as_owner([&] {
        return execute(&statement, {Value::int8(number), Value::string(name)}) == 0 ? InvalidOid
                                                                                    : DatumGetObjectId(result_value(0, 1));
    });
    return OidIsValid(table) && get_rel_namespace(table) == get_rel_namespace(shard) ? table : InvalidOid;
}

Array<CitusNode> list_citus_nodes(Oid role) {
    Array<CitusNode> nodes = {};
    if (!has_citus())
        return nodes;
    MemoryContext caller = CurrentMemoryContext;
    as_owner([&] {
        const uint64 count = query(
            "SELECT concat(n.nodename, ':', n.nodeport), n.nodename::text, n.nodeport::text, n.isactive,"
            " (SELECT string_agg(a.authinfo, ' ' ORDER BY a.nodeid) FROM pg_dist_authinfo AS a"
            "  WHERE a.nodeid IN (0, n.nodeid) AND a.rolename = $1)"
            " FROM pg_dist_node AS n WHERE n.noderole = 'primary' AND n.groupid <> (SELECT groupid FROM pg_dist_local_group)"
            " ORDER BY n.nodename, n.nodeport",
            {Value::of(NAMEOID, DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(role, false))))});
        for (uint64 i = 0; i < count; ++i) {
            const CitusNode node = {result_string(i, 1), result_string(i, 2), result_string(i, 3),
                                    DatumGetBool(result_value(i, 4)), result_string(i, 5)};
            MemoryContext spi = MemoryContextSwitchTo(caller);
            nodes.add(node);
            MemoryContextSwitchTo(spi);
        }
    });
    return nodes;
}

} // namespace topk::catalog
