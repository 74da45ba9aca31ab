// The delta log: the counts of statements that no fold has taken away yet. README.md says why it has slots.
#pragma once

#include "../catalog/delta.h"
#include "../catalog/log_slot.h"
#include "../pg/array.h"

namespace topk::stream {

// Appends a row as part of the current transaction, and checks no rights. May raise any error of an insertion.
void append_delta(const Delta &delta);

// append_delta() calls this hook for each row, before it is known whether the row will be committed. It must be quick.
extern void (*delta_append_hook)(const Delta &delta);
// The rows of a transaction, also those of its subtransactions that were rolled back.
struct Appended {
    uint32 rows;
    uint64 bytes; // as insert_delta() measures them, at least 256 for each row
};
// This hook is called after the commit of a transaction that appended rows. It must not raise an error.
extern void (*log_commit_hook)(const Appended &appended);

// This hook is called before a statement counts rows. It may wait, or raise an error.
extern void (*capture_hook)();
// This hook is called when an answer begins to read, and when it ends, also by an error.
extern void (*answer_hook)(bool begins);

// Says whether a background worker folds the log of this database. The hook is nullptr without workers.
enum class Folder {
    nobody,
    expected, // a worker will be started
    worker,
};
extern Folder (*folder_hook)();
inline Folder folder() { return folder_hook == nullptr ? Folder::nobody : folder_hook(); }

// Reads the rows that a snapshot sees. Raises 40001 if the log does not have them any more. That can happen to a snapshot on
// a standby, and to one of several snapshots that a transaction holds.
struct DeltaScan {
    Snapshot snapshot;
    SlotState states[slot_count]; // as the snapshot sees them
    int slot;
    int32 rollup; // 0: rows of all rollups are wanted
    Relation relation;
    TableScanDesc scan;     // of the whole table
    SysScanDesc index_scan; // or of the rows of the rollup
    MemoryContext context;  // of what the scan allocates, whatever context its rows are processed in
};
// With a rollup, a large slot is read by its index. Rows of other rollups may come too.
void begin_delta_scan(DeltaScan *scan, Snapshot snapshot, int32 rollup = 0);
// Returns a row that is valid until the next call. Returns nullptr at the end, and has then ended the scan.
HeapTuple next_delta(DeltaScan *scan);
void end_delta_scan(DeltaScan *scan);

// Where a row of the log is.
struct LogEntry {
    int32 rollup;
    ItemPointerData place;
    int8 slot;
};
// The rows that a snapshot sees, by rollup and place. One pass over the log finds the rows of all rollups.
struct LogIndex {
    Array<LogEntry> entries;
    bool complete; // there were not too many for memory
};
LogIndex index_log(Snapshot snapshot);

// Reads rows by such entries, as far as a snapshot sees them.
struct LogReader {
    Snapshot snapshot;
    SlotState states[slot_count];
    Relation slots[slot_count];
    BlockNumber blocks[slot_count];
};
void begin_reading(LogReader *reader, Snapshot snapshot);
// Returns a copy of the row, or nullptr if the snapshot sees no row of this rollup there.
HeapTuple read_entry(LogReader *reader, const LogEntry &entry);
void end_reading(LogReader *reader);

// Makes an empty slot the active one if the active one has grown, and empties slots that no snapshot can need. Returns at
// once if another transaction is doing this. The transaction must be READ COMMITTED.
void rotate_log();

} // namespace topk::stream
