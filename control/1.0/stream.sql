
-- Streams, and the capture of rows that are inserted.

CREATE FUNCTION topk.fdw_handler() RETURNS fdw_handler
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_handler';
COMMENT ON FUNCTION topk.fdw_handler() IS 'handler of the foreign-data wrapper topk';

CREATE FUNCTION topk.fdw_validator(options text[], catalog oid) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fdw_validator';
COMMENT ON FUNCTION topk.fdw_validator(text[], oid) IS 'validator of the foreign-data wrapper topk: a stream has the option on_read, which is error (the default) or empty; everything else is an error';

CREATE FOREIGN DATA WRAPPER topk HANDLER topk.fdw_handler VALIDATOR topk.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER topk IS 'streams: foreign tables whose rollups count the rows that are inserted; the rows are not kept';
CREATE SERVER topk FOREIGN DATA WRAPPER topk;
COMMENT ON SERVER topk IS 'server of all streams: CREATE FOREIGN TABLE ... SERVER topk';
GRANT USAGE ON FOREIGN SERVER topk TO PUBLIC;

CREATE FUNCTION topk.capture() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_capture';
COMMENT ON FUNCTION topk.capture() IS
    'trigger function: counts the rows of a statement for the rollups of its table; topk.create_rollup creates the trigger topk_capture on tables that are not streams';

CREATE FUNCTION topk.is_capturing(source regclass) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(bool_and(c.relkind = 'f' OR EXISTS (SELECT FROM pg_trigger AS t
                                                        WHERE t.tgrelid = c.oid AND t.tgfoid = 'topk.capture()'::regprocedure
                                                          AND t.tgenabled IN ('O', 'A'))), false)
    FROM pg_class AS c
    WHERE c.oid = is_capturing.source OR c.oid IN (SELECT p.relid FROM pg_partition_tree(is_capturing.source) AS p)
$$;
COMMENT ON FUNCTION topk.is_capturing(regclass) IS
    'support function of topk.rollups and topk.stats: returns whether the rows that are inserted into a source are captured. It is false if the capture trigger of the table, or of one of its partitions, is disabled or gone.';
GRANT EXECUTE ON FUNCTION topk.is_capturing(regclass) TO PUBLIC;

CREATE FUNCTION topk.log_restored() RETURNS trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_log_restored';
COMMENT ON FUNCTION topk.log_restored() IS
    'trigger function of the slots of the delta log: marks a slot that a restored dump fills as draining, so that its rows are read; capture does not fire the trigger';
REVOKE ALL ON FUNCTION topk.log_restored() FROM PUBLIC;
CREATE TRIGGER restored AFTER INSERT ON topk.delta_0 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('0');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_1 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('1');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_2 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('2');
CREATE TRIGGER restored AFTER INSERT ON topk.delta_3 FOR EACH STATEMENT EXECUTE FUNCTION topk.log_restored('3');
