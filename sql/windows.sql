-- frequency, heavy_hitters, trending, history and metadata, compared with exact counts
CREATE SCHEMA windows;
SET search_path = windows, public;
CREATE TABLE kept (retention jsonb);
INSERT INTO kept SELECT jsonb_object_agg(level, '100 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS level;
\getenv directory PG_ABS_SRCDIR
\set include :directory '/sql/include/outcome.sql'
\i :include

-- In small windows, everything is exact. Among equal counts, the smaller item comes first; numbers are compared by value.
CREATE FOREIGN TABLE few (item text, n bigint, ts timestamptz, g text) SERVER topk;
SELECT topk.create_rollup('few', 'few', 'item', 'ts', group_by => '{g}', retention => (TABLE kept)) > 0 AS created,
       topk.create_rollup('numbers', 'few', 'n', 'ts', retention => (TABLE kept)) > 0 AS created;
INSERT INTO few VALUES ('b', 10, '2024-05-06 08:10+00', 'x'), ('a', 9, '2024-05-06 08:20+00', 'x'), ('b', -5, '2024-05-06 08:30+00', 'y'),
    ('c', 10, '2024-05-06 09:10+00', 'y'), ('a', 9, '2024-05-06 09:20+00', NULL), ('d', 100, '2024-05-07 10:00+00', 'x');
CREATE VIEW answers AS
    SELECT 'top' AS what, rank, item, count, error, guaranteed, round(share::numeric, 4) AS share FROM topk.top('few', 'day', '2024-05-06')
    UNION ALL SELECT 'top x', rank, item, count, error, guaranteed, round(share::numeric, 4) FROM topk.top('few', 'day', '2024-05-06', group_key => '{x}')
    UNION ALL SELECT 'numbers', rank, item, count, error, guaranteed, round(share::numeric, 4) FROM topk.top('numbers', 'day', '2024-05-06')
    UNION ALL SELECT 'heavy', rank, item, count, error, guaranteed, round(item_share::numeric, 4) FROM topk.heavy_hitters('few', 'day', 0.4, '2024-05-06')
    UNION ALL SELECT 'heavy hour', rank, item, count, error, guaranteed, round(item_share::numeric, 4) FROM topk.heavy_hitters('few', 'hour', 1.0 / 3, '2024-05-06 08:00')
    ORDER BY what, rank;
CREATE VIEW frequencies AS
    SELECT k.kind, i.item, f.*, n.count AS n_count, n.rank AS n_rank
    FROM (VALUES ('hour', timestamptz '2024-05-06 08:00+00'), ('day', '2024-05-06'), ('week', '2024-05-06'), ('month', '2024-05-06')) AS k (kind, at),
        (VALUES ('a', '9'), ('b', '-5'), ('d', '100'), ('nothing', '0')) AS i (item, n),
        topk.frequency('few', i.item, kind, at) AS f, topk.frequency('numbers', i.n, kind, at) AS n
    ORDER BY at, kind, item;
SELECT * FROM answers;
SELECT * FROM frequencies;
CREATE TABLE in_the_log AS SELECT 1 AS w, answers::text AS row FROM answers UNION ALL SELECT 2, frequencies::text FROM frequencies;
CALL topk.run();
SELECT * FROM (SELECT 1 AS w, answers::text AS row FROM answers UNION ALL SELECT 2, frequencies::text FROM frequencies) AS x EXCEPT TABLE in_the_log;
SELECT * FROM topk.frequency('few', 'b', 'day', '2024-05-06', '{y}'), topk.frequency('few', 'a', 'day', '2024-05-06', ARRAY[NULL]) AS of_null;
SELECT window_start, window_end, rank, item, count, error, guaranteed, round(share::numeric, 4) AS share
FROM topk.history('few', 'hour', since => '-infinity', k => 2);
SELECT window_start, rank, item, count FROM topk.history('few', 'day', '2024-05-06 12:00+00', '2024-05-07 00:00+00');
SELECT window_start, rank, item, count FROM topk.history('few', 'hour', '2024-05-06', '2024-05-07', 5, '{x}');
SELECT count(*) FROM topk.history('few', 'month', '2024-06-01');
-- topk.keep_history without bounds keeps the last windows that have counts, however old they are; at most ten
SELECT topk.keep_history('few', 'hour') AS hours, topk.keep_history('few', 'day') AS days, topk.keep_history('few', 'hour', until => '2024-05-06 09:00+00') AS until,
       topk.keep_history('few', 'hour', group_key => '{y}') AS of_group, topk.keep_history('few', 'hour', until => '2024-05-06 08:00+00') AS nothing;
SELECT count(*), min(start), max(start) FROM topk.joint_snapshot AS j JOIN topk.rollup AS r ON r.id = j.rollup WHERE name = 'few' AND window_kind = 'hour' AND grp IS NULL;
INSERT INTO few SELECT 'e', 1, '2024-04-01'::timestamptz + i * interval '1 day', 'z' FROM generate_series(1, 12) AS i;
CALL topk.run();
SELECT topk.keep_history('few', 'day', group_key => '{z}') AS days, topk.keep_history('few', 'day', '-infinity', group_key => '{z}') AS all_days;
SELECT topk.discard('few', '2024-04-01', '2024-04-30') AS discarded;
-- The snapshots equal the answers of topk.top
SELECT count(*) AS lines, count(*) FILTER (WHERE (t.item, t.count, t.error, t.guaranteed, t.share) IS DISTINCT FROM (h.item, h.count, h.error, h.guaranteed, h.share)) AS wrong
FROM topk.history('few', 'day', '-infinity') AS h LEFT JOIN LATERAL topk.top('few', 'day', h.window_start) AS t USING (rank);

-- Wrong arguments
SELECT s, outcome(s) FROM unnest(ARRAY[
    $$SELECT topk.frequency('nothing', 'a', 'day')$$, $$SELECT topk.frequency('few', NULL, 'day')$$, $$SELECT topk.frequency('few', 'a', 'year')$$,
    $$SELECT topk.frequency('numbers', 'a', 'day')$$, $$SELECT topk.frequency('few', repeat('x', 8192), 'day')$$,
    $$SELECT topk.frequency('numbers', '1', 'day', group_key => '{x}')$$, $$SELECT topk.heavy_hitters('few', 'day', 0)$$,
    $$SELECT topk.heavy_hitters('few', 'day', 1.5)$$, $$SELECT topk.heavy_hitters('few', 'day', NULL)$$, $$SELECT topk.heavy_hitters('few', 'day', 'NaN')$$,
    $$SELECT topk.trending('few', 'day', min_count => 0)$$, $$SELECT topk.trending('few', 'day', k => 0)$$, $$SELECT topk.trending('few', 'day', 'infinity')$$,
    $$SELECT topk.history('few', 'day', '2024-05-07', '2024-05-06')$$, $$SELECT topk.history('few', 'minute')$$, $$SELECT topk.history(NULL, 'day')$$]) AS s;

-- Many items: the bounds of all of them hold, in the log, after a fold, and in several parts
CREATE TABLE many (item bigint, ts timestamptz);
SELECT topk.create_rollup('many', 'many', 'item', 'ts', retention => (TABLE kept), capacity => 200, k => 50) > 0 AS created,
       topk.create_rollup('no_sketch', 'many', 'item', 'ts', retention => (TABLE kept), capacity => 200, k => 50, width => 0) > 0 AS created;
SELECT setseed(0.25);
INSERT INTO many SELECT floor(exp(random() * 9.2)), '2024-05-06 00:00+00'::timestamptz + random() * interval '3 hours' FROM generate_series(1, 60000);
CREATE FUNCTION bounds(rollup text) RETURNS TABLE (items bigint, below bigint, above bigint, wrong_order bigint, few_ranks boolean, mean_width numeric)
LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE f.upper < coalesce(n, 0)), count(*) FILTER (WHERE f.lower > coalesce(n, 0)),
           count(*) FILTER (WHERE f.lower > f.upper OR f.count <> f.upper), count(f.rank) BETWEEN 15 AND 200, avg(f.upper - f.lower)
    FROM generate_series(0, 10000, 7) AS i LEFT JOIN (SELECT item, count(*) AS n FROM many GROUP BY item) AS e ON e.item = i,
         topk.frequency(rollup, i::text, 'day', '2024-05-06') AS f $$;
