// Rotation of the delta log (README.md): a slot is emptied by TRUNCATE, and not by vacuum, so that one old snapshot does not
// make the log grow without end.
#include "../pg/sketch.h"
#include "delta_log.h"

extern "C" {
#include "commands/trigger.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
}

namespace topk::stream {
namespace {

constexpr BlockNumber rotate_at = 512; // blocks: small enough to read in a millisecond

struct LogSlot {
    char state;
    TransactionId changed_by;
    Datum holders;
};

void run(const char *query, int expected, int nargs = 0, Oid *types = nullptr, Datum *values = nullptr) {
    if (SPI_execute_with_args(query, nargs, types, values, nullptr, false, 0) != expected)
        elog(ERROR, "could not execute: %s", query);
}

void set_state(int slot, const char *state) {
    Oid types[] = {INT4OID, TEXTOID};
    Datum values[] = {Int32GetDatum(slot), CStringGetTextDatum(state)};
    run("UPDATE topk.log_slot SET state = $2 WHERE slot = $1", SPI_OK_UPDATE, 2, types, values);
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
}

// holders: who can see none of what the slot will hold until it is emptied again.
void activate(int slot, ArrayType *holders) {
    Oid types[] = {INT4OID, TEXTARRAYOID};
    Datum values[] = {Int32GetDatum(slot), PointerGetDatum(holders)};
    run("UPDATE topk.log_slot SET state = 'active', holders = $2 WHERE slot = $1", SPI_OK_UPDATE, 2, types, values);
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
}

void read_slots(LogSlot *slots) {
    run("SELECT slot, state, holders, xmin FROM topk.log_slot", SPI_OK_SELECT);
    for (uint64 i = 0; i < SPI_processed; ++i) {
        HeapTuple row = SPI_tuptable->vals[i];
        TupleDesc descriptor = SPI_tuptable->tupdesc;
        bool null;
        const int32 slot = DatumGetInt32(SPI_getbinval(row, descriptor, 1, &null));
        if (slot < 0 || slot >= slot_count)
            continue;
        slots[slot].state = SPI_getvalue(row, descriptor, 2)[0];
        slots[slot].holders = SPI_getbinval(row, descriptor, 3, &null);
        slots[slot].changed_by = DatumGetTransactionId(SPI_getbinval(row, descriptor, 4, &null));
    }
}

// A transaction and the oldest snapshot it holds, in words. Another snapshot of the same transaction that is not older
// changes them unless the old one is kept too.
text *holder(const VirtualTransactionId &id) {
    TransactionId xmin;
#if PG_VERSION_NUM >= 170000
    TransactionId xid;
    int subxids;
    bool overflowed;
    ProcNumberGetTransactionIds(id.procNumber, &xid, &xmin, &subxids, &overflowed);
    return cstring_to_text(psprintf("%d/%u:%u", id.procNumber, id.localTransactionId, xmin));
#elif PG_VERSION_NUM >= 160000
    TransactionId xid;
    int subxids;
    bool overflowed;
    BackendIdGetTransactionIds(id.backendId, &xid, &xmin, &subxids, &overflowed);
    return cstring_to_text(psprintf("%d/%u:%u", id.backendId, id.localTransactionId, xmin));
#else
    TransactionId xid;
    BackendIdGetTransactionIds(id.backendId, &xid, &xmin);
    return cstring_to_text(psprintf("%d/%u:%u", id.backendId, id.localTransactionId, xmin));
#endif
}

// The transactions of this database with a snapshot that does not see what limit did; of all with one for
// InvalidTransactionId.
ArrayType *snapshot_holders(TransactionId limit) {
    int n;
    VirtualTransactionId *ids = GetCurrentVirtualXIDs(limit, true, false, PROC_IS_AUTOVACUUM | PROC_IN_VACUUM, &n);
    auto *names = static_cast<Datum *>(palloc(n * sizeof(Datum) + 1));
    for (int i = 0; i < n; ++i)
        names[i] = PointerGetDatum(holder(ids[i]));
    return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

bool is_empty(int slot) {
    run(psprintf("SELECT FROM topk.delta_%d LIMIT 1", slot), SPI_OK_SELECT);
    return SPI_processed == 0;
}

// A dump restored with triggers disabled may bring rows to a slot that nobody reads.
bool read_again(int slot) {
    if (is_empty(slot))
        return false;
    set_state(slot, "draining");
    return true;
}

// Nobody writes it and everything in it is folded: from here on only snapshots older than this transaction read it.
bool try_mark_folded(int slot) {
    if (!ConditionalLockRelationOid(slot_oid(slot), ShareLock) || !is_empty(slot))
        return false;
    set_state(slot, "folded");
    return true;
}

bool try_empty(int slot, const LogSlot &state) {
    if (TransactionIdIsCurrentTransactionId(state.changed_by))
        return false;
    Oid types[] = {TEXTARRAYOID, TEXTARRAYOID};
    Datum values[] = {PointerGetDatum(snapshot_holders(state.changed_by)), state.holders};
    run("SELECT WHERE $1 <@ $2", SPI_OK_SELECT, 2, types, values);
    if (SPI_processed == 0 || !ConditionalLockRelationOid(slot_oid(slot), AccessExclusiveLock) || read_again(slot))
        return false;
    run(psprintf("TRUNCATE topk.delta_%d", slot), SPI_OK_UTILITY);
    set_state(slot, "empty");
    return true;
}

bool has_grown(int slot) {
    Relation relation = table_open(slot_oid(slot), AccessShareLock);
    const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
    table_close(relation, AccessShareLock);
    return blocks >= rotate_at;
}

} // namespace

void rotate_log() {
    if (!ConditionalLockRelationOid(table_oid(Table::log_slot), ShareUpdateExclusiveLock))
        return;
    const Owner before = become_owner();
    SPI_connect();
    LogSlot slots[slot_count] = {};
    read_slots(slots);
    int active = -1, empty = -1;
    for (int i = 0; i < slot_count; ++i) {
        if (slots[i].state == 'a')
            active = i;
        else if (slots[i].state == 'd')
            try_mark_folded(i);
        else if ((slots[i].state == 'e' && !read_again(i)) || (slots[i].state == 'f' && try_empty(i, slots[i])))
            empty = i;
    }
    if (active != -1 && empty != -1 && has_grown(active)) {
        set_state(active, "draining");
        activate(empty, snapshot_holders(InvalidTransactionId));
    }
    SPI_finish();
    leave_owner(before);
}

namespace {

Datum log_restored(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("function must be called as a trigger")));
    const auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    const Owner before = become_owner();
    SPI_connect();
    Oid types[] = {TEXTOID};
    Datum values[] = {CStringGetTextDatum(trigger->tg_trigger->tgargs[0])};
    run("UPDATE topk.log_slot SET state = 'draining' WHERE slot::text = $1 AND state <> 'active'", SPI_OK_UPDATE, 1, types,
        values);
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
    SPI_finish();
    leave_owner(before);
    return PointerGetDatum(nullptr);
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_log_restored, topk::stream::log_restored(fcinfo))
