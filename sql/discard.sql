-- A window that cannot be folded fails alone, and topk.discard removes the counts of a span
SET timezone = 'UTC';
CREATE SCHEMA discard;
SET search_path = discard, public;
SELECT date_trunc('day', now()) - interval '2 days' AS day \gset
\set huge 9223372036854775807
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN coalesce(result, 'no row');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN hint <> '' THEN '; ' || hint ELSE '' END;
END$$;
CREATE VIEW waiting AS
    SELECT count(*) AS deltas FROM (TABLE topk.delta_0 UNION ALL TABLE topk.delta_1 UNION ALL TABLE topk.delta_2 UNION ALL TABLE topk.delta_3) AS d;
CREATE VIEW aside AS SELECT r.name, count(*), sum(s.weight) AS weight, sum(events) AS events FROM topk.set_aside AS s JOIN topk.rollup AS r ON r.id = s.rollup GROUP BY 1 ORDER BY 1;

-- Two weights whose sum is too large, and an event of another time, of another group, of another rollup
CREATE FOREIGN TABLE ev (item text, w bigint, at timestamptz, g text) SERVER topk;
SELECT topk.create_rollup('weighty', 'ev', 'item', 'at', weight => 'w') > 0 AS created,
       topk.create_rollup('other', 'ev', 'item', 'at') > 0 AS created,
       topk.create_rollup('grouped', 'ev', 'item', 'at', weight => 'w', group_by => '{g}') > 0 AS created;
INSERT INTO ev VALUES ('a', :huge, :'day'::timestamptz + interval '3 hours', 'x');
INSERT INTO ev VALUES ('a', :huge, :'day'::timestamptz + interval '3 hours', 'y');
INSERT INTO ev VALUES ('b', 1, :'day'::timestamptz - interval '4 days', 'z'), ('c', 2, :'day'::timestamptz + interval '5 hours', 'x');
\set VERBOSITY sqlstate
CALL topk.run();
CALL topk.run();
\set VERBOSITY default
SELECT * FROM waiting;
SELECT * FROM aside;
SELECT rollup, sqlstate, message, window_kind, window_start - :'day' AS since, window_end - window_start AS length, group_key FROM topk.errors ORDER BY rollup;
SELECT name, events, total_weight, failures FROM topk.rollups ORDER BY name;
-- Everything else goes on, and the truth is told or an error is raised
SELECT item, count FROM topk.top('weighty', 'hour', :'day'::timestamptz - interval '4 days');
SELECT item, count FROM topk.top('weighty', 'hour', :'day'::timestamptz + interval '5 hours');
SELECT try(format($$SELECT item FROM topk.top('weighty', %L, %L)$$, kind, :'day'::timestamptz + h * interval '1 hour'))
FROM (VALUES ('hour', 3), ('day', 3), ('day', 5)) AS v (kind, h);
SELECT item, count FROM topk.top('grouped', 'hour', :'day'::timestamptz + interval '3 hours', group_key => '{y}');
SELECT try(format($$SELECT item FROM topk.top('grouped', 'day', %L, group_key => '{x}')$$, :'day'));
SELECT item, count FROM topk.top('other', 'day', :'day'::timestamptz);
SELECT window_kind, window_start - :'day' AS since, item, count FROM topk.history('weighty', 'hour', since => '-infinity') AS h, LATERAL (SELECT 'hour' AS window_kind) AS k ORDER BY window_start;
SELECT count(*) FROM topk.history('weighty', 'day', :'day');
-- Events that come later to the same hour are folded
INSERT INTO ev VALUES ('d', 7, :'day'::timestamptz + interval '3 hours', 'x');
\set VERBOSITY sqlstate
CALL topk.run();
\set VERBOSITY default
SELECT item, count FROM topk.top('other', 'hour', :'day'::timestamptz + interval '3 hours') ORDER BY 1;
SELECT * FROM aside;
-- A dump has it
SELECT count(*) > 0 AS dumped FROM topk.archived_rows() WHERE relation = 'set_aside';

