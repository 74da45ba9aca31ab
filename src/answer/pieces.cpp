#include "pieces.h"

#include "../catalog/group_key.h"

namespace topk::answer {
namespace {

struct Collector {
    const RollupRow *row;
    ArrayType *grp;
    Snapshot snapshot;
    OwnGroups own; // read when the first delta needs it
    bool own_is_read;
    Pieces result;
};

void add(Collector *c, int64 events, const StoredTally &values) { c->result.add({events, values}); }

void add_row(Collector *c, Level level, TimestampTz start, bool unfinished_too) {
    Tile tile;
    if (find_tile({c->row->id, level, c->grp, start}, c->snapshot, &tile) && (unfinished_too || tile.finished))
        add(c, tile.events, tile.values);
}

void add_unfinished_tiles(Collector *c, Span span) {
    RowScan scan;
    begin_unfinished(&scan, c->row->id, Level::tile, c->grp, span.start, span.stop, c->snapshot);
    Tile tile;
    while (next_tile(&scan, &tile))
        add(c, tile.events, tile.values);
}

// A raw delta counts for its own group, and for the overflow group if its own group has no counts.
bool is_wanted(Collector *c, HeapTuple tuple, TupleDesc descriptor, DeltaScope scope) {
    if (scope == DeltaScope::all || c->grp == nullptr)
        return c->grp == nullptr && scope != DeltaScope::group;
    if (delta_in_group(tuple, descriptor, c->grp))
        return true;
    if (scope != DeltaScope::raw || ARR_NDIM(c->grp) != 0)
        return false;
    const Delta delta = read_delta(tuple, descriptor);
    if (delta.grp == nullptr)
        return true;
    if (!c->own_is_read) {
        c->own = read_own_groups(c->row, c->snapshot);
        c->own_is_read = true;
    }
    return !contains(c->own, DatumGetArrayTypeP(PointerGetDatum(delta.grp)));
}

void add_deltas(Collector *c, Span span) {
    DeltaScan scan;
    begin_delta_scan(&scan, c->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        Form_topk_delta form = delta_form(tuple);
        if (form->rollup != c->row->id || !span.contains(form->tile))
            continue;
        TupleDesc descriptor = RelationGetDescr(scan.relation);
        if (!is_wanted(c, tuple, descriptor, form->scope))
            continue;
        add(c, form->events, read_delta(heap_copytuple(tuple), descriptor).values);
    }
}

// False for a group without counts of its own: it is part of the overflow group, and empty by itself.
bool begin(Collector *c, const RollupRow *row, ArrayType *grp) {
    *c = {};
    c->row = row;
    c->grp = grp;
    c->snapshot = GetActiveSnapshot();
    return grp == nullptr || ARR_NDIM(grp) == 0 || has_own_counts(row, grp, c->snapshot);
}

// The largest window that begins at `at` and ends in the span; otherwise the tile that contains `at`.
AskedWindow largest_window(const RollupRow *row, Span span, TimestampTz at) {
    for (int i = level_count - 1; i > 0; --i) {
        const auto level = static_cast<Level>(i);
        if (!row->kept[i])
            continue;
        const Span window = window_of(row, level, at);
        if (window.start == at && window.stop <= span.stop)
            return {level, window, nullptr};
    }
    return {Level::tile, window_of(row, Level::tile, at), nullptr};
}

} // namespace

Pieces window_pieces(const RollupRow *row, const AskedWindow &window) {
    Collector c;
    if (!begin(&c, row, window.grp))
        return {};
    add_row(&c, window.level, window.span.start, true);
    if (window.level != Level::tile)
        add_unfinished_tiles(&c, window.span);
    add_deltas(&c, window.span);
    return c.result;
}

Pieces range_pieces(const RollupRow *row, Span span, ArrayType *grp) {
    Collector c;
    if (!begin(&c, row, grp))
        return {};
    for (TimestampTz at = span.start; at < span.stop;) {
        CHECK_FOR_INTERRUPTS();
        const AskedWindow window = largest_window(row, span, at);
        add_row(&c, window.level, at, window.level != Level::tile);
        at = window.span.stop;
    }
    add_unfinished_tiles(&c, span);
    add_deltas(&c, span);
    return c.result;
}

int64 events_of(const Pieces &pieces) {
    int64 events = 0;
    for (int i = 0; i < pieces.count; ++i)
        events += pieces[i].events;
    return events;
}

Sum sum_of(const RollupRow *row, const Pieces &pieces) {
    Sum sum = {};
    if (pieces.count == 0)
        return sum;
    // The others are added to the largest summary.
    int largest = -1;
    Size size = 0;
    for (int i = 0; i < pieces.count; ++i) {
        const struct varlena *summary = pieces[i].values.summary;
        const Size n = summary == nullptr ? 0 : toast_raw_datum_size(PointerGetDatum(summary));
        if (n > size) {
            size = n;
            largest = i;
        }
    }
    if (pieces.count == 1 && largest == 0) {
        sum.stored = pg_detoast_datum(pieces[0].values.summary);
        return sum;
    }
    sum.tally =
        largest == -1 ? make_tally(row->shape, Purpose::reading) : load_tally(row->shape, pieces[largest].values.summary);
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (i != largest)
            merge_stored(sum.tally, pieces[i].values);
    }
    return sum;
}

} // namespace topk::answer
