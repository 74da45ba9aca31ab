
-- Folds, which move counts from the delta log to topk.tile, retention, and counting rows of a table again.
-- Functions that a fold calls are in PL/pgSQL, which keeps their plans for the next call; SQL functions would be planned each time.

CREATE FUNCTION topk.write_snapshot(place tid, kind text, k integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO topk.snapshot AS s (rollup, window_kind, start, stop, grp, events, weight, distinct_items, entries)
    SELECT t.rollup, kind, t.start, t.stop, t.grp, t.events, @extschema@.total(t.summary),
           topk.distinct_items(t.summary, t.registers), ARRAY(SELECT e FROM @extschema@.topk(t.summary, k) AS e)
    FROM topk.tile AS t
    WHERE t.ctid = place
    ON CONFLICT (rollup, window_kind, grp, start) DO UPDATE
    SET events = excluded.events, weight = excluded.weight, distinct_items = excluded.distinct_items, entries = excluded.entries;
END
$$;
COMMENT ON FUNCTION topk.write_snapshot(tid, text, integer) IS
    'support function of folds: writes the top k of the row of topk.tile at a place to topk.snapshot';
REVOKE ALL ON FUNCTION topk.write_snapshot(tid, text, integer) FROM PUBLIC;

CREATE FUNCTION topk.ago(age interval)
    RETURNS timestamptz
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN age < interval '6700 years' THEN now() - age ELSE '-infinity' END;
COMMENT ON FUNCTION topk.ago(interval) IS
    'support function of folds: returns now() - age, or -infinity if timestamptz has no time that early';
REVOKE ALL ON FUNCTION topk.ago(interval) FROM PUBLIC;

CREATE FUNCTION topk.add_by_level(a bigint[], b bigint[])
    RETURNS bigint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    RETURN ARRAY(SELECT greatest(x + y, 0) FROM unnest(a, b) WITH ORDINALITY AS u (x, y, i) ORDER BY i);
COMMENT ON FUNCTION topk.add_by_level(bigint[], bigint[]) IS
    'support function of folds: adds two arrays element by element; a negative sum becomes 0';
REVOKE ALL ON FUNCTION topk.add_by_level(bigint[], bigint[]) FROM PUBLIC;

CREATE FUNCTION topk.expire(rollup integer)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kinds constant text[] := '{tile,hour,day,week,month}'; -- of levels 0 to 4
    definition record;
    age interval;
    n bigint;
    freed bigint;
    total bigint := 0;
    windows bigint[] := '{0,0,0,0,0}';
    bytes bigint[] := '{0,0,0,0,0}';
BEGIN
    SELECT r.retention, r.grain = interval '1 hour' AND 'hour' = ANY (r.windows) AS tiles_are_hours
    INTO definition
    FROM topk.rollup AS r
    WHERE r.id = expire.rollup;
    FOR i IN 0..4 LOOP
        age := (definition.retention ->> kinds[i + 1])::interval;
        IF i = 0 AND definition.tiles_are_hours THEN
            age := greatest(age, (definition.retention ->> 'hour')::interval);
        END IF;
        WITH removed AS (
            DELETE FROM topk.tile AS t
            WHERE t.rollup = expire.rollup AND t.level = i AND t.stop < topk.ago(age) AND t.finished
            RETURNING topk.stored_bytes(t.summary, t.sketch, t.registers) AS size)
        SELECT count(*), coalesce(sum(r.size), 0) INTO n, freed FROM removed AS r;
        total := total + n;
        windows[i + 1] := -n;
        bytes[i + 1] := -freed;
        DELETE FROM topk.snapshot AS s
        WHERE s.rollup = expire.rollup AND s.window_kind = kinds[i + 1]
          AND s.stop < topk.ago((definition.retention ->> 'snapshot')::interval);
    END LOOP;
    IF total > 0 THEN
        DELETE FROM topk.group_key AS g
        WHERE g.rollup = expire.rollup
          AND NOT EXISTS (SELECT FROM topk.tile AS t WHERE t.rollup = g.rollup AND t.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_0 AS d WHERE d.rollup = g.rollup AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_1 AS d WHERE d.rollup = g.rollup AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_2 AS d WHERE d.rollup = g.rollup AND d.grp = g.grp)
          AND NOT EXISTS (SELECT FROM topk.delta_3 AS d WHERE d.rollup = g.rollup AND d.grp = g.grp);
    END IF;
    UPDATE topk.rollup_state AS s
    SET retained_at = now(), level_windows = topk.add_by_level(s.level_windows, windows),
        level_bytes = topk.add_by_level(s.level_bytes, bytes)
    WHERE s.rollup = expire.rollup;
END
$$;
COMMENT ON FUNCTION topk.expire(integer) IS
    'support function of folds: removes the windows, snapshots and groups that the retention of a rollup does not keep';
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
    VALUES (record_fold.rollup, record_fold.events, record_fold.weight, record_fold.late, record_fold.rejected,
            record_fold.overflowed, 1, started, clock_timestamp() - started, windows, bytes)
    ON CONFLICT ON CONSTRAINT rollup_state_pkey DO UPDATE
    SET events = s.events + excluded.events, weight = least(s.weight::numeric + excluded.weight, 9223372036854775807)::bigint,
        late = s.late + excluded.late, rejected = s.rejected + excluded.rejected, overflowed = s.overflowed + excluded.overflowed,
        folds = s.folds + 1, last_fold = excluded.last_fold, last_fold_duration = excluded.last_fold_duration, failures = 0,
        retry_at = NULL, level_windows = topk.add_by_level(s.level_windows, excluded.level_windows),
        level_bytes = topk.add_by_level(s.level_bytes, excluded.level_bytes);
    -- After a restore with triggers disabled, the columns are found again by their names.
    UPDATE topk.rollup AS r
    SET source_oid = r.source::oid,
        columns = coalesce((SELECT jsonb_object_agg(a.attnum, a.attname)
                            FROM jsonb_each_text(r.columns) AS c
                            JOIN pg_attribute AS a ON a.attrelid = r.source AND a.attname = c.value AND NOT a.attisdropped), '{}')
    WHERE r.id = record_fold.rollup AND r.source_oid <> r.source::oid;
    IF finished OR (SELECT coalesce(s.retained_at, '-infinity') < now() - interval '1 hour'
                    FROM topk.rollup_state AS s WHERE s.rollup = record_fold.rollup) THEN
        PERFORM topk.expire(record_fold.rollup);
    END IF;
END
$$;
COMMENT ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean, bigint[], bigint[]) IS
    'support function of folds: adds the counts of a fold to the totals of its rollup, and applies retention if windows are finished or the last time was an hour ago';
