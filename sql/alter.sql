-- topk.alter_rollup: what can be changed keeps its counts, which are compared with exact counts of the rows
SET timezone = 'UTC';
CREATE SCHEMA altered;
SET search_path = altered, public;
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END$$;
CREATE TABLE hits (item text, at timestamptz, g text, n bigint);
SELECT topk.create_rollup('hits', 'hits', 'item', 'at', group_by => '{g}', windows => '{hour,day,month}', k => 5, accept_past => '50 years',
                          retention => (SELECT jsonb_object_agg(level, '50 years') FROM unnest('{tile,hour,day,week,month,quarter,year,snapshot}'::text[]) AS level)) > 0 AS created;
CREATE FUNCTION definition(rollup text) RETURNS TABLE (line text) LANGUAGE sql AS $$
    SELECT e.key || ': ' || e.value FROM topk.rollups AS r, jsonb_each_text(to_jsonb(r)) AS e
    WHERE r.name = rollup AND e.key NOT IN ('created', 'last_fold', 'last_fold_duration', 'folds') ORDER BY 1
$$;
INSERT INTO hits SELECT 'i' || i * i % 97, timestamptz '2022-11-20 00:00+00' + i * interval '53 hours 13 minutes', 'g' || i % 3, 1 FROM generate_series(1, 400) AS i;
CALL topk.run();
-- For every window of a kind: whether the answer, its items and groups, are those of the rows
CREATE FUNCTION wrong(rollup text, kind text, rows text DEFAULT 'hits') RETURNS TABLE (windows bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH truth AS MATERIALIZED (
            SELECT date_trunc(%2$L, at, 'UTC') AS start, CASE WHEN grouping(g) = 0 THEN ARRAY[g] END AS grp, item, count(*) AS n
            FROM %3$s GROUP BY GROUPING SETS ((1, item), (1, g, item))),
        windows AS MATERIALIZED (SELECT start, grp, sum(n) AS n FROM truth GROUP BY 1, 2),
        answers AS (SELECT w.start, w.grp, t.item, t.count FROM windows AS w, topk.top(%1$L, %2$L, w.start, 1000, w.grp) AS t)
        SELECT (SELECT count(*) FROM windows),
               (SELECT count(*) FROM windows AS w, topk.window_info(%1$L, %2$L, w.start, w.grp) AS i
                WHERE (i.events, i.window_start, i.complete) IS DISTINCT FROM (w.n, w.start, true))
               + (SELECT count(*) FROM (SELECT start, grp, item, n FROM truth EXCEPT SELECT * FROM answers) AS x)
               + (SELECT count(*) FROM (SELECT * FROM answers EXCEPT SELECT start, grp, item, n FROM truth) AS x)$q$, rollup, kind, rows);
END$$;
SELECT kind, w.* FROM unnest('{hour,day,month}'::text[]) AS kind, wrong('hits', kind) AS w;

-- Fields
SELECT topk.alter_rollup('hits', k => 7, max_groups => 20, accept_past => '40 years', accept_future => '2 days', retention => '{"snapshot": "45 years"}');
SELECT line FROM definition('hits') WHERE line ~ '^(k|max_groups|accept_past|accept_future|retention|windows):';
SELECT s, try('SELECT topk.alter_rollup(''hits'', ' || s || ')') FROM unnest(ARRAY[
    'k => 0', 'k => 1001', 'max_groups => 0', 'windows => ''{}''', 'windows => ''{day,decade}''', 'windows => ''{day,day}''', 'retention => ''{"decade": "1 day"}''',
    'retention => ''{"day": "-1 day"}''', 'accept_past => ''-1 day''', 'rename_to => ''''', 'metadata => ''hits''', 'metadata_key => ''item''', 'source => 1',
    'item => ''g''', 'event_time => ''at''', 'group_by => ''{}''', 'weight => ''n''', 'filter => ''true''', 'grain => ''1 minute''', 'timezone => ''UTC''',
    'capacity => 10', 'width => 10', 'depth => 3']) AS s;
SELECT topk.alter_rollup('nothing', k => 3);
SELECT topk.alter_rollup('nothing', k => 3, if_exists => true);
SELECT topk.alter_rollup(NULL, k => 3);
-- Nothing has changed by that
SELECT line FROM definition('hits') WHERE line ~ '^(k|max_groups|accept_past|accept_future|retention|windows):';
-- An INSERT of the same session sees it at once
SELECT topk.alter_rollup('hits', accept_past => '1 year');
INSERT INTO hits VALUES ('too old', '2022-11-20', 'g1', 1);
SELECT pending_events, rejected FROM topk.stats WHERE rollup = 'hits';
SELECT topk.alter_rollup('hits', accept_past => '50 years');
DELETE FROM hits WHERE item = 'too old';

