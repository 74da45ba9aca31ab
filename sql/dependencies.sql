-- Expressions of rollups keep their meaning under new names, and what they need cannot be dropped
CREATE FUNCTION state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END$$;
CREATE VIEW texts AS SELECT name, item, event_time, weight, filter, group_by FROM topk.rollups ORDER BY name;

CREATE SCHEMA lib;
CREATE TYPE lib.status AS ENUM ('paid', 'open');
CREATE TYPE lib.address AS (city text, zip text);
CREATE DOMAIN lib.code AS text;
CREATE COLLATION lib.bytewise (provider = libc, locale = 'C');
CREATE FUNCTION lib.norm(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)';
CREATE FUNCTION lib.twice(integer) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN 2 * $1; END';
CREATE FUNCTION lib.same(text, text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR lib.=== (FUNCTION = lib.same, LEFTARG = text, RIGHTARG = text);
CREATE TEXT SEARCH CONFIGURATION lib.words (COPY = english);
CREATE TABLE lib.named (i integer);

CREATE TABLE orders (item text, st lib.status, n integer, addr lib.address, row lib.named, at timestamptz DEFAULT now()) PARTITION BY LIST (n);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES IN (1);
CREATE FOREIGN TABLE order_stream (item text, st lib.status, n integer, addr lib.address, row lib.named, at timestamptz DEFAULT now()) SERVER topk;
CREATE FUNCTION create_all(source text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT source || '_' || name FROM (VALUES
        ('enum', 'item', NULL, $e$st = 'paid'$e$, '{}'::text[]),
        ('array', 'item', NULL, $e$st = ANY ('{paid}')$e$, '{}'),
        ('function', 'lib.norm(item)', 'lib.twice(n)', NULL, '{}'),
        ('operator', 'item', NULL, $e$item OPERATOR(lib.===) 'A'$e$, '{}'),
        ('collation', 'item', NULL, $e$item COLLATE lib.bytewise < 'B'$e$, '{}'),
        ('domain', 'item::lib.code', NULL, NULL, '{}'),
        ('composite', '(addr).city', NULL, NULL, ARRAY['(addr).zip']),
        ('rowtype', '(row).i', NULL, NULL, '{}'),
        ('regclass', $e$item || 'lib.named'::regclass$e$, NULL, NULL, '{}'),
        ('search', 'item', NULL, $e$to_tsvector('lib.words', item) @@ 'b'$e$, '{}')) AS v (name, item, weight, filter, group_by),
    LATERAL (SELECT topk.create_rollup(source || '_' || v.name, source::regclass, v.item, 'at', v.group_by, weight => v.weight, filter => v.filter)) AS c
$$;
SELECT create_all('orders') UNION ALL SELECT create_all('order_stream');
CREATE PROCEDURE insert_both(status text) LANGUAGE plpgsql AS $$
BEGIN
    FOR target IN 1..2 LOOP
        EXECUTE format('INSERT INTO public.%I VALUES (''A'', $1::lib.status, 1, ''(Rome,00100)'', ''(7)''), (''B'', ''open'', 1, ''(Oslo,0150)'', ''(8)'')',
                       CASE target WHEN 1 THEN 'orders' ELSE 'order_stream' END) USING status;
    END LOOP;
END$$;
CREATE VIEW counts AS SELECT r.name, t.item, t.count FROM topk.rollups AS r, topk.top(r.name, 'day') AS t ORDER BY 1, 3 DESC, 2;
CALL insert_both('paid');
TABLE texts;

-- All names change in one transaction with insertions, and other sessions see what is committed
BEGIN;
ALTER TYPE lib.status RENAME VALUE 'paid' TO 'settled';
CALL insert_both('settled');
ALTER TYPE lib.address RENAME ATTRIBUTE city TO town;
ALTER FUNCTION lib.norm(text) RENAME TO normal;
ALTER FUNCTION lib.same(text, text) RENAME TO alike;
ALTER COLLATION lib.bytewise RENAME TO "by byte";
ALTER DOMAIN lib.code RENAME TO sku;
ALTER TABLE lib.named RENAME TO "renamed's";
ALTER TEXT SEARCH CONFIGURATION lib.words RENAME TO terms;
ALTER TABLE orders RENAME item TO "order";
CALL insert_both('settled');
COMMIT;
CREATE SCHEMA other;
ALTER FUNCTION lib.twice(integer) SET SCHEMA other;
ALTER OPERATOR lib.=== (text, text) SET SCHEMA other;
ALTER TYPE lib.address RENAME TO place;
ALTER TYPE lib.place SET SCHEMA other;
ALTER SCHEMA lib RENAME TO "the lib";
ALTER SCHEMA "the lib" RENAME TO lib;
ALTER TABLE orders SET SCHEMA other;
ALTER TABLE other.orders SET SCHEMA public;
CALL insert_both('settled');
\c -
CALL insert_both('settled');
TABLE texts;
TABLE counts;
SELECT name, topk.backfill(name) FROM topk.rollups WHERE source = 'orders'::regclass ORDER BY name;
SELECT * FROM counts WHERE name ~ 'orders';
-- The texts are what a dump restores
DELETE FROM topk.expression_tree;
\c -
SET search_path = pg_temp;
CALL public.insert_both('settled');
RESET search_path;
TABLE counts;

-- Without event triggers, the meaning stays too; the text follows later
CALL topk.run();
SET session_replication_role = replica;
ALTER TYPE lib.status RENAME VALUE 'settled' TO 'paid';
ALTER FUNCTION lib.normal(text) RENAME TO norm;
RESET session_replication_role;
CALL insert_both('paid');
SELECT item, filter FROM topk.rollups WHERE name IN ('orders_enum', 'orders_function') ORDER BY name;
ALTER TABLE orders ADD more integer;
SELECT item, filter FROM topk.rollups WHERE name IN ('orders_enum', 'orders_function') ORDER BY name;
SELECT * FROM counts WHERE name IN ('orders_enum', 'orders_function');

-- Objects that are needed are not dropped, or takes its rollups along, and those alone
SELECT statement, state_of(statement) FROM unnest(ARRAY[
    'DROP FUNCTION lib.norm', 'DROP FUNCTION other.twice', 'DROP OPERATOR other.=== (text, text)', 'DROP COLLATION lib."by byte"',
    'DROP DOMAIN lib.sku', 'DROP TYPE lib.status', 'DROP TYPE other.place', 'DROP TABLE lib."renamed''s"',
    'DROP TEXT SEARCH CONFIGURATION lib.terms', 'DROP SCHEMA lib', 'ALTER TYPE other.place DROP ATTRIBUTE town',
    'ALTER TABLE orders DROP "order"', 'DROP TRIGGER topk_expressions_orders_enum ON orders']) AS statement;
CREATE FUNCTION dropped_by(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept text[] := (SELECT array_agg(name) FROM topk.rollup);
    result text;
BEGIN
    BEGIN
        EXECUTE statement;
        SELECT string_agg(name, ' ' ORDER BY name) INTO result FROM unnest(kept) AS name WHERE name NOT IN (SELECT r.name FROM topk.rollup AS r);
        IF EXISTS (SELECT FROM pg_trigger WHERE tgfoid = 'topk.expressions'::regproc AND tgargs NOT IN (SELECT convert_to(name, getdatabaseencoding()) || '\x00' FROM topk.rollup)) THEN
            result := result || ', but not all triggers';
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'UNDO0';
    EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
        RETURN result;
    END;
END$$;
SET client_min_messages = warning;
SELECT statement, dropped_by(statement) FROM unnest(ARRAY[
    'DROP FUNCTION lib.norm CASCADE', 'DROP FUNCTION other.twice CASCADE', 'DROP OPERATOR other.=== (text, text) CASCADE',
    'DROP COLLATION lib."by byte" CASCADE', 'DROP DOMAIN lib.sku CASCADE', 'DROP TEXT SEARCH CONFIGURATION lib.terms CASCADE',
    'ALTER TYPE other.place DROP ATTRIBUTE town CASCADE', 'ALTER FOREIGN TABLE order_stream DROP addr CASCADE',
    'DROP TYPE lib.status CASCADE', 'DROP TABLE lib."renamed''s" CASCADE', 'DROP SCHEMA lib CASCADE']) AS statement;
RESET client_min_messages;
DROP FUNCTION lib.norm CASCADE;
CALL insert_both('paid');
SELECT count(*) FROM counts WHERE name ~ 'function';

-- A trigger that a schema-only dump has left makes room for the one of a new rollup
CREATE TABLE left_over (item text, at timestamptz DEFAULT now());
CREATE TRIGGER topk_expressions_left_over AFTER TRUNCATE ON left_over FOR EACH STATEMENT EXECUTE FUNCTION topk.expressions('another');
SELECT topk.create_rollup('left_over', 'left_over', 'item', 'at') > 0 AS created;
SELECT tgname, tgargs <> 'another\000' AS is_new FROM pg_trigger WHERE tgrelid = 'left_over'::regclass ORDER BY 1;
TRUNCATE left_over;
DROP TABLE left_over;

-- Temporary objects are those of one session
CREATE TYPE pg_temp.composite AS (a text);
CREATE DOMAIN pg_temp.word AS text;
CREATE FUNCTION pg_temp.f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR pg_temp.=== (FUNCTION = pg_temp.f, RIGHTARG = text);
CREATE COLLATION pg_temp.c (provider = libc, locale = 'C');
CREATE TEMP TABLE t (a text);
CREATE TABLE plain (item text, at timestamptz DEFAULT now());
SELECT e, state_of(format('SELECT topk.create_rollup(''temporary'', ''plain'', %L, ''at'')', e)) FROM unnest(ARRAY[
    $$item || ('{x}'::pg_temp.word[])::text$$, 'item::pg_temp.word', 'ROW(item)::pg_temp.composite', 'pg_temp.f(item)',
    'OPERATOR(pg_temp.===) item', 'item < item COLLATE pg_temp.c', 'ROW(item)::pg_temp.t', $$item || 'pg_temp.t'::regclass$$]) AS e;
SELECT topk.create_rollup('temporary', 'plain', 'item', 'at', filter => $$item <> ''::pg_temp.word$$);
SELECT count(*) FROM topk.rollup WHERE name = 'temporary';
DROP TABLE plain;

SET client_min_messages = warning;
DROP TABLE orders;
DROP FOREIGN TABLE order_stream;
DROP SCHEMA lib, other CASCADE;
DROP VIEW counts, texts;
DROP FUNCTION create_all, dropped_by, state_of;
DROP PROCEDURE insert_both;
SELECT count(*) FROM topk.expression_tree;
