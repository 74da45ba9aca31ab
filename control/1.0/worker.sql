
-- Background work

CREATE FUNCTION topk.record_failure(rollup integer, code text, message text, backfill boolean DEFAULT false)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF $4 THEN
        -- Of an error that may pass by itself another attempt is made; of any other there would be hours of the same.
        UPDATE topk.rollup_state AS s
        SET backfill = CASE WHEN $2 ~ '^(40|53|55P03|57)' THEN 'wanted' ELSE 'failed' END
        WHERE s.rollup = $1;
    ELSE
        INSERT INTO topk.rollup_state AS s (rollup, failures, retry_at)
        SELECT r.id, 1, clock_timestamp() + interval '2 s' FROM topk.rollup AS r WHERE r.id = $1
        ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
        SET failures = s.failures + 1,
            retry_at = clock_timestamp() + least(2 ^ least(s.failures + 1, 20), 300) * interval '1 s';
    END IF;
    INSERT INTO topk.error_log (rollup, sqlstate, message)
    SELECT r.id, $2, $3 FROM topk.rollup AS r WHERE r.id = $1;
    DELETE FROM topk.error_log AS e
    WHERE e.rollup = $1 AND e.at < (SELECT l.at FROM topk.error_log AS l WHERE l.rollup = $1 ORDER BY l.at DESC OFFSET 99 LIMIT 1);
END
$$;
COMMENT ON FUNCTION topk.record_failure(integer, text, text, boolean) IS
    'support function of workers: writes an error to topk.error_log, and when the rollup is to be tried again';
REVOKE ALL ON FUNCTION topk.record_failure(integer, text, text, boolean) FROM PUBLIC;

CREATE PROCEDURE topk.run()
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_run';
COMMENT ON PROCEDURE topk.run() IS
    'one round of what the background worker does: folds every rollup, runs the backfills that were asked for, maintains the delta log. Each rollup in a transaction of its own, or, called in a transaction block, all in that; a failure of one is a warning, recorded in topk.errors. At READ COMMITTED only (SQLSTATE 25001)';
REVOKE ALL ON PROCEDURE topk.run() FROM PUBLIC;

CREATE FUNCTION topk.worker_slots(OUT database oid, OUT state text, OUT pid integer, OUT backfill_pid integer,
                                  OUT started timestamptz, OUT rounds bigint, OUT last_round timestamptz, OUT pending bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4
    AS 'MODULE_PATHNAME', 'topk_worker_slots';
COMMENT ON FUNCTION topk.worker_slots() IS 'support function of topk.workers: what is in shared memory; no row without shared_preload_libraries';

CREATE VIEW topk.workers AS
    SELECT coalesce(d.datname, w.database::text) AS database, w.state, w.pid, w.backfill_pid, w.started, w.rounds, w.last_round, w.pending
    FROM topk.worker_slots() AS w
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database;
COMMENT ON VIEW topk.workers IS
    'the workers of all databases of the server: processes, rounds since the start, and rows of the delta log written since the last round began';
GRANT SELECT ON topk.workers TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.worker_slots() TO PUBLIC;
