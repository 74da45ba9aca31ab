-- Counts that retention has removed: answers that are whole without them, answers that say what is missing, and recounts of
-- such spans. Everything is compared with exact counts of the events.
SET timezone = 'UTC';
CREATE SCHEMA lost;
SET search_path = lost, public;
SELECT date_trunc('day', now()) AS today \gset
-- The messages name times of today; this keeps what is the same every day
CREATE FUNCTION sum_of_range(rollup text, since timestamptz, until timestamptz, OUT total bigint, OUT bad bigint)
    LANGUAGE sql AS $$
    SELECT coalesce(sum(count), 0), count(*) FILTER (WHERE error > 0) FROM topk.range(rollup, since, until, 100)
$$;

-- A day whose row is gone is whole from its hours, although a longer level is kept shorter than tiles
CREATE TABLE hits (item text, at timestamptz);
SELECT topk.create_rollup('hits', 'hits', 'item', 'at', retention => '{"tile": "3 years", "hour": "3 years", "snapshot": "3 years"}', accept_past => '10 years') > 0 AS created;
INSERT INTO hits SELECT 'a', :'today'::timestamptz - interval '500 days' + h * interval '1 hour' FROM generate_series(0, 23) AS h;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO hits VALUES ('b', now());
CALL topk.run();
SELECT level, count(*) FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'hits' AND start < now() - interval '400 days' GROUP BY 1 ORDER BY 1;
SELECT * FROM sum_of_range('hits', :'today'::timestamptz - interval '500 days', :'today'::timestamptz - interval '499 days');
SELECT item, count, error FROM topk.top('hits', 'day', :'today'::timestamptz - interval '500 days');
SELECT events, complete FROM topk.window_info('hits', 'day', :'today'::timestamptz - interval '500 days');
SELECT count, lower, upper FROM topk.frequency('hits', 'a', 'day', :'today'::timestamptz - interval '500 days');
-- A late event makes a row of that day again, which is not taken for the whole
INSERT INTO hits VALUES ('late', :'today'::timestamptz - interval '500 days');
SELECT deltas FROM topk.rollup, topk.fold(id) WHERE name = 'hits';
SELECT events, complete FROM topk.window_info('hits', 'day', :'today'::timestamptz - interval '500 days');
SELECT * FROM sum_of_range('hits', :'today'::timestamptz - interval '500 days', :'today'::timestamptz - interval '499 days');
-- ... and the snapshot that was written at the end of the day stays
SELECT window_kind, events FROM topk.snapshot JOIN topk.rollup ON id = rollup WHERE name = 'hits' AND window_kind IN ('day', 'hour') AND events > 1 AND start < now() - interval '400 days' ORDER BY 1;

-- Days are kept for 5 days, tiles for longer: twenty days of events, an event an hour
CREATE TABLE twenty (item text, at timestamptz);
SELECT topk.create_rollup('twenty', 'twenty', 'item', 'at', retention => '{"day": "5 days"}') > 0 AS created;
INSERT INTO twenty SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '1 hour' FROM generate_series(1, 20 * 24) AS h;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO twenty VALUES ('new', now());
CALL topk.run();
SELECT count(*) FILTER (WHERE d.total <> e.exact OR d.bad > 0) AS wrong, count(*) > 150 AS many
FROM (SELECT a, b FROM generate_series(0, 20) AS a, generate_series(0, 20) AS b WHERE a > b) AS s,
     LATERAL (SELECT count(*) AS exact FROM twenty WHERE at >= :'today'::timestamptz - a * interval '1 day' AND at < :'today'::timestamptz - b * interval '1 day') AS e,
     sum_of_range('twenty', :'today'::timestamptz - a * interval '1 day', :'today'::timestamptz - b * interval '1 day') AS d;

