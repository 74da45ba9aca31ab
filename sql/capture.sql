-- Capture counts the rows that are inserted into streams and tables, whatever the statement
-- The rows of the delta log, whichever slot is active
CREATE VIEW the_log AS TABLE topk.delta_0 UNION ALL TABLE topk.delta_1 UNION ALL TABLE topk.delta_2 UNION ALL TABLE topk.delta_3;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql
    AS 'DELETE FROM topk.delta_0; DELETE FROM topk.delta_1; DELETE FROM topk.delta_2; DELETE FROM topk.delta_3';
-- No fold runs here: all counts are in the delta log.
CREATE VIEW counted AS
    SELECT r.name, d.tile, coalesce(g.grp, d.grp) AS grp, coalesce(g.events, d.events) AS events, i.item, i.weight
    FROM topk.rollup r JOIN the_log d ON d.rollup = r.id LEFT JOIN LATERAL topk.bundle_groups(d.items) g ON true
        LEFT JOIN LATERAL topk.items(d.items) i ON i.grp IS NOT DISTINCT FROM g.grp;
CREATE FUNCTION counts(rollup text, OUT item text, OUT weight numeric) RETURNS SETOF record LANGUAGE sql AS
    $$SELECT item, sum(weight) FROM counted WHERE name = rollup AND item IS NOT NULL GROUP BY item ORDER BY item COLLATE "C"$$;

CREATE FOREIGN TABLE events (item_id text, ts timestamptz DEFAULT now(), source text, n integer DEFAULT 1) SERVER topk;
INSERT INTO events VALUES ('lost'), ('too'); -- warns once
SELECT topk.create_rollup('views', 'events', item => 'item_id', event_time => 'ts') > 0 AS created;
INSERT INTO events VALUES ('a');
INSERT INTO events VALUES ('a'), ('b'), (NULL);
INSERT INTO events SELECT 'i' || i % 3 FROM generate_series(1, 10) i;
INSERT INTO events (item_id) VALUES ('r') RETURNING item_id, source, n;
PREPARE one AS INSERT INTO events (item_id) VALUES ($1);
EXECUTE one('p');
EXECUTE one('p');
DO $$BEGIN FOR i IN 1 .. 10 LOOP INSERT INTO events (item_id) VALUES ('loop'); END LOOP; END$$;
INSERT INTO events (item_id) VALUES ('nothing') ON CONFLICT DO NOTHING;
WITH x AS (INSERT INTO events (item_id) VALUES ('cte') RETURNING item_id) SELECT * FROM x;
COPY events (item_id) FROM stdin;
text
\N
text
\.
COPY events (item_id, source) FROM stdin (FORMAT csv);
csv,1
csv,2
\.
\copy (SELECT 'binary') TO 'results/capture.bin' (FORMAT binary)
\copy events (item_id) FROM 'results/capture.bin' (FORMAT binary)
SELECT * FROM counts('views');
SELECT sum(events) FROM the_log;
SELECT clear();

-- A statement that inserts nothing writes nothing
EXPLAIN (COSTS off) INSERT INTO events VALUES ('explained');
INSERT INTO events SELECT 'none' WHERE false;
SELECT count(*) FROM the_log;
DO $$BEGIN EXECUTE 'EXPLAIN ANALYZE INSERT INTO events VALUES (''analyzed'')'; END$$;
SELECT * FROM counts('views');
SELECT clear();

-- The counts of a statement are undone with it
BEGIN;
INSERT INTO events VALUES ('kept');
SAVEPOINT s;
INSERT INTO events VALUES ('undone');
ROLLBACK TO s;
INSERT INTO events VALUES ('kept');
SAVEPOINT s;
INSERT INTO events SELECT 'failed' FROM generate_series(-1, 1) i WHERE 1 / i < 5;
ROLLBACK TO s;
RELEASE s;
COMMIT;
DO $$BEGIN
    INSERT INTO events VALUES ('before');
    BEGIN
        INSERT INTO events SELECT 'failed' || 1 / i FROM generate_series(-1, 1) i;
    EXCEPTION WHEN division_by_zero THEN
        INSERT INTO events VALUES ('handler');
    END;
END$$;
BEGIN;
INSERT INTO events VALUES ('gone');
ROLLBACK;
SELECT * FROM counts('views');
SELECT clear();

