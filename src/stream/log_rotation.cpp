// Rotation of the delta log (README.md): a slot is emptied by TRUNCATE, and not by vacuum, so that one old snapshot does not
// make the log grow without end.
#include "../catalog/as_owner.h"
#include "../catalog/scan.h"
#include "../pg/buffer.h"
#include "../pg/function.h"
#include "delta_log.h"

extern "C" {
#include "commands/trigger.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
}

namespace topk::stream {
namespace {

constexpr BlockNumber rotate_at = 512; // blocks: small enough to read in a millisecond

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

// A dump restored with triggers disabled may bring rows to a slot that nobody reads.
bool read_again(int slot) {
    if (is_slot_empty(slot))
        return false;
    set_slot_state(slot, SlotState::draining);
    return true;
}

// Nobody writes it and everything in it is folded: from here on only snapshots older than this transaction read it.
bool try_mark_folded(int slot) {
    if (!ConditionalLockRelationOid(slot_oid(slot), ShareLock) || !is_slot_empty(slot))
        return false;
    set_slot_state(slot, SlotState::folded);
    return true;
}

bool is_contained(const ArrayType *part, const ArrayType *whole) {
    return DatumGetBool(
        OidFunctionCall2Coll(F_ARRAYCONTAINED, C_COLLATION_OID, PointerGetDatum(part), PointerGetDatum(whole)));
}

bool try_empty(int slot, const LogSlot &state) {
    if (TransactionIdIsCurrentTransactionId(state.changed_by))
        return false;
    if (!is_contained(snapshot_holders(state.changed_by), state.holders) ||
        !ConditionalLockRelationOid(slot_oid(slot), AccessExclusiveLock) || read_again(slot))
        return false;
    truncate_slot(slot);
    set_slot_state(slot, SlotState::empty);
    return true;
}

// Blocks that the rows take which folds have compacted and left in the log. They are copied when their slot is drained.
BlockNumber waiting_blocks(int slot) {
    constexpr Size page = BLCKSZ - SizeOfPageHeaderData;
    Size bytes = 0;
    RowScan rows;
    begin_rows(&rows, slot_oid(slot), InvalidOid, false, 0, nullptr, nullptr);
    while (HeapTuple tuple = next_row(&rows))
        if (delta_form(tuple)->scope != DeltaScope::raw)
            bytes += page / (page / (MAXALIGN(tuple->t_len) + sizeof(ItemIdData))); // its share of a page of such rows
    return static_cast<BlockNumber>(bytes / page);
}

// A slot is worth its copies when more than half of it can be emptied. Otherwise each round would copy all that waits.
bool has_grown(int slot) {
    Relation relation = table_open(slot_oid(slot), AccessShareLock);
    const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
    table_close(relation, AccessShareLock);
    return blocks >= rotate_at && blocks / 2 >= waiting_blocks(slot);
}

void rotate() {
    LogSlot slots[slot_count];
    read_slots(slots);
    int active = -1, empty = -1;
    for (int i = 0; i < slot_count; ++i) {
        switch (slots[i].state) {
            case SlotState::active: active = i; break;
            case SlotState::draining: try_mark_folded(i); break;
            case SlotState::empty:
                if (!read_again(i))
                    empty = i;
                break;
            case SlotState::folded:
                if (try_empty(i, slots[i]))
                    empty = i;
                break;
        }
    }
    if (active != -1 && empty != -1 && has_grown(active)) {
        set_slot_state(active, SlotState::draining);
        activate_slot(empty, snapshot_holders(InvalidTransactionId));
    }
}

} // namespace

void rotate_log() {
    if (ConditionalLockRelationOid(table_oid(Table::log_slot), ShareUpdateExclusiveLock))
        as_owner([] { rotate(); });
}

namespace {

Datum log_restored(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("function must be called as a trigger")));
    const auto *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    as_owner([&] { drain_restored_slot(pg_strtoint32(trigger->tg_trigger->tgargs[0])); });
    return PointerGetDatum(nullptr);
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_log_restored, topk::stream::log_restored(fcinfo))
