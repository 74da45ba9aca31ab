// topk.drop_rollup().
#include "drop_rollup.h"

#include "../catalog/as_owner.h"
#include "../catalog/ask_grant.h"
#include "../catalog/delta.h"
#include "../catalog/error_log.h"
#include "../catalog/group_key.h"
#include "../catalog/lock.h"
#include "../catalog/moved.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/rollup_state.h"
#include "../catalog/set_aside.h"
#include "../catalog/joint_snapshot.h"
#include "../pg/function.h"
#include "../statistics/statistics.h"
#include "distributed.h"
#include "triggers.h"

namespace topk::define {

void delete_rollup(int32 id) {
    as_owner([&] {
        delete_deltas(id);
        delete_tiles(id);
        delete_set_aside(id);
        delete_groups(id);
        delete_snapshots(id);
        delete_joint_snapshots(id);
        delete_state(id);
        delete_errors(id);
        delete_moved(id);
        delete_grants(id);
        delete_rollup_row(id);
    });
    forget_rollup(id);
}

void drop_rollups_of_table(Oid dropped) {
    const Array<RollupOfSource> rollups = list_of(dropped);
    if (rollups.count == 0)
        return;
    refuse_remaking(dropped);
    for (const RollupOfSource &rollup : rollups) {
        if (rollup.identity != nullptr && keeps_dropped_rollups())
            continue;
        lock_rollup(rollup.id, true);
        delete_rollup(rollup.id);
    }
}

namespace {

Datum drop_rollup(FunctionCallInfo fcinfo) {
    PreventCommandDuringRecovery("topk.drop_rollup()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const bool if_exists = PG_GETARG_BOOL(1);
    RollupSource rollup = {}, again;
    if (find_rollup(name, nullptr, &rollup, if_exists)) {
        require_ownership(rollup.source); // before locks that would keep others waiting
        require_coordinator(rollup.source, rollup.id);
        lock_rollup(rollup.id, true);
        lock_sources({{rollup.source, AccessExclusiveLock}}); // which DROP TRIGGER takes
    }
    // Somebody may have been faster.
    if (rollup.id == 0 || !find_rollup(name, nullptr, &again, if_exists) || again.id != rollup.id) {
        if (!if_exists)
            raise_no_rollup(name);
        ereport(NOTICE, (errmsg("rollup \"%s\" does not exist, skipping", name)));
        PG_RETURN_VOID();
    }
    const Oid source = rollup.source;
    delete_rollup(rollup.id);
    CommandCounterIncrement();
    if (get_rel_relkind(source) != '\0') { // it may have been dropped by a session whose event triggers were off
        sync_triggers(source);
        CacheInvalidateRelcacheByRelid(source);
    }
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_drop_rollup, topk::define::drop_rollup(fcinfo))
