-- Events in shards, and for each aggregate of the extension the call in a query on them.
SET client_min_messages = warning;

-- few: so few items that no two share a counter, so any sketch is exact. fits: an exact summary. over: many more items than counters,
-- skewed. nothing: no items.
CREATE TABLE datasets (dataset text PRIMARY KEY, capacity int, exact_summary bool, exact_sketch bool);
INSERT INTO datasets VALUES ('few', 1000, true, true), ('fits', 1000, true, false), ('over', 200, false, false),
                            ('nothing', 10, true, true);

-- Shards 0 to 3 have items, shard 4 has only NULL, and shard 5 has no rows.
CREATE TABLE events (dataset text, shard int, item text, b bigint, u uuid, y bytea, w bigint);
INSERT INTO events
    SELECT dataset, i % 4, 'item_' || rank, rank * 1000003 - 7, md5(rank::text)::uuid, decode(md5(rank::text), 'hex'), i % 5
    FROM (SELECT 'few' AS dataset, i, i * i % 7 AS rank FROM generate_series(1, 400) i
          UNION ALL
          SELECT 'fits', i, i * 7919 % 601 FROM generate_series(1, 3000) i
          UNION ALL
          -- The fractions of i times the golden ratio are spread evenly, so the frequency of a rank is about 1 / rank.
          SELECT 'over', i, floor(exp(ln(20000) * (i * 0.6180339887498949 % 1)))::bigint FROM generate_series(1, 20000) i) e;
INSERT INTO events VALUES ('few', 1, 'heavy', -1, md5('heavy')::uuid, '', 1::bigint << 40), ('few', 2, '', 0, md5('empty')::uuid, '\x00', 3);
INSERT INTO events SELECT dataset, shard, NULL, NULL, NULL, NULL, 1 FROM datasets, generate_series(0, 4) shard;
INSERT INTO events SELECT dataset, 4, NULL, NULL, NULL, NULL, NULL FROM datasets, generate_series(1, 10);
INSERT INTO events SELECT dataset, shard, 'unweighted', 9, md5('unweighted')::uuid, '\x09', NULL
    FROM datasets, generate_series(0, 3) shard WHERE dataset <> 'nothing';

-- Stored states for the aggregates that merge.
CREATE TABLE states (dataset text, shard int, item text, b bigint, u uuid, y bytea, w bigint, s spacesaving, c cms);
INSERT INTO states (dataset, shard, s, c)
    SELECT dataset, shard, spacesaving_agg(item, capacity, w), cms_agg(item, 2000, 4, w)
    FROM (SELECT *, row_number() OVER () % 10 AS part FROM events) e JOIN datasets USING (dataset)
    GROUP BY dataset, shard, part;

CREATE TABLE aggregates AS
    SELECT p.oid::regprocedure AS aggregate, p.proname AS name, aggtranstype::regtype AS state, t.args,
           coalesce(item, 'text') AS item_type, 'weight' = ANY (p.proargnames) OR p.proname ~ 'merge' AS weighted,
           p.proname ~ 'merge' AS merges
    FROM pg_aggregate a
    JOIN pg_proc p ON p.oid = a.aggfnoid
    JOIN pg_proc f ON f.oid = a.aggtransfn,
    LATERAL (SELECT string_agg(CASE arg
                 WHEN 'item text' THEN 'item' WHEN 'item bigint' THEN 'b' WHEN 'item uuid' THEN 'u' WHEN 'item bytea' THEN 'y'
                 WHEN 'k integer' THEN '10' WHEN 'capacity integer' THEN 'capacity' WHEN 'weight bigint' THEN 'w'
                 WHEN 'width integer' THEN '2000' WHEN 'depth integer' THEN '4'
                 WHEN 'error double precision' THEN '0.001::float8' WHEN 'confidence double precision' THEN '0.99::float8'
                 WHEN 'summary spacesaving' THEN 's' WHEN 'sketch cms' THEN 'c' END, ', ' ORDER BY n) AS args,
                 max(format_type(type, NULL)) FILTER (WHERE name = 'item') AS item
             FROM unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY AS x (name, type, n),
                  format('%s %s', name, format_type(type, NULL)) arg) t
    WHERE f.probin ~ 'pg_topk$';

-- The state that a worker sends for its shard.
CREATE TABLE partials (aggregate regprocedure, dataset text, shard int, backend int, t text, b bytea);

CREATE PROCEDURE run_worker(worker int) LANGUAGE plpgsql AS $$
DECLARE
    a aggregates;
    source text;
    args text;
BEGIN
    FOR a IN SELECT * FROM aggregates ORDER BY aggregate::text LOOP
        source := CASE WHEN a.merges THEN 'states' ELSE 'events' END;
        args := CASE WHEN a.args ~ ',' THEN format('ROW(%s)', a.args) ELSE a.args END;
        EXECUTE format('INSERT INTO partials
                        SELECT %L::regprocedure, d.dataset, $1, pg_backend_pid(), p.t, p.b
                        FROM datasets d, LATERAL (SELECT topk_test.worker_partial_text(%1$L::regprocedure, %s) AS t,
                                                         topk_test.worker_partial_binary(%1$L::regprocedure, %2$s) AS b
                                                  FROM %s WHERE dataset = d.dataset AND shard = $1) p',
                       a.aggregate, args, source) USING worker;
    END LOOP;
END $$;

-- The answer of the coordinator, and the answer of a single node.
CREATE TABLE answers (aggregate regprocedure, dataset text, combined text, binary_combined text, backwards text, single text);

CREATE PROCEDURE run_coordinator() LANGUAGE plpgsql AS $$
DECLARE
    a aggregates;
BEGIN
    FOR a IN SELECT * FROM aggregates ORDER BY aggregate::text LOOP
        EXECUTE format('INSERT INTO answers
                        SELECT %L::regprocedure, d.dataset, p.t, p.b, p.backwards, s.answer
                        FROM datasets d,
                             LATERAL (SELECT topk_test.coord_combine_text(%1$L::regprocedure, t ORDER BY shard) AS t,
                                             topk_test.coord_combine_binary(%1$L::regprocedure, b ORDER BY shard) AS b,
                                             topk_test.coord_combine_text(%1$L::regprocedure, t ORDER BY shard DESC) AS backwards
                                      FROM partials WHERE aggregate = %1$L::regprocedure AND dataset = d.dataset) p,
                             LATERAL (SELECT %s(%s)::text AS answer FROM %s WHERE dataset = d.dataset) s',
                       a.aggregate, a.name, a.args, CASE WHEN a.merges THEN 'states' ELSE 'events' END);
    END LOOP;
END $$;
