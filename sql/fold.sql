-- Folds and answers, compared with exact counts of the same events
SET timezone = 'UTC';
-- The time is read once, as a day may end during the test
SELECT date_trunc('day', now()) AS today \gset
CREATE TABLE fold_event (item text, ts timestamptz, source text, weight bigint);
-- Days on both sides of the two clock changes and of the end of a month, with late events and in no order
INSERT INTO fold_event
SELECT 'i' || (i * i % 37), start + i * interval '17 minutes', (ARRAY['web', 'app', NULL])[1 + i % 3], 1 + i % 4
FROM (VALUES (timestamptz '2024-03-30 12:00+00'), ('2024-10-26 12:00+00'), ('2024-12-30 12:00+00')) AS s (start),
     generate_series(0, 200) AS i
ORDER BY md5(i::text);

CREATE FOREIGN TABLE fold_stream (item text, ts timestamptz, source text, weight bigint) SERVER topk;
SELECT topk.create_rollup('berlin', 'fold_stream', item => 'item', event_time => 'ts', group_by => '{source}', weight => 'weight',
                          timezone => 'Europe/Berlin', accept_past => '100 years', retention => '{"tile": "100 years", "hour": "100 years", "day": "100 years", "week": "100 years", "month": "100 years", "snapshot": "100 years"}') > 0 AS created;
SELECT topk.create_rollup('minutes', 'fold_stream', item => 'item', event_time => 'ts', grain => '10 minutes',
                          timezone => 'UTC', accept_past => '100 years', retention => '{"tile": "100 years", "hour": "100 years", "day": "100 years", "week": "100 years", "month": "100 years", "snapshot": "100 years"}') > 0 AS created;

-- Returns the windows for which topk.window_info and the exact counts differ. It compares every kind of window and every group.
CREATE FUNCTION fold_differences(rollup text, zone text, weighted boolean, OUT windows bigint, OUT differences bigint)
    LANGUAGE sql AS $$
    WITH exact AS (
        SELECT kind, date_trunc(kind, ts AT TIME ZONE zone) AT TIME ZONE zone AS start, min(ts) AS at,
               CASE WHEN weighted AND GROUPING(source) = 0 THEN ARRAY[source] END AS grp,
               count(*) AS events, CASE WHEN weighted THEN sum(weight) ELSE count(*) END AS weight,
               count(DISTINCT item) AS items
        FROM fold_event, unnest('{hour,day,week,month}'::text[]) AS kind
        -- An hour that occurs twice is two windows
        GROUP BY GROUPING SETS ((kind, date_trunc(kind, ts AT TIME ZONE zone),
                                 CASE WHEN kind = 'hour' THEN date_trunc('hour', ts) END),
                                (kind, date_trunc(kind, ts AT TIME ZONE zone),
                                 CASE WHEN kind = 'hour' THEN date_trunc('hour', ts) END, source))
        HAVING weighted OR GROUPING(source) = 1
    )
    SELECT count(*), count(*) FILTER (WHERE (i.events, i.weight, i.distinct_items) IS DISTINCT FROM (e.events, e.weight, e.items)
                                         OR e.at < i.window_start OR e.at >= i.window_end
                                         OR (e.kind <> 'hour' AND i.window_start <> e.start))
    FROM exact AS e, topk.window_info(rollup, kind, e.at, e.grp) AS i
$$;

-- One half is folded before the other is inserted, which is late for its windows then
INSERT INTO fold_stream SELECT * FROM fold_event WHERE weight <= 2;
SELECT deltas > 0 AS deltas, tiles > 0 AS tiles, more FROM topk.rollup, topk.fold(id) ORDER BY id;
SELECT topk.maintain();
INSERT INTO fold_stream SELECT * FROM fold_event WHERE weight > 2;
SELECT * FROM fold_differences('berlin', 'Europe/Berlin', true);
SELECT * FROM fold_differences('minutes', 'UTC', false);
SELECT deltas > 0 AS deltas, tiles > 0 AS tiles, more FROM topk.rollup, topk.fold(id) ORDER BY id;
SELECT deltas, tiles, more FROM topk.rollup, topk.fold(id) ORDER BY id;
SELECT * FROM fold_differences('berlin', 'Europe/Berlin', true);
SELECT * FROM fold_differences('minutes', 'UTC', false);
SELECT name, events, total_weight, late, rejected, overflowed FROM topk.rollups ORDER BY name;
-- Each level counts every event once
SELECT r.name, level, grp IS NULL AS all_groups, count(*) AS tiles, sum(t.events) AS events, bool_and(finished) AS finished
FROM topk.tile AS t JOIN topk.rollup AS r ON r.id = t.rollup GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- The items of a window
SELECT * FROM topk.top('berlin', 'month', '2024-10-27', k => 5);
SELECT item, sum(weight) FROM fold_event WHERE ts >= '2024-09-30 22:00+00' AND ts < '2024-10-31 23:00+00'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;
SELECT rank, item, count FROM topk.top('berlin', 'day', '2024-10-27', 3, '{app}');
SELECT rank, item, count FROM topk.top('berlin', 'day', '2024-10-27', 3, '{NULL}');
-- The day on which clocks are set back has 25 hours
SELECT window_end - window_start AS length FROM topk.window_info('berlin', 'day', '2024-10-27 12:00');
SELECT window_end - window_start AS length FROM topk.window_info('berlin', 'day', '2024-03-31 12:00');
SELECT window_start, window_end FROM topk.window_info('berlin', 'week', '2025-01-01');
-- Spans of whole tiles
SELECT sum(count) AS counted,
       (SELECT count(*) FROM fold_event WHERE ts >= '2024-10-26 20:10+00' AND ts < '2024-10-28 03:20+00') AS exact
