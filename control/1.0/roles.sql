
-- Roles, and who may ask. Roles are the cluster's: another database may have made them, or be making them now, and
-- DROP EXTENSION leaves them.

DO $$
BEGIN
    BEGIN
        CREATE ROLE topk_reader;
        COMMENT ON ROLE topk_reader IS 'may ask rollups of pg_topk whose source it may SELECT from';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
    BEGIN
        CREATE ROLE topk_writer;
        COMMENT ON ROLE topk_writer IS 'may call topk_api.ingest_event and topk_api.ingest_events of pg_topk';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
END
$$;

CREATE FUNCTION topk.may_read(source regclass)
    RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_may_read';
COMMENT ON FUNCTION topk.may_read(regclass) IS
    'whether the current user may ask rollups of a source: SELECT on it, and either to own it or the privileges of role topk_reader without row-level security of it applying';
GRANT EXECUTE ON FUNCTION topk.may_read(regclass) TO PUBLIC; -- like the views that call it, whatever the default is