REVOKE ALL ON FUNCTION topk.record_fold(integer, bigint, bigint, bigint, bigint, bigint, timestamptz, boolean, bigint[], bigint[])
    FROM PUBLIC;

CREATE FUNCTION topk.fold(rollup integer, OUT deltas bigint, OUT tiles bigint, OUT more boolean)
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_fold';
COMMENT ON FUNCTION topk.fold(integer) IS
    'folds a rollup, given by its id: merges committed deltas into tiles, and tiles that are over into the windows above them. Returns the number of deltas taken from the log, the number of rows of topk.tile written, and in more whether to call it again in a new transaction. Requires READ COMMITTED (SQLSTATE 25001).';
REVOKE ALL ON FUNCTION topk.fold(integer) FROM PUBLIC;

CREATE FUNCTION topk.maintain()
    RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_maintain';
COMMENT ON FUNCTION topk.maintain() IS
    'moves the delta log on to another slot if the active one has grown to 4 MB, and empties slots that no snapshot needs';
REVOKE ALL ON FUNCTION topk.maintain() FROM PUBLIC;

-- Counting rows of a table again

CREATE FUNCTION topk.recount_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    -- Like capture, the query evaluates the other expressions only for rows that the filter lets through.
    SELECT format('SELECT (%1$s), %2$s, CASE WHEN %2$s THEN (%3$s)::%4$s END, CASE WHEN %2$s THEN (%5$s)::bigint END%6$s '
                  'FROM %7$s WHERE (%1$s) >= $1 AND (%1$s) < $2',
                  r.time, f.passes, r.item,
                  CASE r.item_kind WHEN 'i' THEN 'bigint' WHEN 'u' THEN 'uuid' WHEN 'b' THEN 'bytea' ELSE 'text' END,
                  coalesce(r.weight, '1'),
                  (SELECT string_agg(format(', CASE WHEN %s THEN (%s)::text END', f.passes, g), '' ORDER BY i)
                   FROM unnest(r.group_by) WITH ORDINALITY AS u (g, i)),
                  topk.rows_of(r.source))
    FROM topk.rollup AS r
    CROSS JOIN LATERAL (SELECT coalesce('coalesce((' || r.filter || '), false)', 'true')) AS f (passes)
    WHERE r.id = recount_query.rollup
