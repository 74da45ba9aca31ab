
-- The tables of schema topk, which tables a dump contains, and the functions that read stored values.

CREATE SCHEMA topk;
COMMENT ON SCHEMA topk IS 'catalog, functions and views of pg_topk';
GRANT USAGE ON SCHEMA topk TO PUBLIC;

-- A change of the tables below, or of functions that the library calls in its statements, gives the symbol a new number here and in
-- src/catalog/tables.cpp, unless each library can read what each script makes. sql/catalog.sql shows when they change.
CREATE FUNCTION topk.catalog_form()
    RETURNS integer
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_catalog_2';
COMMENT ON FUNCTION topk.catalog_form() IS
    'returns the number of the form that the tables of schema topk have; the library raises SQLSTATE 55000 if it is not the one that it reads';

CREATE TABLE topk.rollup (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    source regclass NOT NULL,
    item text NOT NULL,
    "time" text NOT NULL,
    weight text,
    filter text,
    group_by text[] NOT NULL,
    item_kind "char" NOT NULL,
    grain interval NOT NULL,
    windows text[] NOT NULL,
    timezone text NOT NULL,
    k integer NOT NULL,
    capacity integer NOT NULL,
    width integer NOT NULL,
    depth integer NOT NULL,
    max_groups integer NOT NULL,
    accept_past interval NOT NULL,
    accept_future interval NOT NULL,
    retention jsonb NOT NULL,
    created timestamptz NOT NULL DEFAULT pg_catalog.now(),
    metadata regclass,
    metadata_key name,
    unusable text,
    identity uuid,
    CHECK ((metadata IS NULL) = (metadata_key IS NULL)),
    -- topk.create_rollup checks more. A restored dump passes these checks alone.
    CHECK (pg_catalog.octet_length(name) BETWEEN 1 AND 63),
    CHECK (item_kind IN ('t', 'i', 'u', 'b')),
    CHECK (k BETWEEN 1 AND 10000 AND capacity BETWEEN k AND 1000000 AND max_groups BETWEEN 1 AND 1000000),
    CHECK (width BETWEEN 0 AND 10000000 AND depth BETWEEN 1 AND 64),
    CHECK (pg_catalog.array_position(windows, NULL::text) IS NULL),
    CHECK (pg_catalog.array_position(group_by, NULL::text) IS NULL AND pg_catalog.cardinality(group_by) <= 32),
    CHECK (pg_catalog.jsonb_typeof(retention) = 'object'),
    CHECK (grain BETWEEN interval '1 minute' AND interval '1 hour')
);
COMMENT ON TABLE topk.rollup IS
    'one row for each rollup; topk.create_rollup writes it, and the view topk.rollups shows it to users who may read the source';
COMMENT ON COLUMN topk.rollup.name IS
    'name of the rollup, unique among the rollups whose sources are in the same schema: topk.create_rollup, a restore and ALTER TABLE ... SET SCHEMA see to that';
COMMENT ON COLUMN topk.rollup.item IS
    'expression of the item as text; the columns time, weight, filter and group_by are expressions too. Dumps contain the text; topk.expression_tree has what it means';
COMMENT ON COLUMN topk.rollup.item_kind IS 'type that items are counted as: t text, i bigint, u uuid, b bytea';
COMMENT ON COLUMN topk.rollup.metadata IS 'table with a row for each item, which answers join';
COMMENT ON COLUMN topk.rollup.unusable IS 'why answers of the rollup are refused, after a dump was restored whose counts cannot be converted; NULL otherwise';
COMMENT ON COLUMN topk.rollup.identity IS 'what the rollups of a distributed table of Citus have in common on all nodes; NULL for other rollups';
COMMENT ON COLUMN topk.rollup.metadata_key IS 'column of that table that holds the item';
COMMENT ON SEQUENCE topk.rollup_id_seq IS 'numbers for topk.rollup.id';
CREATE INDEX rollup_source ON topk.rollup (source);
COMMENT ON INDEX topk.rollup_source IS 'index by which capture finds the rollups of a source';
CREATE INDEX rollup_name ON topk.rollup (name);
COMMENT ON INDEX topk.rollup_name IS 'index by which functions find the rollups of a name';