-- The way out
CREATE ROLE regress_topk_stranger;
GRANT USAGE ON SCHEMA discard TO regress_topk_stranger;
SET ROLE regress_topk_stranger;
SELECT topk.discard('weighty', :'day', 'infinity');
RESET ROLE;
DROP OWNED BY regress_topk_stranger;
DROP ROLE regress_topk_stranger;
SELECT topk.discard('none', '-infinity', 'infinity');
SELECT topk.discard('weighty', 'infinity', '-infinity');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT topk.discard('weighty', '-infinity', 'infinity');
ROLLBACK;
SELECT topk.discard('weighty', :'day'::timestamptz + interval '3 hours 10 minutes', :'day'::timestamptz + interval '3 hours 20 minutes');
CALL topk.run();
SELECT * FROM aside;
SELECT item, count FROM topk.top('weighty', 'hour', :'day'::timestamptz + interval '3 hours');
SELECT item, count FROM topk.top('weighty', 'day', :'day'::timestamptz);
SELECT item, count FROM topk.history('weighty', 'day', :'day');
SELECT name, events, total_weight FROM topk.rollups ORDER BY name;
SELECT topk.discard('grouped', '-infinity', 'infinity') AS removed;
SELECT name, events, total_weight FROM topk.rollups WHERE name = 'grouped';
SELECT count(*) FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'grouped';

-- Each hour fits, the day does not: that is the error of the day, and of what contains it
CREATE FOREIGN TABLE half (item text, w bigint, at timestamptz) SERVER topk;
SELECT topk.create_rollup('half', 'half', 'item', 'at', weight => 'w') > 0 AS created;
INSERT INTO half VALUES ('a', 5000000000000000000, :'day'::timestamptz + interval '1 hour'), ('b', 5000000000000000000, :'day'::timestamptz + interval '2 hours'),
    ('c', 3, :'day'::timestamptz - interval '1 day');
\set VERBOSITY sqlstate
CALL topk.run();
CALL topk.run();
\set VERBOSITY default
INSERT INTO half VALUES ('later', 4, :'day'::timestamptz - interval '50 hours');
CALL topk.run();
SELECT h, t.item, t.count FROM unnest('{1,2,-24,-50}'::int[]) AS h, topk.top('half', 'hour', :'day'::timestamptz + h * interval '1 hour') AS t;
SELECT try(format($$SELECT item FROM topk.top('half', 'day', %L)$$, :'day'));
SELECT try(format($$SELECT item FROM topk.range('half', %L, %L)$$, :'day', :'day'::timestamptz + interval '3 hours'));
SELECT try(format($$SELECT lower FROM topk.frequency('half', 'a', 'day', %L)$$, :'day'));
SELECT try(format($$SELECT weight FROM topk.window_info('half', 'day', %L)$$, :'day'));
SELECT item, count FROM topk.top('half', 'day', :'day'::timestamptz - interval '1 day');
SELECT count(*) FROM topk.history('half', 'day', :'day');
SELECT events, total_weight, failures FROM topk.rollups WHERE name = 'half';
SELECT DISTINCT sqlstate, window_kind, window_start - :'day' AS since FROM topk.errors WHERE rollup = 'half';
SELECT weight FROM topk.stats WHERE rollup = 'half';
SELECT topk.discard('half', :'day'::timestamptz + interval '2 hours', :'day'::timestamptz + interval '3 hours');
CALL topk.run();
SELECT item, count FROM topk.top('half', 'day', :'day');
SELECT item, count FROM topk.history('half', 'day', :'day');
SELECT events, total_weight FROM topk.rollups WHERE name = 'half';