$$;
COMMENT ON FUNCTION topk.recount_query(integer) IS
    'support function of topk.backfill: returns the query that reads the rows of a span ($1 to $2): time, whether the filter lets the row through, item, weight, groups';
REVOKE ALL ON FUNCTION topk.recount_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.older_row_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT FROM %s WHERE (%s) < $1 LIMIT 1', topk.rows_of(r.source), r.time)
    FROM topk.rollup AS r
    WHERE r.id = older_row_query.rollup
$$;
COMMENT ON FUNCTION topk.older_row_query(integer) IS
    'support function of topk.refresh: returns the query for a row of the source that is older than a time ($1)';
REVOKE ALL ON FUNCTION topk.older_row_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.uncount(rollup integer, since timestamptz, until timestamptz, events bigint, weight bigint)
    RETURNS void
    LANGUAGE sql
    SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE topk.rollup_state AS s
    SET events = greatest(s.events - uncount.events - span.events, 0),
        weight = greatest(s.weight - uncount.weight - span.weight, 0)
    FROM (SELECT coalesce(sum(t.events), 0)::bigint AS events, coalesce(sum(@extschema@.total(t.summary)), 0)::bigint AS weight
          FROM topk.tile AS t
          WHERE t.rollup = uncount.rollup AND t.level = 0 AND t.grp IS NULL AND t.start >= since AND t.stop <= until) AS span
    WHERE s.rollup = uncount.rollup
$$;
COMMENT ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) IS
    'support function of topk.backfill: subtracts the tiles of a span, and the given events and weight, from the totals of a rollup';
REVOKE ALL ON FUNCTION topk.uncount(integer, timestamptz, timestamptz, bigint, bigint) FROM PUBLIC;

CREATE FUNCTION topk.backfill(rollup text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_backfill';
COMMENT ON FUNCTION topk.backfill(text, timestamptz, timestamptz) IS
    'counts the rows that the source table has in a span, in place of what was captured of them, and returns their number. The span is widened to whole tiles, from the one that contains since to the last one before until. Counts that are older than the oldest row stay. Writers wait only while the function takes its snapshot. Only the owner of the source may call it, at READ COMMITTED (SQLSTATE 25001), and not for a stream (SQLSTATE 42809).';

CREATE FUNCTION topk.refresh(rollup text, since timestamptz, until timestamptz)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_refresh';
COMMENT ON FUNCTION topk.refresh(text, timestamptz, timestamptz) IS
    'does the same as topk.backfill, for use after an UPDATE or DELETE. Raises SQLSTATE 55000 if the rollup has counts in the span that are older than the oldest row, or if the span contains a part of a window whose other tiles are no longer kept.';

CREATE FUNCTION topk.run_backfill(rollup integer)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_run_backfill';
COMMENT ON FUNCTION topk.run_backfill(integer) IS
    'support function of workers: runs the backfill that topk.create_rollup asked for, and returns the number of rows counted';
REVOKE ALL ON FUNCTION topk.run_backfill(integer) FROM PUBLIC;
