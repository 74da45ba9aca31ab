-- topk.backfill_in_steps: a transaction for each step, compared with exact counts
-- Notices tell the time that is left every ten seconds
SET client_min_messages = warning;
CREATE SCHEMA steps;
SET search_path = steps, public;
SET timezone = 'UTC';
SELECT date_trunc('day', now()) AS today \gset
CREATE TABLE event (item text, at timestamptz, w int);
CREATE INDEX ON event (at);
-- Three years of events, one each seven hours, and a gap
INSERT INTO event SELECT 'i' || i % 11, :'today'::timestamptz - i * interval '7 hours', 1 + i % 3 FROM generate_series(1, 3750) AS i WHERE i NOT BETWEEN 500 AND 700;
SELECT topk.create_rollup('stepped', 'event', 'item', 'at', weight => 'w') > 0 AS created,
       topk.create_rollup('at_once', 'event', 'item', 'at', weight => 'w') > 0 AS created;
-- The windows of a kind whose counts are not those of the table
CREATE FUNCTION differences(rollup text, kind text, since timestamptz DEFAULT '-infinity', OUT windows bigint, OUT differences bigint) LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE (i.events, i.weight) IS DISTINCT FROM (e.events, e.weight))
    FROM (SELECT date_trunc(kind, at) AS start, count(*) AS events, sum(w) AS weight FROM event WHERE at >= since GROUP BY 1) AS e, topk.window_info(rollup, kind, e.start) AS i
    WHERE i.complete $$;
CREATE VIEW compared AS
    SELECT kind, s.windows > 20 AS windows, s.differences, o.differences AS at_once
    FROM unnest('{day,week,month}'::text[]) AS kind, differences('stepped', kind) AS s, differences('at_once', kind) AS o;
