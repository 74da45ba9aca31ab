-- A rollup belongs to the schema of its source, and its name is looked up as that of a table
SET timezone = 'UTC';
CREATE SCHEMA acme;
CREATE SCHEMA "Big Corp";
CREATE TABLE acme.plays (item text, ts timestamptz DEFAULT '2024-05-01 12:00+00');
CREATE TABLE "Big Corp".plays (LIKE acme.plays INCLUDING ALL);
CREATE FOREIGN TABLE public.plays (item text, ts timestamptz DEFAULT '2024-05-01 12:00+00') SERVER topk;
CREATE FUNCTION make(name text, source regclass) RETURNS integer LANGUAGE sql AS $$
    SELECT topk.create_rollup($1, $2, 'item', 'ts', accept_past => '100 years',
                              retention => (SELECT jsonb_object_agg(k, '100 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS k))
$$;
\getenv directory PG_ABS_SRCDIR
\set include :directory '/sql/include/outcome.sql'
\i :include
SELECT make('plays', 'acme.plays') > 0, make('"Big Corp".plays', '"Big Corp".plays') > 0, make('PLAYS', 'public.plays') > 0;
SELECT make('plays', 'acme.plays');
SELECT make('"Big Corp".more', 'acme.plays');
SELECT make('nowhere.more', 'acme.plays');
INSERT INTO acme.plays VALUES ('of acme');
INSERT INTO "Big Corp".plays VALUES ('of big corp');
INSERT INTO plays VALUES ('of public');
CALL topk.run();
SELECT schema, name, source FROM topk.rollups ORDER BY 1;
SELECT schema, rollup, source, events FROM topk.stats ORDER BY 1;
SELECT schema, rollup, item FROM topk.snapshots WHERE window_kind = 'day' ORDER BY 1;
SELECT count(DISTINCT schema) FROM topk.errors;

SELECT topk.grant_ask(n, 'topk_reader') FROM unnest('{acme.plays,"\"Big Corp\".plays",public.plays}'::text[]) AS n;
-- Every function that takes the name of a rollup finds it by the search_path of the caller, in a prepared statement and a function too
CREATE VIEW public.asked AS
    SELECT *
    FROM (VALUES ('top', $$SELECT item FROM topk.top(%L, 'day', '2024-05-01')$$),
                 ('range', $$SELECT item FROM topk.range(%L, '2024-05-01', '2024-05-02')$$),
                 ('heavy_hitters', $$SELECT item FROM topk.heavy_hitters(%L, 'day', 0.5, '2024-05-01')$$),
                 ('frequency', $$SELECT i FROM unnest('{of acme,of big corp,of public}'::text[]) AS i, topk.frequency(%L, i, 'day', '2024-05-01') WHERE count = 1$$),
                 ('trending', $$SELECT item FROM topk.trending(%L, 'day', '2024-05-01')$$),
                 ('history', $$SELECT item FROM topk.history(%L, 'day')$$),
                 ('keep_history', $$SELECT topk.keep_history(%L, 'day')::text$$),
                 ('window_info', $$SELECT events FROM topk.window_info(%L, 'day', '2024-05-01')$$),
                 ('accuracy', $$SELECT exact_events FROM topk.accuracy(%L, 'day', '2024-05-01')$$),
                 ('compare_counts', $$SELECT exact_events FROM topk.compare_counts(topk.qualified_name(%L), 'day', '2024-05-01', 10, NULL)$$),
                 ('exact_counts', $$SELECT item FROM topk.exact_counts(%L, '2024-05-01', '2024-05-02', NULL)$$),
                 ('chart', $$SELECT string_agg(substring(c, 'of [a-z ]+[a-z]'), '') FROM topk.chart(%L, 'day', at => '2024-05-01') AS c WHERE c ~ 'of '$$),
                 ('chart_lines', $$SELECT string_agg(substring(c, 'of [a-z ]+[a-z]'), '') FROM topk.chart_lines(topk.qualified_name(%L), '', 'day', 10, 40, '2024-05-01', NULL) AS c WHERE c ~ 'of '$$),
                 ('get_topk', $$SELECT topk_api.get_topk(%L, time_window => 'day', window_start => '2024-05-01') #>> '{top_k,0,item_id}'$$),
                 ('get_frequency', $$SELECT i FROM unnest('{of acme,of big corp,of public}'::text[]) AS i, topk_api.get_frequency(%L, i, 'day', '2024-05-01') AS f WHERE f ->> 'count' = '1'$$),
                 ('get_trending', $$SELECT topk_api.get_trending(%L, time_window => 'day', window_start => '2024-05-01') #>> '{trending_items,0,item_id}'$$),
                 ('check_question', $$SELECT topk.check_question(topk.qualified_name(%L), 'day', NULL, NULL)$$),
                 ('window_state', $$SELECT count(*) FROM topk.window_state(%L, '{2024-05-01 00:00+00}', '{2024-05-02 00:00+00}', NULL, 'summary', NULL)$$),
                 ('counted_windows', $$SELECT count(*) FROM topk.counted_windows(%L, 'day', '2024-05-01', '2024-05-02', NULL)$$),
                 ('definition', $$SELECT substring(topk.definition(%L) FROM 'source => ''([^'']*)')$$),
                 ('definition_of', $$SELECT substring(topk.definition_of(topk.qualified_name(%L)) FROM 'source => ''([^'']*)')$$),
                 ('last', $$SELECT count(*) FROM topk.last(%L, '1 hour')$$), ('hot', $$SELECT count(*) FROM topk.hot(%L, '1 hour')$$),
                 ('series', $$SELECT count(*) > 0 FROM topk.series(%L, 'a', 'day', '2024-05-01', '2024-05-02')$$),
                 ('window_bounds', $$SELECT count(*) FROM topk.window_bounds(%L, 'day', '2024-05-01')$$),
                 ('read_window', $$SELECT item FROM topk.read_window(%L, 'day', '2024-05-01', 10, NULL, false)$$),
                 ('leaderboard', $$SELECT item FROM topk.leaderboard(%L, 'day', '2024-05-01')$$),
                 ('top_by_group', $$SELECT count(*) FROM topk.top_by_group(%L, 'day', '2024-05-01')$$),
                 ('summary', $$SELECT total(topk.summary(%L, 'day', '2024-05-01'))$$), ('sketch', $$SELECT topk.sketch(%L, 'day', '2024-05-01') IS NULL$$),
                 ('range_summary', $$SELECT total(topk.range_summary(%L, '2024-05-01', '2024-05-02'))$$),
                 ('range_sketch', $$SELECT topk.range_sketch(%L, '2024-05-01', '2024-05-02') IS NULL$$),
                 ('grant_ask', $$SELECT 'granted' FROM topk.grant_ask(%L, 'topk_reader')$$),
                 ('ask_grants', $$SELECT g FROM topk.ask_grants(%L) AS g$$),
                 ('revoke_ask', $$SELECT 'revoked' FROM topk.revoke_ask(%L, 'topk_writer')$$),
                 ('qualified_name', $$SELECT topk.qualified_name(%L)$$),
                 ('refresh', $$SELECT topk.refresh(%L, '2024-05-01 12:00', '2024-05-01 13:00')$$),
                 ('backfill', $$SELECT topk.backfill(%L)$$),
                 ('discard', $$SELECT topk.discard(%L, '2024-05-01 12:00', '2024-05-01 13:00')$$)) AS v (function, question);
SELECT p.proname FROM pg_proc AS p
WHERE pronamespace IN ('topk'::regnamespace, 'topk_api'::regnamespace) AND proargnames[1] = 'rollup' AND proargtypes[0] = 'text'::regtype AND prokind = 'f'
  AND proname NOT IN (SELECT function FROM asked) AND proname NOT IN ('retire', 'moved_tiles', 'moved_lines'); -- of topk.absorb
CREATE FUNCTION answer(question text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format(question, name) INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END$$;
SELECT function, answer(question, 'plays') AS here, answer(question, 'acme.plays') AS in_acme,
       answer(question, '"Big Corp".Plays') AS in_big_corp, answer(question, '"Plays"') AS upper_case
FROM asked WHERE function NOT IN ('refresh', 'backfill', 'discard') ORDER BY function;
SELECT function, answer(question, 'plays') AS here, answer(question, 'acme.plays') AS in_acme,
       answer(question, '"Big Corp".Plays') AS in_big_corp, answer(question, '"Plays"') AS upper_case
FROM asked WHERE function IN ('refresh', 'backfill', 'discard');
INSERT INTO acme.plays VALUES ('of acme');
SELECT topk.discard('plays', '-infinity', 'infinity'), topk.refresh('acme.plays', '-infinity', 'infinity'), topk.refresh('"Big Corp".plays', '-infinity', 'infinity');
SET search_path = nowhere, "Big Corp", acme, public;
SELECT function, public.answer(question, 'plays') AS here FROM asked WHERE function NOT IN ('refresh', 'backfill', 'discard') ORDER BY function;
SET search_path = acme, "Big Corp", public;
SELECT function, public.answer(question, 'plays') AS here FROM asked WHERE function NOT IN ('refresh', 'backfill', 'discard') ORDER BY function;
PREPARE here AS SELECT item FROM topk.top('plays', 'day', '2024-05-01');
CREATE FUNCTION public.fixed() RETURNS text LANGUAGE sql SET search_path = "Big Corp" AS $$SELECT item FROM topk.top('plays', 'day', '2024-05-01')$$;
EXECUTE here;
SELECT public.fixed(), item FROM topk.top('plays', 'day', '2024-05-01');
SET search_path = "Big Corp";
EXECUTE here;
RESET search_path;

-- Texts that are no names, and names of nothing
SELECT n, outcome(format('SELECT topk.top(%L, ''day'')', n)) FROM unnest('{"two words",a.b.c,.plays,plays.,"",\"plays,\"\",nowhere.plays,acme.nothing,nothing,public.PLAYS}'::text[]) AS n;
SELECT outcome(format('SELECT topk.top(%L, ''day'')', repeat('x', 64))), outcome(format('SELECT topk.top(%L, ''day'')', '"' || repeat('x', 62) || '"""'));
SELECT n, topk.qualified_name(n) FROM unnest('{"two words",a.b.c,nowhere.plays,acme.nothing,nothing,NULL,acme.PLAYS}'::text[]) AS n;
SELECT make('"two words. "" 3"', 'acme.plays') > 0;
SELECT name, t.item FROM topk.rollups, topk.top(format('%I.%I', schema, name), 'day', '2024-05-01') AS t WHERE name ~ 'two';
SELECT topk.backfill('acme."two words. "" 3"');
SELECT topk.drop_rollup('acme."two words. "" 3"');
SELECT topk.top('only_here', 'day');
SELECT make('only_here', 'acme.plays') > 0;
SELECT topk.top('only_here', 'day');
SELECT topk.drop_rollup('acme.only_here');

-- A table brings its rollups to another schema, if their names are free there
CREATE SCHEMA third;
ALTER TABLE acme.plays SET SCHEMA public;
ALTER TABLE acme.plays RENAME TO played;
ALTER TABLE acme.played SET SCHEMA "Big Corp";
ALTER FOREIGN TABLE plays RENAME TO stream;
ALTER FOREIGN TABLE stream SET SCHEMA acme;
ALTER TABLE acme.played SET SCHEMA third;
ALTER FOREIGN TABLE stream SET SCHEMA acme;
SELECT schema, name, source FROM topk.rollups ORDER BY 1;
SELECT topk.drop_rollup('plays');
SELECT item FROM topk.top('third.plays', 'day', '2024-05-01');
ALTER SCHEMA third RENAME TO "4th";
SELECT item FROM topk.top('"4th".plays', 'day', '2024-05-01');
SELECT topk.top('third.plays', 'day', '2024-05-01');
ALTER TABLE "4th".played DROP item;
DROP SCHEMA "4th" CASCADE;
SELECT schema, name FROM topk.rollups ORDER BY 1;
-- Nothing of pg_temp is looked up
CREATE TEMP TABLE plays (item text, ts timestamptz);
SELECT make('pg_temp.plays', 'acme.stream'), make('temporary', 'plays');
SELECT outcome($$SELECT topk.top('pg_temp.plays', 'day')$$);
DROP TABLE plays;
-- Two rollups of one name in one schema, which a session without event triggers makes: no answer is of the wrong one
SET session_replication_role = replica;
ALTER FOREIGN TABLE acme.stream SET SCHEMA "Big Corp";
RESET session_replication_role;
SELECT topk.top('"Big Corp".plays', 'day');
ALTER FOREIGN TABLE "Big Corp".stream SET SCHEMA acme;
SELECT item FROM topk.top('"Big Corp".plays', 'day', '2024-05-01');
DROP FUNCTION outcome;
DROP SCHEMA acme, "Big Corp" CASCADE;
