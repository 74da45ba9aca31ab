
-- Streams and capture.

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
