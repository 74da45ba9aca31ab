#include "archive.h"

#include "../pg/array.h"
#include "../pg/function.h"
#include "as_owner.h"
#include "error_log.h"
#include "owner.h"
#include "rollup_name.h"
#include "row.h"
#include "statement.h"
#include "tables.h"

extern "C" {
#include "catalog/pg_database.h"
#include "common/string.h"
#include "utils/syscache.h"
}

namespace topk::catalog {
namespace {

// A rollup of the dump and what became of it.
struct Restored {
    int32 archived, id;
    const char *name;
    bool text;     // its items are text, whose bytes depend on the encoding
    bool unusable; // some of its counts could not be converted
};

// The dump that this session restores. Its lines may come in several transactions.
struct {
    int encoding;
    Array<Restored> rollups;
    Prepared insertions[lengthof(archived_tables)];
    int refusal; // how what the user may not restore is reported: WARNING, or ERROR where it would be lost
} dump = {-1, {}, {}, WARNING};

MemoryContext dump_context = nullptr;

bool is_of_rollup(const ArchivedTable &table) { return table.id != nullptr && strcmp(table.id, "rollup") == 0; }

struct Line {
    int table;    // of archived_tables
    int32 rollup; // its id in the dump
    Value json;
    bool valid; // false: this database cannot represent it
    Oid user;   // with whose rights it is restored
};

void begin_dump(const Value &json) {
    if (dump_context == nullptr)
        dump_context = AllocSetContextCreate(TopMemoryContext, "pg_topk restored rollups", ALLOCSET_SMALL_SIZES);
    MemoryContextReset(dump_context);
    dump.rollups = {};
    for (Prepared &insertion : dump.insertions) {
        if (insertion.plan != nullptr)
            SPI_freeplan(insertion.plan);
        insertion = {nullptr};
    }
    query("SELECT $1 ->> 'encoding'", {json});
    const char *name = result_string(0, 1);
    dump.encoding = name == nullptr ? -1 : pg_char_to_encoding(name);
    if (!PG_VALID_ENCODING(dump.encoding))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the dump has counts in an encoding that this server does not know")));
}

void warn_missing(bool valid, const Value &json) {
    query(valid ? "SELECT coalesce($1 ->> 'source', '')" : "SELECT '' WHERE $1 IS NOT NULL OR $1 IS NULL", {json});
    ereport(WARNING,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("the dump lacks a rollup of \"%s\"", result_string(0, 1)),
             errdetail("The user who made the dump may not ask it.")));
}

Restored *find_restored(int32 archived) {
    for (Restored &rollup : dump.rollups)
        if (rollup.archived == archived)
            return &rollup;
    return nullptr;
}

// Returns the statement that inserts a line into a table, with the columns that both have. All lines of a table have the
// same. $2 is the rollup of the row. A restored rollup is one of this database alone: its table is not distributed here.
Prepared *insertion(int table, const Value &json) {
    Prepared *prepared = &dump.insertions[table];
    if (prepared->statement != nullptr)
        return prepared;
    const char *name = archived_tables[table].name;
    const char *id = is_of_rollup(archived_tables[table]) ? "rollup" : "id";
    query("SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a,"
          " json_object_keys($1) AS k WHERE a.attrelid = $2 AND a.attnum > 0 AND a.attname = k"
          " AND a.attname NOT IN ('row_id', 'identity', $3)",
          {json, Value::oid(get_relname_relid(name, get_namespace_oid("topk", false))), Value::string(id)});
    const char *columns = result_string(0, 1);
    if (columns == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a line of a dump has no values")));
    MemoryContext caller = MemoryContextSwitchTo(dump_context);
    prepared->statement = psprintf("INSERT INTO topk.%s (%s, %s) OVERRIDING SYSTEM VALUE"
                                   " SELECT $2, %s FROM json_populate_record(NULL::topk.%s, $1)",
                                   name, id, columns, columns, name);
    MemoryContextSwitchTo(caller);
    return prepared;
}

// id: of the rollup, or of a limit
void insert_line(int table, const Value &json, int32 id) {
    if (execute(insertion(table, json), {json, Value::int4(id)}) != 1)
        elog(ERROR, "a line of a dump was not inserted");
}

// The id that the rollup had, by which triggers of the dump know it, or another one if that is taken.
int32 rollup_id(int32 archived) {
    execute("SELECT CASE WHEN $1 BETWEEN 1 AND 1000000000 AND NOT EXISTS (SELECT FROM topk.rollup WHERE id = $1) THEN $1"
            " ELSE nextval('topk.rollup_id_seq')::int4 END",
            {Value::int4(archived)});
    const int32 id = DatumGetInt32(result_value(0, 1));
    execute("SELECT setval('topk.rollup_id_seq', greatest(last_value, $1)) FROM topk.rollup_id_seq", {Value::int4(id)});
    return id;
}

int32 limit_id() {
    execute("SELECT nextval('topk.limit_rule_id_seq')::int4");
    return DatumGetInt32(result_value(0, 1));
}

// Users other than superusers restore what belongs to their own tables.
bool may_restore(Oid user, Oid source) { return superuser_arg(user) || (OidIsValid(source) && is_owner(user, source)); }

void restore_rollup(const Line &line) {
    if (!line.valid) {
        ereport(WARNING,
                (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                 errmsg("a rollup is not restored: its definition cannot be converted from encoding \"%s\" to \"%s\"",
                        pg_encoding_to_char(dump.encoding), GetDatabaseEncodingName())));
        return;
    }
    query("SELECT coalesce(($1 ->> 'source')::regclass::oid, 0), coalesce($1 ->> 'item_kind', ''), coalesce($1 ->> 'name', "
          "'')",
          {line.json});
    const Oid source = DatumGetObjectId(result_value(0, 1));
    if (!OidIsValid(source))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a rollup of a dump has no source")));
    MemoryContext caller = MemoryContextSwitchTo(dump_context);
    Restored rollup = {line.rollup, 0, pstrdup(result_string(0, 3)), strcmp(result_string(0, 2), "t") == 0, false};
    MemoryContextSwitchTo(caller);
    if (!may_restore(line.user, source)) {
        ereport(dump.refusal,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("rollup \"%s\" is not restored: must be owner of \"%s\"", rollup.name, get_rel_name(source))));
        return;
    }
    claim_name(get_rel_namespace(source), rollup.name, 0);
    rollup.id = rollup_id(line.rollup);
    insert_line(line.table, line.json, rollup.id);
    caller = MemoryContextSwitchTo(dump_context);
    dump.rollups.add(rollup);
    MemoryContextSwitchTo(caller);
}

void restore_limit(const Line &line) {
    Oid source = InvalidOid;
    if (line.valid) {
        query("SELECT coalesce(($1 ->> 'source')::regclass::oid, 0)", {line.json});
        source = DatumGetObjectId(result_value(0, 1));
    }
    if (line.valid && may_restore(line.user, source))
        insert_line(line.table, line.json, limit_id());
    else
        ereport(dump.refusal, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("a limit is not restored"),
                               errdetail("Superusers may restore it, and for a source its owner.")));
}

