// The items table of a rollup: what answers say of an item besides its counts.
#pragma once

#include "rollup.h"

namespace topk::catalog {

// Raises an error unless items of this kind can be looked up in a column of the table, and the current user may do so.
void check_metadata(Oid table, const char *key, Kind kind);

// For each item (text Datums) its row as jsonb, 0 where there is none, and for every item if policies of the table apply to
// the current user. By the active snapshot; without SELECT on the table it is an error.
Datum *metadata_of(const RollupRow *row, Datum *items, int n);

} // namespace topk::catalog
