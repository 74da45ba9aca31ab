-- Limits without shared memory: sizes, and the rights to set and see limits. tests/limits has the limits of events per second.
CREATE FOREIGN TABLE limited (item text, at timestamptz DEFAULT now(), metadata jsonb, n bigint) SERVER topk;
CREATE TABLE limited_table (metadata text, item text, at timestamptz DEFAULT now());
SELECT topk.create_rollup('limited', 'limited', 'item', 'at', filter => 'n IS NULL') > 0 AS created;
SELECT topk.create_rollup('limited_n', 'limited', 'n', 'at') > 0 AS created;
SELECT topk.create_rollup('limited_table', 'limited_table', 'item', 'at') > 0 AS created;
CREATE ROLE regress_topk_app;
CREATE ROLE regress_topk_member IN ROLE regress_topk_app;
CREATE ROLE regress_topk_owner;
CREATE ROLE regress_topk_other;
GRANT INSERT ON limited, limited_table TO regress_topk_app, regress_topk_other;
CREATE FUNCTION outcome_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(detail, ''));
END$$;

-- Wrong parameters
SELECT p, outcome_of('SELECT topk.set_limit(' || p || ')') FROM unnest(ARRAY[
    '', '''regress_topk_app''', 'events_per_second => 10', 'burst => 10', 'events_per_second => 0', 'events_per_second => -1',
    'events_per_second => ''NaN''', 'events_per_second => ''infinity''', 'events_per_second => 2e9', 'events_per_second => 10, burst => 0',
    'events_per_second => 1e-9', 'events_per_second => 1, burst => 40000000', 'max_item_bytes => 0', 'max_metadata_bytes => 0',
    '''regress_topk_none'', max_item_bytes => 1', '0, max_item_bytes => 1', 'source => ''none'', max_item_bytes => 1',
    'source => 0, max_item_bytes => 1', 'source => ''pg_views'', max_item_bytes => 1', 'source => ''topk.rollup_source'', max_item_bytes => 1']) AS p;
SELECT * FROM topk.limits;
SELECT topk.drop_limit();

-- Limits of the size of an item that counts and of the column metadata hold in the session and transaction that set them too.
BEGIN;
SELECT topk.set_limit(source => 'limited', max_item_bytes => 5, max_metadata_bytes => 60);
INSERT INTO limited VALUES ('abcde', now(), '{"a": 1}');
SAVEPOINT s;
INSERT INTO limited VALUES ('abcdef');
ROLLBACK TO s;
SELECT topk.drop_limit(source => 'limited');
INSERT INTO limited VALUES ('abcdef');
ROLLBACK;
INSERT INTO limited VALUES ('not limited any more');
SELECT topk.set_limit(source => 'limited', max_item_bytes => 5, max_metadata_bytes => 60);
INSERT INTO limited VALUES ('abcdef');
INSERT INTO limited VALUES ('äöü'); -- bytes, not characters
INSERT INTO limited VALUES (repeat('x', 10000));
INSERT INTO limited (item, n) VALUES ('filtered out of the one', 1), (NULL, 2); -- a bigint has 8 bytes
SELECT topk.set_limit(source => 'limited', max_item_bytes => 8, max_metadata_bytes => 60);
INSERT INTO limited (item, n) VALUES ('filtered out of the one', 1), (NULL, 2);
INSERT INTO limited (item, metadata) VALUES ('a', jsonb_build_object('text', repeat('x', 100)));
INSERT INTO limited (item, metadata) VALUES ('a', jsonb_build_object('text', 'short')), ('b', NULL);
COPY limited (item) FROM stdin;
a
b
abcdefghi
\.
SELECT rollup, events FROM topk.stats WHERE rollup LIKE 'limited%' ORDER BY 1;

-- The column is found by its name, in a table too; a compressed value counts with its full size
SELECT topk.set_limit(source => 'limited_table', max_metadata_bytes => 1000);
INSERT INTO limited_table VALUES (repeat('x', 1000), 'a');
INSERT INTO limited_table VALUES (repeat('x', 1001), 'a');
INSERT INTO limited_table VALUES (repeat('x', 100000), 'a');
ALTER TABLE limited_table RENAME metadata TO other;
INSERT INTO limited_table VALUES (repeat('x', 1001), 'a');
ALTER TABLE limited_table RENAME other TO metadata;
ALTER TABLE limited_table ADD gone text, DROP metadata, ADD metadata integer;
INSERT INTO limited_table (item, metadata) VALUES ('a', 1000000);
SELECT topk.drop_limit(source => 'limited_table');

-- If several limits match, the smallest holds
SELECT topk.set_limit('regress_topk_app', NULL, max_item_bytes => 4);
SELECT topk.set_limit(NULL, NULL, max_item_bytes => 7);
SELECT topk.set_limit('regress_topk_other', 'limited_table', max_item_bytes => 2);
SELECT * FROM topk.limits ORDER BY role, source;
CREATE VIEW tries AS
    SELECT outcome_of(format('INSERT INTO limited (item) VALUES (%L)', repeat('x', n))) AS stream, outcome_of(format('INSERT INTO limited_table (item) VALUES (%L)', repeat('x', n))) AS "table"
    FROM unnest('{2,3,4,5,7,8}'::int[]) AS n;
GRANT SELECT ON tries TO PUBLIC;
ALTER VIEW tries OWNER TO regress_topk_owner;
SELECT * FROM tries; -- limits of every role hold for a superuser, limits of other roles do not
SET ROLE regress_topk_app;
SELECT * FROM tries;
SET ROLE regress_topk_member;
SELECT * FROM tries;
SET ROLE regress_topk_other;
SELECT * FROM tries;
RESET ROLE;
-- A superuser who is a member of a role is not limited by the limit of that role
ALTER ROLE regress_topk_member SUPERUSER;
SET ROLE regress_topk_member;
INSERT INTO limited (item) VALUES ('5 xxx');
RESET ROLE;
ALTER ROLE regress_topk_member NOSUPERUSER;
-- The definer of a function is the user who inserts
CREATE FUNCTION insert_for_app(item text) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    AS 'INSERT INTO limited (item) VALUES ($1)';
ALTER FUNCTION insert_for_app OWNER TO regress_topk_app;
SELECT insert_for_app('5 xxx');

-- Users see the limits that they may set and those that hold for themselves
CREATE VIEW seen AS SELECT coalesce(role, 'all') AS role, coalesce(source::text, 'all') AS source, max_item_bytes FROM topk.limits ORDER BY 1, 2;
GRANT SELECT ON seen TO PUBLIC;
ALTER TABLE limited_table OWNER TO regress_topk_owner;
SET ROLE regress_topk_app;
SELECT * FROM seen;
SET ROLE regress_topk_other;
SELECT * FROM seen;
SET ROLE regress_topk_owner;
SELECT * FROM seen;
SELECT count(*) FROM topk.limit_state();
SELECT count(*) FROM topk.limit_rule;

-- The rights to set limits
SELECT topk.set_limit('regress_topk_app', 'limited_table', max_item_bytes => 3);
SELECT topk.drop_limit('regress_topk_other', 'limited_table');
SELECT topk.set_limit('regress_topk_app', 'limited', max_item_bytes => 3);
SELECT topk.drop_limit(NULL, 'limited');
SELECT topk.set_limit('regress_topk_owner', max_item_bytes => 3);
SELECT topk.drop_limit('regress_topk_app');
RESET ROLE;
SELECT * FROM seen;

-- Partitions, named by the statement or not
CREATE TABLE limited_parted (item text, at timestamptz DEFAULT now(), metadata text) PARTITION BY LIST (item);
CREATE TABLE limited_part PARTITION OF limited_parted FOR VALUES IN ('abc', 'abcd');
SELECT topk.create_rollup('limited_parted', 'limited_parted', 'item', 'at') > 0 AS created;
SELECT topk.set_limit(source => 'limited_part', max_item_bytes => 3);
SELECT topk.set_limit(source => 'limited_parted', max_item_bytes => 3);
INSERT INTO limited_parted VALUES ('abc');
INSERT INTO limited_parted VALUES ('abcd');
INSERT INTO limited_part VALUES ('abcd');

-- A role is found by its OID, and after a restore by its name
ALTER ROLE regress_topk_other RENAME TO regress_topk_renamed;
SELECT topk.set_limit('regress_topk_renamed', 'limited', max_item_bytes => 6);
SELECT role, source FROM topk.limits WHERE role LIKE '%renamed';
SELECT role, source FROM topk.limit_rule WHERE role LIKE '%renamed';
ALTER ROLE regress_topk_renamed RENAME TO regress_topk_other;
SELECT role, source FROM topk.limits WHERE role LIKE '%other';
UPDATE topk.limit_rule SET cluster = 1, role_oid = 10 WHERE role IS NOT NULL;
SELECT role, source FROM topk.limits ORDER BY 1, 2;
SET ROLE regress_topk_member;
INSERT INTO limited (item) VALUES ('5 xxx');
RESET ROLE;
CREATE ROLE regress_topk_renamed;
SELECT role, source FROM topk.limits ORDER BY 1, 2;
SELECT topk.drop_limit('regress_topk_renamed', 'limited');
SELECT role, cluster = 1 AS elsewhere FROM topk.limit_rule ORDER BY 1;

-- pg_topk.max_rollups_per_owner: superusers alone set it
CREATE SCHEMA of_owner AUTHORIZATION regress_topk_owner;
ALTER ROLE regress_topk_owner SET pg_topk.max_rollups_per_owner = 4;
SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'regress_topk_owner'::regrole;
SET pg_topk.max_rollups_per_owner = 3;
SET ROLE regress_topk_owner;
SET pg_topk.max_rollups_per_owner = 0;
CREATE TABLE of_owner.a (item text, at timestamptz);
CREATE TABLE of_owner.b (LIKE of_owner.a);
CREATE FUNCTION of_owner.make(name text, source regclass) RETURNS boolean LANGUAGE sql AS $$SELECT topk.create_rollup($1, $2, 'item', 'at', if_not_exists => true) > 0$$;
SELECT of_owner.make('a1', 'of_owner.a');
SELECT of_owner.make('b1', 'of_owner.b');
SELECT count(*) FROM topk.rollups WHERE pg_get_userbyid((SELECT relowner FROM pg_class WHERE oid = source)) = current_user;
SELECT outcome_of($$SELECT of_owner.make('b2', 'of_owner.b')$$);
-- It skips one that exists, and a place is free after a drop
SELECT of_owner.make('a1', 'of_owner.a');
BEGIN;
SELECT topk.drop_rollup('of_owner.a1');
SELECT of_owner.make('b2', 'of_owner.b');
ROLLBACK;
RESET ROLE;
-- The owner of the table counts, and not the user
SELECT of_owner.make('a2', 'of_owner.a');
CREATE TABLE of_another (item text, at timestamptz);
ALTER TABLE of_another OWNER TO regress_topk_other;
SELECT of_owner.make('another', 'of_another');
RESET pg_topk.max_rollups_per_owner;
SELECT of_owner.make('a2', 'of_owner.a');
-- A role with fewer tables left has room again, the one that gets them has not
SET pg_topk.max_rollups_per_owner = 3;
ALTER TABLE of_owner.a OWNER TO regress_topk_other;
SELECT of_owner.make('b2', 'of_owner.b');
SELECT of_owner.make('another2', 'of_another');
RESET pg_topk.max_rollups_per_owner;
SET client_min_messages = warning;
DROP SCHEMA of_owner CASCADE;
DROP TABLE of_another;
RESET client_min_messages;

-- Limits are dropped with their source
DROP TABLE limited_parted, limited_table;
SELECT * FROM seen;
DROP FOREIGN TABLE limited;
SELECT * FROM seen;
SELECT topk.drop_limit(), topk.drop_limit('regress_topk_app');
SELECT * FROM topk.limit_rule;
DROP VIEW tries, seen;
DROP FUNCTION outcome_of;
DROP OWNED BY regress_topk_app, regress_topk_member, regress_topk_owner, regress_topk_other, regress_topk_renamed;
DROP ROLE regress_topk_app, regress_topk_member, regress_topk_owner, regress_topk_other, regress_topk_renamed;
