// Tiles and windows: which span of time an event belongs to, in the time zone of its rollup.
#pragma once

#include "../pg/pg.h"

namespace topk::catalog {

// Stored in topk.tile; never renumber.
enum class Level : int16 { tile = 0, hour = 1, day = 2, week = 3, month = 4, quarter = 5, year = 6 };
inline constexpr int level_count = 7;
inline constexpr Level longest_level = Level::year;

const char *level_name(Level level); // "tile", "hour", ...

// From start up to, not including, stop.
struct Span {
    TimestampTz start;
    TimestampTz stop;
    bool contains(TimestampTz t) const { return start <= t && t < stop; }
};

// pg_tz of a name as SET timezone takes it; an error (22023) for others.
pg_tz *find_zone(const char *name);

// A span in which the zone's offset from UTC stays the same.
struct SteadySpan {
    Span span;
    int64 west; // microseconds to be added to local time
};
// The longest one inside a span that contains t.
SteadySpan steady_span(pg_tz *zone, Span within, TimestampTz t);
// The tile of an event at t. The steady span contains t, and each of its ends is a change of the offset or at least a grain
// away from t.
Span tile_in(const SteadySpan &steady, int64 grain, TimestampTz t);

// The tile of an event: local time cut to a multiple of the grain (a divisor of an hour, in microseconds), split where the
// zone's offset changes, so that every window of a level is a union of tiles. t must be finite.
Span tile_at(pg_tz *zone, int64 grain, TimestampTz t);

// The window of a level above tile that contains t: hours like tiles of an hour; days, ISO weeks, months,
// quarters and years in local time.
Span window_at(pg_tz *zone, Level level, TimestampTz t);

} // namespace topk::catalog
