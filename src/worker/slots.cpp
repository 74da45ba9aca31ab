#include "slots.h"

#include <csignal>

#include "../pg/sketch.h"
#include "../stream/delta_log.h"
#include "settings.h"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
}

namespace topk::worker {

Shared *shared = nullptr;

namespace {

constexpr char tranche[] = "pg_topk";
constexpr int max_held = 8; // databases that one statement holds: at most two

Oid held[max_held];
int held_count = 0;

// Each worker takes one of max_worker_processes; a database that is held may have a slot beside.
int slots_wanted() { return max_worker_processes + max_held; }

Size shared_size() { return add_size(offsetof(Shared, slots), mul_size(slots_wanted(), sizeof(DatabaseSlot))); }

// rows: at least one. After the commit; must be quick.
void deltas_appended(uint32 rows) {
    static DatabaseSlot *slot = nullptr;
    static TimestampTz asked = 0;
    if (slot == nullptr || slot->database != MyDatabaseId) {
        LWLockAcquire(shared->lock, LW_SHARED);
        slot = find_slot(MyDatabaseId);
        LWLockRelease(shared->lock);
    }
    const bool has_worker = slot != nullptr && slot->state != State::none;
    if (slot != nullptr) {
        const uint32 before = pg_atomic_fetch_add_u32(&slot->pending, rows);
        const auto limit = static_cast<uint32>(wake_deltas);
        Latch *latch = slot->latch;
        // A latch that has gone to another process by now wakes that one for nothing.
        if (latch != nullptr && (before == 0 || (before < limit && before + rows >= limit)))
            SetLatch(latch);
    }
    if (!has_worker && worker_enabled) {
        const TimestampTz now = GetCurrentTimestamp();
        if (TimestampDifferenceExceeds(asked, now, 10000)) {
            asked = now;
            request_worker(MyDatabaseId);
        }
    }
}

void release_held(XactEvent event, void *) {
    if (held_count == 0 || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
        return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    for (int i = 0; i < held_count; ++i) {
        DatabaseSlot *slot = find_slot(held[i]);
        if (slot != nullptr && slot->holds > 0)
            --slot->holds;
    }
    held_count = 0;
    wake_launcher();
    LWLockRelease(shared->lock);
}

// False when no process of the database is left.
bool stop_processes(Oid database, bool kill_them, pid_t *gone) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    DatabaseSlot *slot = find_slot(database);
    bool left = false;
    if (slot != nullptr) {
        if (slot->state == State::starting && slot->worker == 0) {
            ++slot->generation; // it will find that it is not wanted
            slot->state = State::none;
            slot->exit = Exit::stopped;
        }
        slot->stop = slot->state != State::none;
        const pid_t pids[] = {slot->worker, slot->backfill};
        for (int i = 0; i < 2; ++i) {
            if (pids[i] == 0)
                continue;
            left = true;
            gone[i] = pids[i];
            if (kill_them || i == 1)
                kill(pids[i], SIGTERM);
        }
        if (slot->latch != nullptr)
            SetLatch(slot->latch);
    }
    LWLockRelease(shared->lock);
    // A process leaves its slot a moment before it leaves the database.
    for (int i = 0; i < 2 && !left; ++i)
        left = gone[i] != 0 && BackendPidGetProc(gone[i]) != nullptr;
    return left;
}

void nap(long ms) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

} // namespace

void request_slots() {
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche(tranche, 1);
}

void attach_slots() {
    bool found;
    shared = static_cast<Shared *>(ShmemInitStruct("pg_topk", shared_size(), &found));
    if (!found) {
        memset(static_cast<void *>(shared), 0, shared_size());
        shared->lock = &GetNamedLWLockTranche(tranche)->lock;
        shared->slot_count = slots_wanted();
        for (int i = 0; i < shared->slot_count; ++i)
            pg_atomic_init_u32(&shared->slots[i].pending, 0);
    }
    static bool registered = false;
    if (registered)
        return;
    registered = true;
    deltas_appended_hook = deltas_appended;
    RegisterXactCallback(release_held, nullptr);
}

DatabaseSlot *find_slot(Oid database) {
    for (int i = 0; i < shared->slot_count; ++i)
        if (shared->slots[i].database == database)
            return &shared->slots[i];
    return nullptr;
}

DatabaseSlot *allocate_slot(Oid database) {
    DatabaseSlot *slot = find_slot(database);
    if (slot != nullptr)
        return slot;
    slot = find_slot(InvalidOid);
    if (slot == nullptr)
        return nullptr;
    slot->state = State::none;
    slot->exit = Exit::stopped;
    slot->holds = 0;
    slot->stop = false;
    slot->worker = slot->backfill = 0;
    slot->latch = nullptr;
    slot->started = slot->last_round = 0;
    slot->rounds = 0;
    pg_atomic_write_u32(&slot->pending, 0);
    slot->database = database;
    return slot;
}

void wake_launcher() {
    if (shared->launcher != nullptr)
        SetLatch(shared->launcher);
}

void request_worker(Oid database) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    DatabaseSlot *slot = find_slot(database);
    if (slot != nullptr && slot->latch != nullptr) {
        // As if there were much to fold: it begins its round, which looks at the extension first.
        pg_atomic_fetch_add_u32(&slot->pending, static_cast<uint32>(wake_deltas));
        SetLatch(slot->latch);
    }
    // Its launcher is told too, as the worker may be about to go.
    bool known = false;
    for (int i = 0; i < Min(shared->request_count, max_requests); ++i)
        known |= shared->requests[i] == database;
    if (!known) {
        if (shared->request_count < max_requests)
            shared->requests[shared->request_count] = database;
        shared->request_count = Min(shared->request_count + 1, max_requests + 1);
    }
    wake_launcher();
    LWLockRelease(shared->lock);
}

