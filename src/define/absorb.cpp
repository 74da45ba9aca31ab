// topk.absorb(): the counts of a node come to this database, for a node that goes away.
//
// First the node retires its rollups: each refuses further events from then on, and has all its counts in topk.tile. Then
// one transaction here copies the rows and remembers the identity of that database. Every answer leaves out a database that
// another one has absorbed. So the counts are never there twice, and never missing: before the commit they come from the
// node, afterwards from here.
#include "../catalog/as_owner.h"
#include "../catalog/group_key.h"
#include "../catalog/lock.h"
#include "../catalog/moved.h"
#include "../catalog/node.h"
#include "../catalog/owner.h"
#include "../catalog/rollup_name.h"
#include "../catalog/snapshot.h"
#include "../cluster/answer_row.h"
#include "../cluster/question.h"
#include "../fold/fold.h"
#include "../fold/window_writer.h"
#include "../pg/function.h"

namespace topk::define {
namespace {

struct Absorption {
    Array<const char *> node; // its name alone
    RollupRow row;
    int64 events; // that have come
    int kept;     // snapshots that stay where they are, because there is one of the same window here
};

// Asks the node alone. The caller ends the question.
Question *ask(const Absorption *a, const char *statement, const Parameter *parameters, int count) {
    Question *question = begin_question(a->node, statement, parameters, count);
    await_answers(question);
    if (question->nodes[0].failed) // pg_topk.allow_partial has made that a warning
        ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE), errmsg("cannot absorb node \"%s\"", a->node[0])));
    return question;
}

Parameter string_parameter(const char *value) { return {TEXTOID, value, 0, false}; }

// The groups of a database that counts some of them together cannot be told apart any more.
void refuse_overflow(const Absorption *a, const char *where) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("rollup \"%s\" counts groups beyond max_groups %s", a->row.name, where),
                    errdetail("Counts of several groups together cannot be added to those of single groups.")));
}

// So that a tile that is finished on the node is finished here too.
void fold_here(const Absorption *a) {
    FoldResult result;
    do {
        CHECK_FOR_INTERRUPTS();
        result = fold_rollup(a->row.id, true, nullptr, true);
        CommandCounterIncrement();
    } while (result.more);
}

// Adds a tile: one that is not finished there goes into the windows above like a delta.
void add_tile(WindowWriter *writer, const Tile &tile) {
    Window *window = move_to_window(writer, Level::tile, tile.key.grp, tile.key.start);
    if (tile.finished && !window->exists)
        window->tile.finished = true;
    else if (tile.finished && !window->tile.finished)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the tile that begins at %s is not finished here", timestamptz_to_str(tile.key.start)),
                        errhint("topk.errors says why, if it is not over just now; then try again.")));
    add_to_window(writer, window, tile.values, tile.events);
    for (int level = 1; !tile.finished && window->tile.finished && level < level_count; ++level)
        if (writer->row->kept[level])
            add_to_window(writer, move_to_window(writer, static_cast<Level>(level), tile.key.grp, tile.key.start),
                          tile.values, tile.events);
}

// The columns of topk.moved_tiles, in the order of the query.
enum Column { row_id, level, grp, start, stop, events, finished, summary, sketch, registers, column_count };

Tile read_tile(const Absorption *a, const AnswerRow &line) {
    Tile tile = {};
    const int at = line.int4(level);
    if (at < 0 || at >= level_count || line.null(summary))
        raise_malformed();
    tile.key = {a->row.id, static_cast<Level>(at), nullptr, line.int8(start)};
    if (!line.null(grp))
        tile.key.grp = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, line.string(grp), TEXTOID, -1));
    tile.stop = line.int8(stop);
    tile.events = line.int8(events);
    tile.finished = line.int4(finished) != 0;
    tile.values.summary = line.state<SpaceSaving>(summary);
    tile.values.sketch = line.state<CountMin>(sketch);
    tile.values.registers = line.bytes(registers);
    const Span span = window_of(&a->row, tile.key.level, tile.key.start);
    if (!a->row.kept[at] || span.start != tile.key.start || span.stop != tile.stop)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rollup \"%s\" has other windows on node \"%s\"", a->row.name, a->node[0]),
                        errdetail("A rollup needs the same grain, windows and time zone on all nodes.")));
    if (tile.key.grp != nullptr && ARR_NDIM(tile.key.grp) == 0)
        refuse_overflow(a, "there");
    return tile;
}

// Within as_owner(). Each level has its own row of the counts, so a row adds to the row of the same window.
void add_tiles(Absorption *a, const PGresult *result) {
    WindowWriter writer = begin_windows(&a->row);
    for (int i = 0; i < PQntuples(result); ++i) {
        CHECK_FOR_INTERRUPTS();
        const Tile tile = read_tile(a, {result, i});
        if (tile.key.level == Level::tile) {
            add_tile(&writer, tile);
        } else {
            Window *window = move_to_window(&writer, tile.key.level, tile.key.grp, tile.key.start);
            add_to_window(&writer, window, tile.values, tile.events);
        }
    }
    end_windows(&writer);
    add_level_change(a->row.id, writer.change);
}

