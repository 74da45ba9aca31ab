#include "counter.h"

#include "delta_log.h"

namespace topk::stream {
namespace {

// Distinct items that a list in the delta log holds at least: merging a few long ones beats many short ones.
constexpr uint32_t list_capacity = 8192;
constexpr Size base_budget = 16 * 1024 * 1024;
constexpr uint32_t checks_every = 64; // slow counts: the memory may grow by one item each
constexpr int tile_cache_size = 64;

struct RollupCount;

struct CountBucket {
    RollupCount *rollup;
    Tally *tally;
    int64 events;
    TimestampTz tile;
    uint64 hash;
    ArrayType *grp; // nullptr: the rollup has no groups
    uint32 key_length;
    bool promoted; // to a tally that takes any number of items: one list is full, and more do not pay
    uint8 *key;    // of the group: for each value a byte that says whether there is one, its length and bytes
};

struct RollupCount {
    const Rollup *rollup;
    RollupCount *next;
    CountBucket *last;
    Span last_tile;
    TimestampTz earliest;
    TimestampTz latest;
    int64 rejected;              // not in the log yet
    int64 rejected_before;       // in the log
    Span tiles[tile_cache_size]; // by time, so that events in any order seldom have to ask the calendar
};

} // namespace

struct Counter {
    MemoryContext context;
    MemoryContext buckets; // buckets and tallies; reset when everything was appended
    RollupCount *rollups;
    CountBucket **table;
    uint32 table_size; // a power of 2, or 0
    uint32 count;
    Size budget;
    Size promoted; // what tallies that are no longer exact may come to
    uint32 slow_counts;
    Times times;
    uint8 *key; // of the event's group
    uint32 key_length;
    uint32 key_room;
};

namespace {

// t plus or minus an interval that may lead out of what timestamps can say.
TimestampTz shifted(TimestampTz t, const Interval &by, bool back) {
    const double microseconds = (by.month * 31.0 + by.day) * USECS_PER_DAY + static_cast<double>(by.time);
    constexpr double most = 4000.0 * 366 * USECS_PER_DAY;
    if (!(microseconds < most))
        return back ? DT_NOBEGIN : DT_NOEND;
    Interval interval = by;
    return DatumGetTimestampTz(DirectFunctionCall2(back ? timestamptz_mi_interval : timestamptz_pl_interval,
                                                   TimestampTzGetDatum(t), IntervalPGetDatum(&interval)));
}

void set_bounds(const Counter *counter, RollupCount *count, TimestampTz now) {
    if (counter->times == Times::finite) {
        count->earliest = MIN_TIMESTAMP;
        count->latest = END_TIMESTAMP - 1;
        return;
    }
    const Span span = accepted(now, count->rollup->accept_past, count->rollup->accept_future);
    count->earliest = span.start;
    count->latest = span.stop;
}

[[gnu::noinline]] RollupCount *add_rollup(Counter *counter, const Rollup *rollup) {
    auto *count = static_cast<RollupCount *>(MemoryContextAlloc(counter->context, sizeof(RollupCount)));
    memset(count, 0, offsetof(RollupCount, tiles)); // start == stop: contains nothing
    memset(count->tiles, 0, sizeof(count->tiles));
    count->rollup = rollup;
    count->next = counter->rollups;
    counter->rollups = count;
    set_bounds(counter, count, GetCurrentStatementStartTimestamp());
    return count;
}

inline RollupCount *find_rollup(Counter *counter, const Rollup *rollup) {
    for (RollupCount *count = counter->rollups; count != nullptr; count = count->next)
        if (count->rollup == rollup)
            return count;
    return add_rollup(counter, rollup);
}

[[gnu::noinline]] Span ask_tile(RollupCount *count, TimestampTz t) {
    Span &tile = count->tiles[static_cast<uint64>(t / count->rollup->grain) % tile_cache_size];
    if (!tile.contains(t))
        tile = tile_at(count->rollup->zone, count->rollup->grain, t);
    return tile;
}

void add_to_key(Counter *counter, const void *data, uint32 length) {
    const uint32 needed = counter->key_length + length;
    if (needed > counter->key_room) {
        counter->key_room = Max(needed, 2 * counter->key_room);
        counter->key = static_cast<uint8 *>(repalloc(counter->key, counter->key_room));
    }
    memcpy(counter->key + counter->key_length, data, length);
    counter->key_length = needed;
}

void make_key(Counter *counter, const Rollup *rollup, const Event &event) {
    counter->key_length = 0;
    size_t size = ARR_OVERHEAD_WITHNULLS(1, rollup->group_count);
    for (int i = 0; i < rollup->group_count; ++i) {
        const uint8 present = !event.group_is_null[i];
        if (!present) {
            add_to_key(counter, &present, 1);
            continue;
        }
        auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(event.groups[i]));
        size += toast_raw_datum_size(event.groups[i]) + 3;
        if (size > max_group_size) {
            const uint8 overflow = 2;
            counter->key_length = 0;
            add_to_key(counter, &overflow, 1);
            return;
        }
        auto *plain = pg_detoast_datum_packed(value);
        const uint32 length = VARSIZE_ANY_EXHDR(plain);
        add_to_key(counter, &present, 1);
        add_to_key(counter, &length, sizeof(length));
        add_to_key(counter, VARDATA_ANY(plain), length);
        if (plain != value)
            pfree(plain);
    }
}

ArrayType *make_group(const Rollup *rollup, const uint8 *key) {
    if (rollup->group_count == 0)
        return nullptr;
    if (key[0] == 2)
        return construct_empty_array(TEXTOID);
    auto *values = static_cast<Datum *>(palloc(rollup->group_count * sizeof(Datum)));
    auto *nulls = static_cast<bool *>(palloc(rollup->group_count * sizeof(bool)));
    for (int i = 0; i < rollup->group_count; ++i) {
        nulls[i] = *key++ == 0;
        values[i] = (Datum)0;
        if (nulls[i])
            continue;
        uint32 length;
        memcpy(&length, key, sizeof(length));
        values[i] =
            PointerGetDatum(cstring_to_text_with_len(reinterpret_cast<const char *>(key + 4), static_cast<int>(length)));
        key += 4 + length;
    }
    int dimensions[] = {rollup->group_count}, lower_bounds[] = {1};
    return construct_md_array(values, nulls, 1, dimensions, lower_bounds, TEXTOID, -1, false, TYPALIGN_INT);
}

uint32_t list_limit(const Rollup *rollup) { return Max(rollup->shape.capacity, list_capacity); }

// The shape of a tally that is sent on as a list. It is never full, so it never makes room for the filter of a full one.
TallyShape list_shape(const Rollup *rollup) {
    TallyShape shape = rollup->shape;
    shape.capacity = Min(2 * list_limit(rollup), max_capacity);
    return shape;
}

bool is_full_list(const CountBucket *bucket) {
    return !bucket->promoted && bucket->tally->summary->size() >= list_limit(bucket->rollup->rollup);
}

Size promoted_size(const TallyShape &shape) {
    return Size{shape.capacity} * 128 + Size{shape.width} * shape.depth * 8 + register_count;
}

void link(Counter *counter, CountBucket *bucket) {
    uint32 at = static_cast<uint32>(bucket->hash);
    while (counter->table[at &= counter->table_size - 1] != nullptr)
        ++at;
    counter->table[at] = bucket;
}

void grow_table(Counter *counter) {
    CountBucket **old = counter->table;
    const uint32 old_size = counter->table_size;
    const uint32 size = old_size == 0 ? 16 : 2 * old_size;
    counter->table = static_cast<CountBucket **>(
        MemoryContextAllocExtended(counter->buckets, size * sizeof(CountBucket *), MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE));
    counter->table_size = size;
    for (uint32 i = 0; i < old_size; ++i)
        if (old[i] != nullptr)
            link(counter, old[i]);
    if (old != nullptr)
        pfree(old);
}

CountBucket *add_bucket(Counter *counter, RollupCount *count, TimestampTz tile, uint64 hash) {
    if (2 * (counter->count + 1) > counter->table_size)
        grow_table(counter);
    MemoryContext caller = MemoryContextSwitchTo(counter->buckets);
    auto *bucket = static_cast<CountBucket *>(palloc0(sizeof(CountBucket)));
    bucket->rollup = count;
    bucket->tile = tile;
    bucket->hash = hash;
    bucket->key_length = counter->key_length;
    bucket->key = static_cast<uint8 *>(palloc(counter->key_length + 1));
    memcpy(bucket->key, counter->key, counter->key_length);
    bucket->grp = make_group(count->rollup, bucket->key);
    bucket->tally = make_tally(list_shape(count->rollup), Purpose::counting);
    MemoryContextSwitchTo(caller);
    link(counter, bucket);
    ++counter->count;
    return bucket;
}

// The bucket of this tile and of the group in counter->key.
[[gnu::noinline]] CountBucket *find_bucket(Counter *counter, RollupCount *count, TimestampTz tile) {
    const uint64 seed = static_cast<uint64>(tile) * 0x9e3779b97f4a7c15 + static_cast<uint64>(count->rollup->id);
    uint64 hash = XXH3_64bits_withSeed(counter->key, counter->key_length, seed);
    hash ^= hash >> 32;
    if (counter->table_size != 0) {
        for (uint32 at = static_cast<uint32>(hash);; ++at) {
            CountBucket *bucket = counter->table[at &= counter->table_size - 1];
            if (bucket == nullptr)
                break;
            if (bucket->hash == hash && bucket->tile == tile && bucket->rollup == count &&
                bucket->key_length == counter->key_length && memcmp(bucket->key, counter->key, counter->key_length) == 0)
                return bucket;
        }
    }
    return add_bucket(counter, count, tile, hash);
}

void append(const CountBucket *bucket, MemoryContext scratch) {
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    append_delta({{bucket->tile, bucket->events, bucket->rollup->rollup->id, DeltaScope::raw},
                  bucket->grp,
                  store_delta(bucket->tally)});
    MemoryContextSwitchTo(caller);
    MemoryContextReset(scratch);
}

MemoryContext make_scratch(Counter *counter) {
    return AllocSetContextCreate(counter->context, "pg_topk delta", ALLOCSET_DEFAULT_SIZES);
}

void append_all(Counter *counter) {
    MemoryContext scratch = make_scratch(counter);
    for (uint32 i = 0; i < counter->table_size; ++i) {
        if (counter->table[i] == nullptr || counter->table[i]->events == 0)
            continue;
        append(counter->table[i], scratch);
        CHECK_FOR_INTERRUPTS();
    }
    for (RollupCount *count = counter->rollups; count != nullptr; count = count->next) {
        if (count->rejected == 0)
            continue;
        append_delta({{DT_NOBEGIN, count->rejected, count->rollup->id, DeltaScope::raw}, nullptr, {}});
        count->rejected_before += count->rejected;
        count->rejected = 0;
    }
    MemoryContextDelete(scratch);
}

void warn_of_rejected(const Counter *counter) {
    for (const RollupCount *count = counter->rollups; count != nullptr; count = count->next)
        if (count->rejected_before != 0)
            ereport(WARNING,
                    (errmsg_plural("rollup \"%s\" has rejected %lld event", "rollup \"%s\" has rejected %lld events",
                                   static_cast<unsigned long>(count->rejected_before), count->rollup->name,
                                   static_cast<long long>(count->rejected_before)),
                     errdetail("Their time is NULL or infinite, or outside of what accept_past and accept_future allow.")));
}

void start_over(Counter *counter) {
    append_all(counter);
    MemoryContextReset(counter->buckets);
    counter->table = nullptr;
    counter->table_size = counter->count = 0;
    counter->promoted = 0;
    const TimestampTz now = GetCurrentTimestamp(); // a long COPY brings events from after its start
    for (RollupCount *count = counter->rollups; count != nullptr; count = count->next) {
        count->last = nullptr;
        set_bounds(counter, count, now);
    }
}

// A full list becomes a tally, which takes any number of items, or goes to the log where there is no memory for one.
void make_room(Counter *counter, CountBucket *bucket) {
    const Rollup *rollup = bucket->rollup->rollup;
    const Size size = promoted_size(rollup->shape);
    Tally *list = bucket->tally;
    MemoryContext caller = MemoryContextSwitchTo(counter->buckets);
    bucket->promoted = counter->promoted + size <= counter->budget / 2;
    if (bucket->promoted) {
        counter->promoted += size;
        bucket->tally = make_tally(rollup->shape, Purpose::counting);
        count_all(bucket->tally, list->summary);
    } else {
        MemoryContext scratch = make_scratch(counter);
        append(bucket, scratch);
        MemoryContextDelete(scratch);
        bucket->events = 0;
        bucket->tally = make_tally(list_shape(rollup), Purpose::counting);
    }
    MemoryContextSwitchTo(caller);
    pfree(list->summary); // while exact it is all there is
    pfree(list);
}

[[gnu::noinline]] void count_slowly(Counter *counter, CountBucket *bucket, const Event &event) {
    if (event.weight != 0 && is_full_list(bucket))
        make_room(counter, bucket);
    count_item(bucket->tally, event.item, event.item_length, event.weight);
    ++bucket->events;
    if (++counter->slow_counts % checks_every == 0 && MemoryContextMemAllocated(counter->buckets, true) > counter->budget)
        start_over(counter);
}

inline bool same_key(const Counter *counter, const CountBucket *bucket) {
    return counter->key_length == bucket->key_length && memcmp(counter->key, bucket->key, bucket->key_length) == 0;
}

} // namespace

