// topk.rollups_to_move(), topk.retire(), topk.moved_tiles() and topk.moved_lines(): how a database gives the counts of a
// rollup to another one.
#include "../catalog/as_owner.h"
#include "../catalog/lock.h"
#include "../catalog/moved.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/set_aside.h"
#include "../catalog/statement.h"
#include "../fold/fold.h"
#include "../pg/function.h"

namespace topk::define {
namespace {

void read_own(const char *name, RollupRow *row) {
    if (!read_rollup(name, nullptr, row))
        raise_no_rollup(name);
    require_ownership(row->source);
}

// rollups_to_move(): all rollups, or an error if the user may not move one of them.
Datum rollups_to_move(FunctionCallInfo fcinfo) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    for (const RollupSource &rollup : list_rollups(nullptr)) {
        RollupRow row;
        // Of a table that was dropped, a node may keep a rollup that nobody can ask.
        if (!read_rollup(rollup.id, nullptr, &row) || get_rel_relkind(row.source) == '\0')
            continue;
        require_ownership(row.source);
        const Datum values[] = {CStringGetTextDatum(qualified_name(row.source, row.name)),
                                CStringGetTextDatum(own_identity())};
        const bool nulls[2] = {};
        add_row(rows, values, nulls);
    }
    return (Datum)0;
}

void fold_everything(const RollupRow *row) {
    FoldResult result;
    do {
        CHECK_FOR_INTERRUPTS();
        result = fold_rollup(row->id, true, nullptr, true);
        CommandCounterIncrement();
    } while (result.more);
    if (as_owner([&] { return has_failures(row->id); }))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rollup \"%s\" has counts that cannot be folded", row->name),
                        errhint("topk.errors lists them, and topk.discard removes them.")));
}

// retire(rollup, identity). Running insertions end first, and later ones fail, so that nothing is counted any more when
// this commits.
Datum retire(FunctionCallInfo fcinfo) {
    require_read_committed("topk.retire()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0)), *by = text_to_cstring(PG_GETARG_TEXT_PP(1));
    RollupRow row;
    read_own(name, &row);
    lock_rollup(row.id, true);
    lock_sources({{row.source, ShareRowExclusiveLock}});
    read_own(name, &row); // somebody may have dropped it meanwhile
    const char *taken = as_owner([&] { return taken_by(row.id); });
    if (taken == nullptr) {
        fold_everything(&row);
        as_owner([&] { insert_moved(row.id, by, true); });
        CacheInvalidateRelcacheByRelid(row.source);
    } else if (strcmp(taken, by) != 0) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("another database has taken over rollup \"%s\"", name)));
    }
    PG_RETURN_TEXT_P(cstring_to_text(own_identity()));
}

void read_moved(FunctionCallInfo fcinfo, RollupRow *row) {
    read_own(text_to_cstring(PG_GETARG_TEXT_PP(0)), row);
    if (!has_moved_out(row->id, nullptr))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("rollup \"%s\" is not retired", row->name)));
}

// Returns the rows of a query whose parameters are the id of the rollup and a number.
Datum return_query(FunctionCallInfo fcinfo, const char *statement, int columns, int32 id, int64 after) {
    ReturnSetInfo *rows = begin_rows(fcinfo);
    MemoryContext caller = CurrentMemoryContext;
    as_owner([&] {
        const uint64 count = query(statement, {Value::int4(id), Value::int8(after)});
        MemoryContext spi = MemoryContextSwitchTo(caller);
        for (uint64 i = 0; i < count; ++i) {
            Datum values[16];
            bool nulls[16];
            for (int column = 0; column < columns; ++column)
                values[column] = result_value(i, column + 1, &nulls[column]);
            add_row(rows, values, nulls);
        }
        MemoryContextSwitchTo(spi);
    });
    return (Datum)0;
}

// moved_tiles(rollup, after)
Datum moved_tiles(FunctionCallInfo fcinfo) {
    RollupRow row;
    read_moved(fcinfo, &row);
    return return_query(fcinfo,
                        "SELECT row_id, level, grp, start, stop, events, finished, summary, sketch, registers FROM topk.tile"
                        " WHERE rollup = $1 AND row_id > $2 ORDER BY row_id LIMIT 16",
                        10, row.id, PG_GETARG_INT64(1));
}

// moved_lines(rollup): groups, totals, and snapshots of windows that have no row any more.
Datum moved_lines(FunctionCallInfo fcinfo) {
    RollupRow row;
    read_moved(fcinfo, &row);
    return return_query(
        fcinfo,
        "SELECT 'group_key', row_to_json(g)::text FROM topk.group_key AS g WHERE rollup = $1 AND $2 = 0 UNION ALL"
        " SELECT 'rollup_state', row_to_json(s)::text FROM topk.rollup_state AS s WHERE rollup = $1 UNION ALL"
        " SELECT 'snapshot', row_to_json(s)::text FROM topk.snapshot AS s WHERE rollup = $1 AND NOT EXISTS"
        " (SELECT FROM topk.tile AS t WHERE t.rollup = s.rollup AND t.start = s.start AND t.stop = s.stop"
        "  AND t.grp IS NOT DISTINCT FROM s.grp)",
        2, row.id, 0);
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_rollups_to_move, topk::define::rollups_to_move(fcinfo))
TOPK_FUNCTION(topk_retire, topk::define::retire(fcinfo))
TOPK_FUNCTION(topk_moved_tiles, topk::define::moved_tiles(fcinfo))
TOPK_FUNCTION(topk_moved_lines, topk::define::moved_lines(fcinfo))