void hold_database(Oid database) {
    if (held_count == max_held)
        return;
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    DatabaseSlot *slot = allocate_slot(database);
    if (slot != nullptr) {
        ++slot->holds;
        held[held_count++] = database;
    }
    LWLockRelease(shared->lock);
    // Without a word first, with a signal when a fold is at work; who does not go in time is left to the statement's own
    // check.
    pid_t gone[2] = {};
    for (int i = 0; i < 500 && stop_processes(database, i == 20, gone); ++i)
        nap(10);
}

} // namespace topk::worker

namespace {

using namespace topk::worker;

// worker_slots()
Datum worker_slots(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (shared == nullptr)
        return (Datum)0;
    const char *const names[] = {"stopped", "starting", "running"};
    const Size size = sizeof(DatabaseSlot) * shared->slot_count;
    auto *slots = static_cast<DatabaseSlot *>(palloc(size));
    LWLockAcquire(shared->lock, LW_SHARED);
    memcpy(static_cast<void *>(slots), shared->slots, size);
    LWLockRelease(shared->lock);
    for (int i = 0; i < shared->slot_count; ++i) {
        const DatabaseSlot *slot = &slots[i];
        if (!OidIsValid(slot->database))
            continue;
        Datum values[] = {ObjectIdGetDatum(slot->database),
                          CStringGetTextDatum(names[static_cast<int>(slot->state)]),
                          Int32GetDatum(slot->worker),
                          Int32GetDatum(slot->backfill),
                          TimestampTzGetDatum(slot->started),
                          Int64GetDatum(slot->rounds),
                          TimestampTzGetDatum(slot->last_round),
                          Int64GetDatum(pg_atomic_read_u32(const_cast<pg_atomic_uint32 *>(&slot->pending)))};
        bool nulls[] = {
            false, false, slot->worker == 0, slot->backfill == 0, slot->started == 0, false, slot->last_round == 0, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum)0;
}

} // namespace

TOPK_FUNCTION(topk_worker_slots, worker_slots(fcinfo))
