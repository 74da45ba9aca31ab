#include "calendar.h"

extern "C" {
#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
}

namespace topk::catalog {
namespace {

constexpr int64 unix_epoch_seconds = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * int64{SECS_PER_DAY};

[[noreturn]] void raise_out_of_range() {
    ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
    pg_unreachable();
}

void to_local(pg_tz *zone, TimestampTz t, struct pg_tm *tm, int *west) {
    fsec_t fraction;
    if (timestamp2tm(t, west, tm, &fraction, nullptr, zone) != 0)
        raise_out_of_range();
}

TimestampTz local_midnight(pg_tz *zone, int julian) {
    struct pg_tm tm = {};
    j2date(julian, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
    int west = DetermineTimeZoneOffset(&tm, zone);
    TimestampTz result;
    if (tm2timestamp(&tm, 0, &west, &result) != 0)
        raise_out_of_range();
    return result;
}

int64 floor_div(int64 a, int64 b) { return a / b - (a % b < 0); }

// The first change of the zone's offset after t, or DT_NOEND.
TimestampTz next_change(pg_tz *zone, TimestampTz t) {
    const pg_time_t from = floor_div(t, USECS_PER_SEC) + unix_epoch_seconds;
    long before, after;
    int before_dst, after_dst;
    pg_time_t boundary;
    if (pg_next_dst_boundary(&from, &before, &before_dst, &boundary, &after, &after_dst, zone) != 1)
        return DT_NOEND;
    return (boundary - unix_epoch_seconds) * USECS_PER_SEC;
}

// First day of the window that has this day, and of the next one.
void window_days(Level level, int julian, int *first, int *next) {
    switch (level) {
        case Level::week:
            *first = julian - (j2day(julian) + 6) % 7;
            *next = *first + 7;
            return;
        case Level::month:
        case Level::quarter:
        case Level::year: {
            const int months = level == Level::month ? 1 : level == Level::quarter ? 3 : 12;
            int year, month, day;
            j2date(julian, &year, &month, &day);
            const int begin = (month - 1) / months * months + 1, end = begin + months;
            *first = date2j(year, begin, 1);
            *next = end > 12 ? date2j(year + 1, 1, 1) : date2j(year, end, 1);
            return;
        }
        default: *first = julian; *next = julian + 1;
    }
}

} // namespace

const char *level_name(Level level) {
    static const char *const names[level_count] = {"tile", "hour", "day", "week", "month", "quarter", "year"};
    return names[static_cast<int>(level)];
}

pg_tz *find_zone(const char *name) {
    pg_tz *zone = pg_tzset(name);
    if (zone == nullptr || !pg_tz_acceptable(zone))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time zone \"%s\" not recognized", name)));
    return zone;
}

SteadySpan steady_span(pg_tz *zone, Span within, TimestampTz t) {
    struct pg_tm tm;
    int west;
    to_local(zone, t, &tm, &west);
    SteadySpan steady = {within, west * USECS_PER_SEC};
    TimestampTz change = next_change(zone, within.start);
    for (; change <= t && change != DT_NOEND; change = next_change(zone, change)) // t may be DT_NOEND in a damaged row
        steady.span.start = change;
    steady.span.stop = Min(change, within.stop);
    return steady;
}

Span tile_in(const SteadySpan &steady, int64 grain, TimestampTz t) {
    const TimestampTz start = floor_div(t - steady.west, grain) * grain + steady.west;
    return {Max(start, steady.span.start), Min(start + grain, steady.span.stop)};
}

Span tile_at(pg_tz *zone, int64 grain, TimestampTz t) {
    return tile_in(steady_span(zone, {t - grain, t + grain}, t), grain, t);
}

Span window_at(pg_tz *zone, Level level, TimestampTz t) {
    if (level == Level::hour)
        return tile_at(zone, USECS_PER_HOUR, t);
    struct pg_tm tm;
    int west;
    to_local(zone, t, &tm, &west);
    int julian = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
    // Where a zone skips or repeats midnight, the day that local time names may begin after t or end before it.
    for (;;) {
        int first, next;
        window_days(level, julian, &first, &next);
        const Span span = {local_midnight(zone, first), local_midnight(zone, next)};
        if (t < span.start)
            julian = first - 1;
        else if (t >= span.stop)
            julian = next;
        else
            return span;
    }
}

} // namespace topk::catalog