INSERT INTO event VALUES ('captured', now(), 1);
-- A step that fails leaves the steps before it, and another call continues
UPDATE event SET w = -1 WHERE at = :'today'::timestamptz - 1000 * interval '7 hours';
CALL topk.backfill_in_steps('stepped');
SELECT rollup, share_done BETWEEN 0.05 AND 0.27 AS share, time_left > interval '0' AS time_left, events > 100 AS events, since < left_until AND left_until < until AS times FROM topk.backfills;
SELECT events = (SELECT events FROM topk.backfills) AS as_counted FROM topk.rollups WHERE name = 'stepped';
UPDATE event SET w = 1 + 1000 % 3 WHERE w < 0;
CALL topk.backfill_in_steps('stepped');
SELECT share_done, time_left, events = (SELECT count(*) FROM event) AS events FROM topk.backfills;
SELECT backfill FROM topk.rollups WHERE name = 'stepped';
SELECT topk.backfill('at_once') = (SELECT count(*) FROM event) AS counted;
SELECT * FROM compared;
CALL topk.run();
SELECT * FROM compared;
SELECT events = (SELECT count(*) FROM event) AS events, total_weight = (SELECT sum(w) FROM event) AS weight FROM topk.rollups WHERE name IN ('stepped', 'at_once');
-- Again, while retention has removed what it does not keep: nothing changes, and longer windows make longer steps
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO event VALUES ('captured', now(), 1);
CALL topk.run();
CALL topk.backfill_in_steps('stepped', step => '10 days');
CALL topk.run();
SELECT kind, s.windows > 20 AS windows, s.differences FROM unnest('{day,week,month}'::text[]) AS kind, differences('stepped', kind) AS s;
-- A span, and steps of an hour
INSERT INTO event VALUES ('late', :'today'::timestamptz - interval '2 days', 1);
ALTER TABLE event DISABLE TRIGGER topk_capture;
INSERT INTO event VALUES ('not captured', :'today'::timestamptz - interval '50 hours', 1);
ALTER TABLE event ENABLE TRIGGER topk_capture;
CALL topk.backfill_in_steps('stepped', :'today'::timestamptz - interval '51 hours', :'today'::timestamptz - interval '47 hours', step => '1 hour');
SELECT events FROM topk.window_info('stepped', 'hour', :'today'::timestamptz - interval '50 hours');
CALL topk.backfill_in_steps('stepped', '2001-01-01', '2001-01-02');
CALL topk.backfill_in_steps('stepped', :'today'::timestamptz - interval '4 hours', :'today'::timestamptz - interval '3 hours');
SELECT share_done, events FROM topk.backfills;
-- The backfill that topk.create_rollup asks for goes in steps too, here by topk.run(). A step that fails leaves those before it
SELECT date_trunc('month', :'today'::timestamptz) - interval '2 months' AS since \gset
CREATE TABLE recent AS SELECT * FROM event WHERE at >= :'since';
CREATE INDEX ON recent (at);
UPDATE recent SET w = -w WHERE at = :'today'::timestamptz - 140 * interval '7 hours';
SELECT topk.create_rollup('asked', 'recent', 'item', 'at', weight => 'w', backfill => true) > 0 AS created;
SET client_min_messages = error;
CALL topk.run();
SET client_min_messages = warning;
SELECT backfill FROM topk.rollups WHERE name = 'asked';
SELECT sqlstate, message FROM topk.errors WHERE rollup = 'asked';
SELECT share_done BETWEEN 0.05 AND 0.7 AS share, events > 50 AS events, since < left_until AND left_until < until AS times FROM topk.backfills WHERE rollup = 'asked';
UPDATE recent SET w = -w WHERE w < 0;
CALL topk.backfill_in_steps('asked');
SELECT backfill FROM topk.rollups WHERE name = 'asked';
SELECT share_done, events = (SELECT count(*) FROM recent) AS events FROM topk.backfills WHERE rollup = 'asked';
CALL topk.run();
SELECT kind, s.windows > 1 AS windows, s.differences FROM unnest('{day,week,month}'::text[]) AS kind, differences('asked', kind, :'since') AS s;
SELECT topk.create_rollup('left', 'recent', 'item', 'at', weight => 'w', backfill => true) > 0 AS created;
CALL topk.backfill_in_steps('left', :'today'::timestamptz - interval '1 day', :'today'::timestamptz);
CALL topk.run();
SELECT r.backfill, b.share_done, b.events = (SELECT count(*) FROM recent) AS events FROM topk.rollups AS r JOIN topk.backfills AS b ON b.rollup = r.name WHERE r.name = 'left';
-- In a transaction block, all steps are part of it
SELECT topk.create_rollup('blocked', 'recent', 'item', 'at', weight => 'w', backfill => true) > 0 AS created;
BEGIN;
CALL topk.run();
SELECT share_done, events = (SELECT count(*) FROM recent) AS events FROM topk.backfills WHERE rollup = 'blocked';
ROLLBACK;
SELECT backfill, (SELECT count(*) FROM topk.backfills WHERE rollup = 'blocked') AS begun FROM topk.rollups WHERE name = 'blocked';
DO $$BEGIN CALL topk.run(); END$$;
SELECT kind, s.windows > 1 AS windows, s.differences FROM unnest('{day,week,month}'::text[]) AS kind, differences('blocked', kind, :'since') AS s;
-- A backfill at once, or another source, ends one in steps
SELECT topk.backfill('blocked') = (SELECT count(*) FROM recent) AS counted, (SELECT count(*) FROM topk.backfills WHERE rollup = 'blocked') AS before;
SELECT count(*) FROM topk.backfills WHERE rollup = 'blocked';
CREATE TABLE recent_copy (LIKE recent);
SELECT topk.alter_rollup('left', source => 'recent_copy');
SELECT count(*) FROM topk.backfills WHERE rollup = 'left';
-- A step goes over years without rows
CREATE TABLE sparse (item text, at timestamptz);
INSERT INTO sparse SELECT 'i', at FROM unnest('{1970-01-02 12:00, 1999-12-31 12:00, 1999-12-31 14:00, 2000-01-01 12:00}'::timestamptz[]) AS at;
SELECT topk.create_rollup('sparse', 'sparse', 'item', 'at', accept_past => '100 years', retention => '{"day": "100 years", "hour": "100 years"}') > 0 AS created;
CALL topk.backfill_in_steps('sparse', step => '1 hour');
SELECT since, until, left_until, events FROM topk.backfills WHERE rollup = 'sparse';
SELECT w.at, i.events FROM unnest('{1970-01-02, 1999-12-31, 2000-01-01}'::timestamptz[]) AS w (at), topk.window_info('sparse', 'day', w.at) AS i;
-- Errors
CALL topk.backfill_in_steps('none');
CALL topk.backfill_in_steps('stepped', step => '0');
CALL topk.backfill_in_steps(NULL);
CALL topk.backfill_in_steps('stepped', 'infinity', '-infinity');
BEGIN;
CALL topk.backfill_in_steps('stepped');
ROLLBACK;
CREATE ROLE regress_topk_steps;
GRANT USAGE ON SCHEMA steps TO regress_topk_steps;
SET ROLE regress_topk_steps;
CALL topk.backfill_in_steps('stepped');
SELECT count(*) FROM topk.backfills;
RESET ROLE;
DROP OWNED BY regress_topk_steps;
DROP ROLE regress_topk_steps;
CREATE FOREIGN TABLE s (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('s', 's', 'item', 'at') > 0 AS created;
CALL topk.backfill_in_steps('s');
-- An hour of last month can be corrected on any day of this month
CREATE TABLE corrected (item text, at timestamptz);
INSERT INTO corrected SELECT 'i', at FROM generate_series(date_trunc('month', now()) - interval '1 month', now(), '1 hour') AS at;
SELECT topk.create_rollup('corrected', 'corrected', 'item', 'at') > 0 AS created;
SELECT topk.backfill('corrected') > 600 AS counted;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO corrected VALUES ('new', now());
CALL topk.run();
INSERT INTO corrected VALUES ('i', date_trunc('month', now()) - interval '30 minutes');
SELECT topk.refresh('corrected', date_trunc('month', now()) - interval '1 hour', date_trunc('month', now()));
SELECT topk.refresh('corrected', date_trunc('month', now()) - interval '1 month', date_trunc('month', now()) - interval '1 month' + interval '1 hour');
SELECT events = (SELECT count(*) FROM corrected WHERE at < date_trunc('month', now())) AS exact FROM topk.window_info('corrected', 'month', date_trunc('month', now()) - interval '1 day');
SET client_min_messages = warning;
DROP SCHEMA steps CASCADE;
