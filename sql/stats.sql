-- topk.stats without shared memory: totals, pending counts, levels, errors. tests/stats has the rest.
CREATE FOREIGN TABLE counted (item text, at timestamptz, g text, n integer) SERVER topk;
SELECT topk.create_rollup('stats_all', 'counted', 'item', 'at', accept_past => '1000 years', retention => '{"tile": "900 years", "hour": "900 years", "day": "900 years", "week": "900 years", "month": "900 years"}') > 0 AS created;
SELECT topk.create_rollup('stats_grouped', 'counted', 'item', 'at', group_by => '{g}', weight => 'n', grain => '1 minute', windows => '{hour,month}', k => 2, capacity => 10, max_groups => 2,
                          accept_past => '1000 years', retention => '{"tile": "900 years", "hour": "900 years", "month": "900 years"}') > 0 AS created;
CREATE VIEW totals AS
    SELECT rollup, source, events, weight, pending_deltas, pending_events, fold_lag > '0' AS lags, folds, last_fold IS NOT NULL AS folded, late, rejected, overflowed
    FROM topk.stats ORDER BY rollup;
CREATE VIEW sizes AS SELECT rollup, levels FROM topk.stats ORDER BY rollup;
-- Returns the levels for which the view and topk.tile differ
CREATE VIEW wrong_sizes AS
    SELECT s.rollup, l.key, l.value, t.windows, t.bytes
    FROM topk.stats AS s CROSS JOIN LATERAL jsonb_each(s.levels) AS l
    JOIN topk.rollup AS r ON r.name = s.rollup
    CROSS JOIN LATERAL (SELECT count(*) AS windows, coalesce(sum(topk.stored_bytes(summary, sketch, registers)), 0) AS bytes FROM topk.tile
                        WHERE rollup = r.id AND level = array_position('{tile,hour,day,week,month}', l.key) - 1) AS t
    WHERE (l.value ->> 'windows')::bigint <> t.windows OR (l.value ->> 'bytes')::bigint <> t.bytes;
SELECT * FROM totals;
SELECT * FROM sizes;
SELECT events_per_second, queries, query_p50_ms, query_p95_ms, query_p99_ms, errors, last_error, last_error_at, last_fold_duration, fold_lag FROM topk.stats;

-- Counts of three tiles are pending, one of them for rejected events
INSERT INTO counted VALUES ('a', '2024-01-10 10:00+00', 'x', 5), ('b', '2024-01-10 10:30+00', 'y', 7), ('a', '2024-01-10 11:00+00', 'z', 1),
    ('c', 'infinity', 'x', 1), ('d', NULL, 'x', 1), (NULL, '2024-01-10 10:00+00', 'x', 1);
SELECT * FROM totals;
-- in this transaction only
BEGIN;
INSERT INTO counted VALUES ('a', '2024-01-10 10:00+00', 'x', 5);
SELECT rollup, events, weight, pending_deltas, pending_events FROM topk.stats ORDER BY 1;
ROLLBACK;
CALL topk.run();
SELECT * FROM totals;
SELECT * FROM sizes;
SELECT * FROM wrong_sizes;

-- Late events; then events of a tile that is not over, which a fold leaves in the log
INSERT INTO counted SELECT 'i' || i, '2024-01-10 10:00+00'::timestamptz + i % 50 * interval '1 minute', i % 4, 1 FROM generate_series(1, 3000) AS i;
CALL topk.run();
INSERT INTO counted VALUES ('a', now() + interval '12 hours', 'x', 2);
INSERT INTO counted VALUES ('b', now() + interval '12 hours', 'x', 2);
SELECT * FROM totals;
CALL topk.run();
SELECT rollup, events, weight, pending_events FROM topk.stats ORDER BY 1;
SELECT bool_and(pending_deltas > 0) AS something_is_left FROM topk.stats;
SELECT * FROM wrong_sizes;

