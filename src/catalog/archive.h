// topk.archive: the rows of schema topk in a dump. The table is empty; pg_dump reads topk.archived_rows() in its place,
// which returns the rows that the current user may read, and a trigger takes the lines that a restore inserts. So an owner
// of a database can dump and restore it and sees no count of a table that others keep from that user, each rollup gets an id
// that is free, and items are converted from the encoding of the database that was dumped.
#pragma once

#include "../pg/executor.h"

namespace topk::catalog {

// The tables that a dump contains, with rollups before all that belongs to them.
struct ArchivedTable {
    const char *name;
    const char *id; // its column that is the id of a rollup; nullptr: topk.limit_rule
};
inline constexpr ArchivedTable archived_tables[] = {{"rollup", "id"},
                                                    {"rollup_state", "rollup"},
                                                    {"group_key", "rollup"},
                                                    {"delta_0", "rollup"},
                                                    {"delta_1", "rollup"},
                                                    {"delta_2", "rollup"},
                                                    {"delta_3", "rollup"},
                                                    {"tile", "rollup"},
                                                    {"set_aside", "rollup"},
                                                    {"snapshot", "rollup"},
                                                    {"error_log", "rollup"},
                                                    {"moved", "rollup"},
                                                    {"joint_snapshot", "rollup"},
                                                    {"ask_grant", "rollup"},
                                                    {"limit_rule", nullptr}};

// The first line of a dump: {"encoding": ...}.
inline constexpr const char *archive_header = "dump";
// A rollup that the dump lacks: {"source": ...}.
inline constexpr const char *archive_missing = "missing";

// Lines are JSON in ASCII. Other characters are escaped as \\u and their code. PostgreSQL cannot convert these encodings to
// Unicode: of them, bytes are escaped.
inline bool escapes_bytes(int encoding) { return encoding == PG_SQL_ASCII || encoding == PG_MULE_INTERNAL; }

// Restores lines that were inserted while the trigger was disabled, with the rights of the owner of the database, who may
// have inserted them. Raises an error, and leaves the lines there, if these rights do not suffice.
void restore_left_over();

} // namespace topk::catalog