-- Streams keep no rows
SELECT * FROM events;
UPDATE events SET n = 2;
DELETE FROM events;
TRUNCATE events;
INSERT INTO events VALUES ('x') ON CONFLICT (item_id) DO NOTHING;
CREATE FOREIGN TABLE optional (i text) SERVER topk OPTIONS (keep 'yes');

-- Constraints and generated columns
CREATE FOREIGN TABLE strict (
    i integer NOT NULL CHECK (i > 0), twice bigint GENERATED ALWAYS AS (2 * i) STORED, day date DEFAULT '2024-01-01'
) SERVER topk;
SELECT topk.create_rollup('strict', 'strict', item => 'twice', event_time => 'day', accept_past => '100 years') > 0 AS created;
INSERT INTO strict VALUES (1), (2), (2);
INSERT INTO strict VALUES (1), (NULL);
INSERT INTO strict VALUES (1), (-1);
COPY strict (i) FROM stdin;
3
-3
\.
COPY strict (i) FROM stdin;
4
\.
SELECT item_kind FROM topk.rollup WHERE name = 'strict';
SELECT * FROM counts('strict');
SELECT clear();
DROP FOREIGN TABLE strict;

-- Filters, weights, groups and expressions; several rollups of one stream
CREATE FOREIGN TABLE orders (at timestamp, product text, amount numeric, country text, ok boolean, ref uuid, raw bytea, meta jsonb)
    SERVER topk;
-- A weight is a whole number. The user says how to count a fraction.
SELECT topk.create_rollup('sold', 'orders', item => 'product', event_time => 'at', weight => 'amount');
SELECT topk.create_rollup('sold', 'orders', item => 'product', event_time => 'at', weight => '0.4::float8');
SELECT topk.create_rollup('sold', 'orders', item => 'lower(product)', event_time => 'at', weight => 'amount::bigint', filter => 'ok',
                          group_by => '{country,meta->>''shop''}', timezone => 'Europe/Berlin', accept_past => '200 years',
                          accept_future => '100 years') > 0 AS created;
SELECT topk.create_rollup('refs', 'orders', item => 'ref', event_time => 'at', accept_past => '200 years') > 0 AS created;
SELECT topk.create_rollup('raws', 'orders', item => 'raw', event_time => 'at', accept_past => '200 years') > 0 AS created;
SELECT name, item, time, weight, filter, group_by, item_kind FROM topk.rollup WHERE source = 'orders'::regclass ORDER BY id;
INSERT INTO orders VALUES
    ('2024-05-01 00:30', 'Tea', 2.6, 'DE', true, '00000000-0000-0000-0000-000000000001', '\x01', '{"shop": "a"}'),
    ('2024-05-01 00:31', 'TEA', 1, 'DE', true, NULL, '\x01', '{"shop": "a"}'),
    ('2024-05-01 00:32', 'tea', 1, 'DE', true, NULL, '\x02', NULL),
    ('2024-05-01 00:33', 'tea', 1, NULL, true, NULL, NULL, '{"shop": "a"}'),
    ('2024-05-01 00:34', 'tea', 0, 'FR', true, NULL, NULL, '{"shop": "a"}'),
    ('2024-05-01 00:35', 'tea', NULL, 'FR', true, NULL, NULL, '{"shop": "a"}'),
    ('2024-05-01 00:36', 'tea', 1, 'FR', false, NULL, NULL, '{"shop": "a"}'),
    ('2024-05-01 00:37', 'tea', 1, 'FR', NULL, NULL, NULL, '{"shop": "a"}'),
    ('2024-05-01 01:00', 'tea', 1, 'DE', true, NULL, NULL, '{"shop": "a"}');
SELECT * FROM counted ORDER BY name, tile, grp, item;
INSERT INTO orders VALUES ('2024-05-01', 'Tea', -1, 'DE', true);
SELECT clear();

-- Events without a time, or with a time that is not accepted, are rejected
SELECT topk.create_rollup('recent', 'orders', item => 'product', event_time => 'at', accept_past => '1 day', accept_future => '1 hour') > 0
    AS created;