-- Windows of other kinds are made of those that are there
SELECT topk.alter_rollup('hits', windows => '{hour,day,week,quarter,year}');
SELECT kind, w.* FROM unnest('{hour,day,week,quarter,year}'::text[]) AS kind, wrong('hits', kind) AS w;
SELECT try($$SELECT topk.top('hits', 'month')$$);
SELECT (SELECT count(*) FROM topk.tile WHERE level = 4) AS tiles, (SELECT count(*) FROM topk.snapshot WHERE window_kind = 'month') AS snapshots;
SELECT window_start, window_end FROM topk.window_info('hits', 'quarter', '2024-12-31 23:59+00');
SELECT window_start, window_end FROM topk.window_info('hits', 'year', '2024-12-31 23:59+00');
-- ... and the next fold writes their snapshots, with the present k
CALL topk.run();
SELECT window_kind, count(*), max(n) FROM (SELECT window_kind, window_start, count(*) AS n FROM topk.snapshots WHERE rollup = 'hits' AND group_key IS NULL
    AND window_kind IN ('week', 'quarter', 'year') GROUP BY 1, 2) AS s GROUP BY 1 ORDER BY 1;
SELECT count(*) AS wrong FROM topk.history('hits', 'quarter', since => '2000-01-01', k => 7) AS h LEFT JOIN LATERAL topk.top('hits', 'quarter', h.window_start, 7) AS t USING (rank)
WHERE (t.item, t.count) IS DISTINCT FROM (h.item, h.count);
-- Late events count in them, and those that wait in the log
INSERT INTO hits VALUES ('late', '2023-05-05 05:05+00', 'g1', 1), ('new', now(), 'g9', 1);
SELECT kind, w.* FROM unnest('{week,quarter,year}'::text[]) AS kind, wrong('hits', kind) AS w;
CALL topk.run();
SELECT kind, w.* FROM unnest('{hour,day,week,quarter,year}'::text[]) AS kind, wrong('hits', kind) AS w;
SELECT topk.alter_rollup('hits', windows => '{month,week}');
SELECT kind, w.* FROM unnest('{week,month}'::text[]) AS kind, wrong('hits', kind) AS w;
SELECT topk.alter_rollup('hits', windows => '{hour,day,month}');
SELECT kind, w.* FROM unnest('{hour,day,month}'::text[]) AS kind, wrong('hits', kind) AS w;
CALL topk.run();
SELECT count(*) > 390 AS hours_have_snapshots FROM topk.snapshots WHERE rollup = 'hits' AND window_kind = 'hour' AND rank = 1;
-- topk.stats knows the rows and bytes of each level
SELECT l.key, (l.value ->> 'windows')::int = t.n AS windows, (l.value ->> 'bytes')::int = t.bytes AS bytes
FROM topk.stats, jsonb_each(levels) AS l
LEFT JOIN (SELECT level, count(*) AS n, sum(topk.stored_bytes(summary, sketch, registers)) AS bytes FROM topk.tile GROUP BY 1) AS t
    ON l.key = ('{tile,hour,day,week,month,quarter,year}'::text[])[t.level + 1]
WHERE rollup = 'hits' ORDER BY 1;

-- Where retention has removed tiles, windows of a new kind are whole from some time on, and answers say so before that
SELECT date_trunc('day', now()) AS today \gset
CREATE TABLE kept (item text, at timestamptz, g text);
SELECT topk.create_rollup('kept', 'kept', 'item', 'at', group_by => '{g}', windows => '{day}', retention => '{"tile": "40 days", "day": "10 years"}', accept_past => '10 years') > 0 AS created;
INSERT INTO kept SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '13 hours', 'g' || h % 2 FROM generate_series(1, 190) AS h;
CALL topk.run();
INSERT INTO kept VALUES ('new', now(), 'g0');
SELECT topk.alter_rollup('kept', retention => '{"tile": "40 days"}'); -- the next fold removes what is older
CALL topk.run();
SELECT count(*) BETWEEN 70 AND 80 AS tiles FROM topk.tile JOIN topk.rollup ON id = rollup WHERE name = 'kept' AND level = 0 AND grp IS NULL;
SELECT topk.alter_rollup('kept', windows => '{day,month,year}');
SELECT kind, wrong FROM unnest('{day,month,year}'::text[]) AS kind, wrong('kept', kind, 'kept');
\set VERBOSITY terse
\set ECHO none
SET client_min_messages = error;
\o /dev/null
SELECT topk.alter_rollup('kept', windows => '{hour,day,month,year}');
\o
RESET client_min_messages;
\set ECHO all
\set VERBOSITY default
SELECT (i.complete, i.events) = (false, 0) AS before_that FROM topk.window_info('kept', 'hour', :'today'::timestamptz - interval '60 days') AS i;
SELECT lost_until[1] BETWEEN now() - interval '42 days' AND now() - interval '39 days' AS since FROM topk.rollup_state JOIN topk.rollup ON id = rollup WHERE name = 'kept';
SELECT count(*) AS wrong FROM (SELECT date_trunc('hour', at) AS start, count(*) AS n FROM kept WHERE at > :'today'::timestamptz - interval '39 days' GROUP BY 1) AS t,
    topk.window_info('kept', 'hour', t.start) AS i WHERE (i.events, i.complete) IS DISTINCT FROM (t.n, true);
