
-- The tables of schema topk, and functions that read what they store.

CREATE SCHEMA topk;
COMMENT ON SCHEMA topk IS 'streams and rollups of pg_topk';
GRANT USAGE ON SCHEMA topk TO PUBLIC;

CREATE TABLE topk.rollup (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    source regclass NOT NULL,
    item text NOT NULL,
    "time" text NOT NULL,
    weight text,
    filter text,
    group_by text[] NOT NULL,
    columns jsonb NOT NULL,
    source_oid oid NOT NULL,
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
    CHECK ((metadata IS NULL) = (metadata_key IS NULL))
);
COMMENT ON TABLE topk.rollup IS
    'one row per rollup, written by topk.create_rollup; who may read topk.rollups sees it there';
COMMENT ON COLUMN topk.rollup.columns IS 'attribute number to name of each column that the expressions use, as they were when the row was written';
COMMENT ON COLUMN topk.rollup.source_oid IS 'OID of the source when the row was written: tells a renamed column from a restored dump';
COMMENT ON COLUMN topk.rollup.metadata IS 'table with a row for each item, whose column metadata_key is the item; answers join it';
COMMENT ON COLUMN topk.rollup.item_kind IS 't text, i bigint, u uuid, b bytea';
COMMENT ON SEQUENCE topk.rollup_id_seq IS 'numbers of rollups';
CREATE INDEX rollup_source ON topk.rollup (source);
COMMENT ON INDEX topk.rollup_source IS 'how capture finds the rollups of a source';

-- The delta log. Its rows are spread over slots, of which one is written at a time and the others are emptied in turn: rows that
-- an old snapshot keeps vacuum from removing would otherwise pile up without end (src/stream/README.md).
CREATE TABLE topk.log_slot (
    slot integer PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('active', 'draining', 'folded', 'empty')),
    holders text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE topk.log_slot IS
    'state of each slot of the delta log: active (written), draining (still read), folded (read by old snapshots only), empty';
COMMENT ON COLUMN topk.log_slot.holders IS 'transactions with a snapshot from before the slot was last made active, which can see none of its rows';
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
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_1 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_2 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
CREATE TABLE topk.delta_3 (LIKE topk.delta_0 INCLUDING ALL)
    WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_threshold = 1000000000);
COMMENT ON TABLE topk.delta_0 IS 'slot 0 of the delta log: what statements counted and no fold has taken away yet';
COMMENT ON TABLE topk.delta_1 IS 'slot 1 of the delta log';
COMMENT ON TABLE topk.delta_2 IS 'slot 2 of the delta log';
COMMENT ON TABLE topk.delta_3 IS 'slot 3 of the delta log';
COMMENT ON COLUMN topk.delta_0.tile IS 'start of the tile; -infinity: events that were rejected, counted without items';
COMMENT ON COLUMN topk.delta_0.scope IS 'r raw: counts for its group and for all groups; g: for its group only; a: for all groups only';
COMMENT ON COLUMN topk.delta_0.grp IS 'values of the group expressions as text; NULL: the rollup has none, or scope a; {}: the overflow group';
COMMENT ON COLUMN topk.delta_0.items IS 'exact counts of few distinct items (docs/format.md); summary, sketch and registers are NULL then';

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
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- for publications of all tables
    UNIQUE NULLS NOT DISTINCT (rollup, level, grp, start)
) WITH (fillfactor = 80);
COMMENT ON TABLE topk.tile IS 'the counts of each window: one row per rollup, level, group and window; written by folds only';
COMMENT ON COLUMN topk.tile.level IS '0 the grain, 1 hour (where the grain is shorter), 2 day, 3 week, 4 month';
COMMENT ON COLUMN topk.tile.finished IS 'level 0: merged into the levels above, where late events go too from then on; others: over, its snapshot is written';
COMMENT ON COLUMN topk.tile.grp IS 'values of the group expressions as text; NULL: all groups; {}: the overflow group';
COMMENT ON COLUMN topk.tile.sketch IS 'Count-Min sketch of all items; NULL while summary is exact';
COMMENT ON COLUMN topk.tile.registers IS 'HyperLogLog registers of all items; NULL while summary is exact';
ALTER TABLE topk.tile ALTER COLUMN registers SET STORAGE EXTERNAL; -- what can be compressed comes compressed
CREATE INDEX tile_unfinished ON topk.tile (rollup, level, stop, grp) WHERE NOT finished;
COMMENT ON INDEX topk.tile_unfinished IS 'how reads find the tiles that are not in the levels above, and folds those that are over';
CREATE INDEX tile_stop ON topk.tile (rollup, level, stop);
COMMENT ON INDEX topk.tile_stop IS 'how retention finds old windows';

