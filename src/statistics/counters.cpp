#include "counters.h"

extern "C" {
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace topk::statistics {

int max_rollups = 1000;
RollupCounters *all_counters = nullptr;

namespace {

struct CounterTable {
    pg_atomic_uint32 used;
    uint32 free; // number of the first free ones; under `lock`, as is every change of a chain
    pg_atomic_uint32 heads[FLEXIBLE_ARRAY_MEMBER];
};

constexpr char tranche[] = "pg_topk statistics";

LWLock *lock = nullptr;
CounterTable *table = nullptr; // nullptr: there are no statistics

uint32 head_count() { return pg_nextpower2_32(static_cast<uint32>(Max(max_rollups, 1))); }
Size table_size() { return MAXALIGN(offsetof(CounterTable, heads) + head_count() * sizeof(pg_atomic_uint32)); }
Size shared_size() { return add_size(table_size(), mul_size(static_cast<Size>(max_rollups), sizeof(RollupCounters))); }

pg_atomic_uint32 *head_of(uint64 key) { return &table->heads[(key * 0x9e3779b97f4a7c15 >> 32) & (head_count() - 1)]; }

void init_table() {
    pg_atomic_init_u32(&table->used, 0);
    table->free = max_rollups == 0 ? 0 : 1;
    for (uint32 i = 0; i < head_count(); ++i)
        pg_atomic_init_u32(&table->heads[i], 0);
    for (int i = 0; i < max_rollups; ++i) {
        RollupCounters *counters = &all_counters[i];
        pg_atomic_init_u64(&counters->key, 0);
        pg_atomic_init_u32(&counters->next, 0);
        counters->next_free = i + 1 == max_rollups ? 0 : static_cast<uint32>(i + 2);
        pg_atomic_init_u64(&counters->commits, 0);
        pg_atomic_init_u64(&counters->oldest, 0);
        pg_atomic_init_u64(&counters->folded, 0);
        for (auto &second : counters->seconds)
            pg_atomic_init_u64(&second, 0);
        for (auto &bucket : counters->answers)
            pg_atomic_init_u64(&bucket, 0);
    }
}

// With the lock held. nullptr when all are taken.
RollupCounters *take_free(uint64 key) {
    const uint32 number = table->free;
    if (number == 0)
        return nullptr;
    RollupCounters *counters = &all_counters[number - 1];
    table->free = counters->next_free;
    pg_atomic_write_u64(&counters->commits, 0);
    pg_atomic_write_u64(&counters->oldest, 0);
    pg_atomic_write_u64(&counters->folded, 0);
    for (auto &second : counters->seconds)
        pg_atomic_write_u64(&second, 0);
    for (auto &bucket : counters->answers)
        pg_atomic_write_u64(&bucket, 0);
    pg_atomic_uint32 *head = head_of(key);
    pg_atomic_write_u32(&counters->next, pg_atomic_read_u32(head));
    pg_atomic_write_u64(&counters->key, key);
    pg_write_barrier();
    pg_atomic_write_u32(head, number);
    pg_atomic_fetch_add_u32(&table->used, 1);
    return counters;
}

} // namespace

void request_statistics() {
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche(tranche, 1);
}

void attach_statistics() {
    bool found;
    table = static_cast<CounterTable *>(ShmemInitStruct("pg_topk statistics", shared_size(), &found));
    lock = &GetNamedLWLockTranche(tranche)->lock;
    all_counters = reinterpret_cast<RollupCounters *>(reinterpret_cast<char *>(table) + table_size());
    if (!found)
        init_table();
    observe_transactions();
}

bool has_statistics() { return table != nullptr; }

bool are_statistics_full() { return pg_atomic_read_u32(&table->used) >= static_cast<uint32>(max_rollups); }

uint64 key_of(int32 rollup) { return static_cast<uint64>(MyDatabaseId) << 32 | static_cast<uint32>(rollup); }

// Without the lock it may miss counters while a chain changes, but never finds wrong ones.
RollupCounters *find_counters(uint64 key) {
    uint32 number = pg_atomic_read_u32(head_of(key));
    for (int steps = 0; number != 0 && steps < max_rollups; ++steps) {
        RollupCounters *counters = &all_counters[number - 1];
        if (pg_atomic_read_u64(&counters->key) == key)
            return counters;
        number = pg_atomic_read_u32(&counters->next);
    }
    return nullptr;
}

RollupCounters *find_or_take_counters(uint64 key) {
    RollupCounters *counters = find_counters(key);
    if (counters != nullptr || are_statistics_full())
        return counters;
    LWLockAcquire(lock, LW_EXCLUSIVE);
    counters = find_counters(key);
    if (counters == nullptr)
        counters = take_free(key);
    LWLockRelease(lock);
    return counters;
}

void lock_counters() { LWLockAcquire(lock, LW_EXCLUSIVE); }
void unlock_counters() { LWLockRelease(lock); }

// `next` stays, for a backend that is following the chain.
void free_counters(RollupCounters *counters) {
    const auto number = static_cast<uint32>(counters - all_counters + 1);
    pg_atomic_uint32 *link = head_of(pg_atomic_read_u64(&counters->key));
    while (pg_atomic_read_u32(link) != number)
        link = &all_counters[pg_atomic_read_u32(link) - 1].next;
    pg_atomic_write_u32(link, pg_atomic_read_u32(&counters->next));
    pg_atomic_write_u64(&counters->key, 0);
    counters->next_free = table->free;
    table->free = number;
    pg_atomic_fetch_sub_u32(&table->used, 1);
}

} // namespace topk::statistics
