#include "arguments.h"

#include "../catalog/group_key.h"
#include "../catalog/rights.h"
#include "../catalog/rollup_name.h"
#include "../cluster/question.h"
#include "../statistics/statistics.h"
#include "../stream/delta_log.h"

extern "C" {
#include "portability/instr_time.h"
}

namespace topk::answer {
namespace {

constexpr int32 max_k = 10000;

[[noreturn]] void raise_wrong_key(const RollupRow *row) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg_plural("group_key must have %d element", "group_key must have %d elements",
                                  static_cast<unsigned long>(row->group_count), row->group_count),
                    errdetail("Rollup \"%s\" has as many group expressions.", row->name),
                    errhint("Several groups are an array of such keys.")));
    pg_unreachable();
}

// The rows of a two-dimensional array, without repetitions.
AskedGroups keys_of(ArrayType *array, const RollupRow *row) {
    if (row->group_count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("rollup \"%s\" has no groups", row->name)));
    const int dimensions = ARR_NDIM(array), last = dimensions == 0 ? 0 : ARR_DIMS(array)[dimensions - 1];
    if (dimensions > 2 || (dimensions != 0 && last != row->group_count))
        raise_wrong_key(row);
    AskedGroups groups = {array, nullptr, dimensions == 2 ? ARR_DIMS(array)[0] : 1};
    groups.keys = static_cast<ArrayType **>(palloc(groups.count * sizeof(ArrayType *)));
    groups.keys[0] = array;
    if (dimensions < 2)
        return groups;
    Datum *values;
    bool *nulls;
    int count, lower_bound = 1;
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    for (int i = 0; i < groups.count; ++i)
        groups.keys[i] =
            construct_md_array(values + static_cast<ptrdiff_t>(i) * last, nulls + static_cast<ptrdiff_t>(i) * last, 1,
                               &ARR_DIMS(array)[1], &lower_bound, TEXTOID, -1, false, TYPALIGN_INT);
    ArrayType **const end = groups.keys + groups.count;
    std::sort(groups.keys, end, [](const ArrayType *a, const ArrayType *b) { return compare_groups(a, b) < 0; });
    groups.count = static_cast<int>(std::unique(groups.keys, end, equal_groups) - groups.keys);
    return groups;
}

// Once in a statement, which may ask many times. Other nodes may know more groups.
void notice_unknown(const RollupRow *row, ArrayType *grp) {
    static TimestampTz statement = 0;
    static uint64 noticed = 0;
    if (cluster::list_nodes_to_ask(row->spread).count != 0)
        return;
    const uint64 group = SpaceSaving::key_of(grp, VARSIZE(grp)).hash + static_cast<uint32>(row->id);
    if (statement == GetCurrentStatementStartTimestamp() && noticed == group)
        return;
    statement = GetCurrentStatementStartTimestamp();
    noticed = group;
    const char *name = OidOutputFunctionCall(F_ARRAY_OUT, PointerGetDatum(grp));
    if (has_own_counts(row, grp, GetActiveSnapshot()))
        ereport(NOTICE, (errmsg("rollup \"%s\" has counted no event of group %s", row->name, name),
                         errhint("topk.groups lists the groups that it has counted.")));
    else
        ereport(NOTICE, (errmsg("rollup \"%s\" has no counts of group %s by itself", row->name, name),
                         errdetail("It has the largest number of groups that max_groups allows. Events of other groups are "
                                   "counted in the overflow group {}.")));
}

template <Kind kind>
ItemArgument canonical(Datum value) {
    auto *bytes = static_cast<pg::ItemBytes *>(palloc(sizeof(pg::ItemBytes)));
    pg::read_item<kind>(value, *bytes);
    return {bytes->data, bytes->length};
}

} // namespace

namespace {

// Says which counts an answer could not read or add up.
void explain_error(void *) {
    const int code = geterrcode();
    if (asked_span.start >= asked_span.stop ||
        (code != ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE && code != ERRCODE_DATA_CORRUPTED && code != ERRCODE_INDEX_CORRUPTED))
        return;
    char *start = pstrdup(timestamptz_to_str(asked_span.start));
    errcontext("answer for the time from %s to %s", start, timestamptz_to_str(asked_span.stop));
    errhint("topk.errors says which windows cannot be folded, and topk.discard removes their counts.");
}

} // namespace

