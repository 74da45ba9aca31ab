-- Notices to users: of waiting work, rejected events, gaps in answers, and the argument that was meant
CREATE SCHEMA notices;
SET search_path = notices, public;
SET timezone = 'UTC';
CREATE TABLE page (url text, at timestamptz, local timestamp, day date);
INSERT INTO page SELECT 'page ' || i % 5, now() - i * interval '1 hour', now(), now() FROM generate_series(1, 48) AS i;

-- Rows that the table has already wait for a worker, which this server does not have
SELECT topk.create_rollup('views', 'page', 'url', 'at', backfill => true) > 0 AS created;
SELECT backfill, counted_since = created AS from_its_creation FROM topk.rollups WHERE name = 'views';
SELECT topk.backfill('views') AS counted;
SELECT backfill, counted_since, events FROM topk.rollups WHERE name = 'views';
SELECT topk.create_rollup('kept_in_run', 'page', 'url', 'at', backfill => true) > 0 AS created;
CALL topk.run();
SELECT backfill, counted_since, events FROM topk.rollups WHERE name = 'kept_in_run';
-- A backfill of a span extends what is counted only if it reaches up to that
SELECT topk.create_rollup('in_parts', 'page', 'url', 'at') > 0 AS created;
SELECT topk.backfill('in_parts', now() - interval '30 hours', now() - interval '20 hours') AS counted;
SELECT backfill, counted_since = created AS from_its_creation FROM topk.rollups WHERE name = 'in_parts';
SELECT topk.backfill('in_parts', now() - interval '20 hours') > 0 AS counted;
SELECT backfill, created - counted_since > interval '19 hours' AS longer, created - counted_since < interval '21 hours' AS not_longer
FROM topk.rollups WHERE name = 'in_parts';

-- An empty answer about a time before the rollup is told apart from one about an empty time
SELECT topk.create_rollup('late_riser', 'page', 'url', 'at', group_by => '{url}') > 0 AS created;
SELECT count(*) FROM topk.top('late_riser', 'day', now() - interval '1 day');
SELECT count(*) FROM topk.range('late_riser', '-infinity', 'infinity');
SELECT count FROM topk.frequency('late_riser', 'page 1', 'month');
SELECT i.events, complete, since = r.created AS since_its_creation
FROM topk.window_info('late_riser', 'day', now() - interval '1 day') AS i, topk.rollups AS r WHERE r.name = 'late_riser';
SELECT count(*) FROM topk.top('late_riser', 'day', now() - interval '1 day', group_key => '{page 1}'); -- a group may be empty
SELECT count(*) FROM topk.top('late_riser', 'hour', now() + interval '2 hours');
INSERT INTO page (url, at) VALUES ('page 1', now() - interval '1 day');
SELECT item, count FROM topk.top('late_riser', 'day', now() - interval '1 day');
SELECT topk.backfill('late_riser', until => now() - interval '2 days') IS NOT NULL AS counted;
SELECT topk.backfill('late_riser') > 0 AS counted;
SELECT since FROM topk.window_info('late_riser', 'day');
SELECT count(*) FROM topk.top('late_riser', 'day', now() - interval '8 days');
CREATE FOREIGN TABLE stream (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('stream', 'stream', 'item', 'at') > 0 AS created;
SELECT count(*) FROM topk.top('stream', 'week');

-- Rejected events: a warning for each statement and rollup
INSERT INTO stream VALUES ('a', now()), ('b', NULL), ('c', 'infinity'), ('d', now() - interval '20 years'), ('e', now() + interval '3 days');
INSERT INTO stream VALUES ('a', now() + interval '3 days');
COPY stream FROM stdin;
a	1999-01-01
b	1999-01-01
\.
INSERT INTO stream VALUES ('a', now());
INSERT INTO page (url) VALUES ('page without a time');
-- Both views have the same totals, before a fold and after it
CREATE VIEW totals AS
    SELECT r.name, r.events, r.total_weight, r.rejected, (r.events, r.total_weight, r.rejected) IS NOT DISTINCT FROM (s.events, s.weight, s.rejected) AS same
    FROM topk.rollups AS r JOIN topk.stats AS s ON s.rollup = r.name WHERE r.name IN ('stream', 'late_riser') ORDER BY r.name;
TABLE totals;
CALL topk.run();
TABLE totals;

-- Time without a zone
SELECT topk.create_rollup('local', 'page', 'url', 'local') > 0 AS created;
SET timezone = 'Europe/Berlin';
SELECT topk.create_rollup('of_utc', 'page', 'url', 'local') > 0 AS created;
SELECT topk.create_rollup('of_utc_by_name', 'page', 'url', 'local', timezone => 'UTC') > 0 AS created;
SELECT topk.create_rollup('of_utc_days', 'page', 'url', 'day') > 0 AS created;
SELECT topk.create_rollup('of_points', 'page', 'url', 'at') > 0 AS created;
SET timezone = 'Etc/UTC';
SELECT topk.create_rollup('of_the_same', 'page', 'url', 'local') > 0 AS created;
SET timezone = 'UTC';

-- Nothing folds
SELECT folding FROM topk.rollups WHERE name = 'stream';
DO $$BEGIN FOR i IN 1 .. 1100 LOOP INSERT INTO stream VALUES ('item ' || i % 7, now()); END LOOP; END$$;
SELECT count(*) > 0 AS answered FROM topk.top('stream', 'hour');
SELECT folding FROM topk.rollups WHERE name = 'stream';
BEGIN;
UPDATE topk.rollup_state SET last_fold = now() - interval '2 hours' WHERE rollup = (SELECT id FROM topk.rollup WHERE name = 'stream');
SELECT folding FROM topk.rollups WHERE name = 'stream';
SELECT count(*) > 0 AS answered FROM topk.top('stream', 'hour');
SELECT count(*) > 0 AS answered FROM topk.top('stream', 'hour'); -- once a session
ROLLBACK;
CALL topk.run();
SELECT folding FROM topk.rollups WHERE name = 'stream';

-- topk.history: ten windows, unless more are asked for
CREATE FOREIGN TABLE past (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('past', 'past', 'item', 'at') > 0 AS created;
INSERT INTO past SELECT 'item', now() - i * interval '1 hour' FROM generate_series(0, 40) AS i;
SELECT count(*) FROM topk.history('past', 'hour'); -- nothing has written a snapshot yet
CALL topk.run();
SELECT count(*) FROM topk.history('past', 'month', until => now() - interval '1 year');
SELECT count(*), max(window_end) <= now() AS over, min(window_start) >= date_trunc('hour', now()) - interval '10 hours' AS last_ten
FROM topk.history('past', 'hour');
SELECT count(*), min(window_start) = date_trunc('hour', now()) - interval '30 hours' AS from_there
FROM topk.history('past', 'hour', until => date_trunc('hour', now()) - interval '20 hours');
SELECT count(*) >= 39 AS all_of_them FROM topk.history('past', 'hour', since => '-infinity');

-- Wrong arguments
SELECT * FROM topk.top('day', 'past');
SELECT * FROM topk.top('past', 'minute');
SELECT topk.create_rollup('days', 'past', 'item', 'at', windows => '{day,month}') > 0 AS created;
SELECT * FROM topk.top('days', 'hour');

RESET timezone;
DROP SCHEMA notices CASCADE;
