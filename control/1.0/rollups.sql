
-- Rollups: the windows kept, and what keeps them up to date.

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

CREATE FUNCTION topk.create_rollup(
    name text,
    source regclass,
    item text,
    event_time text,
    group_by text[] DEFAULT '{}',
    windows text[] DEFAULT '{hour,day,week,month}',
    k integer DEFAULT 100,
    weight text DEFAULT NULL,
    filter text DEFAULT NULL,
    grain interval DEFAULT '1 hour',
    timezone text DEFAULT 'UTC',
    capacity integer DEFAULT NULL,
    width integer DEFAULT 10000,
    depth integer DEFAULT 5,
    max_groups integer DEFAULT 10000,
    retention jsonb DEFAULT NULL,
    accept_past interval DEFAULT NULL,
    accept_future interval DEFAULT '1 day',
    backfill boolean DEFAULT false,
    metadata regclass DEFAULT NULL,
    metadata_key name DEFAULT NULL
) RETURNS integer
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_create_rollup';
COMMENT ON FUNCTION topk.create_rollup(text, regclass, text, text, text[], text[], integer, text, text, interval, text, integer,
                                       integer, integer, integer, jsonb, interval, interval, boolean, regclass, name) IS
    'from now on counts the rows that are inserted into a stream or table; returns the id of the rollup';

CREATE FUNCTION topk.drop_rollup(name text) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_drop_rollup';
COMMENT ON FUNCTION topk.drop_rollup(text) IS 'removes a rollup and all that it counted';

CREATE FUNCTION topk.after_ddl() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_ddl';
COMMENT ON FUNCTION topk.after_ddl() IS
    'event trigger: rollups follow renamed columns and new partitions, and refuse changes that their expressions would not survive';
CREATE EVENT TRIGGER topk_ddl ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA')
    EXECUTE FUNCTION topk.after_ddl();
COMMENT ON EVENT TRIGGER topk_ddl IS 'keeps rollups in step with their sources';

CREATE FUNCTION topk.after_drop() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_after_drop';
COMMENT ON FUNCTION topk.after_drop() IS 'event trigger: the rollups of a dropped source go with it';
CREATE EVENT TRIGGER topk_sql_drop ON sql_drop EXECUTE FUNCTION topk.after_drop();
COMMENT ON EVENT TRIGGER topk_sql_drop IS 'removes the rollups of dropped sources';

