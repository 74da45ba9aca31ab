// topk.keep_history(): the top k of windows that are over, of all nodes together, kept here.
#include "../answer/arguments.h"
#include "../answer/counted_windows.h"
#include "../answer/history.h"
#include "../catalog/as_owner.h"
#include "../catalog/joint_snapshot.h"
#include "../catalog/owner.h"
#include "../cluster/question.h"

extern "C" {
#include "utils/json.h"
}

namespace topk::define {
namespace {

// Appends one line as an object of JSON.
void append_entry(StringInfo json, const HistoryLine &line) {
    appendStringInfo(json, "%s{\"rank\":%d,\"item\":", json->data[json->len - 1] == '[' ? "" : ",",
                     DatumGetInt32(line.entry[entry_rank]));
    escape_json(json, TextDatumGetCString(line.entry[entry_item]));
    appendStringInfo(json, ",\"count\":" INT64_FORMAT ",\"error\":" INT64_FORMAT ",\"guaranteed\":%s}",
                     DatumGetInt64(line.entry[entry_count]), DatumGetInt64(line.entry[entry_error]),
                     DatumGetBool(line.entry[entry_guaranteed]) ? "true" : "false");
}

constexpr int default_windows = 10;

// Without since, the last windows that have counts, however long ago they were.
Span starts_to_keep(FunctionCallInfo fcinfo, const RollupRow *row, ArrayType *grp) {
    if (!PG_ARGISNULL(2))
        return starts_arguments(fcinfo, row, 1, 2);
    const Level level = level_argument(fcinfo, 1, row);
    Span starts = {DT_NOBEGIN, PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3)};
    const Array<Span> counted =
        counted_everywhere(nodes_to_ask(row, nullptr), row, level, text_to_cstring(PG_GETARG_TEXT_PP(1)), starts, grp).windows;
    if (counted.count > default_windows)
        starts.start = counted[counted.count - default_windows].start;
    return starts;
}

// keep_history(rollup, window_kind, since, until, group_key)
Datum keep_history(FunctionCallInfo fcinfo, const RollupRow *row) {
    PreventCommandDuringRecovery("topk.keep_history()");
    require_ownership(row->source);
    if (allow_partial)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("pg_topk.allow_partial must be off")));
    ArrayType *grp = group_argument(fcinfo, 4, row);
    const Span starts = starts_to_keep(fcinfo, row, grp);
    const char *kind = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const Array<HistoryLine> lines = read_history(row, kind, starts, grp, row->k);
    int64 windows = 0;
    as_owner([&] {
        for (int i = 0; i < lines.count; ++windows) {
            CHECK_FOR_INTERRUPTS();
            const HistoryLine &first = lines[i];
            StringInfoData json;
            initStringInfo(&json);
            appendStringInfoString(&json, "{\"entries\":[");
            for (; i < lines.count && lines[i].window.start == first.window.start; ++i)
                append_entry(&json, lines[i]);
            appendStringInfoString(&json, "]}");
            write_joint_snapshot(row->id, kind, grp, first.window, first.weight, json.data);
            pfree(json.data);
        }
    });
    PG_RETURN_INT64(windows);
}

} // namespace
} // namespace topk::define

TOPK_ANSWER(topk_keep_history, topk::define::keep_history, 4)
