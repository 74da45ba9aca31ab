// topk.window_info(), topk.window_bounds(), and topk.read_window(), which returns a window and its top k in one pass.
#include "../catalog/rollup_state.h"
#include "../catalog/snapshot.h"
#include "across.h"
#include "arguments.h"
#include "ranking.h"
#include "rows.h"

extern "C" {
#include "executor/executor.h"
}

namespace {

using namespace topk;
using namespace topk::answer;

// A window as a whole.
struct Whole {
    Pieces pieces;
    Answered answered;
    Sum sum;
};

Whole read_whole(const RollupRow *row, const AskedWindow &window) {
    Whole whole = {};
    Across *across = ask_across(row, &window.span, 1, window.groups, Content::distinct);
    whole.pieces = window_pieces(row, window);
    whole.answered = add_across(across, &whole.pieces);
    whole.sum = sum_of(row, whole.pieces, Purpose::distinct);
    return whole;
}

// The columns of topk.window_info.
constexpr int info_columns = 10;

void fill_info(const RollupRow *row, const AskedWindow &window, const Whole &whole, const Ranking &ranking, Datum *values,
               bool *nulls) {
    values[0] = TimestampTzGetDatum(window.span.start);
    values[1] = TimestampTzGetDatum(window.span.stop);
    values[2] = Int64GetDatum(events_of(whole.pieces));
    values[3] = Int64GetDatum(static_cast<int64>(ranking.total));
    values[4] = Int64GetDatum(distinct_of(whole.sum));
    values[5] = Int64GetDatum(static_cast<int64>(ranking.floor));
    values[6] = BoolGetDatum(whole.pieces.missing.count == 0 && whole.answered.missing.count == 0);
    values[7] = Int32GetDatum(whole.answered.nodes);
    values[8] = names_array(whole.answered.missing);
    RollupState state;
    nulls[9] = !read_state(row->id, GetActiveSnapshot(), &state) || state.counted_since == DT_NOEND;
    values[9] = TimestampTzGetDatum(nulls[9] ? 0 : state.counted_since);
}

// window_info(rollup, window_kind, at, group_key)
Datum window_info(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 3);
    const Whole whole = read_whole(row, window);
    Datum values[info_columns];
    bool nulls[info_columns] = {};
    fill_info(row, window, whole, ranking_of(row, whole.sum, 0), values, nulls);
    return return_row(fcinfo, values, nulls);
}

// window_bounds(rollup, window_kind, at). It reads no counts.
Datum window_bounds(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row, permitted_groups);
    const Span span = window_of(&row, level_argument(fcinfo, 1, &row), time_argument(fcinfo, 2));
    Datum values[] = {TimestampTzGetDatum(span.start), TimestampTzGetDatum(span.stop)};
    bool nulls[2] = {};
    return return_row(fcinfo, values, nulls);
}

// ---- Ranks in the window before

// Items as text, by rank.
struct Ranks {
    Array<text *> items;
};

Ranks ranks_of(const Ranking &ranking) {
    Ranks ranks = {};
    for (uint32_t i = 0; i < ranking.n; ++i)
        ranks.items.add(DatumGetTextPP(item_text(ranking, ranking.entries[i])));
    return ranks;
}

Ranks ranks_of_snapshot(const RollupRow *row, const char *kind, const AskedGroups &groups, Span window) {
    Ranks ranks = {};
    if (groups.count > 1)
        return ranks;
    RowScan scan;
    SnapshotRow snapshot;
    begin_snapshots(&scan, row->id, kind, groups.count == 0 ? nullptr : groups.keys[0], window, GetActiveSnapshot());
    while (next_snapshot(&scan, &snapshot)) {
        Datum *entries;
        int count;
        deconstruct_array(snapshot.entries, ARR_ELEMTYPE(snapshot.entries), -1, false, TYPALIGN_DOUBLE, &entries, nullptr,
                          &count);
        for (int i = 0; i < count; ++i) {
            bool null;
            const Datum item = GetAttributeByNum(DatumGetHeapTupleHeader(entries[i]), 2, &null);
            if (!null)
                ranks.items.add(DatumGetTextPP(item));
        }
    }
    return ranks;
}

// An item that was far behind the first k has no rank.
constexpr uint32_t ranks_for_each = 10, least_ranks = 100;

