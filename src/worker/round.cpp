#include "round.h"

#include "../catalog/as_owner.h"
#include "../catalog/error_log.h"
#include "../catalog/rollup_state.h"
#include "../pg/function.h"

extern "C" {
#include "access/stratnum.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "access/tableam.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
}

namespace topk::worker {
namespace {

// Only an error that may pass by itself is worth another attempt: a backfill may take hours.
bool may_pass(const char *sqlstate) {
    for (const char *prefix : {"40", "53", "55P03", "57"})
        if (strncmp(sqlstate, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

void write_failure(int32 id, bool backfill, const char *sqlstate, const char *message) {
    as_owner([&] {
        if (backfill)
            mark_backfill_failed(id, may_pass(sqlstate));
        else
            add_failure(id);
        log_error(id, sqlstate, message);
    });
}

} // namespace

// An idle round runs no SQL statement, which pgaudit or auto_explain would log.
Array<Due> list_due(bool over) {
    const TimestampTz now = GetCurrentTimestamp();
    Array<Due> list = {};
    for (const RollupState &state : read_states(nullptr)) {
        const int64 wait = state.retry_at <= now ? 0 : TimestampDifferenceMilliseconds(now, state.retry_at);
        list.add({state.rollup,
                  is_unfinished(state.backfill),
                  state.backfill_at,
                  state.failures > 0 || (over && has_windows_over(state.rollup, now, nullptr)),
                  state.failures > 0,
                  wait,
                  {mark_fold(state.rollup), nullptr, 0, true}});
    }
    // The snapshot is newer than the marks.
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    const LogIndex index = index_log(snapshot);
    UnregisterSnapshot(snapshot);
    const LogEntry *next = index.entries.begin();
    for (Due &due : list) {
        while (next != index.entries.end() && next->rollup < due.id)
            ++next; // of a rollup that is new
        due.found.entries = next;
        while (next != index.entries.end() && next->rollup == due.id)
            ++next;
        due.found.count = static_cast<int>(next - due.found.entries);
        due.found.complete = index.complete;
        due.fold |= due.found.count != 0 || !index.complete;
    }
    return list;
}

Due *next_backfill(Array<Due> &list) {
    const TimestampTz now = GetCurrentTimestamp();
    Due *next = nullptr;
    for (Due &due : list)
        if (due.backfill && due.since <= now && (next == nullptr || due.since < next->since))
            next = &due;
    return next;
}

bool is_cancel(const ErrorData *error) {
    return error->sqlerrcode == ERRCODE_QUERY_CANCELED && error->funcname != nullptr &&
           strcmp(error->funcname, "ProcessInterrupts") == 0;
}

Bounds begin_bounds(int lock_ms, int total_ms) {
    Bounds bounds = {NewGUCNestLevel(), DT_NOEND, false};
    if (LockTimeout == 0 || LockTimeout > lock_ms)
        set_config_option("lock_timeout", psprintf("%d", lock_ms), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
    if (total_ms == 0)
        return bounds;
    bounds.until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), total_ms);
    bounds.armed = !get_timeout_active(STATEMENT_TIMEOUT);
    if (bounds.armed)
        enable_timeout_after(STATEMENT_TIMEOUT, total_ms);
    return bounds;
}

void end_bounds(const Bounds &bounds) {
    if (bounds.armed)
        disable_timeout(STATEMENT_TIMEOUT, false);
    AtEOXact_GUC(false, bounds.settings);
}

bool is_time_up(const Bounds &bounds, const ErrorData *error) {
    return bounds.armed && is_cancel(error) && GetCurrentTimestamp() >= bounds.until;
}

void explain_timeout(ErrorData *error) {
    error->sqlerrcode = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    error->message = pstrdup("a step of the backfill took longer than pg_topk.backfill_timeout");
    error->hint = pstrdup("Call topk.backfill, which has no limit.");
}

void start_backfill(int32 id) {
    as_owner([&] { mark_backfill_started(id); });
}

void forget_failures(int32 id) {
    as_owner([&] { clear_failures(id); });
}

void record_failure(int32 id, bool backfill, const ErrorData *error, int level) {
    ereport(level, (errcode(error->sqlerrcode),
                    // A background worker's log lines have no database of their own.
                    errmsg(backfill ? "could not backfill rollup %d of database \"%s\": %s"
                                    : "could not fold rollup %d of database \"%s\": %s",
                           id, get_database_name(MyDatabaseId), error->message),
                    error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
                    error->hint != nullptr ? errhint("%s", error->hint) : 0,
                    error->context != nullptr ? errcontext("%s", error->context) : 0));
    write_failure(id, backfill, unpack_sql_state(error->sqlerrcode), error->message);
}

char *extension_version() {
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("pg_topk"));
    SysScanDesc scan = systable_beginscan(relation, ExtensionNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    char *version = nullptr;
    if (HeapTupleIsValid(tuple)) {
        bool null;
        const Datum value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &null);
        version = null ? pstrdup("") : TextDatumGetCString(value);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return version;
}

namespace {

// record_failure(rollup, code, message, backfill)
Datum record_failure_function(FunctionCallInfo fcinfo) {
    write_failure(PG_GETARG_INT32(0), PG_GETARG_BOOL(3), text_to_cstring(PG_GETARG_TEXT_PP(1)),
                  text_to_cstring(PG_GETARG_TEXT_PP(2)));
    PG_RETURN_VOID();
}

} // namespace
} // namespace topk::worker

TOPK_FUNCTION(topk_record_failure, topk::worker::record_failure_function(fcinfo))
