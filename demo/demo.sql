-- What ./run demo shows of the events that it has copied into the stream events and the table loaded. The variable planted is
-- the late riser of the generated stream, or nothing.

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
-- The day to look at: the last 24 hours of a stream of at most a day and an hour, else the day (UTC) with events in most hours.
SELECT to_timestamp(min(epoch)) AS first, to_timestamp(max(epoch)) + interval '1 second' AS last,
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
    \echo Rows with a negative weight, left out: :left_out
\endif
\if :has_planted
    \echo Planted: :planted, which nobody sees but in the last four and a half hours. It has to climb past all others in that time.
\endif
\set ECHO queries
\echo
SELECT count(*) AS events, count(DISTINCT item) AS items, to_timestamp(min(epoch)) AS first, to_timestamp(max(epoch)) AS last
FROM loaded;
\set ECHO none

\echo == The first three of each hour
\echo 'An answer is ready as soon as an event is committed, whether the background worker has folded it or not.'
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
\echo == What the worker does in the background: fold all of it (CALL does it here and now), and the same is asked of less
\echo
\set ECHO queries
CALL topk.run();
\timing on
SELECT * FROM topk.range('events', :'since', :'until');
\timing off
\echo
\set ECHO none
\echo 'The true count lies between count - error and count. guaranteed: no item outside the answer has more.'
\echo

\echo == The same from the rows, exactly
\echo
\set ECHO queries
\timing on
CREATE TABLE exact AS
    SELECT item, sum(weight)::bigint AS exact FROM loaded
    WHERE to_timestamp(epoch) >= :'since' AND to_timestamp(epoch) < :'until' GROUP BY item;
\timing off
\set ECHO none

\echo
\echo == Side by side
\echo
\set ECHO queries
SELECT top.rank, e.place AS exact_rank, item, count, error, guaranteed, exact,
       exact BETWEEN count - error AND count AS within_bounds
FROM topk.range('events', :'since', :'until') AS top
JOIN (SELECT *, rank() OVER (ORDER BY exact DESC) AS place FROM exact) AS e USING (item) ORDER BY top.rank;
\set ECHO none

\if :has_planted
\echo == The late riser :planted: its place in each hour, and in the time up to there
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
\echo == The whole stream, beside exact counts
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

\echo == What is stored
\echo
\set ECHO queries
SELECT pg_size_pretty(pg_total_relation_size('loaded')) AS rows, pg_size_pretty(sum(pg_column_size(t.*))) AS tiles,
       count(*) AS windows FROM topk.tile AS t;
\set ECHO none
