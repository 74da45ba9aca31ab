// topk.history(): the snapshots of windows that are over. The first items of several databases together need not be among
// those of any of them, so with nodes the windows themselves are added up.
#include "history.h"

#include "../catalog/joint_snapshot.h"
#include "../pg/array.h"
#include "arguments.h"
#include "counted_windows.h"
#include "ranking.h"
#include "rows.h"

extern "C" {
#include "executor/executor.h"
#include "utils/typcache.h"
}

namespace topk::answer {
namespace {

void add_snapshot(Array<HistoryLine> *lines, const SnapshotRow &snapshot, int32 k) {
    Datum *rows;
    int count;
    deconstruct_array(snapshot.entries, ARR_ELEMTYPE(snapshot.entries), -1, false, TYPALIGN_DOUBLE, &rows, nullptr, &count);
    count = std::min(count, k);
    for (int i = 0; i < count; ++i) {
        const HeapTupleHeader row = DatumGetHeapTupleHeader(rows[i]);
        HistoryLine *line = &lines->add({});
        line->window = snapshot.window;
        line->weight = snapshot.weight;
        for (int column = 0; column < entry_fields; ++column) {
            bool null;
            line->entry[column] = GetAttributeByNum(row, static_cast<AttrNumber>(column + 1), &null);
            if (null)
                ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("an entry of topk.snapshot lacks a value")));
        }
    }
}

void read_snapshots(const RollupRow *row, const char *kind, const ArrayType *grp, Span starts, int32 k,
                    Array<HistoryLine> *lines) {
    RowScan scan;
    SnapshotRow snapshot;
    begin_snapshots(&scan, row->id, kind, grp, starts, GetActiveSnapshot());
    while (next_snapshot(&scan, &snapshot)) {
        CHECK_FOR_INTERRUPTS();
        add_snapshot(lines, snapshot, k);
    }
}

void add_ranking(Array<HistoryLine> *lines, Span window, const Ranking &ranking, MemoryContext context) {
    for (uint32_t i = 0; i < ranking.n; ++i) {
        const Ranked &entry = ranking.entries[i];
        MemoryContext caller = MemoryContextSwitchTo(context);
        HistoryLine *line = &lines->add({});
        line->window = window;
        line->weight = static_cast<int64>(ranking.total);
        line->entry[entry_rank] = Int32GetDatum(static_cast<int32>(i + 1));
        line->entry[entry_item] = item_text(ranking, entry);
        line->entry[entry_count] = Int64GetDatum(static_cast<int64>(entry.count));
        line->entry[entry_error] = Int64GetDatum(static_cast<int64>(entry.error));
        line->entry[entry_guaranteed] = BoolGetDatum(entry.guaranteed);
        MemoryContextSwitchTo(caller);
    }
}

// The snapshot of all nodes together, which topk.keep_history() has written when their counts were there.
bool add_joint_snapshot(const RollupRow *row, const char *kind, const ArrayType *grp, Span window, int32 k,
                        MemoryContext context, Array<HistoryLine> *lines) {
    MemoryContext caller = MemoryContextSwitchTo(context);
    SnapshotRow snapshot;
    const bool found = find_joint_snapshot(row->id, kind, grp, window.start, GetActiveSnapshot(), &snapshot);
    if (found)
        add_snapshot(lines, snapshot, k);
    MemoryContextSwitchTo(caller);
    return found;
}

// Windows whose counts are not whole any more have no answer, because a part of them might show other items.
void warn_of_lost(const Span &first, int count) {
    char *start = pstrdup(timestamptz_to_str(first.start));
    ereport(WARNING, (errmsg_plural("the answer lacks %d window whose counts retention has removed",
                                    "the answer lacks %d windows whose counts retention has removed",
                                    static_cast<unsigned long>(count), count),
                      errdetail("The first is the one from %s to %s.", start, timestamptz_to_str(first.stop)),
                      errhint("topk.snapshots has what each node kept of them by itself.")));
}

// Adds up the windows of all nodes, some at a time.
void read_across(const RollupRow *row, Level level, const char *kind, const CountedWindows &counted, ArrayType *grp, int32 k,
                 Array<HistoryLine> *lines) {
    constexpr int most = 32;
    const AskedGroups groups = group_alone(grp);
    MemoryContext context = CurrentMemoryContext;
    MemoryContext scratch = AllocSetContextCreate(context, "pg_topk history", ALLOCSET_DEFAULT_SIZES);
    Answered answered = counted.answered;
    Span first_lost = {0, 0};
    int lost = 0;
    for (int i = 0; i < counted.windows.count; i += most) {
        const Span *windows = &counted.windows[i];
        const int n = std::min(most, counted.windows.count - i);
        MemoryContextSwitchTo(scratch);
        auto *pieces = static_cast<Pieces *>(palloc0(n * sizeof(Pieces)));
        Across *across = ask_across(row, windows, n, groups, Content::summary, nullptr, &answered);
        for (int j = 0; j < n; ++j)
            pieces[j] = window_pieces(row, {level, windows[j], groups});
        const Answered now = add_across(across, pieces);
        for (int j = 0; j < n; ++j) {
            CHECK_FOR_INTERRUPTS();
            if (pieces[j].missing.count == 0)
                add_ranking(lines, windows[j], ranking_of(row, pieces[j], static_cast<uint32_t>(k)), context);
            else if (!add_joint_snapshot(row, kind, grp, windows[j], k, context, lines) && ++lost == 1)
                first_lost = windows[j];
        }
        MemoryContextSwitchTo(context);
        for (const char *name : now.missing)
            answered.missing.add(pstrdup(name));
        MemoryContextReset(scratch);
    }
    if (lost != 0)
        warn_of_lost(first_lost, lost);
}

} // namespace

Array<HistoryLine> read_history(const RollupRow *row, const char *kind, Span starts, ArrayType *grp, int32 k) {
    Array<HistoryLine> lines = {};
    const Level level = level_of(row, kind);
    const Array<const char *> nodes = nodes_to_ask(row, nullptr);
    if (nodes.count == 0)
        read_snapshots(row, kind, grp, starts, k, &lines);
    else
        read_across(row, level, kind, counted_everywhere(nodes, row, level, kind, starts, grp), grp, std::min(k, row->k),
                    &lines);
    if (lines.count == 0 && nodes.count == 0)
        tell_of_no_snapshots(row);
    return lines;
}

namespace {

// history(rollup, window_kind, since, until, k, group_key)
Datum history(FunctionCallInfo fcinfo, const RollupRow *row) {
    const Span starts = starts_arguments(fcinfo, row, 1, 2);
    const char *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const int32 k = k_argument(fcinfo, 4);
    const Array<HistoryLine> lines = read_history(row, kind, starts, group_argument(fcinfo, 5, row), k);
    return return_items<9>(
        fcinfo, row, lines.count, [&](int i) { return lines[i].entry[entry_item]; },
        [&](int i, Datum, Datum *values, bool *) {
            const HistoryLine &line = lines[i];
            const auto count = static_cast<double>(DatumGetInt64(line.entry[entry_count]));
            values[0] = TimestampTzGetDatum(line.window.start);
            values[1] = TimestampTzGetDatum(line.window.stop);
            std::copy_n(line.entry, int{entry_fields}, values + 2);
            values[7] = Float8GetDatum(count / static_cast<double>(line.weight));
        });
}

} // namespace
} // namespace topk::answer

TOPK_ANSWER(topk_history, topk::answer::history, 5)
