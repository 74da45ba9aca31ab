
-- Roles, and the check whether a user may ask. All databases of a server share its roles: another database may have created
-- these before, or create them at this moment, and DROP EXTENSION leaves them in place.

DO $$
BEGIN
    BEGIN
        CREATE ROLE topk_reader;
        COMMENT ON ROLE topk_reader IS 'members may ask rollups of pg_topk if they have SELECT on the source';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
    BEGIN
        CREATE ROLE topk_writer;
        COMMENT ON ROLE topk_writer IS 'members may call topk_api.ingest_event and topk_api.ingest_events of pg_topk';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
END
$$;

CREATE FUNCTION topk.may_read(source regclass)
    RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_may_read';
COMMENT ON FUNCTION topk.may_read(regclass) IS
    'returns whether the current user may ask the rollups of a source. The user must have SELECT on it, and must own it or be a member of topk_reader. Row-level security of the source must not apply to the user.';
GRANT EXECUTE ON FUNCTION topk.may_read(regclass) TO PUBLIC; -- views that everybody may read call it
