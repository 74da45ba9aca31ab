-- Asks questions about the events that ./run demo has copied into the stream events and the table loaded. The variable planted is
-- the late riser, an item of the generated stream that starts late; it is empty for the events of a file.

\set QUIET on
\pset footer off
SET client_min_messages = warning;

SELECT :'planted' <> '' AS has_planted, count(*) FILTER (WHERE weight < 0 OR weight IS NULL) AS left_out,
       count(*) FILTER (WHERE weight <> 1 OR weight IS NULL) > 0 AS weighted FROM loaded \gset
DELETE FROM loaded WHERE weight < 0 OR weight IS NULL;
VACUUM ANALYZE loaded;
SELECT count(*) = 0 AS nothing FROM loaded \gset
\if :nothing
    \echo 'No events.'
    \quit
\endif
-- If the events span at most 25 hours, ask about all of them. Otherwise ask about the day (UTC) that has events in the most hours.
SELECT date_trunc('hour', to_timestamp(min(epoch))) AS first, date_trunc('hour', to_timestamp(max(epoch))) + interval '1 hour' AS last,
       max(epoch) - min(epoch) > 25 * 3600 AS many_days FROM loaded \gset
\if :many_days
    SELECT to_char(date_trunc('day', to_timestamp(epoch)), 'YYYY-MM-DD') AS day FROM loaded GROUP BY 1
    ORDER BY count(DISTINCT date_trunc('hour', to_timestamp(epoch))) DESC, count(*) DESC, 1 LIMIT 1 \gset
    SELECT date :'day' AS since, date :'day' + 1 AS until \gset
\else
    SELECT :'first' AS since, :'last' AS until \gset
\endif

\echo
\echo == The events
\if :weighted
    \echo Rows left out because their weight is negative or NULL: :left_out
\endif
\if :has_planted
    \echo The late riser is :planted. It has views in the last four and a half hours only.
\endif
\set ECHO queries
\echo
SELECT count(*) AS events, count(DISTINCT item) AS items, to_timestamp(min(epoch)) AS first, to_timestamp(max(epoch)) AS last
FROM loaded;
\set ECHO none

\echo == The top 3 of each hour
\echo 'Answers count an event from its commit on, whether the background worker has folded it or not.'
\echo
\set ECHO queries
\timing on
SELECT to_char(hour, 'YYYY-MM-DD HH24:MI') AS hour, weight, top[1] AS first, top[2] AS second, top[3] AS third
FROM generate_series(date_trunc('hour', :'since'::timestamptz), :'until'::timestamptz - interval '1 second', '1 hour') AS hour,
     topk.window_info('events', 'hour', hour),
     LATERAL (SELECT ARRAY(SELECT left(item, 32) || ' ' || count FROM topk.top('events', 'hour', hour, k => 3))) AS t(top)
WHERE events > 0 ORDER BY 1;
\timing off
\set ECHO none

\echo
\echo == The top 10 after a fold. The background worker folds by itself; CALL topk.run() does it now
\echo
\set ECHO queries
CALL topk.run();
\timing on
SELECT * FROM topk.range('events', :'since', :'until');
\timing off
\echo
\set ECHO none
\echo 'The true count lies between count - error and count. If guaranteed is true, no item outside the answer has a larger count.'
\echo

\echo == Exact counts, from the rows of the table
\echo
\set ECHO queries
\timing on
CREATE TABLE exact AS
    SELECT item, sum(weight)::bigint AS exact FROM loaded
    WHERE to_timestamp(epoch) >= :'since' AND to_timestamp(epoch) < :'until' GROUP BY item;
\timing off
\set ECHO none

\echo
\echo == The answer beside the exact counts
\echo
\set ECHO queries
SELECT top.rank, e.place AS exact_rank, item, count, error, guaranteed, exact,
       exact BETWEEN count - error AND count AS within_bounds
FROM topk.range('events', :'since', :'until') AS top
JOIN (SELECT *, rank() OVER (ORDER BY exact DESC) AS place FROM exact) AS e USING (item) ORDER BY top.rank;
\set ECHO none

\if :has_planted
\echo == The late riser :planted: its place in each hour, and its place in all the time up to the end of that hour
\echo
\set ECHO queries
SELECT to_char(hour, 'HH24:MI') AS hour, h.count, h.rank AS place_in_hour,
       (SELECT rank FROM topk.range('events', :'since', hour + interval '1 hour', k => 1000) WHERE item = :'planted') AS place_so_far
FROM generate_series(date_trunc('hour', :'until'::timestamptz) - interval '5 hours', :'until', '1 hour') AS hour
LEFT JOIN LATERAL (SELECT * FROM topk.top('events', 'hour', hour, k => 1000) WHERE item = :'planted') AS h ON true
ORDER BY hour.hour;
\set ECHO none
\endif

\if :many_days
\echo == The answer for the whole stream beside the exact counts
\echo
\set ECHO queries
\timing on
CREATE TABLE whole AS SELECT * FROM topk.range('events', :'first', :'last');
SELECT whole.rank, e.place AS exact_rank, item, count, error, guaranteed, exact,
       exact BETWEEN count - error AND count AS within_bounds
FROM whole JOIN (SELECT item, sum(weight) AS exact, rank() OVER (ORDER BY sum(weight) DESC) AS place
                 FROM loaded GROUP BY item) AS e USING (item) ORDER BY whole.rank;
\timing off
\echo
\set ECHO none
\endif

\echo == The size of the rows, and of the tiles that the rollup stores
\echo
\set ECHO queries
SELECT pg_size_pretty(pg_total_relation_size('loaded')) AS rows, pg_size_pretty(sum(pg_column_size(t.*))) AS tiles,
       count(*) AS windows FROM topk.tile AS t;
\set ECHO none
