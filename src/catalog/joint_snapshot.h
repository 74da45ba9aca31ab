// topk.joint_snapshot: the top k of windows that are over, of this database and its nodes together.
#pragma once

#include "snapshot.h"

namespace topk::catalog {

// Reads by a snapshot. Returns false if there is none of this window.
bool find_joint_snapshot(int32 rollup, const char *kind, const ArrayType *grp, TimestampTz start, Snapshot snapshot,
                         SnapshotRow *row);

// Within as_owner().

// Writes a row, or replaces it. entries: a JSON object with one array of that name.
void write_joint_snapshot(int32 rollup, const char *kind, const ArrayType *grp, Span window, int64 weight,
                          const char *entries);
void expire_joint_snapshots(int32 rollup, const char *kind, TimestampTz before); // those that end before
void delete_joint_snapshots(int32 rollup);                                       // all of a rollup that is dropped

} // namespace topk::catalog
