// The counters of each rollup in shared memory, found by a hash of its database and number.
#pragma once

#include "statistics.h"

extern "C" {
#include "port/atomics.h"
}

namespace topk::statistics {

inline constexpr int ring_seconds = 64;

// Latencies from 10 us to 100 s in buckets of the same relative width, 9.9 %; the first and the last take what is beyond.
inline constexpr int inner_buckets = 170;
inline constexpr int bucket_count = inner_buckets + 2;

// Backends find them and count in them without a lock. If they are freed while a backend counts in them, the next rollup
// that takes them gets a moment's worth of events or answers too many.
struct RollupCounters {
    pg_atomic_uint64 key;  // database and rollup; 0: free
    pg_atomic_uint32 next; // in the chain of its hash value, as a number from 1; 0: none
    uint32 next_free;
    pg_atomic_uint64 commits;               // that appended to the delta log
    pg_atomic_uint64 oldest;                // TimestampTz of the oldest of them that no fold has looked at; 0: none
    pg_atomic_uint64 folded;                // TimestampTz of the beginning of the last fold that looked at all; 0: none yet
    pg_atomic_uint64 seconds[ring_seconds]; // each the low bits of its number, and the events that were committed in it
    pg_atomic_uint64 answers[bucket_count];
};

// Of a rollup of this database.
uint64 key_of(int32 rollup);
inline Oid database_of(uint64 key) { return static_cast<Oid>(key >> 32); }
inline int32 rollup_of(uint64 key) { return static_cast<int32>(key); }

// nullptr when the rollup has none.
RollupCounters *find_counters(uint64 key);
// Takes some for a rollup that has none. nullptr when all are taken.
RollupCounters *find_or_take_counters(uint64 key);

extern RollupCounters *all_counters; // max_rollups of them

// Calls visit(counters, key) for all that are taken.
template <class Visit>
void visit_counters(const Visit &visit) {
    for (int i = 0; i < max_rollups; ++i)
        if (const uint64 key = pg_atomic_read_u64(&all_counters[i].key); key != 0)
            visit(&all_counters[i], key);
}

// The counters of all rollups for which test(key) is true become free.
void lock_counters();
void free_counters(RollupCounters *counters);
void unlock_counters();
template <class Test>
void free_counters_where(const Test &test) {
    lock_counters();
    visit_counters([&](RollupCounters *counters, uint64 key) {
        if (test(key))
            free_counters(counters);
    });
    unlock_counters();
}

// Called at the commit of appended deltas, and of a fold. `oldest` is never lost between them: a commit counts itself before
// it checks whether it is the oldest; a fold resets `oldest` before it checks whether a commit has come.
void count_commit(RollupCounters *counters, TimestampTz now, uint64 events);
void count_fold(RollupCounters *counters, const FoldMark &mark);

// Counts the commits of this process's transactions from here on (notices.cpp).
void observe_transactions();

} // namespace topk::statistics
