
-- topk.accuracy, which compares an answer with exact counts

CREATE FUNCTION topk.exact_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        $query$
        SELECT f.item, sum(f.weight), count(*)
        FROM (-- Because of OFFSET 0, no other expression is evaluated for rows that the filter excludes, as in capture.
              SELECT (%1$s)::text COLLATE "C" AS item, (%2$s)::bigint AS weight, ARRAY[%3$s]::text[] AS grp
              FROM %4$s
              WHERE (%5$s)::timestamptz >= $1 AND (%5$s)::timestamptz < $2 AND (%6$s)
              OFFSET 0) AS f
        WHERE f.item IS NOT NULL AND f.weight IS NOT NULL AND ($3 IS NULL OR f.grp = $3)
        GROUP BY f.item
        $query$,
        r.item, coalesce(r.weight, '1'),
        (SELECT string_agg(format('(%s)::text COLLATE "C"', u.expression), ', ' ORDER BY u.i)
         FROM unnest(r.group_by) WITH ORDINALITY AS u (expression, i)),
        topk.rows_of(r.source), r.time, coalesce(r.filter, 'true'))
    FROM topk.rollup AS r
    WHERE r.id = exact_query.rollup
$$;
COMMENT ON FUNCTION topk.exact_query(integer) IS
    'support function of topk.accuracy: returns the query for the item, weight and number of events of all items in a span ($1 to $2) and group ($3, NULL for all)';
REVOKE ALL ON FUNCTION topk.exact_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.exact_counts(rollup text, since timestamptz, until timestamptz, group_key text[],
                                  OUT item text, OUT weight numeric, OUT events bigint)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000
    AS 'MODULE_PATHNAME', 'topk_exact_counts';
COMMENT ON FUNCTION topk.exact_counts(text, timestamptz, timestamptz, text[]) IS
    'support function of topk.accuracy: counts the rows that the source table of a rollup has in a span, by the snapshot of the caller. The caller needs the right to read the rollup; its expressions run with the rights of the owner of the table.';

