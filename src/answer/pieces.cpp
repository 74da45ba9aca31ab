#include "pieces.h"

#include "../statistics/answer_timer.h"
#include "../fold/groups.h"
#include "../catalog/rights.h"

namespace topk::answer {
namespace {

struct Collector {
    Pieces result;
    int room;
};

void add(Collector *c, int64 events, const StoredTally &values) {
    if (c->result.count == c->room) {
        c->room = std::max(16, 2 * c->room);
        const size_t size = c->room * sizeof(Piece);
        c->result.pieces =
            static_cast<Piece *>(c->result.pieces == nullptr ? palloc(size) : repalloc_huge(c->result.pieces, size));
    }
    c->result.pieces[c->result.count++] = {events, values};
}

void add_row(Collector *c, const RollupRow *row, Level level, const ArrayType *grp, TimestampTz start, bool unfinished_too,
             Snapshot snapshot) {
    Tile tile;
    const TileKey key = {row->id, level, const_cast<ArrayType *>(grp), start};
    if (find_tile(key, snapshot, &tile) && (unfinished_too || tile.finished))
        add(c, tile.events, tile.values);
}

void add_unfinished(Collector *c, const RollupRow *row, Span span, const ArrayType *grp, Snapshot snapshot) {
    TileScan scan;
    begin_unfinished(&scan, row->id, Level::tile, false, const_cast<ArrayType *>(grp), span.start, span.stop, snapshot);
    Tile tile;
    while (next_unfinished(&scan, &tile))
        add(c, tile.events, tile.values);
}

// A raw row counts for its own group, or for the overflow group where it has no counts of its own.
bool is_for(const RollupRow *row, HeapTuple tuple, TupleDesc descriptor, DeltaScope scope, const ArrayType *grp,
            Snapshot snapshot) {
    if (scope == DeltaScope::all || grp == nullptr)
        return grp == nullptr && scope != DeltaScope::group;
    if (delta_in_group(tuple, descriptor, grp))
        return true;
    if (scope != DeltaScope::raw || ARR_NDIM(grp) != 0)
        return false;
    const Delta delta = read_delta(tuple, descriptor);
    return delta.grp == nullptr || !fold::has_own_counts(row, DatumGetArrayTypeP(PointerGetDatum(delta.grp)), snapshot);
}

void add_deltas(Collector *c, const RollupRow *row, Span span, const ArrayType *grp, Snapshot snapshot) {
    DeltaScan scan;
    begin_delta_scan(&scan, snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        const DeltaKey key = delta_key(tuple);
        if (key.rollup != row->id || key.tile < span.start || key.tile >= span.stop)
            continue;
        TupleDesc descriptor = RelationGetDescr(scan.relation);
        if (!is_for(row, tuple, descriptor, key.scope, grp, snapshot))
            continue;
        const Delta delta = read_delta(heap_copytuple(tuple), descriptor);
        add(c, key.events, {delta.items, delta.summary, delta.sketch, delta.registers});
    }
}

// A group that has no counts of its own is part of the overflow group, and nothing by itself.
bool is_empty_group(const RollupRow *row, const ArrayType *grp, Snapshot snapshot) {
    return grp != nullptr && ARR_NDIM(grp) != 0 && !fold::has_own_counts(row, grp, snapshot);
}

} // namespace

void find_readable(const char *name, RollupRow *row) {
    if (!read_rollup(name, GetActiveSnapshot(), row))
        raise_no_rollup(name);
    require_readable(row->name, row->source);
    answering = row->id;
}

Pieces window_pieces(const RollupRow *row, Level level, Span span, const ArrayType *grp, Snapshot snapshot) {
    Collector c = {};
    if (is_empty_group(row, grp, snapshot))
        return c.result;
    add_row(&c, row, level, grp, span.start, true, snapshot);
    if (level != Level::tile)
        add_unfinished(&c, row, span, grp, snapshot);
    add_deltas(&c, row, span, grp, snapshot);
    return c.result;
}

Pieces range_pieces(const RollupRow *row, Span span, const ArrayType *grp, Snapshot snapshot) {
    Collector c = {};
    if (is_empty_group(row, grp, snapshot))
        return c.result;
    for (TimestampTz at = span.start; at < span.stop;) {
        CHECK_FOR_INTERRUPTS();
        Level level = Level::month;
        Span window;
        // The largest window that begins here and ends in the span.
        for (;; level = static_cast<Level>(static_cast<int>(level) - 1)) {
            if (!row->kept[static_cast<int>(level)])
                continue;
            window = window_of(row, level, at);
            if (level == Level::tile || (window.start == at && window.stop <= span.stop))
                break;
        }
        add_row(&c, row, level, grp, at, level != Level::tile, snapshot);
        at = window.stop;
    }
    add_unfinished(&c, row, span, grp, snapshot);
    add_deltas(&c, row, span, grp, snapshot);
    return c.result;
}

Sum sum_of(const RollupRow *row, const Pieces &pieces) {
    Sum sum = {};
    if (pieces.count == 0)
        return sum;
    // The largest summary is where the others are added.
    int largest = -1;
    Size size = 0;
    for (int i = 0; i < pieces.count; ++i) {
        const struct varlena *summary = pieces.pieces[i].values.summary;
        const Size n = summary == nullptr ? 0 : toast_raw_datum_size(PointerGetDatum(summary));
        if (n > size) {
            size = n;
            largest = i;
        }
    }
    if (pieces.count == 1 && largest == 0) {
        sum.stored = pg_detoast_datum(pieces.pieces[0].values.summary);
        return sum;
    }
    sum.tally = largest == -1 ? make_tally(row->shape, Purpose::reading)
                              : load_tally(row->shape, pieces.pieces[largest].values.summary);
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (i != largest)
            merge_stored(sum.tally, pieces.pieces[i].values);
    }
    return sum;
}

} // namespace topk::answer