-- Not dumped: a tree names objects by the OIDs of this cluster, and its form is that of one catalog version.
CREATE TABLE topk.expression_tree (
    rollup integer PRIMARY KEY REFERENCES topk.rollup ON DELETE CASCADE,
    source oid NOT NULL,
    trigger oid NOT NULL,
    cluster bigint NOT NULL,
    catalog_version integer NOT NULL,
    tree pg_node_tree NOT NULL
);
COMMENT ON TABLE topk.expression_tree IS
    'the analysed expressions of each rollup, by which renamed columns, functions, types and values of types keep their meaning; a rollup without a row here is parsed from the text in topk.rollup';
COMMENT ON COLUMN topk.expression_tree.source IS 'OID of the source whose columns the tree names';
COMMENT ON COLUMN topk.expression_tree.trigger IS
    'OID of the trigger on the source that depends on what the expressions use (topk.expressions); 0 if there is none';
COMMENT ON COLUMN topk.expression_tree.cluster IS 'system identifier of the cluster where the tree was written';
COMMENT ON COLUMN topk.expression_tree.catalog_version IS 'catalog version of the server that wrote the tree';
COMMENT ON COLUMN topk.expression_tree.tree IS
    'item, event_time, weight, filter and groups, first as they were written and then as they are evaluated';

-- The delta log has four slots. Transactions write to one of them, and the others are emptied in turn. In a single table, the
-- rows that folds delete would pile up as long as an old snapshot keeps vacuum from removing them (src/stream/README.md).
CREATE TABLE topk.log_slot (
    slot integer PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('active', 'draining', 'folded', 'empty')),
    holders text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE topk.log_slot IS
    'state of each slot of the delta log: active (transactions write to it), draining (folds move its rows on), folded (only old snapshots read it), empty';
COMMENT ON COLUMN topk.log_slot.holders IS 'transactions whose snapshots are older than the last time when the slot became active, so that they see none of its rows';
INSERT INTO topk.log_slot VALUES (0, 'active'), (1, 'empty'), (2, 'empty'), (3, 'empty');

