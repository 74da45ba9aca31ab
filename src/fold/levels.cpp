#include "levels.h"

#include "../catalog/cover.h"
#include "../catalog/group_key.h"
#include "../catalog/snapshot.h"
#include "window_writer.h"

namespace topk::fold {
namespace {

Level below(Level level) { return static_cast<Level>(static_cast<int>(level) - 1); }

bool is_whole(const RollupRow *row, const Lost &lost, Level level, Span window) {
    return cover_span(row, lost, window, below(level)).missing.count == 0;
}

// The windows that may lack counts. Where no tile is lost, tiles have all counts; so the last window that lacks some is
// looked for from there backwards. Those before it may be whole, but answers for them need not know.
Span find_lost(const RollupRow *row, const Lost &lost, Level level) {
    const Span tiles = lost.levels[static_cast<int>(Level::tile)];
    if (tiles.start >= tiles.stop)
        return {DT_NOEND, DT_NOBEGIN};
    for (Span window = window_of(row, level, tiles.stop - 1); window.stop > tiles.start;
         window = window_of(row, level, window.start - 1)) {
        CHECK_FOR_INTERRUPTS();
        if (!is_whole(row, lost, level, window))
            return {window_of(row, level, tiles.start).start, window.stop};
    }
    return {DT_NOEND, DT_NOBEGIN};
}

// The windows of a level of which shorter ones have counts, in the order of time.
Array<Span> find_windows(const RollupRow *row, Level level) {
    Array<Span> windows = {};
    for (const Span &counted : list_counted(row->id, level))
        for (TimestampTz t = counted.start; t < counted.stop; t = windows[windows.count - 1].stop)
            windows.add(window_of(row, level, t));
    std::sort(windows.begin(), windows.end(), [](const Span &a, const Span &b) { return a.start < b.start; });
    windows.count = static_cast<int>(
        std::unique(windows.begin(), windows.end(), [](const Span &a, const Span &b) { return a.start == b.start; }) -
        windows.begin());
    return windows;
}

void build_window(WindowWriter *writer, const RollupRow *row, Level level, Span window) {
    const Cover cover = cover_span(row, writer->lost, window, below(level));
    for (ArrayType *grp : list_groups_in(row->id, level, window)) {
        CHECK_FOR_INTERRUPTS();
        for (const Tile &tile : read_cover(row, grp, cover, nullptr))
            add_to_window(writer, move_to_window(writer, level, grp, window.start), tile.values, tile.events);
    }
    write_open_windows(writer);
}

// If the grain is an hour, the tiles are the hours, and only their snapshots are missing.
void write_hours(const RollupRow *row) {
    WindowWriter writer = begin_windows(row);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk tiles", ALLOCSET_DEFAULT_SIZES);
    for (const Span &tile : list_counted(row->id, Level::hour)) {
        MemoryContext caller = MemoryContextSwitchTo(context);
        for (ArrayType *grp : list_groups_in(row->id, Level::hour, tile)) {
            Tile found;
            if (find_tile({row->id, Level::tile, grp, tile.start}, nullptr, &found))
                write_snapshot_of(&writer, &found);
        }
        MemoryContextSwitchTo(caller);
        MemoryContextReset(context);
    }
    MemoryContextDelete(context);
    end_windows(&writer);
}

} // namespace

TimestampTz build_level(const RollupRow *row, Level level) {
    Lost lost = read_lost(row->id, nullptr);
    if (!row->kept[static_cast<int>(level)]) {
        write_hours(row);
        return lost.levels[0].stop;
    }
    Span &of_level = lost.levels[static_cast<int>(level)];
    of_level = find_lost(row, lost, level);
    write_lost(row->id, lost);
    WindowWriter writer = begin_windows(row);
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk level", ALLOCSET_DEFAULT_SIZES);
    for (const Span &window : find_windows(row, level)) {
        if (is_lost(lost, level, window))
            continue;
        MemoryContext caller = MemoryContextSwitchTo(context);
        build_window(&writer, row, level, window);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(context);
    }
    MemoryContextDelete(context);
    end_windows(&writer);
    add_level_change(row->id, writer.change);
    return of_level.stop;
}

void remove_level(const RollupRow *row, Level level) {
    delete_snapshots(row->id, level_name(level));
    if (level == Level::hour && row->grain == USECS_PER_HOUR)
        return; // its rows are the tiles
    LevelChange change = {};
    delete_level(row->id, level, &change);
    add_level_change(row->id, change);
    Lost lost = read_lost(row->id, nullptr);
    lost.levels[static_cast<int>(level)] = {DT_NOEND, DT_NOBEGIN};
    write_lost(row->id, lost);
    delete_unused_groups(row->id);
}

} // namespace topk::fold
