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
    group_key,
    snapshot,
    rollup_state,
    error_log,
    limit_rule
};
inline constexpr int table_count = static_cast<int>(Table::limit_rule) + 1;

// Raises an error when the extension is not installed in this database.
Oid table_oid(Table table);
inline Oid slot_oid(int slot) { return table_oid(static_cast<Table>(static_cast<int>(Table::delta_0) + slot)); }

// Until leave_owner(), the current user is the owner of schema topk, who alone may write its tables, and search_path is
// pinned. Only for statements of ours: nothing of a user's may run in between. An error restores both by itself.
struct Owner {
    Oid user;
    int context;
    int settings;
};
Owner become_owner();
// The same for the owner of a source, in whose expressions anything may be hidden: what runs until leave_owner() has no more
// rights than that user has, and cannot change anything that stays behind.
Owner become_source_owner(Oid owner);
void leave_owner(const Owner &before);

} // namespace topk::catalog