CREATE TABLE topk.group_key (
    rollup integer NOT NULL,
    grp text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (rollup, grp)
);
COMMENT ON TABLE topk.group_key IS 'the groups of each rollup that have counts of their own, at most max_groups';

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
    UNIQUE NULLS NOT DISTINCT (rollup, window_kind, grp, start)
);
COMMENT ON TABLE topk.snapshot IS 'the top k of each window that is over, one row per rollup, kind of window, group and window';
CREATE INDEX snapshot_stop ON topk.snapshot (rollup, window_kind, stop);
COMMENT ON INDEX topk.snapshot_stop IS 'how retention finds old snapshots';

CREATE TABLE topk.rollup_state (
    rollup integer PRIMARY KEY,
    events bigint NOT NULL DEFAULT 0,
    weight bigint NOT NULL DEFAULT 0,
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
    level_windows bigint[] NOT NULL DEFAULT '{0,0,0,0,0}',
    level_bytes bigint[] NOT NULL DEFAULT '{0,0,0,0,0}'
) WITH (fillfactor = 50);
COMMENT ON COLUMN topk.rollup_state.level_windows IS 'rows of topk.tile of each level, from 0 on';
COMMENT ON COLUMN topk.rollup_state.level_bytes IS 'bytes of their summaries, sketches and registers';
COMMENT ON TABLE topk.rollup_state IS 'running totals of each rollup over what has been folded, and how its last fold and its backfill went';

CREATE TABLE topk.error_log (
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    rollup integer NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
COMMENT ON TABLE topk.error_log IS 'errors of folds, the last 100 of each rollup';

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
COMMENT ON TABLE topk.limit_rule IS 'one row per limit, written by topk.set_limit';
COMMENT ON COLUMN topk.limit_rule.id IS 'number of its token bucket: a limit that is set again has another';
COMMENT ON COLUMN topk.limit_rule.role IS 'name of the role when the row was written: what counts in a restored dump; NULL: every role';
COMMENT ON COLUMN topk.limit_rule.role_oid IS 'OID of the role: what counts in the cluster where the row was written';
COMMENT ON COLUMN topk.limit_rule.cluster IS 'system identifier of that cluster';
COMMENT ON COLUMN topk.limit_rule.source IS 'NULL: every source';
COMMENT ON SEQUENCE topk.limit_rule_id_seq IS 'numbers of limits';

SELECT pg_catalog.pg_extension_config_dump('topk.rollup', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_0', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_1', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_2', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_3', '');
SELECT pg_catalog.pg_extension_config_dump('topk.tile', '');
SELECT pg_catalog.pg_extension_config_dump('topk.group_key', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_state', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log', '');
SELECT pg_catalog.pg_extension_config_dump('topk.tile_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.limit_rule', '');
SELECT pg_catalog.pg_extension_config_dump('topk.limit_rule_id_seq', '');

COMMENT ON SEQUENCE topk.tile_row_id_seq IS 'numbers of rows of topk.tile';
COMMENT ON SEQUENCE topk.snapshot_row_id_seq IS 'numbers of rows of topk.snapshot';
COMMENT ON SEQUENCE topk.error_log_row_id_seq IS 'numbers of rows of topk.error_log';

CREATE FUNCTION topk.items(items bytea, OUT item text, OUT weight bigint)
    RETURNS SETOF record
    LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_items';
COMMENT ON FUNCTION topk.items(bytea) IS 'the items of a row of the delta log with their weights, in no order';

CREATE FUNCTION topk.distinct_items(summary @extschema@.spacesaving, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_distinct_items';
COMMENT ON FUNCTION topk.distinct_items(@extschema@.spacesaving, bytea) IS
    'number of distinct items of a tile: exact without registers, otherwise HyperLogLog''s estimate with a standard error of 0.8 % (Flajolet et al. 2007)';

CREATE FUNCTION topk.stored_bytes(summary @extschema@.spacesaving, sketch @extschema@.cms, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_stored_bytes';
COMMENT ON FUNCTION topk.stored_bytes(@extschema@.spacesaving, @extschema@.cms, bytea) IS
    'bytes that these values of a row of topk.tile take, in it or beside it';
