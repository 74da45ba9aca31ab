// What capture knows of the rollups of a source: their rows in topk.rollup, with expressions ready to run. Cached per
// backend; a change of the source or of its rollups (which sends a relcache invalidation of the source) drops it.
#pragma once

#include "../pg/item_arg.h"
#include "../catalog/expression.h"
#include "../pg/tally.h"

namespace topk::stream {

struct Rollup {
    int32 id;
    const char *name;
    TallyShape shape;
    pg_tz *zone;
    int64 grain; // microseconds
    Interval accept_past;
    Interval accept_future;
    int group_count;
    bool reads_settings; // an expression is not immutable: settings must be pinned where it runs
    // Planned expressions over the source's row (varno 1); weight and filter may be nullptr. Types: item by its kind (text,
    // bigint, uuid, bytea), time timestamptz, weight bigint, filter boolean, groups text.
    Expr *item;
    Expr *time;
    Expr *weight;
    Expr *filter;
    Expr **groups;
};

struct Source {
    int rollup_count;
    Rollup *rollups;
    int ancestor_count; // of a partition: the tables it is part of, parent first
    Oid *ancestors;
    mutable bool warned; // of having no rollups
};

// The rollups of a relation that is open and locked. Stays valid until the current memory context is reset, whatever changes
// meanwhile.
const Source *pin_source(Relation relation);

// A row of topk.rollup, as far as expressions go: text as it is stored, but with the columns' names of now.
struct StoredRollup {
    int32 id;
    const char *name;
    Kind kind;
    const char *zone;
    const char *item;
    const char *time;
    const char *weight; // or nullptr
    const char *filter; // or nullptr
    int group_count;
    const char **groups;
    List *columns; // ParseScope.columns: the names that stored expressions know the source's columns by
    Datum *values; // of the whole row
    bool *nulls;
};

// Columns of topk.rollup (control/1.0/catalog.sql).
enum RollupColumn {
    rollup_id = 1,
    rollup_name,
    rollup_source,
    rollup_item,
    rollup_time,
    rollup_weight,
    rollup_filter,
    rollup_group_by,
    rollup_columns,
    rollup_source_oid,
    rollup_item_kind,
    rollup_grain,
    rollup_windows,
    rollup_timezone,
    rollup_k,
    rollup_capacity,
    rollup_width,
    rollup_depth,
    rollup_max_groups,
    rollup_accept_past,
    rollup_accept_future,
    rollup_retention,
    rollup_created,
    rollup_metadata,
    rollup_metadata_key,
    rollup_column_count = rollup_metadata_key
};

// The expressions of a rollup, parsed and coerced.
struct Expressions {
    Expr *item;
    Expr *time;
    Expr *weight;
    Expr *filter;
    int group_count;
    Expr **groups;
};

// The rows of topk.rollup of a source, as they are now for everybody: StoredRollup pointers, by id.
List *read_rollups(Relation source);
// Settings must be pinned. Raises an error where an expression does not work any more.
Expressions parse_stored(Relation source, const StoredRollup *stored);
// Attribute numbers and names of all columns that the expressions use.
Datum used_columns(Relation source, const Expressions *expressions);

} // namespace topk::stream
