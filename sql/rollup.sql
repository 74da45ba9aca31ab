-- Rollups are created, changed and dropped
-- The rows of the delta log, whichever slot is active
CREATE VIEW the_log AS TABLE topk.delta_0 UNION ALL TABLE topk.delta_1 UNION ALL TABLE topk.delta_2 UNION ALL TABLE topk.delta_3;
CREATE FUNCTION clear() RETURNS void LANGUAGE sql
    AS 'DELETE FROM topk.delta_0; DELETE FROM topk.delta_1; DELETE FROM topk.delta_2; DELETE FROM topk.delta_3';
CREATE FOREIGN TABLE events (item text, n integer, ts timestamptz, day date, Source text, meta jsonb) SERVER topk;
CREATE VIEW kept AS SELECT name, item, time, weight, filter, group_by FROM topk.rollup ORDER BY id;

-- Defaults, and the row of topk.rollup
SELECT topk.create_rollup('all', 'events', 'item', 'ts') > 0 AS created;
SELECT name, source, item_kind, grain, windows, timezone, k, capacity, width, depth, max_groups, accept_past, accept_future, retention
FROM topk.rollup;
SELECT topk.create_rollup('tuned', 'events', item => 'n', event_time => 'day', windows => '{week,hour}', k => 7, capacity => 70,
                          width => 0, grain => '15 min', timezone => 'America/New_York', max_groups => 3,
                          retention => '{"hour": "3 days", "month": "1 year 2 mons"}', accept_past => '2 days') > 0 AS created;
SELECT name, item_kind, grain, windows, timezone, k, capacity, width, depth, max_groups, accept_past, accept_future, retention
FROM topk.rollup WHERE name = 'tuned';
SELECT backfill, events FROM topk.rollup_state;
SELECT topk.create_rollup('all', 'events', 'item', 'ts');
SELECT topk.drop_rollup('tuned');
SELECT topk.drop_rollup('tuned');
SELECT topk.drop_rollup(NULL) IS NULL AS nothing;

