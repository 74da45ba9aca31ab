// The first items of a summary as a value of SQL.
#pragma once

#include "pg.h"

namespace topk::pg {

// Returns the k items with the largest counts of a stored summary, as an array of topk_entry, the type.
ArrayType *top_entries(struct varlena *summary, int32 k, Oid entry_type);

} // namespace topk::pg
