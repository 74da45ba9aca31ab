// The SQL functions that answer for a window.
#include "answer.h"
#include "answer_timer.h"


namespace {

using namespace topk;
using namespace topk::rollup;

constexpr int32 max_k = 10000;

ArrayType *group_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    if (PG_ARGISNULL(position))
        return nullptr;
    ArrayType *grp = PG_GETARG_ARRAYTYPE_P(position);
    const int n = ARR_NDIM(grp) == 0 ? 0 : ARR_NDIM(grp) == 1 ? ARR_DIMS(grp)[0] : -1;
    if (row->group_count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rollup \"%s\" has no groups", row->name)));
    if (n != 0 && n != row->group_count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg_plural("group_key must have %d element", "group_key must have %d elements",
                                      static_cast<unsigned long>(row->group_count), row->group_count),
                        errdetail("Rollup \"%s\" has as many group expressions.", row->name)));
    return grp;
}

TimestampTz time_argument(FunctionCallInfo fcinfo, int position) {
    const TimestampTz t = PG_ARGISNULL(position) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(position);
    if (TIMESTAMP_NOT_FINITE(t))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("time must be finite")));
    return t;
}

int32 k_argument(FunctionCallInfo fcinfo, int position) {
    const int32 k = PG_ARGISNULL(position) ? 10 : PG_GETARG_INT32(position);
    if (k < 1 || k > max_k)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be between 1 and %d", max_k)));
    return k;
}

void rollup_argument(FunctionCallInfo fcinfo, RollupRow *row) {
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("rollup must not be null")));
    find_readable(text_to_cstring(PG_GETARG_TEXT_PP(0)), row);
}

Level level_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    if (PG_ARGISNULL(position))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("window_kind must not be null")));
    return level_of(row, text_to_cstring(PG_GETARG_TEXT_PP(position)));
}

void return_top(FunctionCallInfo fcinfo, const Sum &sum, int32 k) {
    InitMaterializedSRF(fcinfo, 0);
    auto *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (sum.stored == nullptr && sum.tally == nullptr)
        return;
    auto *entries = static_cast<Ranked *>(palloc((size_t{static_cast<uint32_t>(k)} + 1) * sizeof(Ranked)));
    Kind kind = Kind::none;
    uint32_t n = 0;
    uint64_t total = 0;
    pg::guarded([&] {
        if (sum.tally != nullptr) {
            const SpaceSaving &live = *sum.tally->summary;
            kind = live.kind();
            total = live.total();
            n = top_of(live, static_cast<uint32_t>(k), entries);
            return;
        }
        const pg::Bytes bytes = pg::bytes_of(sum.stored);
        const StoredSpaceSaving stored(bytes.data, bytes.size);
        kind = stored.kind();
        total = stored.total();
        n = stored.top(static_cast<uint32_t>(k), entries);
    });
    for (uint32_t i = 0; i < n; ++i) {
        Datum values[] = {Int32GetDatum(static_cast<int32>(i + 1)),
                          PointerGetDatum(pg::item_to_text(kind, entries[i].key, entries[i].length)),
                          Int64GetDatum(static_cast<int64>(entries[i].count)),
                          Int64GetDatum(static_cast<int64>(entries[i].error)),
                          BoolGetDatum(entries[i].guaranteed),
                          Float8GetDatum(static_cast<double>(entries[i].count) / static_cast<double>(total))};
        bool nulls[6] = {};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

// top(rollup, window_kind, at, k, group_key)
Datum top(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const Span span = window_of(&row, level, time_argument(fcinfo, 2));
    const int32 k = k_argument(fcinfo, 3);
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    return_top(fcinfo, sum_of(&row, pieces), k);
    return (Datum)0;
}

// range(rollup, since, until, k, group_key): outwards to whole tiles.
Datum range(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const TimestampTz since = time_argument(fcinfo, 1), until = time_argument(fcinfo, 2);
    if (until <= since)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since")));
    const Span span = {window_of(&row, Level::tile, since).start, window_of(&row, Level::tile, until - 1).stop};
    const int32 k = k_argument(fcinfo, 3);
    const Pieces pieces = range_pieces(&row, span, group_argument(fcinfo, 4, &row), GetActiveSnapshot());
    return_top(fcinfo, sum_of(&row, pieces), k);
    return (Datum)0;
}

// window_info(rollup, window_kind, at, group_key)
Datum window_info(FunctionCallInfo fcinfo) {
    RollupRow row;
    rollup_argument(fcinfo, &row);
    const Level level = level_argument(fcinfo, 1, &row);
    const Span span = window_of(&row, level, time_argument(fcinfo, 2));
    const Pieces pieces = window_pieces(&row, level, span, group_argument(fcinfo, 3, &row), GetActiveSnapshot());
    // Distinct items need the registers, but not the sketches.
    stream::TallyShape shape = row.shape;
    shape.width = 0;
    stream::Tally *tally = stream::make_tally(shape);
    int64 events = 0;
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        stream::merge_stored(tally, pieces.pieces[i].values);
        events += pieces.pieces[i].events;
    }
    TupleDesc descriptor;
    get_call_result_type(fcinfo, nullptr, &descriptor);
    Datum values[] = {TimestampTzGetDatum(span.start),
                      TimestampTzGetDatum(span.stop),
                      Int64GetDatum(events),
                      Int64GetDatum(static_cast<int64>(stream::tally_weight(tally))),
                      Int64GetDatum(stream::tally_distinct(tally)),
                      Int64GetDatum(static_cast<int64>(tally->summary->floor()))};
    bool nulls[6] = {};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

} // namespace

TOPK_ANSWER(topk_top, top)
TOPK_ANSWER(topk_range, range)
TOPK_ANSWER(topk_window_info, window_info)
