-- Tables that Citus spreads over nodes, with a catalog like that of Citus. tests/citus runs the same on a cluster.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char", colocationid integer, repmodel "char");
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE pg_catalog.pg_dist_placement (shardid bigint, groupid integer);
CREATE TABLE pg_catalog.pg_dist_local_group AS SELECT 0 AS groupid;
CREATE TABLE pg_catalog.pg_dist_node (nodeid integer, groupid integer, nodename text, nodeport integer, noderole text, isactive boolean);
CREATE TABLE pg_catalog.pg_dist_authinfo (nodeid integer, rolename name, authinfo text);
CREATE FUNCTION pg_catalog.shard_name(object_name regclass, shard_id bigint) RETURNS text LANGUAGE sql
    RETURN object_name || '_' || shard_id;
CREATE SCHEMA sharded;
CREATE TABLE sharded.plays (id bigint, gone text, at timestamptz, item text);
ALTER TABLE sharded.plays DROP COLUMN gone;
CREATE TABLE sharded.plays_102008 (id bigint, at timestamptz, item text); -- columns have other numbers
CREATE TABLE sharded.other_102008 (at timestamptz, item text);
CREATE TABLE sharded.names (at timestamptz, item text);
CREATE TABLE sharded.here (at timestamptz, item text);
INSERT INTO pg_dist_partition VALUES ('sharded.plays', 'h', 1, 's'), ('sharded.names', 'n', 2, 't'), ('sharded.here', 'n', 0, 's');
INSERT INTO pg_dist_shard VALUES ('sharded.plays', 102008);
-- Gives a shard the trigger of its table, as Citus does.
CREATE PROCEDURE sharded.give_trigger(shard regclass, source text DEFAULT 'sharded.plays') LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT replace(replace(pg_get_triggerdef(oid), ' ' || tgname || ' ', ' ' || tgname || substring(shard::text, '_\d+$') || ' '),
                            ' ON ' || source || ' ', ' ON ' || shard || ' ')
             FROM pg_trigger WHERE tgrelid = source::regclass AND tgfoid = 'topk.capture'::regproc);
END $$;
-- The arguments of a capture trigger, with a letter in the place of each identity
CREATE VIEW sharded.arguments AS
    SELECT tgrelid::regclass AS "table", tgname, regexp_replace(pg_get_triggerdef(oid), '.*topk.capture\((.*)\)', '\1') AS arguments
    FROM pg_trigger WHERE tgfoid = 'topk.capture'::regproc AND tgrelid::regclass::text LIKE 'sharded.%' ORDER BY 1;
CREATE FUNCTION sharded.masked(text) RETURNS text LANGUAGE sql RETURN regexp_replace($1, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'U', 'g');

-- A table whose rows are stored several times is refused, and so are a local table that Citus manages and a shard.
SELECT topk.create_rollup('names', 'sharded.names', 'item', 'at');
SELECT topk.create_rollup('here', 'sharded.here', 'item', 'at');
SELECT topk.create_rollup('plays', 'sharded.plays_102008', 'item', 'at');
SELECT topk.create_rollup('plays', 'sharded.plays', 'item', 'at', backfill => true);
-- A table whose name only looks like that of a shard
SELECT topk.create_rollup('others', 'sharded.other_102008', 'item', 'at') IS NOT NULL AS created;
INSERT INTO sharded.other_102008 VALUES ('2024-05-05 12:00+00', 'a');
SELECT item, count FROM topk.top('sharded.others', 'day', '2024-05-05');

-- The coordinator writes definitions into the trigger, and a shard counts for its table.
SELECT topk.create_rollup('plays', 'sharded.plays', 'item', 'at', k => 5, filter => 'id > 0', group_by => '{lower(item)}') IS NOT NULL AS created;
SELECT "table", tgname, sharded.masked(arguments) FROM sharded.arguments;
CALL sharded.give_trigger('sharded.plays_102008');
INSERT INTO sharded.plays_102008 VALUES (1, '2024-05-05 12:00+00', 'a'), (2, '2024-05-05 12:00+00', 'B'), (3, '2024-05-05 12:00+00', 'a'),
    (0, '2024-05-05 12:00+00', 'filtered');
