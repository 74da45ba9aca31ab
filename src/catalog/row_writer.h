// Writing many rows of a table without a statement for each. Its indexes and defaults stay ready in between.
#pragma once

#include "tables.h"

namespace topk::catalog {

struct RowWriter;

// Within as_owner(). The writer lives in the current memory context. Its owner ends it, except after an error.
RowWriter *begin_writing(Table table);
void end_writing(RowWriter *writer);

// Both return the place of the new row, which later statements and scans see. Triggers on the table may not exist.

// Inserts a row of the first columns. The others get their default.
ItemPointerData append_row(RowWriter *writer, int count, const Datum *values, const bool *nulls);
// Replaces the first columns of a row that nothing else can change.
ItemPointerData replace_row(RowWriter *writer, ItemPointerData place, int count, const Datum *values, const bool *nulls);

// The type of a column of the table.
Oid column_type(const RowWriter *writer, AttrNumber column);

} // namespace topk::catalog
