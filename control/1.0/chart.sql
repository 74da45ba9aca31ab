
-- topk.chart, which shows an answer as a leaderboard

CREATE FUNCTION topk.chart_lines(rollup text, title text, window_kind text, k integer, width integer, at timestamptz, group_key text[])
    RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 12
    SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
AS $$
#variable_conflict use_column
DECLARE
    -- PostgreSQL raises an error when it sends a character that the encoding of the client lacks.
    unicode constant boolean := getdatabaseencoding() = 'UTF8' AND current_setting('client_encoding') = 'UTF8';
    up text := '+';
    down text := '-';
    new text := '*';
    ellipsis text := '~';
    block text := '#';
    digits constant text := 'FM9,999,999,999,999,999,999';
    -- Characters that terminals do not print, and characters that take two columns there
    unprintable constant text := CASE WHEN unicode THEN '[\u0001-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
                                      ELSE '[\x01-\x1f\x7f]' END;
    wide constant text := '([\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60'
                          '\uffe0-\uffe6\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001faff\U00020000-\U0003fffd])';
    half constant text := chr(1); -- precedes each wide character until the line is complete
BEGIN
    IF unicode THEN
        up := chr(x'25b2'::int);
        down := chr(x'25bc'::int);
        new := chr(x'2605'::int);
        ellipsis := chr(x'2026'::int);
        block := chr(x'2588'::int);
    END IF;
    width := coalesce(width, 40);
    IF width NOT BETWEEN 10 AND 500 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'width must be between 10 and 500';
    END IF;
    RETURN QUERY
    WITH answer AS MATERIALIZED (
        SELECT w.* FROM topk.read_window(rollup, window_kind, at, k, group_key, true) AS w
    ), heading AS (
        SELECT format('%s, %s from %s to %s', regexp_replace(title || coalesce(' ' || group_key::text, ''), unprintable, '?', 'g'), window_kind,
                      to_char(i.window_start, 'YYYY-MM-DD HH24:MI'), to_char(i.window_end, 'YYYY-MM-DD HH24:MI TZ')) AS name,
               format('%s event%s, %s%s distinct item%s%s', to_char(i.events, digits), CASE WHEN i.events <> 1 THEN 's' END,
                      CASE WHEN i.error_bound > 0 THEN 'about ' END, to_char(i.distinct_items, digits),
                      CASE WHEN i.distinct_items <> 1 THEN 's' END,
                      CASE WHEN i.weight <> i.events THEN ', weight ' || to_char(i.weight, digits) END) AS totals
        FROM answer AS i
        LIMIT 1
    ), present AS (
        SELECT t.*, regexp_replace(CASE WHEN unicode THEN normalize(left(t.item, 1000), NFC) ELSE left(t.item, 1000) END,
                                   unprintable, '?', 'g') AS shown
        FROM answer AS t
        WHERE t.rank IS NOT NULL
    ), columns AS (
        SELECT p.rank, p.count, CASE WHEN p.guaranteed THEN ' ' ELSE '~' END || p.rank AS place,
               CASE WHEN previous_rank > p.rank THEN up || previous_rank - p.rank
                    WHEN previous_rank < p.rank THEN down || p.rank - previous_rank
                    WHEN previous_rank = p.rank THEN '=' ELSE new END AS change,
               CASE WHEN unicode THEN regexp_replace(p.shown, wide, half || '\1', 'g') ELSE p.shown END AS item,
               to_char(p.count, digits) AS number,
               to_char(100 * p.share, 'FM990.00') || '%' AS share
        FROM present AS p
    ), sizes AS (
        SELECT max(length(place)) AS place, max(length(change)) AS change, max(length(number)) AS number, max(length(share)) AS share,
               max(length(item)) AS longest, max(count)::double precision AS first
        FROM columns
    ), shape AS (
        -- A line is at most 38 columns wider than width. Items that are longer than the rest of the line shorten the bars.
        SELECT s.*, item, least(width, room - item) AS bar
        FROM sizes AS s, greatest(width + 33 - s.place - s.change - s.number - s.share, 20) AS room,
             least(s.longest, greatest(room - width, room / 2)) AS item
    ), lines AS (
        SELECT c.rank, concat_ws(
            ' ', lpad(c.place, s.place), rpad(c.change, s.change),
            translate(rpad(CASE WHEN length(c.item) <= s.item THEN c.item
                                ELSE regexp_replace(left(c.item, s.item - 1), half || '$', '') || ellipsis END, s.item), half, ''),
            rpad(repeat(block, eighths / 8)
                 || CASE WHEN unicode AND eighths % 8 > 0 THEN chr(x'2590'::int - eighths % 8) ELSE '' END, s.bar),
            lpad(c.number, s.number), lpad(c.share, s.share)) AS line
        FROM columns AS c, shape AS s, CAST(ceil(8 * s.bar * (c.count / s.first)) AS integer) AS eighths
        UNION ALL
        SELECT -1, h.name FROM heading AS h
        UNION ALL
        SELECT 0, h.totals FROM heading AS h
    )
    SELECT l.line FROM lines AS l ORDER BY l.rank;
END
$$;
COMMENT ON FUNCTION topk.chart_lines(text, text, text, integer, integer, timestamptz, text[]) IS
    'support function of topk.chart: title names the rollup in the heading';

-- The name is looked up by the search_path of the caller.
CREATE FUNCTION topk.chart(rollup text, window_kind text, k integer DEFAULT 10, width integer DEFAULT 40,
                           at timestamptz DEFAULT pg_catalog.now(), group_key text[] DEFAULT NULL)
    RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 12
BEGIN ATOMIC
    SELECT l FROM topk.chart_lines(coalesce(topk.qualified_name(rollup), rollup), rollup, window_kind, k, width, at, group_key) AS l;
END;
COMMENT ON FUNCTION topk.chart(text, text, integer, integer, timestamptz, text[]) IS
    'returns the answer of topk.top as a leaderboard for terminals: two lines of heading, and a line for each of the k (1 to 10000) items with its rank, change, item, bar, count and share. The change is the number of places that the item has risen or fallen since the previous window, = for none, and a star if it was not among the first 10 * k (at least 100) items there. A ~ precedes a rank that is not guaranteed. width (10 to 500) is the length of the longest bar in columns; a line has at most 38 columns more. Raises the errors of topk.top.';
