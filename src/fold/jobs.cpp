#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// Deltas of a tile and group wait in the log until they are worth a rewrite of the tile: it costs as much for one event as
// for thousands.
constexpr size_t min_merged = 4096;
constexpr int merged_share = 2; // of the tile's bytes
constexpr uint32_t max_list = 8192;
constexpr uint32_t max_summed = 32768;     // items, which the processor's cache has room for
constexpr size_t longest_bundle = 1 << 20; // of lists that wait
constexpr size_t bytes_per_byte = 3;       // of a list in a bundle, without the items that are stored elsewhere

CollectedDelta &delta_of(Fold *fold, const Part &part) { return fold->deltas[part.delta]; }

StoredTally values_of(Fold *fold, const Part &part) {
    return read_delta(delta_of(fold, part).tuple, fold->descriptor).values;
}

int64 events_of(Fold *fold, const Part &part) {
    return part.list != nullptr ? static_cast<int64>(part.list->events) : delta_of(fold, part).form.events;
}

size_t bytes_of(Fold *fold, const Part &part) {
    return part.list != nullptr ? part.list->list_length * bytes_per_byte : delta_of(fold, part).bytes;
}

void merge_part(Fold *fold, const Part &part, Tally *tally) {
    if (part.list != nullptr)
        merge_group(tally, *delta_of(fold, part).content, *part.list);
    else
        merge_stored(tally, values_of(fold, part));
}

// A row of a statement, or a bundle, is part of several jobs, so none of them may leave it behind.
bool must_be_taken(Fold *fold, const Part &part) {
    return part.list != nullptr || (fold->row.group_count != 0 && delta_of(fold, part).form.scope == DeltaScope::raw);
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
        totals.overflowed += events_of(fold, part);
    }
}

// The windows that a job changes: its tile and, where that has been merged into the windows above it, those.
struct Targets {
    Window *windows[level_count];
    int count;
};

Targets open_targets(Fold *fold, const Part &part) {
    ArrayType *grp = group_of(fold, part);
    Targets targets = {{move_to_window(&fold->windows, Level::tile, grp, part.tile)}, 1};
    for (int level = 1; targets.windows[0]->tile.finished && level < level_count; ++level)
        if (fold->row.kept[level])
            targets.windows[targets.count++] = move_to_window(&fold->windows, static_cast<Level>(level), grp, part.tile);
    return targets;
}

template <class Merge>
void merge_into(Fold *fold, const Targets &targets, int64 events, const Merge &merge) {
    for (int i = 0; i < targets.count; ++i)
        merge_into_window(&fold->windows, targets.windows[i], events, merge);
}

// Merges the parts into their windows. Lists are added up before, as an item that many of them have then costs each window
// one update.
void merge_job(Fold *fold, const Part *parts, int n) {
    const Targets targets = open_targets(fold, parts[0]);
    const bool late = targets.windows[0]->tile.finished;
    const TallyShape shape = {max_capacity, 0, 1, fold->row.shape.kind}; // of exact counts, however many
    Tally *sum = nullptr;
    int64 events = 0;
    const auto flush = [&] {
        if (sum != nullptr)
            merge_into(fold, targets, events, [&](Tally *tally) { count_all(tally, sum->summary); });
        sum = nullptr;
        events = 0;
        MemoryContextReset(fold->job_context);
    };
    for (int i = 0; i < n; ++i) {
        CHECK_FOR_INTERRUPTS();
        const bool is_list = delta_of(fold, parts[i]).is_list;
        if (!is_list) {
            const uint64_t before = tally_weight(targets.windows[0]->tally);
            merge_into(fold, targets, events_of(fold, parts[i]), [&](Tally *tally) { merge_part(fold, parts[i], tally); });
            take(fold, parts[i], tally_weight(targets.windows[0]->tally) - before, late);
            continue;
        }
        MemoryContext old = MemoryContextSwitchTo(fold->job_context);
        if (sum == nullptr)
            sum = make_tally(shape, Purpose::reading);
        const uint64_t before = tally_weight(sum);
        merge_part(fold, parts[i], sum);
        MemoryContextSwitchTo(old);
        events += events_of(fold, parts[i]);
        take(fold, parts[i], tally_weight(sum) - before, late);
        if (sum->summary->size() > max_summed)
            flush();
    }
    flush();
}

void append_waiting(void *context, const TileBundle &bundle) {
    const auto *fold = static_cast<const Fold *>(context);
    StoredTally values = {};
    values.items = compress(bundle.bytes);
    append_delta({{bundle.tile, bundle.events, fold->row.id, DeltaScope::group}, nullptr, values});
}