SELECT topk.drop_rollup('refs'), topk.drop_rollup('raws');
INSERT INTO orders SELECT t, 'x', 1, 'DE', true FROM unnest(ARRAY[NULL, 'infinity', '-infinity', now() AT TIME ZONE 'UTC' - interval '2 days',
    now() AT TIME ZONE 'UTC' + interval '2 hours', now() AT TIME ZONE 'UTC', '4000-01-01', '0044-03-15 BC']::timestamp[]) t;
SELECT name, isfinite(tile) AS accepted, sum(events), sum(weight) FROM counted GROUP BY 1, 2 ORDER BY 1, 2;
SELECT clear();
DROP FOREIGN TABLE orders;

-- Groups whose key is too long for an index are counted in the overflow group
SELECT topk.drop_rollup('views');
SELECT topk.create_rollup('views', 'events', 'item_id', 'ts', group_by => '{source}', accept_past => '100 years') > 0 AS created;
INSERT INTO events VALUES ('a', '2024-01-01', repeat('x', 100000)), ('b', '2024-01-01', repeat('y', 3000)), ('c', '2024-01-01', ''),
    ('d', '2024-01-01', NULL);
SELECT grp, item, weight FROM counted ORDER BY item;
SELECT clear();
INSERT INTO events VALUES (repeat('x', 8192));

-- More distinct items than a list holds become a tally that drops the smallest; more groups than memory holds are written early
SELECT topk.drop_rollup('views');
SELECT topk.create_rollup('views', 'events', 'item_id', 'ts', capacity => 100, k => 10, accept_past => '100 years') > 0 AS created;
INSERT INTO events SELECT 'item_' || i, '2024-01-01' FROM generate_series(1, 40000) i;
SELECT events, items IS NOT NULL AS listed, total(summary), total(sketch), length(registers) FROM the_log;
SELECT clear();
SELECT topk.drop_rollup('views');
SELECT topk.create_rollup('views', 'events', 'item_id', 'ts', group_by => '{source}', accept_past => '100 years') > 0 AS created;
SET work_mem = '64kB';
INSERT INTO events SELECT 'item', '2024-01-01', 'group_' || i % 30000 FROM generate_series(1, 60000) i;
RESET work_mem;
SELECT count(DISTINCT i.grp), (SELECT sum(events) FROM the_log), sum(i.weight) FROM the_log d, topk.items(d.items) i;
SELECT clear();

-- Ordinary tables
CREATE TABLE visits (id serial PRIMARY KEY, gone text, url text, ts timestamptz DEFAULT now());
ALTER TABLE visits DROP COLUMN gone;
SELECT topk.create_rollup('urls', 'visits', item => 'url', event_time => 'ts') > 0 AS created;
INSERT INTO visits (url) VALUES ('a'), ('b'), ('a');
INSERT INTO visits (id, url) VALUES (1, 'conflict'), (100, 'new') ON CONFLICT DO NOTHING;
INSERT INTO visits (id, url) VALUES (1, 'conflict'), (101, 'new') ON CONFLICT (id) DO UPDATE SET url = 'updated';
COPY visits (url) FROM stdin;
copied
copied
\.
MERGE INTO visits v USING (VALUES (1, 'merged'), (102, 'merged')) n (id, url) ON v.id = n.id
    WHEN MATCHED THEN UPDATE SET url = n.url WHEN NOT MATCHED THEN INSERT (id, url) VALUES (n.id, n.url);
DO $$BEGIN FOR i IN 1 .. 3 LOOP INSERT INTO visits (url) VALUES ('loop'); END LOOP; END$$;
UPDATE visits SET url = 'x';
SELECT * FROM counts('urls');
SELECT clear();
SELECT topk.capture();
CREATE TRIGGER wrong AFTER INSERT ON visits FOR EACH ROW EXECUTE FUNCTION topk.capture();
INSERT INTO visits (url) VALUES ('a');
DROP TRIGGER wrong ON visits;
ALTER TABLE visits ADD extra integer DEFAULT 7;
SELECT topk.create_rollup('extra', 'visits', item => 'extra', event_time => 'ts', filter => 'url <> ''a''') > 0 AS created;
INSERT INTO visits (url) VALUES ('a'), ('b');
SELECT * FROM counts('urls');
SELECT * FROM counts('extra');
SELECT clear();
DROP TABLE visits;
SELECT count(*) FROM topk.rollup WHERE name IN ('urls', 'extra');

