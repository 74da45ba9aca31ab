-- Functions whose answers are composed: summaries and sketches of windows, several groups, series, ranks, spans that end now.
-- Everything is compared with exact counts.
CREATE SCHEMA compose;
SET search_path = compose, public;
SET timezone = 'UTC';
\getenv directory PG_ABS_SRCDIR
\set include :directory '/sql/include/outcome.sql'
\i :include
CREATE TABLE kept (retention jsonb);
INSERT INTO kept SELECT jsonb_object_agg(level, '100 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS level;

-- Three days of events in three groups, with far more items than counters. A part is folded, and a part is in the log.
CREATE TABLE event (item bigint, g text, ts timestamptz, w bigint);
SELECT topk.create_rollup('all', 'event', 'item', 'ts', weight => 'w', group_by => '{g}', capacity => 100, k => 20, width => 1000,
                          retention => (TABLE kept)) > 0 AS created,
       topk.create_rollup('bare', 'event', 'item', 'ts', width => 0, retention => (TABLE kept)) > 0 AS created;
SELECT setseed(0.4);
INSERT INTO event SELECT floor(3000 * power(random(), 2)), (ARRAY['DE', 'FR', 'IT'])[1 + floor(3 * random() * random())::int],
                         '2024-05-06 00:00+00'::timestamptz + random() * interval '3 days', 1 + i % 4
FROM generate_series(1, 30000) AS i;
CALL topk.run();
INSERT INTO event SELECT floor(3000 * power(random(), 2)), 'DE', '2024-05-07 00:00+00'::timestamptz + random() * interval '1 day', 1
FROM generate_series(1, 5000);

-- The number of items whose bounds are wrong in a summary of the events between two times, and in a sketch of them
CREATE FUNCTION wrong_bounds(summary spacesaving, sketch cms, since timestamptz, until timestamptz, groups text[],
                             OUT items bigint, OUT by_summary bigint, OUT by_sketch bigint, OUT total boolean)
LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE n NOT BETWEEN (frequency(summary, item)).lower AND (frequency(summary, item)).upper),
           count(*) FILTER (WHERE n > (frequency(sketch, item)).upper),
           sum(n) = total(summary) AND sum(n) = total(sketch)
    FROM (SELECT item, coalesce(sum(w), 0)::bigint AS n FROM event
          WHERE ts >= since AND ts < until AND (groups IS NULL OR g = ANY (groups)) GROUP BY item) AS x $$;
SELECT d, wrong.* FROM generate_series('2024-05-06'::timestamptz, '2024-05-08', '1 day') AS d,
    wrong_bounds(topk.summary('all', 'day', d), topk.sketch('all', 'day', d), d, d + interval '1 day', NULL) AS wrong;
SELECT wrong.* FROM wrong_bounds((SELECT spacesaving_merge_agg(topk.summary('all', 'day', d)) FROM generate_series('2024-05-06'::timestamptz, '2024-05-08', '1 day') AS d),
    (SELECT cms_merge_agg(topk.sketch('all', 'day', d)) FROM generate_series('2024-05-06'::timestamptz, '2024-05-08', '1 day') AS d),
    '2024-05-06', '2024-05-09', NULL) AS wrong;
SELECT wrong.* FROM wrong_bounds(topk.range_summary('all', '2024-05-06 05:00', '2024-05-08 17:00'), topk.range_sketch('all', '2024-05-06 05:00', '2024-05-08 17:00'),
    '2024-05-06 05:00', '2024-05-08 17:00', NULL) AS wrong;
SELECT g, wrong.* FROM unnest('{DE,FR,IT}'::text[]) AS g,
    wrong_bounds(topk.summary('all', 'week', '2024-05-06', ARRAY[g]), topk.sketch('all', 'week', '2024-05-06', ARRAY[g]), '2024-05-06', '2024-05-13', ARRAY[g]) AS wrong;
-- The state of a window equals the answer of topk.top
SELECT count(*) AS lines, count(*) FILTER (WHERE s.rank IS NULL) AS missing
FROM topk.top('all', 'day', '2024-05-06', 20) AS t LEFT JOIN topk(topk.summary('all', 'day', '2024-05-06'), 20) AS s USING (rank, item, count, error, guaranteed);
-- Of an exact window, the sketch is made of its items; of an empty one, both are empty
SELECT total(topk.sketch('all', 'hour', '2024-05-06')) = (SELECT sum(w) FROM event WHERE ts < '2024-05-06 01:00+00') AS total, depth(topk.sketch('all', 'hour', '2024-05-06'));
SELECT size(s), capacity(s), total(s), total(topk.sketch('all', 'hour', '2001-01-01')) FROM topk.summary('all', 'hour', '2001-01-01') AS s;
SELECT topk.sketch('bare', 'day', '2024-05-06');
-- A span that does not consist of tiles
SELECT total(topk.range_summary('all', '2024-05-06 05:10', '2024-05-06 06:50')) = (SELECT sum(w) FROM event WHERE ts >= '2024-05-06 05:00' AND ts < '2024-05-06 07:00') AS tiles;
SELECT total(topk.range_summary('all', '-infinity', 'infinity')) = (SELECT sum(w) FROM event) AS everything;

