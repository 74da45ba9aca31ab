// topk.delta_0 to topk.delta_3: the counts of statements that no fold has taken away yet. stream/delta_log.h decides which
// of the tables is written and which are read.
#pragma once

#include "../pg/tally.h"

namespace topk::catalog {

enum class DeltaScope : char {
    raw = 'r',   // counts for its group and for all groups
    group = 'g', // compacted: for its group only
    all = 'a',   // compacted: for all groups only
};

// The first columns of a row, which are never NULL, as they lie in its tuple.
struct FormData_topk_delta {
    TimestampTz tile; // DT_NOBEGIN: rejected events, counted without items
    int64 events;
    int32 rollup;
    DeltaScope scope;
};
using Form_topk_delta = const FormData_topk_delta *;
inline Form_topk_delta delta_form(HeapTuple tuple) { return reinterpret_cast<Form_topk_delta>(GETSTRUCT(tuple)); }

// A row. Pointers are values as the row has them, perhaps toasted, or nullptr for NULL. It has either items or a summary,
// and neither where events were rejected. Items may be a bundle, which has the groups in it (pg/bundle.h); grp is nullptr
// then.
struct Delta {
    FormData_topk_delta form;
    ArrayType *grp;
    StoredTally values;
};

Delta read_delta(HeapTuple tuple, TupleDesc descriptor);

// The index of a table by rollup and tile, and a key for the rows of one rollup.
Oid slot_index(int slot);
void delta_scan_key(ScanKey key, int32 rollup);

// These write one row of a table that is open. They check no rights.

// Returns the bytes that the row takes in a page: its tuple with header, and its line pointer. TOAST may leave less there.
Size insert_delta(Relation slot, const Delta &delta);
void delete_delta(Relation slot, HeapTuple tuple);

// Within as_owner().
bool is_slot_empty(int slot);
void truncate_slot(int slot);
void delete_deltas(int32 rollup); // all of a rollup that is dropped

} // namespace topk::catalog
