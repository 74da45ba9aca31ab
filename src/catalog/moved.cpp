#include "moved.h"

#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

extern "C" {
#include "access/xlog.h"
}

namespace topk::catalog {
namespace {

enum Column { rollup = 1, identity, outgoing, column_count = outgoing };

// Calls visit(row) for the rows of a rollup. Costs next to nothing where nothing was ever moved.
template <class Visit>
void each_row(int32 of, Snapshot snapshot, const Visit &visit) {
    if (is_table_empty(Table::moved))
        return;
    ScanKeyData key;
    ScanKeyInit(&key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(of));
    RowScan scan;
    begin_rows(&scan, table_oid(Table::moved), InvalidOid, false, 1, &key, snapshot);
    while (HeapTuple tuple = next_row(&scan))
        visit(Row<column_count>(tuple, RelationGetDescr(scan.relation)));
}

} // namespace

const char *own_identity() { return psprintf(UINT64_FORMAT ".%u", GetSystemIdentifier(), MyDatabaseId); }

Array<const char *> absorbed_databases(int32 of, Snapshot snapshot) {
    Array<const char *> databases = {};
    each_row(of, snapshot, [&](const Row<column_count> &row) {
        if (!row.boolean(outgoing))
            databases.add(row.string(identity));
    });
    return databases;
}

bool has_moved_out(int32 of, Snapshot snapshot) {
    bool found = false;
    each_row(of, snapshot, [&](const Row<column_count> &row) { found |= row.boolean(outgoing); });
    return found;
}

void insert_moved(int32 of, const char *database, bool out) {
    insert_row("topk.moved",
               {{"rollup", Value::int4(of)}, {"identity", Value::string(database)}, {"outgoing", Value::boolean(out)}});
}

const char *taken_by(int32 of) {
    return execute("SELECT identity FROM topk.moved WHERE rollup = $1 AND outgoing", {Value::int4(of)}) == 0
               ? nullptr
               : result_string(0, 1);
}

void delete_moved(int32 of) { execute("DELETE FROM topk.moved WHERE rollup = $1", {Value::int4(of)}); }

} // namespace topk::catalog
