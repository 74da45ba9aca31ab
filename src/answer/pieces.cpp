#include "pieces.h"

#include "../catalog/group_key.h"
#include "../catalog/set_aside.h"
#include "../pg/bundle.h"
#include "leaders.h"

namespace topk::answer {
namespace {

struct Collector {
    const RollupRow *row;
    Snapshot snapshot;
    Array<GroupPieces> groups; // that are asked for, in the order of compare_groups(); or all groups alone
    bool every;                // groups that only the log has are added
    OwnGroups own;             // read when it is needed
    bool own_is_read;
    ItemView key;          // in bundles, of the group if it is one alone
    Span tile;             // of the last delta
    int deltas;            // of the rollup, in the log
    Leaders *leaders;      // of all groups that are asked for, which lists are added to; nullptr: none
    uint32 k;              // of the leaders
    MemoryContext context; // of the parts
    MemoryContext scratch;
};

void add(GroupPieces *group, Span span, int64 events, const StoredTally &values) {
    group->pieces.parts.add({span, events, values});
}

void add(GroupPieces *group, const Tile &tile) { add(group, {tile.key.start, tile.stop}, tile.events, tile.values); }

const OwnGroups &own_groups(Collector *c) {
    if (!c->own_is_read) {
        MemoryContext caller = MemoryContextSwitchTo(c->context);
        c->own = read_own_groups(c->row, c->snapshot);
        c->own_is_read = true;
        MemoryContextSwitchTo(caller);
    }
    return c->own;
}

GroupPieces *insert(Collector *c, const ArrayType *grp) {
    MemoryContext caller = MemoryContextSwitchTo(c->context);
    GroupPieces *group = insert_group(&c->groups, grp);
    MemoryContextSwitchTo(caller);
    return group;
}

// Adds what the rows of a group have counted.
void add_rows(const Collector *c, GroupPieces *group, const Cover &cover, Span span) {
    for (const Tile &tile : read_cover(c->row, group->grp, cover, c->snapshot))
        add(group, tile);
    if (cover.missing.count != 0)
        for (const Tile &tile : read_remains(c->row, group->grp, cover, c->snapshot))
            add(group, tile);
    RowScan scan;
    begin_unfinished(&scan, c->row->id, Level::tile, group->grp, span.start, span.stop, c->snapshot);
    Tile tile;
    while (next_tile(&scan, &tile))
        add(group, tile);
}

bool asks_for_all(const Collector *c) { return c->groups.count != 0 && c->groups[0].grp == nullptr; }

// The group, of those that are asked for, in which counts of a group are; nullptr if there is none. Raw counts of a group
// that has none of its own are those of the overflow group.
GroupPieces *counts_in(Collector *c, const ArrayType *grp, DeltaScope scope) {
    if (GroupPieces *found = find_group(c->groups, grp))
        return found;
    if (scope == DeltaScope::raw) {
        GroupPieces *overflow = find_group(c->groups, construct_empty_array(TEXTOID));
        if (overflow != nullptr && !contains(own_groups(c), grp))
            return overflow;
    }
    return c->every ? insert(c, grp) : nullptr;
}

// Of all groups that are asked for.
Pieces parts_of(Collector *c) {
    Pieces all = {};
    for (const GroupPieces &group : c->groups)
        add_pieces(&all, group.pieces);
    return all;
}

// Adds an exact list, which is not of the context of the parts.
void add_list_of(Collector *c, GroupPieces *group, int64 events, struct varlena *items) {
    if (c->leaders != nullptr) {
        if (c->leaders->sum == nullptr && !c->leaders->failed) {
            MemoryContext caller = MemoryContextSwitchTo(c->context);
            begin_leaders(c->leaders, c->row, parts_of(c), c->k);
            MemoryContextSwitchTo(caller);
        }
        add_list(c->leaders, items);
        return;
    }
    StoredTally values = {};
    values.items = static_cast<struct varlena *>(MemoryContextAllocHuge(c->context, VARSIZE_ANY(items)));
    memcpy(values.items, items, VARSIZE_ANY(items));
    MemoryContext caller = MemoryContextSwitchTo(c->context);
    add(group, c->tile, events, values);
    MemoryContextSwitchTo(caller);
}

// Adds what a bundle counts for the groups that are asked for.
void add_bundle(Collector *c, DeltaScope scope, const struct varlena *bundle) {
    const Kind kind = c->row->shape.kind;
    if (c->groups.count == 1 && !c->every && (ARR_NDIM(c->groups[0].grp) != 0 || scope == DeltaScope::group)) {
        int64 events;
        if (struct varlena *items = read_bundle_group(bundle, kind, c->key, &events))
            add_list_of(c, &c->groups[0], events, items);
        return;
    }
    const BundleContent content = read_bundle(bundle, kind);
    for (uint32 i = 0; i < content.group_count; ++i)
        if (GroupPieces *group = counts_in(c, group_array(content.groups[i].key, content.values), scope))
            add_list_of(c, group, static_cast<int64>(content.groups[i].events),
                        group_items(content, content.groups[i], kind));
}

// A bundle, or nullptr if the row has none.
const struct varlena *bundle_of(const Delta &delta) {
    if (delta.grp != nullptr || delta.form.scope == DeltaScope::all || delta.values.items == nullptr)
        return nullptr;
    const struct varlena *items = pg_detoast_datum_packed(delta.values.items);
    return is_bundle(items) ? items : nullptr;
}

void add_delta(Collector *c, HeapTuple tuple, TupleDesc descriptor) {
    const Delta delta = read_delta(tuple, descriptor);
    GroupPieces *group = nullptr;
    if (asks_for_all(c)) {
        group = delta.form.scope == DeltaScope::group ? nullptr : &c->groups[0];
    } else if (delta.form.scope != DeltaScope::all) {
        MemoryContext caller = MemoryContextSwitchTo(c->scratch);
        if (const struct varlena *bundle = bundle_of(delta))
            add_bundle(c, delta.form.scope, bundle);
        else
            group = counts_in(
                c, delta.grp == nullptr ? construct_empty_array(TEXTOID) : DatumGetArrayTypeP(PointerGetDatum(delta.grp)),
                delta.form.scope);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(c->scratch);
    }
    if (group == nullptr)
        return;
    if (delta.values.items != nullptr)
        add_list_of(c, group, delta.form.events, delta.values.items);
    else if (c->leaders != nullptr)
        c->leaders->failed = true; // it has to be added before the lists
    else
        add(group, c->tile, delta.form.events, read_delta(heap_copytuple(tuple), descriptor).values);
}

void add_deltas(Collector *c, Span span) {
    c->deltas = 0;
    c->scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    DeltaScan scan;
    begin_delta_scan(&scan, c->snapshot, c->row->id);
    while (HeapTuple tuple = next_delta(&scan)) {
        Form_topk_delta form = delta_form(tuple);
        if (form->rollup != c->row->id)
            continue;
        ++c->deltas;
        if (form->tile == DT_NOBEGIN || !span.contains(form->tile))
            continue;
        if (!c->tile.contains(form->tile))
            c->tile = window_of(c->row, Level::tile, form->tile);
        add_delta(c, tuple, RelationGetDescr(scan.relation));
        if (c->leaders != nullptr && c->leaders->failed) {
            end_delta_scan(&scan);
            break;
        }
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
        if ((delta.form.scope == DeltaScope::all) != asks_for_all(c))
            continue;
        // Counts that could not be read may be of any group.
        GroupPieces *group = delta.grp == nullptr ? c->groups.begin() : find_group(c->groups, delta.grp);
        if (group == nullptr)
            continue;
        if (!has_values(row))
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("counts that were set aside cannot be read")));
        add(group, window_of(c->row, Level::tile, delta.form.tile), delta.form.events, delta.values);
    }
}

