-- topk.accuracy compares answers with exact counts of the table
SET timezone = 'UTC';
\set SHOW_CONTEXT never
CREATE TABLE plays (track text, n numeric, country text, device varchar(10), at timestamptz);
SELECT topk.create_rollup('plays', 'plays', item => 'track', event_time => 'at', weight => 'n::bigint', filter => 'n <> 13',
                          group_by => '{country,device}',
                          accept_past => '100 years', retention => '{"hour": "100 years", "tile": "100 years", "day": "100 years"}') > 0 AS created;
INSERT INTO plays VALUES ('a', 50, 'DE', 'tv', '2024-01-02 00:00+00'), ('b', 40.4, 'DE', 'tv', '2024-01-02 12:00+00'),
    ('c', 30, 'FR', 'tv', '2024-01-02 12:00+00'), ('d', 30, 'FR', NULL, '2024-01-02 12:00+00'), ('e', 30, NULL, NULL, '2024-01-02 12:00+00'),
    ('f', 1, NULL, NULL, '2024-01-02 23:59:59.999999+00'), ('g', 0, 'DE', 'tv', '2024-01-02 12:00+00'),
    (NULL, 99, 'DE', 'tv', '2024-01-02 12:00+00'), ('h', NULL, 'DE', 'tv', '2024-01-02 12:00+00'), ('i', 13, 'DE', 'tv', '2024-01-02 12:00+00'),
    ('yesterday', 99, 'DE', 'tv', '2024-01-01 23:59:59.999999+00'), ('tomorrow', 99, 'DE', 'tv', '2024-01-03 00:00+00');
-- Everything is exact; c, d and e tie, so any of them is right as the third item
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 3);
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', NULL);
SELECT * FROM topk.accuracy('plays', 'hour', '2024-01-02', 1);
SELECT * FROM topk.accuracy('plays', 'month', '2024-01-02');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', group_key => '{DE,tv}');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', group_key => '{NULL,NULL}');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', group_key => '{nobody,tv}');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-05');
SELECT * FROM topk.accuracy('plays', 'day');
-- Under other settings
BEGIN;
SET LOCAL search_path = public, pg_catalog;
SET LOCAL timezone = 'Asia/Tokyo';
CREATE FUNCTION abs(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 0.0';
CREATE FUNCTION sum_state(numeric, bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 7.0';
CREATE AGGREGATE sum(bigint) (SFUNC = sum_state, STYPE = numeric);
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02 23:00+00', 3);
ROLLBACK;

-- After a fold, and with rows of the same transaction, which the caller's snapshot sees
SELECT tiles > 0 AS folded FROM topk.rollup, topk.fold(id) WHERE name = 'plays';
BEGIN;
INSERT INTO plays VALUES ('f', 100, 'DE', 'tv', '2024-01-02 13:00+00');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 1);
ROLLBACK;

-- Deleted rows and rows that were never counted show up; each makes one kind of bound fail
BEGIN;
DELETE FROM plays WHERE track = 'b';
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 3);
ROLLBACK;
BEGIN;
ALTER TABLE plays DISABLE TRIGGER USER;
INSERT INTO plays VALUES ('new', 60, 'DE', 'tv', '2024-01-02 12:00+00');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 3);
INSERT INTO plays VALUES ('a', 1, 'DE', 'tv', '2024-01-02 12:00+00');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 3);
DELETE FROM plays;
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 3);
ROLLBACK;

-- Items and times of other types; partitions; rows of a table that inherits do not belong to its parent
CREATE TABLE typed (small smallint, u uuid, b bytea, c char(5), at timestamp) PARTITION BY RANGE (at);
CREATE TABLE typed_1 PARTITION OF typed FOR VALUES FROM (MINVALUE) TO ('2024-03-31 00:00');
CREATE TABLE typed_2 PARTITION OF typed DEFAULT;
SELECT count(topk.create_rollup(item || zone, 'typed', item => item, event_time => 'at', timezone => zone, accept_past => '100 years')) AS created
FROM unnest('{small,u,b,c}'::text[]) AS item, unnest('{UTC,Europe/Berlin}'::text[]) AS zone;
INSERT INTO typed
SELECT i % 5, md5((i % 3)::text)::uuid, decode(md5((i % 4)::text), 'hex'), 'c' || i % 6,
       timestamp '2024-03-30 22:00' + i * interval '5 minutes'
FROM generate_series(1, 600) AS i;
SET bytea_output = 'escape';
SELECT r.name, a.* FROM topk.rollups AS r, topk.accuracy(r.name, 'day', '2024-03-31 12:00+00', 2) AS a
WHERE r.source = 'typed'::regclass ORDER BY r.name COLLATE "C";
RESET bytea_output;
CREATE TABLE child () INHERITS (plays);
INSERT INTO child VALUES ('a', 1000, 'DE', 'tv', '2024-01-02 12:00+00');
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 1);
DROP TABLE child, typed;

-- An expression that works only for rows that pass the filter
CREATE TABLE raw (line text, at timestamptz);
SELECT topk.create_rollup('raw', 'raw', item => '1000 / line::int', event_time => 'at', group_by => '{(10 / line::int)}',
                          filter => 'line ~ ''^[1-9]''', accept_past => '100 years') > 0 AS created;
