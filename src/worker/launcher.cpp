#include "launcher.h"

#include "settings.h"
#include "../statistics/statistics.h"
#include "worker.h"

extern "C" {
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/hsearch.h"
}

namespace topk::worker {
namespace {

constexpr int max_starting = 3; // workers that have not yet looked for the extension: they take places of parallel queries
constexpr int64 longest_back_off = 5 * 60 * 1000; // ms
constexpr int64 settled = 60 * 1000;              // a worker that ran so long has not failed at once
constexpr int64 start_limit = 60 * 1000;

struct Database {
    Oid oid; // the hash key
    bool listed;
    bool wanted;    // may have the extension
    bool requested; // since its worker was started last
    bool running;   // has a worker, as far as is known
    bool refused;   // the server had no place for its worker
    int failures;
    TimestampTz next_try;
    BackgroundWorkerHandle *handle; // nullptr for a worker that an earlier launcher started
};

HTAB *databases;

Database *enter_database(Oid oid, TimestampTz now) {
    bool found;
    auto *database = static_cast<Database *>(hash_search(databases, &oid, HASH_ENTER, &found));
    if (!found) {
        memset(reinterpret_cast<char *>(database) + sizeof(Oid), 0, sizeof(Database) - sizeof(Oid));
        database->wanted = true; // a template may have had it
        database->next_try = now;
    }
    return database;
}

template <class Visit>
void for_each_database(const Visit &visit) {
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, databases);
    while (auto *database = static_cast<Database *>(hash_seq_search(&status)))
        visit(database);
}

void list_databases(TimestampTz now) {
    for_each_database([](Database *database) { database->listed = false; });
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    List *existing = NIL;
    while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        const auto *row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        existing = lappend_oid(existing, row->oid);
        // datconnlimit -2: left behind by an interrupted DROP DATABASE
        if (row->datallowconn && !row->datistemplate && row->datconnlimit != -2)
            enter_database(row->oid, now)->listed = true;
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    forget_databases_except(existing);
    CommitTransactionCommand();
}

void take_requests() {
    Oid requests[max_requests];
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    const int count = shared->request_count;
    memcpy(requests, shared->requests, sizeof(requests));
    shared->request_count = 0;
    LWLockRelease(shared->lock);
    const auto request = [](Database *database) {
        // One that fails keeps its back-off.
        database->requested = database->wanted = true;
    };
    if (count > max_requests)
        for_each_database(request);
    for (int i = 0; i < Min(count, max_requests); ++i)
        if (auto *database = static_cast<Database *>(hash_search(databases, &requests[i], HASH_FIND, nullptr)))
            request(database);
}

// Workers that an earlier launcher left behind.
void adopt(TimestampTz now) {
    LWLockAcquire(shared->lock, LW_SHARED);
    for (int i = 0; i < shared->slot_count; ++i)
        if (OidIsValid(shared->slots[i].database) && shared->slots[i].state != State::none)
            enter_database(shared->slots[i].database, now)->running = true;
    LWLockRelease(shared->lock);
}

void schedule(Database *database, const DatabaseSlot *slot, TimestampTz now) {
    database->running = false;
    if (database->handle != nullptr)
        pfree(database->handle);
    database->handle = nullptr;
    const Exit exit = slot == nullptr ? Exit::again : slot->exit;
    database->next_try = now;
    if (exit == Exit::no_extension)
        database->wanted = database->requested;
    if (exit != Exit::failed) {
        database->failures = 0;
        return;
    }
    if (TimestampDifferenceExceeds(slot->started, now, settled))
        database->failures = 0;
    const int64 delay = Min(longest_back_off, int64{1000} << Min(database->failures, 20));
    ++database->failures;
    database->next_try = TimestampTzPlusMilliseconds(now, delay);
    ereport(LOG, (errmsg("pg_topk worker for database %u ended unexpectedly, next start in %d s", database->oid,
                         static_cast<int>(delay / 1000))));
}

// A worker that was never made, or died before it came to its slot, leaves no word there.
bool never_came(const Database *database, const DatabaseSlot *slot, TimestampTz now) {
    if (slot->state != State::starting || slot->worker != 0)
        return false;
    pid_t pid;
    if (database->handle != nullptr)
        return GetBackgroundWorkerPid(database->handle, &pid) == BGWH_STOPPED;
    return TimestampDifferenceExceeds(slot->started, now, start_limit);
}

// Brings what is known of the database up to date. True when a worker should be started.
bool look_after(Database *database, int *starting, TimestampTz now) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    DatabaseSlot *slot = find_slot(database->oid);
    if (slot != nullptr && never_came(database, slot, now)) {
        ++slot->generation;
        slot->state = State::none;
        slot->exit = Exit::failed;
    }
    if (database->running && (slot == nullptr || slot->state == State::none))
        schedule(database, slot, now);
    if (slot != nullptr && slot->state == State::none && slot->holds == 0 && slot->backfill == 0) {
        slot->database = InvalidOid;
        slot = nullptr;
    }
    if (slot != nullptr && !database->listed) {
        slot->stop = true;
        if (slot->latch != nullptr)
            SetLatch(slot->latch);
    }
    if (slot != nullptr && slot->state == State::starting)
        ++*starting;
    const bool start = database->listed && database->wanted && !database->running && worker_enabled &&
                       database->next_try <= now && (slot == nullptr || slot->holds == 0);
    LWLockRelease(shared->lock);
    return start;
}

