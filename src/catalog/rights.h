// The right to ask a rollup. A user has it who may SELECT from the source, and owns it or has the privileges of topk_reader.
// Counts are of all rows. So a user to whom row-level security of the source applies may not ask, as with pg_stats.
#pragma once

#include "../pg/executor.h"

namespace topk::catalog {

// Of the current user; false also where there is no such relation any more.
bool may_read(Oid source);
// Whether the user may see how rollups of the source do, but no item or group of them: those who may ask, and the members of
// pg_read_all_stats, as pg_monitor is one.
bool may_watch(Oid source);
void require_readable(const char *rollup, Oid source);

} // namespace topk::catalog