-- Tiles are whole for less than a week, so the first weeks are not
CREATE TABLE shorter (item text, at timestamptz, g text);
SELECT topk.create_rollup('shorter', 'shorter', 'item', 'at', group_by => '{g}', windows => '{month}', retention => '{"tile": "20 days"}', accept_past => '10 years') > 0 AS created;
INSERT INTO shorter SELECT 'i' || h % 7, :'today'::timestamptz - h * interval '13 hours', 'g' || h % 2 FROM generate_series(1, 190) AS h;
CALL topk.run();
SELECT topk.alter_rollup('shorter', retention => '{"tile": "20 days"}');
INSERT INTO shorter VALUES ('new', now(), 'g0');
CALL topk.run();
SET client_min_messages = error;
SELECT topk.alter_rollup('shorter', windows => '{week,month,year}');
RESET client_min_messages;
SELECT count(*) > 2 AS weeks, bool_and(i.complete = (i.window_start >= s.lost_until[4])) AS says_so, bool_and(i.complete <= (i.events = t.n)) AS complete_is_whole,
       count(*) FILTER (WHERE i.complete) BETWEEN 2 AND 4 AS whole
FROM (SELECT date_trunc('week', at, 'UTC') AS start, count(*) AS n FROM shorter GROUP BY 1) AS t, topk.window_info('shorter', 'week', t.start) AS i,
    topk.rollup_state AS s JOIN topk.rollup AS r ON r.id = s.rollup AND r.name = 'shorter';
SELECT kind, wrong FROM unnest('{month,year}'::text[]) AS kind, wrong('shorter', kind, 'shorter');
-- topk.rollups says from when on the windows of such kinds are whole
SELECT name, ARRAY(SELECT jsonb_object_keys(kept_since) ORDER BY 1) AS kinds, (kept_since ->> 'hour')::timestamptz = s.lost_until[1] AS hour,
       (kept_since ->> 'week')::timestamptz = s.lost_until[4] AS week
FROM topk.rollups JOIN topk.rollup AS d USING (name) JOIN topk.rollup_state AS s ON s.rollup = d.id WHERE name IN ('hits', 'kept', 'shorter') ORDER BY name;
-- A late event for a time before that makes no snapshot, which would have this event alone
INSERT INTO shorter VALUES ('late', :'today'::timestamptz - interval '70 days', 'g0');
CALL topk.run();
SELECT count(*) FROM topk.history('shorter', 'week', until => :'today'::timestamptz - interval '60 days');

-- An hour's grain: the tiles are the hours, whose snapshots are written
CREATE TABLE hourly (item text, at timestamptz, g text);
SELECT topk.create_rollup('hourly', 'hourly', 'item', 'at', windows => '{day}', accept_past => '10 years') > 0 AS created;
INSERT INTO hourly SELECT 'i' || h % 3, :'today'::timestamptz - h * interval '10 minutes' FROM generate_series(1, 100) AS h;
CALL topk.run();
SELECT count(*) FROM topk.history('hourly', 'hour', since => '2000-01-01');
SELECT topk.alter_rollup('hourly', windows => '{hour,day}');
SELECT count(*), sum(count) FROM topk.history('hourly', 'hour', since => '2000-01-01');
SELECT topk.alter_rollup('hourly', windows => '{day}');
SELECT count(*) FROM topk.snapshots WHERE rollup = 'hourly' AND window_kind = 'hour';

