-- Capture counts events of many groups exactly, whatever their order and number
CREATE VIEW the_log AS TABLE topk.delta_0 UNION ALL TABLE topk.delta_1 UNION ALL TABLE topk.delta_2 UNION ALL TABLE topk.delta_3;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql
    AS 'DELETE FROM topk.delta_0; DELETE FROM topk.delta_1; DELETE FROM topk.delta_2; DELETE FROM topk.delta_3';
SET jit = off;
-- No fold runs here: all counts are in the delta log.
CREATE VIEW item_counts AS
    SELECT r.name, d.tile, i.grp, i.item, i.weight FROM topk.rollup r JOIN the_log d ON d.rollup = r.id, topk.items(d.items) i;
CREATE VIEW group_counts AS
    SELECT r.name, d.tile, g.grp, g.events FROM topk.rollup r JOIN the_log d ON d.rollup = r.id, topk.bundle_groups(d.items) g;
CREATE FOREIGN TABLE events (item text, ts timestamptz, source text, n bigint) SERVER topk;

-- Two rollups with other tiles and groups, more counts than memory holds, and weights of 0
SELECT topk.create_rollup('weighed', 'events', 'item', 'ts', weight => 'n', group_by => '{source}', accept_past => '100 years') > 0 AS created;
SELECT topk.create_rollup('counted', 'events', 'item', 'ts', group_by => '{n::text,source}', timezone => 'Asia/Kolkata',
                          accept_past => '100 years') > 0 AS created;
SELECT setseed(0.5);
CREATE TABLE event AS
    SELECT 'item ' || floor(30000 * power(random(), 2)) AS item, timestamptz '2024-03-20 00:00+00' + random() * interval '20 days' AS ts,
           nullif('source ' || floor(60 * random()), 'source 7') AS source, floor(3 * random())::bigint AS n
    FROM generate_series(1, 120000);
SET work_mem = '64kB';
INSERT INTO events TABLE event;
SET work_mem = '256MB';
CREATE VIEW exact AS
    SELECT 'weighed' AS name, date_trunc('hour', ts, 'UTC') AS tile, ARRAY[source] AS grp, item, n AS weight FROM event
    UNION ALL SELECT 'counted', date_trunc('hour', ts, 'Asia/Kolkata'), ARRAY[n::text, source], item, 1 FROM event;
SELECT name, count(*) FILTER (WHERE difference <> 0) AS wrong, bool_or(times > 1) AS written_early
FROM (SELECT name, tile, grp, item, sum(weight) AS difference, count(*) FILTER (WHERE counted) AS times
      FROM (SELECT name, tile, grp, item, weight, true AS counted FROM item_counts
            UNION ALL SELECT name, tile, grp, item, -weight, false FROM exact) AS c
      GROUP BY 1, 2, 3, 4) AS c
GROUP BY 1 ORDER BY 1;
SELECT name, count(*) > 20000 AS many, count(*) FILTER (WHERE difference <> 0) AS wrong
FROM (SELECT name, tile, grp, sum(events) AS difference
      FROM (SELECT name, tile, grp, events FROM group_counts UNION ALL SELECT name, tile, grp, -1 FROM exact) AS c
      GROUP BY 1, 2, 3) AS c
GROUP BY 1 ORDER BY 1;
RESET work_mem;
SELECT clear();
SELECT topk.drop_rollup('weighed'), topk.drop_rollup('counted');

-- A group with more items than a list holds has a tally too, and the groups beside it do not
SELECT topk.create_rollup('few', 'events', 'item', 'ts', capacity => 100, k => 10, group_by => '{source}', accept_past => '100 years') > 0
    AS created;
INSERT INTO events SELECT CASE WHEN i % 3 = 0 THEN 'small ' || i % 10 ELSE 'large ' || i END, '2024-01-01', CASE WHEN i % 3 = 0 THEN 'b' ELSE 'a' END
FROM generate_series(1, 60000) AS i;
SELECT grp, count(*) BETWEEN 8192 AND 8192 + 32 AS full, count(*) = 10 AS small, sum(weight) = 20000 AS all
FROM (SELECT grp, item, sum(weight) AS weight FROM item_counts GROUP BY 1, 2) AS c GROUP BY 1 ORDER BY 1;
SELECT (SELECT sum(events) FROM the_log) AS events, d.grp, d.items IS NULL AS tally,
       total(d.summary) + (SELECT sum(weight) FROM item_counts WHERE grp = d.grp) AS weight
FROM the_log AS d WHERE d.grp IS NOT NULL;
SELECT clear();
SELECT topk.drop_rollup('few');

-- Where memory has no room for a tally, the full list is written, and another begins
SELECT topk.create_rollup('many', 'events', 'item', 'ts', capacity => 70000, k => 10, group_by => '{source}', accept_past => '100 years') > 0
    AS created;
SET work_mem = '64kB';
INSERT INTO events SELECT 'item ' || i % 75000, '2024-01-01', 'a' FROM generate_series(1, 150000) AS i;
RESET work_mem;
SELECT count(*) AS items, min(weight), max(weight), max(times) > 1 AS written_early
FROM (SELECT item, sum(weight) AS weight, count(*) AS times FROM item_counts GROUP BY 1) AS c;
SELECT sum(events), count(summary) AS tallies FROM the_log;
SELECT clear();
SELECT topk.drop_rollup('many');

-- Long items take no more memory either
SELECT topk.create_rollup('long', 'events', 'item', 'ts', group_by => '{source}', accept_past => '100 years') > 0 AS created;
SET work_mem = '64kB';
INSERT INTO events SELECT rpad('item ' || i % 1500, CASE i % 20 WHEN 0 THEN 2048 WHEN 1 THEN 2049 WHEN 2 THEN 8191 ELSE 8000 END, 'x'),
                          '2024-01-01', i % 1500 % 7
FROM generate_series(1, 3000) AS i;
RESET work_mem;
SELECT length(item), count(*) AS items, min(weight), max(weight), max(times) > 1 AS written_early
FROM (SELECT item, sum(weight) AS weight, count(*) AS times FROM item_counts GROUP BY 1) AS c GROUP BY 1 ORDER BY 1;
SELECT clear();
SELECT topk.drop_rollup('long');

-- The weights of a statement may be more than one delta can have
SELECT topk.create_rollup('heavy', 'events', 'item', 'ts', weight => 'n', group_by => '{source}', accept_past => '100 years') > 0 AS created;
INSERT INTO events SELECT i, '2024-01-01', s, 9223372036854775807 - w
FROM (VALUES ('x', 'a', 0), ('x', 'a', 1), ('y', 'b', 2), ('x', 'a', 3)) AS v (i, s, w);
INSERT INTO events VALUES ('x', '2024-01-01', 'a', 9223372036854775806), ('x', '2024-01-01', 'a', 1), ('y', '2024-01-01', 'b', 1);
SELECT grp, item, sum(weight), count(*) AS deltas FROM item_counts GROUP BY 1, 2 ORDER BY 1, 2;
SELECT grp, sum(events) FROM group_counts GROUP BY 1 ORDER BY 1;

SELECT clear();
DROP FOREIGN TABLE events;
DROP VIEW exact, item_counts, group_counts, the_log;
DROP TABLE event;
DROP FUNCTION clear;
RESET jit;
