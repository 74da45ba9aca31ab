// topk.window_state(): what this database holds of spans of a rollup, as states that another one merges.
#include "../catalog/moved.h"
#include "../catalog/rights.h"
#include "across.h"
#include "arguments.h"

namespace {

using namespace topk;
using namespace topk::answer;

constexpr int max_spans = 1000;

// The elements of an array argument of times.
int times_argument(FunctionCallInfo fcinfo, int position, Datum **times) {
    bool *nulls;
    int n;
    if (PG_ARGISNULL(position))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("since and until must not be null")));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(position), TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, times, &nulls,
                      &n);
    for (int i = 0; i < n; ++i)
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("since and until must not contain null")));
    return n;
}

// A span that is cut elsewhere here than where it was asked would count other events.
Span whole_span(const RollupRow *row, Span span) {
    require_later(span.stop, span.start);
    const Span whole = whole_tiles(row, span);
    if (whole.start != span.start || whole.stop != span.stop) {
        char *start = pstrdup(timestamptz_to_str(span.start));
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the time from %s to %s is not a span of whole tiles of rollup \"%s\"", start,
                               timestamptz_to_str(span.stop), row->name),
                        errdetail("A rollup needs the same grain and time zone on all nodes.")));
    }
    return whole;
}

StoredTally state_of(const RollupRow *row, const Pieces &pieces, Content content) {
    StoredTally stored = {};
    if (pieces.parts.count == 0)
        return stored;
    if (content == Content::summary) {
        const Sum sum = sum_of(row, pieces);
        if (sum.tally != nullptr)
            return store_tally(sum.tally);
        stored.summary = sum.stored;
        return stored;
    }
    Tally *tally = make_tally(row->shape, content == Content::distinct ? Purpose::distinct : Purpose::merging);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, piece.values);
    }
    return store_tally(tally);
}

void set_pointer(Datum *value, bool *null, const void *pointer) {
    *value = PointerGetDatum(pointer);
    *null = pointer == nullptr;
}

void set_int8(Datum *value, bool *null, bool given, uint64_t number) {
    *value = Int64GetDatum(static_cast<int64>(number));
    *null = !given;
}

// window_state(rollup, since, until, group_key, content, item)
Datum window_state(FunctionCallInfo fcinfo, const RollupRow *row) {
    Datum *since, *until;
    const int n = times_argument(fcinfo, 1, &since);
    if (n != times_argument(fcinfo, 2, &until) || n == 0 || n > max_spans)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("since and until must have the same number of elements, from 1 to %d", max_spans)));
    const AskedGroups groups = groups_argument(fcinfo, 3, row);
    const Content content = PG_ARGISNULL(4) ? Content::summary : content_of(text_to_cstring(PG_GETARG_TEXT_PP(4)));
    const bool item = !PG_ARGISNULL(5);
    const ItemArgument wanted = item ? item_argument(fcinfo, 5, row->shape.kind) : ItemArgument{};
    const bool everything = permission_of({row->id, row->source}).all;
    const Datum identity = CStringGetTextDatum(own_identity());
    const Datum absorbed = names_array(absorbed_databases(row->id, GetActiveSnapshot()));
    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (int i = 0; i < n; ++i) {
        const Span span = whole_span(row, {DatumGetTimestampTz(since[i]), DatumGetTimestampTz(until[i])});
        const Pieces pieces = range_pieces(row, span, groups);
        const StoredTally state = state_of(row, pieces, content);
        const Frequency f = item ? frequency_of(row, pieces, wanted.data, wanted.length) : Frequency{};
        const Span *lost = first_missing(pieces);
        Datum values[14];
        bool nulls[14] = {};
        values[0] = Int32GetDatum(i + 1);
        values[1] = Int64GetDatum(events_of(pieces));
        set_int8(&values[2], &nulls[2], state.summary != nullptr, state.summary == nullptr ? 0 : stored_weight(state));
        set_pointer(&values[3], &nulls[3], state.summary);
        set_pointer(&values[4], &nulls[4], state.sketch);
        set_pointer(&values[5], &nulls[5], state.registers);
        set_int8(&values[6], &nulls[6], lost != nullptr, lost == nullptr ? 0 : static_cast<uint64_t>(lost->start));
        set_int8(&values[7], &nulls[7], lost != nullptr, lost == nullptr ? 0 : static_cast<uint64_t>(lost->stop));
        const int64 others = unassigned_events(row, span, groups);
        values[8] = Int64GetDatum(everything ? others : std::min<int64>(others, 1));
        set_int8(&values[9], &nulls[9], item, f.lower);
        set_int8(&values[10], &nulls[10], item, f.upper);
        set_int8(&values[11], &nulls[11], item, f.estimate);
        values[12] = identity;
        values[13] = absorbed;
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

} // namespace

TOPK_ANSWER(topk_window_state, window_state, 3)