void start_worker(Database *database, TimestampTz now) {
    Start start = {database->oid, 0, 0};
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    DatabaseSlot *slot = allocate_slot(database->oid);
    if (slot != nullptr && slot->holds == 0) {
        start.generation = ++slot->generation;
        slot->state = State::starting;
        slot->stop = false;
        slot->started = now;
    } else {
        slot = nullptr;
    }
    LWLockRelease(shared->lock);
    if (slot != nullptr) {
        database->requested = false;
        database->handle = start_process(worker_process, slot, start);
        database->running = database->handle != nullptr;
        if (!database->running) {
            LWLockAcquire(shared->lock, LW_EXCLUSIVE);
            if (slot->database == database->oid && slot->generation == start.generation) {
                slot->state = State::none;
                slot->exit = Exit::stopped;
            }
            LWLockRelease(shared->lock);
        }
    }
    if (!database->running) {
        database->next_try = TimestampTzPlusMilliseconds(now, launcher_interval * INT64CONST(1000));
        if (!database->refused)
            ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                              errmsg("could not start the pg_topk worker for database %u", database->oid),
                              errhint("You might need to increase max_worker_processes.")));
    }
    database->refused = !database->running;
}

// Time until something is due.
int64 look_after_all(TimestampTz now) {
    int64 wait = launcher_interval * INT64CONST(1000);
    int starting = 0;
    for_each_database([&](Database *database) {
        const bool start = look_after(database, &starting, now);
        if (start && starting < max_starting) {
            start_worker(database, now);
            ++starting;
        }
        if (database->wanted && !database->running && worker_enabled && now < database->next_try)
            wait = Min(wait, TimestampDifferenceMilliseconds(now, database->next_try));
        if (!database->listed && !database->running)
            (void)hash_search(databases, &database->oid, HASH_REMOVE, nullptr);
    });
    return wait;
}

void leave_launcher(int, Datum) {
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->launcher = nullptr;
    LWLockRelease(shared->lock);
}

} // namespace

void register_launcher() {
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, "pg_topk launcher", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "pg_topk launcher", sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished; // on a standby: at its promotion
    worker.bgw_restart_time = 3;
    strlcpy(worker.bgw_library_name, "pg_topk", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "topk_launcher_main", sizeof(worker.bgw_function_name));
    RegisterBackgroundWorker(&worker);
}

} // namespace topk::worker

extern "C" {
__attribute__((visibility("default"))) void topk_launcher_main(Datum);

void topk_launcher_main(Datum) {
    using namespace topk::worker;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0); // the shared catalogs alone
    before_shmem_exit(leave_launcher, (Datum)0);
    LWLockAcquire(shared->lock, LW_EXCLUSIVE);
    shared->launcher = MyLatch;
    LWLockRelease(shared->lock);

    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Database);
    databases = hash_create("pg_topk databases", 64, &control, HASH_ELEM | HASH_BLOBS);
    adopt(GetCurrentTimestamp());
    for (;;) {
        const TimestampTz now = GetCurrentTimestamp();
        list_databases(now);
        take_requests();
        MemoryContextSwitchTo(TopMemoryContext); // where the handles live
        const int64 wait = look_after_all(now);
        pgstat_report_activity(STATE_IDLE, nullptr);
        sleep_until_woken(wait);
    }
}
}
