#include "items_table.h"

#include "as_owner.h"
#include "owner.h"
#include "rights.h"
#include "statement.h"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "utils/datum.h"
#include "utils/acl.h"
#include "utils/rls.h"
}

namespace topk::catalog {
namespace {

bool fits(Oid type, Kind kind) {
    switch (getBaseType(type)) {
        case INT2OID:
        case INT4OID:
        case INT8OID: return kind == Kind::bigint;
        case UUIDOID: return kind == Kind::uuid;
        case BYTEAOID: return kind == Kind::bytea;
        case TEXTOID:
        case VARCHAROID: return kind == Kind::text;
        default: return false;
    }
}

// Returns whether an index of this column alone makes it unique. Then an item has one row, which is found quickly.
bool is_unique(Relation table, AttrNumber column) {
    bool unique = false;
    ListCell *cell;
    foreach (cell, RelationGetIndexList(table)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const auto *form = index->rd_index;
        unique |= form->indisunique && form->indisvalid && form->indnkeyatts == 1 && form->indkey.values[0] == column &&
                  heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr);
        index_close(index, AccessShareLock);
    }
    return unique;
}

// It may have become a view since.
bool is_table(Relation relation) {
    const char kind = relation->rd_rel->relkind;
    return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

bool has_select(Relation table) {
    return pg_class_aclcheck(RelationGetRelid(table), GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

void require_select(Relation table) {
    if (!has_select(table))
        aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(table->rd_rel->relkind), RelationGetRelationName(table));
}

// The owner of the table reads it, so that the user who asks need not trust casts of its types, nor anything else in it.
void read_rows(const RollupRow *row, Relation table, Datum *items, int n, Datum *found) {
    const char *statement =
        psprintf("SELECT i.n, pg_catalog.to_jsonb(m.*) FROM pg_catalog.unnest($1) WITH ORDINALITY AS i (item, n) "
                 "JOIN %s AS m ON m.%s OPERATOR(pg_catalog.=) i.item::pg_catalog.%s",
                 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), RelationGetRelationName(table)),
                 quote_identifier(row->metadata_key), row->shape.kind == Kind::bigint ? "int8" : kind_name(row->shape.kind));
    as_source_owner(table->rd_rel->relowner, nullptr, [&] {
        SPI_connect();
        const uint64 count = query(statement, {Value::strings(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT))});
        for (uint64 i = 0; i < count; ++i)
            found[DatumGetInt64(result_value(i, 1)) - 1] = SPI_datumTransfer(result_value(i, 2), false, -1);
        SPI_finish();
    });
}

} // namespace

void check_metadata(Oid oid, const char *key, Kind kind) {
    Relation table = try_table_open(oid, AccessShareLock);
    if (table == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", oid)));
    const char *name = RelationGetRelationName(table);
    if (!is_table(table) || table->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("metadata must be a table, and not a temporary one")));
    require_select(table);
    const AttrNumber column = get_attnum(oid, key);
    if (column <= 0)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("column \"%s\" of relation \"%s\" does not exist", key, name)));
    const Oid type = get_atttype(oid, column);
    if (!fits(type, kind))
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("metadata_key must be of the type of the items, %s, not %s",
                                                            kind_name(kind), format_type_be(type))));
    if (!is_unique(table, column))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("metadata_key must have a unique index of its own"),
                        errdetail("Column \"%s\" of table \"%s\" has none.", key, name)));
    table_close(table, NoLock);
}

Datum *metadata_of(const RollupRow *row, Datum *items, int n) {
    auto *found = static_cast<Datum *>(palloc0(n * sizeof(Datum) + 1));
    if (n == 0 || !OidIsValid(row->metadata))
        return found;
    Relation table = try_table_open(row->metadata, AccessShareLock);
    if (table == nullptr)
        return found;
    // The right to ask the rollup alone does not include the items table.
    const bool asker = !has_select(table) && !may_read(row->source);
    if (!asker)
        require_select(table);
    // Policies would have to run with the rights of the user who asks, who need not trust the user who wrote them. Those of
    // an owner to whom they apply by force run with the owner's rights, as the whole query does.
    const bool policies = check_enable_rls(row->metadata, InvalidOid, true) == RLS_ENABLED && !is_owner(row->metadata);
    if (is_table(table) && !policies && !asker)
        read_rows(row, table, items, n, found);
    table_close(table, NoLock);
    return found;
}

} // namespace topk::catalog