SELECT items, below, above, wrong_order, few_ranks, mean_width < 10 AS narrow FROM bounds('many');
CALL topk.run();
INSERT INTO many SELECT floor(exp(random() * 9.2)), '2024-05-06 03:00+00'::timestamptz + random() * interval '3 hours' FROM generate_series(1, 60000);
SELECT items, below, above, wrong_order, few_ranks, mean_width < 10 AS narrow FROM bounds('many');
CALL topk.run();
-- The sketch makes the bounds narrower
SELECT items, below, above, wrong_order, few_ranks, mean_width < 20 AS narrow, (SELECT mean_width FROM bounds('no_sketch')) > 1.5 * mean_width AS better
FROM bounds('many');
-- Shares: each guaranteed item has the share, and no item that has it is missing
WITH exact AS (SELECT item::text, count(*) >= ceil(0.005 * 120000) AS heavy FROM many GROUP BY item),
    found AS (SELECT item, guaranteed FROM topk.heavy_hitters('many', 'day', 0.005, '2024-05-06'))
SELECT count(*) FILTER (WHERE heavy) AS heavy, count(*) FILTER (WHERE heavy AND found.item IS NULL) AS missing,
       count(*) FILTER (WHERE guaranteed AND NOT heavy) AS wrong
FROM exact LEFT JOIN found USING (item);
SELECT count(*) > 50 AS many FROM topk.heavy_hitters('many', 'day', 0.00001, '2024-05-06');

