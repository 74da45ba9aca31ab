
-- Background work: a round of folds, its failures, and the workers

CREATE FUNCTION topk.record_failure(rollup integer, code text, message text, backfill boolean DEFAULT false)
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_record_failure';
COMMENT ON FUNCTION topk.record_failure(integer, text, text, boolean) IS
    'support function of workers: records an error of a fold or backfill in topk.error_log, and the time of the next attempt in topk.rollup_state';
REVOKE ALL ON FUNCTION topk.record_failure(integer, text, text, boolean) FROM PUBLIC;

CREATE PROCEDURE topk.run()
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_run';
COMMENT ON PROCEDURE topk.run() IS
    'does one round of the work of the background worker: folds every rollup that has something to fold, runs the backfills that were asked for, and maintains the delta log. It waits 10 s at most for rollups whose lock another transaction holds, and warns of those that it left out. It folds each rollup in a transaction of its own, or all in the transaction block in which it is called. If one rollup fails, it raises a warning, records the error in topk.errors and goes on. Requires READ COMMITTED (SQLSTATE 25001).';
REVOKE ALL ON PROCEDURE topk.run() FROM PUBLIC;

CREATE FUNCTION topk.worker_slots(OUT database oid, OUT state text, OUT pid integer, OUT backfill_pid integer,
                                  OUT started timestamptz, OUT rounds bigint, OUT last_round timestamptz, OUT pending bigint, OUT pending_bytes bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 4
    AS 'MODULE_PATHNAME', 'topk_worker_slots';
COMMENT ON FUNCTION topk.worker_slots() IS 'support function of topk.workers: returns the state of the workers from shared memory; no row without shared_preload_libraries';

CREATE VIEW topk.workers AS
    SELECT coalesce(d.datname, w.database::text) AS database, w.state, w.pid, w.backfill_pid, w.started, w.rounds, w.last_round, w.pending, w.pending_bytes
    FROM topk.worker_slots() AS w
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = w.database;
COMMENT ON VIEW topk.workers IS
    'the background workers of all databases of the server; no row without shared_preload_libraries';
COMMENT ON COLUMN topk.workers.state IS 'stopped, starting or running';
COMMENT ON COLUMN topk.workers.backfill_pid IS 'process that runs a backfill; NULL if there is none';
COMMENT ON COLUMN topk.workers.rounds IS 'rounds since the worker started';
COMMENT ON COLUMN topk.workers.pending IS 'rows of the delta log that were committed since the last round began';
COMMENT ON COLUMN topk.workers.pending_bytes IS 'size of these rows, each of which counts as 256 bytes at least; from pg_topk.wake_size on, a round begins earlier';
GRANT SELECT ON topk.workers TO PUBLIC;
GRANT EXECUTE ON FUNCTION topk.worker_slots() TO PUBLIC;
