#include "counter.h"

#include "../pg/group_counts.h"
#include "delta_log.h"
#include "event_batch.h"

namespace topk::stream {
namespace {

// Distinct items that a list in the delta log holds at least: merging a few long ones beats many short ones.
constexpr uint32_t list_capacity = 8192;
constexpr Size base_budget = 16 * 1024 * 1024;
constexpr uint32_t checks_every = 64; // slow counts: the memory may grow by one item each
constexpr int cached_weeks = 32;
constexpr int64 week = 7 * USECS_PER_DAY;
constexpr size_t longest_bundle = 8000; // bytes, with which the row of a bundle fits into a page

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
    CountBucket *last; // without groups
    EventBatch *batch;
    GroupCounts *groups; // nullptr: none were counted
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
    // The span is longer than the week by a grain at both ends, as a tile may be in two weeks.
    if (!steady.span.contains(t))
        steady = steady_span(count->rollup->zone, {number * week - grain, (number + 1) * week + grain}, t);
    return tile_in(steady, grain, t);
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
        ArrayType *grp = group_array(key_at(count->groups, full->group), static_cast<uint32>(count->rollup->group_count));
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

bool is_over_budget(Counter *counter) {
    return ++counter->slow_counts % checks_every == 0 && MemoryContextMemAllocated(counter->buckets, true) > counter->budget;
}

[[gnu::noinline]] void count_slowly(Counter *counter, CountBucket *bucket, const Event &event) {
    if (event.weight != 0 && is_full_list(bucket))
        make_room(counter, bucket);
    count_item(bucket->tally, event.item, event.item_length, event.weight);
    ++bucket->events;
    if (is_over_budget(counter))
        start_over(counter);
}

// ---- Rollups with groups

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

// Counts the events that wait in the batch of a rollup.
void count_batch(Counter *counter, RollupCount *count) {
    EventBatch *batch = count->batch;
    if (batch == nullptr || batch->count == 0)
        return;
    if (count->groups != nullptr) {
        const Size growth = next_growth(count->groups, batch->count, batch->used);
        if ((growth != 0 && !may_grow(counter, growth)) || !fits(count->groups, batch->total)) [[unlikely]]
            start_over(counter);
    }
    if (count->groups == nullptr) [[unlikely]]
        count->groups = make_group_counts(counter->buckets, count->rollup->shape.kind, count->rollup->group_count);
    uint32 groups[pg::counted_together];
    find_groups(count->groups, batch->tiles, batch->keys, batch->count, groups);
    bool is_over = false; // no memory is left
    uint32 n = 0;         // of those that go into lists
    for (uint32 i = 0; i < batch->count; ++i) {
        TileGroup *group = group_at(count->groups, groups[i]);
        if (group->items >= list_limit(count->rollup)) [[unlikely]] {
            if (CountBucket *full = full_group(counter, count, groups[i])) {
                count_item(full->tally, batch->items[i].data, batch->items[i].length, batch->weights[i]);
                ++full->events;
                is_over |= is_over_budget(counter);
                continue;
            }
            is_over = true; // the list gets longer by a batch at most
        }
        ++group->events;
        if (batch->weights[i] == 0)
            continue;
        groups[n] = groups[i];
        batch->items[n] = batch->items[i];
        batch->weights[n++] = batch->weights[i];
    }
    add_counts(count->groups, groups, batch->items, batch->weights, n);
    clear(batch);
    if (is_over) [[unlikely]]
        start_over(counter);
}

void count_in_group(Counter *counter, RollupCount *count, const Event &event) {
    if (count->batch == nullptr) [[unlikely]]
        count->batch = make_batch(counter->context);
    if (!has_room(count->batch, event)) [[unlikely]]
        count_batch(counter, count);
    if (!add_event(count->batch, count->rollup, count->last_tile.start, event)) [[unlikely]]
        count_batch(counter, count);
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
    for (RollupCount *count = counter->rollups; count != nullptr; count = count->next)
        count_batch(counter, count);
    append_all(counter);
    warn_of_rejected(counter);
    MemoryContextDelete(counter->context);
}

} // namespace topk::stream
