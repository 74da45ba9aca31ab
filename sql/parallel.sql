-- Parallel workers aggregate in part, with the same answers; the test checks that they really take part.
CREATE TABLE parallel_events AS
    SELECT 'item_' || floor(sqrt(i % 90000))::int AS item, i % 24 AS hour, i % 7 AS weight FROM generate_series(0, 199999) i;
ANALYZE parallel_events;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_indexscan = off;

EXPLAIN (COSTS off) SELECT topk_agg(item, 10) FROM parallel_events;
EXPLAIN (COSTS off) SELECT hour, spacesaving_agg(item, 100), cms_agg(item) FROM parallel_events GROUP BY hour;

-- Returns the rows of the partial aggregate, one from each process that took part
CREATE FUNCTION partial_rows(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
    RETURN (jsonb_path_query_first(plan, 'strict $.**?(@."Partial Mode" == "Partial")."Actual Loops"')::bigint);
END $$;
SELECT partial_rows('SELECT topk_agg(item, 10) FROM parallel_events') > 1 AS topk_in_workers,
       partial_rows('SELECT spacesaving_agg(item, 100) FROM parallel_events') > 1 AS spacesaving_in_workers,
       partial_rows('SELECT cms_agg(item) FROM parallel_events') > 1 AS cms_in_workers;

CREATE TEMP TABLE answers (workers int, top topk_entry[], weighted topk_entry[], sketch cms, day spacesaving);
CREATE TABLE parallel_states AS
    SELECT hour, spacesaving_agg(item, 100) AS summary, cms_agg(item, 1000, 3) AS sketch FROM parallel_events GROUP BY hour;
ALTER TABLE parallel_states SET (parallel_workers = 2);
INSERT INTO answers SELECT 2, topk_agg(item, 10), topk_agg(item, 10, weight), cms_agg(item) FROM parallel_events;
SELECT partial_rows('SELECT spacesaving_merge_agg(summary) FROM parallel_states') > 1 AS merge_in_workers,
       partial_rows('SELECT cms_merge_agg(sketch) FROM parallel_states') > 1 AS cms_merge_in_workers;
CREATE TEMP TABLE merged AS
    SELECT spacesaving_merge_agg(summary) AS summary, cms_merge_agg(sketch) AS sketch FROM parallel_states;
SET max_parallel_workers_per_gather = 0;
INSERT INTO answers SELECT 0, topk_agg(item, 10), topk_agg(item, 10, weight), cms_agg(item) FROM parallel_events;

-- 300 distinct items are below the capacity of topk_agg(item, 10): exactly equal
SELECT count(DISTINCT top) AS tops, count(DISTINCT weighted) AS weighted FROM answers;
WITH exact AS (
    SELECT item, count(*) AS true_count, sum(weight) AS true_weight FROM parallel_events GROUP BY item
)
SELECT (SELECT bool_and(t.count = true_count) FROM answers, unnest(top) t JOIN exact USING (item)) AS counts_exact,
       (SELECT bool_and(t.count = true_weight) FROM answers, unnest(weighted) t JOIN exact USING (item)) AS weights_exact;
WITH exact AS (
    SELECT item, count(*) AS true_count FROM parallel_events GROUP BY item
)
SELECT bool_and(f.upper >= true_count) AS cms_upper_sure,
       bool_and(true_count BETWEEN s.lower AND s.upper) AS bounds_sure, bool_and(m.upper >= true_count) AS merged_upper_sure
FROM exact, answers a, merged, frequency(a.sketch, item) f, frequency(merged.summary, item) s, frequency(merged.sketch, item) m
WHERE a.workers = 2;

DROP TABLE parallel_events, parallel_states;
DROP FUNCTION partial_rows;
