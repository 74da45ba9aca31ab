// Who may ask what a rollup of a source knows: who has SELECT on the source, and owns it or has the privileges of
// topk_reader. Counts know no rows, so whom row-level security keeps from some rows may not ask either, as with pg_stats.
#pragma once

#include "../pg/executor.h"

namespace topk::catalog {

// Of the current user; false also where there is no such relation any more.
bool may_read(Oid source);
void require_readable(const char *rollup, Oid source);

} // namespace topk::catalog
