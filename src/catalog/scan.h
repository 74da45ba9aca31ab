// Reading the rows of a table, one after the other.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

// A scan allocates memory while it runs. That memory lives in the context that was current at the beginning, so a caller may
// process each row in a context that it resets.
struct RowScan {
    Relation relation;
    Relation index; // nullptr: the rows come in any order
    SysScanDesc scan;
    MemoryContext context;
};

// index: InvalidOid reads the whole table. ordered: the rows come in the order of the index.
void begin_rows(RowScan *scan, Oid table, Oid index, bool ordered, int count, ScanKey keys, Snapshot snapshot);
// Returns nullptr at the end, and has then ended the scan.
HeapTuple next_row(RowScan *scan);
void end_rows(RowScan *scan);

} // namespace topk::catalog
