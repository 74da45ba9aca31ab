-- Prints a line for each check: "ok: ...", or the fault.
CREATE FUNCTION pg_temp.verdict(holds bool, what text) RETURNS text LANGUAGE sql AS
    $$ SELECT CASE WHEN holds THEN 'ok: ' ELSE 'not so: ' END || what $$;

-- The catalog has what Citus needs to push an aggregate down
SELECT pg_temp.verdict(count(*) >= 38 AND count(args) = count(*), format('%s aggregates found, arguments of %s known', count(*), count(args)))
FROM aggregates;
SELECT pg_temp.verdict(t.typtype = 'b' AND a.aggcombinefn <> 0 AND t.typinput <> 0 AND t.typoutput <> 0 AND t.typreceive <> 0 AND t.typsend <> 0,
                       aggregate || ': transition type is real, with text and binary form, and a combine function')
FROM aggregates g JOIN pg_aggregate a ON a.aggfnoid = g.aggregate JOIN pg_type t ON t.oid = a.aggtranstype;
SELECT pg_temp.verdict(p.proparallel = 's' AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) x JOIN pg_type t ON t.oid = x WHERE t.typtype = 'p'),
                       aggregate || ': parallel safe, arguments of concrete types')
FROM aggregates g JOIN pg_proc p ON p.oid = g.aggregate;
SELECT pg_temp.verdict(name !~ '^(hll_.*_agg|topn_.*_agg|sum|count|min|max|avg)$' AND a.aggkind = 'n' AND a.agginitval IS NULL AND NOT a.aggfinalextra,
                       aggregate || ': no name that Citus treats on its own, final function needs the state alone')
FROM aggregates g JOIN pg_aggregate a ON a.aggfnoid = g.aggregate;
SELECT pg_temp.verdict(bool_and(p.proparallel = 's' AND NOT p.prosecdef AND p.proconfig IS NULL),
                       aggregate || ': support functions parallel safe')
FROM aggregates g JOIN pg_aggregate a ON a.aggfnoid = g.aggregate
     JOIN pg_proc p ON p.oid IN (a.aggtransfn, a.aggcombinefn, a.aggfinalfn)
GROUP BY aggregate;

-- States travel between backends
SELECT pg_temp.verdict(count(DISTINCT backend) = 6 AND NOT bool_or(backend = pg_backend_pid()),
                       format('partial states of %s backends', count(DISTINCT backend))) FROM partials;
SELECT pg_temp.verdict(bool_and(t::spacesaving::bytea = b AND t::spacesaving::text = t AND b::spacesaving::bytea = b) AND count(*) >= 12,
                       aggregate || ': text and binary form of a state are the same, and come back unchanged')
FROM partials JOIN aggregates USING (aggregate) WHERE state = 'spacesaving'::regtype AND t IS NOT NULL GROUP BY aggregate;
SELECT pg_temp.verdict(bool_and(t::cms::bytea = b AND t::cms::text = t AND b::cms::bytea = b) AND count(*) >= 12,
                       aggregate || ': text and binary form of a state are the same, and come back unchanged')
FROM partials JOIN aggregates USING (aggregate) WHERE state = 'cms'::regtype AND t IS NOT NULL GROUP BY aggregate;
SELECT pg_temp.verdict(bool_and((t IS NULL) = (b IS NULL) AND (t IS NULL) = (shard >= 4 OR dataset = 'nothing')),
                       aggregate || ': a shard without items has no state')
FROM partials GROUP BY aggregate;

-- The answers
SELECT pg_temp.verdict(combined IS NOT DISTINCT FROM binary_combined, format('%s, %s: text and binary states combine to the same', aggregate, dataset))
FROM answers;
SELECT pg_temp.verdict((combined IS NULL) = (dataset = 'nothing') AND (single IS NULL) = (dataset = 'nothing'),
                       format('%s, %s: an answer if there are items', aggregate, dataset))
FROM answers;
SELECT pg_temp.verdict(combined IS NOT DISTINCT FROM single AND backwards IS NOT DISTINCT FROM single,
                       format('%s, %s: combined answer equals that of a single node', aggregate, dataset))
FROM answers JOIN aggregates USING (aggregate) JOIN datasets USING (dataset)
WHERE CASE state WHEN 'cms'::regtype THEN exact_sketch ELSE exact_summary END;

-- One backend merges the same partial states
SELECT pg_temp.verdict(combined = merged, format('%s, %s: combined answer equals merging the states in one backend', aggregate, dataset))
FROM answers JOIN aggregates USING (aggregate),
     LATERAL (SELECT CASE name WHEN 'topk_agg' THEN (SELECT array_agg(e ORDER BY (e).rank)::text FROM topk(m.s, 10) e) ELSE m.s::text END AS merged
              FROM (SELECT spacesaving_merge_agg(t::spacesaving ORDER BY shard) AS s
                    FROM partials p WHERE p.aggregate = answers.aggregate AND p.dataset = answers.dataset) m) x
