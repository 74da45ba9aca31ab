// Which windows that are over have counts.
#pragma once

#include "across.h"

namespace topk::answer {

struct CountedWindows {
    Array<Span> windows; // by time
    Answered answered;
};

// The windows of a kind that begin in a span and are over, and of which this database or one of these nodes may have counts.
CountedWindows counted_everywhere(const Array<const char *> &nodes, const RollupRow *row, Level level, const char *kind,
                                  Span starts, ArrayType *grp);

} // namespace topk::answer
