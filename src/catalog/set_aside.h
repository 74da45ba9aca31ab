// topk.set_aside: deltas that cannot be merged into their tile. Answers read them as they read the delta log.
#pragma once

#include "../pg/array.h"
#include "calendar.h"
#include "delta.h"
#include "scan.h"

namespace topk::catalog {

struct SetAside {
    Delta delta; // its scope is all or group; of a group that nobody knows, grp is nullptr
    int64 weight;
};
// False: the counts could not be copied when they were set aside.
inline bool has_values(const SetAside &row) {
    return row.delta.values.items != nullptr || row.delta.values.summary != nullptr;
}

// Reads, by a snapshot, the rows of a rollup whose tile is in a span. nullptr is the latest snapshot.
void begin_set_aside(RowScan *scan, int32 rollup, Span span, Snapshot snapshot);
// Returns false at the end, and has then ended the scan. Values lie in a copy of the row, perhaps toasted.
bool next_set_aside(RowScan *scan, SetAside *row);

// Within as_owner().

// With readable false, the values are left out.
void insert_set_aside(const SetAside &row, const char *sqlstate, bool readable);
void delete_set_aside(int32 rollup, Span span);
void delete_set_aside(int32 rollup); // all of a rollup that is dropped
void delete_set_aside_with_values(int32 rollup);
// Whether anything of the rollup is set aside, or is a tile that folds leave alone.
bool has_failures(int32 rollup);
// Whether that is so for a group in a span.
bool has_failures(int32 rollup, const ArrayType *grp, Span span);

} // namespace topk::catalog