SELECT item, count FROM topk.top('sharded.plays', 'day', '2024-05-05');
SELECT item, count FROM topk.top('sharded.plays', 'day', '2024-05-05', group_key => '{b}');
SELECT name, source, capturing FROM topk.rollups WHERE source = 'sharded.plays'::regclass;
-- Citus writes again what follows the table: other names, other parameters, another rollup.
ALTER TABLE sharded.plays RENAME COLUMN item TO song;
SELECT topk.alter_rollup('sharded.plays', rename_to => 'songs', k => 7);
SELECT topk.create_rollup('ids', 'sharded.plays', 'id', 'at') IS NOT NULL AS created;
SELECT sharded.masked(arguments) ~ '^''U {.*"k": 7, .*"item": "song", .*"name": "songs", .*}'', ''U {.*"name": "ids", .*}''$' AS written FROM sharded.arguments
WHERE "table" = 'sharded.plays'::regclass;
ALTER TABLE sharded.plays RENAME COLUMN song TO item;
-- Functions and types that an expression needs stay, and may get other names. The rights to ask are in the definition.
CREATE FUNCTION sharded.folded(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN lower($1);
SELECT topk.create_rollup('folded', 'sharded.plays', 'sharded.folded(item)', 'at') IS NOT NULL AS created;
DROP FUNCTION sharded.folded;
DROP FUNCTION sharded.folded CASCADE;
ALTER FUNCTION sharded.folded RENAME TO lowered;
CREATE ROLE regress_topk_asker;
SELECT topk.grant_ask('sharded.folded', 'regress_topk_asker');
SELECT sharded.masked(arguments) ~ '"item": "sharded.lowered\(item\)".*"askers": \[{"role": "regress_topk_asker"}\]' AS written FROM sharded.arguments
WHERE "table" = 'sharded.plays'::regclass;
SELECT topk.revoke_ask('sharded.folded', 'regress_topk_asker');
SELECT arguments ~ 'askers' AS written FROM sharded.arguments WHERE "table" = 'sharded.plays'::regclass;
DROP ROLE regress_topk_asker;
SELECT topk.drop_rollup('sharded.folded');
DROP FUNCTION sharded.lowered;
-- A shard whose trigger counts for more or fewer rollups than the node has is an error.
INSERT INTO sharded.plays_102008 VALUES (1, '2024-05-05 12:00+00', 'a');
SELECT topk.drop_rollup('sharded.ids');
INSERT INTO sharded.plays_102008 VALUES (1, '2024-05-05 12:00+00', 'a');
SELECT item, count FROM topk.top('sharded.songs', 'day', '2024-05-05');
-- Other tables, other sources, the rows of all nodes
SELECT topk.alter_rollup('sharded.songs', source => 'sharded.other_102008');
SELECT topk.alter_rollup('sharded.others', source => 'sharded.plays');
SELECT topk.backfill('sharded.songs');
SELECT topk.refresh('sharded.songs', '2024-05-05', '2024-05-06');
-- undistribute_table and its like make another table, which takes the name of the old one.
DO $$ BEGIN EXECUTE format('CREATE TABLE sharded.plays_%s ()', hashtext('plays')::bigint & 4294967295); END $$;
DROP TABLE sharded.plays;
DO $$ BEGIN EXECUTE format('DROP TABLE sharded.plays_%s', hashtext('plays')::bigint & 4294967295); END $$;

-- A session that has seen that a table is no shard learns that it has become one.
CREATE TABLE sharded.plays_102009 (id bigint, at timestamptz, item text);
CALL sharded.give_trigger('sharded.plays_102009');
INSERT INTO sharded.plays_102009 VALUES (1, '2024-05-05 12:00+00', 'c');
INSERT INTO pg_dist_shard VALUES ('sharded.plays', 102009);
INSERT INTO sharded.plays_102009 VALUES (1, '2024-05-05 12:00+00', 'c');
SELECT item, count FROM topk.top('sharded.songs', 'day', '2024-05-05');
-- A shard that has the trigger of a table whose rollups were made before it was distributed, or of rollups that the node lacks, which
-- may be those of another connection
CREATE TABLE sharded.songs_102010 (at timestamptz, item text);
CREATE TRIGGER topk_capture_102010 AFTER INSERT ON sharded.songs_102010 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
CREATE TRIGGER topk_capture_102010 AFTER INSERT ON sharded.songs_102010 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture('11111111-1111-1111-1111-111111111111');
INSERT INTO sharded.songs_102010 VALUES ('2024-05-05 12:00+00', 'a');
DROP TRIGGER topk_capture_102010 ON sharded.songs_102010;
CREATE TRIGGER topk_capture_102010 AFTER INSERT ON sharded.songs_102010 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture('{}');
CREATE TRIGGER other_102010 AFTER INSERT ON sharded.songs_102010 FOR EACH STATEMENT EXECUTE FUNCTION topk.expressions();
CREATE TRIGGER capture AFTER INSERT ON sharded.songs_102010 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
CREATE TABLE sharded.songs (at timestamptz, item text);
INSERT INTO pg_dist_shard VALUES ('sharded.songs', 102010);
INSERT INTO sharded.songs_102010 VALUES ('2024-05-05 12:00+00', 'a');

-- Partitions have the trigger too, with the identity of the rollup alone.
CREATE TABLE sharded.logs (at timestamptz, item text) PARTITION BY RANGE (at);
CREATE TABLE sharded.logs_may PARTITION OF sharded.logs FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
INSERT INTO pg_dist_partition VALUES ('sharded.logs', 'h', 1, 's'), ('sharded.logs_may', 'h', 1, 's');
SELECT topk.create_rollup('logs', 'sharded.logs', 'item', 'at') IS NOT NULL AS created;
CREATE TABLE sharded.logs_june PARTITION OF sharded.logs FOR VALUES FROM ('2024-06-01') TO ('2024-07-01');
SELECT "table", regexp_replace(sharded.masked(arguments), '{.*}', '{...}') FROM sharded.arguments WHERE "table"::text LIKE '%.logs%';
CREATE TABLE sharded.logs_may_102011 (at timestamptz, item text);
INSERT INTO pg_dist_shard VALUES ('sharded.logs_may', 102011);
CALL sharded.give_trigger('sharded.logs_may_102011', 'sharded.logs_may');
INSERT INTO sharded.logs_may_102011 VALUES ('2024-05-05 12:00+00', 'by partition');
SELECT item, count FROM topk.top('sharded.logs', 'day', '2024-05-05');
SELECT topk.create_rollup('may', 'sharded.logs_may', 'item', 'at');

-- Another node: its rollups follow the definitions in the trigger.
UPDATE pg_dist_local_group SET groupid = 1;
SELECT topk.create_rollup('more', 'sharded.plays', 'item', 'at');
CREATE TABLE sharded.films (id bigint, at timestamptz, item text);
CREATE PROCEDURE sharded.follow(VARIADIC definitions text[]) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER topk_capture AFTER INSERT ON sharded.films REFERENCING NEW TABLE AS topk_rows'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION topk.capture(%s)', (SELECT string_agg(quote_literal(d), ', ') FROM unnest(definitions) AS d WHERE d <> ''));
END $$;
CREATE FUNCTION sharded.definition(n integer, VARIADIC more jsonb[]) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s%s %s', n, '1111111-1111-1111-1111-111111111111',
        '{"name": "a", "item": "item", "time": "at", "group_by": [], "grain": "01:00:00", "windows": ["day"], "timezone": "UTC", "k": 5,'
        ' "capacity": 1000, "width": 100, "depth": 5, "max_groups": 10, "accept_past": "10 years", "accept_future": "1 day",'
        ' "retention": {"tile": "10 years"}}'::jsonb || more[1] || coalesce(more[2], '{}'))
