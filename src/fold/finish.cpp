#include "../catalog/group_key.h"
#include "../catalog/snapshot.h"
#include "fold_steps.h"

namespace topk::fold {
namespace {

// Sorted by group, then time, so that each window is opened once.
Array<Tile> tiles_over(Fold *fold, Level level) {
    Array<Tile> tiles = {};
    RowScan scan;
    begin_unfinished(&scan, fold->row.id, level, DT_NOBEGIN, fold->now, nullptr);
    Tile tile;
    while (next_tile(&scan, &tile))
        if (!tile.failed)
            tiles.add(tile);
    std::sort(tiles.begin(), tiles.end(), [](const Tile &a, const Tile &b) {
        const int order = compare_groups(a.key.grp, b.key.grp);
        return order != 0 ? order < 0 : a.key.start < b.key.start;
    });
    return tiles;
}

// Merges a tile into the windows above it.
void merge_upwards(Fold *fold, Tile *tile) {
    add_to_windows_above(&fold->windows, *tile);
    finish_window(&fold->windows, tile);
}

// A row for which this cannot be done is left alone from then on. It stays unfinished, so answers add it to the windows
// above.
template <class Finish>
void finish(Fold *fold, Tile *tile, const Finish &work) {
    CHECK_FOR_INTERRUPTS();
    if (!fold->alone) {
        work();
        return;
    }
    const Tile before = *tile;
    if (succeeds_alone(fold, tile->key.grp, work))
        return;
    *tile = before;
    tile->failed = true;
    update_tile(fold->windows.tiles, tile);
    fold->windows.failures = true;
    delete_snapshots_with(tile->key.rollup, tile->key.grp, {tile->key.start, tile->stop});
}

} // namespace

bool finish_windows(Fold *fold) {
    WindowWriter *windows = &fold->windows;
    Array<Tile> tiles = tiles_over(fold, Level::tile);
    for (Tile &tile : tiles)
        finish(fold, &tile, [&] { merge_upwards(fold, &tile); });
    write_open_windows(windows);
    bool any = windows->finished || tiles.count != 0;
    for (int level = 1; level < level_count; ++level) {
        if (!fold->row.kept[level])
            continue;
        Array<Tile> over = tiles_over(fold, static_cast<Level>(level));
        for (Tile &window : over)
            finish(fold, &window, [&] { finish_window(windows, &window); });
        any |= over.count != 0;
    }
    return any;
}

} // namespace topk::fold
