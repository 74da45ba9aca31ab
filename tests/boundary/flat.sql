-- Counts :rows events in one group, and in 24. A call inside the query reads the memory in use twice: at a tenth of the rows, and at
-- the last row.
CREATE FUNCTION pg_temp.verdict(what text, early bigint, late bigint) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN late - early <= 65536 AND early > 0 THEN 'ok: ' ELSE 'not so: ' END
           || format('%s: memory grows by %s bytes', what, late - early) $$;
SELECT :rows / 10 AS early \gset

-- The outer queries read each aggregate, as the planner removes aggregates whose result is not used.
SELECT pg_temp.verdict(format('%s rows, one group, %s entries, %s counters, sketch of %s', :rows, cardinality(t), size(s), total(c)), early, late)
FROM (SELECT topk_agg('item_' || i * i % 100003, 10) AS t, spacesaving_agg(i * i % 100003, 500) AS s, cms_agg(i % 100003) AS c,
             max(CASE WHEN i = :early THEN topk_test.heap_bytes() END) AS early, max(CASE WHEN i = :rows THEN topk_test.heap_bytes() END) AS late
      FROM (SELECT generate_series(1, :rows::bigint) AS i) x) y;
SELECT pg_temp.verdict(format('%s rows, %s groups of %s entries', :rows / 5, count(*), avg(cardinality(t))::int), min(early), max(late))
FROM (SELECT topk_agg('item_' || i * i % 100003, 10) AS t, max(CASE WHEN i = :early THEN topk_test.heap_bytes() END) AS early,
             max(CASE WHEN i = :rows / 5 THEN topk_test.heap_bytes() END) AS late
      FROM (SELECT generate_series(1, :rows::bigint / 5) AS i) x GROUP BY i % 24) y;
SELECT pg_temp.verdict(format('%s merges of summaries, total %s', :rows / 500, total(s)), early, late)
FROM (SELECT spacesaving_merge_agg(s) AS s, max(CASE WHEN i = :early / 500 THEN topk_test.heap_bytes() END) AS early,
             max(CASE WHEN i = :rows / 500 THEN topk_test.heap_bytes() END) AS late
      FROM (SELECT generate_series(1, :rows / 500) AS i OFFSET 0) x, states WHERE id = 9) y;
SELECT pg_temp.verdict(format('%s merges of sketches, total %s', :rows / 500, total(c)), early, late)
FROM (SELECT cms_merge_agg(c) AS c, max(CASE WHEN i = :early / 500 THEN topk_test.heap_bytes() END) AS early,
             max(CASE WHEN i = :rows / 500 THEN topk_test.heap_bytes() END) AS late
      FROM (SELECT generate_series(1, :rows / 500) AS i OFFSET 0) x, states WHERE id = 9) y;
