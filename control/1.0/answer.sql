
-- Answers: what rollups know.

CREATE FUNCTION topk.top(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                         group_key text[] DEFAULT NULL,
                         OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                         OUT share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_top';
COMMENT ON FUNCTION topk.top(text, text, timestamptz, integer, text[]) IS
    'the k (1 to 10000) items with the largest weight in the window (hour, day, week or month) that contains a time: count - error <= true weight <= count; share: count by the window''s weight; metadata: the item''s row of the rollup''s items table, as the caller may see it. Ties: the smaller item first. group_key: the values of the group expressions, NULL for all groups, {} for those past max_groups. Always fresh: counts what the caller''s snapshot sees. Needs SELECT on the source';

CREATE FUNCTION topk.range(rollup text, since timestamptz, until timestamptz, k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                           OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                           OUT share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_range';
COMMENT ON FUNCTION topk.range(text, timestamptz, timestamptz, integer, text[]) IS
    'like topk.top, for the tiles from the one that contains since to the one before until: any span of whole tiles that are still kept';

CREATE FUNCTION topk.heavy_hitters(rollup text, window_kind text, share double precision, at timestamptz DEFAULT pg_catalog.now(),
                                   group_key text[] DEFAULT NULL,
                                   OUT rank integer, OUT item text, OUT count bigint, OUT error bigint, OUT guaranteed boolean,
                                   OUT item_share double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_rollup_heavy_hitters';
COMMENT ON FUNCTION topk.heavy_hitters(text, text, double precision, timestamptz, text[]) IS
    'all items that can have at least a share (greater than 0, at most 1) of the weight of the window that contains a time; guaranteed: those that have. A warning where one could be missing, as the share is not above what an item can have that the summary does not monitor. Otherwise like topk.top';

CREATE FUNCTION topk.frequency(rollup text, item text, window_kind text, at timestamptz DEFAULT pg_catalog.now(),
                               group_key text[] DEFAULT NULL,
                               OUT count bigint, OUT lower bigint, OUT upper bigint, OUT rank integer)
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_rollup_frequency';
COMMENT ON FUNCTION topk.frequency(text, text, text, timestamptz, text[]) IS
    'the weight of one item, monitored or not, in the window that contains a time: lower <= true weight <= upper always. upper is the better bound of Space-Saving summary and Count-Min sketch, lower that of the summary; count is upper. rank: as in topk.top, NULL for an item that the summary does not monitor. item: as text, whatever its type';

CREATE FUNCTION topk.trending(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), k integer DEFAULT 10,
                              min_count bigint DEFAULT 1, group_key text[] DEFAULT NULL,
                              OUT rank integer, OUT item text, OUT count bigint, OUT previous bigint,
                              OUT growth_rate double precision, OUT score double precision, OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_trending';
COMMENT ON FUNCTION topk.trending(text, text, timestamptz, integer, bigint, text[]) IS
    'the k (1 to 10000) items whose weight grew most surely from the window before to the one that contains a time; of a window that is not over, from the same elapsed share of the one before. growth_rate: (count - previous) / previous, NULL for a new item; score: standard deviations of the growth, signed root of the likelihood-ratio statistic of two Poisson counts (Dunning 1993), taken from the lower bound now and the upper bound before. Only items of a score above 0 and a count of min_count at least';

CREATE FUNCTION topk.history(rollup text, window_kind text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
                             k integer DEFAULT 10, group_key text[] DEFAULT NULL,
                             OUT window_start timestamptz, OUT window_end timestamptz, OUT rank integer, OUT item text,
                             OUT count bigint, OUT error bigint, OUT guaranteed boolean, OUT share double precision,
                             OUT metadata jsonb)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_history';
COMMENT ON FUNCTION topk.history(text, text, timestamptz, timestamptz, integer, text[]) IS
    'the top k, at most as many as the rollup keeps, of the windows that are over, from the one that contains since to the last that begins before until, in the order of time: their snapshots, which stay as long as retention says. Otherwise like topk.top';

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
