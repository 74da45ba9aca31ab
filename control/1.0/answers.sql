
-- Answers: what rollups know.

CREATE FUNCTION topk.top(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                         group_key text[] DEFAULT NULL,
                         OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                         OUT share double precision)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_top';
COMMENT ON FUNCTION topk.top(text, text, timestamptz, integer, text[]) IS
    'the k (1 to 10000) items with the largest weight in the window (hour, day, week or month) that contains a time: count - error <= true weight <= count; share: count by the window''s weight. group_key: the values of the group expressions, NULL for all groups, {} for those past max_groups. Always fresh: counts what the caller''s snapshot sees. Needs SELECT on the source';

CREATE FUNCTION topk.range(rollup text, since timestamptz, until timestamptz, k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                           OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                           OUT share double precision)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_range';
COMMENT ON FUNCTION topk.range(text, timestamptz, timestamptz, integer, text[]) IS
    'like topk.top, for the tiles from the one that contains since to the one before until: any span of whole tiles that are still kept';

CREATE FUNCTION topk.window_info(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                                 group_key text[] DEFAULT NULL,
                                 OUT window_start timestamptz, OUT window_end timestamptz, OUT events bigint, OUT weight bigint,
                                 OUT distinct_items bigint, OUT error_bound bigint)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_window_info';
COMMENT ON FUNCTION topk.window_info(text, text, timestamptz, text[]) IS
    'a window''s bounds, events and weight (exact), distinct items (exact while error_bound is 0, then HyperLogLog with a standard error of 0.8 %), and the largest weight an item can have that the summary does not monitor';

CREATE VIEW topk.rollups WITH (security_barrier) AS
    SELECT r.name, r.source, r.item, r.time AS event_time, r.group_by, r.weight, r.filter, r.windows, r.grain, r.timezone, r.k,
           r.capacity, r.width, r.depth, r.max_groups, r.retention, r.accept_past, r.accept_future, r.created,
           s.events, s.weight AS total_weight, s.late, s.rejected, s.overflowed, s.folds, s.last_fold, s.last_fold_duration,
           s.backfill, s.failures, s.retry_at
    FROM topk.rollup AS r
    LEFT JOIN topk.rollup_state AS s ON s.rollup = r.id
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.rollups IS
    'the rollups that the user may read: how each was made, and running totals over what has been folded: events, weight, late (for tiles that were over), rejected (time missing or outside what is accepted), overflowed (of groups past max_groups)';
GRANT SELECT ON topk.rollups TO PUBLIC;

CREATE VIEW topk.groups WITH (security_barrier) AS
    SELECT r.name AS rollup, g.grp AS group_key
    FROM topk.group_key AS g
    JOIN topk.rollup AS r ON r.id = g.rollup
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.groups IS 'the groups of each rollup that have counts of their own, as far as they have been folded';
GRANT SELECT ON topk.groups TO PUBLIC;

CREATE VIEW topk.snapshots WITH (security_barrier) AS
    SELECT r.name AS rollup, s.window_kind, s.start AS window_start, s.stop AS window_end, s.grp AS group_key, s.events, s.weight,
           s.distinct_items, e.rank, e.item, e.count, e.error, e.guaranteed
    FROM topk.snapshot AS s
    JOIN topk.rollup AS r ON r.id = s.rollup
    CROSS JOIN LATERAL pg_catalog.unnest(s.entries) AS e
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.snapshots IS 'the top k of each window that is over, one row per item; kept as long as retention says';
GRANT SELECT ON topk.snapshots TO PUBLIC;

CREATE VIEW topk.errors WITH (security_barrier) AS
    SELECT e.at, r.name AS rollup, e.sqlstate, e.message
    FROM topk.error_log AS e
    JOIN topk.rollup AS r ON r.id = e.rollup
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.errors IS 'the last 100 errors of folding each rollup';
GRANT SELECT ON topk.errors TO PUBLIC;