void write_waiting(Fold *fold) {
    if (fold->waiting != nullptr)
        write_bundles(fold->waiting, longest_bundle, append_waiting, fold);
    fold->waiting = nullptr;
}

// Short lists of groups go back to the log together.
void add_to_waiting(Fold *fold, ArrayType *grp, TimestampTz tile, int64 events, const SpaceSaving *list) {
    if (fold->waiting != nullptr && !fits(fold->waiting, list->total()))
        write_waiting(fold);
    if (fold->waiting == nullptr)
        fold->waiting = make_group_counts(fold->context, list->kind(), fold->row.group_count);
    fold->adding = true;
    const uint32 group = find_group(fold->waiting, tile, group_key(grp));
    group_at(fold->waiting, group)->events += events;
    for (uint32_t i = 0; i < list->size(); ++i) {
        const SpaceSaving::Entry &entry = list->entries()[i];
        add_count(fold->waiting, group, list->key(entry), entry.length, entry.count);
    }
    fold->adding = false;
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
        merge_part(fold, parts[i], tally);
        weights[i] = tally_weight(tally) - before;
        events += events_of(fold, parts[i]);
    }
    const bool fits = fits_row();
    if (fits) {
        ArrayType *grp = group_of(fold, parts[0]);
        const DeltaScope scope = grp == nullptr ? DeltaScope::all : DeltaScope::group;
        const StoredTally list = store_delta(tally);
        if (grp != nullptr && VARSIZE_ANY(list.items) < small)
            add_to_waiting(fold, grp, parts[0].tile, events, tally->summary);
        else
            append_delta({{parts[0].tile, events, fold->row.id, scope}, grp, list});
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
        bytes += bytes_of(fold, parts[i]);
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

// Puts the parts that are compacted now first. Returns how many: those that must be taken, those that must leave their slot,
// and as many small ones as are worth it.
int choose_for_compaction(Fold *fold, Part *parts, int n) {
    std::sort(parts, parts + n, [&](const Part &a, const Part &b) {
        const bool x = must_be_taken(fold, a), y = must_be_taken(fold, b);
        if (x != y)
            return x;
        const CollectedDelta &c = delta_of(fold, a), &d = delta_of(fold, b);
        return c.draining != d.draining ? c.draining : bytes_of(fold, a) < bytes_of(fold, b);
    });
    const auto must_move = [&](int i) { return must_be_taken(fold, parts[i]) || delta_of(fold, parts[i]).draining; };
    int m = 0;
    size_t sum = 0;
    while (m < n && (must_move(m) || bytes_of(fold, parts[m]) <= std::max(sum, small)))
        sum += bytes_of(fold, parts[m++]);
    return m >= max_waiting || (m > 0 && must_move(0)) ? m : 0;
}

void run_job(Fold *fold, Part *parts, int n) {
    if (is_worth_merging(fold, parts, n)) {
        merge_job(fold, parts, n);
        return;
    }
    if (const int m = choose_for_compaction(fold, parts, n))
        compact_or_merge(fold, parts, m);
}

// The list of a part, or nullptr if it cannot be read.
struct varlena *readable_items(Fold *fold, const Part &part) {
    struct varlena *items = nullptr;
    const ErrorData *error =
        in_subtransaction([&] { items = group_items(*delta_of(fold, part).content, *part.list, fold->row.shape.kind); });
    return error == nullptr ? items : nullptr;
}

// Moves the deltas of a job out of the log. Those that cannot even be copied are counted without their values, and make an
// answer an error.
void set_aside(Fold *fold, const Part *parts, int n) {
    const char *sqlstate = unpack_sql_state(fold->error->sqlerrcode);
    const bool all = parts[0].group == -1;
    ArrayType *grp = group_of(fold, parts[0]);
    for (int i = 0; i < n; ++i) {
        SetAside row = {read_delta(delta_of(fold, parts[i]).tuple, fold->descriptor), 0};
        if (parts[i].list != nullptr) {
            row.delta.form.events = events_of(fold, parts[i]);
            row.delta.values.items = readable_items(fold, parts[i]);
        }
        row.weight = static_cast<int64>(readable_weight(row.delta.values));
        row.delta.form.scope = all ? DeltaScope::all : DeltaScope::group;
        row.delta.grp = grp;
        if (row.delta.values.items == nullptr && parts[i].list != nullptr)
            insert_set_aside(row, sqlstate, false);
        else if (in_subtransaction([&] { insert_set_aside(row, sqlstate, true); }) != nullptr)
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
        if (fold->adding) // a part of the job is in the lists that wait
            ReThrowError(fold->error);
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
    write_waiting(fold);
}

} // namespace topk::fold