void mark_unusable(Restored *rollup) {
    const char *from = pg_encoding_to_char(dump.encoding), *to = GetDatabaseEncodingName();
    rollup->unusable = true;
    execute("UPDATE topk.rollup SET unusable = $2 WHERE id = $1",
            {Value::int4(rollup->id),
             Value::string(
                 psprintf("They were counted in encoding \"%s\", and some cannot be converted to \"%s\".", from, to))});
    log_error(rollup->id, "22P05", psprintf("the counts cannot be converted from encoding \"%s\" to \"%s\"", from, to));
    ereport(
        WARNING,
        (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
         errmsg("the counts of rollup \"%s\" cannot be converted from encoding \"%s\" to \"%s\"", rollup->name, from, to),
         errdetail("Counts that are not exact cannot be converted, nor characters that \"%s\" lacks.", to),
         errhint("Restore the dump into a database with encoding \"%s\"; or drop the rollup, create it again, and "
                 "count the rows of its table with topk.backfill().",
                 from)));
}

// A role of the other cluster may lack here. A role that was dropped there is a number, which is no name.
bool has_role(const Line &line, const char *rollup) {
    if (!line.valid || query("SELECT FROM pg_roles WHERE quote_ident(rolname) = $1 ->> 'role'", {line.json}) == 0) {
        query("SELECT CASE WHEN $2 THEN $1 ->> 'role' END", {line.json, Value::boolean(line.valid)});
        const char *role = result_string(0, 1);
        ereport(WARNING, (errcode(ERRCODE_UNDEFINED_OBJECT),
                          errmsg("a right to ask rollup \"%s\" is not restored: role %s does not exist", rollup,
                                 role == nullptr ? "of that name" : role)));
        return false;
    }
    return true;
}

void restore_of_rollup(const Line &line) {
    Restored *rollup = find_restored(line.rollup);
    Oid source;
    if (rollup == nullptr || rollup->unusable || !find_source(rollup->id, &source) || !may_restore(line.user, source))
        return;
    if (strcmp(archived_tables[line.table].name, table_name(Table::ask_grant)) == 0 && !has_role(line, rollup->name))
        return;
    if (line.valid)
        insert_line(line.table, line.json, rollup->id);
    else
        mark_unusable(rollup);
}

