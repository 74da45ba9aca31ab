// Removing the counts of a span, and making windows anew that are only partly in it.
#include "../catalog/rollup_state.h"
#include "../catalog/set_aside.h"
#include "../catalog/snapshot.h"
#include "../stream/delta_log.h"
#include "recount_steps.h"
#include "window_writer.h"

namespace topk::fold {
namespace {

// Of what is removed.
struct Sum {
    int64 events; // those that the totals of the rollup include
    int128 weight;
    int64 unfolded; // others
};

void add(Sum *sum, int64 events, uint64 weight) {
    sum->events += events;
    sum->weight += weight;
}

bool overlap(const Span &a, const Span &b) { return a.start < b.stop && b.start < a.stop; }

bool within(const Span &inner, const Span &outer) { return outer.start <= inner.start && inner.stop <= outer.stop; }

// Whether a span overlaps one of several, which are disjoint and in the order of time.
bool overlaps(const Array<Span> &spans, const Span &span) {
    const Span *next = std::upper_bound(spans.begin(), spans.end(), span.start,
                                        [](TimestampTz start, const Span &s) { return start < s.stop; });
    return next != spans.end() && next->start < span.stop;
}

bool contains(const Array<Span> &spans, TimestampTz t) { return overlaps(spans, {t, t + 1}); }

// Returns the parts of a span that are in none of the others.
Array<Span> without(const Span &span, const Array<Span> &others) {
    Array<Span> parts = {};
    TimestampTz at = span.start;
    for (const Span &other : others) {
        if (!overlap(other, span))
            continue;
        if (at < other.start)
            parts.add({at, other.start});
        at = other.stop;
    }
    if (at < span.stop)
        parts.add({at, span.stop});
    return parts;
}

// ---- The counts that are replaced

// Whether the table has a row in the span. Adds up the events that were counted there.
bool has_row(const Recount *recount, Span span, int64 *events) {
    const Array<CountedTile> &tiles = recount->tiles;
    const CountedTile *tile = std::lower_bound(tiles.begin(), tiles.end(), span.start,
                                               [](const CountedTile &t, TimestampTz start) { return t.start < start; });
    bool found = false;
    for (; tile != tiles.end() && tile->start < span.stop; ++tile) {
        found = true;
        *events += tile->events;
    }
    return found;
}

// Tiles that have counts, and of which the table has no row.
void find_tiles_without_rows(const Recount *recount, Array<Span> *found) {
    const auto look_at = [&](Span tile) {
        int64 events = 0;
        if (!has_row(recount, tile, &events))
            found->add(tile);
    };
    RowScan scan;
    begin_tiles(&scan, recount->row.id, Level::tile, nullptr, recount->span, nullptr);
    Tile tile;
    while (next_tile(&scan, &tile))
        look_at({tile.key.start, tile.stop});
    SetAside row;
    begin_set_aside(&scan, recount->row.id, recount->span, nullptr);
    while (next_set_aside(&scan, &row))
        look_at(window_of(&recount->row, Level::tile, row.delta.form.tile));
    DeltaScan deltas;
    begin_delta_scan(&deltas, recount->snapshot, recount->row.id);
    while (HeapTuple tuple = next_delta(&deltas)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        if (form.rollup == recount->row.id && recount->span.contains(form.tile))
            look_at(window_of(&recount->row, Level::tile, form.tile));
    }
}

// Where retention has removed tiles, the shortest windows that have counts stand for them. A backfill also leaves those that
// have counted more than the table has: it cannot know of which tiles these counts are.
void find_windows_without_rows(const Recount *recount, Array<Span> *found, Array<Span> *forgotten) {
    Span zone = recount->lost.levels[0];
    for (int i = 1; i < level_count && zone.start < zone.stop; ++i) {
        if (!recount->row.kept[i])
            continue;
        const auto level = static_cast<Level>(i);
        zone = {std::max(zone.start, recount->span.start), std::min(zone.stop, recount->span.stop)};
        if (zone.start >= zone.stop)
            return;
        RowScan scan;
        begin_tiles(&scan, recount->row.id, level, nullptr, {window_of(&recount->row, level, zone.start).start, zone.stop},
                    nullptr);
        Tile tile;
        while (next_tile(&scan, &tile)) {
            const Span window = {tile.key.start, tile.stop};
            int64 events = 0;
            if (!within(window, recount->span))
                continue;
            if (!has_row(recount, window, &events)) {
                found->add(window);
            } else if (recount->mode == Mode::backfill && events < tile.events) {
                found->add(window);
                forgotten->add(window);
            }
        }
        zone = {std::max(zone.start, recount->lost.levels[i].start), std::min(zone.stop, recount->lost.levels[i].stop)};
    }
}

// Sorts spans and unites those that overlap.
void unite(Array<Span> *spans) {
    std::sort(spans->begin(), spans->end(), [](const Span &a, const Span &b) { return a.start < b.start; });
    int n = 0;
    for (const Span &span : *spans) {
        if (n != 0 && span.start <= spans->elements[n - 1].stop)
            spans->elements[n - 1].stop = std::max(spans->elements[n - 1].stop, span.stop);
        else
            spans->elements[n++] = span;
    }
    spans->count = n;
}

[[noreturn]] void raise_rows_are_gone(const Recount *recount, TimestampTz first) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("cannot refresh rollup \"%s\": it has counted rows that its table no longer has", recount->row.name),
             errdetail("The first such time is %s.", timestamptz_to_str(first)),
             errhint("Refresh other spans, or remove these counts with topk.refresh(..., empty => true).")));
    pg_unreachable();
}