CREATE TABLE topk.delta_0 (
    tile timestamptz NOT NULL,
    events bigint NOT NULL,
    rollup integer NOT NULL,
    scope "char" NOT NULL,
    grp text[] COLLATE "C",
    items bytea,
    summary @extschema@.spacesaving,
    sketch @extschema@.cms,
    registers bytea
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
COMMENT ON COLUMN topk.delta_0.tile IS 'start of the tile; -infinity for rejected events, which are counted without their items';
COMMENT ON COLUMN topk.delta_0.events IS 'number of events that the row counts';
COMMENT ON COLUMN topk.delta_0.scope IS
    'r (raw): the row counts for its groups and for all groups; g: for its groups only; a: for all groups only';
COMMENT ON COLUMN topk.delta_0.grp IS
    'values of the group expressions as text; {} for the overflow group; NULL if the rollup has no groups, scope is a, or items has the groups';
COMMENT ON COLUMN topk.delta_0.items IS
    'exact counts of the items, or of the items of several groups (docs/format.md); NULL if summary, sketch and registers hold them instead';
CREATE TABLE topk.delta_1 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_2 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_3 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE INDEX delta_0_tile ON topk.delta_0 (rollup, tile);
CREATE INDEX delta_1_tile ON topk.delta_1 (rollup, tile);
CREATE INDEX delta_2_tile ON topk.delta_2 (rollup, tile);
CREATE INDEX delta_3_tile ON topk.delta_3 (rollup, tile);
COMMENT ON INDEX topk.delta_0_tile IS 'index by which answers find the rows of their rollup in a log that is large';
COMMENT ON INDEX topk.delta_1_tile IS 'index like topk.delta_0_tile';
COMMENT ON INDEX topk.delta_2_tile IS 'index like topk.delta_0_tile';
COMMENT ON INDEX topk.delta_3_tile IS 'index like topk.delta_0_tile';
COMMENT ON TABLE topk.delta_0 IS 'slot 0 of the delta log: what statements have counted and no fold has moved to topk.tile';
COMMENT ON TABLE topk.delta_1 IS 'slot 1 of the delta log, like topk.delta_0';
COMMENT ON TABLE topk.delta_2 IS 'slot 2 of the delta log, like topk.delta_0';
COMMENT ON TABLE topk.delta_3 IS 'slot 3 of the delta log, like topk.delta_0';

CREATE TABLE topk.tile (
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    events bigint NOT NULL,
    rollup integer NOT NULL,
    level smallint NOT NULL,
    finished boolean NOT NULL,
    grp text[] COLLATE "C",
    summary @extschema@.spacesaving NOT NULL,
    sketch @extschema@.cms,
    registers bytea,
    failed boolean NOT NULL DEFAULT false,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the replica identity, if a publication includes all tables
    CONSTRAINT tile_key UNIQUE NULLS NOT DISTINCT (rollup, level, grp, start)
) WITH (fillfactor = 80);
COMMENT ON TABLE topk.tile IS 'the counts of each window: one row for each rollup, level, group and window; only folds, backfills and retention write it';
COMMENT ON COLUMN topk.tile.level IS '0 the grain, 1 hour (if the grain is shorter than an hour), 2 day, 3 week, 4 month, 5 quarter, 6 year';
COMMENT ON COLUMN topk.tile.finished IS 'level 0: the row has been merged into the levels above, and late events are added there too; other levels: the window is over and its snapshot has been written';
COMMENT ON COLUMN topk.tile.grp IS 'values of the group expressions as text; NULL for all groups together, {} for the overflow group';
COMMENT ON COLUMN topk.tile.sketch IS 'Count-Min sketch of all items; NULL as long as summary is exact, and if the rollup has width 0';
COMMENT ON COLUMN topk.tile.failed IS 'the row cannot be merged into the levels above, or its snapshot cannot be written (topk.errors says why); folds leave it alone until topk.discard, topk.backfill or topk.refresh';
COMMENT ON COLUMN topk.tile.registers IS 'HyperLogLog registers of all items; NULL as long as summary is exact';
ALTER TABLE topk.tile ALTER COLUMN registers SET STORAGE EXTERNAL; -- the values are compressed before they are stored
CREATE INDEX tile_unfinished ON topk.tile (rollup, level, stop, grp) WHERE NOT finished;
COMMENT ON INDEX topk.tile_unfinished IS 'index by which answers find tiles that are not merged into the levels above, and folds find tiles and windows that are over';
CREATE INDEX tile_failed ON topk.tile (rollup) WHERE failed;
COMMENT ON INDEX topk.tile_failed IS 'index by which folds find rows that they leave alone';
CREATE INDEX tile_stop ON topk.tile (rollup, level, stop);
COMMENT ON INDEX topk.tile_stop IS 'index by which retention finds old windows';
COMMENT ON SEQUENCE topk.tile_row_id_seq IS 'numbers for topk.tile.row_id';

-- Deltas that a fold could not merge into a tile. The first columns are those of the delta log.
CREATE TABLE topk.set_aside (
    LIKE topk.delta_0,
    weight bigint NOT NULL,
    sqlstate text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
COMMENT ON TABLE topk.set_aside IS
    'deltas that cannot be merged into their tile: answers read them as they read the delta log, and folds leave them alone until topk.discard, topk.backfill or topk.refresh';
COMMENT ON COLUMN topk.set_aside.scope IS 'a: the row counts for all groups; g: for its group. The totals of the rollup include it.';
COMMENT ON COLUMN topk.set_aside.weight IS 'weight of the events; 0 if the row cannot be read';
COMMENT ON COLUMN topk.set_aside.sqlstate IS 'SQLSTATE of the error of the fold';
CREATE INDEX set_aside_tile ON topk.set_aside (rollup, tile);
COMMENT ON INDEX topk.set_aside_tile IS 'index by which answers find what was set aside';

CREATE TABLE topk.group_key (
    rollup integer NOT NULL,
    grp text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (rollup, grp)
);
COMMENT ON TABLE topk.group_key IS 'the groups that have counts of their own, at most topk.rollup.max_groups for each rollup';

CREATE TABLE topk.snapshot (
    rollup integer NOT NULL,
    window_kind text COLLATE "C" NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    grp text[] COLLATE "C",
    events bigint NOT NULL,
    weight bigint NOT NULL,
    distinct_items bigint NOT NULL,
    entries @extschema@.topk_entry[] NOT NULL,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CONSTRAINT snapshot_key UNIQUE NULLS NOT DISTINCT (rollup, window_kind, grp, start)
);
COMMENT ON TABLE topk.snapshot IS 'the top k of each window that is over: one row for each rollup, kind of window, group and window';
CREATE INDEX snapshot_stop ON topk.snapshot (rollup, window_kind, stop);
COMMENT ON INDEX topk.snapshot_stop IS 'index by which retention finds old snapshots';
COMMENT ON SEQUENCE topk.snapshot_row_id_seq IS 'numbers for topk.snapshot.row_id';

CREATE TABLE topk.joint_snapshot (
    rollup integer NOT NULL,
    window_kind text COLLATE "C" NOT NULL,
    start timestamptz NOT NULL,
    stop timestamptz NOT NULL,
    grp text[] COLLATE "C",
    weight bigint NOT NULL,
    entries @extschema@.topk_entry[] NOT NULL,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CONSTRAINT joint_snapshot_key UNIQUE NULLS NOT DISTINCT (rollup, window_kind, grp, start)
);
COMMENT ON TABLE topk.joint_snapshot IS 'the top k of windows that are over, of this database and its nodes together; topk.keep_history writes it, and topk.history reads it where retention has removed counts of a window';
COMMENT ON SEQUENCE topk.joint_snapshot_row_id_seq IS 'numbers for topk.joint_snapshot.row_id';

CREATE TABLE topk.rollup_state (
    rollup integer PRIMARY KEY,
    events bigint NOT NULL DEFAULT 0,
    weight numeric NOT NULL DEFAULT 0,
    late bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    overflowed bigint NOT NULL DEFAULT 0,
    folds bigint NOT NULL DEFAULT 0,
    last_fold timestamptz,
    last_fold_duration interval,
    failures integer NOT NULL DEFAULT 0,
    retry_at timestamptz,
    retained_at timestamptz,
    backfill text CHECK (backfill IN ('wanted', 'running', 'done', 'failed')),
    level_windows bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}',
    level_bytes bigint[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}',
    lost_since timestamptz[] NOT NULL DEFAULT '{infinity,infinity,infinity,infinity,infinity,infinity,infinity}',
    lost_until timestamptz[] NOT NULL DEFAULT '{-infinity,-infinity,-infinity,-infinity,-infinity,-infinity,-infinity}',
    backfill_tries integer NOT NULL DEFAULT 0,
    backfill_at timestamptz,
    counted_since timestamptz,
    CHECK (pg_catalog.cardinality(level_windows) = 7 AND pg_catalog.array_position(level_windows, NULL::bigint) IS NULL),
    CHECK (pg_catalog.cardinality(level_bytes) = 7 AND pg_catalog.array_position(level_bytes, NULL::bigint) IS NULL),
    CHECK (pg_catalog.cardinality(lost_since) = 7 AND pg_catalog.array_position(lost_since, NULL::timestamptz) IS NULL),
    CHECK (pg_catalog.cardinality(lost_until) = 7 AND pg_catalog.array_position(lost_until, NULL::timestamptz) IS NULL)
) WITH (fillfactor = 50);
COMMENT ON TABLE topk.rollup_state IS
    'totals of each rollup over the events that have been folded, and the state of its last fold and of its backfill';
COMMENT ON COLUMN topk.rollup_state.late IS 'events for tiles that were over when the events were folded';
COMMENT ON COLUMN topk.rollup_state.rejected IS 'events without a time, or with a time outside accept_past and accept_future';
COMMENT ON COLUMN topk.rollup_state.overflowed IS 'events of groups beyond max_groups';
COMMENT ON COLUMN topk.rollup_state.failures IS 'failed folds since the last successful one; retry_at is the time of the next attempt';
COMMENT ON COLUMN topk.rollup_state.retained_at IS 'last time when retention removed old windows';
COMMENT ON COLUMN topk.rollup_state.level_windows IS 'number of rows of topk.tile in each level, from level 0 on';
COMMENT ON COLUMN topk.rollup_state.level_bytes IS 'bytes of the summaries, sketches and registers of these rows';
COMMENT ON COLUMN topk.rollup_state.lost_since IS 'start of the first window of each level that retention has removed; infinity if it has removed none';
COMMENT ON COLUMN topk.rollup_state.backfill_tries IS 'failed attempts of the backfill; after ten of them it is failed';
COMMENT ON COLUMN topk.rollup_state.backfill_at IS 'time at which the backfill began, or at which it is tried again';
COMMENT ON COLUMN topk.rollup_state.counted_since IS 'time from which on no event is missing for being older than the rollup: its creation, or the start of the span that a backfill has counted';
COMMENT ON COLUMN topk.rollup_state.lost_until IS 'end of the last window of each level that retention has removed; -infinity if it has removed none';

-- Not dumped: a backfill in a restored database begins anew, which changes no count.
CREATE TABLE topk.backfill_progress (
    rollup integer PRIMARY KEY REFERENCES topk.rollup ON DELETE CASCADE,
    asked_since timestamptz NOT NULL,
    asked_until timestamptz NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    left_until timestamptz NOT NULL,
    events bigint NOT NULL DEFAULT 0,
    spent interval NOT NULL DEFAULT '0',
    started timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    updated timestamptz
);
COMMENT ON TABLE topk.backfill_progress IS 'how far the last backfill in steps of each rollup has come; topk.backfills shows it';
COMMENT ON COLUMN topk.backfill_progress.asked_since IS 'argument of topk.backfill_in_steps, as is asked_until: a call with the same arguments continues';
COMMENT ON COLUMN topk.backfill_progress.since IS 'beginning of the tile of the first row; until is the end of the tile of the last one';
COMMENT ON COLUMN topk.backfill_progress.left_until IS 'the time from since to here is not counted yet';
COMMENT ON COLUMN topk.backfill_progress.spent IS 'how long the steps have taken so far';

CREATE TABLE topk.error_log (
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    rollup integer NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    level smallint,
    start timestamptz,
    stop timestamptz,
    grp text[] COLLATE "C",
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
COMMENT ON TABLE topk.error_log IS 'errors of folds and backfills, the last 100 of each rollup';
COMMENT ON COLUMN topk.error_log.level IS 'level of the window that failed, with its start, stop and group; NULL if a fold or backfill failed as a whole';
COMMENT ON SEQUENCE topk.error_log_row_id_seq IS 'numbers for topk.error_log.row_id';

CREATE TABLE topk.limit_rule (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role text COLLATE "C",
    role_oid oid,
    cluster bigint NOT NULL,
    source regclass,
    events_per_second double precision CHECK (events_per_second > float8 '0' AND events_per_second <= float8 '1e9'),
    burst bigint CHECK (burst >= 1 AND burst::float8 / events_per_second <= float8 '31622400'),
    max_item_bytes integer CHECK (max_item_bytes >= 1),
    max_metadata_bytes integer CHECK (max_metadata_bytes >= 1),
    CHECK ((events_per_second IS NULL) = (burst IS NULL)),
    CHECK ((role IS NULL) = (role_oid IS NULL))
);
COMMENT ON TABLE topk.limit_rule IS 'one row for each limit; topk.set_limit writes it';
COMMENT ON COLUMN topk.limit_rule.id IS 'number of the token bucket; a limit that is set again gets a new one';
COMMENT ON COLUMN topk.limit_rule.role IS
    'name that the role had when the row was written, which identifies it in a restored dump; NULL for every role';
COMMENT ON COLUMN topk.limit_rule.role_oid IS 'OID of the role, which identifies it in the cluster where the row was written';
COMMENT ON COLUMN topk.limit_rule.cluster IS 'system identifier of that cluster';
COMMENT ON COLUMN topk.limit_rule.source IS 'stream or table that the limit is for; NULL for every source';
COMMENT ON SEQUENCE topk.limit_rule_id_seq IS 'numbers for topk.limit_rule.id';

CREATE TABLE topk.ask_grant (
    rollup integer NOT NULL,
    role regrole NOT NULL,
    grp text[] COLLATE "C",
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    CONSTRAINT ask_grant_key UNIQUE NULLS NOT DISTINCT (rollup, role, grp)
);
COMMENT ON TABLE topk.ask_grant IS 'one row for each right to ask a rollup that its owner has given; topk.grant_ask writes it, and the view topk.askers shows it';
COMMENT ON COLUMN topk.ask_grant.role IS 'the role that may ask; dumps have its name. If the role was dropped, the row gives no right to anybody.';
COMMENT ON COLUMN topk.ask_grant.grp IS 'the group that the role may ask for; NULL: for everything';
COMMENT ON SEQUENCE topk.ask_grant_row_id_seq IS 'numbers for topk.ask_grant.row_id';

-- Not dumped: a copy of a database would ask the nodes of the original.
CREATE TABLE topk.node (
    server text COLLATE "C" PRIMARY KEY,
    added timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE topk.node IS 'the other databases whose counts answers include; topk.add_node writes it, and the view topk.nodes shows it';
COMMENT ON COLUMN topk.node.server IS 'name of the foreign server';

CREATE TABLE topk.moved (
    rollup integer NOT NULL,
    identity text COLLATE "C" NOT NULL,
    outgoing boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (rollup, identity, outgoing)
);
COMMENT ON TABLE topk.moved IS 'rollups whose counts have moved from one database to another; topk.absorb writes it on both';
COMMENT ON COLUMN topk.moved.identity IS 'the other database: the system identifier of its cluster, and its OID';
COMMENT ON COLUMN topk.moved.outgoing IS 'true: the other database has taken over the counts, and the rollup refuses further events; false: its counts are among those here';

-- The contents of dumps. pg_dump copies topk.archive, which is empty, and with it the lines of topk.archived_rows(): rows of the other
-- tables, as far as the user may read them. When a dump is restored, a trigger makes rows of the lines. topk.log_slot is not among
-- them: its rows are about transactions of this server, and topk.log_restored() marks the slots that a restored dump fills.

CREATE TABLE topk.archive (
    relation text NOT NULL,
    rollup integer,
    line json NOT NULL
);
COMMENT ON TABLE topk.archive IS
    'what a dump contains of schema topk, one line for each row of a table; empty but while a dump is restored with triggers disabled, until topk.maintain or the worker takes the lines';
COMMENT ON COLUMN topk.archive.relation IS 'table in schema topk; dump for the first line, which says the encoding of the database that was dumped; missing for a rollup that the user who made the dump may not ask';
COMMENT ON COLUMN topk.archive.rollup IS 'id of the rollup in the database that was dumped';
COMMENT ON COLUMN topk.archive.line IS 'the columns of the row, in ASCII';
GRANT SELECT, INSERT ON topk.archive TO pg_database_owner;

CREATE FUNCTION topk.archived_rows(OUT relation text, OUT rollup integer, OUT line json)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'topk_archived_rows';
COMMENT ON FUNCTION topk.archived_rows() IS
    'support function of dumps: returns, as lines of topk.archive, all that belongs to the rollups that the current user may ask by SELECT (topk.may_read), and the limits that the user may set. Raises a warning for each other rollup.';

CREATE FUNCTION topk.archive_line() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_archive_line';
COMMENT ON FUNCTION topk.archive_line() IS
    'trigger function of topk.archive: makes a row of a line that a restored dump inserts. Superusers restore everything; the owner of the database restores what belongs to own tables, with a warning for the rest.';
REVOKE ALL ON FUNCTION topk.archive_line() FROM PUBLIC;
CREATE TRIGGER restored BEFORE INSERT ON topk.archive FOR EACH ROW EXECUTE FUNCTION topk.archive_line();

SELECT pg_catalog.pg_extension_config_dump('topk.archive', 'WHERE false UNION ALL SELECT relation, rollup, line FROM topk.archived_rows()');

-- Counts of text items have the bytes of the encoding in which they were counted.

CREATE FUNCTION topk.recoded_items(items bytea, encoding text)
    RETURNS bytea
    LANGUAGE C STRICT STABLE
    AS 'MODULE_PATHNAME', 'topk_recoded_items';
COMMENT ON FUNCTION topk.recoded_items(bytea, text) IS
    'support function of restored dumps: converts the items of a row of the delta log, if they are text, and its groups from an encoding to that of this database';
REVOKE ALL ON FUNCTION topk.recoded_items(bytea, text) FROM PUBLIC;

CREATE FUNCTION topk.recoded_summary(summary bytea, encoding text)
    RETURNS bytea
    LANGUAGE C STRICT STABLE
    AS 'MODULE_PATHNAME', 'topk_recoded_summary';
COMMENT ON FUNCTION topk.recoded_summary(bytea, text) IS
    'support function of restored dumps: converts the items of a summary, given as its stored bytes, from an encoding to that of this database; raises SQLSTATE 22P05 if the summary is not exact, because a filter and a sketch know items by their bytes alone';
REVOKE ALL ON FUNCTION topk.recoded_summary(bytea, text) FROM PUBLIC;

CREATE FUNCTION topk.recoded_line(line json, encoding text, text_items boolean)
    RETURNS json
    LANGUAGE plpgsql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The bytes of items stay as they are where one side is SQL_ASCII. They are checked.
    same_bytes boolean := 'SQL_ASCII' IN (recoded_line.encoding, getdatabaseencoding());
BEGIN
    RETURN (SELECT json_object_agg(e.key,
                CASE WHEN json_typeof(e.value) = 'null' OR e.key NOT IN ('items', 'summary') OR NOT text_items AND e.key = 'summary'
                     THEN e.value::jsonb::json -- escapes become characters of this encoding
                     WHEN e.key = 'items'
                     THEN to_json(topk.recoded_items((e.value #>> '{}')::bytea, recoded_line.encoding)::text)
                     WHEN same_bytes THEN to_json((e.value #>> '{}')::@extschema@.spacesaving::text)
                     ELSE to_json(topk.recoded_summary((e.value #>> '{}')::bytea, recoded_line.encoding)::text)
                END)
            FROM json_each(recoded_line.line) AS e);
EXCEPTION
    WHEN untranslatable_character OR character_not_in_repertoire OR invalid_text_representation OR program_limit_exceeded THEN
        RETURN NULL;
END$$;
COMMENT ON FUNCTION topk.recoded_line(json, text, boolean) IS
    'support function of restored dumps: returns a line of topk.archive with its text, and its items if they are text, in the encoding of this database, or NULL if that cannot be done';
REVOKE ALL ON FUNCTION topk.recoded_line(json, text, boolean) FROM PUBLIC;

-- Functions that read stored values

CREATE FUNCTION topk.items(items bytea, OUT item text, OUT weight bigint, OUT grp text[])
    RETURNS SETOF record
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_items';
COMMENT ON FUNCTION topk.items(bytea) IS
    'returns the items of a row of the delta log and their weights, in no particular order; and their groups, if the row counts several groups';

CREATE FUNCTION topk.bundle_groups(items bytea, OUT grp text[], OUT events bigint)
    RETURNS SETOF record
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_bundle_groups';
COMMENT ON FUNCTION topk.bundle_groups(bytea) IS
    'returns the groups of a row of the delta log that counts several groups, and the number of their events; no row if it is another row, or cannot be read';

CREATE FUNCTION topk.distinct_items(summary @extschema@.spacesaving, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_distinct_items';
COMMENT ON FUNCTION topk.distinct_items(@extschema@.spacesaving, bytea) IS
    'returns the number of distinct items of a tile: exact if registers is NULL, otherwise the estimate of HyperLogLog, with a standard error of 0.8 % (Flajolet et al. 2007, Ertl 2017)';

CREATE FUNCTION topk.stored_bytes(summary @extschema@.spacesaving, sketch @extschema@.cms, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_stored_bytes';
COMMENT ON FUNCTION topk.stored_bytes(@extschema@.spacesaving, @extschema@.cms, bytea) IS
    'returns the bytes that these values of a row of topk.tile take, in the row or in its TOAST table';

-- How queries name a source

CREATE FUNCTION topk.rows_of(source regclass)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s%I.%I', CASE WHEN c.relkind = 'r' THEN 'ONLY ' END, n.nspname, c.relname)
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = rows_of.source
$$;
COMMENT ON FUNCTION topk.rows_of(regclass) IS
    'support function of topk.backfill and topk.accuracy: returns the FROM item for the rows of a source, which include the rows of its partitions but not those of tables that inherit from it';
REVOKE ALL ON FUNCTION topk.rows_of(regclass) FROM PUBLIC;
