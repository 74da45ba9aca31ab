#include "pieces.h"

#include "../catalog/group_key.h"
#include "../catalog/set_aside.h"
#include "../pg/bundle.h"

namespace topk::answer {
namespace {

struct Collector {
    const RollupRow *row;
    ArrayType *grp;
    ItemView key; // of the group in bundles
    Snapshot snapshot;
    MemoryContext context; // of the parts
    MemoryContext scratch;
    OwnGroups own; // read when the first delta needs it
    bool own_is_read;
    Pieces result;
};

void add(Collector *c, int64 events, const StoredTally &values) {
    MemoryContext caller = MemoryContextSwitchTo(c->context);
    c->result.parts.add({events, values});
    MemoryContextSwitchTo(caller);
}

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

// Whether the overflow group counts the events of this one.
bool is_overflow(Collector *c, const ArrayType *grp) {
    if (!c->own_is_read) {
        MemoryContext caller = MemoryContextSwitchTo(c->context);
        c->own = read_own_groups(c->row, c->snapshot);
        c->own_is_read = true;
        MemoryContextSwitchTo(caller);
    }
    return !contains(c->own, grp);
}

// A raw delta counts for its own group, and for the overflow group if its own group has no counts.
bool is_wanted(Collector *c, const Delta &delta) {
    if (delta.form.scope == DeltaScope::all || c->grp == nullptr)
        return c->grp == nullptr && delta.form.scope != DeltaScope::group;
    if (delta.grp == nullptr)
        return ARR_NDIM(c->grp) == 0 && delta.form.scope == DeltaScope::raw;
    const ArrayType *grp = DatumGetArrayTypeP(PointerGetDatum(delta.grp));
    return equal_groups(grp, c->grp) ||
           (delta.form.scope == DeltaScope::raw && ARR_NDIM(c->grp) == 0 && is_overflow(c, grp));
}

void add_group(Collector *c, const BundleContent &content, const Bundle::Group &group) {
    const struct varlena *items = group_items(content, group, c->row->shape.kind);
    StoredTally values = {};
    values.items = static_cast<struct varlena *>(MemoryContextAlloc(c->context, VARSIZE_ANY(items)));
    memcpy(values.items, items, VARSIZE_ANY(items));
    add(c, static_cast<int64>(group.events), values);
}

// Adds what a bundle counts for the group that is asked for. For the overflow group, that may be many.
void add_bundle(Collector *c, DeltaScope scope, const struct varlena *bundle) {
    BundleContent content;
    if (ARR_NDIM(c->grp) != 0 || scope == DeltaScope::group) {
        if (read_bundle_group(bundle, c->row->shape.kind, c->key, &content))
            add_group(c, content, content.groups[0]);
        return;
    }
    content = read_bundle(bundle, c->row->shape.kind);
    for (uint32 i = 0; i < content.group_count; ++i) {
        const Bundle::Group &group = content.groups[i];
        if (group.key.length == 0 || is_overflow(c, group_array(group.key, content.values)))
            add_group(c, content, group);
    }
}

void add_delta(Collector *c, HeapTuple tuple, TupleDesc descriptor) {
    const Delta delta = read_delta(tuple, descriptor);
    const bool of_groups = delta.grp == nullptr && delta.form.scope != DeltaScope::all;
    if (c->grp != nullptr && of_groups && delta.values.items != nullptr) {
        MemoryContext caller = MemoryContextSwitchTo(c->scratch);
        const struct varlena *items = pg_detoast_datum_packed(delta.values.items);
        const bool bundle = is_bundle(items);
        if (bundle)
            add_bundle(c, delta.form.scope, items);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(c->scratch);
        if (bundle)
            return;
    }
    if (is_wanted(c, delta))
        add(c, delta.form.events, read_delta(heap_copytuple(tuple), descriptor).values);
}

void add_deltas(Collector *c, Span span) {
    c->scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    DeltaScan scan;
    begin_delta_scan(&scan, c->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        Form_topk_delta form = delta_form(tuple);
        if (form->rollup != c->row->id)
            continue;
        ++c->result.deltas;
        if (span.contains(form->tile))
            add_delta(c, tuple, RelationGetDescr(scan.relation));
    }
    MemoryContextDelete(c->scratch);
}

// Deltas that folds could not merge are read like the log.
void add_set_aside(Collector *c, Span span) {
    RowScan scan;
    begin_set_aside(&scan, c->row->id, span, c->snapshot);
    SetAside row;
    while (next_set_aside(&scan, &row)) {
        const Delta &delta = row.delta;
        if ((delta.form.scope == DeltaScope::all) != (c->grp == nullptr))
            continue;
        // What could not be read may be of any group.
        if (c->grp != nullptr && delta.grp != nullptr && !equal_groups(c->grp, delta.grp))
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
    c.key = grp == nullptr ? ItemView{} : group_key(grp);
    c.snapshot = GetActiveSnapshot();
    c.context = CurrentMemoryContext;
    c.result.row = row;
    c.result.span = span;
    c.result.all_groups = grp == nullptr;
    return c;
}

void add_range(Collector *c, const Lost &lost, Span span) {
    const Cover cover = cover_span(c->row, lost, span, longest_level);
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