// Calls back for each delta of the spans that the recount has written, with the table that it is in.
template <class Use>
void each_recounted(const Recount *recount, const Array<Span> &spans, const Use &use) {
    if (spans.count == 0)
        return;
    DeltaScan scan;
    begin_delta_scan(&scan, GetLatestSnapshot(), recount->row.id);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        if (form.rollup == recount->row.id && contains(spans, form.tile) &&
            TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) &&
            HeapTupleHeaderGetCmin(tuple->t_data) >= recount->snapshot->curcid)
            use(scan.relation, tuple);
    }
    CommandCounterIncrement();
}

// ---- Removal

// The deltas of the parts that are replaced. Those that were compacted are part of the rollup's totals already.
void remove_deltas(const Recount *recount, Sum *sum) {
    DeltaScan scan;
    begin_delta_scan(&scan, recount->snapshot, recount->row.id);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        if (form.rollup != recount->row.id || form.tile == DT_NOBEGIN || !contains(recount->replaced, form.tile))
            continue;
        if (form.scope == DeltaScope::all && !contains(recount->missing, form.tile))
            add(sum, form.events, readable_weight(read_delta(tuple, RelationGetDescr(scan.relation)).values));
        if (form.scope == DeltaScope::raw)
            sum->unfolded += form.events;
        delete_delta(scan.relation, tuple);
    }
}

// Deltas that folds could not merge go as well.
void remove_set_aside(const Recount *recount, Span part, Sum *sum) {
    RowScan scan;
    SetAside row;
    begin_set_aside(&scan, recount->row.id, part, nullptr);
    while (next_set_aside(&scan, &row))
        if (row.delta.form.scope == DeltaScope::all && !contains(recount->missing, row.delta.form.tile))
            add(sum, row.delta.form.events, static_cast<uint64_t>(row.weight));
    delete_set_aside(recount->row.id, part);
}

// Deltas that are left may be merged now. Those whose values could not be copied stay, and go on making answers an error.
void retry_failures(const Recount *recount) {
    const int32 id = recount->row.id;
    RowScan scan;
    SetAside row;
    begin_set_aside(&scan, id, {DT_NOBEGIN, DT_NOEND}, nullptr);
    while (next_set_aside(&scan, &row))
        if (has_values(row))
            append_delta(row.delta);
    delete_set_aside_with_values(id);
    retry_tiles(id);
}

// Adds what the rows of topk.tile have counted in a part.
void add_counted(Recount *recount, Span part, Sum *sum) {
    const Cover cover = cover_span(&recount->row, recount->lost, part, longest_level);
    for (const Tile &tile : read_cover(&recount->row, nullptr, cover, nullptr))
        add(sum, tile.events, readable_weight(tile.values));
    RowScan scan;
    begin_unfinished(&scan, recount->row.id, Level::tile, nullptr, part.start, part.stop, nullptr);
    Tile tile;
    while (next_tile(&scan, &tile))
        if (!contains(recount->missing, tile.key.start))
            add(sum, tile.events, readable_weight(tile.values));
}

// Of times of which no level has all that was counted, nobody can know by how much the totals of the rollup change. So they
// do not change: what was counted again there goes into the log as if it were part of the totals already.
void leave_totals(const Recount *recount) {
    each_recounted(recount, recount->missing, [&](Relation slot, HeapTuple tuple) {
        Delta delta = read_delta(heap_copytuple(tuple), RelationGetDescr(slot));
        ArrayType *grp = delta.grp;
        const bool of_groups = recount->row.group_count != 0;
        delta.grp = nullptr;
        delta.form.scope = DeltaScope::all;
        append_delta(delta);
        if (of_groups) {
            delta.grp = grp;
            delta.form.scope = DeltaScope::group;
            append_delta(delta);
        }
        delete_delta(slot, tuple);
    });
}

