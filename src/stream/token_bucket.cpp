#include "token_bucket.h"

#include <algorithm>
#include <chrono>
#include <cmath>

extern "C" {
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/syscache.h"
}

namespace topk::stream {
namespace {

// A bucket is one number, the time at which it will be full again. Taking tokens moves that on by the time in which they are
// refilled; they are there if it stays within the time in which the whole bucket is. So a bucket refills continuously and by
// itself, and when its time has passed its place can be given away, as it would say nothing. A bucket without a place is
// full.
//
// Everybody who owns a table may set limits, so places are shared out by owner: when none is free, the owner with the most
// places loses half of them. Limits of every source, which superusers set, lose places only to each other.
struct Key {
    Oid database;
    int32 id;
};

struct Place {
    Key key;
    Oid owner;             // of the source; InvalidOid: the limit is for every source
    pg_atomic_uint64 full; // in ticks
};

constexpr long place_count = 4096;
constexpr double ticks_per_second = 16e9;
constexpr char tranche[] = "pg_topk token buckets";

HTAB *places = nullptr;
LWLock *lock = nullptr; // of the table; numbers change under the shared lock

// The monotonic clock, the same for all processes. 18 years of it fit.
uint64 now_in_ticks() {
    using namespace std::chrono;
    return static_cast<uint64>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()) * 16;
}

uint64 ticks_of(const TokenBucket &bucket, int64 n) {
    return static_cast<uint64>(std::llround(static_cast<double>(n) / bucket.rate * ticks_per_second));
}

Key key_of(const TokenBucket &bucket) { return {MyDatabaseId, bucket.id}; }

// With the lock held:

Place *find_place(const TokenBucket &bucket) {
    const Key key = key_of(bucket);
    return static_cast<Place *>(hash_search(places, &key, HASH_FIND, nullptr));
}

template <class Predicate>
void remove_places(const Predicate &is_over) {
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, places);
    while (auto *place = static_cast<Place *>(hash_seq_search(&status)))
        if (is_over(place))
            (void)hash_search(places, &place->key, HASH_REMOVE, nullptr);
}

Oid owner_of_most() {
    static Oid owners[place_count];
    long count = 0;
    HASH_SEQ_STATUS status;
    hash_seq_init(&status, places);
    while (auto *place = static_cast<Place *>(hash_seq_search(&status)))
        if (OidIsValid(place->owner))
            owners[count++] = place->owner;
    std::sort(owners, owners + count);
    Oid most = InvalidOid;
    long longest = 0;
    for (long begin = 0, end = 0; begin < count; begin = end) {
        while (end < count && owners[end] == owners[begin])
            ++end;
        if (end - begin > longest) {
            longest = end - begin;
            most = owners[begin];
        }
    }
    return most;
}

void make_room() {
    const uint64 now = now_in_ticks();
    remove_places([now](Place *place) { return pg_atomic_read_u64(&place->full) <= now; });
    if (hash_get_num_entries(places) < place_count)
        return;
    const Oid owner = owner_of_most();
    bool every_second = false;
    remove_places([&](const Place *place) { return place->owner == owner && (every_second = !every_second); });
}

// Without the lock: gives the bucket a place, in which it is full.
void make_place(const TokenBucket &bucket) {
    Oid owner = InvalidOid;
    if (OidIsValid(bucket.source)) {
        HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(bucket.source));
        if (HeapTupleIsValid(tuple)) {
            owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
            ReleaseSysCache(tuple);
        }
    }
    const Key key = key_of(bucket);
    LWLockAcquire(lock, LW_EXCLUSIVE);
    if (hash_get_num_entries(places) >= place_count)
        make_room();
    bool found;
    auto *place = static_cast<Place *>(hash_search(places, &key, HASH_ENTER_NULL, &found));
    if (place != nullptr && !found) {
        place->owner = owner;
        pg_atomic_init_u64(&place->full, 0);
    }
    LWLockRelease(lock);
}

// When the bucket is full again if n tokens are taken now.
uint64 full_without(const TokenBucket &bucket, uint64 full, uint64 now, int64 n) {
    return Min(Max(full, now), now + ticks_of(bucket, bucket.burst)) + ticks_of(bucket, n);
}

