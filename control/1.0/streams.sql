
-- Streams and capture. Schema topk holds what counts events; the functions that answer are in answers.sql.

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

CREATE FUNCTION topk.fdw_handler() RETURNS fdw_handler
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_handler';
COMMENT ON FUNCTION topk.fdw_handler() IS 'handler of the foreign-data wrapper topk';

CREATE FUNCTION topk.fdw_validator(options text[], catalog oid) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_validator';
COMMENT ON FUNCTION topk.fdw_validator(text[], oid) IS 'validator of the foreign-data wrapper topk: it has no options';

CREATE FOREIGN DATA WRAPPER topk HANDLER topk.fdw_handler VALIDATOR topk.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER topk IS 'streams: foreign tables whose rows are counted by their rollups and not kept';
CREATE SERVER topk FOREIGN DATA WRAPPER topk;
COMMENT ON SERVER topk IS 'the server that streams are made on: CREATE FOREIGN TABLE ... SERVER topk';
GRANT USAGE ON FOREIGN SERVER topk TO PUBLIC;

CREATE FUNCTION topk.capture() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_capture';
COMMENT ON FUNCTION topk.capture() IS
    'trigger that counts the rows of a statement for the rollups of its table; topk.create_rollup creates it on ordinary tables';

CREATE FUNCTION topk.log_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_log_restored';
COMMENT ON FUNCTION topk.log_restored() IS
    'trigger on the slots of the delta log: rows that a restored dump brings are read again; capture does not fire it';
REVOKE ALL ON FUNCTION topk.log_restored() FROM PUBLIC;
CREATE TRIGGER restored AFTER INSERT ON topk.delta_0 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('0');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_1 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('1');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_2 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('2');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_3 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('3');

CREATE FUNCTION topk.rollup_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_rollup_restored';
COMMENT ON FUNCTION topk.rollup_restored() IS
    'trigger on topk.rollup: a row that a restored dump brings learns the OID and the column numbers that its source has now';
CREATE TRIGGER restored BEFORE INSERT ON topk.rollup FOR EACH ROW EXECUTE FUNCTION topk.rollup_restored();

SELECT pg_catalog.pg_extension_config_dump('topk.rollup', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_0', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_1', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_2', '');
SELECT pg_catalog.pg_extension_config_dump('topk.delta_3', '');
