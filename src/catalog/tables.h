// The tables in schema topk, by OID.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

inline constexpr int slot_count = 4; // of the delta log

enum class Table {
    rollup,
    log_slot,
    delta_0,
    tile = delta_0 + slot_count,
    set_aside,
    group_key,
    snapshot,
    rollup_state,
    backfill_progress,
    error_log,
    limit_rule,
    expression_tree,
    archive,
    node,
    moved,
    joint_snapshot,
    ask_grant
};
inline constexpr int table_count = static_cast<int>(Table::ask_grant) + 1;

// Whether this library knows the form of the tables. Another version of the extension may have made them.
bool is_catalog_readable();
// Raises an error if the extension is not installed in this database, or its tables are not readable.
Oid table_oid(Table table);
// Returns whether the table has no page, so that no snapshot sees a row. Costs next to nothing.
bool is_table_empty(Table table);
// Finds an index by its name (README.md says why).
Oid index_oid(const char *name);
const char *table_name(Table table);
inline Table slot_table(int slot) { return static_cast<Table>(static_cast<int>(Table::delta_0) + slot); }
inline Oid slot_oid(int slot) { return table_oid(slot_table(slot)); }

} // namespace topk::catalog
