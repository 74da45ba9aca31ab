
-- Functions that create and drop rollups, triggers by which rollups follow their sources, and limits of what may be inserted.

CREATE FUNCTION topk.create_rollup(
    name text,
    source regclass,
    item text,
    event_time text,
    group_by text[] DEFAULT '{}',
    windows text[] DEFAULT '{hour,day,week,month}',
    k integer DEFAULT 100,
    weight text DEFAULT NULL,
    filter text DEFAULT NULL,
    grain interval DEFAULT '1 hour',
    timezone text DEFAULT NULL,
    capacity integer DEFAULT NULL,
    width integer DEFAULT 10000,
    depth integer DEFAULT 5,
    max_groups integer DEFAULT 10000,
    retention jsonb DEFAULT NULL,
    accept_past interval DEFAULT NULL,
    accept_future interval DEFAULT '1 day',
    backfill boolean DEFAULT false,
    metadata regclass DEFAULT NULL,
    metadata_key name DEFAULT NULL,
    if_not_exists boolean DEFAULT false
) RETURNS integer
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_create_rollup';
COMMENT ON FUNCTION topk.create_rollup(text, regclass, text, text, text[], text[], integer, text, text, interval, text, integer,
                                       integer, integer, integer, jsonb, interval, interval, boolean, regclass, name, boolean) IS
    'creates a rollup, which counts the rows that are inserted into a stream or table from now on, and returns its id. With if_not_exists, a rollup of this name that exists already stays as it is, and its id is returned. Only the owner of the source may call it. docs/streams.md describes the parameters and their bounds.';

CREATE FUNCTION topk.alter_rollup(
    name text,
    rename_to text DEFAULT NULL,
    source regclass DEFAULT NULL,
    windows text[] DEFAULT NULL,
    k integer DEFAULT NULL,
    max_groups integer DEFAULT NULL,
    retention jsonb DEFAULT NULL,
    accept_past interval DEFAULT NULL,
    accept_future interval DEFAULT NULL,
    metadata regclass DEFAULT NULL,
    metadata_key name DEFAULT NULL,
    if_exists boolean DEFAULT false,
    -- These cannot be changed; the error says why.
    item text DEFAULT NULL,
    event_time text DEFAULT NULL,
    group_by text[] DEFAULT NULL,
    weight text DEFAULT NULL,
    filter text DEFAULT NULL,
    grain interval DEFAULT NULL,
    timezone text DEFAULT NULL,
    capacity integer DEFAULT NULL,
    width integer DEFAULT NULL,
    depth integer DEFAULT NULL
) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_alter_rollup';
COMMENT ON FUNCTION topk.alter_rollup(text, text, regclass, text[], integer, integer, jsonb, interval, interval, regclass, name,
                                      boolean, text, text, text[], text, text, interval, text, integer, integer, integer) IS
    'changes the parameters of a rollup that are given, and keeps its counts. windows replaces the list of windows: those of a new kind are made of the counts that are kept, and those of a kind that is left out are removed. source is another stream or table, whose columns have the same names. Fields that retention does not name stay as they are. metadata ''-'' removes the items table. The parameters from item on cannot be changed (SQLSTATE 0A000). Only the owner of the source may call it, with windows at READ COMMITTED (SQLSTATE 25001).';

CREATE FUNCTION topk.drop_rollup(name text, if_exists boolean DEFAULT false) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_drop_rollup';
COMMENT ON FUNCTION topk.drop_rollup(text, boolean) IS
    'removes a rollup and all its counts; only the owner of the source may call it. With if_exists, a rollup that does not exist is a NOTICE and no error (SQLSTATE 42704).';

CREATE FUNCTION topk.expressions() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_expressions';
COMMENT ON FUNCTION topk.expressions() IS
    'trigger function that does nothing: a trigger of it, which topk.create_rollup creates on the source, has in pg_depend what the expressions of a rollup need';

CREATE FUNCTION topk.before_ddl() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_before_ddl';
COMMENT ON FUNCTION topk.before_ddl() IS
    'event trigger function: analyses the expressions of rollups that a dump or pg_upgrade brought as text, before names or objects change';