-- Another name
SELECT topk.alter_rollup('hourly', rename_to => 'hits');
SELECT topk.alter_rollup('hourly', rename_to => 'renamed', k => 3);
SELECT tgname, tgargs FROM pg_trigger WHERE tgrelid = 'hourly'::regclass AND tgname LIKE 'topk_expr%';
INSERT INTO hourly VALUES ('x', now());
SELECT item, count FROM topk.top('renamed', 'day', k => 1);
SELECT try($$SELECT topk.top('hourly', 'day')$$);
ALTER TABLE hourly RENAME item TO thing;
SELECT item FROM topk.rollups WHERE name = 'renamed';
SELECT try('ALTER TABLE hourly DROP COLUMN thing');
SELECT try(format('DROP TRIGGER %I ON hourly', 'topk_expressions_renamed'));
CREATE FUNCTION halved(n bigint) RETURNS text IMMUTABLE LANGUAGE sql RETURN (n / 2)::text;
SELECT topk.create_rollup('halved', 'hits', 'halved(n)', 'at') > 0 AS created;
SELECT topk.alter_rollup('halved', rename_to => '"in half"');
DROP FUNCTION halved;
SELECT topk.drop_rollup('"in half"');
DROP FUNCTION halved;

-- Metadata
CREATE TABLE things (thing text PRIMARY KEY, color text);
INSERT INTO things VALUES ('x', 'red');
SELECT topk.alter_rollup('renamed', metadata => 'things', metadata_key => 'thing');
SELECT item, metadata FROM topk.top('renamed', 'day', k => 1);
SELECT topk.alter_rollup('renamed', metadata_key => 'color');
SELECT topk.alter_rollup('renamed', metadata => '-', metadata_key => 'color');
SELECT topk.alter_rollup('renamed', metadata => '-');
SELECT item, metadata FROM topk.top('renamed', 'day', k => 1);

-- A table that was swapped by renaming, for a partitioned one with another order of columns
CREATE TABLE parted (g text, at timestamptz, item text) PARTITION BY RANGE (at);
CREATE TABLE parted_new PARTITION OF parted FOR VALUES FROM (:'today'::timestamptz) TO (MAXVALUE);
BEGIN;
ALTER TABLE kept RENAME TO kept_old;
ALTER TABLE parted RENAME TO kept;
SELECT topk.alter_rollup('kept', source => 'kept');
ROLLBACK;
SELECT source FROM topk.rollups WHERE name = 'kept';
BEGIN;
ALTER TABLE kept RENAME TO kept_old;
ALTER TABLE parted RENAME TO kept;
SELECT topk.alter_rollup('kept', source => 'kept');
COMMIT;
SELECT source, capturing FROM topk.rollups WHERE name = 'kept';
INSERT INTO kept (item, at, g) VALUES ('after', now(), 'g1');
INSERT INTO kept_old (item, at, g) VALUES ('elsewhere', now(), 'g1');
CREATE VIEW all_rows AS SELECT item, at, g FROM kept UNION ALL SELECT item, at, g FROM kept_old WHERE item <> 'elsewhere';
SELECT kind, wrong FROM unnest('{day,month,year}'::text[]) AS kind, wrong('kept', kind, 'all_rows');
-- The old table becomes a partition: its rows are counted already, and further ones count once
SELECT count(*) FROM kept_old WHERE at >= :'today'; -- these rows are deleted, but stay counted
DELETE FROM kept_old WHERE at >= :'today';
ALTER TABLE kept ATTACH PARTITION kept_old FOR VALUES FROM (MINVALUE) TO (:'today');
INSERT INTO kept VALUES ('g1', :'today'::timestamptz - interval '1 hour', 'by the root');
INSERT INTO kept_old VALUES ('by name', :'today'::timestamptz - interval '1 hour', 'g0');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid IN ('kept'::regclass, 'kept_old'::regclass, 'parted_new'::regclass) AND tgname LIKE 'topk%' ORDER BY 1, 2;
SELECT events FROM topk.window_info('kept', 'year') EXCEPT SELECT count(*) + 1 FROM kept WHERE at >= date_trunc('year', now(), 'UTC');

-- From a table to a stream: the history stays, and nothing is counted twice
CREATE FOREIGN TABLE stream (at timestamptz, item text, g text) SERVER topk;
CREATE TABLE rows AS SELECT item, at, g FROM shorter;
BEGIN;
ALTER TABLE shorter RENAME TO shorter_old;
ALTER FOREIGN TABLE stream RENAME TO shorter;
SELECT topk.alter_rollup('shorter', source => 'shorter');
COMMIT;
INSERT INTO shorter (item, at, g) VALUES ('streamed', now(), 'g1');
INSERT INTO rows VALUES ('streamed', now(), 'g1');
DROP TABLE shorter_old;
SELECT kind, wrong FROM unnest('{month,year}'::text[]) AS kind, wrong('shorter', kind, 'rows');
CALL topk.run();
SELECT kind, wrong FROM unnest('{month,year}'::text[]) AS kind, wrong('shorter', kind, 'rows');
SELECT try($$SELECT topk.backfill('shorter')$$);
-- Back to a table, which counts what is inserted from now on
SELECT topk.alter_rollup('shorter', source => 'rows');
INSERT INTO rows VALUES ('x', now(), 'g0');
SELECT kind, wrong FROM unnest('{month,year}'::text[]) AS kind, wrong('shorter', kind, 'rows');

