// topk.history(): the snapshots of windows that are over.
#include "../catalog/snapshot.h"
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

// The columns of topk_entry.
enum Column { entry_rank, entry_item, entry_count, entry_error, entry_guaranteed, entry_columns };

struct Line {
    Span window;
    int64 weight;
    Datum entry[entry_columns];
};

void add_snapshot(Array<Line> *lines, const SnapshotRow &snapshot, int32 k) {
    Datum *rows;
    int count;
    deconstruct_array(snapshot.entries, ARR_ELEMTYPE(snapshot.entries), -1, false, TYPALIGN_DOUBLE, &rows, nullptr, &count);
    count = std::min(count, k);
    for (int i = 0; i < count; ++i) {
        const HeapTupleHeader row = DatumGetHeapTupleHeader(rows[i]);
        Line *line = &lines->add({});
        line->window = snapshot.window;
        line->weight = snapshot.weight;
        for (int column = 0; column < entry_columns; ++column) {
            bool null;
            line->entry[column] = GetAttributeByNum(row, static_cast<AttrNumber>(column + 1), &null);
            if (null)
                ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("an entry of topk.snapshot lacks a value")));
        }
    }
}

// history(rollup, window_kind, since, until, k, group_key)
Datum history(FunctionCallInfo fcinfo, const RollupRow *row) {
    const Level level = level_argument(fcinfo, 1, row);
    const char *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
    // Infinite times stand for the first and the last snapshot.
    Span starts = {PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2),
                   PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3)};
    if (!TIMESTAMP_NOT_FINITE(starts.start))
        starts.start = window_of(row, level, starts.start).start;
    require_later(starts.stop, starts.start);
    const int32 k = k_argument(fcinfo, 4);
    const ArrayType *grp = group_argument(fcinfo, 5, row);

    Array<Line> lines = {};
    RowScan scan;
    SnapshotRow snapshot;
    begin_snapshots(&scan, row->id, kind, grp, starts, GetActiveSnapshot());
    while (next_snapshot(&scan, &snapshot)) {
        CHECK_FOR_INTERRUPTS();
        add_snapshot(&lines, snapshot, k);
    }
    return return_items<9>(
        fcinfo, row, lines.count, [&](int i) { return lines[i].entry[entry_item]; },
        [&](int i, Datum, Datum *values, bool *) {
            const Line &line = lines[i];
            const auto count = static_cast<double>(DatumGetInt64(line.entry[entry_count]));
            values[0] = TimestampTzGetDatum(line.window.start);
            values[1] = TimestampTzGetDatum(line.window.stop);
            std::copy_n(line.entry, int{entry_columns}, values + 2);
            values[7] = Float8GetDatum(count / static_cast<double>(line.weight));
        });
}

} // namespace

TOPK_ANSWER(topk_history, history)
