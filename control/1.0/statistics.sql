
-- Statistics: what operators watch.

CREATE FUNCTION topk.rollup_activity(OUT rollup integer, OUT pending_deltas bigint, OUT pending_events bigint,
                                     OUT pending_weight bigint, OUT pending_rejected bigint, OUT unseen interval,
                                     OUT events_per_second double precision, OUT queries bigint,
                                     OUT query_p50_ms double precision, OUT query_p95_ms double precision,
                                     OUT query_p99_ms double precision)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_rollup_activity';
COMMENT ON FUNCTION topk.rollup_activity() IS
    'support function of topk.stats: what waits in the delta log and what is in shared memory, of the rollups that the user may read; unseen: age of the oldest commit that no fold has looked at, NULL: not known';

CREATE VIEW topk.stats WITH (security_barrier) AS
    SELECT r.name AS rollup, r.source,
           coalesce(s.events, 0) + a.pending_events AS events,
           least(coalesce(s.weight, 0)::numeric + a.pending_weight::numeric, 9223372036854775807)::bigint AS weight,
           a.events_per_second, a.pending_deltas, a.pending_events,
           CASE WHEN a.pending_deltas = 0 THEN interval '0'
                ELSE coalesce(a.unseen, greatest(pg_catalog.clock_timestamp() - coalesce(s.last_fold, r.created), interval '0'))
           END AS fold_lag,
           coalesce(s.folds, 0) AS folds, s.last_fold, s.last_fold_duration,
           (SELECT pg_catalog.jsonb_object_agg(l.name, pg_catalog.jsonb_build_object('windows', l.windows, 'bytes', l.bytes))
            FROM unnest('{tile,hour,day,week,month}'::text[], s.level_windows, s.level_bytes) AS l (name, windows, bytes)
            WHERE l.name = 'tile' OR l.name = ANY (r.windows) AND NOT (l.name = 'hour' AND r.grain = interval '1 hour')) AS levels,
           coalesce(s.late, 0) AS late, coalesce(s.rejected, 0) + a.pending_rejected AS rejected,
           coalesce(s.overflowed, 0) AS overflowed,
           a.queries, a.query_p50_ms, a.query_p95_ms, a.query_p99_ms,
           coalesce(e.errors, 0) AS errors, e.last_error, e.last_error_at
    FROM topk.rollup AS r
    JOIN topk.rollup_activity() AS a ON a.rollup = r.id
    LEFT JOIN topk.rollup_state AS s ON s.rollup = r.id
    LEFT JOIN (SELECT l.rollup, pg_catalog.count(*) AS errors, pg_catalog.max(l.at) AS last_error_at,
                      (pg_catalog.array_agg(l.message ORDER BY l.at DESC, l.row_id DESC))[1] AS last_error
               FROM topk.error_log AS l GROUP BY l.rollup) AS e ON e.rollup = r.id
    WHERE topk.may_read(r.source);
COMMENT ON VIEW topk.stats IS
    'what there is to watch of each rollup that the user may read: totals, what waits to be folded, rows and bytes of each level, errors; and with shared_preload_libraries the rate of events and the latency of answers, NULL otherwise';
COMMENT ON COLUMN topk.stats.events IS 'accepted events, those in the delta log included';
COMMENT ON COLUMN topk.stats.weight IS 'their weight; at most 9223372036854775807';
COMMENT ON COLUMN topk.stats.events_per_second IS 'accepted events that were committed in the last 60 seconds that are complete, divided by 60; those counted again by a backfill too, those of prepared transactions not';
COMMENT ON COLUMN topk.stats.pending_deltas IS 'rows of the delta log, also those that a fold left there on purpose';
COMMENT ON COLUMN topk.stats.pending_events IS 'events in the delta log that no fold has counted';
COMMENT ON COLUMN topk.stats.fold_lag IS 'age of the oldest commit that no fold has looked at; without shared memory, and after a start of the server until the first fold, time since the last fold that took something, while anything is pending. 0: there is none';
COMMENT ON COLUMN topk.stats.levels IS 'rows of topk.tile of each level and bytes of their summaries, sketches and registers: {"tile": {"windows": 24, "bytes": 2400000}, "day": ...}';
COMMENT ON COLUMN topk.stats.rejected IS 'events whose time is missing or not accepted, those in the delta log included';
COMMENT ON COLUMN topk.stats.queries IS 'answers given since the server started or topk.reset_stats() was called; calls that end in an error are not counted';
COMMENT ON COLUMN topk.stats.query_p50_ms IS 'median of their times in milliseconds, at most 5 % off between 0.01 and 100000';
COMMENT ON COLUMN topk.stats.query_p95_ms IS '95 % of them take no longer';
COMMENT ON COLUMN topk.stats.query_p99_ms IS '99 % of them take no longer';
COMMENT ON COLUMN topk.stats.errors IS 'errors in topk.errors, at most 100';
GRANT SELECT ON topk.stats TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.rollup_activity() TO PUBLIC;

CREATE FUNCTION topk.reset_stats()
    RETURNS void
    LANGUAGE C VOLATILE
    AS 'MODULE_PATHNAME', 'topk_reset_stats';
COMMENT ON FUNCTION topk.reset_stats() IS
    'sets the numbers and times of answers in topk.stats back to nothing, for all rollups of this database. Without shared_preload_libraries an error (SQLSTATE 55000)';
REVOKE ALL ON FUNCTION topk.reset_stats() FROM PUBLIC;
