#include "../catalog/group_key.h"
#include "steps.h"

namespace topk::fold {
namespace {

struct TileList {
    Tile *tiles;
    int count;
};

// Sorted by group, then time, so that each window is opened once.
TileList tiles_over(Fold *fold, Level level) {
    int room = 64;
    TileList list = {static_cast<Tile *>(palloc(room * sizeof(Tile))), 0};
    TileScan scan;
    begin_unfinished(&scan, fold->row.id, level, true, nullptr, DT_NOBEGIN, fold->now, nullptr);
    Tile tile;
    while (next_unfinished(&scan, &tile)) {
        if (list.count == room) {
            room *= 2;
            list.tiles = static_cast<Tile *>(repalloc_huge(list.tiles, room * sizeof(Tile)));
        }
        list.tiles[list.count++] = tile;
    }
    std::sort(list.tiles, list.tiles + list.count, [](const Tile &a, const Tile &b) {
        const int order = compare_groups(a.key.grp, b.key.grp);
        return order != 0 ? order < 0 : a.key.start < b.key.start;
    });
    return list;
}

} // namespace

bool finish_windows(Fold *fold) {
    WindowWriter *windows = &fold->windows;
    const TileList tiles = tiles_over(fold, Level::tile);
    for (int i = 0; i < tiles.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        Tile *tile = &tiles.tiles[i];
        for (int level = 1; level < level_count; ++level)
            if (fold->row.kept[level])
                add_to_window(windows, move_to_window(windows, static_cast<Level>(level), tile->key.grp, tile->key.start),
                              tile->values, tile->events);
        finish_window(windows, tile);
    }
    write_open_windows(windows);
    bool any = tiles.count != 0;
    for (int level = 1; level < level_count; ++level) {
        if (!fold->row.kept[level])
            continue;
        const TileList over = tiles_over(fold, static_cast<Level>(level));
        for (int i = 0; i < over.count; ++i)
            finish_window(windows, &over.tiles[i]);
        any |= over.count != 0;
    }
    return any;
}

} // namespace topk::fold