Span accepted(TimestampTz now, const Interval &past, const Interval &future) {
    constexpr int64 margin = 40 * USECS_PER_DAY;
    return {Max(shifted(now, past, true), MIN_TIMESTAMP + margin), Min(shifted(now, future, false), END_TIMESTAMP - margin)};
}

Counter *begin_counting(Times times) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk counter", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto *counter = static_cast<Counter *>(palloc0(sizeof(Counter)));
    counter->context = context;
    counter->times = times;
    counter->buckets = AllocSetContextCreate(context, "pg_topk tallies", ALLOCSET_DEFAULT_SIZES);
    counter->budget = Size{1024} * work_mem + base_budget;
    counter->key_room = 64;
    counter->key = static_cast<uint8 *>(palloc(counter->key_room));
    MemoryContextSwitchTo(caller);
    return counter;
}

void count_event(Counter *counter, const Rollup *rollup, const Event &event) {
    RollupCount *count = find_rollup(counter, rollup);
    if (event.time_is_null || TIMESTAMP_NOT_FINITE(event.time) || event.time < count->earliest || event.time > count->latest)
        [[unlikely]] {
        ++count->rejected;
        return;
    }
    if (!count->last_tile.contains(event.time)) [[unlikely]]
        count->last_tile = ask_tile(count, event.time);
    counter->key_length = 0;
    if (rollup->group_count != 0)
        make_key(counter, rollup, event);
    CountBucket *bucket = count->last;
    if (bucket == nullptr || bucket->tile != count->last_tile.start || !same_key(counter, bucket))
        bucket = count->last = find_bucket(counter, count, count->last_tile.start);

    if (event.weight != 0 && count_exact(bucket->tally, event.item, event.item_length, event.weight)) [[likely]] {
        ++bucket->events;
        return;
    }
    count_slowly(counter, bucket, event);
}

void finish_counting(Counter *counter) {
    append_all(counter);
    warn_of_rejected(counter);
    MemoryContextDelete(counter->context);
}

} // namespace topk::stream
