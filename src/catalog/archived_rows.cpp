// topk.archived_rows(): what a dump contains, as lines of JSON.
#include "../pg/array.h"
#include "../pg/function.h"
#include "archive.h"
#include "as_owner.h"
#include "limit_rule.h"
#include "owner.h"
#include "rights.h"
#include "rollup.h"
#include "statement.h"

extern "C" {
#include "catalog/namespace.h"
#include "common/string.h"
#include "utils/json.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

// Escapes all but ASCII, so that PostgreSQL need not convert a line as a whole when it is restored: it would fail with the
// first character that the other database lacks.
const char *escape(const char *json) {
    if (pg_is_ascii(json))
        return json;
    const bool bytes = escapes_bytes(GetDatabaseEncoding());
    const auto *c = reinterpret_cast<const unsigned char *>(
        bytes ? json : pg_server_to_any(json, static_cast<int>(strlen(json)), PG_UTF8));
    StringInfoData escaped;
    initStringInfo(&escaped);
    while (*c != '\0') {
        const pg_wchar code = bytes ? *c : utf8_to_unicode(c);
        if (code < 0x80)
            appendStringInfoChar(&escaped, static_cast<char>(code));
        else if (code < 0x10000)
            appendStringInfo(&escaped, "\\u%04x", code);
        else
            appendStringInfo(&escaped, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
        c += bytes ? 1 : pg_utf_mblen(c);
    }
    return escaped.data;
}

// rollup: its id; 0: none
void add_line(ReturnSetInfo *rows, const char *relation, int32 rollup, const char *line) {
    const Datum values[] = {CStringGetTextDatum(relation), Int32GetDatum(rollup), CStringGetTextDatum(escape(line))};
    const bool nulls[] = {false, rollup == 0, false};
    add_row(rows, values, nulls);
}

Value integers(const Array<int32> &list) {
    auto *elements = static_cast<Datum *>(palloc((list.count + 1) * sizeof(Datum)));
    for (int i = 0; i < list.count; ++i)
        elements[i] = Int32GetDatum(list[i]);
    return Value::pointer(INT4ARRAYOID, construct_array(elements, list.count, INT4OID, 4, true, TYPALIGN_INT));
}

// Within as_owner(): the rows of a table that have one of these ids, by the active snapshot.
void add_rows(ReturnSetInfo *rows, const ArchivedTable &of, const Array<int32> &ids) {
    const bool is_limit = of.id == nullptr;
    const char *const table = of.name, *const id = is_limit ? "id" : of.id;
    constexpr long batch = 100;
    // Arrays as text: as JSON, those of composite types take ten times as long to restore.
    query("SELECT string_agg(format(CASE t.typcategory WHEN 'A' THEN '%1$I::text AS %1$I' ELSE '%1$I' END, a.attname), ', ')"
          " FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid"
          " WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped",
          {Value::oid(get_relname_relid(table, get_namespace_oid("topk", false)))});
    const char *statement =
        psprintf("SELECT %s, row_to_json(r)::text FROM (SELECT %s FROM topk.%s AS t WHERE %s = ANY ($1)) AS r",
                 is_limit ? "0" : id, result_string(0, 1), table, id);
    Value wanted = integers(ids);
    Portal portal = SPI_cursor_open_with_args(nullptr, statement, 1, &wanted.type, &wanted.datum, nullptr, true, 0);
    for (;;) {
        SPI_cursor_fetch(portal, true, batch);
        if (SPI_processed == 0)
            break;
        MemoryContext of_batch =
            AllocSetContextCreate(CurrentMemoryContext, "pg_topk lines of a dump", ALLOCSET_DEFAULT_SIZES);
        MemoryContext caller = MemoryContextSwitchTo(of_batch);
        for (uint64 i = 0; i < SPI_processed; ++i)
            add_line(rows, table, DatumGetInt32(result_value(i, 1)),
                     SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
        MemoryContextSwitchTo(caller);
        MemoryContextDelete(of_batch);
        SPI_freetuptable(SPI_tuptable);
        CHECK_FOR_INTERRUPTS();
    }
    SPI_cursor_close(portal);
}

// A dump that lacks a rollup says so when it is restored. pg_dump shows the warning with --verbose only.
Array<int32> readable_rollups(ReturnSetInfo *rows) {
    Array<int32> ids = {};
    for (const RollupSource &rollup : list_rollups(GetActiveSnapshot())) {
        const char *source = get_rel_name(rollup.source);
        if (may_read(rollup.source)) {
            ids.add(rollup.id);
        } else if (source != nullptr) {
            StringInfoData line;
            initStringInfo(&line);
            appendStringInfoString(&line, "{\"source\":");
            escape_json(&line, source);
            appendStringInfoChar(&line, '}');
            add_line(rows, archive_missing, 0, line.data);
            ereport(WARNING, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                              errmsg("a rollup of \"%s\" is not in the dump: permission denied", source),
                              errhint("A user who dumps it needs SELECT on \"%s\", and must own it or be a member of "
                                      "topk_reader.",
                                      source)));
        }
    }
    return ids;
}

Array<int32> own_limits() {
    Array<int32> ids = {};
    RowScan scan;
    LimitRule rule;
    begin_limits(&scan);
    while (next_limit(&scan, &rule))
        if (superuser() || (OidIsValid(rule.source) && SearchSysCacheExists1(RELOID, ObjectIdGetDatum(rule.source)) &&
                            is_owner(rule.source)))
            ids.add(rule.id);
    return ids;
}

Datum archived_rows(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = pg::begin_rows(fcinfo);
    add_line(rows, archive_header, 0, psprintf("{\"encoding\":\"%s\"}", GetDatabaseEncodingName()));
    const Array<int32> rollups = readable_rollups(rows), limits = own_limits();
    as_owner([&] {
        for (const ArchivedTable &table : archived_tables)
            add_rows(rows, table, table.id == nullptr ? limits : rollups);
    });
    return (Datum)0;
}

} // namespace
} // namespace topk::catalog

TOPK_FUNCTION(topk_archived_rows, topk::catalog::archived_rows(fcinfo))