FROM topk.range('minutes', '2024-10-26 20:13+00', '2024-10-28 03:11+00', 100);
SELECT rank, item, count FROM topk.range('minutes', '2024-01-01', '2025-02-01', 2);
SELECT item, count(*) FROM fold_event GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2;
-- Snapshots of the windows that are over
SELECT window_kind, count(DISTINCT (window_start, group_key)) AS windows FROM topk.snapshots WHERE rollup = 'berlin' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS differences FROM topk.snapshots AS s
WHERE rollup = 'berlin' AND NOT EXISTS (
    SELECT FROM topk.top('berlin', s.window_kind, s.window_start, 100, s.group_key) AS t
    WHERE (t.rank, t.item, t.count) = (s.rank, s.item, s.count));

-- Groups beyond max_groups count in the overflow group
SELECT topk.create_rollup('few', 'fold_stream', item => 'item', event_time => 'ts', group_by => '{item}', max_groups => 5,
                          windows => '{day}') > 0 AS created;
INSERT INTO fold_stream SELECT 'g' || i % 8, :'today'::timestamptz + interval '1 second', NULL, 1 FROM generate_series(1, 80) AS i;
SELECT deltas FROM topk.rollup, topk.fold(id) WHERE name = 'few';
INSERT INTO fold_stream SELECT 'g' || i % 8, :'today'::timestamptz + interval '1 second', NULL, 1 FROM generate_series(1, 8) AS i;
SELECT count(*) FROM topk.groups WHERE rollup = 'few';
SELECT sum(events) FROM topk.groups AS g, topk.window_info('few', 'day', :'today'::timestamptz, g.group_key) WHERE g.rollup = 'few';
SELECT events, distinct_items FROM topk.window_info('few', 'day', :'today'::timestamptz, '{}');
SELECT events, distinct_items FROM topk.window_info('few', 'day', :'today'::timestamptz);
SELECT deltas > 0 AS deltas FROM topk.rollup, topk.fold(id) WHERE name = 'few';
SELECT events, distinct_items FROM topk.window_info('few', 'day', :'today'::timestamptz, '{}');
SELECT overflowed FROM topk.rollups WHERE name = 'few';

-- Wrong questions
SELECT * FROM topk.top('none', 'day');
SELECT * FROM topk.top('few', 'hour');
SELECT * FROM topk.top('few', 'day', 'infinity');
SELECT * FROM topk.top('few', 'day', now(), 0);
SELECT * FROM topk.top('few', 'day', now(), 1, '{a,b}');
SELECT * FROM topk.top('minutes', 'day', now(), 1, '{a}');
SELECT * FROM topk.range('few', '2024-01-02', '2024-01-01');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT topk.fold(1);
ROLLBACK;

-- Long items need memory for what is there, not for the capacity: in an answer from a tile and the log, and in a fold
CREATE FOREIGN TABLE fold_long (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('long', 'fold_long', item => 'item', event_time => 'ts', k => 10, capacity => 1000000) > 0 AS created;
INSERT INTO fold_long SELECT 'short' || i, :'today'::timestamptz - interval '3 hours' FROM generate_series(1, 300) AS i;
INSERT INTO fold_long SELECT repeat('x', 8100) || i, :'today'::timestamptz - interval '3 hours' FROM generate_series(1, 1500) AS i;
CALL topk.run();
INSERT INTO fold_long VALUES ('short1', :'today'::timestamptz - interval '3 hours'), ('new', :'today'::timestamptz - interval '30 hours');
SELECT item, count, error FROM topk.top('long', 'hour', :'today'::timestamptz - interval '3 hours', 1);
INSERT INTO fold_long SELECT repeat('y', 8100) || i, :'today'::timestamptz - interval '3 hours' FROM generate_series(1, 500) AS i;
CALL topk.run();
SELECT sum(count), count(*) FROM topk.range('long', :'today'::timestamptz - interval '2 days', :'today'::timestamptz, 10000);
DROP FOREIGN TABLE fold_long;
DROP FOREIGN TABLE fold_stream;
SELECT count(*) FROM topk.rollup WHERE name IN ('berlin', 'minutes', 'few');
DROP FUNCTION fold_differences;
DROP TABLE fold_event;
