
-- Folding

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
    -- Like capture, it computes the rest only of rows that the filter lets through.
    SELECT format('SELECT (%1$s), %2$s, CASE WHEN %2$s THEN (%3$s)::%4$s END, CASE WHEN %2$s THEN (%5$s)::bigint END%6$s '
                  'FROM %9$s%7$I.%8$I WHERE (%1$s) >= $1 AND (%1$s) < $2',
                  r.time, f.passes, r.item,
                  CASE r.item_kind WHEN 'i' THEN 'bigint' WHEN 'u' THEN 'uuid' WHEN 'b' THEN 'bytea' ELSE 'text' END,
                  coalesce(r.weight, '1'),
                  (SELECT string_agg(format(', CASE WHEN %s THEN (%s)::text END', f.passes, g), '' ORDER BY i)
                   FROM unnest(r.group_by) WITH ORDINALITY AS u (g, i)),
                  n.nspname, c.relname,
                  -- Rows of partitions are rows of the source, those of children that inherit from it are not.
                  CASE WHEN c.relkind = 'r' THEN 'ONLY ' END)
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT coalesce('coalesce((' || r.filter || '), false)', 'true')) AS f (passes)
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
