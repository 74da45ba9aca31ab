#include "worker.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "../catalog/archive.h"
#include "../stream/delta_log.h"
#include "../define/dependencies.h"
#include "../fold/recount.h"
#include "round.h"
#include "settings.h"
#include "../statistics/statistics.h"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#if PG_VERSION_NUM >= 170000
#include "utils/wait_event.h"
#endif
}

namespace topk::worker {

BackgroundWorkerHandle *start_process(const Process &process, const Assignment &assignment) {
    BackgroundWorker worker = {};
    snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s for database %u", process.name, assignment.database);
    strlcpy(worker.bgw_type, process.name, sizeof(worker.bgw_type));
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "pg_topk", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, process.function, sizeof(worker.bgw_function_name));
    memcpy(worker.bgw_extra, &assignment, sizeof(assignment));
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle *handle = nullptr;
    return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : nullptr;
}

bool sleep_until_woken(int64 ms, int exit_status) {
#if PG_VERSION_NUM >= 170000
    static uint32 event = 0;
    if (event == 0)
        event = WaitEventExtensionNew("PgTopkMain");
#else
    const uint32 event = PG_WAIT_EXTENSION;
#endif
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, static_cast<long>(ms), event);
    ResetLatch(MyLatch);
    if (ProcDiePending) // nothing is under way that the log would have to tell of
        proc_exit(exit_status);
    QueryCancelPending = false; // what it was meant for has ended
    CHECK_FOR_INTERRUPTS();
    if (!ConfigReloadPending)
        return false;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    return true;
}

namespace {

constexpr int64 longest_sleep = 10 * 1000; // ms; no commit wakes the worker for windows that are over, nor COMMIT PREPARED
constexpr int64 backfill_pause = 1000;     // between the beginnings of two turns of backfills
constexpr int64 backfill_turn = 60 * 1000; // a step that is longer is a turn too
constexpr int64 never = PG_INT64_MAX;

Assignment assignment; // of this process
Exit exit_reason = Exit::failed;

struct Worker {
    MemoryContext round;
    char *version;
    BackgroundWorkerHandle *backfill;
    TimestampTz next_backfill;
    TimestampTz looked_for_over; // the minute in which it looked for tiles and windows that are over
    TimestampTz next_maintenance;
    int maintenance_failures;
};

TimestampTz after(TimestampTz time, int64 ms) { return TimestampTzPlusMilliseconds(time, ms); }

void leave_slot(int, Datum) { leave(exit_reason); }

[[noreturn]] void exit_for(Exit reason) {
    exit_reason = reason;
    proc_exit(0);
}

void enter_slot() {
    memcpy(&assignment, MyBgworkerEntry->bgw_extra, sizeof(assignment));
    if (!enter(assignment))
        proc_exit(0);
    before_shmem_exit(leave_slot, (Datum)0);
}

void set_option(const char *name, const char *value) { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); }

// ALTER DATABASE and ALTER ROLE may have set these for sessions of users.
void set_options() {
    set_option("application_name", MyBgworkerEntry->bgw_type);
    set_option("search_path", "pg_catalog, pg_temp");
    set_option("default_transaction_isolation", "read committed");
    set_option("default_transaction_read_only", "off");
    set_option("default_transaction_deferrable", "off");
    set_option("session_replication_role", "origin");
    set_option("statement_timeout", "0");
    set_option("lock_timeout", "10s"); // any owner may hold the lock of a rollup
    set_option("idle_in_transaction_session_timeout", "0");
#if PG_VERSION_NUM >= 170000
    set_option("transaction_timeout", "0");
#endif
    // A crash loses or keeps deltas and tiles together, and what it undoes is folded again.
    set_option("synchronous_commit", "off");
}

void connect() {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    enter_slot();
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(assignment.database, InvalidOid, 0);
    set_options();
}