// Of the window before, or of its snapshot where nothing or not everything is left of it.
Ranks previous_ranks(const RollupRow *row, const char *kind, const AskedWindow &window, const Answered &answered,
                     uint32_t k) {
    const Span before = window_of(row, window.level, window.span.start - 1);
    Across *across = ask_across(row, &before, 1, window.groups, Content::summary, nullptr, &answered);
    Pieces pieces = window_pieces(row, {window.level, before, window.groups});
    add_across(across, &pieces);
    if ((pieces.missing.count != 0 || pieces.parts.count == 0) && across == nullptr)
        return ranks_of_snapshot(row, kind, window.groups, before);
    return ranks_of(ranking_of(row, pieces, std::max(ranks_for_each * k, least_ranks)));
}

int compare_texts(const text *a, const text *b) {
    return compare_bytes(reinterpret_cast<const uint8_t *>(VARDATA_ANY(a)), static_cast<uint32_t>(VARSIZE_ANY_EXHDR(a)),
                         reinterpret_cast<const uint8_t *>(VARDATA_ANY(b)), static_cast<uint32_t>(VARSIZE_ANY_EXHDR(b)));
}

// The rank of each item in the other ranks; 0: none.
int32 *find_ranks(const Ranks &items, const Ranks &previous) {
    const int n = previous.items.count;
    auto *order = static_cast<int32 *>(palloc((n + 1) * sizeof(int32)));
    for (int i = 0; i < n; ++i)
        order[i] = i;
    std::sort(order, order + n, [&](int32 a, int32 b) { return compare_texts(previous.items[a], previous.items[b]) < 0; });
    auto *ranks = static_cast<int32 *>(palloc0((items.items.count + 1) * sizeof(int32)));
    for (int i = 0; i < items.items.count; ++i) {
        const text *item = items.items[i];
        const int32 *place = std::lower_bound(
            order, order + n, item, [&](int32 a, const text *b) { return compare_texts(previous.items[a], b) < 0; });
        if (place != order + n && compare_texts(previous.items[*place], item) == 0)
            ranks[i] = *place + 1;
    }
    return ranks;
}

// read_window(rollup, window_kind, at, k, group_key, compared): a row for each of the first k items, and one without an item
// for an empty window.
Datum read_window(FunctionCallInfo fcinfo, const RollupRow *row) {
    const AskedWindow window = window_arguments(fcinfo, row, 1, 2, 4);
    const auto k = static_cast<uint32_t>(k_argument(fcinfo, 3));
    const Whole whole = read_whole(row, window);
    tell_of(whole.pieces);
    const Ranking ranking = ranking_of(row, whole.sum, k);
    constexpr int item_column = info_columns, metadata_column = item_column + entry_columns, columns = metadata_column + 2;
    Datum info[info_columns];
    bool info_nulls[info_columns] = {};
    fill_info(row, window, whole, ranking, info, info_nulls);
    if (ranking.n == 0) {
        Datum values[columns] = {};
        bool nulls[columns];
        std::copy_n(info, info_columns, values);
        for (int i = 0; i < columns; ++i)
            nulls[i] = i >= info_columns || info_nulls[i];
        add_row(begin_rows(fcinfo), values, nulls);
        return (Datum)0;
    }
    const Ranks items = ranks_of(ranking);
    const int32 *previous = nullptr;
    if (PG_GETARG_BOOL(5))
        previous = find_ranks(items, previous_ranks(row, text_to_cstring(PG_GETARG_TEXT_PP(1)), window, whole.answered, k));
    return return_items<columns, metadata_column>(
        fcinfo, row, items.items.count, [&](int i) { return PointerGetDatum(items.items[i]); },
        [&](int i, Datum item, Datum *values, bool *nulls) {
            std::copy_n(info, info_columns, values);
            std::copy_n(info_nulls, info_columns, nulls);
            fill_entry(ranking, static_cast<uint32_t>(i), item, values + item_column);
            values[columns - 1] = previous == nullptr ? 0 : Int32GetDatum(previous[i]);
            nulls[columns - 1] = previous == nullptr || previous[i] == 0;
        });
}

} // namespace

TOPK_ANSWER(topk_window_info, window_info, 3)
TOPK_FUNCTION(topk_window_bounds, window_bounds(fcinfo))
TOPK_ANSWER(topk_read_window, read_window, 4)