namespace {

// An answer takes a few hundred kilobytes. Without this, each one takes them from the system and gives them back, which is
// half of its time. So a session keeps them.
constexpr Size kept_bytes = 1 << 20;
constexpr Size largest_block = 8 << 20;
MemoryContext kept_memory = nullptr; // nullptr: there is none yet, or an answer uses it, or one that failed has deleted it

// Until the answer is there, the memory belongs to the query, which deletes it after an error.
MemoryContext take_memory() {
    MemoryContext memory = kept_memory;
    kept_memory = nullptr;
    if (memory == nullptr)
        return GenerationContextCreate(CurrentMemoryContext, "pg_topk answer", kept_bytes, kept_bytes, largest_block);
    MemoryContextSetParent(memory, CurrentMemoryContext);
    return memory;
}

void keep_memory(MemoryContext memory) {
    if (kept_memory != nullptr) { // of an answer within this one
        MemoryContextDelete(memory);
        return;
    }
    MemoryContextReset(memory);
    MemoryContextSetParent(memory, TopMemoryContext);
    kept_memory = memory;
}

// The rows of a function that returns a set have memory of their own. Other results belong to the caller's memory.
Datum call_answer(Datum (*function)(FunctionCallInfo, const RollupRow *), FunctionCallInfo fcinfo, const RollupRow *row) {
    if (!fcinfo->flinfo->fn_retset)
        return function(fcinfo, row);
    MemoryContext memory = take_memory();
    MemoryContext caller = MemoryContextSwitchTo(memory);
    const Datum result = function(fcinfo, row);
    MemoryContextSwitchTo(caller);
    keep_memory(memory);
    return result;
}

} // namespace

// Tells others that an answer is under way.
static Datum announced_answer(Datum (*function)(FunctionCallInfo, const RollupRow *), FunctionCallInfo fcinfo,
                              const RollupRow *row) {
    if (stream::answer_hook == nullptr)
        return call_answer(function, fcinfo, row);
    volatile Datum result;
    stream::answer_hook(true);
    PG_TRY();
    { result = call_answer(function, fcinfo, row); }
    PG_FINALLY();
    { stream::answer_hook(false); }
    PG_END_TRY();
    return result;
}

Datum timed_answer(Datum (*function)(FunctionCallInfo, const RollupRow *), int group, FunctionCallInfo fcinfo) {
    instr_time began, elapsed;
    INSTR_TIME_SET_CURRENT(began);
    RollupRow row;
    rollup_argument(fcinfo, &row, group);
    asked_span = {0, 0};
    ErrorContextCallback explain = {error_context_stack, explain_error, nullptr};
    error_context_stack = &explain;
    const Datum result = announced_answer(function, fcinfo, &row);
    error_context_stack = explain.previous;
    if (has_statistics()) {
        INSTR_TIME_SET_CURRENT(elapsed);
        INSTR_TIME_SUBTRACT(elapsed, began);
        count_answer(row.id, static_cast<int64>(INSTR_TIME_GET_DOUBLE(elapsed) * 1e9));
    }
    return result;
}

void raise_null(const char *argument) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", argument)));
    pg_unreachable();
}

static AskedGroups asked_groups(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    return PG_ARGISNULL(position) ? group_alone(nullptr) : keys_of(PG_GETARG_ARRAYTYPE_P(position), row);
}

void rollup_argument(FunctionCallInfo fcinfo, RollupRow *row, int group) {
    if (PG_ARGISNULL(0))
        raise_null("rollup");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (!read_rollup(name, GetActiveSnapshot(), row))
        raise_no_rollup(name);
    const Permission permission = require_permission(row);
    if (!permission.all && group != permitted_groups) {
        const AskedGroups groups = asked_groups(fcinfo, group, row);
        require_groups(permission, row, groups.keys, groups.count);
    }
    if (row->unusable != nullptr)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("the counts of rollup \"%s\" cannot be used", row->name), errdetail("%s", row->unusable),
                 errhint("Restore the dump into a database with that encoding; or drop the rollup, create it again, and "
                         "count the rows of its table with topk.backfill().")));
}

