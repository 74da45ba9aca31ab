#include <algorithm>
#include <cmath>

#include "counters.h"

namespace topk::statistics {
namespace {

constexpr int rate_seconds = 60;
// A second of the ring is one number: the low bits of the second, and the events that were committed in it.
constexpr int count_bits = 40;
constexpr uint64 count_mask = (uint64{1} << count_bits) - 1;

constexpr double shortest = 1e4, longest = 1e11; // ns
const double bucket_width = std::log(longest / shortest) / inner_buckets;

uint64 second_stamp(int64 second) { return static_cast<uint64>(second) << count_bits; }

void add_events(RollupCounters *counters, TimestampTz now, uint64 events) {
    const int64 second = now / USECS_PER_SEC;
    pg_atomic_uint64 *slot = &counters->seconds[static_cast<uint64>(second) % ring_seconds];
    const uint64 stamp = second_stamp(second);
    uint64 before = pg_atomic_read_u64(slot);
    for (;;) {
        const uint64 counted = (before & ~count_mask) == stamp ? before & count_mask : 0;
        if (pg_atomic_compare_exchange_u64(slot, &before, stamp | Min(counted + events, count_mask)))
            return;
    }
}

int bucket_of(int64 nanoseconds) {
    const auto ns = static_cast<double>(nanoseconds);
    if (ns < shortest)
        return 0;
    if (ns >= longest)
        return bucket_count - 1;
    return 1 + Min(static_cast<int>(std::log(ns / shortest) / bucket_width), inner_buckets - 1);
}

// The geometric middle of a bucket, in ms.
double milliseconds_of(int bucket) {
    const double place = bucket == 0 ? 0 : Min(bucket - 0.5, static_cast<double>(inner_buckets));
    return shortest * std::exp(place * bucket_width) / 1e6;
}

void read_answers(RollupCounters *counters, Activity *activity) {
    uint64 counts[bucket_count];
    uint64 sum = 0;
    for (int i = 0; i < bucket_count; ++i)
        sum += counts[i] = pg_atomic_read_u64(&counters->answers[i]);
    activity->answers = static_cast<int64>(sum);
    if (sum == 0)
        return;
    constexpr double shares[] = {0.5, 0.95, 0.99};
    for (int q = 0; q < 3; ++q) {
        const double rank = std::ceil(shares[q] * static_cast<double>(sum));
        uint64 seen = 0;
        int bucket = 0;
        while (static_cast<double>(seen += counts[bucket]) < rank)
            ++bucket;
        activity->milliseconds[q] = milliseconds_of(bucket);
    }
}

double read_rate(RollupCounters *counters) {
    const int64 now = GetCurrentTimestamp() / USECS_PER_SEC;
    uint64 sum = 0;
    for (int64 second = now - rate_seconds; second < now; ++second) {
        const uint64 slot = pg_atomic_read_u64(&counters->seconds[static_cast<uint64>(second) % ring_seconds]);
        if ((slot & ~count_mask) == second_stamp(second))
            sum += slot & count_mask;
    }
    return static_cast<double>(sum) / rate_seconds;
}

} // namespace

void count_commit(RollupCounters *counters, TimestampTz now, uint64 events) {
    pg_atomic_fetch_add_u64(&counters->commits, 1);
    uint64 none = 0;
    if (pg_atomic_read_u64(&counters->oldest) == 0)
        pg_atomic_compare_exchange_u64(&counters->oldest, &none, static_cast<uint64>(now));
    if (events != 0)
        add_events(counters, now, events);
}

void count_fold(RollupCounters *counters, const FoldMark &mark) {
    pg_atomic_exchange_u64(&counters->oldest, 0);
    uint64 none = 0;
    if (pg_atomic_read_u64(&counters->commits) != mark.commits)
        pg_atomic_compare_exchange_u64(&counters->oldest, &none, static_cast<uint64>(mark.began));
    pg_atomic_write_u64(&counters->folded, static_cast<uint64>(mark.began));
}

FoldMark mark_fold(int32 rollup) {
    FoldMark mark = {GetCurrentTimestamp(), 0};
    if (has_statistics())
        if (RollupCounters *counters = find_or_take_counters(key_of(rollup)))
            mark.commits = pg_atomic_read_u64(&counters->commits);
    return mark;
}

void forget_database(Oid database) {
    if (has_statistics())
        free_counters_where([&](uint64 key) { return database_of(key) == database; });
}

void forget_databases_except(const List *databases) {
    free_counters_where([&](uint64 key) { return !list_member_oid(databases, database_of(key)); });
}

void forget_rollups_except(const int32 *rollups, int count) {
    free_counters_where([&](uint64 key) {
        return database_of(key) == MyDatabaseId && !std::binary_search(rollups, rollups + count, rollup_of(key));
    });
}

void count_answer(int32 rollup, int64 nanoseconds) {
    if (RollupCounters *counters = find_or_take_counters(key_of(rollup)))
        pg_atomic_fetch_add_u64(&counters->answers[bucket_of(nanoseconds)], 1);
}

void reset_answers() {
    visit_counters([](RollupCounters *counters, uint64 key) {
        if (database_of(key) == MyDatabaseId)
            for (auto &bucket : counters->answers)
                pg_atomic_write_u64(&bucket, 0);
    });
}

bool read_activity(int32 rollup, Activity *activity) {
    *activity = {};
    if (!has_statistics())
        return false;
    RollupCounters *counters = find_counters(key_of(rollup));
    if (counters == nullptr)
        return !are_statistics_full();
    activity->events_per_second = read_rate(counters);
    activity->folded = pg_atomic_read_u64(&counters->folded) != 0;
    activity->oldest = static_cast<TimestampTz>(pg_atomic_read_u64(&counters->oldest));
    read_answers(counters, activity);
    return true;
}

} // namespace topk::statistics
