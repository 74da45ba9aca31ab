#include "slots.h"

#include <csignal>

#include "../stream/delta_log.h"
#include "insert_delay.h"
#include "settings.h"

extern "C" {
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"
}

namespace topk::worker {
namespace {

struct WorkerSlot {
    Oid database; // InvalidOid: free
    State state;
    Exit exit;
    uint32 generation;
    int holds;
    bool asked_to_leave;
    pid_t worker; // 0: none
    pid_t backfill;
    Latch *latch; // of the worker
    TimestampTz started;
    TimestampTz last_round;
    int64 rounds;
    pg_atomic_uint32 pending;
    pg_atomic_uint64 pending_bytes; // they decide when a round begins
    pg_atomic_uint64 taken_bytes;   // those that were pending when the last round began
    pg_atomic_uint32 begun;         // rounds
    pg_atomic_uint64 round_began;   // the one that is under way; 0: none is
    pg_atomic_uint32 answers;       // under way
};

struct SharedSlots {
    LWLock *lock; // of everything but the atomic variables and changed
    Latch *launcher;
    ConditionVariable changed; // of all databases: a slot may be given to another one while somebody waits
    Requests requests;
    int slot_count;
    WorkerSlot slots[FLEXIBLE_ARRAY_MEMBER];
};

constexpr char tranche[] = "pg_topk";

SharedSlots *shared = nullptr; // nullptr: there is no shared memory
WorkerSlot *mine = nullptr;    // of this process
bool is_backfill;

// One for each worker, which takes one of max_worker_processes, and some for databases that are held and have none.
int slots_wanted() { return max_worker_processes + max_held; }

Size shared_size() { return add_size(offsetof(SharedSlots, slots), mul_size(slots_wanted(), sizeof(WorkerSlot))); }

// Runs work with the lock held. It must not raise an error.
template <class Work>
auto locked(LWLockMode mode, const Work &work) {
    LWLockAcquire(shared->lock, mode);
    const auto result = work();
    LWLockRelease(shared->lock);
    return result;
}

template <class Work>
void change(const Work &work) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    work();
    LWLockRelease(shared->lock);
}

void init_variables(WorkerSlot *slot) {
    for (pg_atomic_uint32 *variable : {&slot->pending, &slot->begun, &slot->answers})
        pg_atomic_init_u32(variable, 0);
    for (pg_atomic_uint64 *variable : {&slot->pending_bytes, &slot->taken_bytes, &slot->round_began})
        pg_atomic_init_u64(variable, 0);
}

// With the lock held:

WorkerSlot *find_slot(Oid database) {
    for (int i = 0; i < shared->slot_count; ++i)
        if (shared->slots[i].database == database)
            return &shared->slots[i];
    return nullptr;
}

// nullptr when there is no room.
WorkerSlot *find_or_make_slot(Oid database) {
    WorkerSlot *slot = find_slot(database);
    if (slot != nullptr)
        return slot;
    slot = find_slot(InvalidOid);
    if (slot == nullptr)
        return nullptr;
    const uint32 generation = slot->generation; // a process for the last database of this slot may still come
    *slot = {};
    init_variables(slot);
    slot->database = database;
    slot->exit = Exit::stopped;
    slot->generation = generation;
    return slot;
}

SlotStatus status_of(WorkerSlot *slot) {
    return {slot->database,
            slot->state,
            slot->exit,
            slot->generation,
            slot->holds > 0,
            slot->worker,
            slot->backfill,
            slot->started,
            slot->last_round,
            slot->rounds,
            pg_atomic_read_u32(&slot->pending),
            pg_atomic_read_u64(&slot->pending_bytes)};
}

void wake(Latch *latch) {
    if (latch != nullptr)
        SetLatch(latch);
}

bool withdraw_from(WorkerSlot *slot, Exit reason) {
    if (slot->state != State::starting || slot->worker != 0)
        return false;
    ++slot->generation; // so that a process that comes all the same does not enter
    slot->state = State::none;
    slot->exit = reason;
    return true;
}

void reclaim_idle(WorkerSlot *slot) {
    if (slot->state == State::none && slot->holds == 0 && slot->backfill == 0)
        slot->database = InvalidOid;
}

void ask(WorkerSlot *slot) {
    slot->asked_to_leave = slot->state != State::none;
    wake(slot->latch);
}

// Without the lock:

// Of this backend's database; nullptr: there is none.
WorkerSlot *slot_here() {
    static WorkerSlot *slot = nullptr;
    if (slot == nullptr || slot->database != MyDatabaseId)
        slot = locked(LW_SHARED, [] { return find_slot(MyDatabaseId); });
    return slot;
}

// Called after the commit of a transaction that appended rows. It must be quick.
void rows_committed(const stream::Appended &appended) {
    static TimestampTz asked = 0;
    WorkerSlot *slot = slot_here();
    const bool has_worker = slot != nullptr && slot->state != State::none;
    if (slot != nullptr) {
        pg_atomic_fetch_add_u32(&slot->pending, appended.rows);
        const uint64 before = pg_atomic_fetch_add_u64(&slot->pending_bytes, static_cast<int64>(appended.bytes));
        count_written(pg_atomic_read_u32(&slot->begun), appended.bytes);
        const uint64 after = before + appended.bytes;
        const auto passes = [&](uint64 limit) { return before < limit && after >= limit; };
        // If the latch belongs to another process by now, that one wakes up for nothing.
        if (before == 0 || passes(wake_bytes()) || passes(hurry_bytes()))
            wake(slot->latch);
    }
    if (!has_worker && worker_enabled) {
        const TimestampTz now = GetCurrentTimestamp();
        if (TimestampDifferenceExceeds(asked, now, 10000)) {
            asked = now;
            request_worker(MyDatabaseId);
        }
    }
}

stream::Folder folder_here() {
    if (!worker_enabled || RecoveryInProgress())
        return stream::Folder::nobody;
    SlotStatus slot;
    return read_slot(MyDatabaseId, &slot) && slot.state == State::running ? stream::Folder::worker
                                                                          : stream::Folder::expected;
}

} // namespace

