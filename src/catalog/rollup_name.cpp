#include "rollup_name.h"

#include "../pg/function.h"
#include "rights.h"
#include "tables.h"

extern "C" {
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "storage/lock.h"
#include "utils/varlena.h"
}

namespace topk::catalog {
namespace {

size_t count_letters(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; ++text)
        n += strchr(" \t\n\r\f\v\".", *text) == nullptr;
    return n;
}

// Returns false if the text is no name, or one that PostgreSQL would shorten.
bool split(const char *text, RollupName *name) {
    List *parts = NIL;
    if (!SplitIdentifierString(pstrdup(text), '.', &parts) || parts == NIL || list_length(parts) > 2)
        return false;
    name->name = static_cast<const char *>(llast(parts));
    name->schema = list_length(parts) == 2 ? static_cast<const char *>(linitial(parts)) : nullptr;
    return *name->name != '\0' &&
           count_letters(text) == count_letters(name->name) + (name->schema == nullptr ? 0 : count_letters(name->schema));
}

// Where the search_path has a schema. Negative: nowhere.
int place_in_path(Oid schema) {
    const int count = fetch_search_path_array(nullptr, 0);
    auto *path = static_cast<Oid *>(palloc((count + 1) * sizeof(Oid)));
    fetch_search_path_array(path, count);
    const Oid *place = std::find(path, path + count, schema);
    return OidIsValid(schema) && place != path + count ? static_cast<int>(place - path) : -1;
}

[[noreturn]] void raise_ambiguous(const char *name) {
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("there are two rollups \"%s\" in one schema", name),
                    errhint("Move the source of one to another schema.")));
    pg_unreachable();
}

// Returns nullptr if none of the rollups is in the schema.
const RollupSource *find_in(const Array<RollupSource> &named, Oid schema, const char *name) {
    const RollupSource *found = nullptr;
    for (const RollupSource &rollup : named) {
        if (get_rel_namespace(rollup.source) != schema)
            continue;
        if (found != nullptr)
            raise_ambiguous(name);
        found = &rollup;
    }
    return found;
}

Oid first_schema(const Array<RollupSource> &named) {
    Oid first = InvalidOid;
    for (const RollupSource &rollup : named) {
        const Oid schema = get_rel_namespace(rollup.source);
        const int place = place_in_path(schema);
        if (place >= 0 && (!OidIsValid(first) || place < place_in_path(first)))
            first = schema;
    }
    return first;
}

bool find(const RollupName &wanted, bool missing_ok, Snapshot snapshot, RollupSource *found) {
    const Array<RollupSource> named = list_named(wanted.name, snapshot);
    Oid in = InvalidOid;
    if (wanted.schema != nullptr)
        in = LookupExplicitNamespace(wanted.schema, missing_ok);
    else
        in = first_schema(named);
    if (wanted.schema != nullptr && !OidIsValid(in))
        return false;
    const RollupSource *rollup = find_in(named, in, wanted.name);
    if (rollup != nullptr)
        *found = *rollup;
    return rollup != nullptr;
}

// A rollup of that name in a schema that was not looked at, and that the user may ask.
char *find_elsewhere(const char *name) {
    const RollupSource *first = nullptr;
    const Array<RollupSource> named = list_named(name, nullptr);
    for (const RollupSource &rollup : named)
        if (any(permission_of(rollup)) && (first == nullptr || rollup.id < first->id))
            first = &rollup;
    return first == nullptr ? nullptr : qualified_name(first->source, name);
}

} // namespace

RollupName parse_rollup_name(const char *text) {
    RollupName name;
    if (!split(text, &name))
        ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("invalid name of a rollup: \"%s\"", text),
                        errdetail("A name has 1 to %d bytes, and may have a schema and a dot in front.", NAMEDATALEN - 1),
                        errhint("Put a name in double quotes that has spaces, dots or upper-case letters.")));
    return name;
}

bool find_rollup(const char *text, Snapshot snapshot, RollupSource *found, bool missing_ok) {
    return find(parse_rollup_name(text), missing_ok, snapshot, found);
}

bool read_rollup(const char *text, Snapshot snapshot, RollupRow *row) {
    RollupSource found;
    return find_rollup(text, snapshot, &found) && read_rollup(found.id, snapshot, row);
}

void raise_no_rollup(const char *text) {
    const RollupName name = parse_rollup_name(text);
    const char *elsewhere = name.schema == nullptr ? find_elsewhere(name.name) : nullptr;
    const char *hint = elsewhere != nullptr   ? psprintf("Did you mean %s?", elsewhere)
                       : is_window_kind(text) ? "The name of the rollup comes first, and the kind of window behind it."
                                              : nullptr;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rollup \"%s\" does not exist", text),
                    elsewhere == nullptr ? 0 : errdetail("No schema of the search_path has a source with such a rollup."),
                    hint == nullptr ? 0 : errhint("%s", hint)));
    pg_unreachable();
}

int32 holder_of(Oid schema, const char *name) {
    const RollupSource *holder = nullptr;
    const Array<RollupSource> named = list_named(name, nullptr);
    for (const RollupSource &rollup : named)
        if (get_rel_namespace(rollup.source) == schema)
            holder = &rollup;
    return holder == nullptr ? 0 : holder->id;
}

void lock_name(Oid schema, const char *name) {
    // Another number than that of the lock of a rollup. Two names that share one only wait for each other.
    const uint32 number =
        hash_combine(schema, hash_bytes(reinterpret_cast<const unsigned char *>(name), static_cast<int>(strlen(name))));
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, table_oid(Table::rollup), number, 1);
    (void)LockAcquire(&tag, ExclusiveLock, false, false);
    AcceptInvalidationMessages(); // a table may have come to the schema
}

void claim_name(Oid schema, const char *name, int32 id) {
    lock_name(schema, name);
    for (const RollupSource &rollup : list_named(name, nullptr))
        if (rollup.id != id && get_rel_namespace(rollup.source) == schema)
            ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                            errmsg("rollup \"%s\" already exists in schema \"%s\"", name, get_namespace_name(schema))));
}

char *qualified_name(Oid source, const char *name) {
    const Oid schema = get_rel_namespace(source);
    return quote_qualified_identifier(OidIsValid(schema) ? get_namespace_name(schema) : nullptr, name);
}

char *name_literal(Oid source, const char *name) { return quote_literal_cstr(qualified_name(source, name)); }

namespace {

// qualified_name(rollup)
Datum qualified_name_function(FunctionCallInfo fcinfo) {
    RollupName name;
    RollupSource found;
    if (!split(text_to_cstring(PG_GETARG_TEXT_PP(0)), &name) || !find(name, true, GetActiveSnapshot(), &found))
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(qualified_name(found.source, name.name)));
}

} // namespace
} // namespace topk::catalog

TOPK_FUNCTION(topk_qualified_name, topk::catalog::qualified_name_function(fcinfo))
