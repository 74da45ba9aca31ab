#include "delta_log.h"

#include "../catalog/group_key.h"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "utils/relcache.h"
}

namespace topk::stream {

void (*delta_append_hook)(const Delta &delta) = nullptr;
void (*log_commit_hook)(uint32 rows) = nullptr;

namespace {

enum Column { tile = 1, events, rollup, scope, grp, items, summary, sketch, registers, column_count = registers };

int active_slot = -1; // -1: not known
Oid log_slot_seen = InvalidOid;

// Of the current transaction.
uint32 appended = 0;
uint32 written_slots = 0;

void forget_active(Datum, Oid relation) {
    if (!OidIsValid(relation) || relation == log_slot_seen)
        active_slot = -1;
}

void at_transaction_end(XactEvent event, void *) {
    if (event == XACT_EVENT_COMMIT && appended != 0 && log_commit_hook != nullptr)
        log_commit_hook(appended);
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        appended = written_slots = 0;
}

// Calls visit(slot, state) for the rows of topk.log_slot that the snapshot sees; nullptr: the latest.
template <class Visit>
void for_each_slot(Snapshot snapshot, const Visit &visit) {
    Relation relation = table_open(table_oid(Table::log_slot), AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, snapshot, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool null;
        const int32 slot = DatumGetInt32(heap_getattr(tuple, 1, RelationGetDescr(relation), &null));
        const text *state = DatumGetTextPP(heap_getattr(tuple, 2, RelationGetDescr(relation), &null));
        if (slot >= 0 && slot < slot_count)
            visit(slot, VARDATA_ANY(state)[0]);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
}

int find_active() {
    static bool registered = false;
    if (!registered) {
        CacheRegisterRelcacheCallback(forget_active, (Datum)0);
        RegisterXactCallback(at_transaction_end, nullptr);
        registered = true;
    }
    log_slot_seen = table_oid(Table::log_slot);
    int found = -1;
    for_each_slot(nullptr, [&](int slot, char state) {
        if (state == 'a')
            found = slot;
    });
    if (found == -1)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("no slot of topk.log_slot is active")));
    return found;
}

// The lock stays until the end of the transaction: it keeps the slot from being emptied.
Relation open_active() {
    for (;;) {
        if (active_slot == -1)
            active_slot = find_active();
        const int slot = active_slot;
        Relation relation = table_open(slot_oid(slot), RowExclusiveLock);
        // Taking the lock may have told that another slot is active now.
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
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE), errmsg("could not read the counts of an old snapshot"),
                        errdetail("What the snapshot had still to be folded has been folded and removed since."),
                        errhint("Retry the transaction.")));
}

struct varlena *value_or_null(Datum value, bool null) {
    return null ? nullptr : reinterpret_cast<struct varlena *>(DatumGetPointer(value));
}

bool open_next_slot(DeltaScan *scan) {
    while (++scan->slot < slot_count) {
        if (scan->state[scan->slot] == 0 && (written_slots & 1u << scan->slot) == 0)
            continue;
        scan->relation = table_open(slot_oid(scan->slot), AccessShareLock);
        if (scan->state[scan->slot] != 0)
            require_not_emptied(scan->relation, scan->snapshot);
        scan->scan = table_beginscan(scan->relation, scan->snapshot, 0, nullptr);
        return true;
    }
    return false;
}

} // namespace

void append_delta(const Delta &delta) {
    Relation log = open_active();
    Datum values[column_count];
    bool nulls[column_count] = {};
    values[tile - 1] = TimestampTzGetDatum(delta.tile);
    values[events - 1] = Int64GetDatum(delta.events);
    values[rollup - 1] = Int32GetDatum(delta.rollup);
    values[scope - 1] = CharGetDatum(static_cast<char>(delta.scope));
    const void *variable[] = {delta.grp, delta.items, delta.summary, delta.sketch, delta.registers};
    for (int i = 0; i < 5; ++i) {
        values[grp - 1 + i] = PointerGetDatum(variable[i]);
        nulls[grp - 1 + i] = variable[i] == nullptr;
    }
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(log), values, nulls);
    simple_heap_insert(log, tuple);
    heap_freetuple(tuple);
    table_close(log, NoLock);
    ++appended;
    if (delta_append_hook != nullptr)
        delta_append_hook(delta);
}

void begin_delta_scan(DeltaScan *scan, Snapshot snapshot) {
    *scan = {};
    scan->snapshot = snapshot;
    scan->slot = -1;
    for_each_slot(snapshot, [&](int slot, char state) { scan->state[slot] = state == 'a' || state == 'd' ? state : 0; });
}

HeapTuple next_delta(DeltaScan *scan) {
    for (;;) {
        if (scan->scan != nullptr) {
            if (HeapTuple tuple = heap_getnext(scan->scan, ForwardScanDirection))
                return tuple;
            end_delta_scan(scan);
        }
        CHECK_FOR_INTERRUPTS();
        if (!open_next_slot(scan))
            return nullptr;
    }
}

void end_delta_scan(DeltaScan *scan) {
    table_endscan(scan->scan);
    table_close(scan->relation, AccessShareLock);
    scan->scan = nullptr;
}

Delta read_delta(HeapTuple tuple, TupleDesc descriptor) {
    Datum values[column_count];
    bool nulls[column_count];
    heap_deform_tuple(tuple, descriptor, values, nulls);
    const DeltaKey key = delta_key(tuple);
    Delta delta;
    delta.tile = key.tile;
    delta.events = key.events;
    delta.rollup = key.rollup;
    delta.scope = key.scope;
    delta.grp = reinterpret_cast<ArrayType *>(value_or_null(values[grp - 1], nulls[grp - 1]));
    delta.items = value_or_null(values[items - 1], nulls[items - 1]);
    delta.summary = value_or_null(values[summary - 1], nulls[summary - 1]);
    delta.sketch = value_or_null(values[sketch - 1], nulls[sketch - 1]);
    delta.registers = value_or_null(values[registers - 1], nulls[registers - 1]);
    return delta;
}

bool delta_in_group(HeapTuple tuple, TupleDesc descriptor, const ArrayType *group) {
    bool null;
    const Datum value = heap_getattr(tuple, grp, descriptor, &null);
    if (null || group == nullptr)
        return null && group == nullptr;
    auto *stored = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
    if (VARATT_IS_EXTENDED(stored) && !VARATT_IS_SHORT(stored))
        stored = pg_detoast_datum_packed(stored);
    return equal_groups(reinterpret_cast<ArrayType *>(stored), group);
}

} // namespace topk::stream
