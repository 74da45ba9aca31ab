// The top k of windows that are over.
#pragma once

#include "pieces.h"

namespace topk::answer {

// The columns of topk_entry.
enum EntryColumn { entry_rank, entry_item, entry_count, entry_error, entry_guaranteed, entry_fields };

struct HistoryLine {
    Span window;
    int64 weight;
    Datum entry[entry_fields];
};

// The lines of topk.history, by window and rank: of the windows of a kind that begin in a span.
Array<HistoryLine> read_history(const RollupRow *row, const char *kind, Span starts, ArrayType *grp, int32 k);

} // namespace topk::answer
