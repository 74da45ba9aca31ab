#include "pieces.h"

#include "../catalog/group_key.h"
#include "../catalog/set_aside.h"

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

void add(Collector *c, int64 events, const StoredTally &values) { c->result.parts.add({events, values}); }

void add_row(Collector *c, Level level, TimestampTz start) {
    Tile tile;
    if (find_tile({c->row->id, level, c->grp, start}, c->snapshot, &tile))
        add(c, tile.events, tile.values);
}

// Adds what finished tiles have counted.
void add_cover(Collector *c, const Cover &cover) {
    for (const Tile &tile : read_cover(c->row, c->grp, cover, c->snapshot))
        add(c, tile.events, tile.values);
    for (const Tile &tile : read_remains(c->row, c->grp, cover, c->snapshot))
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
        if (form->rollup != c->row->id)
            continue;
        ++c->result.deltas;
        if (!span.contains(form->tile))
            continue;
        TupleDesc descriptor = RelationGetDescr(scan.relation);
        if (!is_wanted(c, tuple, descriptor, form->scope))
            continue;
        add(c, form->events, read_delta(heap_copytuple(tuple), descriptor).values);
    }
}

// Deltas that folds could not merge are read like the log.
void add_set_aside(Collector *c, Span span) {
    RowScan scan;
    begin_set_aside(&scan, c->row->id, span, c->snapshot);
    SetAside row;
    while (next_set_aside(&scan, &row)) {
        const Delta &delta = row.delta;
        if (c->grp == nullptr ? delta.grp != nullptr : delta.grp == nullptr || !equal_groups(c->grp, delta.grp))
            continue;
        if (delta.values.items == nullptr && delta.values.summary == nullptr)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("counts that were set aside cannot be read")));
        add(c, delta.form.events, delta.values);
    }
}

// A group without counts of its own is part of the overflow group, and empty by itself.
bool has_counts(const RollupRow *row, ArrayType *grp) {
    return grp == nullptr || ARR_NDIM(grp) == 0 || has_own_counts(row, grp, GetActiveSnapshot());
}

Collector begin(const RollupRow *row, Span span, ArrayType *grp) {
    asked_span = span;
    Collector c = {};
    c.row = row;
    c.grp = grp;
    c.snapshot = GetActiveSnapshot();
    c.result.row = row;
    c.result.span = span;
    c.result.all_groups = grp == nullptr;
    return c;
}

void add_range(Collector *c, const Lost &lost, Span span) {
    const Cover cover = cover_span(c->row, lost, span, Level::month);
    c->result.missing = cover.missing;
    if (!has_counts(c->row, c->grp))
        return;
    add_cover(c, cover);
    add_unfinished_tiles(c, span);
    add_deltas(c, span);
    add_set_aside(c, span);
}

} // namespace

Span asked_span = {0, 0};

Pieces window_pieces(const RollupRow *row, const AskedWindow &window) {
    Collector c = begin(row, window.span, window.grp);
    const Lost lost = read_lost(row->id, c.snapshot);
    if (is_lost(lost, window.level, window.span)) {
        add_range(&c, lost, window.span);
        return c.result;
    }
    if (!has_counts(row, window.grp))
        return c.result;
    add_row(&c, window.level, window.span.start);
    if (window.level != Level::tile)
        add_unfinished_tiles(&c, window.span);
    add_deltas(&c, window.span);
    add_set_aside(&c, window.span);
    return c.result;
}

Pieces range_pieces(const RollupRow *row, Span span, ArrayType *grp) {
    Collector c = begin(row, span, grp);
    add_range(&c, read_lost(row->id, c.snapshot), span);
    return c.result;
}

int64 unassigned_events(const RollupRow *row, Span span, ArrayType *grp) {
    return has_counts(row, grp) ? 0 : events_of(range_pieces(row, span, construct_empty_array(TEXTOID)));
}

const Span *first_missing(const Pieces &pieces) {
    return pieces.missing.count == 0 ? nullptr
                                     : std::min_element(pieces.missing.begin(), pieces.missing.end(),
                                                        [](const Span &a, const Span &b) { return a.start < b.start; });
}

int64 events_of(const Pieces &pieces) {
    int64 events = 0;
    for (const Piece &piece : pieces.parts)
        events += piece.events;
    return events;
}

// To the total weight at most.
static uint64_t add_bound(uint64_t a, uint64_t b) { return std::min(a + b, max_total); }

void add_frequency(Frequency *sum, const Frequency &part) {
    sum->lower = add_bound(sum->lower, part.lower);
    sum->upper = add_bound(sum->upper, part.upper);
    sum->estimate = add_bound(sum->estimate, part.estimate);
}

Frequency frequency_of(const RollupRow *row, const Pieces &pieces, const void *data, size_t length) {
    Frequency sum = {};
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        add_frequency(&sum, stored_frequency(piece.values, row->shape.kind, data, length));
    }
    return sum;
}

Sum sum_of(const RollupRow *row, const Pieces &all) {
    const Array<Piece> &pieces = all.parts;
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
