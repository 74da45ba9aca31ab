
-- Statistics for operators

CREATE FUNCTION topk.rollup_activity(OUT rollup integer, OUT pending_deltas bigint, OUT pending_events bigint,
                                     OUT pending_weight numeric, OUT pending_rejected bigint, OUT unseen interval,
                                     OUT events_per_second double precision, OUT queries bigint,
                                     OUT query_p50_ms double precision, OUT query_p95_ms double precision,
                                     OUT query_p99_ms double precision)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_rollup_activity';
COMMENT ON FUNCTION topk.rollup_activity() IS
    'support function of topk.stats: returns, for each rollup that the user may ask for all groups or watch, what waits in the delta log, and the statistics in shared memory. unseen is the age of the oldest commit that no fold has read, NULL if it is not known.';

CREATE FUNCTION topk.has_worker() RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'topk_has_worker';
COMMENT ON FUNCTION topk.has_worker() IS
    'returns whether a background worker runs in this database and folds its rollups';
GRANT EXECUTE ON FUNCTION topk.has_worker() TO PUBLIC;

CREATE VIEW topk.stats AS
    SELECT r.schema, r.name AS rollup, r.source,
           coalesce(s.events, 0) + a.pending_events AS events,
           coalesce(s.weight, 0) + a.pending_weight AS weight,
           a.events_per_second, a.pending_deltas, a.pending_events,
           CASE WHEN a.pending_deltas = 0 THEN interval '0'
                ELSE coalesce(a.unseen, greatest(pg_catalog.clock_timestamp() - coalesce(s.last_fold, r.created), interval '0'))
           END AS fold_lag,
           coalesce(s.folds, 0) AS folds, s.last_fold, s.last_fold_duration,
           (SELECT pg_catalog.jsonb_object_agg(l.name, pg_catalog.jsonb_build_object('windows', l.windows, 'bytes', l.bytes))
            FROM unnest('{tile,hour,day,week,month,quarter,year}'::text[], s.level_windows, s.level_bytes) AS l (name, windows, bytes)
            WHERE l.name = 'tile' OR l.name = ANY (r.windows) AND NOT (l.name = 'hour' AND r.grain = interval '1 hour')) AS levels,
           coalesce(s.late, 0) AS late, coalesce(s.rejected, 0) + a.pending_rejected AS rejected,
           coalesce(s.overflowed, 0) AS overflowed,
           a.queries, a.query_p50_ms, a.query_p95_ms, a.query_p99_ms,
           coalesce(e.errors, 0) AS errors, e.last_error, e.last_error_at, topk.is_capturing(r.source) AS capturing,
           a.events_per_second IS NOT NULL AS tracked
    FROM topk.readable_rollups() AS r
    JOIN topk.rollup_activity() AS a ON a.rollup = r.id
    LEFT JOIN topk.readable_states() AS s ON s.rollup = r.id
    LEFT JOIN (SELECT l.rollup, pg_catalog.count(*) AS errors, pg_catalog.max(l.at) AS last_error_at,
                      (pg_catalog.array_agg(l.message ORDER BY l.at DESC, l.row_id DESC))[1] AS last_error
               FROM topk.readable_errors() AS l GROUP BY l.rollup) AS e ON e.rollup = r.id;
COMMENT ON VIEW topk.stats IS
    'statistics of each rollup that the user may ask for all groups, or of all with the privileges of pg_monitor: totals, counts that wait to be folded, rows and bytes of each level, and errors; with shared_preload_libraries also the rate of events and the latency of answers, which are NULL otherwise';
COMMENT ON COLUMN topk.stats.schema IS 'schema of the rollup, which is that of its source';
COMMENT ON COLUMN topk.stats.events IS 'accepted events, including those in the delta log';
COMMENT ON COLUMN topk.stats.weight IS 'weight of these events';
COMMENT ON COLUMN topk.stats.events_per_second IS 'accepted events that were committed in the last 60 complete seconds, divided by 60; including events that a backfill counted, without those of prepared transactions';
COMMENT ON COLUMN topk.stats.pending_deltas IS 'rows of the delta log, including those that a fold has left there to fold them together with later ones';
COMMENT ON COLUMN topk.stats.pending_events IS 'events in the delta log that no fold has moved to topk.tile';
COMMENT ON COLUMN topk.stats.fold_lag IS 'age of the oldest commit that no fold has read, 0 if there is none. Without shared_preload_libraries, and from the start of the server to the first fold, it is the time since the last fold while pending_deltas is above 0.';
COMMENT ON COLUMN topk.stats.levels IS 'number of rows of topk.tile in each level, and the bytes of their summaries, sketches and registers: {"tile": {"windows": 24, "bytes": 2400000}, "day": ...}';
COMMENT ON COLUMN topk.stats.rejected IS 'events without a time or with a time that is not accepted, including those in the delta log';
COMMENT ON COLUMN topk.stats.queries IS 'answers since the server started or topk.reset_stats() was called; calls that raised an error are not counted';
COMMENT ON COLUMN topk.stats.query_p50_ms IS 'median of the times of these answers in milliseconds, at most 5 % off between 0.01 and 100000';
COMMENT ON COLUMN topk.stats.query_p95_ms IS 'time in milliseconds that 95 % of these answers did not exceed';
COMMENT ON COLUMN topk.stats.query_p99_ms IS 'time in milliseconds that 99 % of these answers did not exceed';
COMMENT ON COLUMN topk.stats.errors IS 'number of errors in topk.errors, at most 100';
COMMENT ON COLUMN topk.stats.capturing IS 'whether rows that are inserted are counted, as in topk.rollups';
COMMENT ON COLUMN topk.stats.tracked IS 'whether the server keeps statistics of the rollup in shared memory. It keeps none without shared_preload_libraries, and none of a rollup that came when pg_topk.max_rollups others had their places. Then events_per_second, queries and their times are NULL, and fold_lag may be too long.';
GRANT SELECT ON topk.stats TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.rollup_activity() TO PUBLIC;

CREATE FUNCTION topk.reset_stats()
    RETURNS void
    LANGUAGE C VOLATILE
    AS 'MODULE_PATHNAME', 'topk_reset_stats';
COMMENT ON FUNCTION topk.reset_stats() IS
    'resets the number of answers and their times in topk.stats, for all rollups of this database; raises SQLSTATE 55000 without shared_preload_libraries';
REVOKE ALL ON FUNCTION topk.reset_stats() FROM PUBLIC;