// Returns the line with characters in the place of escapes, where PostgreSQL does not do that.
const char *unescape(const char *json) {
    StringInfoData text;
    initStringInfo(&text);
    pg_wchar high = 0;
    for (const char *c = json; *c != '\0';) {
        char digits[5] = {};
        if (c[0] == '\\' && c[1] == 'u')
            strlcpy(digits, c + 2, sizeof(digits));
        const auto code = static_cast<pg_wchar>(strtoul(digits, nullptr, 16));
        if (code < 0x80) { // also any other escape
            const int length = c[0] == '\\' && c[1] != '\0' ? 2 : 1;
            appendBinaryStringInfo(&text, c, length);
            c += length;
            continue;
        }
        c += 6;
        if (escapes_bytes(dump.encoding)) {
            appendStringInfoChar(&text, static_cast<char>(code));
            continue;
        }
        if (code >= 0xd800 && code < 0xdc00) {
            high = code;
            continue;
        }
        unsigned char utf8[8] = {};
        unicode_to_utf8(high == 0 ? code : ((high - 0xd7c0) << 10) + (code - 0xdc00), utf8);
        high = 0;
        const int length = pg_utf_mblen(utf8);
        appendStringInfoString(
            &text, reinterpret_cast<const char *>(pg_do_encoding_conversion(utf8, length, PG_UTF8, dump.encoding)));
    }
    return text.data;
}

// Returns false if this database cannot represent the line.
bool convert(int32 rollup, Value *json) {
    const int here = GetDatabaseEncoding();
    if (escapes_bytes(dump.encoding) || here == PG_SQL_ASCII) {
        const char *plain = unescape(TextDatumGetCString(json->datum));
        if (here != PG_SQL_ASCII && here != dump.encoding &&
            !(dump.encoding == PG_SQL_ASCII ? pg_verify_mbstr(here, plain, static_cast<int>(strlen(plain)), true)
                                            : pg_is_ascii(plain)))
            return false;
        *json = Value::pointer(JSONOID, cstring_to_text(plain));
    }
    if (here == dump.encoding)
        return true;
    const Restored *of = find_restored(rollup);
    static Prepared recoded_line = {"SELECT topk.recoded_line($1, $2, $3)"};
    execute(&recoded_line,
            {*json, Value::string(pg_encoding_to_char(dump.encoding)), Value::boolean(of != nullptr && of->text)});
    bool null;
    *json = Value::of(JSONOID, result_value(0, 1, &null));
    return !null;
}

// Within as_owner().
void restore(const char *relation, int32 rollup, Value json, Oid user) {
    if (strcmp(relation, archive_header) == 0)
        return begin_dump(json);
    if (dump.encoding == -1)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the first line of the dump is missing"),
                        errhint("Restore topk.archive as a whole, in one session.")));
    const bool valid = convert(rollup, &json);
    if (strcmp(relation, archive_missing) == 0)
        return warn_missing(valid, json);
    for (int i = 0; i < static_cast<int>(lengthof(archived_tables)); ++i) {
        if (strcmp(relation, archived_tables[i].name) != 0)
            continue;
        const Line line = {i, rollup, json, valid, user};
        if (archived_tables[i].id == nullptr)
            return restore_limit(line);
        return is_of_rollup(archived_tables[i]) ? restore_of_rollup(line) : restore_rollup(line);
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a dump of another version has rows of table \"%s\", which this version lacks", relation)));
}

void restore(HeapTuple tuple, TupleDesc descriptor, Oid user) {
    const Row<3> row(tuple, descriptor);
    if (row.null(1) || row.null(3))
        ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("a line of a dump must not be null")));
    restore(row.string(1), row.int4(2), Value::of(JSONOID, row.datum(3)), user);
}

Oid database_owner() {
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for database %u", MyDatabaseId);
    const Oid owner = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datdba;
    ReleaseSysCache(tuple);
    return owner;
}

// archive_line(): the trigger of topk.archive
Datum archive_line(FunctionCallInfo fcinfo) {
    const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
        !TRIGGER_FIRED_BY_INSERT(data->tg_event) || RelationGetRelid(data->tg_relation) != table_oid(Table::archive))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("topk.archive_line() is the trigger of topk.archive")));
    const Oid user = GetUserId();
    dump.refusal = WARNING;
    as_owner([&] { restore(data->tg_trigtuple, RelationGetDescr(data->tg_relation), user); });
    return PointerGetDatum(nullptr);
}

} // namespace

void restore_left_over() {
    if (is_table_empty(Table::archive))
        return;
    LockRelationOid(table_oid(Table::archive), ShareRowExclusiveLock);
    dump.refusal = ERROR;
    as_owner([] {
        const Oid user = database_owner();
        Portal lines = SPI_cursor_open_with_args(nullptr, "SELECT relation, rollup, line FROM topk.archive ORDER BY ctid", 0,
                                                 nullptr, nullptr, nullptr, true, 0);
        for (;;) {
            SPI_cursor_fetch(lines, true, 1);
            if (SPI_processed == 0)
                break;
            SPITupleTable *table = SPI_tuptable;
            restore(table->vals[0], table->tupdesc, user);
            SPI_freetuptable(table);
            CHECK_FOR_INTERRUPTS();
        }
        SPI_cursor_close(lines);
        execute("TRUNCATE topk.archive");
    });
}

} // namespace topk::catalog

TOPK_FUNCTION(topk_archive_line, topk::catalog::archive_line(fcinfo))