void copy_tiles(Absorption *a) {
    MemoryContext page = AllocSetContextCreate(CurrentMemoryContext, "pg_topk rows of a node", ALLOCSET_DEFAULT_SIZES);
    int64 last = 0;
    for (bool more = true; more;) {
        MemoryContext caller = MemoryContextSwitchTo(page);
        const Parameter parameters[] = {string_parameter(qualified_name(a->row.source, a->row.name)),
                                        string_parameter(psprintf(INT64_FORMAT, last))};
        Question *question = ask(
            a,
            "SELECT row_id, level::integer, grp::text, start, stop, events, finished::integer, summary, sketch, registers"
            " FROM topk.moved_tiles($1, $2::bigint)",
            parameters, lengthof(parameters));
        const PGresult *result = answer_of(question->nodes[0]);
        if (PQnfields(result) != column_count)
            raise_malformed();
        const int n = PQntuples(result);
        more = n != 0;
        if (more) {
            as_owner([&] { add_tiles(a, result); });
            last = AnswerRow{result, n - 1}.int8(row_id);
        }
        end_question(question);
        MemoryContextSwitchTo(caller);
        MemoryContextReset(page);
        CommandCounterIncrement();
    }
}

// Groups, totals, and snapshots of windows that are only snapshots there.
void copy_lines(Absorption *a) {
    const Parameter parameters[] = {string_parameter(qualified_name(a->row.source, a->row.name))};
    Question *question = ask(a, "SELECT relation, line::text FROM topk.moved_lines($1)", parameters, lengthof(parameters));
    const PGresult *result = answer_of(question->nodes[0]);
    as_owner([&] {
        for (int i = 0; i < PQntuples(result); ++i) {
            const AnswerRow line = {result, i};
            const char *relation = line.string(0), *json = line.string(1);
            if (relation == nullptr || json == nullptr)
                raise_malformed();
            if (strcmp(relation, "group_key") == 0)
                copy_group(a->row.id, json);
            else if (strcmp(relation, "rollup_state") == 0)
                a->events += add_state(a->row.id, json);
            else if (strcmp(relation, "snapshot") == 0)
                a->kept += !copy_snapshot(a->row.id, json);
            else
                raise_malformed();
        }
    });
    end_question(question);
    CommandCounterIncrement();
    if (registered_count(a->row.id, a->row.max_groups + 1, nullptr) > a->row.max_groups)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("rollup \"%s\" would have more than max_groups groups", a->row.name)));
}

// The node keeps its counts, and refuses further ones. Returns its identity.
const char *retire_there(const Absorption *a) {
    const Parameter parameters[] = {string_parameter(qualified_name(a->row.source, a->row.name)),
                                    string_parameter(own_identity())};
    Question *question = ask(a, "SELECT topk.retire($1, $2)", parameters, lengthof(parameters));
    const char *identity = AnswerRow{answer_of(question->nodes[0]), 0}.string(0);
    end_question(question);
    return identity;
}

void read_owned(const char *name, RollupRow *row) {
    if (!read_rollup(name, nullptr, row))
        raise_no_rollup(name);
    require_ownership(row->source);
}

void absorb_rollup(Absorption *a, const char *name) {
    read_owned(name, &a->row);
    lock_rollup(a->row.id, true);
    read_owned(name, &a->row); // somebody may have dropped it meanwhile
    if (has_moved_out(a->row.id, nullptr))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("another database has taken over rollup \"%s\"", name)));
    const char *identity = retire_there(a);
    const Array<const char *> absorbed = absorbed_databases(a->row.id, nullptr);
    if (std::any_of(absorbed.begin(), absorbed.end(), [&](const char *other) { return strcmp(other, identity) == 0; }))
        return;
    fold_here(a);
    copy_lines(a);
    copy_tiles(a);
    as_owner([&] {
        if (has_overflow(a->row.id))
            refuse_overflow(a, "here");
        insert_moved(a->row.id, identity, false);
    });
}

// absorb(node)
Datum absorb(FunctionCallInfo fcinfo) {
    require_read_committed("topk.absorb()");
    const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Absorption a = {};
    a.node.add(name);
    Question *question = ask(&a, "SELECT name, identity FROM topk.rollups_to_move()", nullptr, 0);
    const PGresult *result = answer_of(question->nodes[0]);
    Array<const char *> rollups = {};
    for (int i = 0; i < PQntuples(result); ++i) {
        const AnswerRow line = {result, i};
        if (strcmp(line.string(1), own_identity()) == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("node \"%s\" is this database", name)));
        rollups.add(line.string(0));
    }
    end_question(question);
    for (const char *rollup : rollups)
        absorb_rollup(&a, rollup);
    as_owner([&] { delete_node(name); });
    if (a.kept != 0)
        ereport(WARNING,
                (errmsg_plural("%d snapshot stays on node \"%s\"", "%d snapshots stay on node \"%s\"",
                               static_cast<unsigned long>(a.kept), a.kept, name),
                 errdetail("Retention has removed the windows, and there are snapshots of the same windows here.")));
    PG_RETURN_INT64(a.events);
}

} // namespace
} // namespace topk::define

TOPK_FUNCTION(topk_absorb, topk::define::absorb(fcinfo))