CREATE EVENT TRIGGER topk_ddl_start ON ddl_command_start
    WHEN TAG IN ('ALTER AGGREGATE', 'ALTER COLLATION', 'ALTER DOMAIN', 'ALTER EXTENSION', 'ALTER FOREIGN TABLE', 'ALTER FUNCTION',
                 'ALTER INDEX', 'ALTER MATERIALIZED VIEW', 'ALTER OPERATOR', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER SEQUENCE',
                 'ALTER TABLE', 'ALTER TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH DICTIONARY', 'ALTER TYPE', 'ALTER VIEW',
                 'DROP AGGREGATE', 'DROP CAST', 'DROP COLLATION', 'DROP DOMAIN', 'DROP EXTENSION', 'DROP FOREIGN TABLE',
                 'DROP FUNCTION', 'DROP INDEX', 'DROP MATERIALIZED VIEW', 'DROP OPERATOR', 'DROP OWNED', 'DROP ROUTINE',
                 'DROP SCHEMA', 'DROP SEQUENCE', 'DROP TABLE', 'DROP TEXT SEARCH CONFIGURATION', 'DROP TEXT SEARCH DICTIONARY',
                 'DROP TYPE', 'DROP VIEW')
    EXECUTE FUNCTION topk.before_ddl();
COMMENT ON EVENT TRIGGER topk_ddl_start IS 'prepares rollups for changes of what their expressions use';

CREATE FUNCTION topk.after_ddl() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_ddl';
COMMENT ON FUNCTION topk.after_ddl() IS
    'event trigger function: adapts rollups to new names and new partitions, and refuses changes of a source after which an expression would not work or would mean something else';
CREATE EVENT TRIGGER topk_ddl ON ddl_command_end
    WHEN TAG IN ('ALTER AGGREGATE', 'ALTER COLLATION', 'ALTER DOMAIN', 'ALTER EXTENSION', 'ALTER FOREIGN TABLE', 'ALTER FUNCTION',
                 'ALTER INDEX', 'ALTER MATERIALIZED VIEW', 'ALTER OPERATOR', 'ALTER ROUTINE', 'ALTER SCHEMA', 'ALTER SEQUENCE',
                 'ALTER TABLE', 'ALTER TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH DICTIONARY', 'ALTER TYPE', 'ALTER VIEW',
                 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'CREATE TABLE', 'CREATE TRIGGER')
    EXECUTE FUNCTION topk.after_ddl();
COMMENT ON EVENT TRIGGER topk_ddl IS 'adapts rollups when their sources or what their expressions use change';

CREATE FUNCTION topk.after_drop() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_drop';
COMMENT ON FUNCTION topk.after_drop() IS 'event trigger function: removes the rollups and limits of dropped sources, and rollups whose expressions need what CASCADE has dropped';
CREATE EVENT TRIGGER topk_sql_drop ON sql_drop EXECUTE FUNCTION topk.after_drop();
COMMENT ON EVENT TRIGGER topk_sql_drop IS 'removes the rollups and limits of dropped sources';

CREATE FUNCTION topk.rollup_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_rollup_restored';
COMMENT ON FUNCTION topk.rollup_restored() IS
    'trigger function of topk.rollup: makes sessions see the rollups of a restored dump';
CREATE TRIGGER restored BEFORE INSERT ON topk.rollup FOR EACH ROW EXECUTE FUNCTION topk.rollup_restored();

CREATE FUNCTION topk.rollup_protected() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_rollup_protected';
COMMENT ON FUNCTION topk.rollup_protected() IS
    'trigger function of topk.rollup: refuses UPDATE and DELETE by statements, so that topk.alter_rollup checks each change';
CREATE TRIGGER protected BEFORE UPDATE OR DELETE ON topk.rollup FOR EACH ROW EXECUTE FUNCTION topk.rollup_protected();

-- Rights to ask

CREATE FUNCTION topk.grant_ask(rollup text, role regrole, group_key text[] DEFAULT NULL)
    RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_grant_ask';
COMMENT ON FUNCTION topk.grant_ask(text, regrole, text[]) IS
    'lets a role and its members ask a rollup without SELECT on its source: for everything, or with group_key for that group alone (an array of keys: for each of these groups). Counts are of all rows, whatever row-level security of the source lets the role see. The role also needs the privileges of topk_reader, and a notice says so if it lacks them. Does nothing if the role has the right. Only the owner of the source may call it (SQLSTATE 42501). A role that is dropped loses its rights, and a new role of that name has none.';

