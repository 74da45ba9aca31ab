#include "fold.h"

#include "../stream/delta_log.h"
#include "groups.h"
#include "../catalog/lock.h"
#include "../statistics/statistics.h"
#include "window_store.h"

extern "C" {
#include "common/int.h"
}

namespace topk::fold {
namespace {

// What one call takes on, so that memory and the length of the transaction are bounded.
constexpr int max_entries = 200000;
constexpr size_t max_bytes = 64 << 20;

// Deltas of a tile and group wait in the log until they are worth a rewrite of the tile: it costs as much for one event as
// for thousands. Meanwhile small ones are compacted into one row now and then, as readers read them all; a row that is
// larger than what would come to it stays as it is, so that nothing is rewritten more often than its size doubles.
constexpr size_t min_merged = 4096;
constexpr int merged_share = 2; // of the tile's bytes
constexpr int max_waiting = 8;  // small rows of a tile and group
constexpr size_t small = 1024;
constexpr uint32_t max_list = 8192;

struct CollectedDelta {
    HeapTuple tuple;
    DeltaKey key;
    int group; // -1: none
    size_t bytes;
    int8 slot;
    bool draining;
    bool taken;
};

// An entry as part of a job: everything for one tile and one group, or all groups (-1).
struct Part {
    int target;
    int entry;
    TimestampTz tile;
};

struct Fold {
    RollupRow row;
    TupleDesc descriptor;
    Snapshot snapshot;
    TimestampTz now;
    Groups groups;
    CollectedDelta *entries;
    int entry_count;
    Part *parts;
    int part_count;
    bool more;
    MemoryContext job_context;
    WindowStore windows;
    int64 events, weight, late, rejected, overflowed;
};

size_t payload_size(const Delta &delta) {
    size_t size = 0;
    for (const struct varlena *value : {delta.items, delta.summary, delta.sketch, delta.registers})
        if (value != nullptr)
            size += toast_raw_datum_size(PointerGetDatum(value));
    return size;
}

void add_entry(Fold *fold, const DeltaScan *scan, HeapTuple tuple, int *room) {
    if (fold->entry_count == *room) {
        *room *= 2;
        fold->entries = static_cast<CollectedDelta *>(repalloc_huge(fold->entries, *room * sizeof(CollectedDelta)));
    }
    CollectedDelta &entry = fold->entries[fold->entry_count++];
    entry.tuple = heap_copytuple(tuple);
    entry.key = delta_key(tuple);
    const Delta delta = read_delta(entry.tuple, fold->descriptor);
    entry.group = delta.grp == nullptr ? -1 : group_number(&fold->groups, DatumGetArrayTypeP(PointerGetDatum(delta.grp)));
    entry.bytes = payload_size(delta);
    entry.slot = static_cast<int8>(scan->slot);
    entry.draining = is_draining(scan);
    entry.taken = false;
}

void collect(Fold *fold) {
    int room = 256;
    size_t bytes = 0;
    fold->entries = static_cast<CollectedDelta *>(palloc(room * sizeof(CollectedDelta)));
    DeltaScan scan;
    begin_delta_scan(&scan, fold->snapshot);
    while (HeapTuple tuple = next_delta(&scan)) {
        if (delta_key(tuple).rollup != fold->row.id)
            continue;
        if (fold->entry_count == max_entries || bytes > max_bytes) {
            fold->more = true;
            end_delta_scan(&scan);
            break;
        }
        add_entry(fold, &scan, tuple, &room);
        bytes += fold->entries[fold->entry_count - 1].bytes;
    }
}

void plan_jobs(Fold *fold) {
    fold->parts =
        static_cast<Part *>(MemoryContextAllocHuge(CurrentMemoryContext, (2 * fold->entry_count + 1) * sizeof(Part)));
    for (int i = 0; i < fold->entry_count; ++i) {
        CollectedDelta &entry = fold->entries[i];
        if (entry.key.tile == DT_NOBEGIN) {
            fold->rejected += entry.key.events;
            entry.taken = true;
            continue;
        }
        if (entry.key.scope != DeltaScope::group)
            fold->parts[fold->part_count++] = {-1, i, entry.key.tile};
        if (entry.group != -1 && entry.key.scope != DeltaScope::all)
            fold->parts[fold->part_count++] = {fold->groups.effective[entry.group], i, entry.key.tile};
    }
    std::sort(fold->parts, fold->parts + fold->part_count, [](const Part &a, const Part &b) {
        if (a.target != b.target)
            return a.target < b.target;
        return a.tile != b.tile ? a.tile < b.tile : a.entry < b.entry;
    });
}

StoredTally values_of(const Fold *fold, const CollectedDelta &entry) {
    const Delta delta = read_delta(entry.tuple, fold->descriptor);
    return {delta.items, delta.summary, delta.sketch, delta.registers};
}

// Counts the entry for the totals of the rollup, once.
void account(Fold *fold, const Part &part, int64 weight, bool late) {
    const CollectedDelta &entry = fold->entries[part.entry];
    if (entry.key.scope != DeltaScope::raw)
        return;
    if (part.target == -1) {
        fold->events += entry.key.events;
        if (pg_add_s64_overflow(fold->weight, weight, &fold->weight))
            fold->weight = PG_INT64_MAX;
        if (late)
            fold->late += entry.key.events;
    } else if (ARR_NDIM(fold->groups.keys[part.target]) == 0) {
        fold->overflowed += entry.key.events;
    }
}

ArrayType *target_group(const Fold *fold, int target) { return target == -1 ? nullptr : fold->groups.keys[target]; }

// Merges the parts into their tile and, where that has been merged into the windows above it, into those.
void merge_job(Fold *fold, const Part *parts, int n) {
    ArrayType *grp = target_group(fold, parts[0].target);
    Window *targets[level_count];
    int target_count = 0;
    targets[target_count++] = open_window(&fold->windows, Level::tile, grp, parts[0].tile);
    const bool late = targets[0]->tile.finished;
    for (int level = 1; late && level < level_count; ++level)
        if (fold->row.kept[level])
            targets[target_count++] = open_window(&fold->windows, static_cast<Level>(level), grp, parts[0].tile);
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    for (int i = 0; i < n; ++i) {
        CHECK_FOR_INTERRUPTS();
        CollectedDelta &entry = fold->entries[parts[i].entry];
        const StoredTally values = values_of(fold, entry);
        const uint64_t before = tally_weight(targets[0]->tally);
        for (int t = 0; t < target_count; ++t) {
            merge_stored(targets[t]->tally, values);
            targets[t]->tile.events += entry.key.events;
        }
        account(fold, parts[i], static_cast<int64>(tally_weight(targets[0]->tally) - before), late);
        entry.taken = true;
        MemoryContextReset(fold->job_context);
    }
    MemoryContextSwitchTo(old);
}

// Writes the parts as one row of the log. False when they are too many items for that; nothing has changed then.
bool compact_job(Fold *fold, const Part *parts, int n) {
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    TallyShape shape = fold->row.shape;
    shape.capacity = std::max(shape.capacity, max_list);
    Tally *tally = make_tally(shape);
    auto *weights = static_cast<int64 *>(palloc(n * sizeof(int64)));
    int64 events = 0;
    for (int i = 0; i < n && is_exact(tally); ++i) {
        const CollectedDelta &entry = fold->entries[parts[i].entry];
        const uint64_t before = tally_weight(tally);
        merge_stored(tally, values_of(fold, entry));
        weights[i] = static_cast<int64>(tally_weight(tally) - before);
        events += entry.key.events;
    }
    const bool fits = is_exact(tally);
    if (fits) {
        const StoredTally stored = store_delta(tally);
        const DeltaScope scope = parts[0].target == -1 ? DeltaScope::all : DeltaScope::group;
        append_delta({parts[0].tile, events, fold->row.id, scope, target_group(fold, parts[0].target), stored.items,
                      stored.summary, stored.sketch, stored.registers});
        for (int i = 0; i < n; ++i) {
            account(fold, parts[i], weights[i], false);
            fold->entries[parts[i].entry].taken = true;
        }
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(fold->job_context);
    return fits;
}

bool is_worth_merging(Fold *fold, const Part *parts, size_t bytes) {
    MemoryContext old = MemoryContextSwitchTo(fold->job_context);
    const Span span = window_of(&fold->row, Level::tile, parts[0].tile);
    bool merge = span.stop <= fold->now;
    if (!merge && bytes >= min_merged) {
        Tile tile;
        const TileKey key = {fold->row.id, Level::tile, target_group(fold, parts[0].target), span.start};
        size_t stored = 0;
        if (find_tile(key, nullptr, &tile))
            stored = payload_size({0, 0, 0, DeltaScope::raw, nullptr, nullptr, tile.values.summary, tile.values.sketch,
                                   tile.values.registers});
        merge = bytes >= stored / merged_share;
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(fold->job_context);
    return merge;
}

void compact_or_merge(Fold *fold, const Part *parts, int n) {
    if (!compact_job(fold, parts, n))
        merge_job(fold, parts, n);
}

void run_job(Fold *fold, Part *parts, int n) {
    const auto entry = [&](int i) -> const CollectedDelta & { return fold->entries[parts[i].entry]; };
    size_t bytes = 0;
    bool plain = true;
    for (int i = 0; i < n; ++i) {
        bytes += entry(i).bytes;
        plain &= !heap_attisnull(entry(i).tuple, 6, fold->descriptor); // items
    }
    if (!plain || is_worth_merging(fold, parts, bytes)) {
        merge_job(fold, parts, n);
        return;
    }
    // Those that must leave their slot come first, then by size.
    std::sort(parts, parts + n, [&](const Part &a, const Part &b) {
        const CollectedDelta &x = fold->entries[a.entry], &y = fold->entries[b.entry];
        return x.draining != y.draining ? x.draining : x.bytes < y.bytes;
    });
    int m = 0;
    size_t sum = 0;
    while (m < n && (entry(m).draining || entry(m).bytes <= std::max(sum, small)))
        sum += entry(m++).bytes;
    if (m >= max_waiting || (m > 0 && entry(0).draining)) {
        compact_or_merge(fold, parts, m);
        parts += m;
        n -= m;
    }
    // A raw row of a grouped rollup counts in two jobs, so none of them may leave it behind.
    if (fold->row.group_count != 0) {
        const int raw = static_cast<int>(
            std::partition(parts, parts + n,
                           [&](const Part &p) { return fold->entries[p.entry].key.scope == DeltaScope::raw; }) -
            parts);
        if (raw != 0)
            compact_or_merge(fold, parts, raw);
    }
}

void run_jobs(Fold *fold) {
    for (int first = 0, next; first < fold->part_count; first = next) {
        const Part &a = fold->parts[first];
        for (next = first + 1; next < fold->part_count; ++next)
            if (fold->parts[next].target != a.target || fold->parts[next].tile != a.tile)
                break;
        run_job(fold, fold->parts + first, next - first);
    }
    close_windows(&fold->windows);
}

int64 remove_taken(Fold *fold) {
    Relation slots[slot_count] = {};
    int64 n = 0;
    for (int i = 0; i < fold->entry_count; ++i) {
        const CollectedDelta &entry = fold->entries[i];
        if (!entry.taken)
            continue;
        if (slots[entry.slot] == nullptr)
            slots[entry.slot] = table_open(slot_oid(entry.slot), RowExclusiveLock);
        simple_heap_delete(slots[entry.slot], &entry.tuple->t_self);
        ++n;
    }
    for (Relation slot : slots)
        if (slot != nullptr)
            table_close(slot, NoLock);
    return n;
}

struct TileList {
    Tile *tiles;
    int count;
};

// Sorted by group, then time, as the window store wants it.
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
    const auto size = [](const ArrayType *grp) { return grp == nullptr ? 0 : VARSIZE_ANY_EXHDR(grp); };
    std::sort(list.tiles, list.tiles + list.count, [&](const Tile &a, const Tile &b) {
        if (size(a.key.grp) != size(b.key.grp))
            return size(a.key.grp) < size(b.key.grp);
        if (a.key.grp != nullptr)
            if (const int c = memcmp(VARDATA_ANY(a.key.grp), VARDATA_ANY(b.key.grp), size(a.key.grp)))
                return c < 0;
        return a.key.start < b.key.start;
    });
    return list;
}

// Merges tiles that are over into the windows above them, and closes windows that are over.
bool finish_tiles(Fold *fold) {
    const TileList over = tiles_over(fold, Level::tile);
    for (int i = 0; i < over.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        Tile *tile = &over.tiles[i];
        for (int level = 1; level < level_count; ++level) {
            if (!fold->row.kept[level])
                continue;
            Window *window = open_window(&fold->windows, static_cast<Level>(level), tile->key.grp, tile->key.start);
            MemoryContext old = MemoryContextSwitchTo(fold->job_context);
            merge_stored(window->tally, tile->values);
            MemoryContextSwitchTo(old);
            MemoryContextReset(fold->job_context);
            window->tile.events += tile->events;
        }
        finish(&fold->windows, tile);
    }
    close_windows(&fold->windows);
    bool any = over.count != 0;
    for (int level = 1; level < level_count; ++level) {
        if (!fold->row.kept[level])
            continue;
        const TileList closed = tiles_over(fold, static_cast<Level>(level));
        for (int i = 0; i < closed.count; ++i)
            finish(&fold->windows, &closed.tiles[i]);
        any |= closed.count != 0;
    }
    return any;
}

void update_state(const Fold *fold, bool finished) {
    Oid types[] = {INT4OID, INT8OID,        INT8OID, INT8OID,      INT8OID,
                   INT8OID, TIMESTAMPTZOID, BOOLOID, INT8ARRAYOID, INT8ARRAYOID};
    Datum values[] = {Int32GetDatum(fold->row.id),        Int64GetDatum(fold->events),   Int64GetDatum(fold->weight),
                      Int64GetDatum(fold->late),          Int64GetDatum(fold->rejected), Int64GetDatum(fold->overflowed),
                      TimestampTzGetDatum(fold->now),     BoolGetDatum(finished),        by_level(fold->windows.added),
                      by_level(fold->windows.added_bytes)};
    if (SPI_execute_with_args("SELECT topk.record_fold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", lengthof(values), types,
                              values, nullptr, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not record a fold");
}

} // namespace

void require_read_committed(const char *what) {
    PreventCommandDuringRecovery(what);
    if (IsolationUsesXactSnapshot())
        ereport(ERROR,
                (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("%s must be called in a READ COMMITTED transaction", what),
                 errhint("It needs to see what was committed before it runs. Use SET TRANSACTION ISOLATION LEVEL READ "
                         "COMMITTED.")));
}

FoldResult fold_rollup(int32 id, bool wait) {
    require_read_committed("topk.fold()");
    FoldResult result = {};
    if (!lock_rollup(id, wait))
        return result;
    result.locked = true;
    auto *fold = static_cast<Fold *>(palloc0(sizeof(Fold)));
    if (!read_rollup(id, nullptr, &fold->row))
        return result;

    const Owner before = become_owner();
    SPI_connect();
    fold->now = GetCurrentTimestamp();
    fold->windows.row = &fold->row;
    fold->job_context = AllocSetContextCreate(CurrentMemoryContext, "pg_topk fold job", ALLOCSET_DEFAULT_SIZES);
    init_groups(&fold->groups);
    Relation log = table_open(slot_oid(0), AccessShareLock);
    fold->descriptor = CreateTupleDescCopy(RelationGetDescr(log));
    table_close(log, AccessShareLock);

    const FoldMark mark = mark_fold(id);
    // Taken after the lock: it sees what the last fold did.
    fold->snapshot = RegisterSnapshot(GetLatestSnapshot());
    collect(fold);
    register_groups(&fold->groups, &fold->row);
    plan_jobs(fold);
    run_jobs(fold);
    result.deltas = remove_taken(fold);
    UnregisterSnapshot(fold->snapshot);
    CommandCounterIncrement();
    const bool finished = !fold->more && finish_tiles(fold);
    if (result.deltas != 0 || finished)
        update_state(fold, finished);
    if (!fold->more)
        looked_at_all(id, mark);
    result.tiles = fold->windows.written;
    result.more = fold->more;
    SPI_finish();
    leave_owner(before);
    return result;
}

} // namespace topk::fold

namespace {

Datum fold_function(FunctionCallInfo fcinfo) {
    const topk::fold::FoldResult result = topk::fold::fold_rollup(PG_GETARG_INT32(0), true);
    TupleDesc descriptor;
    get_call_result_type(fcinfo, nullptr, &descriptor);
    Datum values[] = {Int64GetDatum(result.deltas), Int64GetDatum(result.tiles), BoolGetDatum(result.more)};
    bool nulls[3] = {};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
}

Datum maintain(FunctionCallInfo) {
    topk::fold::require_read_committed("topk.maintain()");
    topk::fold::rotate_log();
    PG_RETURN_VOID();
}

} // namespace

TOPK_FUNCTION(topk_fold, fold_function(fcinfo))
TOPK_FUNCTION(topk_maintain, maintain(fcinfo))
