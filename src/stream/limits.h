// Limits of what may be captured: events per second, bytes of items and of the column "metadata". Rows of topk.limit_rule,
// cached per backend; a change of theirs sends a relcache invalidation of the table, which drops them.
#pragma once

#include "../catalog/limit_rule.h"
#include "../core/item.h"
#include "../pg/executor.h"
#include "token_bucket.h"

namespace topk::stream {

constexpr int event_quota_exceeded = MAKE_SQLSTATE('T', 'K', '0', '0', '1');
constexpr int value_too_large = MAKE_SQLSTATE('T', 'K', '0', '0', '2');

// Tokens of a rule that limits events per second.
inline TokenBucket bucket_of(const LimitRule &rule) { return {rule.id, rule.source, rule.events_per_second, rule.burst}; }

struct LimitRules {
    int count;
    const LimitRule *rules;
};

// Returns the rules as they are committed now. They are valid until the next call of this function or of find_limits().
LimitRules limit_rules();

// The limits of one capture, in the current memory context.
struct Limits {
    int64 rows;       // captured so far
    int64 next_look;  // at the buckets, when there are so many
    bool taken;       // tokens for all rows that there will be
    int32 item_bytes; // PG_INT32_MAX: no limit
    int32 metadata_bytes;
    AttrNumber metadata; // 0: no such column, or no limit
    const char *relation;
    int quota_count;
    LimitRule *quotas;
};

// nullptr when there are none for the current user and any of these relations, of which the first is the one that is named.
Limits *find_limits(Relation relation, const Oid *ancestors, int ancestor_count);

// Each raises an error: event_quota_exceeded, value_too_large.
// For each row: what cannot succeed fails before all rows have come.
void check_row(Limits *limits, TupleTableSlot *slot);
void check_item(const Limits *limits, const char *rollup, Kind kind, Datum item);
// Takes tokens for all rows, from each bucket that applies or from none.
void take_quota(Limits *limits, int64 rows);

} // namespace topk::stream
