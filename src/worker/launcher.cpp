#include "launcher.h"

#include "settings.h"
#include "../statistics/statistics.h"
#include "../stream/token_bucket.h"
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

constexpr int max_starting = 3; // workers that are still looking for the extension, as they take places of parallel queries
constexpr int64 longest_back_off = 5 * 60 * 1000; // ms
constexpr int64 settled = 60 * 1000;              // a worker that ran so long did not fail because it was started again
constexpr int64 start_limit = 60 * 1000;

struct Database {
    Oid oid; // the hash key
    bool listed;
    bool wanted;    // it may have the extension
    bool requested; // a backend asked since its worker was started last
    bool running;   // it has a worker, as far as we know
    bool refused;   // the server had no room for its worker
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
        // datconnlimit is -2 after an interrupted DROP DATABASE.
        if (row->datallowconn && !row->datistemplate && row->datconnlimit != -2)
            enter_database(row->oid, now)->listed = true;
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    forget_databases_except(existing);
    stream::forget_buckets_of_dropped(existing);
    CommitTransactionCommand();
}

void note_requests() {
    const Requests requests = take_requests();
    const auto request = [](Database *database) {
        // A database whose worker fails keeps its delay.
        database->requested = database->wanted = true;
    };
    if (requests.overflowed)
        for_each_database(request);
    for (int i = 0; i < requests.count; ++i)
        if (auto *database = static_cast<Database *>(hash_search(databases, &requests.databases[i], HASH_FIND, nullptr)))
            request(database);
}

// Takes over the workers that an earlier launcher started.
void adopt_workers(TimestampTz now) {
    int count;
    const SlotStatus *slots = read_slots(&count);
    for (int i = 0; i < count; ++i)
        if (slots[i].state != State::none)
            enter_database(slots[i].database, now)->running = true;
}

// Sets the next start, after a worker has left. slot is nullptr when the database has none any more.
void schedule(Database *database, const SlotStatus *slot, TimestampTz now) {
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

// Whether the worker died before it took its place, so that it gave no reason.
bool never_came(const Database *database, const SlotStatus &slot, TimestampTz now) {
    if (slot.state != State::starting || slot.worker != 0)
        return false;
    pid_t pid;
    if (database->handle != nullptr)
        return GetBackgroundWorkerPid(database->handle, &pid) == BGWH_STOPPED;
    return TimestampDifferenceExceeds(slot.started, now, start_limit);
}

// Brings what is known of the database up to date. True when a worker should be started.
bool look_after(Database *database, int *starting, TimestampTz now) {
    SlotStatus slot = {};
    bool has_slot = read_slot(database->oid, &slot);
    if (has_slot && never_came(database, slot, now) && withdraw(database->oid, slot.generation, Exit::failed))
        has_slot = read_slot(database->oid, &slot);
    const bool has_process = has_slot && slot.state != State::none;
    if (database->running && !has_process)
        schedule(database, has_slot ? &slot : nullptr, now);
    if (!has_process)
        reclaim(database->oid);
    if (!database->listed)
        ask_to_leave(database->oid);
    if (has_slot && slot.state == State::starting)
        ++*starting;
    return database->listed && database->wanted && !database->running && worker_enabled && database->next_try <= now &&
           !slot.held;
}

void start_worker(Database *database, TimestampTz now) {
    Assignment assignment;
    const Place place = mark_starting(database->oid, now, &assignment);
    if (place == Place::held) // its release wakes this process
        return;
    if (place == Place::made) {
        database->requested = false;
        database->handle = start_process(worker_process, assignment);
        database->running = database->handle != nullptr;
        if (!database->running)
            (void)withdraw(database->oid, assignment.generation, Exit::stopped);
    }
    if (!database->running) {
        database->next_try = TimestampTzPlusMilliseconds(now, launcher_interval * INT64CONST(1000));
        if (!database->refused)
            ereport(WARNING,
                    (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                     errmsg("could not start the pg_topk worker for database %u", database->oid),
                     place == Place::none ? errdetail("All %d worker slots of pg_topk are taken.", slot_count()) : 0,
                     place == Place::none ? errhint("The server has max_worker_processes + %d of them.", max_held)
                                          : errhint("You might need to increase max_worker_processes.")));
    }
    database->refused = !database->running;
}

// A slot may outlive what is known of its database here, as long as the process of a backfill runs after its worker has
// left.
void reclaim_forgotten() {
    int count;
    const SlotStatus *slots = read_slots(&count);
    for (int i = 0; i < count; ++i)
        if (hash_search(databases, &slots[i].database, HASH_FIND, nullptr) == nullptr)
            reclaim(slots[i].database);
    if (slots != nullptr)
        pfree(const_cast<SlotStatus *>(slots));
}

// Returns the time until the next thing is due, in ms.
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
    reclaim_forgotten();
    return wait;
}

void at_exit(int, Datum) { leave_launcher(); }

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
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0); // to the shared catalogs alone
    before_shmem_exit(at_exit, (Datum)0);
    enter_launcher();

    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Database);
    databases = hash_create("pg_topk databases", 64, &control, HASH_ELEM | HASH_BLOBS);
    adopt_workers(GetCurrentTimestamp());
    for (;;) {
        const TimestampTz now = GetCurrentTimestamp();
        list_databases(now);
        note_requests();
        MemoryContextSwitchTo(TopMemoryContext); // where the handles live
        const int64 wait = look_after_all(now);
        pgstat_report_activity(STATE_IDLE, nullptr);
        sleep_until_woken(wait, 1); // 0 would mean that the postmaster does not start it again
    }
}
}
