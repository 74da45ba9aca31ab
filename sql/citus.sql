-- Tables that Citus spreads over nodes, with a catalog like that of Citus: what goes into their shards is not counted, which must be
-- an error.
SET client_min_messages = warning;
SET allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char");
CREATE TABLE pg_catalog.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE FUNCTION pg_catalog.shard_name(object_name regclass, shard_id bigint) RETURNS text LANGUAGE sql
    RETURN object_name || '_' || shard_id;
CREATE SCHEMA sharded;
CREATE TABLE sharded.plays (at timestamptz, item text);
CREATE TABLE sharded.plays_102008 (at timestamptz, item text);
CREATE TABLE sharded.other_102008 (at timestamptz, item text);

-- A distributed table, and a shard of it
INSERT INTO pg_dist_partition VALUES ('sharded.plays', 'h');
INSERT INTO pg_dist_shard VALUES ('sharded.plays', 102008);
SELECT topk.create_rollup('plays', 'sharded.plays', 'item', 'at');
SELECT topk.create_rollup('plays', 'sharded.plays_102008', 'item', 'at');
-- A table whose name only looks like that of a shard
SELECT topk.create_rollup('others', 'sharded.other_102008', 'item', 'at') IS NOT NULL AS created;
INSERT INTO sharded.other_102008 VALUES ('2024-05-05 12:00+00', 'a');
SELECT item, count FROM topk.top('sharded.others', 'day', '2024-05-05');

-- Citus gives the trigger of a table with rollups to a shard, which it has just made and this node does not know.
CREATE TABLE sharded.songs_102009 (at timestamptz, item text);
CREATE TRIGGER topk_capture_102009 AFTER INSERT ON sharded.songs_102009 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
CREATE TRIGGER other_102009 AFTER INSERT ON sharded.songs_102009 FOR EACH STATEMENT EXECUTE FUNCTION topk.expressions();
DROP TRIGGER other_102009 ON sharded.songs_102009;

-- A session that has seen that a table is no shard learns that it has become one.
CREATE TRIGGER capture AFTER INSERT ON sharded.songs_102009 REFERENCING NEW TABLE AS topk_rows
    FOR EACH STATEMENT EXECUTE FUNCTION topk.capture();
SET client_min_messages = notice;
INSERT INTO sharded.songs_102009 VALUES ('2024-05-05 12:00+00', 'a');
INSERT INTO sharded.songs_102009 VALUES ('2024-05-05 12:00+00', 'a');
CREATE TABLE sharded.songs (at timestamptz, item text);
INSERT INTO pg_dist_shard VALUES ('sharded.songs', 102009);
INSERT INTO sharded.songs_102009 VALUES ('2024-05-05 12:00+00', 'a');
INSERT INTO sharded.songs_102009 VALUES ('2024-05-05 12:00+00', 'a');
SELECT count(*) FROM sharded.songs_102009;
DELETE FROM pg_dist_shard;
INSERT INTO sharded.songs_102009 VALUES ('2024-05-05 12:00+00', 'a');

SET client_min_messages = warning;
SELECT topk.drop_rollup('sharded.others');
DROP SCHEMA sharded CASCADE;
DROP FUNCTION pg_catalog.shard_name(regclass, bigint);
DROP TABLE pg_catalog.pg_dist_shard, pg_catalog.pg_dist_partition;
RESET allow_system_table_mods;