CREATE FUNCTION topk.compare_counts(rollup text, window_kind text, at timestamptz, INOUT k integer, group_key text[],
                                    OUT "precision" double precision, OUT recall double precision, OUT mean_relative_error double precision,
                                    OUT largest_error bigint, OUT guaranteed bigint, OUT guaranteed_wrong bigint,
                                    OUT bound_violations bigint, OUT events bigint, OUT exact_events bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp SET pg_topk.ask_nodes = off -- the exact counts are of the rows of this database
AS $$
#variable_conflict use_column
DECLARE
    info record;
    definition record;
BEGIN
    SELECT * INTO info FROM topk.window_info(rollup, window_kind, at, group_key);
    k := coalesce(k, 10);
    IF k NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'k must be between 1 and 10000';
    END IF;
    SELECT c.relkind, row_security_active(c.oid) OR c.relrowsecurity AND c.relforcerowsecurity AS policies
    INTO definition
    FROM topk.readable_rollups() AS r
    JOIN pg_class AS c ON c.oid = r.source
    WHERE format('%I.%I', r.schema, r.name) = rollup;
    IF definition.relkind NOT IN ('r', 'p') THEN
        RAISE wrong_object_type USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', rollup),
            DETAIL = 'Its source is a stream, which keeps no rows.',
            HINT = 'Insert a part of the events into a table too, and compare a rollup of that table that has the same parameters.';
    ELSIF definition.policies THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', rollup),
            DETAIL = 'Row-level security of its table may hide rows.';
    ELSIF group_key = '{}' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'cannot compare the overflow group with exact counts',
            DETAIL = 'The groups that it counts depend on the order in which events arrived.';
    END IF;
    WITH exact AS MATERIALIZED (
        SELECT e.item COLLATE "C" AS item, e.weight, e.events
        FROM topk.exact_counts(rollup, info.window_start, info.window_end, group_key) AS e
    ), listed AS MATERIALIZED ( -- all monitored items, or the first 10000 of them
        SELECT t.item COLLATE "C" AS item, t.count, t.error FROM topk.top(rollup, window_kind, at, 10000, group_key) AS t
    ), answer AS MATERIALIZED (
        SELECT t.item COLLATE "C" AS item, t.count, t.guaranteed FROM topk.top(rollup, window_kind, at, k, group_key) AS t
    ), true_top AS (
        SELECT min(t.weight) AS least, count(*) AS places
        FROM (SELECT e.weight FROM exact AS e WHERE e.weight > 0 ORDER BY e.weight DESC LIMIT k) AS t
    ), outside AS (
        SELECT max(e.weight) AS largest FROM exact AS e WHERE e.item NOT IN (SELECT a.item FROM answer AS a)
    ), judged AS (
        SELECT coalesce(e.weight, 0) AS weight, abs(a.count - coalesce(e.weight, 0)) AS error, a.guaranteed
        FROM answer AS a
        LEFT JOIN exact AS e USING (item)
    ), violations AS (
        SELECT count(*) FILTER (WHERE coalesce(e.weight, 0) NOT BETWEEN l.count - l.error AND l.count) AS of_listed,
               CASE WHEN count(*) = 10000 THEN greatest(min(l.count), info.error_bound) ELSE info.error_bound END AS bound_of_others
        FROM listed AS l
        LEFT JOIN exact AS e USING (item)
    )
    SELECT (count(*) FILTER (WHERE j.weight >= t.least))::double precision / nullif(count(j.weight), 0),
           (count(*) FILTER (WHERE j.weight >= t.least))::double precision / nullif(t.places, 0),
           (avg(j.error / nullif(j.weight, 0)))::double precision, max(j.error)::bigint,
           count(*) FILTER (WHERE j.guaranteed), count(*) FILTER (WHERE j.guaranteed AND j.weight < o.largest),
           v.of_listed + (SELECT count(*) FROM exact AS e
                          WHERE e.weight > v.bound_of_others AND e.item NOT IN (SELECT l.item FROM listed AS l)),
           (SELECT coalesce(sum(e.events), 0)::bigint FROM exact AS e)
    INTO precision, recall, mean_relative_error, largest_error, guaranteed, guaranteed_wrong, bound_violations, exact_events
    FROM true_top AS t
    CROSS JOIN outside AS o
    CROSS JOIN violations AS v
    LEFT JOIN judged AS j ON true
    GROUP BY t.places, v.of_listed, v.bound_of_others;
    events := info.events;
END
$$;
COMMENT ON FUNCTION topk.compare_counts(text, text, timestamptz, integer, text[]) IS
    'support function of topk.accuracy: the name of the rollup has its schema';

-- The name is looked up by the search_path of the caller.
CREATE FUNCTION topk.accuracy(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), INOUT k integer DEFAULT 10,
                              group_key text[] DEFAULT NULL,
                              OUT "precision" double precision, OUT recall double precision, OUT mean_relative_error double precision,
                              OUT largest_error bigint, OUT guaranteed bigint, OUT guaranteed_wrong bigint,
                              OUT bound_violations bigint, OUT events bigint, OUT exact_events bigint)
    LANGUAGE sql STABLE PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT c.k, c.precision, c.recall, c.mean_relative_error, c.largest_error, c.guaranteed, c.guaranteed_wrong, c.bound_violations,
           c.events, c.exact_events
    FROM topk.compare_counts(coalesce(topk.qualified_name(rollup), rollup), window_kind, at, k, group_key) AS c;
END;
COMMENT ON FUNCTION topk.accuracy(text, text, timestamptz, integer, text[]) IS
    'compares the answer of topk.top with exact counts of the rows that the source table has in the window, by the snapshot of the caller. precision is the share of the answer that is in the true top k (1 to 10000), where all items that tie with its last one belong to it. recall is the share of the true top k that is in the answer. mean_relative_error and largest_error are about the counts in the answer. guaranteed_wrong and bound_violations are 0 if events = exact_events, that is, if the table has exactly the rows that were counted. Raises SQLSTATE 42809 for a stream, 42501 if row-level security may hide rows, and 0A000 for the overflow group.';
