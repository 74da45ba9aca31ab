// topk.rollup: how each rollup was made.
#pragma once

#include "../pg/array.h"
#include "../pg/executor.h"
#include "../pg/tally.h"
#include "calendar.h"

namespace topk::catalog {

// A row, as folds and answers need it.
struct RollupRow {
    int32 id;
    const char *name;
    Oid source;
    TallyShape shape;
    pg_tz *zone;
    int64 grain; // microseconds
    Interval accept_past;
    Interval accept_future;
    int32 k;
    int32 max_groups;
    int group_count;
    Oid metadata;             // the items table; InvalidOid: none
    const char *metadata_key; // its column that is the item
    TimestampTz created;
    const char *unusable;    // why its counts cannot be used; nullptr: they can
    bool spread;             // all nodes of Citus have it
    bool kept[level_count];  // which levels have rows; tile always
    bool asked[level_count]; // which are windows of the rollup: hour is answered by tiles when the grain is an hour
};

// A whole row. The text of expressions is as PostgreSQL printed it when the row was written; that of weight and filter may
// be nullptr.
struct RollupDefinition {
    int32 id;
    const char *name;
    Oid source;
    const char *item;
    const char *time;
    const char *weight;
    const char *filter;
    int group_count;
    const char **groups;
    TallyShape shape;
    int64 grain;
    bool windows[level_count];
    const char *zone;
    int32 k;
    int32 max_groups;
    Interval accept_past;
    Interval accept_future;
    Jsonb *retention;
    Oid metadata;
    const char *metadata_key;
    const char *identity; // a UUID that the rollup has on all nodes of Citus; nullptr: it is a rollup of this database alone
};

// These read by a snapshot; nullptr is the latest one, by which a transaction with an old snapshot sees new rollups too.

// Return false if there is no such rollup.
bool read_rollup(int32 id, Snapshot snapshot, RollupRow *row);
List *read_definitions(Oid source);          // RollupDefinition pointers, by id; by the latest snapshot
RollupDefinition *read_definition(int32 id); // nullptr: there is none; by the latest snapshot
bool has_rollups(Oid source);                // by the latest snapshot
bool any_rollups();                          // by the latest snapshot

struct RollupOfSource {
    int32 id;
    const char *name;
    const char *identity; // as in RollupDefinition
};
Array<RollupOfSource> list_of(Oid source); // by id; by the latest snapshot
struct RollupSource {
    int32 id;
    Oid source;
};
Array<RollupSource> list_rollups(Snapshot snapshot); // by id
// Those with a name, in all schemas (rollup_name.h). Reads no other column, so that a rollup can be dropped whatever is
// wrong with its row.
Array<RollupSource> list_named(const char *name, Snapshot snapshot);
RollupSource read_source(HeapTuple tuple, TupleDesc descriptor);
bool find_source(int32 id, Oid *source);   // by the latest snapshot
int32 find_identity(const char *identity); // 0: there is none; by the latest snapshot

// Within as_owner().

// Returns the query that an SQL function of the extension makes of a rollup's expressions, by the active snapshot. The
// string outlives the bracket.
char *make_query(const char *function, int32 id);

// A new UUID. The string outlives the bracket.
char *make_identity();
// Returns what a rollup is, as the JSON that other nodes make the same rollup of. The string outlives the bracket.
char *describe(int32 id);

// Retention does not keep windows and snapshots that ended before these times. DT_NOBEGIN: it keeps all.
struct Cutoffs {
    TimestampTz windows[level_count];
    TimestampTz snapshots;
};
Cutoffs read_cutoffs(int32 id);

// Sets the id. The name is claimed (rollup_name.h).
void insert_rollup(RollupDefinition *definition);
// Writes what topk.alter_rollup can change, but no expressions.
void update_rollup(const RollupDefinition &definition);
// Writes the text of the expressions. Returns false if the row has it already.
bool update_expressions(const RollupDefinition &definition);
void rename_metadata_key(Oid table, const char *from, const char *to);
void forget_dropped_metadata(); // items tables, or their key columns, that do not exist any more
void delete_rollup_row(int32 id);

// Whether it is a word like "hour".
bool is_window_kind(const char *name);
// Returns the level whose rows answer for a kind of window ("hour" ...). Raises 22023 if the rollup has no such windows.
Level level_of(const RollupRow *row, const char *window_kind);
// Returns the window that contains t.
inline Span window_of(const RollupRow *row, Level level, TimestampTz t) {
    return level == Level::tile ? tile_at(row->zone, row->grain, t) : window_at(row->zone, level, t);
}
// Returns the span of whole tiles from the one that contains the start to the last one before the stop. Infinite times stay.
inline Span whole_tiles(const RollupRow *row, Span span) {
    return {TIMESTAMP_NOT_FINITE(span.start) ? span.start : window_of(row, Level::tile, span.start).start,
            TIMESTAMP_NOT_FINITE(span.stop) ? span.stop : window_of(row, Level::tile, span.stop - 1).stop};
}

} // namespace topk::catalog
