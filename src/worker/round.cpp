#include "round.h"

#include "../catalog/as_owner.h"
#include "../catalog/statement.h"

extern "C" {
#include "access/stratnum.h"
#include "access/tableam.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
}

namespace topk::worker {
DueList list_due() {
    MemoryContext caller = CurrentMemoryContext;
    DueList list;
    as_owner([&] {
        list.count = static_cast<int>(
            execute("SELECT r.id, coalesce(s.backfill IN ('wanted', 'running'), false), coalesce(s.failures > 0, false),"
                    " coalesce(ceil(greatest(0, extract(epoch FROM s.retry_at - clock_timestamp())) * 1000), 0)::bigint"
                    " FROM topk.rollup AS r LEFT JOIN topk.rollup_state AS s ON s.rollup = r.id ORDER BY r.id"));
        list.rollups = static_cast<Due *>(MemoryContextAlloc(caller, list.count * sizeof(Due) + 1));
        for (int i = 0; i < list.count; ++i) {
            list.rollups[i].id = DatumGetInt32(result_value(i, 1));
            list.rollups[i].backfill = DatumGetBool(result_value(i, 2));
            list.rollups[i].failed = DatumGetBool(result_value(i, 3));
            list.rollups[i].wait = DatumGetInt64(result_value(i, 4));
        }
    });
    return list;
}

void start_backfill(int32 id) {
    as_owner([&] {
        execute("UPDATE topk.rollup_state SET backfill = 'running' WHERE rollup = $1 AND backfill = 'wanted'",
                {Value::int4(id)});
    });
}

void run_backfill(int32 id) {
    as_owner([&] { execute("SELECT topk.run_backfill($1)", {Value::int4(id)}); });
}

void forget_failures(int32 id) {
    as_owner([&] {
        execute("UPDATE topk.rollup_state SET failures = 0, retry_at = NULL WHERE rollup = $1 AND failures > 0",
                {Value::int4(id)});
    });
}

void record_failure(int32 id, bool backfill, const ErrorData *error, int level) {
    ereport(level, (errcode(error->sqlerrcode),
                    // A background worker's log lines have no database of their own.
                    errmsg(backfill ? "could not backfill rollup %d of database \"%s\": %s"
                                    : "could not fold rollup %d of database \"%s\": %s",
                           id, get_database_name(MyDatabaseId), error->message),
                    error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
                    error->context != nullptr ? errcontext("%s", error->context) : 0));
    as_owner([&] {
        execute("SELECT topk.record_failure($1, $2, $3, $4)",
                {Value::int4(id), Value::string(unpack_sql_state(error->sqlerrcode)), Value::string(error->message),
                 Value::boolean(backfill)});
    });
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

} // namespace topk::worker
