#include "window_writer.h"

#include "../catalog/group_key.h"
#include "../catalog/set_aside.h"

namespace topk::fold {
namespace {

// The kind of window that a level's rows answer for, or nullptr.
const char *kind_of(const RollupRow *row, Level level) {
    const Level asked = level == Level::tile && !row->kept[static_cast<int>(Level::hour)] ? Level::hour : level;
    return row->asked[static_cast<int>(asked)] ? level_name(asked) : nullptr;
}

// For messages about an error of what follows.
void work_on(WindowWriter *writer, const Tile &tile) { writer->at = {tile.key.level, {tile.key.start, tile.stop}}; }

bool is_complete(const WindowWriter *writer, const Tile &tile) {
    return tile.key.level == Level::tile && !tile.finished && !tile.failed && tile.stop <= writer->finish_until;
}

void write(WindowWriter *writer, Window *window) {
    Tile *tile = &window->tile;
    work_on(writer, *tile);
    MemoryContext old = MemoryContextSwitchTo(window->context);
    tile->values = store_tally(window->tally);
    if (is_complete(writer, *tile)) {
        add_to_windows_above(writer, *tile);
        work_on(writer, *tile);
        tile->finished = writer->finished = true;
    }
    if (window->exists)
        update_tile(writer->tiles, tile);
    else
        insert_tile(writer->tiles, tile);
    if (tile->finished)
        write_snapshot_of(writer, tile);
    ++writer->written;
    const int level = static_cast<int>(tile->key.level);
    writer->change.windows[level] += !window->exists;
    writer->change.bytes[level] += stored_bytes(tile->values) - window->bytes;
    MemoryContextSwitchTo(old);
    MemoryContextDelete(window->context);
}

} // namespace

void write_snapshot_of(WindowWriter *writer, const Tile *tile) {
    const char *kind = kind_of(writer->row, tile->key.level);
    const Span span = {tile->key.start, tile->stop};
    if (kind == nullptr || (writer->failures && has_failures(tile->key.rollup, tile->key.grp, span)))
        return;
    write_snapshot(&writer->snapshots, tile, kind, writer->row->k, is_lost(writer->lost, tile->key.level, span));
}

WindowWriter begin_windows(const RollupRow *row) {
    WindowWriter writer = {};
    writer.row = row;
    writer.lost = read_lost(row->id, nullptr);
    writer.failures = has_failures(row->id);
    writer.finish_until = DT_NOBEGIN;
    writer.tiles = begin_writing(Table::tile);
    writer.snapshots = begin_writing_snapshots();
    writer.context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk windows", ALLOCSET_SMALL_SIZES);
    writer.scratch = AllocSetContextCreate(CurrentMemoryContext, "pg_topk merge", ALLOCSET_DEFAULT_SIZES);
    return writer;
}

Window *move_to_window(WindowWriter *writer, Level level, ArrayType *grp, TimestampTz t) {
    Window *&open = writer->open[static_cast<int>(level)];
    if (open != nullptr) {
        const Tile &tile = open->tile;
        if (tile.key.start <= t && t < tile.stop && equal_groups(tile.key.grp, grp))
            return open;
        Window *done = open;
        open = nullptr;
        write(writer, done);
    }
    MemoryContext context = AllocSetContextCreate(writer->context, "pg_topk window", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    auto *window = static_cast<Window *>(palloc0(sizeof(Window)));
    window->context = context;
    window->tally = make_tally(writer->row->shape);
    const Span span = window_of(writer->row, level, t);
    const TileKey key = {writer->row->id, level, grp, span.start};
    window->exists = find_tile(key, &writer->gaps[static_cast<int>(level)], writer->context, &window->tile);
    writer->at = {level, span};
    if (window->exists) {
        window->bytes = stored_bytes(window->tile.values);
        merge_stored(window->tally, window->tile.values);
    } else {
        window->tile.key = key;
        window->tile.stop = span.stop;
    }
    MemoryContextSwitchTo(old);
    open = window;
    return window;
}

void add_to_window(WindowWriter *writer, Window *window, const StoredTally &values, int64 events) {
    merge_into_window(writer, window, events, [&](Tally *tally) { merge_stored(tally, values); });
}

void add_to_windows_above(WindowWriter *writer, const Tile &tile) {
    for (int level = 1; level < level_count; ++level)
        if (writer->row->kept[level])
            add_to_window(writer, move_to_window(writer, static_cast<Level>(level), tile.key.grp, tile.key.start),
                          tile.values, tile.events);
}

// A tile that is finished opens windows of the levels after it.
void write_open_windows(WindowWriter *writer) {
    for (Window *&open : writer->open) {
        Window *done = open;
        open = nullptr;
        if (done != nullptr)
            write(writer, done);
    }
}

void end_windows(WindowWriter *writer) {
    write_open_windows(writer);
    end_writing(writer->tiles);
    end_writing(writer->snapshots.rows);
}

void finish_window(WindowWriter *writer, Tile *tile) {
    work_on(writer, *tile);
    tile->finished = true;
    update_tile(writer->tiles, tile);
    write_snapshot_of(writer, tile);
}

void forget_open_windows(WindowWriter *writer) {
    for (Window *&open : writer->open)
        open = nullptr;
    MemoryContextDeleteChildren(writer->context);
    MemoryContextReset(writer->scratch);
}

} // namespace topk::fold
