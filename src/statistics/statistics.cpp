#include "statistics.h"

#include <algorithm>
#include <cmath>

#include "../stream/delta_log.h"

extern "C" {
#include "access/xact.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace topk::statistics {

int max_rollups = 1000;

namespace {

constexpr int ring_seconds = 64;
constexpr int rate_seconds = 60;
// A second of the ring: the low bits of its number, and the events that were committed in it.
constexpr int count_bits = 40;
constexpr uint64 count_mask = (uint64{1} << count_bits) - 1;

// Latencies from 10 us to 100 s in buckets of the same relative width, 9.9 %; the first and the last take what is beyond.
constexpr double shortest = 1e4, longest = 1e11; // ns
constexpr int inner_buckets = 170;
constexpr int bucket_count = inner_buckets + 2;
const double bucket_width = std::log(longest / shortest) / inner_buckets;

// Of one rollup. Found and counted in without a lock. An entry that is taken from a rollup while somebody counts in it gets
// a moment's worth of events or answers too many.
struct RollupStatistics {
    pg_atomic_uint64 key;  // database and rollup; 0: free
    pg_atomic_uint32 next; // in the chain of its hash value, as a number from 1; 0: none
    uint32 next_free;
    pg_atomic_uint64 commits; // that appended to the delta log
    pg_atomic_uint64 oldest;  // TimestampTz of the oldest of them that no fold has looked at; 0: none
    pg_atomic_uint64 folded;  // TimestampTz of the beginning of the last fold that looked at all; 0: none yet
    pg_atomic_uint64 seconds[ring_seconds];
    pg_atomic_uint64 answers[bucket_count];
};

struct Statistics {
    pg_atomic_uint32 used;
    uint32 free; // number of the first free entry; under `lock`, as is every change of a chain
    pg_atomic_uint32 heads[FLEXIBLE_ARRAY_MEMBER];
};

constexpr char tranche[] = "pg_topk statistics";

LWLock *lock = nullptr;
Statistics *statistics = nullptr;
RollupStatistics *entries = nullptr;

uint32 head_count() { return pg_nextpower2_32(static_cast<uint32>(Max(max_rollups, 1))); }
Size heads_size() { return MAXALIGN(offsetof(Statistics, heads) + head_count() * sizeof(pg_atomic_uint32)); }
Size statistics_size() { return add_size(heads_size(), mul_size(static_cast<Size>(max_rollups), sizeof(RollupStatistics))); }

uint64 key_of(Oid database, int32 rollup) { return static_cast<uint64>(database) << 32 | static_cast<uint32>(rollup); }
Oid database_of(uint64 key) { return static_cast<Oid>(key >> 32); }

pg_atomic_uint32 *head_of(uint64 key) { return &statistics->heads[(key * 0x9e3779b97f4a7c15 >> 32) & (head_count() - 1)]; }

void init_statistics() {
    pg_atomic_init_u32(&statistics->used, 0);
    statistics->free = max_rollups == 0 ? 0 : 1;
    for (uint32 i = 0; i < head_count(); ++i)
        pg_atomic_init_u32(&statistics->heads[i], 0);
    for (int i = 0; i < max_rollups; ++i) {
        RollupStatistics *entry = &entries[i];
        pg_atomic_init_u64(&entry->key, 0);
        pg_atomic_init_u32(&entry->next, 0);
        entry->next_free = i + 1 == max_rollups ? 0 : static_cast<uint32>(i + 2);
        pg_atomic_init_u64(&entry->commits, 0);
        pg_atomic_init_u64(&entry->oldest, 0);
        pg_atomic_init_u64(&entry->folded, 0);
        for (auto &second : entry->seconds)
            pg_atomic_init_u64(&second, 0);
        for (auto &bucket : entry->answers)
            pg_atomic_init_u64(&bucket, 0);
    }
}

// Without the lock it may miss an entry while others change, never find a wrong one.
RollupStatistics *find(uint64 key) {
    uint32 i = pg_atomic_read_u32(head_of(key));
    for (int steps = 0; i != 0 && steps < max_rollups; ++steps) {
        RollupStatistics *entry = &entries[i - 1];
        if (pg_atomic_read_u64(&entry->key) == key)
            return entry;
        i = pg_atomic_read_u32(&entry->next);
    }
    return nullptr;
}

RollupStatistics *take_free(uint64 key) {
    const uint32 i = statistics->free;
    if (i == 0)
        return nullptr;
    RollupStatistics *entry = &entries[i - 1];
    statistics->free = entry->next_free;
    pg_atomic_write_u64(&entry->commits, 0);
    pg_atomic_write_u64(&entry->oldest, 0);
    pg_atomic_write_u64(&entry->folded, 0);
    for (auto &second : entry->seconds)
        pg_atomic_write_u64(&second, 0);
    for (auto &bucket : entry->answers)
        pg_atomic_write_u64(&bucket, 0);
    pg_atomic_uint32 *head = head_of(key);
    pg_atomic_write_u32(&entry->next, pg_atomic_read_u32(head));
    pg_atomic_write_u64(&entry->key, key);
    pg_write_barrier();
    pg_atomic_write_u32(head, i);
    pg_atomic_fetch_add_u32(&statistics->used, 1);
    return entry;
}

// nullptr: there is no place.
RollupStatistics *find_or_take(uint64 key) {
    RollupStatistics *entry = find(key);
    if (entry != nullptr || are_statistics_full())
        return entry;
    LWLockAcquire(lock, LW_EXCLUSIVE);
    entry = find(key);
    if (entry == nullptr)
        entry = take_free(key);
    LWLockRelease(lock);
    return entry;
}

// With the lock held. The entry keeps its next, for who stands on it.
void set_free(RollupStatistics *entry) {
    const auto number = static_cast<uint32>(entry - entries + 1);
    pg_atomic_uint32 *link = head_of(pg_atomic_read_u64(&entry->key));
    while (pg_atomic_read_u32(link) != number)
        link = &entries[pg_atomic_read_u32(link) - 1].next;
    pg_atomic_write_u32(link, pg_atomic_read_u32(&entry->next));
    pg_atomic_write_u64(&entry->key, 0);
    entry->next_free = statistics->free;
    statistics->free = number;
    pg_atomic_fetch_sub_u32(&statistics->used, 1);
}

template <class Test>
void free_where(const Test &test) {
    LWLockAcquire(lock, LW_EXCLUSIVE);
    for (int i = 0; i < max_rollups; ++i) {
        const uint64 key = pg_atomic_read_u64(&entries[i].key);
        if (key != 0 && test(key))
            set_free(&entries[i]);
    }
    LWLockRelease(lock);
}

uint64 second_stamp(int64 second) { return static_cast<uint64>(second) << count_bits; }

void add_events(RollupStatistics *entry, TimestampTz now, uint64 events) {
    const int64 second = now / USECS_PER_SEC;
    pg_atomic_uint64 *slot = &entry->seconds[static_cast<uint64>(second) % ring_seconds];
    const uint64 stamp = second_stamp(second);
    uint64 before = pg_atomic_read_u64(slot);
    for (;;) {
        const uint64 counted = (before & ~count_mask) == stamp ? before & count_mask : 0;
        if (pg_atomic_compare_exchange_u64(slot, &before, stamp | Min(counted + events, count_mask)))
            return;
    }
}

// At the commit of appended deltas, and of a fold. `oldest` is never lost between them: a commit counts itself before it
// looks whether it is the oldest; a fold says that nothing is left before it looks whether something has come.
void note_commit(RollupStatistics *entry, TimestampTz now, uint64 events) {
    pg_atomic_fetch_add_u64(&entry->commits, 1);
    uint64 none = 0;
    if (pg_atomic_read_u64(&entry->oldest) == 0)
        pg_atomic_compare_exchange_u64(&entry->oldest, &none, static_cast<uint64>(now));
    if (events != 0)
        add_events(entry, now, events);
}

void note_fold(RollupStatistics *entry, const FoldMark &mark) {
    pg_atomic_exchange_u64(&entry->oldest, 0);
    uint64 none = 0;
    if (pg_atomic_read_u64(&entry->commits) != mark.commits)
        pg_atomic_compare_exchange_u64(&entry->oldest, &none, static_cast<uint64>(mark.began));
    pg_atomic_write_u64(&entry->folded, static_cast<uint64>(mark.began));
}

// What the current transaction has to tell at its commit, in the order in which it happened: so what a subtransaction has to
// tell lies behind what its parent had before.
struct Notice {
    enum What { appended, folded, forgotten } what;
    int32 rollup;
    SubTransactionId subtransaction;
    uint64 events;
    FoldMark mark;
};

Notice *notices = nullptr;
int notice_count = 0;
int notice_room = 0;

Notice *add_notice(Notice::What what, int32 rollup) {
    if (notice_count == notice_room) {
        const int room = Max(16, 2 * notice_room);
        const Size size = room * sizeof(Notice);
        notices = static_cast<Notice *>(notices == nullptr ? MemoryContextAlloc(TopMemoryContext, size)
                                                           : repalloc_huge(notices, size));
        notice_room = room;
    }
    Notice *notice = &notices[notice_count++];
    *notice = {what, rollup, GetCurrentSubTransactionId(), 0, {}};
    return notice;
}

void add_appended(int32 rollup, SubTransactionId subtransaction, uint64 events) {
    for (int i = notice_count; i > 0 && notices[i - 1].subtransaction == subtransaction; --i) {
        Notice *notice = &notices[i - 1];
        if (notice->what == Notice::appended && notice->rollup == rollup) {
            notice->events += events;
            return;
        }
    }
    Notice *notice = add_notice(Notice::appended, rollup);
    notice->subtransaction = subtransaction;
    notice->events = events;
}

void delta_appended(const Delta &delta) {
    if (delta.scope == DeltaScope::raw) // the others are folds'
        add_appended(delta.rollup, GetCurrentSubTransactionId(),
                     delta.tile == DT_NOBEGIN ? 0 : static_cast<uint64>(delta.events));
}

void tell(const Notice &notice, TimestampTz now) {
    const uint64 key = key_of(MyDatabaseId, notice.rollup);
    if (notice.what == Notice::forgotten) {
        free_where([&](uint64 other) { return other == key; });
        return;
    }
    RollupStatistics *entry = find_or_take(key);
    if (entry == nullptr)
        return;
    if (notice.what == Notice::appended)
        note_commit(entry, now, notice.events);
    else
        note_fold(entry, notice.mark);
}

void at_transaction_event(XactEvent event, void *) {
    if (notice_count == 0)
        return;
    if (event == XACT_EVENT_COMMIT) {
        const TimestampTz now = GetCurrentTransactionStopTimestamp();
        for (int i = 0; i < notice_count; ++i)
            tell(notices[i], now);
    }
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        notice_count = 0;
}

void at_subtransaction_event(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void *) {
    if (notice_count == 0 || (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB))
        return;
    int first = notice_count;
    while (first > 0 && notices[first - 1].subtransaction == self)
        --first;
    const int end = notice_count;
    if (event == SUBXACT_EVENT_ABORT_SUB) {
        notice_count = first;
        return;
    }
    // They become the parent's, in whose own they may be counted already.
    notice_count = first;
    for (int i = first; i < end; ++i) {
        const Notice notice = notices[i]; // no more are added than are taken away, so there is room
        if (notice.what == Notice::appended)
            add_appended(notice.rollup, parent, notice.events);
        else
            (notices[notice_count++] = notice).subtransaction = parent;
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

// Its middle by ratio, in ms.
double milliseconds_of(int bucket) {
    const double place = bucket == 0 ? 0 : Min(bucket - 0.5, static_cast<double>(inner_buckets));
    return shortest * std::exp(place * bucket_width) / 1e6;
}

void read_answers(RollupStatistics *entry, Activity *activity) {
    uint64 counts[bucket_count];
    uint64 sum = 0;
    for (int i = 0; i < bucket_count; ++i)
        sum += counts[i] = pg_atomic_read_u64(&entry->answers[i]);
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

double read_rate(RollupStatistics *entry) {
    const int64 now = GetCurrentTimestamp() / USECS_PER_SEC;
    uint64 sum = 0;
    for (int64 second = now - rate_seconds; second < now; ++second) {
        const uint64 slot = pg_atomic_read_u64(&entry->seconds[static_cast<uint64>(second) % ring_seconds]);
        if ((slot & ~count_mask) == second_stamp(second))
            sum += slot & count_mask;
    }
    return static_cast<double>(sum) / rate_seconds;
}

} // namespace

void request_statistics() {
    RequestAddinShmemSpace(statistics_size());
    RequestNamedLWLockTranche(tranche, 1);
}

void attach_statistics() {
    bool found;
    statistics = static_cast<Statistics *>(ShmemInitStruct("pg_topk statistics", statistics_size(), &found));
    lock = &GetNamedLWLockTranche(tranche)->lock;
    entries = reinterpret_cast<RollupStatistics *>(reinterpret_cast<char *>(statistics) + heads_size());
    if (!found)
        init_statistics();
    static bool registered = false;
    if (registered)
        return;
    registered = true;
    delta_appended_hook = delta_appended;
    RegisterXactCallback(at_transaction_event, nullptr);
    RegisterSubXactCallback(at_subtransaction_event, nullptr);
}

bool has_statistics() { return statistics != nullptr; }

bool are_statistics_full() { return pg_atomic_read_u32(&statistics->used) >= static_cast<uint32>(max_rollups); }

FoldMark mark_fold(int32 rollup) {
    FoldMark mark = {GetCurrentTimestamp(), 0};
    if (statistics != nullptr)
        if (RollupStatistics *entry = find_or_take(key_of(MyDatabaseId, rollup)))
            mark.commits = pg_atomic_read_u64(&entry->commits);
    return mark;
}

void looked_at_all(int32 rollup, const FoldMark &mark) {
    if (statistics != nullptr)
        add_notice(Notice::folded, rollup)->mark = mark;
}

void forget_rollup(int32 rollup) {
    if (statistics != nullptr)
        add_notice(Notice::forgotten, rollup);
}

void forget_database(Oid database) {
    if (statistics != nullptr)
        free_where([&](uint64 key) { return database_of(key) == database; });
}

void forget_databases_except(const List *databases) {
    free_where([&](uint64 key) { return !list_member_oid(databases, database_of(key)); });
}

void forget_rollups_except(const int32 *rollups, int count) {
    free_where([&](uint64 key) {
        return database_of(key) == MyDatabaseId && !std::binary_search(rollups, rollups + count, static_cast<int32>(key));
    });
}

void count_answer(int32 rollup, int64 nanoseconds) {
    if (RollupStatistics *entry = find_or_take(key_of(MyDatabaseId, rollup)))
        pg_atomic_fetch_add_u64(&entry->answers[bucket_of(nanoseconds)], 1);
}

void reset_answers() {
    for (int i = 0; i < max_rollups; ++i)
        if (database_of(pg_atomic_read_u64(&entries[i].key)) == MyDatabaseId)
            for (auto &bucket : entries[i].answers)
                pg_atomic_write_u64(&bucket, 0);
}

bool read_activity(int32 rollup, Activity *activity) {
    *activity = {};
    if (statistics == nullptr)
        return false;
    RollupStatistics *entry = find(key_of(MyDatabaseId, rollup));
    if (entry == nullptr)
        return !are_statistics_full();
    activity->events_per_second = read_rate(entry);
    activity->folded = pg_atomic_read_u64(&entry->folded) != 0;
    activity->oldest = static_cast<TimestampTz>(pg_atomic_read_u64(&entry->oldest));
    read_answers(entry, activity);
    return true;
}

} // namespace topk::statistics