-- Sources that do not fit
CREATE TABLE no_group (item text, at timestamptz);
CREATE TABLE numbers (item int, at timestamptz, g text);
CREATE TABLE doubles (item double precision, at timestamptz, g text);
CREATE TABLE other_group (item text, at timestamptz, g numeric(9,2));

CREATE VIEW seen AS TABLE rows;
CREATE TEMP TABLE temporary (item text, at timestamptz, g text);
SELECT s, try(format('SELECT topk.alter_rollup(''shorter'', source => %L)', s))
FROM unnest('{no_group,numbers,doubles,other_group,parted_new,seen,temporary,things}'::text[]) AS s;
SELECT source, capturing FROM topk.rollups WHERE name = 'shorter';
SELECT topk.create_rollup('wanted', 'rows', 'item', 'at', backfill => true) > 0 AS created;
SELECT try($$SELECT topk.alter_rollup('wanted', source => 'shorter')$$);
SELECT topk.drop_rollup('wanted');
CREATE ROLE regress_topk_altered;
GRANT USAGE ON SCHEMA altered TO regress_topk_altered;
SET ROLE regress_topk_altered;
SELECT topk.alter_rollup('shorter', k => 3);
SELECT topk.alter_rollup('shorter', source => 'shorter');
RESET ROLE;
GRANT ALL ON SCHEMA altered TO regress_topk_altered;
ALTER TABLE rows OWNER TO regress_topk_altered;
SET ROLE regress_topk_altered;
SELECT topk.alter_rollup('shorter', k => 3);
SELECT topk.alter_rollup('shorter', source => 'shorter');
RESET ROLE;

-- No statement changes the catalog past these checks, not even a superuser's
UPDATE topk.rollup SET grain = '1 minute' WHERE name = 'hits';
DELETE FROM topk.rollup WHERE name = 'hits';

-- IF EXISTS, IF NOT EXISTS
SELECT topk.create_rollup('hits', 'hits', 'no_such_column', 'at', if_not_exists => true) = (SELECT id FROM topk.rollup WHERE name = 'hits') AS is_the_same;
SELECT topk.create_rollup('hits', 'hits', 'item', 'at');
SELECT topk.drop_rollup('nothing');
SELECT topk.drop_rollup('nothing', if_exists => true);
SELECT topk.drop_rollup('hits', if_exists => true);
SELECT count(*) FROM topk.rollups WHERE name = 'hits';
-- Groups that are there keep their own counts when max_groups is lowered; new ones count in the overflow group
CREATE FOREIGN TABLE fewer (item text, ts timestamptz, g text) SERVER topk;
SELECT topk.create_rollup('fewer', 'fewer', item => 'item', event_time => 'ts', group_by => '{g}', windows => '{day}',
    accept_past => '50 years', retention => '{"tile": "50 years", "day": "50 years"}') IS NOT NULL AS created;
INSERT INTO fewer SELECT 'x', '2024-01-01 10:00+00', 'g' || g FROM generate_series(1, 6) AS g;
CALL topk.run();
SELECT topk.alter_rollup('fewer', max_groups => 2);
INSERT INTO fewer SELECT 'x', '2024-01-01 10:00+00', 'g' || g FROM generate_series(1, 8) AS g;
SELECT group_key, count FROM topk.top_by_group('fewer', 'day', '2024-01-01', 1);
SELECT g, count FROM unnest('{g1,g5,g6}'::text[]) AS g, topk.top('fewer', 'day', '2024-01-01', 1, ARRAY[g]);
CALL topk.run();
SELECT group_key, count FROM topk.top_by_group('fewer', 'day', '2024-01-01', 1);
SELECT topk.drop_rollup('fewer');

SELECT topk.drop_rollup(name) FROM topk.rollups WHERE source::text ~ '^(kept|rows|shorter|hourly)$';
ALTER TABLE rows OWNER TO CURRENT_USER;
DROP OWNED BY regress_topk_altered;
DROP ROLE regress_topk_altered;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA altered CASCADE;