Collector begin(const RollupRow *row) {
    Collector c = {};
    c.row = row;
    c.snapshot = GetActiveSnapshot();
    c.context = CurrentMemoryContext;
    return c;
}

// A group without counts of its own is part of the overflow group, and empty by itself.
void ask_for(Collector *c, const AskedGroups &groups) {
    if (groups.count == 0)
        c->groups.add({});
    for (int i = 0; i < groups.count; ++i) {
        ArrayType *grp = groups.keys[i];
        if (ARR_NDIM(grp) == 0 ||
            (groups.count == 1 ? has_own_counts(c->row, grp, c->snapshot) : contains(own_groups(c), grp)))
            insert(c, grp);
    }
    if (c->groups.count == 1 && c->groups[0].grp != nullptr)
        c->key = group_key(c->groups[0].grp);
}

void collect(Collector *c, const Cover &cover, Span span) {
    asked_span = span;
    for (GroupPieces &group : c->groups)
        add_rows(c, &group, cover, span);
    if (c->groups.count == 0 && !c->every)
        return;
    if (c->leaders == nullptr) {
        add_deltas(c, span);
        add_set_aside(c, span);
        return;
    }
    add_set_aside(c, span); // leaders begin with all that is not in the log
    add_deltas(c, span);
    if (c->leaders->sum == nullptr ? !c->leaders->failed : rank_leaders(c->leaders))
        return;
    c->leaders = nullptr;
    add_deltas(c, span);
}

Pieces pieces_of(Collector *c, const Cover &cover, Span span, const AskedGroups &groups) {
    ask_for(c, groups);
    collect(c, cover, span);
    Pieces all = parts_of(c);
    all.missing = cover.missing;
    all.row = c->row;
    all.span = span;
    all.all_groups = groups.count == 0;
    all.deltas = c->deltas;
    if (c->leaders != nullptr)
        all.lists = c->leaders->lists;
    return all;
}

} // namespace

Span asked_span = {0, 0};

Pieces cover_pieces(const RollupRow *row, const Cover &cover, Span span, const AskedGroups &groups) {
    Collector c = begin(row);
    return pieces_of(&c, cover, span, groups);
}

