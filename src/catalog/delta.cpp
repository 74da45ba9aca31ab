#include "delta.h"

#include "row.h"
#include "scan.h"
#include "statement.h"
#include "tables.h"

namespace topk::catalog {
namespace {

enum Column { tile = 1, events, rollup, scope, grp, items, summary, sketch, registers, column_count = registers };

// PostgreSQL lays out the columns timestamptz, bigint, integer and "char" like this.
static_assert(offsetof(FormData_topk_delta, events) == 8 && offsetof(FormData_topk_delta, rollup) == 16 &&
              offsetof(FormData_topk_delta, scope) == 20);

} // namespace

Delta read_delta(HeapTuple tuple, TupleDesc descriptor) {
    const Row<column_count> row(tuple, descriptor);
    return {*delta_form(tuple),
            reinterpret_cast<ArrayType *>(row.stored(grp)),
            {row.stored(items), row.stored(summary), row.stored(sketch), row.stored(registers)}};
}

namespace {

// As PostgreSQL does it for TOAST tables: the keys of our indexes are columns.
void insert_into_indexes(Relation slot, HeapTuple tuple, const Datum *values, const bool *nulls) {
    List *indexes = RelationGetIndexList(slot);
    ListCell *cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);
        Datum v[INDEX_MAX_KEYS];
        bool n[INDEX_MAX_KEYS];
        const FormData_pg_index *form = index->rd_index;
        for (int i = 0; i < form->indnatts; ++i) {
            const AttrNumber column = form->indkey.values[i];
            n[i] = column < 1 || column > column_count || nulls[column - 1];
            v[i] = n[i] ? (Datum)0 : values[column - 1];
        }
        if (form->indisready)
            index_insert(index, v, n, &tuple->t_self, slot, UNIQUE_CHECK_NO, false, nullptr);
        index_close(index, RowExclusiveLock);
    }
    list_free(indexes);
}

} // namespace

Size insert_delta(Relation slot, const Delta &delta) {
    Datum v[column_count];
    bool n[column_count] = {};
    v[tile - 1] = TimestampTzGetDatum(delta.form.tile);
    v[events - 1] = Int64GetDatum(delta.form.events);
    v[rollup - 1] = Int32GetDatum(delta.form.rollup);
    v[scope - 1] = CharGetDatum(static_cast<char>(delta.form.scope));
    const auto set = [&](Column c, const void *value) {
        v[c - 1] = PointerGetDatum(value);
        n[c - 1] = value == nullptr;
    };
    set(grp, delta.grp);
    set(items, delta.values.items);
    set(summary, delta.values.summary);
    set(sketch, delta.values.sketch);
    set(registers, delta.values.registers);
    HeapTuple tuple = make_row(RelationGetDescr(slot), column_count, v, n);
    simple_heap_insert(slot, tuple);
    insert_into_indexes(slot, tuple, v, n);
    const Size size = tuple->t_len + sizeof(ItemIdData);
    heap_freetuple(tuple);
    return size;
}

void delete_delta(Relation slot, HeapTuple tuple) { simple_heap_delete(slot, &tuple->t_self); }

Oid slot_index(int slot) { return index_oid(psprintf("%s_tile", table_name(slot_table(slot)))); }

void delta_scan_key(ScanKey key, int32 id) { ScanKeyInit(key, rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(id)); }

bool is_slot_empty(int slot) {
    RowScan rows;
    begin_rows(&rows, slot_oid(slot), InvalidOid, false, 0, nullptr, nullptr);
    if (!HeapTupleIsValid(next_row(&rows)))
        return true;
    end_rows(&rows);
    return false;
}

void truncate_slot(int slot) { execute(psprintf("TRUNCATE topk.%s", table_name(slot_table(slot)))); }

void delete_deltas(int32 id) {
    for (int slot = 0; slot < slot_count; ++slot)
        execute(psprintf("DELETE FROM topk.%s WHERE rollup = $1", table_name(slot_table(slot))), {Value::int4(id)});
}

} // namespace topk::catalog
