#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "../pg/bundle_writer.h"
#include "../pg/sorted_lists.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// Deltas of a tile and group wait in the log until they are worth a rewrite of the tile: it costs as much for one event as
// for thousands.
constexpr size_t min_merged = 4096;
constexpr int merged_share = 2; // of the tile's bytes
constexpr uint32_t max_list = 8192;
constexpr uint32_t max_summed = 32768; // items, which the processor's cache has room for
constexpr Size max_summed_memory = 16 << 20;
constexpr size_t longest_bundle = 1 << 20; // of lists that wait
constexpr size_t bytes_per_item = 6;       // of a list, nearly
constexpr int min_large = 3;               // rows of more than `small` bytes that are worth being compacted

CollectedDelta &delta_of(Fold *fold, const Part &part) { return fold->deltas[part.delta]; }

StoredTally values_of(Fold *fold, const Part &part) {
    return read_delta(delta_of(fold, part).tuple, fold->descriptor).values;
}

int64 events_of(Fold *fold, const Part &part) {
    return part.list != nullptr ? part.list->events : delta_of(fold, part).form.events;
}

size_t bytes_of(Fold *fold, const Part &part) {
    return part.list != nullptr ? part.list->count * bytes_per_item : delta_of(fold, part).bytes;
}

struct varlena *items_of(const Fold *fold, const SummedList &list) {
    return item_list(fold->row.shape.kind, fold->sums->sorted, list.counts, list.count);
}

// A row of a statement is part of two jobs, and bundles are part of many, so none of them may leave it behind.
bool must_be_taken(Fold *fold, const Part &part) {
    return part.list != nullptr || (fold->row.group_count != 0 && delta_of(fold, part).form.scope == DeltaScope::raw);
}

bool must_leave(Fold *fold, const Part &part) { return part.list == nullptr && delta_of(fold, part).draining; }

// A long list that has been compacted already costs less as a copy than read and written again.
bool can_be_copied(Fold *fold, const Part &part) {
    if (part.list != nullptr)
        return false;
    const CollectedDelta &delta = delta_of(fold, part);
    return delta.form.scope != DeltaScope::raw && delta.group == part.group && delta.bytes > small;
}

ArrayType *group_of(const Fold *fold, const Part &part) {
    return part.group == -1 ? nullptr : fold->groups.groups[part.group].key;
}