-- Wrong parameters
CREATE FUNCTION try(parameters text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT topk.create_rollup(%s)', parameters);
    RETURN 'created';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END$$;
SELECT p, try($$'new', 'events', event_time => 'ts', item => 'item', $$ || p) FROM unnest(ARRAY[
    'k => 0', 'k => 10001', 'k => NULL', 'k => 20, capacity => 10', 'capacity => 0', 'capacity => 1000001', 'width => -1',
    'width => 20000000', 'depth => 0', 'width => 0, depth => 65', 'max_groups => 0', 'max_groups => 1000001',
    'grain => ''7 min''', 'grain => ''1 s''', 'grain => ''2 hours''', 'grain => ''1 day''', 'grain => NULL',
    'windows => ''{}''', 'windows => ''{hour,hour}''', 'windows => ''{decade}''', 'windows => ''{NULL}''',
    'timezone => ''Nowhere/Land''', 'retention => ''[]''', 'retention => ''{"decade": "1 day"}''',
    'retention => ''{"day": "a"}''', 'retention => ''{"day": 3}''', 'retention => ''{"day": "-1 day"}''',
    'accept_past => ''-1 day''', 'accept_future => ''-1 day''', 'backfill => true']) p;
SELECT p, try($$'new', 'events', $$ || p) FROM unnest(ARRAY[
    $$'missing', 'ts'$$, $$'item', 'item'$$, $$'item', 'n'$$, $$'item', NULL$$, $$'', 'ts'$$, $$'item;', 'ts'$$,
    $$'item) FROM (SELECT 1', 'ts'$$, $$'item, n', 'ts'$$, $$'item AS i', 'ts'$$, $$'item WHERE true', 'ts'$$, $$'*', 'ts'$$,
    $$'count(*)', 'ts'$$, $$'row_number() OVER ()', 'ts'$$, $$'(SELECT 1)', 'ts'$$, $$'generate_series(1, n)', 'ts'$$,
    $$'events', 'ts'$$, $$'events::text', 'ts'$$, $$'tableoid', 'ts'$$, $$'random()', 'ts'$$, $$'item', 'clock_timestamp()'$$,
    $$'$1', 'ts'$$, $$'item', 'ts', weight => 'item'$$, $$'item', 'ts', filter => 'n'$$, $$'item', 'ts', group_by => '{source,nix}'$$,
    $$'item', 'ts', group_by => '{NULL}'$$, $$'item', 'ts', group_by => NULL$$]) p;
SELECT try($$'', 'events', 'item', 'ts'$$), try($$repeat('x', 64), 'events', 'item', 'ts'$$);
SELECT topk.create_rollup('new', 'events', 'lower(itme)', 'ts');
CREATE VIEW a_view AS SELECT now() AS ts, 'a' AS item;
CREATE TEMP TABLE temporary (item text, ts timestamptz);
SELECT try($$'new', 'a_view', 'item', 'ts'$$), try($$'new', 'temporary', 'item', 'ts'$$), try($$'new', 0::oid, 'item', 'ts'$$),
    try($$'new', 'missing', 'item', 'ts'$$);
DROP VIEW a_view;

-- Expressions have the same results under any settings
CREATE SCHEMA other;
CREATE FUNCTION other.short(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT left($1, 2)';
CREATE FUNCTION other.lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT 'wrong'$$;
SET search_path = other, public, pg_catalog;
SET DateStyle = 'German';
SELECT topk.create_rollup('short', 'events', 'short(item)', 'ts', filter => 'day >= ''01.02.2024''', accept_past => '100 years') > 0 AS created;
SELECT topk.create_rollup('wrong', 'events', 'lower(item)', 'ts', group_by => '{day}', accept_past => '100 years') > 0 AS created;
RESET search_path;
RESET DateStyle;
SELECT name, item, filter FROM kept WHERE name <> 'all';
INSERT INTO events VALUES ('abc', 1, '2024-02-01', '2024-02-01'), ('xyz', 1, '2024-02-01', '2024-01-31');
SELECT name, i.item, i.weight FROM the_log d JOIN topk.rollup r ON r.id = rollup, topk.items(d.items) i ORDER BY name, item;
CREATE OR REPLACE FUNCTION other.short(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT left($1, 1)';
SELECT clear();
INSERT INTO events VALUES ('abc', 1, '2024-02-01', '2024-02-01');
SELECT name, i.item, i.weight FROM the_log d JOIN topk.rollup r ON r.id = rollup, topk.items(d.items) i WHERE name = 'short';
DROP FUNCTION other.short(text);
SELECT topk.drop_rollup('short'), topk.drop_rollup('wrong');
SELECT count(*) FROM the_log WHERE rollup NOT IN (SELECT id FROM topk.rollup);
DROP SCHEMA other CASCADE;

-- Columns are renamed, swapped, changed and dropped
SELECT topk.create_rollup('renamed', 'events', 'upper(item)', 'ts', weight => 'n', group_by => '{source,meta->>''a''}',
                          accept_past => '100 years') > 0 AS created;
ALTER FOREIGN TABLE events RENAME item TO thing;
ALTER TABLE events RENAME source TO item;
SELECT * FROM kept;
ALTER FOREIGN TABLE events RENAME TO happenings;
CREATE SCHEMA elsewhere;
ALTER FOREIGN TABLE happenings SET SCHEMA elsewhere;
SELECT name, source FROM topk.rollup;
SELECT clear();
INSERT INTO elsewhere.happenings VALUES ('a', 2, '2024-01-01', NULL, 's', '{"a": "b"}');
SELECT i.* FROM the_log d JOIN topk.rollup r ON r.id = rollup, topk.items(d.items) i WHERE name = 'renamed';
ALTER FOREIGN TABLE elsewhere.happenings DROP COLUMN thing;
ALTER FOREIGN TABLE elsewhere.happenings ALTER COLUMN n TYPE text;
ALTER FOREIGN TABLE elsewhere.happenings ALTER COLUMN n TYPE bigint, DROP COLUMN day, ADD day text;
INSERT INTO elsewhere.happenings (thing, n, ts) VALUES ('a', 2, '2024-01-01');
-- Without the event triggers, a renamed column is found by its number, and a dropped one is an error
BEGIN;
ALTER EVENT TRIGGER topk_ddl DISABLE;
ALTER EVENT TRIGGER topk_sql_drop DISABLE;
ALTER FOREIGN TABLE elsewhere.happenings RENAME thing TO later;
INSERT INTO elsewhere.happenings (later, n, ts) VALUES ('b', 2, '2024-01-01');
ALTER FOREIGN TABLE elsewhere.happenings DROP COLUMN later;
INSERT INTO elsewhere.happenings (n) VALUES (2);
ROLLBACK;
SELECT rollup = (SELECT id FROM topk.rollup WHERE name = 'renamed') AS is_renamed, i.* FROM the_log d, topk.items(d.items) i ORDER BY 1, 2;

-- A row of a restored dump
CREATE TABLE dumped (gone text, b text, a text, ts timestamptz DEFAULT now());
ALTER TABLE dumped DROP COLUMN gone;
INSERT INTO topk.rollup (name, source, item, "time", group_by, item_kind, grain, windows, timezone, k, capacity,
                         width, depth, max_groups, accept_past, accept_future, retention)
SELECT 'restored', 'dumped', 'a', 'ts', '{b}', 't', grain, windows, timezone, k, capacity,
    width, depth, max_groups, accept_past, accept_future, retention FROM topk.rollup WHERE name = 'all';
CREATE VIEW trees AS SELECT r.name, t.trigger <> 0 AS has_trigger FROM topk.expression_tree t JOIN topk.rollup r ON r.id = t.rollup WHERE r.name = 'restored';
CREATE TRIGGER capture AFTER INSERT ON dumped REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
TABLE trees;
CREATE TRIGGER holds AFTER TRUNCATE ON dumped FOR EACH STATEMENT EXECUTE FUNCTION topk.expressions('restored');
TABLE trees;
INSERT INTO dumped VALUES ('group', 'item');
SELECT item, count FROM topk.top('restored', 'day', group_key => '{group}');
-- A tree that another cluster or version wrote is not read; it is written again before names change
UPDATE topk.expression_tree SET cluster = cluster + 1 WHERE source = 'dumped'::regclass;
SET session_replication_role = replica;
UPDATE topk.rollup SET item = 'lower(a)' WHERE name = 'restored';
RESET session_replication_role;
\c -
INSERT INTO dumped VALUES ('group', 'ITEM');
ALTER TABLE dumped RENAME a TO again;
INSERT INTO dumped VALUES ('group', 'ITEM');
SELECT item FROM kept WHERE name = 'restored';
SELECT item, count FROM topk.top('restored', 'day', group_key => '{group}');
UPDATE topk.expression_tree SET catalog_version = 0 WHERE source = 'dumped'::regclass;
CALL topk.run();
SELECT catalog_version <> 0 AS known FROM topk.expression_tree WHERE source = 'dumped'::regclass;
DROP VIEW trees;
DROP TABLE dumped;

-- Rollups are dropped with their source, whatever drops it
CREATE TABLE elsewhere.t (i integer, ts timestamptz);
SELECT topk.create_rollup('t', 'elsewhere.t', 'i', 'ts') > 0 AS created;
SELECT topk.create_rollup('t2', 'elsewhere.t', 'i', 'ts') > 0 AS created;
SELECT topk.drop_rollup('elsewhere.t');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'elsewhere.t'::regclass;
SELECT topk.drop_rollup('elsewhere.t2');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'elsewhere.t'::regclass;
SELECT topk.create_rollup('t', 'elsewhere.t', 'i', 'ts') > 0 AS created;
INSERT INTO elsewhere.t VALUES (1, now());
DROP SCHEMA elsewhere CASCADE;
SELECT count(*) FROM topk.rollup;
SELECT count(*) FROM the_log;
SELECT count(*) FROM topk.rollup_state;

-- A dropped type drops columns
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods (m mood, ts timestamptz);
SELECT topk.create_rollup('moods', 'moods', 'm', 'ts') > 0 AS created;
DROP TYPE mood;
DROP TYPE mood CASCADE;
SELECT count(*) FROM topk.rollup;
DROP TABLE moods;

DROP VIEW kept;

-- Expressions that are not immutable do not depend on the session: a day is one item, at INSERT and when it is counted again
CREATE TABLE dated (d date, at timestamptz);
SELECT topk.create_rollup('dated', 'dated', 'd', 'at', group_by => '{at::date}', timezone => 'Asia/Tokyo', accept_past => '100 years',
                          retention => '{"tile": "100 years", "day": "100 years"}') > 0 AS created;
SET DateStyle = 'German';
SET TimeZone = 'America/New_York';
INSERT INTO dated VALUES ('2024-02-01', '2024-02-01 20:00+00');
SHOW DateStyle;
SET DateStyle = 'ISO, MDY';
SET TimeZone = 'UTC';
INSERT INTO dated VALUES ('2024-02-01', '2024-02-01 20:00+00');
SELECT item, count FROM topk.top('dated', 'day', '2024-02-01 20:00+00', group_key => '{2024-02-02}');
SET DateStyle = 'SQL, DMY';
SELECT topk.backfill('dated');
RESET DateStyle;
RESET TimeZone;
SELECT item, count FROM topk.top('dated', 'day', '2024-02-01 20:00+00', group_key => '{2024-02-02}');
DROP TABLE dated;

-- An expression must not use the session, the transaction, and for an item, nothing of the row
CREATE TABLE keywords ("user" text, "current_date" date, n integer, at timestamptz);
SELECT p, try($$'new', 'keywords', event_time => 'at', $$ || p) FROM unnest(ARRAY[
    $$item => 'user'$$, $$item => '"user" || current_user'$$, $$item => 'n', group_by => '{session_user}'$$,
    $$item => 'n', filter => 'current_role = "user"'$$, $$item => 'n', weight => 'pg_backend_pid()'$$,
    $$item => 'current_setting(''a.b'', true) || n'$$, $$item => 'n', filter => 'inet_client_addr() IS NULL'$$,
    $$item => 'n', weight => 'txid_current()'$$, $$item => 'n || current_schema'$$, $$item => 'n || (current_schemas(true))[1]::text'$$,
    $$item => 'n', filter => 'has_table_privilege(''pg_class'', ''SELECT'')'$$, $$item => 'n', filter => 'pg_has_role("user", ''USAGE'')'$$,
    $$item => 'current_catalog || n'$$, $$item => 'n', group_by => '{pg_client_encoding()}'$$, $$item => '''a'''$$, $$item => 'now()'$$,
    $$item => 'current_date'$$, $$item => 'random() || n'$$]) p;
SELECT topk.create_rollup('new', 'keywords', 'user', 'at');
SELECT topk.create_rollup('quoted', 'keywords', '"user"', 'coalesce(at, now(), current_timestamp)', group_by => ARRAY['"current_date"'], weight => '1') > 0 AS created;
INSERT INTO keywords VALUES ('a', '2024-01-01', 1, NULL);
SELECT item, count FROM topk.top('quoted', 'day', group_key => '{2024-01-01}');
DROP TABLE keywords;
DROP FUNCTION try;

-- Settings that expressions read are the same in every session, at INSERT and when rows are counted again
CREATE TABLE formats (id integer, body text, f double precision, b bytea, i interval, m money, n numeric, p point, at timestamptz DEFAULT now());
SELECT topk.create_rollup('search', 'formats', 'id', 'at', filter => $$body @@ 'foxes'$$) > 0 AS created;
SELECT topk.create_rollup(name => 'format_' || n, source => 'formats', item => e, event_time => 'at') > 0 AS created
FROM unnest(ARRAY['f', 'b::text', 'i', 'm', $$to_char(n, '9G999D9')$$, $$to_char(at, 'TMMonth') || id$$, 'p', 'quote_ident(body)', 'ARRAY[f]',
                  $$('{' || id || ',NULL}')::text[]::text$$]) WITH ORDINALITY AS u (e, n);
CREATE FUNCTION insert_formats() RETURNS void LANGUAGE sql
    AS $$INSERT INTO formats VALUES (1, 'foxes', 0.1::float8 + 0.2, 'a', '1 day 2 hours', 3, 1234.5, '(0.1,0.2)')$$;
SELECT insert_formats();
SELECT set_config(name, setting, false) FROM (VALUES ('default_text_search_config', 'english'), ('extra_float_digits', '-5'), ('bytea_output', 'escape'),
    ('IntervalStyle', 'iso_8601'), ('lc_numeric', 'C.UTF-8'), ('quote_all_identifiers', 'on'), ('array_nulls', 'off'),
    ('DateStyle', 'German')) AS s (name, setting);
SELECT insert_formats();
INSERT INTO formats (id, body) VALUES (2, 'fox');
SELECT topk.backfill(name) FROM topk.rollups WHERE source = 'formats'::regclass ORDER BY name;
SELECT name, setting FROM pg_settings WHERE name IN ('bytea_output', 'default_text_search_config', 'extra_float_digits') ORDER BY name;
RESET ALL;
SELECT r.name, t.item, t.count FROM topk.rollups AS r, topk.top(r.name, 'day') AS t WHERE r.source = 'formats'::regclass AND r.name !~ '_6$' ORDER BY 1, 2;
DROP TABLE formats;
DROP FUNCTION insert_formats;
DROP VIEW the_log;
DROP FUNCTION clear;
