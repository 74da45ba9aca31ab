#include "counter.h"

#include "../pg/group_counts.h"
#include "delta_log.h"

namespace topk::stream {
namespace {

// Distinct items that a list in the delta log holds at least: merging a few long ones beats many short ones.
constexpr uint32_t list_capacity = 8192;
constexpr Size base_budget = 16 * 1024 * 1024;
constexpr uint32_t checks_every = 64; // slow counts: the memory may grow by one item each
constexpr int cached_weeks = 32;
constexpr int64 week = 7 * USECS_PER_DAY;
constexpr size_t longest_bundle = 8000; // bytes, with which the row of a bundle fits into a page
constexpr size_t max_key_size = max_group_size + Bundle::max_values * max_value_overhead;

// A tile of a rollup without groups, or a group whose list is full.
struct CountBucket {
    RollupCount *rollup;
    Tally *tally;
    int64 events;
    TimestampTz tile;
    bool promoted; // to a tally that takes any number of items: one list is full, and more do not pay
    uint32 group;  // its number in the rollup's groups, for those
    CountBucket *next;
};

} // namespace

struct RollupCount {
    const Rollup *rollup;
    RollupCount *next;
    CountBucket *last;   // without groups
    GroupCounts *groups; // nullptr: none were counted
    uint32 last_group;
    CountBucket *full_groups;
    Span last_tile;
    TimestampTz earliest;
    TimestampTz latest;
    int64 rejected;                 // not in the log yet
    int64 rejected_before;          // in the log
    SteadySpan weeks[cached_weeks]; // by time, so that events in any order seldom have to ask the calendar
};

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
    uint8 key[max_key_size]; // of the event's group
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

[[gnu::noinline]] Span ask_tile(RollupCount *count, TimestampTz t) {
    const int64 grain = count->rollup->grain, number = t / week - (t % week < 0);
    SteadySpan &steady = count->weeks[static_cast<uint64>(number) % cached_weeks];
    // It is longer than the week by a grain at both ends, as a tile may be in two weeks.
    if (!steady.span.contains(t))
        steady = steady_span(count->rollup->zone, {number * week - grain, (number + 1) * week + grain}, t);
    return tile_in(steady, grain, t);
}

// The key of the event's group, as in a bundle.
ItemView make_key(Counter *counter, const Rollup *rollup, const Event &event) {
    uint8 *at = counter->key;
    size_t size = ARR_OVERHEAD_WITHNULLS(1, rollup->group_count);
    for (int i = 0; i < rollup->group_count; ++i) {
        if (event.group_is_null[i]) {
            *at++ = 0;
            continue;
        }
        auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(event.groups[i]));
        size += toast_raw_datum_size(event.groups[i]) + 3;
        if (size > max_group_size)
            return {counter->key, 0}; // the overflow group
        auto *plain = pg_detoast_datum_packed(value);
        at = write_group_value(at, VARDATA_ANY(plain), static_cast<uint32>(VARSIZE_ANY_EXHDR(plain)));
        if (plain != value)
            pfree(plain);
    }
    return {counter->key, static_cast<uint32>(at - counter->key)};
}

uint32_t list_limit(const Rollup *rollup) { return Max(rollup->shape.capacity, list_capacity); }

// The shape of a tally that is sent on as a list. It is never full, so it never makes room for the filter of a full one.
TallyShape list_shape(const Rollup *rollup) {
    TallyShape shape = rollup->shape;
    shape.capacity = Min(2 * list_limit(rollup), max_capacity);
    return shape;
}

// A list of long items is not exact any more when it is as long as a window may be. Then it takes any number of items.
bool is_full_list(const CountBucket *bucket) {
    return !bucket->promoted && is_exact(bucket->tally) &&
           bucket->tally->summary->size() >= list_limit(bucket->rollup->rollup);
}

uint32 hash_tile(const RollupCount *count, TimestampTz tile) {
    const uint64 hash = (static_cast<uint64>(tile) + static_cast<uint64>(count->rollup->id)) * 0x9e3779b97f4a7c15;
    return static_cast<uint32>(hash >> 32);
}

Size promoted_size(const TallyShape &shape) {
    return Size{shape.capacity} * 128 + Size{shape.width} * shape.depth * 8 + register_count;
}

