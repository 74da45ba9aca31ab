-- Backfill and refresh count the rows of a table again
SET timezone = 'UTC';
-- The time is read once, as an hour may end during the test
SELECT date_trunc('hour', now()) - interval '3 hours' AS base, date_trunc('day', now()) - interval '5 days' AS five_days \gset
CREATE TABLE recount_event (item text, ts timestamptz, n int);
-- Twenty days, an event each ten minutes
INSERT INTO recount_event SELECT 'i' || i % 7, :'base'::timestamptz - i * interval '10 minutes', i % 3
FROM generate_series(0, 20 * 144) AS i;

-- Returns the windows whose counts differ from those of the table
CREATE FUNCTION recount_differences(OUT windows bigint, OUT differences bigint)
    LANGUAGE sql AS $$
    WITH exact AS (
        SELECT kind, date_trunc(kind, ts) AS start, count(*) AS events, sum(n) AS weight
        FROM recount_event, unnest('{hour,day,week,month}'::text[]) AS kind GROUP BY 1, 2
    )
    SELECT count(*), count(*) FILTER (WHERE (i.events, i.weight) IS DISTINCT FROM (e.events, e.weight))
    FROM exact AS e, topk.window_info('recount', kind, e.start) AS i
$$;

SELECT topk.create_rollup('recount', 'recount_event', item => 'item', event_time => 'ts', weight => 'n', backfill => true) > 0 AS created;
INSERT INTO recount_event VALUES ('new', :'base'::timestamptz + interval '1 minute', 5);
SELECT events FROM topk.window_info('recount', 'month', :'base'::timestamptz);
SELECT backfill FROM topk.rollups WHERE name = 'recount';
SELECT topk.backfill('recount') = (SELECT count(*) FROM recount_event) AS all_counted;
SELECT windows > 500 AS windows, differences FROM recount_differences();
SELECT deltas > 0 AS deltas, tiles > 0 AS tiles FROM topk.rollup, topk.fold(id) WHERE name = 'recount';
SELECT windows > 500 AS windows, differences FROM recount_differences();
-- Running it again changes nothing; the backfill that create_rollup asked for is one more
SELECT topk.backfill('recount') = (SELECT count(*) FROM recount_event) AS all_counted;
SELECT windows > 500 AS windows, differences FROM recount_differences();
CALL topk.run();
SELECT backfill FROM topk.rollups WHERE name = 'recount';
SELECT windows > 500 AS windows, differences FROM recount_differences();
SELECT topk.backfill('recount') = (SELECT count(*) FROM recount_event) AS all_counted;

SELECT deltas > 0 AS deltas FROM topk.rollup, topk.fold(id) WHERE name = 'recount';
SELECT total_weight = (SELECT sum(n) FROM recount_event) AS weight, events = (SELECT count(*) FROM recount_event) AS events
FROM topk.rollups WHERE name = 'recount';
-- Rows change: a refresh of their span counts them as they are now, whether they were folded or not
UPDATE recount_event SET n = n + 1 WHERE ts >= :'base'::timestamptz - interval '3 days' AND ts < :'base'::timestamptz - interval '2 days';
DELETE FROM recount_event WHERE ts >= :'base'::timestamptz - interval '60 hours' AND ts < :'base'::timestamptz - interval '55 hours';
SELECT differences > 0 AS differ FROM recount_differences();
SELECT topk.refresh('recount', :'base'::timestamptz - interval '3 days', :'base'::timestamptz - interval '2 days', true) AS counted;
SELECT differences FROM recount_differences();
SELECT deltas > 0 AS deltas FROM topk.rollup, topk.fold(id) WHERE name = 'recount';
SELECT differences FROM recount_differences();
SELECT topk.refresh('recount', :'base'::timestamptz - interval '60 hours', :'base'::timestamptz - interval '55 hours', true) AS counted;
SELECT sum(events) FROM generate_series(55, 60) AS h, topk.window_info('recount', 'hour', :'base'::timestamptz - h * interval '1 hour');
INSERT INTO recount_event VALUES ('late', :'base'::timestamptz - interval '58 hours', 7);
SELECT deltas > 0 AS deltas FROM topk.rollup, topk.fold(id) WHERE name = 'recount';
SELECT differences FROM recount_differences();

