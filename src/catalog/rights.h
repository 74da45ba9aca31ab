// The right to ask a rollup, or some of its groups.
//
// A user has it who owns the source or has the privileges of topk_reader, and
// - may SELECT from the source, if its row-level security does not apply to the user: counts are of all rows, as in
// pg_stats; or
// - has been given it by the owner of the source (ask_grant.h), who decides that the user sees what all rows add up to.
#pragma once

#include "../pg/executor.h"
#include "rollup.h"

namespace topk::catalog {

// The part of a rollup that the current user may ask.
struct Permission {
    bool all;                  // everything
    Array<ArrayType *> groups; // without that: for these groups, in their order; none: nothing
};
Permission permission_of(const RollupSource &rollup);
inline bool any(const Permission &permission) { return permission.all || permission.groups.count != 0; }
bool permits(const Permission &permission, const ArrayType *grp); // nullptr: all groups together

// Asking takes this besides: to own the source, or to have the privileges of this role.
inline constexpr const char *reader_role = "topk_reader";
bool is_reader(Oid user, Oid source);

// Whether SELECT lets the user ask all rollups of a source. False also where there is no such relation any more.
bool may_read(Oid source);
// Whether the user may see how a rollup does, but no item or group of it: those who may ask for everything, and the members
// of pg_read_all_stats, as pg_monitor is one.
bool may_watch(const RollupSource &rollup, const Permission &permission);

// These raise 42501.

// Returns what the user may ask, which is something.
Permission require_permission(const RollupRow *rollup);
// For the sum of some groups; for all groups together if there are none.
void require_groups(const Permission &permission, const RollupRow *rollup, ArrayType *const *groups, int count);
// To read the rows of the source, which no right to ask its rollups includes.
void require_readable(const RollupRow *rollup);

} // namespace topk::catalog
