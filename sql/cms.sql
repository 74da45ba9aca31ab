-- Count-Min sketches
\set VERBOSITY terse
CREATE TEMP TABLE sketches AS
    SELECT g, cms_agg('item_' || floor(sqrt(i))::int) AS sketch FROM generate_series(0, 1) g, generate_series(1, 100) i GROUP BY g;
SELECT g, total(sketch), width(sketch), depth(sketch), error_bound(sketch), round(confidence(sketch)::numeric, 4) FROM sketches ORDER BY g;
SELECT g, frequency(sketch, 'item_9'), frequency(sketch, 'nobody') FROM sketches ORDER BY g;
SELECT frequency(cms_merge_agg(sketch), 'item_9'), total(cms_merge_agg(sketch)) FROM sketches;
SELECT frequency(sketch, 9) FROM sketches;

-- Shapes
SELECT width(cms_agg(i, 100, 3)), depth(cms_agg(i, 100, 3)) FROM generate_series(1, 5) i;
SELECT width(cms_agg(i, 0.001, 0.99)), depth(cms_agg(i, 0.001, 0.99)) FROM generate_series(1, 5) i;
SELECT width(s), depth(s), total(s) FROM cms_empty() s;
SELECT width(s), depth(s), total(s) FROM cms_empty(7) s;
SELECT width(s), depth(s), total(s) FROM cms_empty(10000000, 1) s;
SELECT cms_empty(0, 1);
SELECT cms_empty(-1, 1);
SELECT cms_empty(10000001, 1);
SELECT cms_empty(10, 0);
SELECT cms_empty(10, 65);
SELECT cms_empty(10000000, 2);
SELECT cms_agg(1, 0::float8, 0.5);
SELECT cms_agg(1, 0.5, 1::float8);
SELECT cms_agg(1, 'NaN'::float8, 0.5);
SELECT cms_agg(1, 1e-12::float8, 0.5);
SELECT cms_agg(1, NULL::int, 5);
SELECT cms_agg(1, 0.1, NULL::float8);

-- Types, NULLs, weights
SELECT frequency(cms_agg(x), 'a'::text) FROM unnest('{a,b,a,NULL}'::text[]) x;
SELECT frequency(cms_agg(x), 7::smallint), frequency(cms_agg(x), 7), frequency(cms_agg(x), 7::bigint) FROM unnest('{7,7,8}'::int[]) x;
SELECT frequency(cms_agg(x), '\x00'::bytea) FROM unnest(ARRAY['\x00', '\x0000']::bytea[]) x;
SELECT frequency(cms_agg(x), x) FROM (SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid) v (x) GROUP BY x;
SELECT cms_agg(NULL::text) IS NULL, cms_agg(x) IS NULL FROM generate_series(1, 0) x;
SELECT cms_agg(1.5);
SELECT frequency(cms_agg(item, 1000, 5, weight), 'a'), total(cms_agg(item, 1000, 5, weight))
    FROM (VALUES ('a'::text, 5), ('a', 4), ('b', 0), ('c', NULL)) v (item, weight);
SELECT frequency(cms_agg(item, 0.01, 0.9, weight), 'a') FROM (VALUES ('a'::text, 5), ('a', 4)) v (item, weight);
SELECT cms_agg('a'::text, 10, 2, -1);
SELECT frequency(cms_agg('a'::text, 10, 2, 9223372036854775807), 'a');
SELECT cms_agg(x, 10, 2, 4611686018427387904) FROM unnest('{a,b}'::text[]) x;

-- Places where SQL allows an aggregate
SELECT i % 2 AS odd, frequency(cms_agg(i / 4), 2) FROM generate_series(1, 20) i GROUP BY 1 HAVING total(cms_agg(i)) = 10 ORDER BY 1;
SELECT frequency(cms_agg(i) FILTER (WHERE i > 5), 3), frequency(cms_agg(DISTINCT i % 2), 1), total(cms_agg(i ORDER BY i)) FROM generate_series(1, 10) i;
SELECT i, total(cms_agg(i) OVER (ORDER BY i)), total(cms_agg(i) OVER (ORDER BY i ROWS 1 PRECEDING)) FROM generate_series(1, 4) i;

-- Counts are never below the true ones, and within the bound: 50,000 items in 2,000 x 5 cells
WITH events AS (SELECT i * i % 50021 AS item FROM generate_series(1, 200000::bigint) i),
     sketch AS (SELECT cms_agg(item, 2000, 5) AS s FROM events),
     exact AS (SELECT item, count(*) AS true_count FROM events GROUP BY item)
SELECT bool_and(f.upper >= true_count) AS upper_sure,
       avg((f.lower <= true_count)::int) >= min(confidence(s)) AS lower_as_promised
FROM exact, sketch, frequency(s, item) f;

-- Changing and merging
SELECT frequency(cms_add(cms_add(cms_empty(10, 2), 'a'), 'a', 3), 'a');
SELECT frequency(cms_add(cms_empty(10, 2), x), x) FROM unnest('{3,4}'::int[]) x;
SELECT total(cms_add(cms_empty(10, 2), '\x01'::bytea, 0)), cms_add(cms_empty(10, 2), NULL::uuid), cms_add(NULL, 'a');
SELECT cms_add(cms_empty(10, 2), 'a', -1);
SELECT cms_add(cms_add(cms_empty(10, 2), 'a'), 1);
SELECT frequency(cms_merge(cms_add(cms_empty(10, 2), 'a'), cms_add(cms_empty(10, 2), 'a', 4)), 'a');
SELECT cms_merge(cms_empty(10, 2), cms_empty(10, 3));
SELECT cms_merge(cms_empty(10, 2), cms_empty(11, 2));
SELECT cms_merge(cms_add(cms_empty(10, 2), 'a'), cms_add(cms_empty(10, 2), 1));
SELECT cms_merge(cms_add(cms_empty(10, 2), 'a', 9223372036854775807), cms_add(cms_empty(10, 2), 'a'));
SELECT cms_merge_agg(s) FROM (VALUES (cms_empty(10, 2)), (cms_empty(10, 3))) v (s);
SELECT cms_merge_agg(NULL) IS NULL, cms_merge_agg(sketch) IS NULL FROM sketches WHERE false;
SELECT cms_accum(NULL, 'a');
SELECT cms_combine(cms_empty(1, 1), cms_empty(1, 1));
SELECT cms_final(cms_empty(1, 1));
