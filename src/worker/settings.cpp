#include "settings.h"

#include "../cluster/question.h"
#include "../define/create_rollup.h"
#include "../pg/pg.h"
#include "../statistics/statistics.h"

extern "C" {
#include "utils/guc.h"
}

namespace topk::worker {

bool worker_enabled = true;
int fold_interval = 1000;
int wake_size = 256;
int insert_delay = 100;
double answer_slice = 0.3;
int launcher_interval = 10;
int backfill_timeout = 60 * 60 * 1000;

// They are defined without shared_preload_libraries too, although nothing reads them then, so that a line in postgresql.conf
// is never wrong.
void define_settings() {
    DefineCustomBoolVariable("pg_topk.worker", "Folds rollups automatically.",
                             "Needs pg_topk in shared_preload_libraries. CALL topk.run() does one round by hand.",
                             &worker_enabled, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_topk.fold_interval", "Time between two rounds of folding while there is something to fold.",
                            nullptr, &fold_interval, 1000, 10, 60 * 60 * 1000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pg_topk.wake_size", "Size of new rows in the delta log after which a round begins earlier.",
                            "Each row counts as 256 bytes at least.", &wake_size, 256, 1, 1024 * 1024, PGC_SIGHUP,
                            GUC_UNIT_KB, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "pg_topk.insert_delay", "Longest time that a statement waits before it counts rows, if folds have fallen behind.",
        "0 turns this off. Sessions that write less than 8 kB to the delta log in two rounds do not wait.", &insert_delay,
        100, 0, 60 * 1000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomRealVariable("pg_topk.answer_slice",
                             "Time slice that a session asks the operating system for when it has asked for an answer.",
                             "Linux gives a process with a short slice a processor sooner, and no more of it. 0 leaves the "
                             "slice as it is.",
                             &answer_slice, 0.3, 0, 100, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_topk.launcher_interval", "Time between two looks at the list of databases.", nullptr,
                            &launcher_interval, 10, 1, 60 * 60, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_topk.backfill_timeout",
                            "Longest time of a step of a backfill that topk.create_rollup asked for.",
                            "0 turns this off. topk.backfill has no limit.", &backfill_timeout, 60 * 60 * 1000, 0, INT_MAX,
                            PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pg_topk.node_timeout", "Longest time that an answer waits for other nodes.", nullptr,
                            &node_timeout, 5000, 1, 60 * 60 * 1000, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_topk.allow_partial", "Answers although other nodes do not.",
                             "A warning names the nodes whose counts are missing.", &allow_partial, false, PGC_USERSET, 0,
                             nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pg_topk.ask_nodes", "Answers with the counts of all nodes.",
                             "If off, with those of this database alone.", &ask_nodes, true, PGC_USERSET, 0, nullptr,
                             nullptr, nullptr);
    DefineCustomIntVariable("pg_topk.max_rollups_per_owner",
                            "Number of rollups that the tables of a role may have in a database.",
                            "0 turns this off. topk.create_rollup refuses more.", &define::max_rollups_per_owner, 0, 0,
                            INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    // A session cannot define a setting that only the postmaster may change.
    DefineCustomIntVariable(
        "pg_topk.max_rollups", "Number of rollups, of all databases, that the server keeps statistics of.",
        "Takes 2 kB of shared memory each.", &max_rollups, 1000, 0, 100000,
        process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("pg_topk");
}

} // namespace topk::worker
