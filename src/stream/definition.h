// Capture's view of the rollups of a source: their rows in topk.rollup, with expressions ready to run. Each backend
// caches it; a change of the source or of its rollups (which sends a relcache invalidation of the source) drops it.
#pragma once

#include "../pg/item_arg.h"
#include "../catalog/rollup.h"
#include "../catalog/settings.h"
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
    bool moved; // another database has taken over its counts, so nothing may be counted here
    Settings settings; // that must be pinned where the expressions run
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

} // namespace topk::stream
