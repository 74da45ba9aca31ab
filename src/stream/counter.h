// Counting events into tallies, one per rollup, tile and group, in bounded memory; the end of every statement that captures,
// and of every recount.
#pragma once

#include "../catalog/calendar.h"
#include "definition.h"
#include "../pg/tally.h"

namespace topk::stream {

struct Event {
    TimestampTz time;
    bool time_is_null;
    const void *item; // canonical bytes
    size_t item_length;
    uint64_t weight;
    const Datum *groups; // text values, packed or not, as many as the rollup has group expressions
    const bool *group_is_null;
};

// Groups whose key (as text[]) is longer are counted in the overflow group: an index entry could not hold them.
inline constexpr size_t max_group_size = 2000;

struct Counter;
struct RollupCount; // what a counter has of one rollup

// The times that are accepted, both included. Never so near to the ends of what timestamps can say that a window would have
// none of its bounds in it.
Span accepted(TimestampTz now, const Interval &past, const Interval &future);

enum class Times {
    accepted, // others are rejected
    finite,   // for a recount, which asks for the times it wants
};

// Lives in a child of the current memory context and ends with it. Counts that were not finished are then forgotten.
Counter *begin_counting(Times times = Times::accepted);
// The rollup must stay until finish_counting(). Call it once for each.
RollupCount *add_rollup(Counter *counter, const Rollup *rollup);
// Events whose time is null, infinite or outside what the rollup accepts are counted as rejected.
void count_event(Counter *counter, RollupCount *count, const Event &event);
// Appends everything to the delta log, as rows of the current transaction.
void finish_counting(Counter *counter);

} // namespace topk::stream
