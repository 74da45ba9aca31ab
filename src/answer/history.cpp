// topk.history(): the snapshots of windows that are over.
#include "../catalog/group_key.h"
#include "../catalog/tables.h"
#include "../pg/array.h"
#include "arguments.h"
#include "rows.h"

extern "C" {
#include "executor/executor.h"
#include "utils/typcache.h"
}

namespace {

using namespace topk;
using namespace topk::answer;

// The columns of topk.snapshot
enum Column { rollup = 1, window_kind, start, stop, grp, events, weight, distinct_items, entries, column_count = entries };

Oid index_by_key(Relation relation) {
    ListCell *cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        const bool found = index->rd_index->indisunique && index->rd_index->indnkeyatts == 4;
        index_close(index, AccessShareLock);
        if (found)
            return lfirst_oid(cell);
    }
    elog(ERROR, "topk.snapshot lacks an index");
    pg_unreachable();
}

struct Wanted {
    const RollupRow *row;
    Datum kind;
    ArrayType *grp;
    Span windows; // by their start
    int32 k;
};

struct Line {
    TimestampTz start, stop;
    int64 weight;
    Datum entry[5]; // of topk_entry
};

void add_snapshot(Array<Line> *lines, HeapTuple tuple, TupleDesc descriptor, int32 k) {
    Datum v[column_count];
    bool n[column_count];
    heap_deform_tuple(tuple, descriptor, v, n);
    Datum *rows;
    int count;
    deconstruct_array(DatumGetArrayTypePCopy(v[entries - 1]),
                      get_element_type(TupleDescAttr(descriptor, entries - 1)->atttypid), -1, false, TYPALIGN_DOUBLE, &rows,
                      nullptr, &count);
    count = std::min(count, k);
    for (int i = 0; i < count; ++i) {
        const HeapTupleHeader row = DatumGetHeapTupleHeader(rows[i]);
        Line *line = &lines->add({});
        line->start = DatumGetTimestampTz(v[start - 1]);
        line->stop = DatumGetTimestampTz(v[stop - 1]);
        line->weight = DatumGetInt64(v[weight - 1]);
        for (int column = 0; column < 5; ++column) {
            bool null;
            line->entry[column] = GetAttributeByNum(row, static_cast<AttrNumber>(column + 1), &null);
            if (null)
                ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("an entry of topk.snapshot lacks a value")));
        }
    }
}

Array<Line> read_snapshots(const Wanted &wanted) {
    Array<Line> lines = {};
    Relation relation = table_open(table_oid(Table::snapshot), AccessShareLock);
    ScanKeyData keys[5];
    ScanKeyInit(&keys[0], rollup, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(wanted.row->id));
    ScanKeyEntryInitialize(&keys[1], 0, window_kind, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           wanted.kind);
    group_scan_key(&keys[2], grp, wanted.grp);
    ScanKeyInit(&keys[3], start, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(wanted.windows.start));
    ScanKeyInit(&keys[4], start, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(wanted.windows.stop));
    SysScanDesc scan = systable_beginscan_ordered(relation, index_open(index_by_key(relation), AccessShareLock),
                                                  GetActiveSnapshot(), 5, keys);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection))) {
        CHECK_FOR_INTERRUPTS();
        add_snapshot(&lines, tuple, RelationGetDescr(relation), wanted.k);
    }
    Relation index = scan->irel;
    systable_endscan_ordered(scan);
    index_close(index, AccessShareLock);
    table_close(relation, AccessShareLock);
    return lines;
}

// history(rollup, window_kind, since, until, k, group_key)
Datum history(FunctionCallInfo fcinfo, const RollupRow *row) {
    Wanted wanted = {};
    wanted.row = row;
    const Level level = level_argument(fcinfo, 1, row);
    wanted.kind = PG_GETARG_DATUM(1);
    // Infinite times stand for the first and the last snapshot.
    wanted.windows.start = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2);
    wanted.windows.stop = PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3);
    if (!TIMESTAMP_NOT_FINITE(wanted.windows.start))
        wanted.windows.start = window_of(row, level, wanted.windows.start).start;
    require_later(wanted.windows.stop, wanted.windows.start);
    wanted.k = k_argument(fcinfo, 4);
    wanted.grp = group_argument(fcinfo, 5, row);

    const Array<Line> lines = read_snapshots(wanted);
    return return_items<9>(
        fcinfo, row, lines.count, [&](int i) { return lines[i].entry[1]; },
        [&](int i, Datum, Datum *values, bool *) {
            const Line &line = lines[i];
            const auto count = static_cast<double>(DatumGetInt64(line.entry[2]));
            values[0] = TimestampTzGetDatum(line.start);
            values[1] = TimestampTzGetDatum(line.stop);
            std::copy_n(line.entry, 5, values + 2);
            values[7] = Float8GetDatum(count / static_cast<double>(line.weight));
        });
}

} // namespace

TOPK_ANSWER(topk_history, history)