-- Partitioned tables: a row counts once, whether the statement names the table or the partition
CREATE TABLE parted (region text, item text, ts timestamptz DEFAULT now()) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (ts timestamptz DEFAULT now(), waste integer, item text, region text);
ALTER TABLE parted_b DROP COLUMN waste;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT topk.create_rollup('parted', 'parted', item => 'item', event_time => 'ts', group_by => '{region}') > 0 AS created;
SELECT topk.create_rollup('part_b', 'parted_b', item => 'item', event_time => 'ts');
CREATE TABLE parted_x (region text, item text, ts timestamptz);
SELECT topk.create_rollup('part_x', 'parted_x', item => 'item', event_time => 'ts') > 0 AS created;
ALTER TABLE parted ATTACH PARTITION parted_x FOR VALUES IN ('x');
DROP TABLE parted_x;
CREATE TABLE parted_c PARTITION OF parted FOR VALUES IN ('c') PARTITION BY LIST (item);
CREATE TABLE parted_c_1 PARTITION OF parted_c DEFAULT;
CREATE TABLE parted_d (region text, item text, ts timestamptz);
ALTER TABLE parted ATTACH PARTITION parted_d FOR VALUES IN ('d');
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'topk_capture' ORDER BY 1;
INSERT INTO parted VALUES ('a', 'root'), ('b', 'root'), ('c', 'root'), ('d', 'root');
INSERT INTO parted_a VALUES ('a', 'leaf');
INSERT INTO parted_b (region, item) VALUES ('b', 'leaf');
INSERT INTO parted_c VALUES ('c', 'middle');
INSERT INTO parted_c_1 VALUES ('c', 'leaf');
INSERT INTO parted_d VALUES ('d', 'leaf', now());
UPDATE parted SET region = 'a' WHERE region = 'b';
SELECT name, grp, item, sum(weight) FROM counted GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT clear();
CREATE FOREIGN TABLE parted_e PARTITION OF parted FOR VALUES IN ('e') SERVER topk;
SELECT topk.drop_rollup('parted');
SELECT tgrelid::regclass FROM pg_trigger WHERE tgname = 'topk_capture' ORDER BY 1;

-- A stream as a partition
CREATE FOREIGN TABLE parted_e PARTITION OF parted FOR VALUES IN ('e') SERVER topk;
SELECT topk.create_rollup('part_e', 'parted_e', item => 'item', event_time => 'ts') > 0 AS created;
INSERT INTO parted VALUES ('e', 'routed', now()), ('a', 'kept', now());
COPY parted (region, item, ts) FROM stdin (FORMAT csv);
e,copied,2024-01-01
\.
INSERT INTO parted_e VALUES ('e', 'direct', now());
INSERT INTO parted_e VALUES ('x', 'wrong', '2024-01-01');
UPDATE parted SET region = 'e' WHERE item = 'kept';
SELECT * FROM counts('part_e');
SELECT clear();
SELECT topk.create_rollup('parted', 'parted', item => 'item', event_time => 'ts');
DROP TABLE parted;

-- Rollups that are created and dropped count in prepared plans and open transactions too
PREPARE again AS INSERT INTO events VALUES ('again', now(), 'g');
EXECUTE again;
SELECT topk.create_rollup('second', 'events', 'source', 'ts') > 0 AS created;
EXECUTE again;
SELECT topk.drop_rollup('second');
EXECUTE again;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM the_log;
SELECT topk.create_rollup('third', 'events', 'source', 'ts') > 0 AS created;
EXECUTE again;
SELECT * FROM counts('third');
ROLLBACK;
EXECUTE again;
SELECT * FROM counts('views');
SELECT clear();

-- The right to insert is enough for the rows to be counted
CREATE ROLE topk_inserter;
GRANT INSERT ON events TO topk_inserter;
SET ROLE topk_inserter;
INSERT INTO events VALUES ('by another user');
SELECT count(*) FROM topk.delta_0;
SELECT topk.create_rollup('mine', 'events', 'item_id', 'ts');
SELECT topk.drop_rollup('views');
RESET ROLE;
SELECT * FROM counts('views');
REVOKE ALL ON events FROM topk_inserter;
DROP ROLE topk_inserter;

DROP FOREIGN TABLE events;
SELECT count(*) FROM topk.rollup;
DROP FUNCTION counts, clear;
DROP VIEW counted, the_log;
