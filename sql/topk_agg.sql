-- topk_agg in every place where SQL allows an aggregate
\set VERBOSITY terse
CREATE TEMP TABLE visits AS
    SELECT i AS id, i % 3 AS shop, 'page_' || floor(sqrt(i))::int AS page FROM generate_series(1, 120) i;

SELECT rank, item, count, error, guaranteed FROM unnest((SELECT topk_agg(page, 3) FROM visits));

-- Grouping, having, filter, distinct, order by
SELECT shop, (unnest(topk_agg(page, 2))).* FROM visits GROUP BY shop ORDER BY shop, rank;
SELECT shop, topk_agg(page, 1) FROM visits GROUP BY shop HAVING (topk_agg(page, 1))[1].count > 6 AND shop > 0 ORDER BY shop;
SELECT topk_agg(page, 1) FILTER (WHERE page < 'page_3') FROM visits;
SELECT topk_agg(DISTINCT page, 2) FROM visits;
SELECT topk_agg(page, 2 ORDER BY id DESC) FROM visits;
SELECT shop, topk_agg(page, 1), count(*) FROM visits GROUP BY ROLLUP (shop) ORDER BY shop;

-- As a window function with growing and moving frames: the state is read repeatedly while it grows
SELECT id, topk_agg(page, 1) OVER (ORDER BY id) FROM visits WHERE id <= 6;
SELECT id, topk_agg(page, 1) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM visits WHERE id <= 6;

-- NULL items are skipped; no rows, or no items, give NULL
SELECT topk_agg(page, 3) FROM visits WHERE false;
SELECT topk_agg(NULL::text, 3) FROM visits;
SELECT topk_agg(x, 3) FROM (VALUES ('a'), (NULL), ('a'), ('b')) v (x);

-- Types
SELECT topk_agg(x::smallint, 2), topk_agg(x::int, 2), topk_agg(x::bigint, 2) FROM unnest('{7,-7,7}'::int[]) x;
SELECT topk_agg(x, 2) FROM unnest('{9223372036854775807,-9223372036854775808}'::bigint[]) x;
SELECT topk_agg(x::varchar(3), 2), topk_agg(x::char(5), 2), topk_agg(x::name, 2) FROM unnest('{ab,ab,c}'::text[]) x;
SELECT topk_agg(x, 1) FROM unnest('{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'::uuid[]) x;
SELECT topk_agg(x, 2) FROM unnest(ARRAY['\x00ff', '\x', '\x00ff']::bytea[]) x;
\set VERBOSITY default
SELECT topk_agg(1.5, 1);
\set VERBOSITY terse
SELECT topk_agg(now(), 1);
SELECT topk_agg(now()::date::text, 1) IS NOT NULL;

-- Equal counts are ranked by item: bigint by value, others by bytes
SELECT topk_agg(x, 4) FROM unnest('{10,-2,9,-1}'::int[]) x;
SELECT topk_agg(x, 4) FROM unnest('{b,a,aa,B}'::text[]) x;

-- Weights
SELECT topk_agg(item, 2, weight) FROM (VALUES ('a', 5), ('b', 2), ('b', 4), ('c', 0), ('d', NULL)) v (item, weight);
SELECT topk_agg('a'::text, 1, 0);
SELECT topk_agg('a'::text, 1, -1);
SELECT topk_agg('a'::text, 1, 9223372036854775807);
SELECT topk_agg(x, 1, 4611686018427387904) FROM unnest('{a,a}'::text[]) x;
SELECT topk_agg(x, 1, 4611686018427387904) FROM unnest('{a,b}'::text[]) x;

-- k
SELECT topk_agg(page, 0) FROM visits;
SELECT topk_agg(page, -1) FROM visits;
SELECT topk_agg(page, 10001) FROM visits;
SELECT topk_agg(page, NULL) FROM visits;
SELECT topk_agg(page, id) FROM visits;
SELECT cardinality(topk_agg(page, 10000)) FROM visits;

-- Beyond the capacity (1,000 counters for k = 10), the answer has the frequent items, and all bounds hold
WITH events AS (
    SELECT 'item_' || CASE WHEN i % 4 = 0 THEN i % 100 ELSE 1000 + i END AS item FROM generate_series(1, 200000) i
), exact AS (
    SELECT item, count(*) AS true_count FROM events GROUP BY item
)
SELECT count(*) AS entries, bool_and(true_count BETWEEN t.count - t.error AND t.count) AS bounds_hold,
       bool_and(true_count = 2000) AS frequent
FROM unnest((SELECT topk_agg(item, 10) FROM events)) t JOIN exact USING (item);