-- A damaged tile, a damaged delta, and items of another kind
CREATE TABLE kept (item text, at timestamptz);
SELECT topk.create_rollup('kept', 'kept', 'item', 'at') > 0 AS created;
INSERT INTO kept SELECT 'i' || i, :'day'::timestamptz + h * interval '1 hour' FROM generate_series(1, 3) AS i, generate_series(0, 5) AS h;
CALL topk.run();
-- (A type accepts no damaged value, so the summary of a rollup of numbers takes the place of one of text.)
CREATE TABLE numbers (n bigint, at timestamptz);
SELECT topk.create_rollup('numbers', 'numbers', 'n', 'at') > 0 AS created;
INSERT INTO numbers SELECT 1, :'day'::timestamptz + interval '1 hour';
CALL topk.run();
UPDATE topk.tile AS t SET summary = f.summary FROM topk.tile AS f, topk.rollup AS r, topk.rollup AS n
WHERE r.name = 'kept' AND n.name = 'numbers' AND t.rollup = r.id AND f.rollup = n.id AND t.level = 0 AND f.level = 0 AND t.start = :'day'::timestamptz + interval '1 hour';
UPDATE topk.tile AS t SET summary = f.summary FROM topk.tile AS f, topk.rollup AS r, topk.rollup AS n
WHERE r.name = 'kept' AND n.name = 'numbers' AND t.rollup = r.id AND f.rollup = n.id AND t.level = 2 AND f.level = 0;
INSERT INTO kept SELECT 'late', :'day'::timestamptz + h * interval '1 hour' FROM generate_series(1, 2) AS h;
INSERT INTO kept SELECT 'new', :'day'::timestamptz - interval '1 hour';
\set VERBOSITY sqlstate
CALL topk.run();
\set VERBOSITY default
SELECT * FROM aside;
SELECT sqlstate, window_kind, window_start - :'day' AS since FROM topk.errors WHERE rollup = 'kept' ORDER BY 2, 3;
SELECT h, try(format($$SELECT sum(count) FROM topk.top('kept', 'hour', %L)$$, :'day'::timestamptz + h * interval '1 hour')) FROM generate_series(-1, 3) AS h;
SELECT try(format($$SELECT sum(count) FROM topk.top('kept', 'day', %L)$$, :'day'));
SELECT sum(count) = (SELECT count(*) FROM kept WHERE date_trunc('week', at) = date_trunc('week', :'day'::timestamptz)) AS week FROM topk.top('kept', 'week', :'day');
-- The table has the rows, so a backfill mends everything
SELECT topk.backfill('kept');
CALL topk.run();
SELECT * FROM aside;
SELECT h, events FROM generate_series(-1, 5) AS h, topk.window_info('kept', 'hour', :'day'::timestamptz + h * interval '1 hour');
SELECT kind, i.events = e.exact AS right FROM unnest('{day,week,month}'::text[]) AS kind, LATERAL topk.window_info('kept', kind, :'day') AS i,
     LATERAL (SELECT count(*) AS exact FROM kept WHERE date_trunc(kind, at) = date_trunc(kind, :'day'::timestamptz)) AS e;
SELECT events FROM topk.rollups WHERE name = 'kept';

-- Of one hour, a row that was set aside can be tried again and another one cannot be read: it stays, and answers say so
CREATE TABLE mixed (item text, w bigint, at timestamptz, g text);
SELECT topk.create_rollup('mixed', 'mixed', 'item', 'at', weight => 'w', group_by => '{g}') > 0 AS created;
INSERT INTO mixed SELECT 'unread', 1, :'day'::timestamptz + interval '3 hours', 'x' FROM generate_series(1, 5);
DO $$
DECLARE
    slot text;
BEGIN
    FOREACH slot IN ARRAY '{delta_0,delta_1,delta_2,delta_3}'::text[] LOOP
        EXECUTE format('UPDATE topk.%I SET items = substring(items FROM 1 FOR 6) WHERE rollup = (SELECT id FROM topk.rollup WHERE name = $1)', slot) USING 'mixed';
    END LOOP;
END$$;
INSERT INTO mixed VALUES ('a', :huge, :'day'::timestamptz + interval '3 hours', 'y'), ('b', 1, :'day'::timestamptz + interval '5 hours', 'y');
INSERT INTO mixed VALUES ('a', :huge, :'day'::timestamptz + interval '3 hours', 'y');
\set VERBOSITY sqlstate
CALL topk.run();
\set VERBOSITY default
CREATE VIEW mixed_aside AS SELECT scope, grp, events, s.weight, items IS NULL AND summary IS NULL AS unread FROM topk.set_aside AS s JOIN topk.rollup AS r ON r.id = rollup WHERE name = 'mixed';
SELECT * FROM mixed_aside ORDER BY scope, unread, grp, weight;
SELECT sqlstate, window_kind, group_key FROM topk.errors WHERE rollup = 'mixed' ORDER BY 1, 3;
SELECT topk.discard('mixed', :'day'::timestamptz + interval '5 hours', :'day'::timestamptz + interval '6 hours');
SELECT * FROM mixed_aside ORDER BY scope, unread, grp, weight;
SELECT g, try(format($$SELECT sum(count) FROM topk.top('mixed', 'hour', %L, group_key => %L)$$, :'day'::timestamptz + interval '3 hours', g)) FROM unnest('{NULL,"{x}","{y}"}'::text[]) AS g;
\set VERBOSITY sqlstate
CALL topk.run();
\set VERBOSITY default
SELECT * FROM mixed_aside WHERE unread ORDER BY scope;
SELECT events FROM topk.rollups WHERE name = 'mixed';
SELECT topk.backfill('mixed', :'day'::timestamptz + interval '5 hours');
SELECT count(*) AS unread FROM mixed_aside WHERE unread;
DELETE FROM mixed WHERE w > 1;
SELECT topk.refresh('mixed', :'day', :'day'::timestamptz + interval '4 hours');
CALL topk.run();
SELECT count(*) AS aside FROM mixed_aside;
SELECT g, try(format($$SELECT sum(count) FROM topk.top('mixed', 'hour', %L, group_key => %L)$$, :'day'::timestamptz + interval '3 hours', g)) FROM unnest('{NULL,"{x}","{y}"}'::text[]) AS g;

