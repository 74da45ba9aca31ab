
-- For people who look: a leaderboard, and how right an answer is.

CREATE FUNCTION topk.chart(rollup text, window_kind text, k integer DEFAULT 10, width integer DEFAULT 40,
                           at timestamptz DEFAULT pg_catalog.now(), group_key text[] DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 12
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    info record;
    -- Where a client could not show the symbols, the query would be an error.
    unicode constant boolean := getdatabaseencoding() = 'UTF8' AND current_setting('client_encoding') = 'UTF8';
    up text := '+';
    down text := '-';
    new text := '*';
    ellipsis text := '~';
    block text := '#';
    digits constant text := 'FM9,999,999,999,999,999,999';
    -- What terminals do not show in place, and what takes two columns there.
    unprintable constant text := CASE WHEN unicode THEN '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
                                      ELSE '[\x01-\x1f\x7f]' END;
    wide constant text := '([\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60'
                          '\uffe0-\uffe6\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\U00020000-\U0003fffd])';
    half constant text := chr(1); -- in front of a wide character, until the line is made
BEGIN
    IF unicode THEN
        up := chr(x'25b2'::int);
        down := chr(x'25bc'::int);
        new := chr(x'2605'::int);
        ellipsis := chr(x'2026'::int);
        block := chr(x'2588'::int);
    END IF;
    SELECT * INTO info FROM topk.window_info($1, $2, $5, $6);
    k := coalesce(k, 10);
    width := coalesce(width, 40);
    IF k NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'k must be between 1 and 10000';
    ELSIF width NOT BETWEEN 10 AND 500 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'width must be between 10 and 500';
    END IF;
    RETURN NEXT format('%s, %s from %s to %s', regexp_replace($1 || coalesce(' ' || $6::text, ''), unprintable, '?', 'g'), $2,
                       to_char(info.window_start, 'YYYY-MM-DD HH24:MI'), to_char(info.window_end, 'YYYY-MM-DD HH24:MI TZ'));
    RETURN NEXT format('%s event%s, %s%s distinct item%s%s', to_char(info.events, digits), CASE WHEN info.events <> 1 THEN 's' END,
                       CASE WHEN info.error_bound > 0 THEN 'about ' END, to_char(info.distinct_items, digits),
                       CASE WHEN info.distinct_items <> 1 THEN 's' END,
                       CASE WHEN info.weight <> info.events THEN ', weight ' || to_char(info.weight, digits) END);
    RETURN QUERY
    WITH present AS MATERIALIZED (
        SELECT t.*, regexp_replace(CASE WHEN unicode THEN normalize(left(t.item, 1000), NFC) ELSE left(t.item, 1000) END,
                                   unprintable, '?', 'g') AS shown
        FROM topk.top($1, $2, $5, $3, $6) AS t
    ), kept AS MATERIALIZED (
        SELECT t.item, t.rank
        FROM topk.top($1, $2, info.window_start - interval '1 microsecond', least(greatest(10 * $3, 100), 10000), $6) AS t
    ), previous AS (
        TABLE kept
        UNION ALL -- what is left where retention has removed the window
        SELECT s.item, s.rank
        FROM topk.snapshots AS s
        WHERE NOT EXISTS (TABLE kept) AND s.rollup = $1 AND s.window_kind = $2 AND s.window_end = info.window_start
          AND s.group_key IS NOT DISTINCT FROM $6
    ), columns AS (
        SELECT p.rank, p.count, CASE WHEN p.guaranteed THEN ' ' ELSE '~' END || p.rank AS place,
               CASE WHEN v.rank > p.rank THEN up || v.rank - p.rank WHEN v.rank < p.rank THEN down || p.rank - v.rank
                    WHEN v.rank = p.rank THEN '=' ELSE new END AS change,
               CASE WHEN unicode THEN regexp_replace(p.shown, wide, half || '\1', 'g') ELSE p.shown END AS item,
               to_char(p.count, digits) AS number,
               to_char(100 * p.share, 'FM990.00') || '%' AS share
        FROM present AS p
        LEFT JOIN previous AS v ON v.item = p.item
    ), sizes AS (
        SELECT max(length(place)) AS place, max(length(change)) AS change, max(length(number)) AS number, max(length(share)) AS share,
               max(length(item)) AS longest, max(count)::double precision AS first
        FROM columns
    ), shape AS (
        -- A line is at most 38 columns wider than its bar; an item that is longer than what that leaves is taken from the bar.
        SELECT s.*, item, least(width, room - item) AS bar
        FROM sizes AS s, greatest(width + 33 - s.place - s.change - s.number - s.share, 20) AS room,
             least(s.longest, greatest(room - width, room / 2)) AS item
    )
    SELECT concat_ws(
        ' ', lpad(c.place, s.place), rpad(c.change, s.change),
        translate(rpad(CASE WHEN length(c.item) <= s.item THEN c.item
                            ELSE regexp_replace(left(c.item, s.item - 1), half || '$', '') || ellipsis END, s.item), half, ''),
        rpad(repeat(block, eighths / 8)
             || CASE WHEN unicode AND eighths % 8 > 0 THEN chr(x'2590'::int - eighths % 8) ELSE '' END, s.bar),
        lpad(c.number, s.number), lpad(c.share, s.share))
    FROM columns AS c, shape AS s, CAST(ceil(8 * s.bar * (c.count / s.first)) AS integer) AS eighths
    ORDER BY c.rank;
END
$$;
COMMENT ON FUNCTION topk.chart(text, text, integer, integer, timestamptz, text[]) IS
    'the k (1 to 10000) first items of topk.top as lines of text, for people (psql: \watch): rank, how it changed since the window before (places risen or fallen, = none, a star: was not among the first 10 * k, 100 at least), item, bar, count, share. ~ before a rank: not guaranteed. width (10 to 500): longest bar in columns; a line has 38 more at most. Errors: as topk.top';

CREATE FUNCTION topk.exact_query(rollup integer)
    RETURNS text
    LANGUAGE sql STABLE STRICT
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        $query$
        SELECT f.item, sum(f.weight), count(*)
        FROM (-- OFFSET 0: of a row that the filter excludes nothing else is evaluated, as in capture.
              SELECT (%1$s)::text COLLATE "C" AS item, (%2$s)::bigint AS weight, ARRAY[%3$s]::text[] AS grp
              FROM %4$s%5$I.%6$I
              WHERE (%7$s) >= $1 AND (%7$s) < $2 AND (%8$s)
              OFFSET 0) AS f
        WHERE f.item IS NOT NULL AND f.weight IS NOT NULL AND ($3 IS NULL OR f.grp = $3)
        GROUP BY f.item
        $query$,
        r.item, coalesce(r.weight, '1'),
        (SELECT string_agg(format('(%s)::text COLLATE "C"', u.expression), ', ' ORDER BY u.i)
         FROM unnest(r.group_by) WITH ORDINALITY AS u (expression, i)),
        CASE WHEN c.relkind = 'r' THEN 'ONLY ' END, n.nspname, c.relname, r.time, coalesce(r.filter, 'true'))
    FROM topk.rollup AS r
    JOIN pg_class AS c ON c.oid = r.source
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE r.id = $1
$$;
COMMENT ON FUNCTION topk.exact_query(integer) IS
    'support function of topk.accuracy: the query for the exact counts of a span: item, weight, events';