$$;
CREATE VIEW sharded.rollups AS SELECT name, item, windows, k, capacity, filter FROM topk.rollups WHERE source::text = 'sharded.films' ORDER BY name;
CALL sharded.follow(sharded.definition(1, '{"capacity": 100000000}'));
CALL sharded.follow(sharded.definition(1, '{"item": "nothing"}'));
CALL sharded.follow(sharded.definition(1, '{}'), sharded.definition(2, '{"name": "B", "filter": "id > 1"}'));
SELECT * FROM sharded.rollups;
INSERT INTO sharded.films VALUES (1, '2024-05-05 12:00+00', 'a'), (2, '2024-05-05 12:00+00', 'b');
CALL sharded.follow(sharded.definition(2, '{"name": "c", "filter": "id > 1", "k": 9, "windows": ["day", "week"]}'));
SELECT * FROM sharded.rollups;
SELECT item, count FROM topk.top('sharded.c', 'week', '2024-05-05');
-- Citus makes the tables of a node anew to bring it up to date: the counts stay. Only superusers may do that.
DROP TABLE sharded.films;
CREATE TABLE sharded.films (at timestamptz, id bigint, item text);
CREATE ROLE regress_topk_sharded;
GRANT ALL ON SCHEMA sharded TO regress_topk_sharded;
GRANT ALL ON PROCEDURE sharded.follow TO regress_topk_sharded;
ALTER TABLE sharded.films OWNER TO regress_topk_sharded;
SET ROLE regress_topk_sharded;
CALL sharded.follow(sharded.definition(2, '{"name": "c", "filter": "id > 1"}'));
RESET ROLE;
CALL sharded.follow(sharded.definition(2, '{"name": "c", "filter": "id > 1", "k": 8, "windows": ["day", "week"]}'));
INSERT INTO sharded.films VALUES ('2024-05-05 12:00+00', 2, 'b');
SELECT item, count FROM topk.top('sharded.c', 'week', '2024-05-05');
SELECT * FROM sharded.rollups;
-- They bring rights to ask, where the roles are known.
CALL sharded.follow(sharded.definition(2, '{"name": "c", "filter": "id > 1", "askers": [{"role": "regress_topk_sharded", "group": null}, {"role": "nobody", "group": null}]}'));
SELECT rollup, role, group_key FROM topk.askers WHERE schema = 'sharded';
SELECT topk.grant_ask('sharded.c', 'regress_topk_sharded');
CALL sharded.follow(sharded.definition(2, '{"name": "c", "filter": "id > 1"}'));
SELECT rollup, role, group_key FROM topk.askers WHERE schema = 'sharded';
CALL sharded.follow('');
SELECT * FROM sharded.rollups;

SET client_min_messages = warning;
UPDATE pg_dist_local_group SET groupid = 0;
SELECT topk.drop_rollup('sharded.others'), topk.drop_rollup('sharded.songs');
SELECT "table" FROM sharded.arguments WHERE "table"::text LIKE 'sharded.plays';
DROP SCHEMA sharded CASCADE;
DROP ROLE regress_topk_sharded;
DROP FUNCTION pg_catalog.shard_name(regclass, bigint);
DROP TABLE pg_catalog.pg_dist_shard, pg_catalog.pg_dist_placement, pg_catalog.pg_dist_partition, pg_catalog.pg_dist_local_group, pg_catalog.pg_dist_node,
    pg_catalog.pg_dist_authinfo;
SELECT count(*) FROM topk.rollup WHERE identity IS NOT NULL;
RESET allow_system_table_mods;