-- Several groups together: a weight that is counted twice would break a bound
SELECT wrong.* FROM wrong_bounds(topk.summary('all', 'day', '2024-05-07', '{{FR},{DE},{FR}}'), topk.sketch('all', 'day', '2024-05-07', '{{FR},{DE},{FR}}'),
    '2024-05-07', '2024-05-08', '{DE,FR}') AS wrong;
WITH exact AS (SELECT item::text, sum(w) AS n FROM event WHERE ts >= '2024-05-07' AND ts < '2024-05-08' AND g IN ('DE', 'IT') GROUP BY item)
SELECT count(*) AS items, count(*) FILTER (WHERE n NOT BETWEEN count - error AND count) AS wrong,
       count(*) FILTER (WHERE guaranteed AND n < (SELECT n FROM exact ORDER BY n DESC OFFSET 19 LIMIT 1)) AS wrongly_guaranteed, count(*) FILTER (WHERE guaranteed) > 0 AS some
FROM topk.top('all', 'day', '2024-05-07', 20, '{{DE},{IT}}') JOIN exact USING (item);
SELECT events = (SELECT count(*) FROM event WHERE g IN ('FR', 'IT')) AS events FROM topk.window_info('all', 'month', '2024-05-07', '{{FR},{IT}}');
SELECT outcome(s) FROM unnest(ARRAY[$$SELECT topk.top('all', 'day', group_key => '{DE,FR}')$$, $$SELECT topk.top('all', 'day', group_key => '{{DE,FR}}')$$,
    $$SELECT topk.top('all', 'day', group_key => '{{{DE}}}')$$, $$SELECT topk.history('all', 'day', group_key => '{{DE},{FR}}')$$, $$SELECT topk.top('bare', 'day', group_key => '{{DE}}')$$]) AS s;
-- A group that was never counted is told apart from one that has nothing in the window
SELECT count(*) FROM topk.top('all', 'day', '2001-01-01', group_key => '{DE}');
SELECT count(*) FROM topk.top('all', 'day', '2024-05-06', group_key => '{XX}');
SELECT count(*) > 0 AS rows FROM topk.top('all', 'day', '2024-05-06', group_key => '{{XX},{DE}}');
BEGIN;
INSERT INTO event VALUES (1, 'new', '2024-05-06', 1);
SELECT count(*) FROM topk.top('all', 'day', '2024-05-07', group_key => '{new}');
SELECT item, count FROM topk.top_by_group('all', 'day', '2024-05-06') WHERE group_key = '{new}';
ROLLBACK;

-- All groups in one call: the same as group by group
CREATE VIEW by_group AS
    SELECT kind, at, count(*) AS lines, count(*) FILTER (WHERE here IS NULL OR there IS NULL) AS differences
    FROM (VALUES ('hour', '2024-05-07 03:00+00'::timestamptz), ('day', '2024-05-07'), ('month', '2024-05-07')) AS v (kind, at),
         LATERAL (SELECT b.item AS here, t.item AS there
                  FROM topk.top_by_group('all', kind, at, 7) AS b
                  FULL JOIN (SELECT ARRAY[g] AS group_key, t.* FROM unnest('{DE,FR,IT}'::text[]) AS g, topk.top('all', kind, at, 7, ARRAY[g]) AS t) AS t
                  USING (group_key, rank, item, count, error, guaranteed, share)) AS j
    GROUP BY kind, at ORDER BY kind;
