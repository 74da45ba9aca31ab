#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// Deltas of a tile and group wait in the log until they are worth a rewrite of the tile: it costs as much for one event as
// for thousands. Meanwhile small ones are compacted into one row now and then, as readers read them all; a row that is
// larger than what would come to it stays as it is, so that nothing is rewritten more often than its size doubles.
constexpr size_t min_merged = 4096;
constexpr int merged_share = 2; // of the tile's bytes
constexpr int max_waiting = 8;  // small rows of a tile and group
constexpr size_t small = 1024;
constexpr uint32_t max_list = 8192;

CollectedDelta &delta_of(Fold *fold, const Part &part) { return fold->deltas[part.delta]; }

StoredTally values_of(Fold *fold, const Part &part) {
    return read_delta(delta_of(fold, part).tuple, fold->descriptor).values;
}

ArrayType *group_of(const Fold *fold, const Part &part) {
    return part.group == -1 ? nullptr : fold->groups.groups[part.group].key;
}

// Takes the delta. Its weight and events are added to the totals of the rollup, once.
void take(Fold *fold, const Part &part, uint64_t weight, bool late) {
    CollectedDelta &delta = delta_of(fold, part);
    delta.taken = true;
    if (delta.form.scope != DeltaScope::raw)
        return;
    FoldTotals &totals = fold->totals;
    if (part.group == -1) {
        totals.events += delta.form.events;
        totals.weight += weight;
        if (late)
            totals.late += delta.form.events;
    } else if (ARR_NDIM(group_of(fold, part)) == 0) {
        totals.overflowed += delta.form.events;
    }
}

// Merges the parts into their tile and, where that has been merged into the windows above it, into those.
void merge_job(Fold *fold, const Part *parts, int n) {
    WindowWriter *windows = &fold->windows;
    ArrayType *grp = group_of(fold, parts[0]);
    const TimestampTz t = parts[0].tile;
    Window *tile = move_to_window(windows, Level::tile, grp, t);
    const bool late = tile->tile.finished;
    Window *above[level_count];
    int above_count = 0;
    for (int level = 1; late && level < level_count; ++level)
        if (fold->row.kept[level])
            above[above_count++] = move_to_window(windows, static_cast<Level>(level), grp, t);
    for (int i = 0; i < n; ++i) {
        CHECK_FOR_INTERRUPTS();
        const StoredTally values = values_of(fold, parts[i]);
        const int64 events = delta_of(fold, parts[i]).form.events;
        const uint64_t before = tally_weight(tile->tally);
        add_to_window(windows, tile, values, events);
        for (int a = 0; a < above_count; ++a)
            add_to_window(windows, above[a], values, events);
        take(fold, parts[i], tally_weight(tile->tally) - before, late);
    }
}

