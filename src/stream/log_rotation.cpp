// Rotation of the delta log (README.md): a slot is emptied by TRUNCATE, and not by vacuum, so that one old snapshot does not
// make the log grow without end.
#include "../catalog/as_owner.h"
#include "../catalog/statement.h"
#include "../pg/function.h"
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
    ArrayType *holders;
};

void set_state(int slot, const char *state) {
    execute("UPDATE topk.log_slot SET state = $2 WHERE slot = $1", {Value::int4(slot), Value::string(state)});
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
}

// holders: who can see none of what the slot will hold until it is emptied again.
void activate(int slot, ArrayType *holders) {
    execute("UPDATE topk.log_slot SET state = 'active', holders = $2 WHERE slot = $1",
            {Value::int4(slot), Value::strings(holders)});
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
}

void read_slots(LogSlot *slots) {
    const uint64 count = execute("SELECT slot, state, holders, xmin FROM topk.log_slot");
    for (uint64 i = 0; i < count; ++i) {
        const int32 slot = DatumGetInt32(result_value(i, 1));
        if (slot < 0 || slot >= slot_count)
            continue;
        slots[slot].state = result_string(i, 2)[0];
        slots[slot].holders = reinterpret_cast<ArrayType *>(DatumGetPointer(result_value(i, 3)));
        slots[slot].changed_by = DatumGetTransactionId(result_value(i, 4));
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

bool is_empty(int slot) { return execute(psprintf("SELECT FROM topk.delta_%d LIMIT 1", slot)) == 0; }

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
    if (execute("SELECT WHERE $1 <@ $2",
                {Value::strings(snapshot_holders(state.changed_by)), Value::strings(state.holders)}) == 0 ||
        !ConditionalLockRelationOid(slot_oid(slot), AccessExclusiveLock) || read_again(slot))
        return false;
    execute(psprintf("TRUNCATE topk.delta_%d", slot));
    set_state(slot, "empty");
    return true;
}

bool has_grown(int slot) {
    Relation relation = table_open(slot_oid(slot), AccessShareLock);
    const BlockNumber blocks = RelationGetNumberOfBlocks(relation);
    table_close(relation, AccessShareLock);
    return blocks >= rotate_at;
}

void rotate() {
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
    as_owner([&] {
        execute("UPDATE topk.log_slot SET state = 'draining' WHERE slot::text = $1 AND state <> 'active'",
                {Value::string(trigger->tg_trigger->tgargs[0])});
    });
    CacheInvalidateRelcacheByRelid(table_oid(Table::log_slot));
    return PointerGetDatum(nullptr);
}

} // namespace
} // namespace topk::stream

TOPK_FUNCTION(topk_log_restored, topk::stream::log_restored(fcinfo))
