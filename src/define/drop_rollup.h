// topk.drop_rollup().
#pragma once

#include "../pg/pg.h"

namespace topk::define {

// Deletes the rollup and all that it counted. The caller holds its lock.
void delete_rollup(int32 id);

// After DROP TABLE, within its event trigger: deletes the rollups of the table.
void drop_rollups_of_table(Oid dropped);

} // namespace topk::define
