-- What ./run demo shows. It finds the table loaded(epoch, item, weight) and the variables weighted (0 or 1) and planted (the
-- late riser of the generated stream, or nothing).

\set QUIET on
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pg_topk;

-- Prepare: the events, and the words that depend on them.
SELECT (:weighted = 1) AS weighted, (:'planted' <> '') AS has_planted \gset
\if :weighted
    \set item_1000 'item, 1000, weight'
    \set item_10 'item, 10, weight'
    \set exact 'sum(weight)::bigint'
    CREATE TABLE events AS SELECT to_timestamp(epoch) AS ts, item, weight FROM loaded WHERE weight >= 0;
    SELECT count(*) AS left_out FROM loaded WHERE weight < 0 OR weight IS NULL \gset
\else
    \set item_1000 'item, 1000'
    \set item_10 'item, 10'
    \set exact 'count(*)'
    CREATE TABLE events AS SELECT to_timestamp(epoch) AS ts, item FROM loaded;
    \set left_out 0
\endif
DROP TABLE loaded;
VACUUM ANALYZE events;

-- The day to look at: all of a stream of at most a day, else the day (UTC) with events in most hours.
SELECT max(ts) - min(ts) >= '1 day' AS many_days, count(*) = 0 AS nothing FROM events \gset
\if :nothing
    \echo 'No events.'
    \quit
\endif
SELECT to_char(date_trunc('day', ts), 'YYYY-MM-DD') AS day FROM events GROUP BY 1
ORDER BY count(DISTINCT date_trunc('hour', ts)) DESC, count(*) DESC, 1 LIMIT 1 \gset
\if :many_days
    SELECT format(' WHERE hour >= %L AND hour < %L', :'day', date :'day' + 1) AS hours_of_day,
           format(' WHERE ts >= %L AND ts < %L', :'day', date :'day' + 1) AS rows_of_day \gset
\else
    \set hours_of_day ''
    \set rows_of_day ''
\endif

\echo
\echo == The events
\if :weighted
    \echo Rows with a negative weight, left out: :left_out
\endif
\if :has_planted
    \echo Planted: :planted, which nobody sees before 19:30. It has to climb past all others in the rest of the day.
\endif
\set ECHO queries
\echo
SELECT count(*) AS events, count(DISTINCT item) AS items, min(ts) AS first, max(ts) AS last,
       pg_size_pretty(pg_relation_size('events')) AS size FROM events;
\set ECHO none

\echo == One question, straight from all rows: the top 10, with the error bound of each count
\echo 'The true count lies between count - error and count. guaranteed: surely one of the ten.'
\echo
\set ECHO queries
\timing on
SELECT top.* FROM unnest((SELECT topk_agg(:item_10) FROM events)) AS top;
\timing off
\echo
\set ECHO none

\echo == Keep a summary of each hour instead of the rows
\echo
\set ECHO queries
\timing on
CREATE TABLE hourly AS
    SELECT date_trunc('hour', ts) AS hour, spacesaving_agg(:item_1000) AS summary FROM events GROUP BY 1;
\timing off
\set ECHO none

\echo
\if :many_days
    \echo == The first three of each hour of :day, the day with events in most hours
\else
    \echo == The first three of each hour of :day
\endif
\echo
\set ECHO queries
SELECT to_char(hour, 'HH24:MI') AS hour, total(summary), top[1] AS first, top[2] AS second, top[3] AS third
FROM hourly, LATERAL (SELECT ARRAY(SELECT left(item, 32) || ' ' || count FROM topk(summary, 3))) AS t(top):hours_of_day
ORDER BY hourly.hour;
\set ECHO none

SELECT to_char(hour, 'YYYY-MM-DD HH24:MI') AS busiest FROM hourly:hours_of_day
ORDER BY total(summary) DESC, hour LIMIT 1 \gset
\echo == The top 10 of its busiest hour
\echo
\set ECHO queries
SELECT top.* FROM hourly, topk(summary, 10) AS top WHERE hour = :'busiest';
\set ECHO none

\echo == The hours merged to the day :day
\echo
\set ECHO queries
\timing on
SELECT top.*
FROM topk((SELECT spacesaving_merge_agg(summary) FROM hourly:hours_of_day), 10) AS top;
\timing off
\echo
\set ECHO none

\echo == The same from the rows, exactly
\echo
\set ECHO queries
\timing on
CREATE TABLE exact AS
    SELECT item, :exact AS exact FROM events:rows_of_day GROUP BY item;
\timing off
\set ECHO none

\echo
\echo == Side by side
\echo
\set ECHO queries
SELECT top.rank, e.place AS exact_rank, item, count, error, guaranteed, exact,
       exact BETWEEN count - error AND count AS within_bounds
FROM topk((SELECT spacesaving_merge_agg(summary) FROM hourly:hours_of_day), 10) AS top
JOIN (SELECT *, rank() OVER (ORDER BY exact DESC) AS place FROM exact) AS e USING (item) ORDER BY top.rank;
\set ECHO none

\if :has_planted
\echo == The late riser :planted through the evening: its views in each hour, and its place in the day so far
\echo
\set ECHO queries
SELECT to_char(hour, 'HH24:MI') AS hour, f.lower, f.upper,
       (SELECT rank FROM topk(so_far, 1000) WHERE item = :'planted') AS place_so_far
FROM (SELECT *, spacesaving_merge_agg(summary) OVER (ORDER BY hour) AS so_far FROM hourly) AS h,
     frequency(summary, :'planted') AS f
ORDER BY h.hour OFFSET 18;
\set ECHO none
\endif

\if :many_days
\echo == The hours merged to the whole stream, beside exact counts
\echo
\set ECHO queries
\timing on
CREATE TABLE whole AS SELECT top.* FROM topk((SELECT spacesaving_merge_agg(summary) FROM hourly), 10) AS top;
SELECT whole.rank, e.place AS exact_rank, item, count, error, guaranteed, exact,
       exact BETWEEN count - error AND count AS within_bounds
FROM whole JOIN (SELECT item, :exact AS exact, rank() OVER (ORDER BY :exact DESC) AS place
                 FROM events GROUP BY item) AS e USING (item) ORDER BY whole.rank;
\timing off
\echo
\set ECHO none
\endif

\echo == What is stored
\echo
\set ECHO queries
SELECT pg_size_pretty(pg_total_relation_size('events')) AS rows,
       pg_size_pretty(pg_total_relation_size('hourly')) AS summaries, (SELECT count(*) FROM hourly) AS hours,
       round(pg_total_relation_size('events')::numeric / pg_total_relation_size('hourly'), 1) AS times_smaller;
\set ECHO none