CREATE FUNCTION topk.revoke_ask(rollup text, role regrole, group_key text[] DEFAULT NULL)
    RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_revoke_ask';
COMMENT ON FUNCTION topk.revoke_ask(text, regrole, text[]) IS
    'takes away rights that topk.grant_ask has given to a role: without group_key all of them, those of groups included, and otherwise those of exactly these groups. Raises SQLSTATE 42704 if there is none. Only the owner of the source may call it (SQLSTATE 42501).';

-- Limits of what roles may insert

CREATE FUNCTION topk.limits_changed() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_limits_changed';
COMMENT ON FUNCTION topk.limits_changed() IS 'trigger function of topk.limit_rule: makes all sessions read the limits again';
REVOKE ALL ON FUNCTION topk.limits_changed() FROM PUBLIC;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON topk.limit_rule
    FOR EACH STATEMENT EXECUTE FUNCTION topk.limits_changed();
ALTER TABLE topk.limit_rule ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION topk.set_limit(
    role regrole DEFAULT NULL,
    source regclass DEFAULT NULL,
    events_per_second double precision DEFAULT NULL,
    burst bigint DEFAULT NULL,
    max_item_bytes integer DEFAULT NULL,
    max_metadata_bytes integer DEFAULT NULL
) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_set_limit';
COMMENT ON FUNCTION topk.set_limit(regrole, regclass, double precision, bigint, integer, integer) IS
    'limits what a role and its members (NULL for every role) may insert into a source (NULL for every source), and replaces an earlier limit of the same role and source. events_per_second (above 0, at most 1000000000) limits the events that all of them insert together in the long run, and burst those that they insert at once (default: the events of one second, at least 1); an INSERT beyond that raises SQLSTATE TK001. max_item_bytes and max_metadata_bytes limit the size of an item and of the column metadata; a larger value raises SQLSTATE TK002. Superusers may call it, and for a source its owner. events_per_second requires shared_preload_libraries (SQLSTATE 55000).';

CREATE FUNCTION topk.drop_limit(role regrole DEFAULT NULL, source regclass DEFAULT NULL) RETURNS void
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_drop_limit';
COMMENT ON FUNCTION topk.drop_limit(regrole, regclass) IS
    'removes the limit of exactly this role (NULL for every role) and source (NULL for every source); raises SQLSTATE 42704 if there is none';