-- An hour whose rows are deleted keeps its counts, unless a refresh is told to empty it
DELETE FROM recount_event WHERE ts >= :'base'::timestamptz - interval '30 hours' AND ts < :'base'::timestamptz - interval '29 hours';
SELECT topk.backfill('recount', :'base'::timestamptz - interval '30 hours', :'base'::timestamptz - interval '29 hours') AS counted;
SELECT events FROM topk.window_info('recount', 'hour', :'base'::timestamptz - interval '30 hours');
\set VERBOSITY sqlstate
SELECT topk.refresh('recount', :'base'::timestamptz - interval '31 hours', :'base'::timestamptz - interval '28 hours') AS counted;
\set VERBOSITY default
SELECT topk.refresh('recount', :'base'::timestamptz - interval '30 hours', :'base'::timestamptz - interval '29 hours', empty => true) AS counted;
SELECT events FROM topk.window_info('recount', 'hour', :'base'::timestamptz - interval '30 hours');
-- The end of the accepted span does not cut a tile
CREATE TABLE recount_edge (item text, ts timestamptz);
SELECT topk.create_rollup('recount_edge', 'recount_edge', item => 'item', event_time => 'ts', accept_past => '100 ms') > 0 AS created;
INSERT INTO recount_edge SELECT 'i', now() FROM generate_series(1, 10);
SELECT ts AS edge FROM recount_edge LIMIT 1 \gset
SELECT pg_sleep(0.2);
SELECT topk.backfill('recount_edge');
SELECT events FROM topk.window_info('recount_edge', 'hour', :'edge');
DROP TABLE recount_edge;

-- The counts of deleted rows are kept if they are older than the oldest row
DELETE FROM recount_event WHERE ts < :'five_days'::timestamptz;
CREATE TEMP TABLE before AS SELECT level, start, events FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'recount' AND start < :'five_days'::timestamptz;
\set VERBOSITY sqlstate
SELECT topk.refresh('recount', now() - interval '10 days', now());
\set VERBOSITY default
SELECT topk.backfill('recount') = (SELECT count(*) FROM recount_event) AS all_counted;
SELECT deltas > 0 AS deltas FROM topk.rollup, topk.fold(id) WHERE name = 'recount';
SELECT count(*) FROM (TABLE before EXCEPT SELECT level, start, events FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'recount') AS lost;

-- No other expression is evaluated for rows that the filter excludes, as at INSERT
CREATE TABLE recount_filtered (n text, ts timestamptz DEFAULT now(), f boolean);
SELECT topk.create_rollup('recount_filtered', 'recount_filtered', 'n::bigint', 'ts', weight => 'n::bigint', filter => 'f') > 0 AS created;
INSERT INTO recount_filtered (n, f) VALUES ('1', true), ('none', false), ('none', NULL);
SELECT topk.backfill('recount_filtered');
SELECT item, count FROM topk.top('recount_filtered', 'month');
DROP TABLE recount_filtered;

-- Errors: for a stream, and for a table of another owner
CREATE FOREIGN TABLE recount_stream (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('recount_stream', 'recount_stream', item => 'item', event_time => 'ts') > 0 AS created;
SELECT topk.backfill('recount_stream');
SELECT topk.backfill('none');
SELECT topk.refresh('recount', now(), now() - interval '1 hour');
CREATE ROLE recount_other;
SET ROLE recount_other;
SELECT topk.backfill('recount');
RESET ROLE;
DROP ROLE recount_other;
DROP FOREIGN TABLE recount_stream;
DROP TABLE recount_event CASCADE;
DROP FUNCTION recount_differences;