Pieces leading_pieces(const RollupRow *row, const AskedWindow &window, uint32_t k, Leaders *leaders) {
    Cover cover = {};
    add_window(&cover, row, read_lost(row->id, GetActiveSnapshot()), window.level, window.span);
    *leaders = {};
    Collector c = begin(row);
    c.leaders = leaders;
    c.k = k;
    return pieces_of(&c, cover, window.span, window.groups);
}

void add_span(Cover *cover, const RollupRow *row, const Lost &lost, Span span, Level largest) {
    const Cover more = cover_span(row, lost, span, largest);
    for (const LevelSpan &part : more.parts)
        cover->parts.add(part);
    for (const Span &missing : more.missing)
        cover->missing.add(missing);
}

void add_window(Cover *cover, const RollupRow *row, const Lost &lost, Level level, Span window) {
    if (is_lost(lost, level, window))
        add_span(cover, row, lost, window, longest_level);
    else
        cover->parts.add({level, window});
}

Pieces window_pieces(const RollupRow *row, const AskedWindow &window) {
    Cover cover = {};
    add_window(&cover, row, read_lost(row->id, GetActiveSnapshot()), window.level, window.span);
    return cover_pieces(row, cover, window.span, window.groups);
}

Pieces range_pieces(const RollupRow *row, Span span, const AskedGroups &groups) {
    return cover_pieces(row, cover_span(row, read_lost(row->id, GetActiveSnapshot()), span, longest_level), span, groups);
}

Array<GroupPieces> pieces_by_group(const RollupRow *row, Level level, Span span) {
    Collector c = begin(row);
    c.every = true;
    const OwnGroups &own = own_groups(&c);
    insert(&c, construct_empty_array(TEXTOID));
    for (int i = 0; i < own.count; ++i)
        insert(&c, own.keys[i]);
    Cover cover = {};
    add_window(&cover, row, read_lost(row->id, c.snapshot), level, span);
    collect(&c, cover, span);
    for (GroupPieces &group : c.groups)
        group.pieces.missing = cover.missing;
    return c.groups;
}

AskedGroups group_alone(ArrayType *grp) {
    AskedGroups groups = {grp, static_cast<ArrayType **>(palloc(sizeof(ArrayType *))), grp == nullptr ? 0 : 1};
    groups.keys[0] = grp;
    return groups;
}

int64 unassigned_events(const RollupRow *row, Span span, const AskedGroups &groups) {
    for (int i = 0; i < groups.count; ++i)
        if (ARR_NDIM(groups.keys[i]) != 0 && !has_own_counts(row, groups.keys[i], GetActiveSnapshot()))
            return events_of(range_pieces(row, span, group_alone(construct_empty_array(TEXTOID))));
    return 0;
}

bool is_known(const RollupRow *row, ArrayType *grp) {
    if (ARR_NDIM(grp) == 0 || is_registered(row->id, grp, GetActiveSnapshot()))
        return true;
    const ItemView key = group_key(grp);
    MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk bundle", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(scratch);
    DeltaScan scan;
    begin_delta_scan(&scan, GetActiveSnapshot(), row->id);
    scan.context = caller;
    bool found = false;
    while (HeapTuple tuple = next_delta(&scan)) {
        if (delta_form(tuple)->rollup != row->id || found)
            continue;
        const Delta delta = read_delta(tuple, RelationGetDescr(scan.relation));
        int64 events;
        if (delta.grp != nullptr)
            found = equal_groups(DatumGetArrayTypeP(PointerGetDatum(delta.grp)), grp);
        else if (const struct varlena *bundle = bundle_of(delta))
            found = read_bundle_group(bundle, row->shape.kind, key, &events) != nullptr;
        MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(scratch);
    return found;
}

void add_pieces(Pieces *pieces, const Pieces &others) {
    for (const Piece &piece : others.parts)
        pieces->parts.add(piece);
    for (const Span &span : others.missing)
        pieces->missing.add(span);
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

// Which has the largest summary; -1: none has any. The others are added to that one.
static int largest_of(const Array<Piece> &pieces) {
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
    return largest;
}

Tally *tally_of(const RollupRow *row, const Pieces &all, Purpose purpose) {
    const Array<Piece> &pieces = all.parts;
    const int largest = largest_of(pieces);
    Tally *tally = largest == -1 ? make_tally(row->shape, purpose) : load_tally(row->shape, pieces[largest].values, purpose);
    for (int i = 0; i < pieces.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (i != largest)
            merge_stored(tally, pieces[i].values);
    }
    return tally;
}

Sum sum_of(const RollupRow *row, const Pieces &all, Purpose purpose) {
    Sum sum = {};
    if (all.parts.count == 1 && all.parts[0].values.summary != nullptr) {
        sum.stored = pg_detoast_datum(all.parts[0].values.summary);
        sum.registers = all.parts[0].values.registers;
    } else if (all.parts.count != 0) {
        sum.tally = tally_of(row, all, purpose);
    }
    return sum;
}

Tally *sum_with_sketch(const RollupRow *row, const Pieces &pieces) {
    Tally *tally = make_tally(row->shape);
    for (const Piece &piece : pieces.parts) {
        CHECK_FOR_INTERRUPTS();
        merge_stored(tally, piece.values);
    }
    return tally;
}

} // namespace topk::answer