Level level_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    if (PG_ARGISNULL(position))
        raise_null("window_kind");
    return level_of(row, text_to_cstring(PG_GETARG_TEXT_PP(position)));
}

TimestampTz time_argument(FunctionCallInfo fcinfo, int position) {
    const TimestampTz t = PG_ARGISNULL(position) ? GetCurrentTransactionStartTimestamp() : PG_GETARG_TIMESTAMPTZ(position);
    if (TIMESTAMP_NOT_FINITE(t))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("time must be finite")));
    return t;
}

TimestampTz limit_argument(FunctionCallInfo fcinfo, int position) {
    if (!PG_ARGISNULL(position) && TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(position)))
        return PG_GETARG_TIMESTAMPTZ(position);
    return time_argument(fcinfo, position);
}

int32 k_argument(FunctionCallInfo fcinfo, int position) {
    const int32 k = PG_ARGISNULL(position) ? 10 : PG_GETARG_INT32(position);
    if (k < 1 || k > max_k)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be between 1 and %d", max_k)));
    return k;
}

AskedGroups groups_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    const AskedGroups groups = asked_groups(fcinfo, position, row);
    for (int i = 0; i < groups.count; ++i)
        if (!is_known(row, groups.keys[i]))
            notice_unknown(row, groups.keys[i]);
    return groups;
}

ArrayType *group_argument(FunctionCallInfo fcinfo, int position, const RollupRow *row) {
    const AskedGroups groups = groups_argument(fcinfo, position, row);
    if (groups.count > 1)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("group_key must be one group"),
                        errhint("Ask for each group by itself.")));
    return groups.count == 0 ? nullptr : groups.keys[0];
}

void require_later(TimestampTz until, TimestampTz since) {
    if (until <= since)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("until must be later than since")));
}

static constexpr int default_windows = 10;

// The start of the first of the windows that a question without `since` is about.
static TimestampTz default_since(const RollupRow *row, Level level, TimestampTz until) {
    const TimestampTz last = TIMESTAMP_NOT_FINITE(until) ? GetCurrentTransactionStartTimestamp() : until;
    TimestampTz start = window_of(row, level, last).start;
    for (int i = 0; i < default_windows; ++i)
        start = window_of(row, level, start - 1).start;
    return start;
}

Span starts_arguments(FunctionCallInfo fcinfo, const RollupRow *row, int kind, int since) {
    const Level level = level_argument(fcinfo, kind, row);
    const TimestampTz until = PG_ARGISNULL(since + 1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(since + 1);
    Span starts = {PG_ARGISNULL(since) ? default_since(row, level, until) : PG_GETARG_TIMESTAMPTZ(since), until};
    if (!TIMESTAMP_NOT_FINITE(starts.start))
        starts.start = window_of(row, level, starts.start).start;
    require_later(starts.stop, starts.start);
    return starts;
}

AskedWindow window_arguments(FunctionCallInfo fcinfo, const RollupRow *row, int kind, int at, int group) {
    const Level level = level_argument(fcinfo, kind, row);
    return {level, window_of(row, level, time_argument(fcinfo, at)), groups_argument(fcinfo, group, row)};
}

ItemArgument item_argument(FunctionCallInfo fcinfo, int position, Kind kind) {
    if (PG_ARGISNULL(position))
        raise_null("item");
    if (kind == Kind::text)
        return canonical<Kind::text>(PG_GETARG_DATUM(position));
    const Datum string = CStringGetDatum(text_to_cstring(PG_GETARG_TEXT_PP(position)));
    switch (kind) {
        case Kind::bigint: return canonical<Kind::bigint>(DirectFunctionCall1(int8in, string));
        case Kind::uuid: return canonical<Kind::uuid>(DirectFunctionCall1(uuid_in, string));
        default: return canonical<Kind::bytea>(DirectFunctionCall1(byteain, string));
    }
}

} // namespace topk::answer
