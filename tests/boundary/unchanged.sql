-- No SELECT changes a stored value, whether it is in a tuple, in TOAST, in a constant, a variable, a tuplestore or a sort.
CREATE FUNCTION pg_temp.fingerprint() RETURNS text LANGUAGE sql AS
    $$ SELECT md5(string_agg(md5(s::bytea) || md5(c::bytea) || md5(s::text), '' ORDER BY id)) FROM (TABLE states UNION ALL TABLE large) x $$;
SELECT pg_temp.fingerprint() AS before, (SELECT spacesaving_merge_agg(s)::text FROM states) AS merged \gset
CREATE FUNCTION pg_temp.verdict(what text, holds bool) RETURNS text LANGUAGE sql AS
    $$ SELECT CASE WHEN holds THEN 'ok: ' ELSE 'not so: ' END || what $$;

-- Queries that use one state repeatedly
SELECT count(a::text) + count(b::text) + count(d::text) = 30 AS used FROM (
    SELECT spacesaving_merge_agg(s) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS a,
           spacesaving_merge_agg(s) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS b,
           cms_merge_agg(c) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS d
    FROM states) x \gset
SELECT pg_temp.verdict('frames', pg_temp.fingerprint() = :'before' AND :'used');
SELECT count(x::text) + count(y::text) + count(z::text) + count(u::text) = 4 + 40 + 40 + 10 AS used FROM (
    SELECT spacesaving_merge_agg(a.s) AS x, spacesaving_merge_agg(b.s) AS y, cms_merge_agg(a.c) AS z, cms_merge_agg(a.c) AS u FROM states a, states b
    UNION ALL SELECT spacesaving_merge(s, s), s, cms_merge(c, c), c FROM states
    UNION ALL SELECT spacesaving_add(s, 'item_1', 5), s, cms_add(c, 1::bigint, 5), c FROM states
    UNION ALL SELECT spacesaving_merge_agg(s), NULL, cms_merge_agg(c), NULL FROM states GROUP BY id / 2) x \gset
SELECT pg_temp.verdict('states used twice', pg_temp.fingerprint() = :'before' AND :'used');
WITH twice AS MATERIALIZED (SELECT id, s, c FROM states ORDER BY id)
SELECT pg_temp.verdict('a tuplestore read three times',
    (SELECT spacesaving_merge_agg(s)::text FROM twice) = (SELECT spacesaving_merge_agg(s)::text FROM twice)
    AND (SELECT string_agg(s::text || c::text, ',' ORDER BY id) FROM twice) = (SELECT string_agg(s::text || c::text, ',' ORDER BY id) FROM states));
SELECT pg_temp.verdict('the same merge again', spacesaving_merge_agg(s)::text = :'merged') FROM states;
SELECT pg_temp.verdict('each prefix in a window is the merge of its own',
    bool_and(w::text = (SELECT spacesaving_merge_agg(s ORDER BY id)::text FROM states b WHERE b.id <= a.id)))
FROM (SELECT id, spacesaving_merge_agg(s) OVER (ORDER BY id) AS w FROM states) a;
SELECT pg_temp.verdict('each prefix of items in a window is the count of its own',
    bool_and(w::text = (SELECT spacesaving_agg(x % 13, 5)::text FROM generate_series(1, i) x)
         AND t::text = (SELECT topk_agg(x % 13, 3)::text FROM generate_series(1, i) x)
         AND c::text = (SELECT cms_agg(x % 13, 50, 2)::text FROM generate_series(1, i) x)))
FROM (SELECT i, spacesaving_agg(i % 13, 5) OVER o AS w, topk_agg(i % 13, 3) OVER o AS t, cms_agg(i % 13, 50, 2) OVER o AS c
      FROM generate_series(1, 60) i WINDOW o AS (ORDER BY i)) a;

-- An aggregate would write to its first input.
DO $$
DECLARE
    state spacesaving := (SELECT s FROM states WHERE id = 4);
    sketch cms := (SELECT c FROM states WHERE id = 4);
    before text := state::text || sketch::text;
    fresh spacesaving := (SELECT spacesaving_agg('item_' || i, 20) FROM generate_series(1, 500) i);
    fresh_before text := fresh::text;
BEGIN
    FOR i IN 1 .. 3 LOOP
        PERFORM spacesaving_merge_agg(x), cms_merge_agg(y)
            FROM (SELECT state AS x, sketch AS y UNION ALL SELECT s, c FROM (SELECT s, c FROM states ORDER BY id) z WHERE width(c) = width(sketch)) v;
        PERFORM spacesaving_merge_agg(fresh) OVER (ORDER BY n ROWS 1 PRECEDING) FROM generate_series(1, 5) n;
        PERFORM spacesaving_merge(state, state), spacesaving_add(state, 'a', 9), cms_add(sketch, 1::bigint, 9), cms_merge(sketch, sketch);
        PERFORM topk_test.worker_partial_text('spacesaving_merge_agg(spacesaving)', state) FROM generate_series(1, 3);
        PERFORM topk_test.worker_partial_binary('cms_merge_agg(cms)', sketch) FROM generate_series(1, 3);
    END LOOP;
    IF before <> state::text || sketch::text OR fresh_before <> fresh::text THEN
        RAISE EXCEPTION 'a variable has changed';
    END IF;
END $$;
SELECT 'ok: variables';
SELECT :'merged' AS constant \gset
SELECT pg_temp.verdict('constants', (SELECT spacesaving_merge_agg(:'constant'::spacesaving)::text FROM generate_series(1, 3) i)
                                    = (SELECT spacesaving_merge_agg(:'constant'::spacesaving)::text FROM generate_series(1, 3) i));
SELECT pg_temp.verdict('everything after all that', pg_temp.fingerprint() = :'before');