// The tiles that a window keeps, as a cover of windows below it.
Cover cover_rest(const Recount *recount, const LevelSpan &window) {
    Cover cover = {};
    for (const Span &rest : without(window.span, recount->replaced)) {
        const Cover part =
            cover_span(&recount->row, recount->lost, rest, static_cast<Level>(static_cast<int>(window.level) - 1));
        for (const LevelSpan &covered : part.parts)
            cover.parts.add(covered);
        for (const Span &missing : part.missing)
            cover.missing.add(missing);
    }
    return cover;
}

// Windows that are only partly replaced can be made anew if there are counts of all their other parts. Returns the span for
// which that is so, and sets `first` to the first window for which it is not so yet (its stop is 0: there is none).
Span whole_windows(const Recount *recount, LevelSpan *first) {
    Recount wider = *recount;
    Array<Span> hull = {};
    Span all = hull.add({wider.replaced[0].start, wider.replaced[wider.replaced.count - 1].stop});
    *first = {};
    for (bool grown = true; grown;) {
        grown = false;
        for (const LevelSpan &window : list_windows(recount->row.id, all)) {
            if (!overlaps(wider.replaced, window.span) || cover_rest(&wider, window).missing.count == 0)
                continue;
            if (first->span.stop == 0)
                *first = window;
            all = {std::min(all.start, window.span.start), std::max(all.stop, window.span.stop)};
            hull[0] = all;
            wider.replaced = hull;
            grown = true;
            break;
        }
    }
    return all;
}

void require_rest_of_windows(const Recount *recount) {
    LevelSpan first;
    const Span all = whole_windows(recount, &first);
    if (first.span.stop == 0)
        return;
    const char *what = recount->mode == Mode::discard ? "discard" : "recount";
    char *start = pstrdup(timestamptz_to_str(first.span.start)), *since = pstrdup(timestamptz_to_str(all.start));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("cannot %s a part of a %s of rollup \"%s\"", what, level_name(first.level), recount->row.name),
                    errdetail("It is the %s that begins at %s. Retention has removed the counts of its other parts.",
                              level_name(first.level), start),
                    errhint("Use the span from %s to %s.", since, timestamptz_to_str(all.stop))));
}

// Makes a window of the tiles that it keeps.
void rebuild_window(const Recount *recount, WindowWriter *writer, const DeletedWindow &window) {
    const Cover cover = cover_rest(recount, {window.level, window.span});
    for (const Tile &tile : read_cover(&recount->row, window.grp, cover, nullptr))
        add_to_window(writer, move_to_window(writer, window.level, window.grp, window.span.start), tile.values, tile.events);
}

void remove_rows(const Recount *recount) {
    const int32 id = recount->row.id;
    WindowWriter writer = begin_windows(&recount->row);
    Array<DeletedWindow> windows = {};
    for (const Span &part : recount->replaced) {
        delete_snapshots(id, part);
        delete_tiles(id, part, &writer.change);
        for (const DeletedWindow &window : delete_windows(id, part, &writer.change))
            windows.add(window);
    }
    for (const DeletedWindow &window : windows)
        rebuild_window(recount, &writer, window);
    end_windows(&writer);
    add_level_change(id, writer.change);
}

} // namespace

Span workable_span(const Recount *recount, Span span) {
    Recount alone = *recount;
    alone.replaced = {};
    alone.replaced.add(span);
    LevelSpan first;
    return whole_windows(&alone, &first);
}

void find_replaced(Recount *recount) {
    Array<Span> kept = {}, forgotten = {};
    if (recount->mode == Mode::backfill || recount->mode == Mode::refresh) {
        find_tiles_without_rows(recount, &kept);
        find_windows_without_rows(recount, &kept, &forgotten);
        unite(&kept);
        if (recount->mode == Mode::refresh && kept.count != 0)
            raise_rows_are_gone(recount, kept[0].start);
    }
    unite(&forgotten);
    each_recounted(recount, forgotten, [&](Relation slot, HeapTuple tuple) {
        recount->counted -= delta_form(tuple)->events;
        delete_delta(slot, tuple);
    });
    recount->replaced = without(recount->span, kept);
    for (const Span &part : recount->replaced)
        for (const Span &missing : cover_span(&recount->row, recount->lost, part, longest_level).missing)
            recount->missing.add(missing);
}

int64 remove_counts(Recount *recount) {
    Sum sum = {};
    if (recount->replaced.count == 0)
        return 0;
    require_rest_of_windows(recount);
    for (const Span &part : recount->replaced) {
        add_counted(recount, part, &sum);
        remove_set_aside(recount, part, &sum);
    }
    remove_deltas(recount, &sum);
    CommandCounterIncrement();
    leave_totals(recount);
    remove_rows(recount);
    retry_failures(recount);
    subtract_counts(recount->row.id, sum.events, sum.weight);
    return sum.events + sum.unfolded;
}

} // namespace topk::fold