// Takes the delta. The weight and the events of raw ones are added to the totals of the rollup, once.
void take(Fold *fold, const Part &part, uint64_t weight, bool late) {
    int64 events = 0;
    if (part.list != nullptr) {
        events = part.list->raw_events;
    } else {
        CollectedDelta &delta = delta_of(fold, part);
        delta.taken = true;
        if (delta.form.scope != DeltaScope::raw)
            return;
        events = delta.form.events;
    }
    FoldTotals &totals = fold->totals;
    if (part.group == -1) {
        totals.events += events;
        totals.weight += weight;
        if (late)
            totals.late += events;
    } else if (ARR_NDIM(group_of(fold, part)) == 0) {
        totals.overflowed += events;
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

// Exact lists that are added up, with what their items take.
struct Addends {
    Array<SortedList> lists;
    ItemRoom room;
    uint64_t weight;
    uint32 count;
};

// Reads a part that is an exact list.
SortedList read_list(Fold *fold, const Part &part, ItemRoom *room) {
    if (part.list == nullptr)
        return read_sorted_list(pg_detoast_datum_packed(values_of(fold, part).items), fold->row.shape.kind, room);
    return sorted_list(fold->sums->sorted, part.list->counts, part.list->count);
}

bool has_room_for(const Addends &sum, const SortedList &list) { return list.weight <= max_total - sum.weight; }

void add_list(Addends *sum, const SortedList &list) {
    sum->lists.add(list);
    sum->weight += list.weight;
    sum->count += list.count;
}

SortedList add_up(const Fold *fold, const Addends &sum) {
    return add_sorted_lists(fold->row.shape.kind, sum.lists.elements, static_cast<uint32>(sum.lists.count));
}

// Merges the parts into their windows. Lists are added up before, as an item that many of them have then costs each window
// one update.
void merge_job(Fold *fold, const Part *parts, int n) {
    const Targets targets = open_targets(fold, parts[0]);
    const bool late = targets.windows[0]->tile.finished;
    Addends sum = {};
    int64 events = 0;
    const auto flush = [&] {
        if (sum.lists.count != 0) {
            const SortedList all = add_up(fold, sum);
            merge_into(fold, targets, events, [&](Tally *tally) {
                for (const WeightedItem *i = all.items, *end = i + all.count; i != end; ++i)
                    count_item(tally, i->data, i->length, i->weight);
            });
        }
        sum = {};
        events = 0;
        MemoryContextReset(fold->job_context);
    };
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    for (int i = 0; i < n; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (parts[i].list == nullptr && !delta_of(fold, parts[i]).is_list) {
            const uint64_t before = tally_weight(targets.windows[0]->tally);
            const StoredTally values = values_of(fold, parts[i]);
            merge_into(fold, targets, events_of(fold, parts[i]), [&](Tally *tally) { merge_stored(tally, values); });
            take(fold, parts[i], tally_weight(targets.windows[0]->tally) - before, late);
            continue;
        }
        SortedList list = read_list(fold, parts[i], &sum.room);
        if (!has_room_for(sum, list)) {
            flush();
            list = read_list(fold, parts[i], &sum.room);
        }
        add_list(&sum, list);
        events += events_of(fold, parts[i]);
        take(fold, parts[i], list.weight, late);
        if (sum.count > max_summed || MemoryContextMemAllocated(fold->job_context, false) > max_summed_memory)
            flush();
    }
    flush();
    MemoryContextSwitchTo(old);
}

void append_waiting(void *context, const TileBundle &bundle) {
    const auto *fold = static_cast<const Fold *>(context);
    StoredTally values = {};
    values.items = compress(bundle.bytes);
    append_delta({{bundle.tile, bundle.events, fold->row.id, DeltaScope::group}, nullptr, values});
}

// Short lists of groups go back to the log together.
void write_waiting(Fold *fold) {
    const ItemView *keys = fold->groups.numbers.items;
    const auto n = static_cast<uint32>(fold->waiting.count);
    if (n == 0)
        return;
    std::sort(fold->waiting.begin(), fold->waiting.end(), [&](const SummedList &a, const SummedList &b) {
        const ItemView &x = keys[a.group], &y = keys[b.group];
        return a.tile != b.tile ? a.tile < b.tile : compare_bytes(x.data, x.length, y.data, y.length) < 0;
    });
    auto *groups = static_cast<Bundle::CountedGroup *>(palloc_extended(n * sizeof(Bundle::CountedGroup), MCXT_ALLOC_HUGE));
    auto *tiles = static_cast<TimestampTz *>(palloc_extended(n * sizeof(TimestampTz), MCXT_ALLOC_HUGE));
    for (uint32 i = 0; i < n; ++i) {
        const SummedList &list = fold->waiting[static_cast<int>(i)];
        groups[i] = {keys[list.group], static_cast<uint64_t>(list.events), list.counts, list.count};
        tiles[i] = list.tile;
    }
    write_bundles({fold->row.shape.kind, fold->groups.values, fold->sums->sorted, fold->sums->items.count, groups, tiles, n},
                  longest_bundle, append_waiting, fold);
    fold->waiting.count = 0;
    fold->waiting_weight = 0;
}

void append_list(Fold *fold, const Part &part, int64 events, const StoredTally &list) {
    ArrayType *grp = group_of(fold, part);
    append_delta({{part.tile, events, fold->row.id, grp == nullptr ? DeltaScope::all : DeltaScope::group}, grp, list});
}

uint32_t longest_list(const Fold *fold) { return std::max(fold->row.shape.capacity, max_list); }

// Writes the list of bundles as one row of the log, or leaves it to write_waiting(). False if it has too many items for
// that.
bool compact_list(Fold *fold, const Part &part) {
    if (part.list->count > longest_list(fold))
        return false;
    if (part.group != -1 && bytes_of(fold, part) < small) {
        MemoryContext old = MemoryContextSwitchTo(fold->context);
        if (part.list->weight > max_total - fold->waiting_weight)
            write_waiting(fold);
        fold->waiting.add(*part.list).group = part.group;
        fold->waiting_weight += part.list->weight;
        MemoryContextSwitchTo(old);
    } else {
        MemoryContext old = MemoryContextSwitchTo(fold->job_context);
        StoredTally list = {};
        list.items = compress(items_of(fold, *part.list));
        append_list(fold, part, part.list->events, list);
        MemoryContextSwitchTo(old);
        MemoryContextReset(fold->job_context);
    }
    take(fold, part, part.list->weight, false);
    return true;
}

// Writes the parts as one row of the log. False when they have too many items for that; nothing has changed then.
bool compact_job(Fold *fold, const Part *parts, int n) {
    if (n == 1 && parts[0].list != nullptr)
        return compact_list(fold, parts[0]);
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    Addends lists = {};
    int64 events = 0;
    bool fits = true;
    for (int i = 0; i < n && fits; ++i) {
        const SortedList list = read_list(fold, parts[i], &lists.room);
        fits = list.count <= longest_list(fold) && has_room_for(lists, list);
        add_list(&lists, list);
        events += events_of(fold, parts[i]);
    }
    if (fits) {
        const SortedList sum = add_up(fold, lists);
        fits = sum.count <= longest_list(fold);
        if (fits) {
            StoredTally values = {};
            values.items = compress(write_item_list(fold->row.shape.kind, sum));
            append_list(fold, parts[0], events, values);
            for (int i = 0; i < n; ++i)
                take(fold, parts[i], lists.lists[i].weight, false);
        }
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
        if (parts[i].list == nullptr && !delta_of(fold, parts[i]).is_list)
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

// Puts the parts that are compacted now first. Returns how many: those that must be taken, small ones, and larger ones if
// there are several that have no more bytes than all before them.
int choose_for_compaction(Fold *fold, Part *parts, int n) {
    const auto must_move = [&](const Part &part) {
        return must_be_taken(fold, part) || (must_leave(fold, part) && !can_be_copied(fold, part));
    };
    std::sort(parts, parts + n, [&](const Part &a, const Part &b) {
        const bool x = must_move(a), y = must_move(b);
        return x != y ? x : bytes_of(fold, a) < bytes_of(fold, b);
    });
    int m = 0;
    size_t sum = 0;
    const auto choose = [&](const auto &is_chosen) {
        for (; m < n && is_chosen(parts[m]); ++m)
            sum += bytes_of(fold, parts[m]);
        return m;
    };
    const bool forced = choose(must_move) != 0;
    const int few = choose([&](const Part &part) { return bytes_of(fold, part) <= small; });
    const int many = choose([&](const Part &part) { return bytes_of(fold, part) <= sum; });
    if (many - few < min_large)
        m = few;
    return forced || m >= max_waiting ? m : 0;
}

// Appends the row again, as it is.
void copy_row(Fold *fold, const Part &part) {
    append_delta(read_delta(delta_of(fold, part).tuple, fold->descriptor));
    delta_of(fold, part).taken = true;
}

void run_job(Fold *fold, Part *parts, int n) {
    if (is_worth_merging(fold, parts, n)) {
        merge_job(fold, parts, n);
        return;
    }
    const int m = choose_for_compaction(fold, parts, n);
    if (m != 0)
        compact_or_merge(fold, parts, m);
    for (int i = m; i < n; ++i)
        if (must_leave(fold, parts[i]))
            copy_row(fold, parts[i]);
}

// Moves the deltas of a job out of the log. Those that cannot even be copied are counted without their values, and make an
// answer an error.
void set_aside(Fold *fold, const Part *parts, int n) {
    const char *sqlstate = unpack_sql_state(fold->error->sqlerrcode);
    const bool all = parts[0].group == -1;
    ArrayType *grp = group_of(fold, parts[0]);
    for (int i = 0; i < n; ++i) {
        SetAside row = {};
        if (parts[i].list == nullptr) {
            row.delta = read_delta(delta_of(fold, parts[i]).tuple, fold->descriptor);
        } else {
            row.delta.form = {parts[i].tile, parts[i].list->events, fold->row.id, DeltaScope::raw};
            row.delta.values.items = compress(items_of(fold, *parts[i].list));
        }
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
    auto *taken = static_cast<bool *>(palloc0(n * sizeof(bool)));
    auto *copy = static_cast<Part *>(palloc(n * sizeof(Part)));
    for (int i = 0; i < n; ++i) {
        copy[i] = parts[i];
        if (parts[i].list == nullptr)
            taken[i] = delta_of(fold, parts[i]).taken;
    }
    const int waiting = fold->waiting.count;
    const uint64 waiting_weight = fold->waiting_weight;
    fold->windows.at = {Level::tile, window_of(&fold->row, Level::tile, parts[0].tile)};
    if (!succeeds_alone(fold, group_of(fold, parts[0]), [&] { run_job(fold, parts, n); })) {
        fold->waiting.count = waiting;
        fold->waiting_weight = waiting_weight;
        for (int i = 0; i < n; ++i)
            if (copy[i].list == nullptr)
                delta_of(fold, copy[i]).taken = taken[i];
        set_aside(fold, copy, n);
    }
    pfree(taken);
    pfree(copy);
}

} // namespace

void run_jobs(Fold *fold) {
    for (int first = 0, next; first < fold->parts.count; first = next) {
        CHECK_FOR_INTERRUPTS();
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