CREATE FUNCTION topk.limit_state(OUT role text, OUT source regclass, OUT events_per_second double precision, OUT burst bigint,
                                 OUT max_item_bytes integer, OUT max_metadata_bytes integer, OUT tokens bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_limit_state';
COMMENT ON FUNCTION topk.limit_state() IS
    'support function of topk.limits: returns the limits that the user may see';

CREATE VIEW topk.limits AS
    SELECT s.role, s.source, s.events_per_second, s.burst, s.max_item_bytes, s.max_metadata_bytes, s.tokens
    FROM topk.limit_state() AS s;
COMMENT ON VIEW topk.limits IS
    'the limits that the user may set, and those that apply to the user';
COMMENT ON COLUMN topk.limits.tokens IS
    'events that may be inserted at once now; NULL without events_per_second, and without shared_preload_libraries';
GRANT SELECT ON topk.limits TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.limit_state() TO PUBLIC;

-- Moving the counts of one database to another. A node calls the functions of the other one.

CREATE FUNCTION topk.rollups_to_move(OUT name text, OUT identity text)
    RETURNS SETOF record
    LANGUAGE C STABLE
    AS 'MODULE_PATHNAME', 'topk_rollups_to_move';
COMMENT ON FUNCTION topk.rollups_to_move() IS
    'support function of topk.absorb: returns the names of all rollups, and the identity of this database (topk.window_state); raises SQLSTATE 42501 unless the user owns the sources of all of them';

CREATE FUNCTION topk.retire(rollup text, identity text)
    RETURNS text
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_retire';
COMMENT ON FUNCTION topk.retire(text, text) IS
    'support function of topk.absorb: folds everything that a rollup has counted, and makes it refuse further events from the commit on, because the database with this identity takes over its counts. Returns the identity of this database. Does nothing more when it is called again, and raises SQLSTATE 55000 for another identity. Only the owner of the source may call it, at READ COMMITTED (SQLSTATE 25001).';

CREATE FUNCTION topk.moved_tiles(rollup text, after bigint,
                                 OUT row_id bigint, OUT level smallint, OUT grp text[], OUT start timestamptz, OUT stop timestamptz,
                                 OUT events bigint, OUT finished boolean, OUT summary @extschema@.spacesaving,
                                 OUT sketch @extschema@.cms, OUT registers bytea)
    RETURNS SETOF record
    LANGUAGE C STABLE STRICT ROWS 16
    AS 'MODULE_PATHNAME', 'topk_moved_tiles';
COMMENT ON FUNCTION topk.moved_tiles(text, bigint) IS
    'support function of topk.absorb: returns the next rows of topk.tile of a retired rollup, whose row_id is greater than after. Only the owner of the source may call it; raises SQLSTATE 55000 if the rollup is not retired.';

CREATE FUNCTION topk.moved_lines(rollup text, OUT relation text, OUT line text)
    RETURNS SETOF record
    LANGUAGE C STABLE STRICT ROWS 100
    AS 'MODULE_PATHNAME', 'topk_moved_lines';
COMMENT ON FUNCTION topk.moved_lines(text) IS
    'support function of topk.absorb: returns the other rows of a retired rollup as JSON: its groups, its totals, and the snapshots of windows that have no row in topk.tile any more. Rights and errors are those of topk.moved_tiles.';

CREATE FUNCTION topk.absorb(node text)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_absorb';
COMMENT ON FUNCTION topk.absorb(text) IS
    'brings all counts of a node here, for a node that goes away, and returns the number of events that came. The rollups there refuse further events from then on. Ends that the database is a node of this one. Other nodes leave it out of their answers from the commit on, and need topk.drop_node before it stops. Called again, it goes on where an error has ended it, and does nothing after that. Superusers may call it, and roles with EXECUTE that own the sources here; the role of the user mapping owns them there. At READ COMMITTED only (SQLSTATE 25001). Raises SQLSTATE 55000 if either database counts groups beyond max_groups.';
REVOKE ALL ON FUNCTION topk.absorb(text) FROM PUBLIC;

CREATE FUNCTION topk.receive_stream(stream text, command text, definitions text[], OUT source text, OUT rollup text)
    RETURNS SETOF record
    LANGUAGE C STRICT ROWS 3
    AS 'MODULE_PATHNAME', 'topk_receive_stream';
COMMENT ON FUNCTION topk.receive_stream(text, text, text[]) IS
    'support function of topk.sync_nodes: runs the command if there is no such stream, creates the rollups whose names are free in its schema, with the rights of the user, and returns their names';

CREATE FUNCTION topk.sync_nodes(OUT node text, OUT rollup text)
    RETURNS SETOF record
    LANGUAGE C STRICT ROWS 3
    AS 'MODULE_PATHNAME', 'topk_sync_nodes';
COMMENT ON FUNCTION topk.sync_nodes() IS
    'creates the streams of this database that have rollups, and these rollups, on all nodes that lack them, and returns a row for each rollup that it has created. It takes the streams that the current user owns, and works on each node as the role by which the user asks it; what is there already stays as it is. What it creates has the owner and the privileges that it has here, and the rights of topk.grant_ask; a role that a node lacks is an error for a stream, and a warning there for a right to ask. Each node commits by itself: after an error, call it again.';

CREATE FUNCTION topk.keep_history(rollup text, window_kind text, since timestamptz DEFAULT NULL,
                                  until timestamptz DEFAULT 'infinity', group_key text[] DEFAULT NULL)
    RETURNS bigint
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_keep_history';
COMMENT ON FUNCTION topk.keep_history(text, text, timestamptz, timestamptz, text[]) IS
    'keeps what topk.history returns of this database and its nodes, so that it stays when retention removes the windows, and returns the number of windows. Without since it keeps the last ten windows that have counts. Call it regularly, as late events may have come: it replaces what it has kept of a window. Only the owner of the source may call it, with pg_topk.allow_partial off (SQLSTATE 55000).';