-- Tiles are gone, days are kept. Parts of a day are missing, and that is said; whole days are there.
CREATE TABLE forty (item text, at timestamptz, w bigint DEFAULT 1);
SELECT topk.create_rollup('forty', 'forty', 'item', 'at', weight => 'w', windows => '{hour,day}', retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
INSERT INTO forty SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '1 hour' FROM generate_series(1, 60 * 24) AS h;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO forty VALUES ('new', now());
CALL topk.run();
SELECT min(start) > now() - interval '36 days' AS tiles_are_gone FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'forty' AND level = 0;
SELECT * FROM sum_of_range('forty', :'today'::timestamptz - interval '50 days', :'today'::timestamptz);
-- The detail of the warning names a time of today, so it is left out
\set VERBOSITY terse
SELECT * FROM sum_of_range('forty', :'today'::timestamptz - interval '50 days 6 hours', :'today'::timestamptz);
SELECT count(*) FROM topk.top('forty', 'hour', :'today'::timestamptz - interval '50 days');
SELECT complete FROM topk.window_info('forty', 'hour', :'today'::timestamptz - interval '50 days');
SELECT count FROM topk.frequency('forty', 'i1', 'hour', :'today'::timestamptz - interval '50 days');
SELECT count(*) FROM topk.heavy_hitters('forty', 'hour', 0.1, :'today'::timestamptz - interval '50 days');
SELECT count(*) FROM topk.trending('forty', 'hour', :'today'::timestamptz - interval '50 days');
\set VERBOSITY default
-- A time of which nothing was counted is not missing, nor is one that a rollup has always had
SELECT count(*) FROM topk.range('forty', '2001-01-01', '2001-02-01');
SELECT events, complete FROM topk.window_info('forty', 'day', '2001-01-01');

-- Millennia, and infinity
SELECT * FROM sum_of_range('twenty', '4713-01-01 BC', '294276-01-01');
SELECT * FROM sum_of_range('twenty', '-infinity', 'infinity');
SELECT * FROM sum_of_range('forty', '-infinity', 'infinity');
SELECT topk.range('forty', 'infinity', '-infinity');
SET statement_timeout = '2s';
SELECT count(*) FROM generate_series(1, 100), topk.range('twenty', '4713-01-01 BC', '294276-01-01', 1);
RESET statement_timeout;

-- A refresh of a day whose tiles are gone changes no total, as often as it runs
SELECT events, total_weight FROM topk.rollups WHERE name = 'forty';
SELECT topk.refresh('forty', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days') FROM generate_series(1, 3);
CALL topk.run();
SELECT events, total_weight FROM topk.rollups WHERE name = 'forty';
SELECT events, complete FROM topk.window_info('forty', 'day', :'today'::timestamptz - interval '50 days');
-- ... and follows the table
UPDATE forty SET w = 3 WHERE at = :'today'::timestamptz - interval '50 days';
SELECT topk.refresh('forty', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days');
CALL topk.run();
SELECT events, total_weight FROM topk.rollups WHERE name = 'forty';
SELECT events, weight FROM topk.window_info('forty', 'day', :'today'::timestamptz - interval '50 days');
-- Of hours alone nothing is left: the totals stay as well, folded or not, with groups and without
CREATE TABLE hours (item text, at timestamptz);
SELECT topk.create_rollup('hours', 'hours', 'item', 'at', windows => '{hour}', group_by => ARRAY['right(item, 1)'], retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
INSERT INTO hours SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '1 hour' FROM generate_series(1, 60 * 24) AS h;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO hours VALUES ('new', now());
CALL topk.run();
SELECT topk.refresh('hours', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days') FROM generate_series(1, 2);
CALL topk.run();
SELECT topk.refresh('hours', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days');
SELECT topk.refresh('hours', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days');
CALL topk.run();
SELECT events FROM topk.rollups WHERE name = 'hours';
\set VERBOSITY terse
SELECT * FROM sum_of_range('hours', :'today'::timestamptz - interval '50 days', :'today'::timestamptz - interval '49 days');
\set VERBOSITY default

-- A backfill may be repeated, with rows that are older than the tiles, and with one of the end of a month
CREATE TABLE old (item text, at timestamptz);
INSERT INTO old SELECT 'i' || h % 7, :'today'::timestamptz - interval '7 hours' - h * interval '1 hour' FROM generate_series(1, 50 * 24) AS h;
SELECT topk.create_rollup('old', 'old', 'item', 'at', retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
SELECT topk.backfill('old') AS first;
CALL topk.run();
SELECT topk.backfill('old') AS second;
CALL topk.run();
SELECT topk.backfill('old') AS third;
CALL topk.run();
SELECT events FROM topk.rollups WHERE name = 'old';
SELECT count(*) FILTER (WHERE i.events <> e.events) AS wrong
FROM (SELECT kind, date_trunc(kind, at) AS start, count(*) AS events FROM old, unnest('{day,week,month}'::text[]) AS kind GROUP BY 1, 2) AS e,
     topk.window_info('old', e.kind, e.start) AS i;
CREATE TABLE one (item text, at timestamptz);
INSERT INTO one VALUES ('a', date_trunc('month', now()) - interval '30 hours');
SELECT topk.create_rollup('one', 'one', 'item', 'at', retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
SELECT topk.backfill('one');
CALL topk.run();
SELECT topk.backfill('one') AS again, topk.backfill('one', date_trunc('month', now()) - interval '2 days', now()) AS in_part FROM (VALUES (1)) AS v;
CALL topk.run();
SELECT kind, i.events FROM unnest('{hour,day,week,month}'::text[]) AS kind, topk.window_info('one', kind, date_trunc('month', now()) - interval '30 hours') AS i;

-- Rows of dropped partitions stay counted, although the table has a row that is much older
CREATE TABLE parted (item text, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
DO $$
BEGIN
    FOR d IN 1 .. 10 LOOP
        EXECUTE format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES FROM (%L) TO (%L)',
                       d, date_trunc('day', now()) - d * interval '1 day', date_trunc('day', now()) - (d - 1) * interval '1 day');
    END LOOP;
END$$;
SELECT topk.create_rollup('parted', 'parted', 'item', 'at', retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
INSERT INTO parted VALUES ('stray', '1970-01-01');
INSERT INTO parted SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '1 hour' FROM generate_series(1, 240) AS h;
CALL topk.run();
CREATE VIEW days AS SELECT d, i.events FROM generate_series(1, 10) AS d, topk.window_info('parted', 'day', date_trunc('day', now()) - d * interval '1 day') AS i;
SELECT sum(events) AS days, (SELECT sum(i.events) FROM (SELECT DISTINCT date_trunc('month', at) AS m FROM parted WHERE at > '2000-01-01') AS m, topk.window_info('parted', 'month', m) AS i) AS months FROM days;
DROP TABLE parted_6, parted_7, parted_8, parted_9, parted_10;
SELECT topk.backfill('parted');
CALL topk.run();
SELECT count(*) FILTER (WHERE events = 24) AS whole FROM days;
SELECT sum(i.events) FROM (SELECT DISTINCT date_trunc('month', date_trunc('day', now()) - h * interval '1 hour') AS m FROM generate_series(1, 240) AS h) AS m, topk.window_info('parted', 'month', m) AS i;
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || '; ' || detail;
END$$;
SELECT replace(detail_of($$SELECT topk.refresh('parted', now() - interval '20 days', now())$$),
               to_char(:'today'::timestamptz - interval '10 days', 'YYYY-MM-DD HH24:MI:SS'), '(ten days ago)');
-- Siblings: a hole in the middle, a single hour, rows that the filter excludes now, and telling it to empty
DELETE FROM parted WHERE at >= :'today'::timestamptz - interval '3 days' AND at < :'today'::timestamptz - interval '2 days';
DELETE FROM parted WHERE at = :'today'::timestamptz - interval '5 hours';
SELECT topk.backfill('parted');
CALL topk.run();
SELECT count(*) FILTER (WHERE events = 24) AS whole FROM days;
SELECT topk.refresh('parted', :'today'::timestamptz - interval '3 days', :'today'::timestamptz - interval '2 days', empty => true);
SELECT topk.refresh('parted', :'today'::timestamptz - interval '5 hours', :'today'::timestamptz - interval '4 hours', empty => true);
CALL topk.run();
SELECT d, events FROM days WHERE events <> 24 ORDER BY d;
SELECT events FROM topk.rollups WHERE name = 'parted';
CREATE TABLE filtered (item text, at timestamptz, fine boolean);
SELECT topk.create_rollup('filtered', 'filtered', 'item', 'at', filter => 'fine', retention => '{"tile": "35 days", "hour": "35 days"}') > 0 AS created;
INSERT INTO filtered VALUES ('a', :'today'::timestamptz - interval '1 hour', true);
CALL topk.run();
UPDATE filtered SET fine = false;
SELECT topk.refresh('filtered', :'today'::timestamptz - interval '1 hour', :'today'::timestamptz);
SELECT events FROM topk.window_info('filtered', 'hour', :'today'::timestamptz - interval '1 hour');
SET client_min_messages = warning;
DROP SCHEMA lost CASCADE;
SELECT count(*) FROM topk.rollup;
