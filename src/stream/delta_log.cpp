#include "delta_log.h"

#include "../pg/relcache.h"

extern "C" {
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/relcache.h"
}

namespace topk::stream {

void (*delta_append_hook)(const Delta &delta) = nullptr;
void (*log_commit_hook)(const Appended &appended) = nullptr;
void (*capture_hook)() = nullptr;
void (*answer_hook)(bool begins) = nullptr;
Folder (*folder_hook)() = nullptr;

namespace {

// Blocks of a slot that are read as a whole faster than by the index, which also has entries of rows that folds have
// deleted.
constexpr BlockNumber read_whole = 32;

// An answer or a fold takes about as long to read a row of one event as to read this much of a bundle.
constexpr Size least_bytes = 256;

int active_slot = -1; // -1: not known
Oid log_slot_seen = InvalidOid;

// Of the current transaction.
Appended appended = {};
uint32 written_slots = 0;

void forget_active(Oid relation) {
    if (!OidIsValid(relation) || relation == log_slot_seen)
        active_slot = -1;
}

void at_transaction_end(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT && appended.rows != 0 && log_commit_hook != nullptr)
        log_commit_hook(appended);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE) {
        appended = {};
        written_slots = 0;
    }
}

int find_active() {
    static bool registered = false;
    if (!registered) {
        pg::on_relation_change(forget_active);
        RegisterXactCallback(at_transaction_end, nullptr);
        registered = true;
    }
    log_slot_seen = table_oid(Table::log_slot);
    SlotState states[slot_count];
    read_slot_states(nullptr, states);
    const SlotState *found = std::find(states, states + slot_count, SlotState::active);
    if (found == states + slot_count)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("no slot of topk.log_slot is active")));
    return static_cast<int>(found - states);
}

// The lock stays until the end of the transaction: it keeps the slot from being emptied.
Relation open_active() {
    for (;;) {
        if (active_slot == -1)
            active_slot = find_active();
        const int slot = active_slot;
        Relation relation = table_open(slot_oid(slot), RowExclusiveLock);
        // While it took the lock, the session may have received the message that another slot is active now.
        if (active_slot == slot) [[likely]] {
            written_slots |= 1u << slot;
            return relation;
        }
        table_close(relation, RowExclusiveLock);
    }
}

// A slot that was emptied since the snapshot was taken has another file than the snapshot sees in the catalog.
void require_not_emptied(Relation relation, Snapshot snapshot) {
    Relation classes = table_open(RelationRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(relation)));
    SysScanDesc scan = systable_beginscan(classes, ClassOidIndexId, true, snapshot, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const bool same = HeapTupleIsValid(tuple) &&
                      reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relfilenode == relation->rd_rel->relfilenode;
    systable_endscan(scan);
    table_close(classes, AccessShareLock);
    if (!same)
        ereport(
            ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("could not read the counts of an old snapshot"),
             errdetail("Counts that were in the delta log when the snapshot was taken have been folded and removed since."),
             errhint("Retry the transaction.")));
}

bool open_next_slot(DeltaScan *scan) {
    while (++scan->slot < slot_count) {
        const bool seen = is_readable(scan->states[scan->slot]);
        if (!seen && (written_slots & 1u << scan->slot) == 0)
            continue;
        scan->relation = table_open(slot_oid(scan->slot), AccessShareLock);
        if (seen)
            require_not_emptied(scan->relation, scan->snapshot);
        MemoryContext caller = MemoryContextSwitchTo(scan->context);
        if (scan->rollup != 0 && RelationGetNumberOfBlocks(scan->relation) > read_whole) {
            ScanKeyData key;
            delta_scan_key(&key, scan->rollup);
            scan->index_scan = systable_beginscan(scan->relation, slot_index(scan->slot), true, scan->snapshot, 1, &key);
        } else {
            scan->scan = table_beginscan(scan->relation, scan->snapshot, 0, nullptr);
        }
        MemoryContextSwitchTo(caller);
        return true;
    }
    return false;
}

} // namespace

void append_delta(const Delta &delta) {
    Relation log = open_active();
    appended.bytes += std::max(insert_delta(log, delta), least_bytes);
    ++appended.rows;
    table_close(log, NoLock);
    if (delta_append_hook != nullptr)
        delta_append_hook(delta);
}

void begin_delta_scan(DeltaScan *scan, Snapshot snapshot, int32 rollup) {
    *scan = {};
    scan->rollup = rollup;
    scan->context = CurrentMemoryContext;
    scan->snapshot = snapshot;
    scan->slot = -1;
    read_slot_states(snapshot, scan->states);
}

HeapTuple next_delta(DeltaScan *scan) {
    for (;;) {
        if (scan->relation != nullptr) {
            MemoryContext caller = MemoryContextSwitchTo(scan->context);
            HeapTuple tuple = scan->index_scan != nullptr ? systable_getnext(scan->index_scan)
                                                          : heap_getnext(scan->scan, ForwardScanDirection);
            MemoryContextSwitchTo(caller);
            if (tuple != nullptr)
                return tuple;
            end_delta_scan(scan);
        }
        CHECK_FOR_INTERRUPTS();
        if (!open_next_slot(scan))
            return nullptr;
    }
}

void end_delta_scan(DeltaScan *scan) {
    if (scan->index_scan != nullptr)
        systable_endscan(scan->index_scan);
    else
        table_endscan(scan->scan);
    table_close(scan->relation, AccessShareLock);
    scan->scan = nullptr;
    scan->index_scan = nullptr;
    scan->relation = nullptr;
}

} // namespace topk::stream