INSERT INTO raw SELECT CASE WHEN i % 3 = 0 THEN 'none' WHEN i % 3 = 1 THEN '0' ELSE i::text END, '2024-01-02' FROM generate_series(1, 30) AS i;
SELECT * FROM topk.accuracy('raw', 'day', '2024-01-02', 3);
SELECT * FROM topk.accuracy('raw', 'day', '2024-01-02', 3, '{1}');
DROP TABLE raw;

-- Few counters for many items: the query computes the same figures from their definitions
CREATE TABLE many (item bigint, n bigint, at timestamptz);
SELECT topk.create_rollup('many', 'many', item => 'item', event_time => 'at', weight => 'n', k => 10, capacity => 64, width => 0,
                          accept_past => '100 years', retention => '{"hour": "100 years", "tile": "100 years", "day": "100 years"}') > 0 AS created;
INSERT INTO many SELECT floor(3000 ^ (mod(i * 7919, 100003) / 100003::float8)), i % 4, timestamptz '2024-01-02' + i * interval '2 seconds'
FROM generate_series(1, 40000::bigint) AS i;
SELECT tiles > 0 AS folded FROM topk.rollup, topk.fold(id) WHERE name = 'many';
CREATE TABLE exact AS SELECT item::text, sum(n) AS weight FROM many WHERE at < '2024-01-03' GROUP BY item;
WITH by_hand AS (
    SELECT k, avg((weight >= least)::int) AS precision, count(*) FILTER (WHERE weight >= least) / k::numeric AS recall,
           avg((count - weight) / weight) AS mean_relative_error, max(count - weight) AS largest_error, sum(guaranteed::int) AS guaranteed
    FROM unnest('{1,5,20,60}'::int[]) AS k, topk.top('many', 'day', '2024-01-02', k) AS t JOIN exact USING (item),
         LATERAL (SELECT e.weight FROM exact AS e ORDER BY 1 DESC OFFSET k - 1 LIMIT 1) AS l (least)
    GROUP BY k)
SELECT k, h.precision, a.precision - h.precision AS p, a.recall - h.recall AS r, a.mean_relative_error - h.mean_relative_error AS m,
       a.largest_error - h.largest_error AS l, a.guaranteed - h.guaranteed AS g, guaranteed_wrong, bound_violations, events, exact_events
FROM by_hand AS h JOIN LATERAL topk.accuracy('many', 'day', '2024-01-02', k) AS a USING (k) ORDER BY k;
-- More items than there are counters
SELECT precision < 1 AS precision, recall < 0.1 AS recall, guaranteed_wrong, bound_violations FROM topk.accuracy('many', 'day', '2024-01-02', 1000);
DROP TABLE many, exact;
-- More items than topk.top lists, all of them monitored
CREATE TABLE full_list (item int, at timestamptz);
SELECT topk.create_rollup('full_list', 'full_list', item => 'item', event_time => 'at', capacity => 20000, accept_past => '100 years') > 0 AS created;
INSERT INTO full_list SELECT i, '2024-01-02' FROM generate_series(1, 10007) AS i, generate_series(1, 2);
SELECT * FROM topk.accuracy('full_list', 'day', '2024-01-02', 10000);
DROP TABLE full_list;

-- Errors
SELECT * FROM topk.accuracy('plays', 'day', k => 0);
SELECT * FROM topk.accuracy('plays', 'day', k => 10001);
SELECT * FROM topk.accuracy('plays', 'year');
SELECT * FROM topk.accuracy('none', 'day');
SELECT * FROM topk.accuracy('plays', 'day', group_key => '{DE}');
SELECT * FROM topk.accuracy('plays', 'day', group_key => '{}');
CREATE FOREIGN TABLE stream (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('stream', 'stream', item => 'item', event_time => 'at') > 0 AS created;
SELECT * FROM topk.accuracy('stream', 'day');
DROP FOREIGN TABLE stream;

-- With the rights of the caller
CREATE ROLE accuracy_owner;
CREATE FUNCTION secret(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT topk.create_rollup('secret', 'plays', item => 'secret(track)', event_time => 'at', accept_past => '100 years') > 0 AS created;
ALTER TABLE plays OWNER TO accuracy_owner;
REVOKE SELECT ON plays FROM accuracy_owner;
SET ROLE accuracy_owner;
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', -1);
RESET ROLE;
GRANT SELECT ON plays TO accuracy_owner;
SET ROLE accuracy_owner;
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02', 1);
RESET ROLE;
REVOKE EXECUTE ON FUNCTION secret(text) FROM PUBLIC;
SET ROLE accuracy_owner;
SELECT * FROM topk.accuracy('secret', 'day', '2024-01-02');
RESET ROLE;
ALTER TABLE plays ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE accuracy_owner;
SELECT * FROM topk.accuracy('plays', 'day', '2024-01-02');
RESET ROLE;
DROP TABLE plays;
DROP FUNCTION secret(text);
DROP ROLE accuracy_owner;
