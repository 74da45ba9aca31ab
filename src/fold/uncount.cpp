#include "../catalog/rollup_state.h"
#include "../catalog/snapshot.h"
#include "../stream/delta_log.h"
#include "recount_steps.h"
#include "window_writer.h"

extern "C" {
#include "common/int.h"
}

namespace topk::fold {
namespace {

void add(int64 *sum, uint64 value) {
    if (pg_add_s64_overflow(*sum, static_cast<int64>(value), sum))
        *sum = PG_INT64_MAX;
}

// Adds the events and the weight that the tiles of the span have counted.
void add_tiles(const Recount *recount, int64 *events, int64 *weight) {
    MemoryContext per_tile = AllocSetContextCreate(CurrentMemoryContext, "pg_topk tile", ALLOCSET_DEFAULT_SIZES);
    RowScan scan;
    begin_tiles(&scan, recount->row.id, Level::tile, nullptr, recount->span, nullptr);
    MemoryContext old = MemoryContextSwitchTo(per_tile);
    Tile tile;
    while (next_tile(&scan, &tile)) {
        if (tile.stop <= recount->span.stop) {
            *events += tile.events;
            add(weight, stored_weight(tile.values));
        }
        MemoryContextReset(per_tile);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(per_tile);
}

// Removes the deltas that the snapshot sees: all that was captured of the rows that were recounted. Compacted deltas and
// tiles are part of the rollup's totals already, which lose them.
void remove_deltas(const Recount *recount) {
    TallyShape shape = recount->row.shape;
    shape.width = 0;
    int64 events = 0, weight = 0;
    DeltaScan scan;
    begin_delta_scan(&scan, recount->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        if (form.rollup != recount->row.id || !recount->span.contains(form.tile))
            continue;
        if (form.scope == DeltaScope::all) {
            Tally *tally = make_tally(shape);
            merge_stored(tally, read_delta(tuple, RelationGetDescr(scan.relation)).values);
            events += form.events;
            add(&weight, tally_weight(tally));
        }
        delete_delta(scan.relation, tuple);
    }
    CommandCounterIncrement();
    add_tiles(recount, &events, &weight);
    subtract_counts(recount->row.id, events, weight);
}

// Makes a window of its tiles that are left.
void rebuild_window(WindowWriter *writer, const DeletedWindow &window) {
    RowScan scan;
    Tile tile;
    begin_tiles(&scan, writer->row->id, Level::tile, window.grp, window.span, nullptr);
    while (next_tile(&scan, &tile))
        if (tile.finished && tile.stop <= window.span.stop)
            add_to_window(writer, move_to_window(writer, window.level, window.grp, window.span.start), tile.values,
                          tile.events);
}

// Windows above tiles that are only partly in the span can be made anew while all their tiles are kept.
void require_tiles_of_cut_windows(const Recount *recount) {
    const int32 id = recount->row.id;
    TimestampTz start;
    if (find_cut_window(id, recount->span, read_cutoffs(id).windows[0], &start))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cannot recount a part of the window that begins at %s", timestamptz_to_str(start)),
                 errdetail("The tiles of its other parts may no longer be kept."), errhint("Recount the whole window.")));
}

void remove_tiles(const Recount *recount) {
    const int32 id = recount->row.id;
    WindowWriter writer = begin_windows(&recount->row);
    delete_tiles(id, recount->span, &writer.change);
    delete_snapshots(id, recount->span);
    for (const DeletedWindow &window : delete_windows(id, recount->span, &writer.change))
        if (window.span.start < recount->span.start || recount->span.stop < window.span.stop)
            rebuild_window(&writer, window);
    write_open_windows(&writer);
    add_level_change(id, writer.change);
}

} // namespace

void remove_counts(Recount *recount) {
    require_tiles_of_cut_windows(recount);
    remove_deltas(recount);
    remove_tiles(recount);
}

bool has_counts_before(const Recount *recount, TimestampTz limit) {
    bool found = has_tiles(recount->row.id, {recount->span.start, limit});
    DeltaScan scan;
    begin_delta_scan(&scan, recount->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        const FormData_topk_delta &form = *delta_form(tuple);
        found |= form.rollup == recount->row.id && recount->span.start <= form.tile && form.tile < limit;
    }
    return found;
}

} // namespace topk::fold