// Runs work in a transaction of its own. Returns nullptr, or the error that undid it, in the given memory context.
template <class Work>
[[gnu::noinline]] ErrorData *in_transaction(MemoryContext context, const Work &work) {
    ErrorData *volatile error = nullptr;
    SetCurrentStatementStartTimestamp();
    PG_TRY();
    {
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        work();
        PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    return error;
}

[[noreturn]] void fail(const ErrorData *error) {
    ereport(ERROR, (errcode(error->sqlerrcode), errmsg("%s", error->message),
                    error->context != nullptr ? errcontext("%s", error->context) : 0));
    pg_unreachable();
}

void report(const char *what, int32 id) {
    pgstat_report_activity(STATE_RUNNING, id != 0 ? psprintf("%s %d", what, id) : what);
}

// Exits when the extension is gone or has another version. Before the first call, worker->version is nullptr.
void check_extension(Worker *worker) {
    char *version = nullptr;
    if (ErrorData *error = in_transaction(worker->round, [&] {
            if (const char *found = extension_version())
                version = MemoryContextStrdup(worker->round, found);
        }))
        fail(error);
    if (version == nullptr) {
        forget_database(MyDatabaseId);
        exit_for(Exit::no_extension);
    }
    if (worker->version == nullptr)
        worker->version = MemoryContextStrdup(TopMemoryContext, version);
    else if (strcmp(worker->version, version) != 0)
        exit_for(Exit::again);
}

void record(Worker *worker, int32 id, bool backfill, const ErrorData *error) {
    check_extension(worker); // without it, the error is no failure of the rollup
    if (ErrorData *second = in_transaction(worker->round, [&] { record_failure(id, backfill, error, LOG); }))
        ereport(LOG,
                (errcode(second->sqlerrcode), errmsg("could not record a failure of rollup %d: %s", id, second->message)));
}

// Returns the time until the rollup is due again, in ms.
int64 fold(Worker *worker, const Due &due) {
    report("fold of rollup", due.id);
    FoldResult result = {};
    if (ErrorData *error = in_transaction(worker->round, [&] {
            result = fold_rollup(due.id, false, &due.found);
            if (due.failed && result.locked)
                forget_failures(due.id);
        })) {
        record(worker, due.id, false, error);
        return fold_interval; // the next round reads when it is tried again
    }
    if (result.more)
        return 0;
    if (!result.locked)
        worker->looked_for_over = 0;
    return result.locked ? never : fold_interval;
}

// Starts one backfill at a time, in a process of its own, as it may take hours.
void look_after_backfill(Worker *worker, Array<Due> &list) {
    pid_t pid;
    if (worker->backfill != nullptr && GetBackgroundWorkerPid(worker->backfill, &pid) == BGWH_STOPPED) {
        pfree(worker->backfill);
        worker->backfill = nullptr;
    }
    const TimestampTz now = GetCurrentTimestamp();
    if (worker->backfill != nullptr || has_backfill() || now < worker->next_backfill)
        return;
    const Due *next = next_backfill(list);
    if (next == nullptr)
        return;
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    worker->backfill = start_process(backfill_process, backfill_assignment(next->id));
    MemoryContextSwitchTo(old);
    if (worker->backfill == nullptr)
        ereport(LOG, (errmsg("could not start a process for the backfill of rollup %d", next->id),
                      errhint("You might need to increase max_worker_processes.")));
    worker->next_backfill = after(now, backfill_pause);
}

void maintain(Worker *worker) {
    const TimestampTz now = GetCurrentTimestamp();
    if (now < worker->next_maintenance)
        return;
    report("maintenance of the delta log", 0);
    ErrorData *error = in_transaction(worker->round, [] { rotate_log(); });
    if (error == nullptr)
        error = in_transaction(worker->round, [] { restore_left_over(); });
    if (error == nullptr) {
        worker->maintenance_failures = 0;
        return;
    }
    check_extension(worker);
    worker->maintenance_failures = Min(worker->maintenance_failures + 1, 8);
    worker->next_maintenance = after(now, 1000 << worker->maintenance_failures);
    ereport(LOG, (errcode(error->sqlerrcode), errmsg("could not maintain the delta log: %s", error->message),
                  error->context != nullptr ? errcontext("%s", error->context) : 0));
}

// Only when other rollups may need their room.
void sweep_statistics(const Array<Due> &list) {
    if (!are_statistics_full())
        return;
    auto *ids = static_cast<int32 *>(palloc(list.count * sizeof(int32) + 1));
    for (int i = 0; i < list.count; ++i)
        ids[i] = list[i].id;
    forget_rollups_except(ids, list.count);
}

// Returns the time until the next round, in ms.
int64 run_round(Worker *worker) {
    MemoryContextSwitchTo(worker->round);
    begin_round();
    report("list of rollups", 0);
    check_extension(worker);
    Array<Due> list = {};
    const TimestampTz minute = GetCurrentTimestamp() / USECS_PER_MINUTE + 1;
    const bool over = worker->looked_for_over != minute;
    worker->looked_for_over = minute;
    if (ErrorData *error = in_transaction(worker->round, [&] {
            MemoryContext old = MemoryContextSwitchTo(worker->round);
            list = list_due(over);
            MemoryContextSwitchTo(old);
        })) {
        check_extension(worker);
        fail(error);
    }
    int64 wait = longest_sleep;
    for (int i = 0; i < list.count; ++i) {
        const Due &due = list[i];
        if (due.wait != 0)
            wait = Min(wait, due.wait);
        else if (due.fold)
            wait = std::min(wait, fold(worker, due));
    }
    look_after_backfill(worker, list);
    if (next_backfill(list) != nullptr)
        wait = Min(wait, backfill_pause);
    sweep_statistics(list);
    maintain(worker);
    MemoryContextSwitchTo(TopMemoryContext);
    MemoryContextReset(worker->round);
    pgstat_report_activity(STATE_IDLE, nullptr);
    pgstat_report_stat(true);
    end_round();
    return wait;
}

// A round needs as much memory as the one before. Usually malloc() gives it back to the system in between, which clears it
// for the next round; that took a fifth of the time of a fold.
constexpr int kept_memory = 256 << 20;  // as much as a fold takes
constexpr int mapped_memory = 32 << 20; // from this size on memory is given back at once; glibc allows no more

void keep_memory() {
#ifdef __GLIBC__
    (void)mallopt(M_TRIM_THRESHOLD, kept_memory);
    (void)mallopt(M_MMAP_THRESHOLD, mapped_memory);
#endif
}

void give_back_memory() {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void work() {
    Worker worker = {};
    log_commit_hook = nullptr; // a fold that puts rows back into the log must not cause another one
    worker.round = AllocSetContextCreate(TopMemoryContext, "pg_topk round", ALLOCSET_DEFAULT_SIZES);
    keep_memory();
    check_extension(&worker);
    mark_running();
    // A restore or pg_upgrade brings expressions as text.
    if (ErrorData *error = in_transaction(worker.round, [] { store_missing_expressions(InvalidOid); })) {
        check_extension(&worker);
        ereport(LOG, (errcode(error->sqlerrcode), errmsg("could not store expressions of rollups: %s", error->message)));
    }

    TimestampTz next = 0, last = 0;
    for (;;) {
        const TimestampTz now = GetCurrentTimestamp();
        const uint64 pending = pending_bytes();
        if (pending >= hurry_bytes())
            next = Min(next, now);
        else if (pending >= wake_bytes())
            next = Min(next, after(last, fold_interval / 10));
        else if (pending != 0) // the first of a batch
            next = Min(next, after(now, fold_interval));
        if (next <= now) {
            const int64 wait = run_round(&worker);
            last = GetCurrentTimestamp();
            next = after(last, wait);
            if (pending_bytes() == 0)
                give_back_memory();
            SetLatch(MyLatch); // so that it does not sleep yet: a fold that waited for a lock has dropped wake-ups
        }
        if (sleep_until_woken(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 0))
            next = Min(next, after(GetCurrentTimestamp(), fold_interval));
        if (is_asked_to_leave())
            exit_for(Exit::stopped);
        if (!worker_enabled)
            exit_for(Exit::disabled);
    }
}

// Runs work in a transaction of a backfill, in which time and waits for locks are bounded.
template <class Work>
ErrorData *in_bounds(MemoryContext context, const Work &work) {
    Bounds bounds = {};
    ErrorData *error = in_transaction(context, [&] {
        bounds = begin_bounds(lock_patience, backfill_timeout);
        work();
        end_bounds(bounds);
    });
    if (error != nullptr && is_time_up(bounds, error))
        explain_timeout(error);
    return error;
}

// Does steps of a backfill until its turn is over; others may wait for theirs.
void backfill() {
    MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pg_topk backfill", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);
    const int32 id = assignment.rollup;
    report("backfill of rollup", id);
    const TimestampTz until = after(GetCurrentTimestamp(), backfill_turn);
    Steps steps;
    bool more = false;
    ErrorData *error = in_transaction(context, [&] { start_backfill(id); });
    if (error == nullptr)
        error = in_bounds(context, [&] { more = begin_backfill(id, backfill_timeout, &steps); });
    while (error == nullptr && more && GetCurrentTimestamp() < until) {
        CHECK_FOR_INTERRUPTS();
        error = in_bounds(context, [&] { more = extension_version() != nullptr && count_step(&steps); });
        pgstat_report_stat(false);
    }
    if (error != nullptr) {
        if (ErrorData *second = in_transaction(context, [&] { record_failure(id, true, error, LOG); }))
            fail(second);
    }
    pgstat_report_stat(true);
}

} // namespace
} // namespace topk::worker

extern "C" {
__attribute__((visibility("default"))) void topk_worker_main(Datum);
__attribute__((visibility("default"))) void topk_backfill_main(Datum);

void topk_worker_main(Datum) {
    topk::worker::connect();
    topk::worker::work();
}

void topk_backfill_main(Datum) {
    topk::worker::connect();
    topk::worker::backfill();
}
}