SELECT pg_catalog.pg_extension_config_dump('topk.tile', '');
SELECT pg_catalog.pg_extension_config_dump('topk.group_key', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('topk.rollup_state', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log', '');
SELECT pg_catalog.pg_extension_config_dump('topk.tile_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.snapshot_row_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('topk.error_log_row_id_seq', '');
COMMENT ON SEQUENCE topk.tile_row_id_seq IS 'numbers of rows of topk.tile';
COMMENT ON SEQUENCE topk.snapshot_row_id_seq IS 'numbers of rows of topk.snapshot';
COMMENT ON SEQUENCE topk.error_log_row_id_seq IS 'numbers of rows of topk.error_log';

-- Folding

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

CREATE FUNCTION topk.write_snapshot(place tid, kind text, k integer)
    RETURNS void
    LANGUAGE plpgsql -- whose plans are kept, unlike those of SQL functions
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO topk.snapshot AS s (rollup, window_kind, start, stop, grp, events, weight, distinct_items, entries)
    SELECT t.rollup, $2, t.start, t.stop, t.grp, t.events, @extschema@.total(t.summary),
           topk.distinct_items(t.summary, t.registers), ARRAY(SELECT e FROM @extschema@.topk(t.summary, $3) AS e)
    FROM topk.tile AS t
    WHERE t.ctid = $1
    ON CONFLICT (rollup, window_kind, grp, start) DO UPDATE
    SET events = excluded.events, weight = excluded.weight, distinct_items = excluded.distinct_items, entries = excluded.entries;
END
$$;
COMMENT ON FUNCTION topk.write_snapshot(tid, text, integer) IS 'support function of folds: writes the top k of a row of topk.tile to topk.snapshot';
REVOKE ALL ON FUNCTION topk.write_snapshot(tid, text, integer) FROM PUBLIC;

CREATE FUNCTION topk.ago(age interval)
    RETURNS timestamptz
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN $1 < interval '6700 years' THEN now() - $1 ELSE '-infinity' END;
COMMENT ON FUNCTION topk.ago(interval) IS 'support function of folds: the time that long ago, -infinity when there is none so early';
REVOKE ALL ON FUNCTION topk.ago(interval) FROM PUBLIC;

CREATE FUNCTION topk.stored_bytes(summary @extschema@.spacesaving, sketch @extschema@.cms, registers bytea)
    RETURNS bigint
    LANGUAGE C IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'topk_stored_bytes';
COMMENT ON FUNCTION topk.stored_bytes(@extschema@.spacesaving, @extschema@.cms, bytea) IS
    'bytes that these values of a row of topk.tile take, in it or beside it';

CREATE FUNCTION topk.add_by_level(a bigint[], b bigint[])
    RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN ARRAY(SELECT greatest(x + y, 0) FROM unnest($1, $2) WITH ORDINALITY AS u (x, y, i) ORDER BY i);
COMMENT ON FUNCTION topk.add_by_level(bigint[], bigint[]) IS 'support function of folds: adds up the counts of each level';
REVOKE ALL ON FUNCTION topk.add_by_level(bigint[], bigint[]) FROM PUBLIC;

CREATE FUNCTION topk.expire(rollup integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept jsonb := (SELECT r.retention FROM topk.rollup AS r WHERE r.id = $1);
    -- The grain's tiles answer for hours too when they are hours.
    hours boolean := (SELECT r.grain = interval '1 hour' AND 'hour' = ANY (r.windows) FROM topk.rollup AS r WHERE r.id = $1);
    kinds text[] := '{tile,hour,day,week,month}';
    age interval;
    n bigint;
    freed bigint;
    total bigint := 0;
    windows bigint[] := '{0,0,0,0,0}';
    bytes bigint[] := '{0,0,0,0,0}';
BEGIN
    FOR i IN 0..4 LOOP
        age := (kept ->> kinds[i + 1])::interval;
        IF i = 0 AND hours THEN
            age := greatest(age, (kept ->> 'hour')::interval);
        END IF;
        WITH gone AS (
            DELETE FROM topk.tile AS t
            WHERE t.rollup = $1 AND t.level = i AND t.stop < topk.ago(age) AND t.finished
            RETURNING topk.stored_bytes(t.summary, t.sketch, t.registers) AS size)
        SELECT count(*), coalesce(sum(g.size), 0) INTO n, freed FROM gone AS g;
        total := total + n;
        windows[i + 1] := -n;
        bytes[i + 1] := -freed;
        DELETE FROM topk.snapshot AS s
        WHERE s.rollup = $1 AND s.window_kind = kinds[i + 1] AND s.stop < topk.ago((kept ->> 'snapshot')::interval);
    END LOOP;
    IF total > 0 THEN
        DELETE FROM topk.group_key AS g
        WHERE g.rollup = $1
          AND NOT EXISTS (SELECT FROM topk.tile AS t WHERE t.rollup = $1 AND t.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_0 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_1 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_2 AS d WHERE d.rollup = $1 AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_3 AS d WHERE d.rollup = $1 AND d.grp = g.grp);
    END IF;
    UPDATE topk.rollup_state AS s
    SET retained_at = now(), level_windows = topk.add_by_level(s.level_windows, windows),
        level_bytes = topk.add_by_level(s.level_bytes, bytes)
    WHERE s.rollup = $1;
END
$$;
COMMENT ON FUNCTION topk.expire(integer) IS 'support function of folds: removes what a rollup''s retention no longer keeps';
REVOKE ALL ON FUNCTION topk.expire(integer) FROM PUBLIC;

CREATE FUNCTION topk.record_fold(rollup integer, events bigint, weight bigint, late bigint, rejected bigint, overflowed bigint,
                                 started timestamptz, finished boolean, windows bigint[], bytes bigint[])
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO topk.rollup_state AS s (rollup, events, weight, late, rejected, overflowed, folds, last_fold, last_fold_duration,
                                        level_windows, level_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, clock_timestamp() - $7, $9, $10)
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
    SET events = s.events + $2, weight = least(s.weight::numeric + $3, 9223372036854775807)::bigint, late = s.late + $4, rejected = s.rejected + $5,
        overflowed = s.overflowed + $6, folds = s.folds + 1, last_fold = $7, last_fold_duration = clock_timestamp() - $7,
        failures = 0, retry_at = NULL, level_windows = topk.add_by_level(s.level_windows, $9),
        level_bytes = topk.add_by_level(s.level_bytes, $10);
    -- A dump that was restored with triggers disabled: its columns are known by their names.
    UPDATE topk.rollup AS r
    SET source_oid = r.source::oid,
        columns = coalesce((SELECT jsonb_object_agg(a.attnum, a.attname)
                            FROM jsonb_each_text(r.columns) AS c
                            JOIN pg_attribute AS a ON a.attrelid = r.source AND a.attname = c.value AND NOT a.attisdropped), '{}')
    WHERE r.id = $1 AND r.source_oid <> r.source::oid;
    IF finished OR (SELECT coalesce(s.retained_at, '-infinity') < now() - interval '1 hour'
                    FROM topk.rollup_state AS s WHERE s.rollup = $1) THEN
        PERFORM topk.expire($1);
    END IF;
END
$$;
COMMENT ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean, bigint[], bigint[]) IS
    'support function of folds: adds to the totals of a rollup';
REVOKE ALL ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean, bigint[], bigint[])
    FROM PUBLIC;

CREATE FUNCTION topk.fold(rollup integer, OUT deltas bigint, OUT tiles bigint, OUT more boolean)
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fold';
COMMENT ON FUNCTION topk.fold(integer) IS
    'folds one rollup: merges its committed deltas into tiles, and tiles that are over into the windows above them; deltas: rows taken away, tiles: rows written, more: call again, in a new transaction. At READ COMMITTED only (SQLSTATE 25001)';
REVOKE ALL ON FUNCTION topk.fold(integer) FROM PUBLIC;

CREATE FUNCTION topk.maintain()
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_maintain';
COMMENT ON FUNCTION topk.maintain() IS 'rotates the delta log where it has grown, and empties slots that no snapshot needs';
REVOKE ALL ON FUNCTION topk.maintain() FROM PUBLIC;

-- Counting again from the table

CREATE FUNCTION topk.recount_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT (%1$s), coalesce((%2$s), false), (%3$s)::%4$s, (%5$s)::bigint%6$s FROM %9$s%7$I.%8$I '
                  'WHERE (%1$s) >= $1 AND (%1$s) < $2',
                  r.time, coalesce(r.filter, 'true'), r.item,
                  CASE r.item_kind WHEN 'i' THEN 'bigint' WHEN 'u' THEN 'uuid' WHEN 'b' THEN 'bytea' ELSE 'text' END,
                  coalesce(r.weight, '1'),
                  (SELECT string_agg(format(', (%s)::text', g), '' ORDER BY i)
                   FROM unnest(r.group_by) WITH ORDINALITY AS u (g, i)),
                  n.nspname, c.relname,
                  -- Rows of partitions are rows of the source, those of children that inherit from it are not.
                  CASE WHEN c.relkind = 'r' THEN 'ONLY ' END)
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION topk.recount_query(integer) IS
    'support function of topk.backfill: the query for the rows of a span: time, whether the filter holds, item, weight, groups';
REVOKE ALL ON FUNCTION topk.recount_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.older_row_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT FROM %s%I.%I WHERE (%s) < $1 LIMIT 1', CASE WHEN c.relkind = 'r' THEN 'ONLY ' END, n.nspname, c.relname,
                  r.time)
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION topk.older_row_query(integer) IS
    'support function of topk.refresh: the query for a row of the source from before a time';
