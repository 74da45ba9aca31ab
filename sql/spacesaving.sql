-- Summaries are built, read, changed and merged
\set VERBOSITY terse
CREATE TEMP TABLE hours AS
    SELECT h, spacesaving_agg('item_' || floor(sqrt(i))::int, 20) AS summary
    FROM generate_series(0, 2) h, generate_series(1, 100) i WHERE i % (h + 1) = 0 GROUP BY h;

SELECT h, total(summary), size(summary), capacity(summary), error_bound(summary) FROM hours ORDER BY h;
SELECT h, t.* FROM hours, topk(summary, 2) t ORDER BY h, rank;
SELECT * FROM topk((SELECT spacesaving_merge_agg(summary) FROM hours), 3);
SELECT topk(summary, 1) FROM hours ORDER BY h;

-- The weight of one item, monitored or not
SELECT frequency(summary, 'item_9'), frequency(summary, 'nobody') FROM hours ORDER BY h;
SELECT (frequency(summary, 'item_9')).* FROM hours ORDER BY h;
SELECT frequency(summary, 9) FROM hours WHERE h = 0;
SELECT frequency(spacesaving_empty(10), 'x'), frequency(spacesaving_empty(10), 5);

-- Beyond the capacity, all bounds hold
CREATE TEMP TABLE small AS
    SELECT spacesaving_agg(CASE WHEN i % 2 = 0 THEN i % 6 ELSE i END, 16) AS summary FROM generate_series(1, 3000) i;
SELECT total(summary), size(summary) <= 16 AS size_kept, error_bound(summary) > 0 AS approximate,
       error_bound(summary) <= 3000 / (14 + 1) AS bound_kept FROM small;
SELECT item, 500 BETWEEN count - error AND count AS bounds_hold, guaranteed FROM small, topk(summary, 3);
SELECT count BETWEEN 1 AND error_bound(summary) AS bounded, lower, upper = count AS sure
FROM small, frequency(summary, 2999);

-- Heavy hitters are all items that may have the share; there is a warning if one may be missing
SELECT rank, item, guaranteed FROM small, heavy_hitters(summary, 0.15);
SELECT count(*) > 0 AS found FROM small, heavy_hitters(summary, 0.0001);
SELECT item, count FROM hours, heavy_hitters(summary, 0.17) WHERE h = 0;
SELECT heavy_hitters(summary, 0) FROM hours WHERE h = 0;
SELECT heavy_hitters(summary, 1.5) FROM hours WHERE h = 0;
SELECT heavy_hitters(summary, 'NaN') FROM hours WHERE h = 0;
SELECT heavy_hitters(summary, 1) FROM hours WHERE h = 0;
SELECT heavy_hitters(spacesaving_empty(10), 0.5);

-- Changing
SELECT topk(spacesaving_add(spacesaving_add(spacesaving_empty(2), 'a'), 'b', 3), 5);
SELECT topk(spacesaving_add(spacesaving_empty(2), x), 5) FROM unnest('{3,4}'::int[]) x;
SELECT topk(spacesaving_add(spacesaving_empty(2), '\x01'::bytea, 2), 1);
SELECT topk(spacesaving_add(spacesaving_empty(2), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid), 1);
SELECT total(spacesaving_add(spacesaving_empty(2), 'a', 0)), size(spacesaving_add(spacesaving_empty(2), 'a', 0));
SELECT spacesaving_add(spacesaving_empty(2), NULL::text), spacesaving_add(NULL, 'a');
SELECT spacesaving_add(spacesaving_empty(2), 'a', -1);
SELECT spacesaving_add(spacesaving_add(spacesaving_empty(2), 'a'), 1);
SELECT spacesaving_add(spacesaving_add(spacesaving_empty(2), 'a', 9223372036854775807), 'b');

-- Merging
SELECT topk(spacesaving_merge(a.summary, b.summary), 2) FROM hours a, hours b WHERE a.h = 0 AND b.h = 1;
SELECT capacity(spacesaving_merge(spacesaving_empty(5), spacesaving_empty(3)));
SELECT topk(spacesaving_merge(spacesaving_empty(5), spacesaving_add(spacesaving_empty(9), 7)), 1);
SELECT spacesaving_merge(spacesaving_add(spacesaving_empty(5), 'a'), spacesaving_add(spacesaving_empty(5), 1));
SELECT spacesaving_merge(spacesaving_add(spacesaving_empty(5), 'a', 9223372036854775807), spacesaving_add(spacesaving_empty(5), 'b'));
SELECT spacesaving_merge_agg(summary) IS NULL FROM hours WHERE false;
SELECT spacesaving_merge_agg(NULL) IS NULL;
SELECT total(spacesaving_merge_agg(s)) FROM (SELECT summary FROM hours UNION ALL SELECT NULL) v (s);
SELECT h, total(spacesaving_merge_agg(summary) OVER (ORDER BY h)) FROM hours;
SELECT total(spacesaving_merge_agg(DISTINCT summary::bytea::spacesaving)) FROM hours;

-- Capacity
SELECT spacesaving_empty(0);
SELECT spacesaving_empty(-5);
SELECT spacesaving_empty(1000001);
SELECT capacity(spacesaving_empty(1000000)), capacity(spacesaving_empty(1));
SELECT spacesaving_agg('a'::text, 0);
SELECT spacesaving_agg('a'::text, NULL);
SELECT spacesaving_agg('a'::text, i) FROM generate_series(1, 2) i;
SELECT topk(spacesaving_agg(i % 2, 1), 5) FROM generate_series(1, 11) i;
SELECT topk(spacesaving_empty(1), 0);
SELECT topk(spacesaving_empty(1), 2147483647);
SELECT size(spacesaving_agg(i, 1000000)), error_bound(spacesaving_agg(i, 1000000)) FROM generate_series(1, 200000) i;

-- Only an aggregate builds a state
SELECT spacesaving_accum(NULL, 'a', 10);
SELECT spacesaving_combine(spacesaving_empty(1), spacesaving_empty(1));
SELECT spacesaving_final(spacesaving_empty(1));
SELECT topk_final(spacesaving_empty(1));