void request_slots() {
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche(tranche, 1);
}

void attach_slots() {
    bool found;
    shared = static_cast<SharedSlots *>(ShmemInitStruct("pg_topk", shared_size(), &found));
    if (!found) {
        memset(static_cast<void *>(shared), 0, shared_size());
        shared->lock = &GetNamedLWLockTranche(tranche)->lock;
        ConditionVariableInit(&shared->changed);
        shared->slot_count = slots_wanted();
        for (int i = 0; i < shared->slot_count; ++i)
            init_variables(&shared->slots[i]);
    }
    log_commit_hook = rows_committed;
    use_insert_delay();
    folder_hook = folder_here;
}

int slot_count() { return shared->slot_count; }

SlotStatus *read_slots(int *count) {
    *count = 0;
    if (shared == nullptr)
        return nullptr;
    auto *slots = static_cast<SlotStatus *>(palloc(shared->slot_count * sizeof(SlotStatus)));
    *count = locked(LW_SHARED, [&] {
        int n = 0;
        for (int i = 0; i < shared->slot_count; ++i)
            if (OidIsValid(shared->slots[i].database))
                slots[n++] = status_of(&shared->slots[i]);
        return n;
    });
    return slots;
}

bool read_slot(Oid database, SlotStatus *status) {
    return locked(LW_SHARED, [&] {
        WorkerSlot *slot = find_slot(database);
        if (slot != nullptr)
            *status = status_of(slot);
        return slot != nullptr;
    });
}

Place mark_starting(Oid database, TimestampTz now, Assignment *assignment) {
    return locked(LW_EXCLUSIVE, [&] {
        WorkerSlot *slot = find_or_make_slot(database);
        if (slot == nullptr)
            return Place::none;
        if (slot->holds != 0)
            return Place::held;
        slot->state = State::starting;
        slot->asked_to_leave = false;
        slot->started = now;
        *assignment = {static_cast<int>(slot - shared->slots), database, ++slot->generation, 0};
        return Place::made;
    });
}

bool withdraw(Oid database, uint32 generation, Exit reason) {
    return locked(LW_EXCLUSIVE, [&] {
        WorkerSlot *slot = find_slot(database);
        return slot != nullptr && slot->generation == generation && withdraw_from(slot, reason);
    });
}

void ask_to_leave(Oid database) {
    change([&] {
        if (WorkerSlot *slot = find_slot(database))
            ask(slot);
    });
}

void reclaim(Oid database) {
    change([&] {
        if (WorkerSlot *slot = find_slot(database))
            reclaim_idle(slot);
    });
}

bool enter(const Assignment &assignment) {
    mine = &shared->slots[assignment.slot];
    is_backfill = assignment.rollup != 0;
    return locked(LW_EXCLUSIVE, [&] {
        if (mine->database != assignment.database || mine->generation != assignment.generation || mine->asked_to_leave)
            return false;
        if (is_backfill) {
            if (mine->state != State::running || mine->backfill != 0)
                return false;
            mine->backfill = MyProcPid;
            return true;
        }
        if (mine->state != State::starting)
            return false;
        mine->worker = MyProcPid;
        mine->latch = MyLatch;
        return true;
    });
}

void mark_running() {
    change([] {
        mine->state = State::running;
        wake(shared->launcher);
    });
}