REVOKE ALL ON FUNCTION topk.older_row_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.uncount(rollup integer, since timestamptz, until timestamptz, events bigint, weight bigint)
    RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE topk.rollup_state AS s
    SET events = greatest(s.events - $4 - t.events, 0), weight = greatest(s.weight - $5 - t.weight, 0)
    FROM (SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(@extschema@.total(summary)), 0)::bigint AS weight
          FROM topk.tile WHERE rollup = $1 AND level = 0 AND grp IS NULL AND start >= $2 AND stop <= $3) AS t
    WHERE s.rollup = $1
$$;
COMMENT ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) IS
    'support function of topk.backfill: takes the tiles of a span, and so much besides, from the totals of a rollup';
REVOKE ALL ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION topk.backfill(rollup text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_backfill';
COMMENT ON FUNCTION topk.backfill(text, timestamptz, timestamptz) IS
    'counts the rows that the source holds for the tiles from the one that contains since to the one before until, in place of what was captured of them; counts older than the oldest row stay. Returns the events counted. Writers wait only while a snapshot is taken. The owner of the source only; at READ COMMITTED only; an error for streams';

CREATE FUNCTION topk.refresh(rollup text, since timestamptz, until timestamptz)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_refresh';
COMMENT ON FUNCTION topk.refresh(text, timestamptz, timestamptz) IS
    'like topk.backfill, after an UPDATE or DELETE; SQLSTATE 55000 where the rollup has counts from before the oldest row that the source still has in the range, or where other tiles of a window that must be made anew are no longer kept';

CREATE FUNCTION topk.run_backfill(rollup integer)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_run_backfill';
COMMENT ON FUNCTION topk.run_backfill(integer) IS 'support function of workers: the backfill that topk.create_rollup asked for';
REVOKE ALL ON FUNCTION topk.run_backfill(integer) FROM PUBLIC;

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
