// Names of rollups. A rollup belongs to the schema of its source, and its name is unique in that schema. Users write it as
// they write the name of a table: alone, and then the search_path of the session says where it is looked up, or with its
// schema; in double quotes where it is no plain identifier.
#pragma once

#include "rollup.h"

namespace topk::catalog {

struct RollupName {
    const char *schema; // nullptr: none was given
    const char *name;
};

// Raises 42602 if the text is no name.
RollupName parse_rollup_name(const char *text);

// The lookup that everything uses to which a user gives a name. It returns false if there is no such rollup. The user needs
// USAGE on the schema, as for a table. A rollup whose source was dropped by a session without event triggers has no schema
// any more; it is found by its name alone.
// A schema that does not exist is an error, unless missing_ok.
bool find_rollup(const char *text, Snapshot snapshot, RollupSource *found, bool missing_ok = false);
bool read_rollup(const char *text, Snapshot snapshot, RollupRow *row);

// Raises 42704.
[[noreturn]] void raise_no_rollup(const char *text);

// The rollup of a name in a schema, by the latest snapshot; 0: there is none.
int32 holder_of(Oid schema, const char *name);
// Keeps the name for this transaction until it ends. Waits for another transaction that does that.
void lock_name(Oid schema, const char *name);
// Does the same, and raises 42710 if another rollup than this one (0: none yet) has the name.
void claim_name(Oid schema, const char *name, int32 id);

// The name with the schema, in quotes where that is needed.
char *qualified_name(Oid source, const char *name);
// The same as a literal, for the hint to call a function.
char *name_literal(Oid source, const char *name);

} // namespace topk::catalog