void leave(Exit reason) {
    change([&] {
        if (is_backfill) {
            mine->backfill = 0;
            wake(mine->latch);
        } else {
            mine->worker = 0;
            mine->latch = nullptr;
            mine->state = State::none;
            mine->exit = mine->asked_to_leave ? Exit::stopped : reason;
        }
        wake(shared->launcher);
    });
}

bool is_asked_to_leave() {
    return locked(LW_SHARED, [] { return mine->asked_to_leave; });
}

uint64 pending_bytes() { return pg_atomic_read_u64(&mine->pending_bytes); }

void begin_round() {
    pg_atomic_write_u32(&mine->pending, 0);
    pg_atomic_write_u64(&mine->taken_bytes, pg_atomic_exchange_u64(&mine->pending_bytes, 0));
    pg_atomic_write_u64(&mine->round_began, static_cast<uint64>(GetCurrentTimestamp()));
    pg_atomic_fetch_add_u32(&mine->begun, 1);
    ConditionVariableBroadcast(&shared->changed);
}

void end_round() {
    pg_atomic_write_u64(&mine->round_began, 0);
    change([] {
        ++mine->rounds;
        mine->last_round = GetCurrentTimestamp();
    });
}

bool has_backfill() {
    return locked(LW_SHARED, [] { return mine->backfill != 0; });
}

Assignment backfill_assignment(int32 rollup) {
    return locked(LW_SHARED, [&] {
        return Assignment{static_cast<int>(mine - shared->slots), mine->database, mine->generation, rollup};
    });
}

bool read_backlog(Backlog *backlog) {
    WorkerSlot *slot = slot_here();
    if (slot == nullptr || slot->state != State::running)
        return false;
    const auto began = static_cast<TimestampTz>(pg_atomic_read_u64(&slot->round_began));
    *backlog = {pg_atomic_read_u32(&slot->begun), pg_atomic_read_u64(&slot->pending_bytes),
                pg_atomic_read_u64(&slot->taken_bytes), began, pg_atomic_read_u32(&slot->answers) != 0};
    return true;
}

void wait_for_change(int64 ms) {
    (void)ConditionVariableTimedSleep(&shared->changed, static_cast<long>(ms), PG_WAIT_EXTENSION);
}

void count_answers(int change) {
    WorkerSlot *slot = slot_here();
    if (slot == nullptr)
        return;
    uint32 n = pg_atomic_read_u32(&slot->answers); // 0 if the slot was made since the answers began
    while (!pg_atomic_compare_exchange_u32(&slot->answers, &n, std::max(0, static_cast<int>(n) + change))) {
    }
    if (change < 0)
        ConditionVariableBroadcast(&shared->changed);
}

bool hold(Oid database) {
    return locked(LW_EXCLUSIVE, [&] {
        WorkerSlot *slot = find_or_make_slot(database);
        if (slot != nullptr)
            ++slot->holds;
        return slot != nullptr;
    });
}

void release(Oid database) {
    change([&] {
        WorkerSlot *slot = find_slot(database);
        if (slot != nullptr && slot->holds > 0 && --slot->holds == 0)
            reclaim_idle(slot);
        wake(shared->launcher);
    });
}

// Signals are sent with the lock held, as the process ids are sure to be right then.
Processes expel(Oid database, bool terminate) {
    return locked(LW_EXCLUSIVE, [&]() -> Processes {
        WorkerSlot *slot = find_slot(database);
        if (slot == nullptr)
            return {};
        withdraw_from(slot, Exit::stopped);
        ask(slot);
        if (slot->worker != 0 && terminate)
            kill(slot->worker, SIGTERM);
        if (slot->backfill != 0)
            kill(slot->backfill, SIGTERM);
        return {slot->worker, slot->backfill};
    });
}

void request_worker(Oid database) {
    change([&] {
        WorkerSlot *slot = find_slot(database);
        if (slot != nullptr && slot->latch != nullptr) {
            // As if there were much to fold. The worker begins a round, which looks at the extension first.
            pg_atomic_fetch_add_u64(&slot->pending_bytes, static_cast<int64>(wake_bytes()));
            SetLatch(slot->latch);
        }
        // The launcher gets the request too, as the worker may be about to leave.
        Requests &requests = shared->requests;
        bool known = false;
        for (int i = 0; i < requests.count; ++i)
            known |= requests.databases[i] == database;
        if (!known && requests.count < max_requests)
            requests.databases[requests.count++] = database;
        else
            requests.overflowed |= !known;
        wake(shared->launcher);
    });
}

Requests take_requests() {
    return locked(LW_EXCLUSIVE, [] {
        const Requests requests = shared->requests;
        shared->requests = {};
        return requests;
    });
}

void enter_launcher() {
    change([] { shared->launcher = MyLatch; });
}

void leave_launcher() {
    change([] { shared->launcher = nullptr; });
}

} // namespace topk::worker