void link(Counter *counter, CountBucket *bucket) {
    uint32 at = hash_tile(bucket->rollup, bucket->tile);
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

CountBucket *make_bucket(Counter *counter, RollupCount *count, TimestampTz tile) {
    auto *bucket = static_cast<CountBucket *>(MemoryContextAllocZero(counter->buckets, sizeof(CountBucket)));
    bucket->rollup = count;
    bucket->tile = tile;
    return bucket;
}

CountBucket *add_bucket(Counter *counter, RollupCount *count, TimestampTz tile) {
    if (2 * (counter->count + 1) > counter->table_size)
        grow_table(counter);
    CountBucket *bucket = make_bucket(counter, count, tile);
    MemoryContext caller = MemoryContextSwitchTo(counter->buckets);
    bucket->tally = make_tally(list_shape(count->rollup), Purpose::counting);
    MemoryContextSwitchTo(caller);
    link(counter, bucket);
    ++counter->count;
    return bucket;
}

// The bucket of a tile of a rollup without groups.
[[gnu::noinline]] CountBucket *find_bucket(Counter *counter, RollupCount *count, TimestampTz tile) {
    if (counter->table_size != 0) {
        for (uint32 at = hash_tile(count, tile);; ++at) {
            CountBucket *bucket = counter->table[at &= counter->table_size - 1];
            if (bucket == nullptr)
                break;
            if (bucket->tile == tile && bucket->rollup == count)
                return bucket;
        }
    }
    return add_bucket(counter, count, tile);
}

void append(const CountBucket *bucket, ArrayType *grp, MemoryContext scratch) {
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    append_delta(
        {{bucket->tile, bucket->events, bucket->rollup->rollup->id, DeltaScope::raw}, grp, store_delta(bucket->tally)});
    MemoryContextSwitchTo(caller);
    MemoryContextReset(scratch);
}

void append_bundle(void *count, const TileBundle &bundle) {
    StoredTally values = {};
    values.items = VARSIZE(bundle.bytes) > longest_bundle ? compress(bundle.bytes) : bundle.bytes;
    append_delta(
        {{bundle.tile, bundle.events, static_cast<RollupCount *>(count)->rollup->id, DeltaScope::raw}, nullptr, values});
}

void append_groups(RollupCount *count, MemoryContext scratch) {
    for (const CountBucket *full = count->full_groups; full != nullptr; full = full->next) {
        if (full->events == 0)
            continue;
        MemoryContext caller = MemoryContextSwitchTo(scratch);
        ArrayType *grp =
            group_array(group_at(count->groups, full->group)->key, static_cast<uint32>(count->rollup->group_count));
        MemoryContextSwitchTo(caller);
        append(full, grp, scratch);
    }
    if (count->groups != nullptr)
        write_bundles(count->groups, longest_bundle, append_bundle, count);
    count->full_groups = nullptr;
    count->groups = nullptr;
}

MemoryContext make_scratch(Counter *counter) {
    return AllocSetContextCreate(counter->context, "pg_topk delta", ALLOCSET_DEFAULT_SIZES);
}

void append_all(Counter *counter) {
    MemoryContext scratch = make_scratch(counter);
    for (uint32 i = 0; i < counter->table_size; ++i) {
        if (counter->table[i] == nullptr || counter->table[i]->events == 0)
            continue;
        append(counter->table[i], nullptr, scratch);
        CHECK_FOR_INTERRUPTS();
    }
    for (RollupCount *count = counter->rollups; count != nullptr; count = count->next) {
        append_groups(count, scratch);
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
        append(bucket, nullptr, scratch);
        MemoryContextDelete(scratch);
        bucket->events = 0;
        bucket->tally = make_tally(list_shape(rollup), Purpose::counting);
    }
    MemoryContextSwitchTo(caller);
    pfree(list->summary); // while exact it is all there is
    pfree(list);
}

void check_memory(Counter *counter) {
    if (++counter->slow_counts % checks_every == 0 && MemoryContextMemAllocated(counter->buckets, true) > counter->budget)
        start_over(counter);
}

[[gnu::noinline]] void count_slowly(Counter *counter, CountBucket *bucket, const Event &event) {
    if (event.weight != 0 && is_full_list(bucket))
        make_room(counter, bucket);
    count_item(bucket->tally, event.item, event.item_length, event.weight);
    ++bucket->events;
    check_memory(counter);
}

// ---- Rollups with groups

GroupCounts *groups_of(Counter *counter, RollupCount *count) {
    if (count->groups == nullptr) [[unlikely]] {
        count->groups = make_group_counts(counter->buckets, count->rollup->shape.kind, count->rollup->group_count);
        count->last_group = UINT32_MAX;
    }
    return count->groups;
}

uint32 group_of_event(Counter *counter, RollupCount *count, const Event &event) {
    GroupCounts *groups = groups_of(counter, count);
    const TimestampTz tile = count->last_tile.start;
    const ItemView key = make_key(counter, count->rollup, event);
    if (count->last_group != UINT32_MAX) {
        const TileGroup *last = group_at(groups, count->last_group);
        if (last->tile == tile && last->key.length == key.length && equal_bytes(last->key.data, key.data, key.length))
            return count->last_group;
    }
    return count->last_group = find_group(groups, tile, key);
}

// The tally of a group whose list is full. nullptr: there is no memory for one.
CountBucket *full_group(Counter *counter, RollupCount *count, uint32 group) {
    for (CountBucket *full = count->full_groups; full != nullptr; full = full->next)
        if (full->group == group)
            return full;
    const Size size = promoted_size(count->rollup->shape);
    if (counter->promoted + size > counter->budget / 2)
        return nullptr;
    counter->promoted += size;
    CountBucket *full = make_bucket(counter, count, group_at(count->groups, group)->tile);
    full->group = group;
    full->next = count->full_groups;
    count->full_groups = full;
    MemoryContext caller = MemoryContextSwitchTo(counter->buckets);
    full->tally = make_tally(count->rollup->shape, Purpose::counting);
    MemoryContextSwitchTo(caller);
    return full;
}

// Writing what was counted takes memory too.
bool may_grow(const Counter *counter, Size size) {
    return MemoryContextMemAllocated(counter->buckets, true) + size <= counter->budget / 3 * 2;
}

void count_in_group(Counter *counter, RollupCount *count, const Event &event) {
    if (count->groups != nullptr && !is_empty(count->groups)) {
        const Size growth = next_growth(count->groups, event.item_length);
        if ((growth != 0 && !may_grow(counter, growth)) || !fits(count->groups, event.weight)) [[unlikely]]
            start_over(counter);
    }
    const uint64 hash = hash_item(event.item, event.item_length);
    if (count->groups != nullptr)
        prefetch_item(count->groups, hash);
    uint32 group = group_of_event(counter, count, event);
    if (group_at(count->groups, group)->items >= list_limit(count->rollup)) [[unlikely]] {
        if (CountBucket *full = full_group(counter, count, group)) {
            count_item(full->tally, event.item, event.item_length, event.weight);
            ++full->events;
            check_memory(counter);
            return;
        }
        start_over(counter);
        group = group_of_event(counter, count, event);
    }
    if (event.weight != 0)
        add_count(count->groups, group, event.item, event.item_length, hash, event.weight);
    ++group_at(count->groups, group)->events;
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
    MemoryContextSwitchTo(caller);
    return counter;
}

RollupCount *add_rollup(Counter *counter, const Rollup *rollup) {
    auto *count = static_cast<RollupCount *>(MemoryContextAllocZero(counter->context, sizeof(RollupCount)));
    count->rollup = rollup;
    count->next = counter->rollups;
    counter->rollups = count;
    set_bounds(counter, count, GetCurrentStatementStartTimestamp());
    return count;
}

void count_event(Counter *counter, RollupCount *count, const Event &event) {
    if (event.time_is_null || TIMESTAMP_NOT_FINITE(event.time) || event.time < count->earliest || event.time > count->latest)
        [[unlikely]] {
        ++count->rejected;
        return;
    }
    if (!count->last_tile.contains(event.time)) [[unlikely]]
        count->last_tile = ask_tile(count, event.time);
    if (count->rollup->group_count != 0) {
        count_in_group(counter, count, event);
        return;
    }
    CountBucket *bucket = count->last;
    if (bucket == nullptr || bucket->tile != count->last_tile.start)
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
