
-- Roles, and the check whether a user may ask. All databases of a server share its roles: another database may have created
-- these before, or create them at this moment, and DROP EXTENSION leaves them in place.

DO $$
BEGIN
    BEGIN
        CREATE ROLE topk_reader;
        COMMENT ON ROLE topk_reader IS 'members may ask rollups of pg_topk if they have SELECT on the source, or a right that topk.grant_ask gives';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
    BEGIN
        CREATE ROLE topk_writer;
        COMMENT ON ROLE topk_writer IS 'members may call topk_api.ingest_event and topk_api.ingest_events of pg_topk; an INSERT by SQL does not take it';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
    END;
END
$$;

CREATE FUNCTION topk.may_read(source regclass)
    RETURNS boolean
    LANGUAGE C STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_may_read';
COMMENT ON FUNCTION topk.may_read(regclass) IS
    'returns whether the current user may ask all rollups of a source for everything, without a right that topk.grant_ask gives. The user must have SELECT on the source, and must own it or be a member of topk_reader. Row-level security of the source must not apply to the user.';
GRANT EXECUTE ON FUNCTION topk.may_read(regclass) TO PUBLIC;

-- Views are made of functions that return the rows of rollups which the user may ask or watch, and of no others: EXPLAIN ANALYZE of a query
-- on a table would count the rows that a view hides. Their output columns are columns of the table with these names. No view has
-- the row type of a table: ALTER TABLE would be refused then.

CREATE FUNCTION topk.readable_rollups(OUT id integer, OUT schema name, OUT name text, OUT source regclass, OUT item text, OUT "time" text,
                                      OUT weight text, OUT filter text, OUT group_by text[], OUT grain interval,
                                      OUT windows text[], OUT timezone text, OUT k integer, OUT capacity integer, OUT width integer,
                                      OUT depth integer, OUT max_groups integer, OUT accept_past interval,
                                      OUT accept_future interval, OUT retention jsonb, OUT created timestamptz,
                                      OUT metadata regclass, OUT metadata_key name)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_readable_rollups';
COMMENT ON FUNCTION topk.readable_rollups() IS
    'support function of the views: returns the rows of topk.rollup for the rollups that the current user may ask or, with the privileges of pg_monitor, watch, and the schema of the source of each';
GRANT EXECUTE ON FUNCTION topk.readable_rollups() TO PUBLIC;

CREATE FUNCTION topk.readable_states(OUT rollup integer, OUT events bigint, OUT weight numeric, OUT late bigint, OUT rejected bigint,
                                     OUT overflowed bigint, OUT folds bigint, OUT last_fold timestamptz,
                                     OUT last_fold_duration interval, OUT failures integer, OUT retry_at timestamptz,
                                     OUT backfill text, OUT counted_since timestamptz, OUT level_windows bigint[], OUT level_bytes bigint[],
                                     OUT lost_until timestamptz[])
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_readable_states';
COMMENT ON FUNCTION topk.readable_states() IS
    'support function of the views: returns the rows of topk.rollup_state for the rollups that the current user may ask for all groups or, with the privileges of pg_monitor, watch';
GRANT EXECUTE ON FUNCTION topk.readable_states() TO PUBLIC;

CREATE FUNCTION topk.readable_backfills(OUT rollup integer, OUT since timestamptz, OUT until timestamptz, OUT left_until timestamptz,
                                        OUT events bigint, OUT spent interval, OUT started timestamptz, OUT updated timestamptz)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_readable_backfills';
COMMENT ON FUNCTION topk.readable_backfills() IS
    'support function of topk.backfills: returns the rows of topk.backfill_progress for the rollups that the current user may ask for all groups or, with the privileges of pg_monitor, watch';
GRANT EXECUTE ON FUNCTION topk.readable_backfills() TO PUBLIC;

CREATE FUNCTION topk.readable_groups(of_rollup integer, OUT rollup integer, OUT grp text[])
    RETURNS SETOF record
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'topk_readable_groups';
COMMENT ON FUNCTION topk.readable_groups(integer) IS
    'support function of topk.groups: returns the groups of a rollup, given by its id, that the current user may ask for';
GRANT EXECUTE ON FUNCTION topk.readable_groups(integer) TO PUBLIC;

CREATE FUNCTION topk.readable_snapshots(of_rollup integer, OUT window_kind text, OUT start timestamptz, OUT stop timestamptz,
                                        OUT grp text[], OUT events bigint, OUT weight bigint, OUT distinct_items bigint,
                                        OUT entries @extschema@.topk_entry[])
    RETURNS SETOF record
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED ROWS 1000
    AS 'MODULE_PATHNAME', 'topk_readable_snapshots';
COMMENT ON FUNCTION topk.readable_snapshots(integer) IS
    'support function of topk.snapshots: returns the snapshots of a rollup, given by its id, of what the current user may ask for';
GRANT EXECUTE ON FUNCTION topk.readable_snapshots(integer) TO PUBLIC;

CREATE FUNCTION topk.readable_errors(OUT at timestamptz, OUT rollup integer, OUT sqlstate text, OUT message text,
                                     OUT level smallint, OUT start timestamptz, OUT stop timestamptz, OUT grp text[],
                                     OUT row_id bigint)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100
    AS 'MODULE_PATHNAME', 'topk_readable_errors';
COMMENT ON FUNCTION topk.readable_errors() IS
    'support function of the views: returns the errors of the rollups that the current user may ask for all groups. With the privileges of pg_monitor, it returns those of other rollups too, without message and group.';
GRANT EXECUTE ON FUNCTION topk.readable_errors() TO PUBLIC;

CREATE FUNCTION topk.readable_askers(OUT rollup integer, OUT role text, OUT grp text[])
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10
    AS 'MODULE_PATHNAME', 'topk_readable_askers';
COMMENT ON FUNCTION topk.readable_askers() IS
    'support function of topk.askers: returns the rows of topk.ask_grant for the rollups that the current user may ask for all groups, and the rights of that user';
GRANT EXECUTE ON FUNCTION topk.readable_askers() TO PUBLIC;