-- Trends: planted items grow to between 1.01 and 50 times their weight, among 100,000 items that do not grow.
CREATE FOREIGN TABLE views (item text, ts timestamptz, w bigint DEFAULT 1) SERVER topk;
SELECT topk.create_rollup('views', 'views', 'item', 'ts', weight => 'w', retention => (TABLE kept)) > 0 AS created;
SELECT setseed(0.5);
INSERT INTO views (item, ts)
SELECT 'noise_' || floor(random() * 100000), timestamptz '2024-05-06 00:00+00' + i % 2 * interval '1 day' + random() * interval '1 day'
FROM generate_series(1, 1000000) AS i;
CREATE TABLE planted AS
SELECT 'riser_' || row_number() OVER () AS item, b AS before, round(b * growth)::bigint AS now
FROM (VALUES (10, 50), (20, 20), (50, 10), (100, 5), (200, 3), (400, 2), (1000, 1.5), (4000, 1.2), (20000, 1.1), (100000, 1.05),
             (500000, 1.02), (1000000, 1.01)) AS v (b, growth);
INSERT INTO views SELECT item, '2024-05-06 12:00+00', before FROM planted;
INSERT INTO views SELECT item, '2024-05-07 12:00+00', now FROM planted;
INSERT INTO views SELECT 'steady_' || i, d, 1000 * i FROM generate_series(1, 50) AS i, unnest('{2024-05-06 12:00+00, 2024-05-07 12:00+00}'::timestamptz[]) AS d;
INSERT INTO views SELECT 'small_' || i, '2024-05-06 12:00+00', 1 FROM generate_series(1, 1000) AS i;
INSERT INTO views SELECT 'small_' || i, '2024-05-07 12:00+00', 3 FROM generate_series(1, 1000) AS i;
INSERT INTO views VALUES ('new', '2024-05-07 12:00+00', 5000);
CREATE VIEW trends AS
    SELECT count(*) FILTER (WHERE p.item IS NOT NULL) AS planted, count(*) FILTER (WHERE p.item IS NULL AND t.item <> 'new') AS others,
           bool_or(t.item = 'new') AS new, count(*) FILTER (WHERE t.count < p.now OR t.previous < p.before) AS below,
           bool_and(abs(growth_rate - (t.count - t.previous)::float8 / t.previous) < 1e-9) AS rates
    FROM topk.trending('views', 'day', '2024-05-07 12:00+00', 13) AS t LEFT JOIN planted AS p USING (item);