// Seconds, a little more rather than less, until that is within reach.
double lack(const TokenBucket &bucket, uint64 after, uint64 now) {
    const uint64 limit = now + ticks_of(bucket, bucket.burst);
    return after <= limit ? 0 : static_cast<double>(after - limit) / ticks_per_second + 1e-9;
}

double take(Place *place, const TokenBucket &bucket, int64 n) {
    uint64 full = pg_atomic_read_u64(&place->full);
    for (;;) {
        const uint64 now = now_in_ticks();
        // A limit of a dropped extension may have had this number: then the bucket is empty now, and fills from now on.
        const uint64 empty = now + ticks_of(bucket, bucket.burst);
        if (full > empty && pg_atomic_compare_exchange_u64(&place->full, &full, empty))
            full = empty;
        const uint64 after = full_without(bucket, full, now, n);
        const double seconds = lack(bucket, after, now);
        if (seconds != 0 || pg_atomic_compare_exchange_u64(&place->full, &full, after))
            return seconds;
    }
}

// The number of a bucket, 0 when it has no place.
uint64 read_full(const TokenBucket &bucket) {
    LWLockAcquire(lock, LW_SHARED);
    Place *place = find_place(bucket);
    const uint64 full = place == nullptr ? 0 : pg_atomic_read_u64(&place->full);
    LWLockRelease(lock);
    return full;
}

} // namespace

void request_token_buckets() {
    RequestAddinShmemSpace(hash_estimate_size(place_count, sizeof(Place)));
    RequestNamedLWLockTranche(tranche, 1);
}

void attach_token_buckets() {
    lock = &GetNamedLWLockTranche(tranche)->lock;
    HASHCTL control = {};
    control.keysize = sizeof(Key);
    control.entrysize = sizeof(Place);
    places =
        ShmemInitHash("pg_topk token buckets", place_count, place_count, &control, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
}

bool has_token_buckets() { return places != nullptr; }

double seconds_until(const TokenBucket &bucket, int64 n) {
    const uint64 full = read_full(bucket), now = now_in_ticks();
    return lack(bucket, full_without(bucket, full, now, n), now);
}

double take_tokens(const TokenBucket &bucket, int64 n) {
    for (;;) {
        LWLockAcquire(lock, LW_SHARED);
        Place *place = find_place(bucket);
        const double seconds = place == nullptr ? 0 : take(place, bucket, n);
        LWLockRelease(lock);
        if (place != nullptr)
            return seconds;
        make_place(bucket);
        CHECK_FOR_INTERRUPTS();
    }
}

void give_back(const TokenBucket &bucket, int64 n) {
    LWLockAcquire(lock, LW_SHARED);
    if (Place *place = find_place(bucket)) {
        const uint64 ticks = ticks_of(bucket, n);
        uint64 full = pg_atomic_read_u64(&place->full);
        while (full >= ticks && !pg_atomic_compare_exchange_u64(&place->full, &full, full - ticks)) {
        }
    }
    LWLockRelease(lock);
}

int64 tokens_left(const TokenBucket &bucket) {
    const uint64 full = read_full(bucket), now = now_in_ticks();
    const double owed = full <= now ? 0 : static_cast<double>(full - now) / ticks_per_second * bucket.rate;
    return static_cast<int64>(Max(static_cast<double>(bucket.burst) - owed, 0));
}

void forget_buckets_except(int32 *ids, int count) {
    std::sort(ids, ids + count);
    LWLockAcquire(lock, LW_EXCLUSIVE);
    remove_places([=](const Place *place) {
        return place->key.database == MyDatabaseId && !std::binary_search(ids, ids + count, place->key.id);
    });
    LWLockRelease(lock);
}

void forget_buckets_of_dropped(const List *existing_databases) {
    LWLockAcquire(lock, LW_EXCLUSIVE);
    remove_places([=](const Place *place) { return !list_member_oid(existing_databases, place->key.database); });
    LWLockRelease(lock);
}

} // namespace topk::stream
