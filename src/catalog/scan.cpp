#include "scan.h"

namespace topk::catalog {

void begin_rows(RowScan *scan, Oid table, Oid index, bool ordered, int count, ScanKey keys, Snapshot snapshot) {
    scan->context = CurrentMemoryContext;
    scan->relation = table_open(table, AccessShareLock);
    scan->index = ordered ? index_open(index, AccessShareLock) : nullptr;
    scan->scan = ordered ? systable_beginscan_ordered(scan->relation, scan->index, snapshot, count, keys)
                         : systable_beginscan(scan->relation, index, OidIsValid(index), snapshot, count, keys);
}

HeapTuple next_row(RowScan *scan) {
    MemoryContext caller = MemoryContextSwitchTo(scan->context);
    HeapTuple tuple =
        scan->index != nullptr ? systable_getnext_ordered(scan->scan, ForwardScanDirection) : systable_getnext(scan->scan);
    if (!HeapTupleIsValid(tuple))
        end_rows(scan);
    MemoryContextSwitchTo(caller);
    return tuple;
}

void end_rows(RowScan *scan) {
    if (scan->index != nullptr) {
        systable_endscan_ordered(scan->scan);
        index_close(scan->index, AccessShareLock);
    } else {
        systable_endscan(scan->scan);
    }
    table_close(scan->relation, AccessShareLock);
}

} // namespace topk::catalog