SELECT * FROM trends;
CALL topk.run();
SELECT * FROM trends;
SELECT count(*) FROM topk.trending('views', 'day', '2024-05-07 12:00+00', 1000) WHERE item LIKE 'steady%' OR item LIKE 'small%';
SELECT item FROM topk.trending('views', 'day', '2024-05-07 12:00+00', 100, min_count => 400000) ORDER BY rank;
-- The day after the events, and a time before them
SELECT count(*) FROM topk.trending('views', 'day', '2024-05-08 12:00+00');
SELECT bool_and(previous = 0 AND growth_rate IS NULL AND score > 0) AS all_new, count(*) FROM topk.trending('views', 'week', '2024-05-07 12:00+00');
-- Distinct items of a million events
INSERT INTO views SELECT 'item_' || i, '2024-05-09 12:00+00' FROM generate_series(1, 1000000) AS i;
SELECT abs(distinct_items - 1000000) < 30000 AS within_3_percent, events, weight FROM topk.window_info('views', 'day', '2024-05-09');
CALL topk.run();
SELECT abs(distinct_items - 1000000) < 30000 AS within_3_percent, events, weight FROM topk.window_info('views', 'day', '2024-05-09');

-- A window that is not over is compared with the same share of the previous one: with whole tiles, and with a part of the last one.
CREATE FOREIGN TABLE live (item text, ts timestamptz, w bigint DEFAULT 1) SERVER topk;
SELECT topk.create_rollup('live', 'live', 'item', 'ts', weight => 'w', windows => '{hour,day,week}', grain => '1 minute') > 0 AS created,
       topk.create_rollup('no_tiles', 'live', 'item', 'ts', weight => 'w', windows => '{day}', retention => '{"tile": "0 s", "hour": "0 s"}', accept_past => '9 days') > 0 AS created;
BEGIN;
-- Yesterday up to this time has as much as today up to now; 'late' had its weight after this time
CREATE TEMP TABLE today AS SELECT date_trunc('day', now(), 'UTC') AS midnight, now() - date_trunc('day', now(), 'UTC') AS passed;
INSERT INTO live
SELECT item, least(midnight + share * passed, now() - interval '1 ms'), 1000 FROM today, unnest('{0.1,0.3,0.5,0.7,0.9}'::float8[]) AS share, unnest('{even,late}'::text[]) AS item
UNION ALL
SELECT 'even', midnight - interval '1 day' + share * passed - interval '90 s', 1000 FROM today, unnest('{0.1,0.3,0.5,0.7,0.9}'::float8[]) AS share WHERE passed > interval '20 minutes'
UNION ALL
SELECT 'late', midnight - interval '1 day' + passed + (interval '1 day' - passed) / 2, 1000000 FROM today;
SELECT CASE WHEN passed < interval '20 minutes' THEN 'as expected' -- in the first minutes of a day there is nothing to compare with
            WHEN (SELECT array_agg(item || ' ' || count || ' ' || previous) FROM topk.trending('live', 'day')) = '{late 5000 0}' THEN 'as expected'
            ELSE (SELECT array_agg(item || ' ' || count || ' ' || previous)::text FROM topk.trending('live', 'day')) END AS until_now
FROM today;
-- Without tiles, every hour of yesterday counts the same
CALL topk.run();
SELECT t.item, count, abs(previous - 5000 * extract(epoch FROM passed) / 86400) < 1 OR passed < interval '20 minutes' AS as_expected
FROM today, topk.trending('no_tiles', 'day') AS t WHERE t.item = 'even';
SELECT count(*) FROM topk.rollup AS r JOIN topk.tile AS t ON t.rollup = r.id, today WHERE name = 'no_tiles' AND level = 0 AND start < midnight;
COMMIT;

-- Answers contain the row of an item in the items table
CREATE TABLE items (key text PRIMARY KEY, name text, m int DEFAULT 1);
CREATE TABLE numbered (id int UNIQUE, name text);
INSERT INTO items VALUES ('a', 'Anton'), ('b', 'Berta'), ('z', 'Zoe');
INSERT INTO numbered VALUES (9, 'nine'), (10, 'ten');
SELECT s, outcome(format($$SELECT topk.create_rollup('new', 'few', 'item', 'ts', %s)$$, s)) FROM unnest(ARRAY[
    $$metadata => 'items'$$, $$metadata_key => 'key'$$, $$metadata => 'items', metadata_key => 'none'$$, $$metadata => 'items', metadata_key => 'name'$$,
    $$metadata => 'items', metadata_key => 'm'$$, $$metadata => 'few', metadata_key => 'item'$$, $$metadata => 'trends', metadata_key => 'planted'$$,
    $$metadata => 'numbered', metadata_key => 'id'$$, $$metadata => 0::oid, metadata_key => 'id'$$]) AS s;
