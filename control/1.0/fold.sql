
-- Folds, which move counts from the delta log to topk.tile, and counting rows of a table again.

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
    SELECT format('SELECT (%1$s)::timestamptz, %2$s, CASE WHEN %2$s THEN (%3$s)::%4$s END, CASE WHEN %2$s THEN (%5$s)::bigint END%6$s '
                  'FROM %7$s WHERE (%1$s)::timestamptz >= $1 AND (%1$s)::timestamptz < $2',
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

CREATE FUNCTION topk.backfill(rollup text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_backfill';
COMMENT ON FUNCTION topk.backfill(text, timestamptz, timestamptz) IS
    'counts the rows that the source table has in a span, in place of what was captured of them, and returns their number. The span is widened to whole tiles, from the one that contains since to the last one before until. A tile that has counts, and of which the table has no row, is left as it is. Where retention has removed tiles, the same holds for the shortest windows that are kept, and for such a window that has counted more events than the table has. Writers wait only while the function takes its snapshot. Only the owner of the source may call it, at READ COMMITTED (SQLSTATE 25001), and not for a stream (SQLSTATE 42809).';

CREATE FUNCTION topk.extent_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('SELECT min((%1$s)::timestamptz), max((%1$s)::timestamptz) FROM %2$s WHERE (%1$s)::timestamptz >= $1 AND (%1$s)::timestamptz < $2',
                  r.time, topk.rows_of(r.source))
    FROM topk.rollup AS r
    WHERE r.id = extent_query.rollup
$$;
COMMENT ON FUNCTION topk.extent_query(integer) IS
    'support function of topk.backfill_in_steps: returns the query for the first and the last time of the rows of a span ($1 to $2)';
REVOKE ALL ON FUNCTION topk.extent_query(integer) FROM PUBLIC;

CREATE PROCEDURE topk.backfill_in_steps(rollup text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
                                        step interval DEFAULT NULL)
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'topk_backfill_in_steps';
COMMENT ON PROCEDURE topk.backfill_in_steps(text, timestamptz, timestamptz, interval) IS
    'does the same as topk.backfill, in transactions of its own: one for each step of so much time, from the last row to the first. Without step, a step takes about ten seconds, or longer if each step reads the whole table. A call with the same since and until continues where an earlier one was stopped by an error, a cancellation or a restart of the server; the view topk.backfills shows the share that is done and the time that is left. A step is longer than asked where retention keeps longer windows alone. Each step reads the rows of its span, for which an index on the time helps. Raises SQLSTATE 55000 for a span while topk.create_rollup(..., backfill => true) has rows left to count. Only the owner of the source may call it, outside of a transaction block (SQLSTATE 2D000), at READ COMMITTED (25001), and not for a stream (42809).';

CREATE FUNCTION topk.discard(rollup text, since timestamptz, until timestamptz)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_discard';
COMMENT ON FUNCTION topk.discard(text, timestamptz, timestamptz) IS
    'removes what a rollup has counted in a span, from the tile that contains since to the last one before until; either may be infinite. Returns the number of events that were removed. Longer windows are made anew of their other parts. Raises SQLSTATE 55000, with the span that would work, if retention has removed the counts of these. Events of transactions that have not committed yet are not removed. Only the owner of the source may call it, at READ COMMITTED (SQLSTATE 25001).';

CREATE FUNCTION topk.refresh(rollup text, since timestamptz, until timestamptz, empty boolean DEFAULT false)
    RETURNS bigint
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'topk_refresh';
COMMENT ON FUNCTION topk.refresh(text, timestamptz, timestamptz, boolean) IS
    'does the same as topk.backfill, for use after an UPDATE or DELETE. Raises SQLSTATE 55000, with the first such time, if the rollup has counts of a tile (where retention has removed tiles: of a window) of which the table has no row; with empty, it removes these counts. Raises 55000 too if a part of a window is in the span and retention has removed the counts of the other parts.';
