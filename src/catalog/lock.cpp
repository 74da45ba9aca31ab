#include "lock.h"

#include "../pg/executor.h"
#include "../pg/subtransaction.h"
#include "as_owner.h"
#include "statement.h"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace topk::catalog {
namespace {

// An attempt to get a lock makes INSERTs wait behind it. So attempts are short, and pauses between them let the INSERTs go
// on.
constexpr int first_attempt = 50, longest_attempt = 1000; // milliseconds
constexpr int pauses = 2;                                 // as long as the attempt before, times this
constexpr int silent = 5000;                              // milliseconds until a notice

using Sources = std::initializer_list<SourceLock>;

void take(const Sources &sources) {
    for (const auto &[relation, mode] : sources) {
        LockRelationOid(relation, mode);
        if (get_rel_relkind(relation) == RELKIND_PARTITIONED_TABLE)
            find_all_inheritors(relation, mode, nullptr);
    }
}

// Returns false if the time is over. Any other error is raised.
bool try_for(const Sources &sources, int milliseconds) {
    ErrorData *error = pg::in_subtransaction([&] {
        const int level = NewGUCNestLevel();
        (void)set_config_option("lock_timeout", psprintf("%d", milliseconds), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                true, 0, false);
        take(sources);
        AtEOXact_GUC(true, level);
    });
    if (error == nullptr)
        return true;
    if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
        ReThrowError(error);
    FreeErrorData(error);
    return false;
}

struct Holders {
    const char *pids; // nullptr: none
    bool waiting;     // one of them waits for a lock, perhaps for one that this transaction holds
};

Holders find_holders(const Sources &sources) {
    Holders holders = {};
    as_owner([&] {
        auto *oids = static_cast<Datum *>(palloc(sources.size() * sizeof(Datum)));
        int count = 0;
        for (const SourceLock &source : sources)
            oids[count++] = ObjectIdGetDatum(source.relation);
        execute("SELECT string_agg(DISTINCT h.pid::text, ', '), coalesce(bool_or(w.pid IS NOT NULL), false)"
                " FROM unnest($1) AS r (oid)"
                " JOIN LATERAL (SELECT r.oid UNION SELECT p.relid FROM pg_partition_tree(r.oid) AS p) AS t (oid) ON true"
                " JOIN pg_locks AS h ON h.locktype = 'relation' AND h.relation = t.oid AND h.granted"
                "      AND h.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())"
                " LEFT JOIN pg_locks AS w ON w.pid = h.pid AND NOT w.granted"
                " WHERE h.pid IS DISTINCT FROM pg_backend_pid()",
                {Value::pointer(OIDARRAYOID, construct_array(oids, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT))});
        holders.pids = result_string(0, 1);
        holders.waiting = DatumGetBool(result_value(0, 2));
    });
    return holders;
}

void sleep_for(int milliseconds) {
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

const char *name_of(const Sources &sources) {
    const char *name = get_rel_name(sources.begin()->relation);
    return name == nullptr ? "" : name;
}

} // namespace

void lock_sources(Sources sources) {
    const int limit = LockTimeout; // of the user; 0: none
    const TimestampTz began = GetCurrentTimestamp();
    bool told = false;
    for (int attempt = first_attempt;; attempt = Min(2 * attempt, longest_attempt)) {
        if (try_for(sources, limit == 0 ? attempt : Min(attempt, limit)))
            return;
        const long waited = TimestampDifferenceMilliseconds(began, GetCurrentTimestamp());
        const Holders holders = find_holders(sources);
        if (limit != 0 && waited >= limit)
            ereport(ERROR,
                    (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                     errmsg("could not lock \"%s\" within lock_timeout", name_of(sources)),
                     holders.pids == nullptr ? 0 : errdetail("Transactions of these processes use it: %s.", holders.pids),
                     errhint("Try again when they have ended.")));
        if (waited >= silent && !told) {
            told = true;
            ereport(NOTICE, (errmsg("waiting for transactions that use \"%s\"", name_of(sources)),
                             holders.pids == nullptr ? 0 : errdetail("Their processes: %s.", holders.pids)));
        }
        // The server finds a deadlock only in a process that has waited for deadlock_timeout.
        if (holders.waiting && try_for(sources, DeadlockTimeout + 100))
            return;
        sleep_for(pauses * attempt);
    }
}

} // namespace topk::catalog