// Writes the parts as one row of the log. False when they have too many items for that; nothing has changed then.
bool compact_job(Fold *fold, const Part *parts, int n) {
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    TallyShape shape = fold->row.shape;
    shape.capacity = std::max(shape.capacity, max_list);
    Tally *tally = make_tally(shape);
    auto *weights = static_cast<uint64_t *>(palloc(n * sizeof(uint64_t)));
    int64 events = 0;
    const auto fits_row = [&] { return is_exact(tally) && tally->summary->size() <= shape.capacity; };
    for (int i = 0; i < n && fits_row(); ++i) {
        const uint64_t before = tally_weight(tally);
        merge_stored(tally, values_of(fold, parts[i]));
        weights[i] = tally_weight(tally) - before;
        events += delta_of(fold, parts[i]).form.events;
    }
    const bool fits = fits_row();
    if (fits) {
        const DeltaScope scope = parts[0].group == -1 ? DeltaScope::all : DeltaScope::group;
        append_delta({{parts[0].tile, events, fold->row.id, scope}, group_of(fold, parts[0]), store_delta(tally)});
        for (int i = 0; i < n; ++i)
            take(fold, parts[i], weights[i], false);
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(fold->job_context);
    return fits;
}

void compact_or_merge(Fold *fold, const Part *parts, int n) {
    if (!compact_job(fold, parts, n))
        merge_job(fold, parts, n);
}

bool is_worth_merging(Fold *fold, const Part *parts, int n) {
    if (fold->everything)
        return true;
    size_t bytes = 0;
    for (int i = 0; i < n; ++i) {
        const CollectedDelta &delta = delta_of(fold, parts[i]);
        if (!delta.is_list)
            return true;
        bytes += delta.bytes;
    }
    const Span span = window_of(&fold->row, Level::tile, parts[0].tile);
    if (span.stop <= fold->now)
        return true;
    if (bytes < min_merged)
        return false;
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    Tile tile;
    const bool exists = find_tile({fold->row.id, Level::tile, group_of(fold, parts[0]), span.start}, nullptr, &tile);
    const size_t stored = exists ? payload_size(tile.values) : 0;
    MemoryContextSwitchTo(old);
    MemoryContextReset(fold->job_context);
    return bytes >= stored / merged_share;
}

// Puts the parts that are compacted now first. Returns how many: those that must leave their slot, and as many small ones as
// are worth it.
int choose_for_compaction(Fold *fold, Part *parts, int n) {
    const auto delta = [&](int i) -> const CollectedDelta & { return delta_of(fold, parts[i]); };
    std::sort(parts, parts + n, [&](const Part &a, const Part &b) {
        const CollectedDelta &x = delta_of(fold, a), &y = delta_of(fold, b);
        return x.draining != y.draining ? x.draining : x.bytes < y.bytes;
    });
    int m = 0;
    size_t sum = 0;
    while (m < n && (delta(m).draining || delta(m).bytes <= std::max(sum, small)))
        sum += delta(m++).bytes;
    return m >= max_waiting || (m > 0 && delta(0).draining) ? m : 0;
}

void run_job(Fold *fold, Part *parts, int n) {
    if (is_worth_merging(fold, parts, n)) {
        merge_job(fold, parts, n);
        return;
    }
    const int m = choose_for_compaction(fold, parts, n);
    if (m != 0)
        compact_or_merge(fold, parts, m);
    if (fold->row.group_count == 0)
        return;
    // A raw row of a rollup with groups counts in two jobs, so none of them may leave it behind.
    const Part *first = parts + m;
    const Part *end = std::partition(parts + m, parts + n,
                                     [&](const Part &part) { return delta_of(fold, part).form.scope == DeltaScope::raw; });
    if (first != end)
        compact_or_merge(fold, first, static_cast<int>(end - first));
}

// Moves the deltas of a job out of the log. Those that cannot even be copied are counted without their values, and make an
// answer an error.
void set_aside(Fold *fold, const Part *parts, int n) {
    const char *sqlstate = unpack_sql_state(fold->error->sqlerrcode);
    const bool all = parts[0].group == -1;
    ArrayType *grp = group_of(fold, parts[0]);
    for (int i = 0; i < n; ++i) {
        SetAside row = {read_delta(delta_of(fold, parts[i]).tuple, fold->descriptor), 0};
        row.weight = static_cast<int64>(readable_weight(row.delta.values));
        row.delta.form.scope = all ? DeltaScope::all : DeltaScope::group;
        row.delta.grp = grp;
        if (in_subtransaction([&] { insert_set_aside(row, sqlstate, true); }) != nullptr)
            insert_set_aside(row, sqlstate, false);
        take(fold, parts[i], static_cast<uint64_t>(row.weight), false);
    }
    fold->windows.failures = true;
    delete_snapshots_with(fold->row.id, grp, window_of(&fold->row, Level::tile, parts[0].tile));
}

void run_job_alone(Fold *fold, Part *parts, int n) {
    auto *taken = static_cast<bool *>(palloc(n * sizeof(bool)));
    auto *copy = static_cast<Part *>(palloc(n * sizeof(Part)));
    for (int i = 0; i < n; ++i) {
        copy[i] = parts[i];
        taken[i] = delta_of(fold, parts[i]).taken;
    }
    fold->windows.at = {Level::tile, window_of(&fold->row, Level::tile, parts[0].tile)};
    if (!succeeds_alone(fold, group_of(fold, parts[0]), [&] { run_job(fold, parts, n); })) {
        for (int i = 0; i < n; ++i)
            delta_of(fold, copy[i]).taken = taken[i];
        set_aside(fold, copy, n);
    }
    pfree(taken);
    pfree(copy);
}

} // namespace

void run_jobs(Fold *fold) {
    for (int first = 0, next; first < fold->parts.count; first = next) {
        const Part &a = fold->parts[first];
        for (next = first + 1; next < fold->parts.count; ++next)
            if (fold->parts[next].group != a.group || fold->parts[next].tile != a.tile)
                break;
        (fold->alone ? run_job_alone : run_job)(fold, fold->parts.elements + first, next - first);
    }
    write_open_windows(&fold->windows);
}

} // namespace topk::fold