-- Discarding is exact: of every span of hours, the windows are the sums of what is left
INSERT INTO kept SELECT 'i' || h % 7, :'day'::timestamptz - h * interval '20 minutes' FROM generate_series(1, 20 * 72) AS h;
CREATE TABLE kept_all AS TABLE kept;
CREATE FUNCTION wrong_windows(OUT windows bigint, OUT wrong bigint) LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE i.events <> e.exact)
    FROM unnest('{hour,day,week,month}'::text[]) AS kind,
         LATERAL (SELECT DISTINCT date_trunc(kind, at) AS start FROM kept_all) AS s,
         LATERAL (SELECT count(*) AS exact FROM kept WHERE date_trunc(kind, at) = s.start) AS e,
         topk.window_info('kept', kind, s.start) AS i
$$;
CREATE FUNCTION discard_kept(since timestamptz, until timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    deleted bigint;
BEGIN
    DELETE FROM kept WHERE at >= since AND at < until;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN topk.discard('kept', since, until) = deleted;
END$$;
SELECT discard_kept(:'day'::timestamptz - interval '30 hours', :'day'::timestamptz - interval '20 hours');
SELECT windows > 500 AS many, wrong FROM wrong_windows();
CALL topk.run();
SELECT windows > 500 AS many, wrong FROM wrong_windows();
SELECT discard_kept(:'day'::timestamptz - interval '15 days', :'day'::timestamptz - interval '3 days');
SELECT discard_kept(:'day'::timestamptz - interval '15 days', :'day'::timestamptz - interval '3 days');
SELECT discard_kept(:'day'::timestamptz + interval '1 hours', :'day'::timestamptz + interval '2 hours');
SELECT windows > 500 AS many, wrong FROM wrong_windows();
CALL topk.run();
SELECT windows > 500 AS many, wrong FROM wrong_windows();
SELECT events = (SELECT count(*) FROM kept) AS right FROM topk.rollups WHERE name = 'kept';
SELECT count(*) AS different FROM topk.snapshots AS s WHERE rollup = 'kept' AND events <> (SELECT count(*) FROM kept WHERE date_trunc(window_kind, at) = window_start);
-- A part of a day whose hours are gone cannot be discarded. The hint says what can.
CREATE FOREIGN TABLE gone (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('gone', 'gone', 'item', 'at', windows => '{day,month}', retention => '{"tile": "1 day"}') > 0 AS created;
INSERT INTO gone SELECT 'a', '2026-02-10 00:00+00'::timestamptz + h * interval '1 hour' FROM generate_series(0, 47) AS h;
CALL topk.run();
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO gone VALUES ('b', now());
CALL topk.run();
SELECT try($$SELECT topk.discard('gone', '2026-02-10 05:00+00', '2026-02-10 06:00+00')$$) LIKE '55000 cannot discard a part of a day of rollup "gone"; Use the span from 2026-02-10 00:00:00+00 to 2026-02-11 00:00:00+00.' AS refused;
SELECT topk.discard('gone', '2026-02-10', '2026-02-11');
SELECT events, complete FROM topk.window_info('gone', 'month', '2026-02-01');
SET client_min_messages = warning;
DROP SCHEMA discard CASCADE;
SELECT (SELECT count(*) FROM topk.rollup) AS rollups, (SELECT count(*) FROM topk.set_aside) AS set_aside;
