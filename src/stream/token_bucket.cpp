#include "token_bucket.h"

#include <chrono>
#include <cmath>

extern "C" {
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace topk::stream {
namespace {

// A bucket is one number, the time at which it will be full again. Taking tokens moves that on by the time in which they are
// refilled; they are there if it stays within the time in which the whole bucket is. So a bucket refills continuously and by
// itself, and when its time has passed its place can be given away, as it would say nothing.
struct Place {
    pg_atomic_uint64 key;  // database and limit; 0: free
    pg_atomic_uint64 full; // in ticks
};

constexpr uint32 place_count = 4096; // a power of 2
constexpr uint32 reach = 8;          // places from its own on where a bucket may be
constexpr double ticks_per_second = 16e9;

Place *places = nullptr;

// The monotonic clock, the same for all processes. 18 years of it fit.
uint64 now_in_ticks() {
    using namespace std::chrono;
    return static_cast<uint64>(duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()) * 16;
}

uint64 ticks_of(const TokenBucket &bucket, int64 n) {
    return static_cast<uint64>(std::llround(static_cast<double>(n) / bucket.rate * ticks_per_second));
}

// The place of this key, taken from a bucket that is full or will be first when it has none. Two at once may take two
// places: then the nearer one is found from then on, and what was taken from the other is given.
Place *find_place(uint64 key) {
    const uint64 hash = key * 0x9e3779b97f4a7c15 >> 40;
    for (;;) {
        Place *best = nullptr;
        uint64 owner = 0, least = 0;
        for (uint32 i = 0; i < reach; ++i) {
            Place *place = &places[(hash + i) % place_count];
            const uint64 other = pg_atomic_read_u64(&place->key);
            if (other == key)
                return place;
            const uint64 full = other == 0 ? 0 : pg_atomic_read_u64(&place->full);
            if (best == nullptr || full < least) {
                best = place;
                owner = other;
                least = full;
            }
        }
        if (pg_atomic_compare_exchange_u64(&best->key, &owner, key))
            return best;
    }
}

uint64 key_of(const TokenBucket &bucket) { return static_cast<uint64>(MyDatabaseId) << 32 | static_cast<uint32>(bucket.id); }

// When the bucket is full again if n tokens are taken now. What its place had to do with another bucket empties it at worst.
uint64 full_without(const TokenBucket &bucket, uint64 full, uint64 now, int64 n) {
    return Min(Max(full, now), now + ticks_of(bucket, bucket.burst)) + ticks_of(bucket, n);
}

// Seconds, a little more rather than less, until that is within reach.
double lack(const TokenBucket &bucket, uint64 after, uint64 now) {
    const uint64 limit = now + ticks_of(bucket, bucket.burst);
    return after <= limit ? 0 : static_cast<double>(after - limit) / ticks_per_second + 1e-9;
}

} // namespace

void request_token_buckets() { RequestAddinShmemSpace(place_count * sizeof(Place)); }

void attach_token_buckets() {
    bool found;
    places = static_cast<Place *>(ShmemInitStruct("pg_topk token buckets", place_count * sizeof(Place), &found));
    for (uint32 i = 0; !found && i < place_count; ++i) {
        pg_atomic_init_u64(&places[i].key, 0);
        pg_atomic_init_u64(&places[i].full, 0);
    }
}

bool has_token_buckets() { return places != nullptr; }

double seconds_until(const TokenBucket &bucket, int64 n) {
    const uint64 full = pg_atomic_read_u64(&find_place(key_of(bucket))->full), now = now_in_ticks();
    return lack(bucket, full_without(bucket, full, now, n), now);
}

double take_tokens(const TokenBucket &bucket, int64 n) {
    const uint64 key = key_of(bucket);
    Place *place = find_place(key);
    uint64 full = pg_atomic_read_u64(&place->full);
    for (;;) {
        const uint64 now = now_in_ticks();
        const uint64 after = full_without(bucket, full, now, n);
        const double seconds = lack(bucket, after, now);
        if (seconds != 0)
            return seconds;
        if (pg_atomic_compare_exchange_u64(&place->full, &full, after))
            return 0;
        if (pg_atomic_read_u64(&place->key) != key) {
            place = find_place(key);
            full = pg_atomic_read_u64(&place->full);
        }
    }
}

void give_back(const TokenBucket &bucket, int64 n) {
    Place *place = find_place(key_of(bucket));
    uint64 full = pg_atomic_read_u64(&place->full);
    const uint64 ticks = ticks_of(bucket, n);
    while (full >= ticks && !pg_atomic_compare_exchange_u64(&place->full, &full, full - ticks)) {
    }
}

int64 tokens_left(const TokenBucket &bucket) {
    const uint64 full = pg_atomic_read_u64(&find_place(key_of(bucket))->full), now = now_in_ticks();
    const double owed = full <= now ? 0 : static_cast<double>(full - now) / ticks_per_second * bucket.rate;
    return static_cast<int64>(Max(static_cast<double>(bucket.burst) - owed, 0));
}

} // namespace topk::stream
