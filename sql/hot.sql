-- topk.hot: the top k with exponential decay, compared with exact decayed counts
CREATE SCHEMA hot;
SET search_path = hot, public;
SET timezone = 'UTC';
CREATE TABLE kept (retention jsonb);
INSERT INTO kept SELECT jsonb_object_agg(level, '100 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS level;

-- A single event, whose tile begins with it: its decayed weight is a power of 2 for whole half-lives
CREATE FOREIGN TABLE one (item text, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('one', 'one', 'item', 'ts', grain => '1 minute', retention => (TABLE kept)) > 0 AS created;
INSERT INTO one VALUES ('a', '2024-05-06 10:00+00'), ('later', '2024-05-06 20:00+00');
SELECT n, item, round(count::numeric, 6) AS count, round((count - error)::numeric, 6) AS lower, guaranteed, share = 1 AS share, window_end
FROM generate_series(0, 4) AS n, topk.hot('one', '1 hour', '2024-05-06 10:00+00'::timestamptz + n * interval '1 hour');
SELECT count(*) FROM topk.hot('one', '1 hour', '2024-05-06 09:00');

-- Events of 70 days, most of them younger, with more items than counters; a part of each item is in the log
CREATE TABLE event (item bigint, g text, ts timestamptz, w bigint);
SELECT topk.create_rollup('hours', 'event', 'item', 'ts', weight => 'w', group_by => '{g}', capacity => 300, k => 20, retention => (TABLE kept)) > 0 AS created,
       topk.create_rollup('minutes', 'event', 'item', 'ts', weight => 'w', grain => '10 minutes', capacity => 300, k => 20, retention => (TABLE kept)) > 0 AS created,
       topk.create_rollup('weeks', 'event', 'item', 'ts', weight => 'w', windows => '{hour,week}', timezone => 'America/St_Johns', capacity => 40, width => 200, depth => 2, k => 20, retention => (TABLE kept)) > 0 AS created;
SELECT setseed(0.3);
INSERT INTO event
SELECT floor(2000 * power(random(), 3)) + 40 * age, CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END, '2024-05-06 00:00+00'::timestamptz - age * interval '1 day', 1 + i % 5
FROM generate_series(1, 40000) AS i, LATERAL (SELECT 70 * power(random(), 4) + 0 * i AS age) AS a;
CALL topk.run();
INSERT INTO event SELECT item, g, ts + interval '1 minute', 1 FROM event WHERE item % 7 = 0 AND ts > '2024-05-01';

-- The number of promises that an answer breaks, and how wide its bounds are
CREATE FUNCTION wrong(rollup text, half_life interval, at timestamptz, g text,
                      OUT lines bigint, OUT bounds bigint, OUT missing bigint, OUT guaranteed bigint, OUT few bigint, OUT width double precision)
LANGUAGE sql AS $$
    WITH exact AS (
        SELECT item::text, sum(w * 2 ^ greatest((extract(epoch FROM ts - at) / extract(epoch FROM half_life))::double precision, -1000)) AS n
        FROM event AS e WHERE ts <= at AND (wrong.g IS NULL OR e.g = wrong.g) GROUP BY item
    ), answer AS (
        SELECT a.*, coalesce(n, 0) AS n FROM topk.hot(rollup, half_life, at, 20, CASE WHEN wrong.g IS NOT NULL THEN ARRAY[wrong.g] END) AS a LEFT JOIN exact USING (item)
    )
    SELECT count(*), count(*) FILTER (WHERE n > count * (1 + 1e-12) OR n < (count - error) * (1 - 1e-12) - 1e-12),
           -- An item that is not in the answer is not above all of it
           (SELECT count(*) FROM exact WHERE n > (SELECT min(count) FROM answer) * (1 + 1e-12) AND item NOT IN (SELECT item FROM answer)),
           count(*) FILTER (WHERE guaranteed AND n < (SELECT max(n) FROM exact WHERE item NOT IN (SELECT item FROM answer))),
           count(*) FILTER (WHERE guaranteed), sum(error) / sum(count)
    FROM answer $$;
CREATE VIEW promises AS
    SELECT rollup, half_life, g, count(*) AS answers, sum(lines) AS lines, sum(bounds) AS bounds, sum(missing) AS missing, sum(guaranteed) AS wrongly_guaranteed,
           -- Where all is exact, the width is what the length of a tile makes, and little more
           rollup = 'weeks' OR max(width) FILTER (WHERE at > '2024-05-06') < 1 - 2 ^ (-CASE rollup WHEN 'minutes' THEN 600.0 ELSE 3600.0 END / extract(epoch FROM half_life)) + 0.01 AS narrow,
           sum(few) > 0 AS some_guaranteed
    FROM (VALUES ('hours', NULL), ('hours', 'x'), ('minutes', NULL), ('weeks', NULL)) AS v (rollup, g), unnest('{6 hours,1 day,7 days,60 days}'::interval[]) AS half_life,
         unnest('{2024-05-06 02:00+00, 2024-05-05 13:00+00, 2024-04-01 10:25+00}'::timestamptz[]) AS at, wrong(rollup, half_life, at, g)
    GROUP BY rollup, half_life, g;
SELECT * FROM promises ORDER BY 1, 2, 3;
CALL topk.run();
SELECT * FROM promises ORDER BY 1, 2, 3;
SELECT name, bool_or(error_bound(summary) > 0) AS inexact FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name IN ('hours', 'minutes', 'weeks') AND level > 0 GROUP BY 1 ORDER BY 1;
-- With a half-life of a minute the last tile decides, with one of a century nothing decays
SELECT w.lines, w.bounds, w.missing, w.guaranteed FROM wrong('hours', '1 minute', '2024-05-06 00:00+00', NULL) AS w;
SELECT count(*) AS lines, count(*) FILTER (WHERE t.count NOT BETWEEN (h.count - h.error) AND h.count * 1.002) AS far
FROM topk.hot('hours', '100 years', '2024-05-06 00:00+00') AS h LEFT JOIN topk.range('hours', '-infinity', '2024-05-06 00:00+00', 1000) AS t USING (item);

-- Where retention has removed tiles, days, and where it has removed those, months stand for them; window_start says what is left
CREATE TABLE past (item text, ts timestamptz);
SELECT topk.create_rollup('past', 'past', 'item', 'ts', accept_past => '10 years', retention => '{"tile": "3 days", "hour": "3 days", "day": "70 days", "week": "70 days", "month": "300 days"}') > 0 AS created;
INSERT INTO past SELECT 'i' || i % 13 % 5, now() - i * interval '3 hours' FROM generate_series(1, 8 * 500) AS i;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO past VALUES ('new', now());
CALL topk.run();
SELECT level, min(start) < now() - interval '200 days' AS old FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'past' GROUP BY 1 ORDER BY 1;
SELECT half_life, count(*) AS lines, count(*) FILTER (WHERE n > count * (1 + 1e-9) OR n < (count - error) * (1 - 1e-9)) AS wrong, min(window_start) = max(window_start) AND min(window_start) BETWEEN now() - interval '335 days' AND now() - interval '300 days' AS since_months,
       half_life = '1 hour' OR sum(error) < 0.3 * sum(count) AS narrow
FROM unnest('{1 hour,1 day,10 days,100 days,1000 days}'::interval[]) AS half_life, topk.hot('past', half_life) AS h,
     LATERAL (SELECT sum(2 ^ greatest((extract(epoch FROM ts - now()) / extract(epoch FROM half_life))::double precision, -1000)) AS n FROM past WHERE item = h.item AND ts >= h.window_start) AS e
WHERE half_life > '10 hours' OR item = 'new' GROUP BY half_life ORDER BY 1;
-- Weights of all sizes
CREATE FOREIGN TABLE heavy (item text, ts timestamptz, w bigint) SERVER topk;
SELECT topk.create_rollup('heavy', 'heavy', 'item', 'ts', weight => 'w', retention => (TABLE kept)) > 0 AS created;
INSERT INTO heavy VALUES ('large', '2024-05-05 00:00+00', 1::bigint << 50), ('small', '2024-05-06 00:00+00', 1), ('old', '1990-01-01', 1::bigint << 52);
SELECT item, count BETWEEN 0.9 * n AND 1.1 * n OR n < 10 AS near, n BETWEEN count - error AND count AS bounds
FROM topk.hot('heavy', '1 day', '2024-05-06 01:00+00') JOIN (VALUES ('large', 2 ^ 50 * 2 ^ (-25 / 24.0)), ('small', 2 ^ (-1 / 24.0)), ('old', 0)) AS v (item, n) USING (item);
INSERT INTO heavy VALUES ('large', '2024-05-05 00:00+00', 1::bigint << 61);
SELECT item, 2 ^ 61 * 2 ^ (-25 / 24.0) BETWEEN count - error AND count AS bounds FROM topk.hot('heavy', '1 day', '2024-05-06 01:00+00') WHERE item = 'large';
SELECT topk.hot('hours', '0');
SELECT topk.hot('hours', '-1 day');
SELECT topk.hot('hours', NULL);
SELECT topk.hot('hours', '1 day', 'infinity');
SET client_min_messages = warning;
DROP SCHEMA hot CASCADE;