SELECT * FROM by_group;
CALL topk.run();
SELECT * FROM by_group;
SELECT outcome($$SELECT topk.top_by_group('bare', 'day')$$);
-- The overflow group
CREATE FOREIGN TABLE crowd (item text, g text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('crowd', 'crowd', 'item', 'ts', group_by => '{g}', max_groups => 2, retention => (TABLE kept)) > 0 AS created;
INSERT INTO crowd VALUES ('a', 'g1', '2024-05-06'), ('b', 'g2', '2024-05-06');
CALL topk.run();
INSERT INTO crowd VALUES ('a', 'g1', '2024-05-06'), ('c', 'g3', '2024-05-06'), ('c', 'g4', '2024-05-06'), ('d', 'g4', '2024-05-06');
SELECT group_key, item, count FROM topk.top_by_group('crowd', 'day', '2024-05-06') ORDER BY 1, 3 DESC;
CALL topk.run();
SELECT group_key, item, count FROM topk.top_by_group('crowd', 'day', '2024-05-06') ORDER BY 1, 3 DESC;
SELECT count(*) FROM topk.top('crowd', 'day', '2024-05-06', group_key => '{g4}');

-- One item over time
CREATE FUNCTION wrong_series(kind text, g text[], OUT windows bigint, OUT wrong bigint, OUT exact bigint, OUT gaps bigint) LANGUAGE sql AS $$
    WITH points AS (
        SELECT i.item, s.*, (SELECT coalesce(sum(w), 0) FROM event AS e WHERE e.item = i.item AND ts >= window_start AND ts < window_end AND (wrong_series.g IS NULL OR e.g = ANY (wrong_series.g))) AS n,
               lead(window_start) OVER (PARTITION BY i.item ORDER BY window_start) <> window_end AS gap
        FROM generate_series(0, 3000, 250) AS i (item), topk.series('all', i.item::text, kind, '2024-05-05 10:00', '2024-05-09 10:00', CASE WHEN wrong_series.g IS NOT NULL THEN (SELECT array_agg(ARRAY[x]) FROM unnest(wrong_series.g) AS x) END) AS s
    )
    SELECT count(*), count(*) FILTER (WHERE n NOT BETWEEN lower AND upper OR count <> upper OR NOT complete), count(*) FILTER (WHERE lower = upper), count(*) FILTER (WHERE gap) FROM points $$;
SELECT kind, s.windows, s.wrong, s.exact > 0 AS some_exact, s.gaps FROM unnest('{hour,day,week,month}'::text[]) AS kind, wrong_series(kind, NULL) AS s;
SELECT kind, s.windows, s.wrong, s.gaps FROM unnest('{hour,day}'::text[]) AS kind, wrong_series(kind, '{DE,IT}') AS s;
INSERT INTO event VALUES (250, 'FR', '2024-05-08 09:00+00', 1000);
SELECT window_start, lower FROM topk.series('all', '250', 'hour', '2024-05-08 08:00', '2024-05-08 10:00');
SELECT kind, s.wrong FROM unnest('{hour,day}'::text[]) AS kind, wrong_series(kind, NULL) AS s;
SELECT outcome(s) FROM unnest(ARRAY[$$SELECT topk.series('all', '1', 'hour', '2024-05-08', '2024-05-08')$$, $$SELECT topk.series('all', '1', 'hour', '1800-01-01')$$,
    $$SELECT topk.series('all', '1', 'hour', NULL)$$, $$SELECT topk.series('all', 'x', 'hour', '2024-05-08')$$, $$SELECT topk.series('all', '1', 'hour', '-infinity')$$]) AS s;

-- Ranks in the window before
CREATE FOREIGN TABLE chart (item text, ts timestamptz, n bigint) SERVER topk;
SELECT topk.create_rollup('chart', 'chart', 'item', 'ts', weight => 'n', windows => '{day}', retention => (TABLE kept)) > 0 AS created;
INSERT INTO chart VALUES ('a', '2024-05-06', 30), ('b', '2024-05-06', 20), ('c', '2024-05-06', 10),
                         ('c', '2024-05-07', 9), ('b', '2024-05-07', 8), ('a', '2024-05-07', 7), ('d', '2024-05-07', 6);
SELECT rank, previous_rank, item, count, guaranteed, round(share::numeric, 2) AS share FROM topk.leaderboard('chart', 'day', '2024-05-07 12:00');
SELECT rank, previous_rank, item FROM topk.leaderboard('chart', 'day', '2024-05-06');
SELECT count(*) FROM topk.leaderboard('chart', 'day', '2024-05-05');
SELECT outcome(s) FROM unnest(ARRAY[$$SELECT topk.leaderboard('none', 'day')$$, $$SELECT topk.leaderboard('chart', 'hour')$$, $$SELECT topk.leaderboard('chart', 'day', k => 0)$$]) AS s;
SELECT window_start, window_end FROM topk.window_bounds('chart', 'day', '2024-05-06 12:00');

-- A span says which tiles it is of, and its bounds have the part that sticks out
CREATE FUNCTION wrong_range(since timestamptz, until timestamptz, OUT bounds bigint, OUT guaranteed bigint, OUT exact boolean, OUT since_tile timestamptz, OUT until_tile timestamptz) LANGUAGE sql AS $$
    WITH exact AS (SELECT item::text, sum(w) AS n FROM event WHERE ts >= since AND ts < until GROUP BY item)
    SELECT count(*) FILTER (WHERE coalesce(n, 0) NOT BETWEEN count - error AND count),
           count(*) FILTER (WHERE guaranteed AND coalesce(n, 0) < (SELECT max(n) FROM exact WHERE item NOT IN (SELECT item FROM topk.range('all', since, until, 20)))),
           bool_and(error = 0), max(window_start), max(window_end)
    FROM topk.range('all', since, until, 20) LEFT JOIN exact USING (item) $$;
SELECT w.* FROM (VALUES ('2024-05-06 05:00'::timestamptz, '2024-05-06 07:00'::timestamptz), ('2024-05-06 05:30', '2024-05-06 07:00'), ('2024-05-06 05:30', '2024-05-06 07:15'),
    ('2024-05-06 05:30', '2024-05-06 05:40'), ('2024-05-06 05:30', '2024-05-06 06:40'), ('2024-05-06 00:20', '2024-05-08 23:00'), ('2024-05-06 00:20', 'infinity'), ('-infinity', '2024-05-07 10:10')) AS v (since, until),
    wrong_range(since, until) AS w;
SELECT count(*) FILTER (WHERE bounds + guaranteed > 0) AS wrong, count(*) AS spans FROM generate_series('2024-05-06'::timestamptz, '2024-05-08', '5 hours 7 minutes') AS since,
    unnest('{1 minute,50 minutes,61 minutes,5 hours,24 hours 3 minutes}'::interval[]) AS length, wrong_range(since, since + length);
-- The last hours until now. Events of the future are in the current tile.
CREATE FOREIGN TABLE live (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('live', 'live', 'item', 'ts', grain => '1 minute') > 0 AS created;
BEGIN;
INSERT INTO live SELECT 'inside', now() - i * interval '1 minute' - interval '61 s' FROM generate_series(0, 55) AS i;
INSERT INTO live VALUES ('edge', date_trunc('minute', now() - interval '60 minutes')), ('before', now() - interval '62 minutes'), ('now', now());
SELECT item, count, CASE item WHEN 'edge' THEN error IN (0, 1) ELSE error = 0 END AS error, guaranteed OR item = 'edge' AS guaranteed,
       window_start = date_trunc('minute', now() - interval '60 minutes') AND window_end = date_trunc('minute', now()) + interval '1 minute' AS span
FROM topk.last('live', '60 minutes');
SELECT sum(count) FROM topk.last('live', '2 hours');
COMMIT;
SELECT outcome(s) FROM unnest(ARRAY[$$SELECT topk.last('live', '0')$$, $$SELECT topk.last('live', '-1 hour')$$, $$SELECT topk.last('live', NULL)$$]) AS s;

-- Growth of shares: all traffic has tripled, and one item is new
CREATE FOREIGN TABLE traffic (item text, ts timestamptz, n bigint) SERVER topk;
SELECT topk.create_rollup('traffic', 'traffic', 'item', 'ts', weight => 'n', windows => '{day}', retention => (TABLE kept)) > 0 AS created;
INSERT INTO traffic SELECT 'steady ' || i, '2024-05-06'::timestamptz, 100 FROM generate_series(1, 20) AS i UNION ALL SELECT 'steady ' || i, '2024-05-07', 300 FROM generate_series(1, 20) AS i
    UNION ALL SELECT 'newcomer', '2024-05-07', 60;
SELECT count(*), min(rank) FILTER (WHERE item = 'newcomer') AS newcomer FROM topk.trending('traffic', 'day', '2024-05-07', 100);
SELECT rank, item, count, previous, growth_rate, round(score::numeric, 2) AS score FROM topk.trending('traffic', 'day', '2024-05-07', 100, relative => true);
-- The score is that of Dunning's statistic with the exposures of the two days
SELECT round(score::numeric, 6) = round(sqrt(2 * (60 * ln(60 / (60 * 6060 / 8060.0))))::numeric, 6) AS as_computed FROM topk.trending('traffic', 'day', '2024-05-07', relative => true);
SELECT count(*) FROM topk.trending('traffic', 'day', '2024-05-07', 100, min_score => 10.9);
SELECT count(*) FROM topk.trending('traffic', 'day', '2024-05-07', 100, relative => true, min_score => 10);
SELECT count(*) FROM topk.trending('traffic', 'day', '2024-05-06', 100, relative => true);
SELECT outcome(s) FROM unnest(ARRAY[$$SELECT topk.trending('traffic', 'day', min_score => -1)$$, $$SELECT topk.trending('traffic', 'day', min_score => 'NaN')$$]) AS s;

SET client_min_messages = warning;
DROP SCHEMA compose CASCADE;