-- A large summary in the log, and a tile with sketch and registers
INSERT INTO counted SELECT 'i' || i, '2024-02-10 10:00+00', 'x', 2 FROM generate_series(1, 40000) AS i;
SELECT rollup, events, weight, pending_events FROM topk.stats ORDER BY 1;
CALL topk.run();
SELECT rollup, events, weight, pending_events FROM topk.stats ORDER BY 1;
SELECT * FROM wrong_sizes;
SELECT rollup, (levels #>> '{month,windows}')::int, (levels #>> '{tile,bytes}')::bigint > 100000 AS large FROM topk.stats ORDER BY 1;

-- Retention
SELECT topk.alter_rollup(name, retention => '{"tile": "1 day", "hour": "1 day", "day": "1 day"}') FROM topk.rollup WHERE name LIKE 'stats_%';
INSERT INTO counted VALUES ('a', now() + interval '12 hours', 'x', 1);
INSERT INTO counted VALUES ('a', now() - interval '3 days', 'x', 1);
CALL topk.run();
SELECT * FROM wrong_sizes;
SELECT rollup, levels #>> '{hour,windows}' AS hours, levels #>> '{day,windows}' AS days FROM topk.stats ORDER BY 1;

-- Counting again
CREATE TABLE kept (item text, at timestamptz);
SELECT topk.create_rollup('stats_kept', 'kept', 'item', 'at', accept_past => '1000 years', retention => '{"tile": "900 years", "hour": "900 years", "day": "900 years", "week": "900 years", "month": "900 years"}') > 0 AS created;
INSERT INTO kept SELECT 'i' || i % 1100, '2024-01-31 00:00+00'::timestamptz + i * interval '1 minute' FROM generate_series(0, 3000) AS i;
CALL topk.run();
DELETE FROM kept WHERE item < 'i3';
SELECT topk.refresh('stats_kept', '2024-01-31 12:00+00', '2024-02-01 06:00+00', empty => true);
SELECT * FROM wrong_sizes;
SELECT events, weight, pending_events FROM topk.stats WHERE rollup = 'stats_kept';
CALL topk.run();
SELECT * FROM wrong_sizes;
SELECT events, weight, pending_events, levels #> '{tile,windows}' AS hours FROM topk.stats WHERE rollup = 'stats_kept';

-- Errors
DO $$
BEGIN
    PERFORM topk.record_failure(id, 'XX000', 'failure ' || i) FROM generate_series(1, 3) AS i, topk.rollup WHERE name = 'stats_all';
END$$;
SELECT rollup, errors, last_error, last_error_at > now() - interval '1 minute' AS just_now FROM topk.stats ORDER BY 1;
SELECT topk.reset_stats();

-- Users see the rollups that they may read
CREATE ROLE regress_topk_stats;
SET ROLE regress_topk_stats;
SELECT * FROM topk.stats;
SELECT * FROM topk.rollup_activity();
SELECT topk.reset_stats();
RESET ROLE;
GRANT SELECT ON kept TO regress_topk_stats;
GRANT topk_reader TO regress_topk_stats;
SET ROLE regress_topk_stats;
SELECT rollup, events FROM topk.stats;
SELECT count(*) FROM topk.rollup_activity();
RESET ROLE;
DROP OWNED BY regress_topk_stats;
DROP ROLE regress_topk_stats;
DROP VIEW totals, sizes, wrong_sizes;

-- Monitoring takes no right on the rows: pg_monitor sees how all rollups do, and nothing that was counted
CREATE ROLE regress_topk_monitor IN ROLE pg_monitor;
CREATE ROLE regress_topk_nobody;
INSERT INTO topk.error_log (rollup, sqlstate, message, level, start, stop, grp) SELECT id, '22003', 'it is about secret', 2, '2024-01-31', '2024-02-01', '{secret}' FROM topk.rollup WHERE name = 'stats_kept';
CREATE VIEW watched AS SELECT (SELECT count(*) FROM topk.stats) AS stats, (SELECT count(*) FROM topk.rollups) AS rollups, (SELECT count(*) FROM topk.groups) AS groups,
    (SELECT count(*) FROM topk.snapshots) AS snapshots, (SELECT count(*) FROM topk.errors) AS errors,
    (SELECT count(*) FROM regexp_matches(topk.metrics(), '^topk_events_total', 'gn')) AS metrics;
SELECT stats > 0 AND stats = rollups AND errors > 0 AND stats = metrics AS all_of_them, snapshots > 0 AS has_snapshots FROM watched;
SELECT stats, errors FROM watched \gset
CREATE FUNCTION watching() RETURNS TABLE (stats bigint, rollups bigint, groups bigint, snapshots bigint, errors bigint, metrics bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM topk.stats), (SELECT count(*) FROM topk.rollups), (SELECT count(*) FROM topk.groups), (SELECT count(*) FROM topk.snapshots),
           (SELECT count(*) FROM topk.errors), (SELECT count(*) FROM regexp_matches(topk.metrics(), '^topk_events_total', 'gn')) $$;
SET ROLE regress_topk_monitor;
SELECT w.stats = :stats AND w.rollups = :stats AND w.errors = :errors AND w.metrics = :stats AS all_of_them, groups, snapshots FROM watching() AS w;
SELECT message, group_key, window_kind, sqlstate FROM topk.errors WHERE rollup = 'stats_kept' AND sqlstate = '22003';
SELECT errors, last_error FROM topk.stats WHERE rollup = 'stats_kept';
SELECT topk.top('stats_kept', 'day');
SELECT topk.accuracy('stats_kept', 'day');
SET ROLE regress_topk_nobody;
SELECT * FROM watching();
SELECT topk.top('stats_kept', 'day');
RESET ROLE;
GRANT SELECT ON kept TO regress_topk_nobody;
SET ROLE regress_topk_nobody;
SELECT topk.top('stats_kept', 'day');
RESET ROLE;
DROP FUNCTION watching;
DROP VIEW watched;
DROP FOREIGN TABLE counted;
DROP TABLE kept;
DROP ROLE regress_topk_monitor, regress_topk_nobody;
SELECT * FROM topk.stats;
