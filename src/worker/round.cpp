#include "round.h"

#include "../catalog/tables.h"

extern "C" {
#include "access/stratnum.h"
#include "access/tableam.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
}

namespace topk::worker {
namespace {

struct Statement {
    Owner before;
};

Statement begin() {
    const Statement statement = {become_owner()};
    SPI_connect();
    return statement;
}

void execute(const char *query, int expected, int n = 0, Oid *types = nullptr, Datum *values = nullptr) {
    if (SPI_execute_with_args(query, n, types, values, nullptr, false, 0) != expected)
        elog(ERROR, "could not execute: %s", query);
}

void end(const Statement &statement) {
    SPI_finish();
    leave_owner(statement.before);
}

void execute_for(int32 id, const char *query, int expected) {
    const Statement statement = begin();
    Oid types[] = {INT4OID};
    Datum values[] = {Int32GetDatum(id)};
    execute(query, expected, 1, types, values);
    end(statement);
}

} // namespace

DueList list_due() {
    MemoryContext caller = CurrentMemoryContext;
    const Statement statement = begin();
    execute("SELECT r.id, coalesce(s.backfill IN ('wanted', 'running'), false), coalesce(s.failures > 0, false),"
            " coalesce(ceil(greatest(0, extract(epoch FROM s.retry_at - clock_timestamp())) * 1000), 0)::bigint"
            " FROM topk.rollup AS r LEFT JOIN topk.rollup_state AS s ON s.rollup = r.id ORDER BY r.id",
            SPI_OK_SELECT);
    DueList list;
    list.count = static_cast<int>(SPI_processed);
    list.rollups = static_cast<Due *>(MemoryContextAlloc(caller, list.count * sizeof(Due) + 1));
    for (int i = 0; i < list.count; ++i) {
        HeapTuple row = SPI_tuptable->vals[i];
        TupleDesc descriptor = SPI_tuptable->tupdesc;
        bool null;
        list.rollups[i].id = DatumGetInt32(SPI_getbinval(row, descriptor, 1, &null));
        list.rollups[i].backfill = DatumGetBool(SPI_getbinval(row, descriptor, 2, &null));
        list.rollups[i].failed = DatumGetBool(SPI_getbinval(row, descriptor, 3, &null));
        list.rollups[i].wait = DatumGetInt64(SPI_getbinval(row, descriptor, 4, &null));
    }
    end(statement);
    return list;
}

void start_backfill(int32 id) {
    execute_for(id, "UPDATE topk.rollup_state SET backfill = 'running' WHERE rollup = $1 AND backfill = 'wanted'",
                SPI_OK_UPDATE);
}

void run_backfill(int32 id) { execute_for(id, "SELECT topk.run_backfill($1)", SPI_OK_SELECT); }

void forget_failures(int32 id) {
    execute_for(id, "UPDATE topk.rollup_state SET failures = 0, retry_at = NULL WHERE rollup = $1 AND failures > 0",
                SPI_OK_UPDATE);
}

void record_failure(int32 id, bool backfill, const ErrorData *error, int level) {
    ereport(level, (errcode(error->sqlerrcode),
                    // A background worker's log lines have no database of their own.
                    errmsg(backfill ? "could not backfill rollup %d of database \"%s\": %s"
                                    : "could not fold rollup %d of database \"%s\": %s",
                           id, get_database_name(MyDatabaseId), error->message),
                    error->detail != nullptr ? errdetail_internal("%s", error->detail) : 0,
                    error->context != nullptr ? errcontext("%s", error->context) : 0));
    const Statement statement = begin();
    Oid types[] = {INT4OID, TEXTOID, TEXTOID, BOOLOID};
    Datum values[] = {Int32GetDatum(id), CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)),
                      CStringGetTextDatum(error->message), BoolGetDatum(backfill)};
    execute("SELECT topk.record_failure($1, $2, $3, $4)", SPI_OK_SELECT, 4, types, values);
    end(statement);
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