REVOKE ALL ON FUNCTION topk.exact_query(integer) FROM PUBLIC;

CREATE FUNCTION topk.exact_counts(rollup text, since timestamptz, until timestamptz, group_key text[],
                                  OUT item text, OUT weight numeric, OUT events bigint)
    RETURNS SETOF record
    LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 10000
    AS 'MODULE_PATHNAME', 'topk_exact_counts';
COMMENT ON FUNCTION topk.exact_counts(text, timestamptz, timestamptz, text[]) IS
    'a part of topk.accuracy: all items of the rows that a rollup''s table has in a span, by the caller''s snapshot. For who may ask the rollup; the expressions run with the rights of the table''s owner';

CREATE FUNCTION topk.accuracy(rollup text, window_kind text, at timestamptz DEFAULT pg_catalog.now(), INOUT k integer DEFAULT 10,
                              group_key text[] DEFAULT NULL,
                              OUT "precision" double precision, OUT recall double precision, OUT mean_relative_error double precision,
                              OUT largest_error bigint, OUT guaranteed bigint, OUT guaranteed_wrong bigint,
                              OUT bound_violations bigint, OUT events bigint, OUT exact_events bigint)
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    info record;
    definition record;
BEGIN
    SELECT * INTO info FROM topk.window_info($1, $2, $3, $5);
    k := coalesce(k, 10);
    IF k NOT BETWEEN 1 AND 10000 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'k must be between 1 and 10000';
    END IF;
    SELECT c.relkind, row_security_active(c.oid) OR c.relrowsecurity AND c.relforcerowsecurity AS policies
    INTO definition
    FROM topk.rollups AS r
    JOIN pg_class AS c ON c.oid = r.source
    WHERE r.name = $1;
    IF definition.relkind NOT IN ('r', 'p') THEN
        RAISE wrong_object_type USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', $1),
            DETAIL = 'Its source is a stream, which keeps no rows.',
            HINT = 'To compare, insert a part of the events into a table with a rollup of the same parameters, too.';
    ELSIF definition.policies THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('cannot compare rollup "%s" with exact counts', $1),
            DETAIL = 'Row-level security of its table may hide rows.';
    ELSIF $5 = '{}' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'cannot compare the overflow group with exact counts',
            DETAIL = 'Which groups it has counted depends on the order in which they came.';
    END IF;
    WITH exact AS MATERIALIZED (
        SELECT e.item COLLATE "C" AS item, e.weight, e.events
        FROM topk.exact_counts($1, info.window_start, info.window_end, $5) AS e
    ), listed AS MATERIALIZED ( -- all that are monitored, or the first 10000 of them
        SELECT t.item COLLATE "C" AS item, t.count, t.error FROM topk.top($1, $2, $3, 10000, $5) AS t
    ), answer AS MATERIALIZED (
        SELECT t.item COLLATE "C" AS item, t.count, t.guaranteed FROM topk.top($1, $2, $3, k, $5) AS t
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
COMMENT ON FUNCTION topk.accuracy(text, text, timestamptz, integer, text[]) IS
    'compares topk.top with exact counts of the rows that the table has in the window, by the caller''s snapshot. precision: share of the answer that is in the true top k (1 to 10000; ties at the last place are right); recall: share of the true top k that is in the answer; errors of the counts in the answer; guaranteed_wrong, and bound_violations of any item: 0, as long as events = exact_events, which says that the table still has what was counted, and no more. SQLSTATE 42809 for a stream';