WHERE state = 'spacesaving'::regtype AND dataset <> 'nothing';
SELECT pg_temp.verdict(combined = (SELECT cms_merge_agg(t::cms ORDER BY shard)::text FROM partials p
                                   WHERE p.aggregate = answers.aggregate AND p.dataset = answers.dataset),
                       format('%s, %s: combined answer equals merging the states in one backend', aggregate, dataset))
FROM answers JOIN aggregates USING (aggregate) WHERE state = 'cms'::regtype AND dataset <> 'nothing';

-- The bounds hold for the exact weight of each item
CREATE TEMP TABLE truth AS
    SELECT dataset, weighted, item_type, i.item, sum(CASE WHEN weighted THEN w ELSE 1 END)::bigint AS f
    FROM events, unnest('{false,true}'::bool[]) weighted,
         LATERAL (VALUES ('text', item), ('bigint', b::text), ('uuid', u::text), ('bytea', y::text)) AS i (item_type, item)
    WHERE i.item IS NOT NULL
    GROUP BY 1, 2, 3, 4
    HAVING sum(CASE WHEN weighted THEN w ELSE 1 END) > 0;
CREATE TEMP TABLE reported AS
    SELECT aggregate, weighted, item_type, dataset, e.*
    FROM answers JOIN aggregates USING (aggregate),
         LATERAL (SELECT * FROM unnest(CASE WHEN name = 'topk_agg' THEN combined::topk_entry[] END)
                  UNION ALL
                  SELECT * FROM topk(CASE WHEN name <> 'topk_agg' THEN combined::spacesaving END, 1000000)) e
    WHERE state = 'spacesaving'::regtype AND dataset <> 'nothing';
ANALYZE truth;
ANALYZE reported;
SELECT pg_temp.verdict(bool_and(t.f IS NOT NULL AND r.count - r.error <= t.f AND t.f <= r.count) AND count(*) >= CASE dataset WHEN 'few' THEN 6 ELSE 10 END,
                       format('%s, %s: the exact weights of %s items are within the combined bounds', aggregate, dataset, count(*)))
FROM reported r LEFT JOIN truth t USING (weighted, item_type, dataset, item) GROUP BY aggregate, dataset;
SELECT pg_temp.verdict(r.items = t.items, format('%s, %s: the ten largest items, in order', aggregate, dataset))
FROM (SELECT aggregate, weighted, item_type, dataset, string_agg(item, ' ' ORDER BY rank) AS items
      FROM reported WHERE rank <= 10 GROUP BY 1, 2, 3, 4) r
JOIN (SELECT weighted, item_type, dataset, string_agg(item, ' ' ORDER BY f DESC) AS items
      FROM (SELECT *, row_number() OVER (PARTITION BY weighted, item_type, dataset ORDER BY f DESC) AS rank FROM truth) x
      WHERE rank <= 10 GROUP BY 1, 2, 3) t USING (weighted, item_type, dataset)
WHERE dataset = 'over';

-- Count-Min: upper bounds always hold; each item is passed in its own type.
SELECT pg_temp.verdict(bool_and(e.upper >= t.f) AND count(*) FILTER (WHERE e.upper > t.f + bound) <= 0.02 * count(*)
                           AND total = min(t.sum),
                       format('%s, %s: estimates of %s items are no less than their weights, and within the error bound', aggregate, dataset, count(*)))
FROM (SELECT *, combined::cms AS sketch, error_bound(combined::cms) AS bound, total(combined::cms) AS total FROM answers JOIN aggregates USING (aggregate) WHERE state = 'cms'::regtype OFFSET 0) a
JOIN (SELECT *, CASE item_type WHEN 'bigint' THEN item END::bigint AS b, CASE item_type WHEN 'uuid' THEN item END::uuid AS u,
             CASE item_type WHEN 'bytea' THEN item END::bytea AS y, row_number() OVER (PARTITION BY weighted, item_type, dataset ORDER BY f DESC) AS rank,
             sum(f) OVER (PARTITION BY weighted, item_type, dataset) AS sum FROM truth) t
     USING (weighted, item_type, dataset),
     LATERAL (SELECT CASE item_type WHEN 'bigint' THEN (frequency(sketch, b)).upper WHEN 'uuid' THEN (frequency(sketch, u)).upper
                                    WHEN 'bytea' THEN (frequency(sketch, y)).upper ELSE (frequency(sketch, item)).upper END) AS e (upper)
WHERE rank <= 100 OR rank % 20 = 0
GROUP BY aggregate, dataset, total;