SELECT topk.create_rollup('named', 'few', 'item', 'ts', metadata => 'items', metadata_key => 'key', retention => (TABLE kept)) > 0 AS created,
       topk.create_rollup('named_n', 'few', 'n', 'ts', metadata => 'numbered', metadata_key => 'id', retention => (TABLE kept)) > 0 AS created;
INSERT INTO few VALUES ('b', 10, '2024-05-06 08:10+00'), ('b', 9, '2024-05-06 08:20+00'), ('a', 9, '2024-05-06 08:30+00'), ('c', 99999999999, '2024-05-06 08:30+00');
SELECT t.item, t.metadata, n.item, n.metadata FROM topk.top('named', 'day', '2024-05-06') AS t JOIN topk.top('named_n', 'day', '2024-05-06') AS n USING (rank);
SELECT item, metadata ->> 'name' AS name FROM topk.range('named', '2024-05-06', '2024-05-07');
SELECT item, metadata ->> 'name' AS name FROM topk.heavy_hitters('named', 'day', 0.3, '2024-05-06');
SELECT item, metadata ->> 'name' AS name FROM topk.trending('named', 'day', '2024-05-06');
CALL topk.run();
SELECT rank, item, metadata ->> 'name' AS name FROM topk.history('named', 'day', '-infinity');
-- The rollup follows renamings of the column and of the table, and works without the table
ALTER TABLE items RENAME COLUMN key TO item_key;
ALTER TABLE items RENAME TO things;
SELECT item, metadata FROM topk.top('named', 'day', '2024-05-06', 1);
ALTER TABLE things DROP COLUMN item_key;
DROP TABLE numbered;
SELECT name, metadata, metadata_key FROM topk.rollup WHERE name LIKE 'named%' ORDER BY name;
SELECT item, metadata FROM topk.top('named', 'day', '2024-05-06', 1) UNION ALL SELECT item, metadata FROM topk.top('named_n', 'day', '2024-05-06', 1);
-- The rights of the caller decide: policies that apply to the caller hide all rows, and privileges are needed on the table
CREATE ROLE regress_topk_seer IN ROLE topk_reader;
GRANT USAGE ON SCHEMA windows TO regress_topk_seer;
CREATE TABLE secrets (key text PRIMARY KEY, name text);
INSERT INTO secrets VALUES ('a', 'seen'), ('b', 'hidden');
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON secrets USING (name = 'seen');
SELECT topk.create_rollup('secret', 'few', 'item', 'ts', metadata => 'secrets', metadata_key => 'key', retention => (TABLE kept)) > 0 AS created;
INSERT INTO few VALUES ('b', 1, '2024-05-06 08:10+00'), ('b', 1, '2024-05-06 08:20+00'), ('a', 1, '2024-05-06 08:30+00');
GRANT SELECT ON few TO regress_topk_seer;
SET ROLE regress_topk_seer;
SELECT item, metadata FROM topk.top('secret', 'day', '2024-05-06');
RESET ROLE;
GRANT SELECT ON secrets TO regress_topk_seer;
SET ROLE regress_topk_seer;
SELECT item, metadata FROM topk.top('secret', 'day', '2024-05-06');
RESET ROLE;
ALTER TABLE secrets DISABLE ROW LEVEL SECURITY;
SET ROLE regress_topk_seer;
SELECT item, metadata FROM topk.top('secret', 'day', '2024-05-06');
RESET ROLE;
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
SELECT item, metadata FROM topk.top('secret', 'day', '2024-05-06');
DROP OWNED BY regress_topk_seer;
DROP ROLE regress_topk_seer;
SET client_min_messages = warning;
DROP SCHEMA windows CASCADE;
SELECT count(*) FROM topk.rollup;
