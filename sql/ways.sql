-- Inserts the same rows in every possible way into a stream, a table and a table that is partitioned by time, each with several
-- rollups, and into a table without rollups, from which the exact counts come.
SET timezone = 'UTC';
CREATE TABLE way_exact (gone text, q text, metadata jsonb, n integer DEFAULT 2 CHECK (n >= 0), at timestamptz, source text NOT NULL DEFAULT 'web',
                        day date GENERATED ALWAYS AS ((at AT TIME ZONE 'UTC')::date) STORED);
CREATE TABLE way_table (LIKE way_exact INCLUDING ALL);
CREATE TABLE way_parted (LIKE way_exact INCLUDING ALL) PARTITION BY RANGE (at);
CREATE TABLE way_march PARTITION OF way_parted FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
CREATE TABLE way_rest PARTITION OF way_parted DEFAULT;
CREATE FOREIGN TABLE way_stream (gone text, source text NOT NULL DEFAULT 'web', q text, metadata jsonb, n integer DEFAULT 2 CHECK (n >= 0),
                                 at timestamptz, day date GENERATED ALWAYS AS ((at AT TIME ZONE 'UTC')::date) STORED) SERVER topk;
ALTER TABLE way_exact DROP gone;
ALTER TABLE way_table DROP gone;
ALTER TABLE way_parted DROP gone;
ALTER FOREIGN TABLE way_stream DROP gone;
-- The partition has its columns in another order
CREATE TABLE way_april (day date GENERATED ALWAYS AS ((at AT TIME ZONE 'UTC')::date) STORED, source text NOT NULL DEFAULT 'web', at timestamptz,
                        waste integer, metadata jsonb, n integer DEFAULT 2 CONSTRAINT way_exact_n_check CHECK (n >= 0), q text);
ALTER TABLE way_april DROP waste;
ALTER TABLE way_parted ATTACH PARTITION way_april FOR VALUES FROM ('2024-04-01') TO ('2024-05-01');

SELECT count(topk.create_rollup(t || '_' || r.name, t::regclass, r.item, 'at', r.grp, weight => r.weight, filter => r.filter, accept_past => '100 years',
                                retention => (SELECT jsonb_object_agg(k, '100 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS k))) AS created
FROM unnest('{way_stream,way_table,way_parted}'::text[]) AS t,
     (VALUES ('all', 'q', '{}'::text[], NULL, NULL), ('user', $$metadata->>'user_id'$$, '{}', NULL, $$source <> 'bot'$$), ('query', 'lower(q)', '{source}', 'n', NULL),
             ('day', 'day', $${n % 2,metadata->>'shop'}$$, NULL, 'n > 0')) AS r (name, item, grp, weight, filter);

-- Returns the exact counts of each rollup by kind of window, window, group and item, and how many of them each source lacks or has in excess
CREATE VIEW way_wanted AS
    SELECT r.name, kind, date_trunc(kind, at) AS start, r.grp, coalesce(r.grp::text, 'all') AS g, r.item, sum(r.weight) AS weight
    FROM way_exact, unnest('{hour,day,week,month}'::text[]) AS kind,
         LATERAL (VALUES ('all', q, NULL::text[], 1, true), ('user', metadata->>'user_id', NULL, 1, source <> 'bot'),
                         ('query', lower(q), NULL, n, true), ('query', lower(q), ARRAY[source], n, true),
                         ('day', to_char(day, 'YYYY-MM-DD'), NULL, 1, n > 0), ('day', to_char(day, 'YYYY-MM-DD'), ARRAY[(n % 2)::text, metadata->>'shop'], 1, n > 0)) AS r (name, item, grp, weight, passes)
    WHERE r.passes AND r.item IS NOT NULL AND r.weight > 0 AND at BETWEEN '2024-01-01' AND '2025-01-01'
    GROUP BY 1, 2, 3, 4, 5, 6;
CREATE FUNCTION way_check(way text, OUT source text, OUT counts bigint, OUT wrong bigint) RETURNS SETOF record LANGUAGE sql AS $$
    SELECT t, c.counts, c.wrong
    FROM unnest('{way_stream,way_table,way_parted}'::text[]) AS t,
         LATERAL (SELECT count(*) AS counts, count(*) FILTER (WHERE w.weight IS DISTINCT FROM a.count OR a.error <> 0) AS wrong
                  FROM way_wanted AS w
                  FULL JOIN (SELECT p.name, p.kind, p.start, p.g, e.item, e.count, e.error
                             FROM (SELECT DISTINCT name, kind, start, grp, g FROM way_wanted) AS p,
                                  topk.top(t || '_' || p.name, p.kind, p.start, 1000, p.grp) AS e) AS a USING (name, kind, start, g, item)) AS c
$$;
-- Runs a statement for each source, whose name replaces @
CREATE PROCEDURE way(statement text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE replace(statement, '@', 'way_exact');
    EXECUTE replace(statement, '@', 'way_table');
    EXECUTE replace(statement, '@', 'way_parted');
    EXECUTE replace(statement, '@', 'way_stream');
END$$;

-- INSERT
CALL way($$INSERT INTO @ (q, at) VALUES ('One', '2024-03-01 10:00')$$);
CALL way($$INSERT INTO @ (q, metadata, n, at) VALUES ('One', '{"user_id": 7, "shop": "a"}', 3, '2024-03-31 23:59:59.999999'), ('one', '{"user_id": "7"}', DEFAULT, '2024-04-01'),
    ('two', '{"user_id": "x", "shop": "b"}', 0, '2024-04-01 00:30'), ('Two', '{"user_id": null}', 1, '2024-07-01 12:00')$$);
CALL way($$INSERT INTO @ (q, metadata, n, at, source) SELECT 'q' || i % 11, jsonb_build_object('user_id', i % 7, 'shop', chr(97 + i % 3)), i % 5, '2024-03-31 10:00'::timestamptz + i * interval '5 minutes',
    ('{web,app,bot}'::text[])[1 + i % 3] FROM generate_series(1, 300) AS i$$);
SELECT * FROM way_check('INSERT');
CALL way($$INSERT INTO @ (q, at) SELECT 'nothing', now() WHERE false$$);
CALL way($$WITH x AS (INSERT INTO @ (q, at) VALUES ('returned', '2024-03-01 10:00') RETURNING q, at + interval '1 month' AS at), y AS (INSERT INTO @ (q, at) VALUES ('beside', '2024-03-02'))
    INSERT INTO @ (q, at) SELECT q || ' twice', at FROM x$$);
INSERT INTO way_exact (q, at) VALUES ('alone', '2024-03-03') RETURNING n, source, day;
INSERT INTO way_table (q, at) VALUES ('alone', '2024-03-03') RETURNING n, source, day;
INSERT INTO way_parted (q, at) VALUES ('alone', '2024-03-03') RETURNING n, source, day;
INSERT INTO way_stream (q, at) VALUES ('alone', '2024-03-03') RETURNING n, source, day;
SELECT * FROM way_check('RETURNING and WITH');
-- A custom plan, and later a generic plan
CALL way($$PREPARE one AS INSERT INTO @ (q, n, at) VALUES ($1, $2, '2024-03-05'); EXECUTE one('p1', 1); EXECUTE one('p2', 2); EXECUTE one('p3', 3); EXECUTE one('p3', 4); EXECUTE one('p3', NULL);
    EXECUTE one('p4', 5); EXECUTE one('p4', 6); EXECUTE one(NULL, 7); DEALLOCATE one$$);
CALL way($f$DO $$BEGIN FOR i IN 1..20 LOOP INSERT INTO @ (q, at, n) VALUES ('loop' || i % 3, '2024-03-06 23:50'::timestamptz + i * interval '1 minute', i); END LOOP; END$$ $f$);
CALL way($f$DO $$BEGIN
    FOR i IN 1..6 LOOP
        BEGIN
            INSERT INTO @ (q, at) VALUES ('block' || i, '2024-03-07');
            IF i % 2 = 0 THEN RAISE 'undone'; END IF;
        EXCEPTION WHEN raise_exception THEN
            INSERT INTO @ (q, at) SELECT 'handler', '2024-03-07' FROM generate_series(1, i);
        END;
    END LOOP;
END$$ $f$);
CALL way($f$DO $$BEGIN EXECUTE 'EXPLAIN ANALYZE INSERT INTO @ (q, at) VALUES (''explained'', ''2024-03-08'')'; EXECUTE 'EXPLAIN INSERT INTO @ (q, at) VALUES (''planned'', ''2024-03-08'')'; END$$ $f$);
SELECT * FROM way_check('prepared statements, PL/pgSQL, EXPLAIN');
-- Through a view, and through a rule
CALL way($$CREATE VIEW @_view AS SELECT q, at, n FROM @ WHERE n < 10 WITH CHECK OPTION; INSERT INTO @_view VALUES ('viewed', '2024-03-09', 1), ('viewed', '2024-03-09', 2)$$);
CALL way($f$DO $$BEGIN INSERT INTO @_view VALUES ('seen', '2024-03-09', 1), ('unseen', '2024-03-09', 10); EXCEPTION WHEN with_check_option_violation THEN NULL; END$$ $f$);
CREATE TABLE way_source (q text);
CALL way($$CREATE RULE @ AS ON INSERT TO way_source DO ALSO INSERT INTO @ (q, at) VALUES (NEW.q, '2024-03-10')$$);
INSERT INTO way_source VALUES ('ruled'), ('ruled');
SELECT * FROM way_check('views and rules');
-- Triggers of users change rows, skip them, and insert more
CREATE FUNCTION way_change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.q = 'left out' THEN RETURN NULL; END IF; NEW.q := 'changed'; RETURN NEW; END$$;
CALL way($$CREATE TRIGGER change BEFORE INSERT ON @ FOR EACH ROW EXECUTE FUNCTION way_change(); INSERT INTO @ (q, at) VALUES ('a', '2024-03-11'), ('left out', '2024-03-11'), ('c', '2024-04-11');
    DROP TRIGGER change ON @$$);
CREATE FUNCTION way_more() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    IF NEW.n > 0 THEN EXECUTE format('INSERT INTO %I (q, n, at) VALUES (''more'', %s, ''2024-03-12'')', TG_ARGV[0], NEW.n - 1); END IF; RETURN NULL; END$$;
CALL way($$CREATE TRIGGER more AFTER INSERT ON @ FOR EACH ROW EXECUTE FUNCTION way_more('@'); INSERT INTO @ (q, n, at) VALUES ('a', 2, '2024-03-12'), ('b', 3, '2024-04-12');
    DROP TRIGGER more ON @$$);
SELECT * FROM way_check('triggers');

-- COPY
\copy (SELECT 'copy' || i % 5, CASE WHEN i % 4 > 0 THEN jsonb_build_object('user_id', 'u' || i % 4, 'shop', NULL) END, CASE WHEN i % 9 > 0 THEN i % 9 END, '2024-03-31 20:00'::timestamptz + i * interval '3 minutes', 'app' FROM generate_series(1, 200) AS i) TO 'results/ways.text'
\copy (SELECT 'csv' || i % 5 || E'"\n,', jsonb_build_object('user_id', 'u' || i % 4), i % 9, '2024-03-31 20:00'::timestamptz + i * interval '3 minutes', 'bot' FROM generate_series(1, 200) AS i) TO 'results/ways.csv' (FORMAT csv, HEADER)
\copy (SELECT nullif('binary' || i % 5, 'binary0'), jsonb_build_object('user_id', NULL), i % 9, '2024-03-31 20:00'::timestamptz + i * interval '3 minutes', 'web' FROM generate_series(1, 200) AS i) TO 'results/ways.binary' (FORMAT binary)
\copy way_exact (q, metadata, n, at, source) FROM 'results/ways.text'
\copy way_table (q, metadata, n, at, source) FROM 'results/ways.text'
\copy way_parted (q, metadata, n, at, source) FROM 'results/ways.text'
\copy way_stream (q, metadata, n, at, source) FROM 'results/ways.text'
SELECT * FROM way_check('COPY');
\copy way_exact (q, metadata, n, at, source) FROM 'results/ways.csv' (FORMAT csv, HEADER) WHERE n <> 3
\copy way_table (q, metadata, n, at, source) FROM 'results/ways.csv' (FORMAT csv, HEADER) WHERE n <> 3
\copy way_parted (q, metadata, n, at, source) FROM 'results/ways.csv' (FORMAT csv, HEADER) WHERE n <> 3
\copy way_stream (q, metadata, n, at, source) FROM 'results/ways.csv' (FORMAT csv, HEADER) WHERE n <> 3
SELECT * FROM way_check('COPY, CSV and WHERE');
\copy way_exact (q, metadata, n, at, source) FROM 'results/ways.binary' (FORMAT binary)
\copy way_table (q, metadata, n, at, source) FROM 'results/ways.binary' (FORMAT binary)
\copy way_parted (q, metadata, n, at, source) FROM 'results/ways.binary' (FORMAT binary)
\copy way_stream (q, metadata, n, at, source) FROM 'results/ways.binary' (FORMAT binary)
SELECT * FROM way_check('COPY, binary');

-- A statement that names a partition inserts rows of the partitioned table; the other sources get them under their own names
INSERT INTO way_april (q, at, n) VALUES ('direct', '2024-04-13', 4), ('direct', '2024-04-14', 5);
COPY way_march (q, at) FROM stdin;
direct	2024-03-13
\.
INSERT INTO way_exact (q, at, n) VALUES ('direct', '2024-04-13', 4), ('direct', '2024-04-14', 5), ('direct', '2024-03-13', DEFAULT);
INSERT INTO way_table (q, at, n) VALUES ('direct', '2024-04-13', 4), ('direct', '2024-04-14', 5), ('direct', '2024-03-13', DEFAULT);
INSERT INTO way_stream (q, at, n) VALUES ('direct', '2024-04-13', 4), ('direct', '2024-04-14', 5), ('direct', '2024-03-13', DEFAULT);
SELECT * FROM way_check('partitions by name');

-- MERGE is not for foreign tables. With ON CONFLICT, inserted rows count and updated rows do not
MERGE INTO way_stream USING (VALUES (1)) AS v (i) ON false WHEN NOT MATCHED THEN INSERT (q) VALUES ('merged');
INSERT INTO way_stream (q, at) VALUES ('merged', '2024-03-15'), ('merged', '2024-04-15');
INSERT INTO way_exact (q, at) VALUES ('merged', '2024-03-15'), ('merged', '2024-04-15');
CALL way($f$DO $$BEGIN
    IF '@' IN ('way_table', 'way_parted') THEN
        MERGE INTO @ AS t USING (VALUES ('alone', '2024-03-03'::timestamptz), ('merged', '2024-03-15'), ('merged', '2024-04-15')) AS v (q, at) ON t.q = v.q AND t.at = v.at
            WHEN MATCHED THEN UPDATE SET n = t.n WHEN NOT MATCHED THEN INSERT (q, at) VALUES (v.q, v.at);
    END IF;
END$$ $f$);
CREATE UNIQUE INDEX ON way_table (q, at) WHERE q = 'alone';
INSERT INTO way_table (q, at) VALUES ('alone', '2024-03-03'), ('conflict', '2024-03-16') ON CONFLICT DO NOTHING;
INSERT INTO way_table (q, at) VALUES ('alone', '2024-03-03'), ('conflict', '2024-03-16') ON CONFLICT (q, at) WHERE q = 'alone' DO UPDATE SET n = way_table.n;
CREATE UNIQUE INDEX ON way_march (q, at) WHERE q = 'alone';
INSERT INTO way_parted (q, at) VALUES ('alone', '2024-03-03'), ('conflict', '2024-03-16') ON CONFLICT DO NOTHING;
INSERT INTO way_march (q, at) VALUES ('alone', '2024-03-03'), ('conflict', '2024-03-16') ON CONFLICT (q, at) WHERE q = 'alone' DO UPDATE SET n = way_march.n;
INSERT INTO way_exact (q, at) VALUES ('conflict', '2024-03-16'), ('conflict', '2024-03-16');
INSERT INTO way_stream (q, at) VALUES ('conflict', '2024-03-16'), ('conflict', '2024-03-16') ON CONFLICT DO NOTHING;
SELECT * FROM way_check('MERGE and ON CONFLICT');
-- An UPDATE that moves a row to another partition is no insertion
UPDATE way_parted SET at = at + interval '1 month' WHERE q = 'direct';
DELETE FROM way_parted WHERE q = 'conflict';
SELECT * FROM way_check('UPDATE and DELETE');

-- A statement that fails counts nothing, even if it fails at its end
CALL way($f$DO $$BEGIN INSERT INTO @ (q, at, n) SELECT 'failed', '2024-03-17', 500 - i FROM generate_series(1, 501) AS i; EXCEPTION WHEN check_violation THEN NULL; END$$ $f$);
CALL way($f$DO $$BEGIN INSERT INTO @ (q, at, source) SELECT 'failed', '2024-03-17', nullif(i, 500)::text FROM generate_series(1, 500) AS i; EXCEPTION WHEN not_null_violation THEN NULL; END$$ $f$);
CALL way($f$DO $$BEGIN INSERT INTO @ (q, at, n) SELECT 'failed', '2024-03-17', 1 / (500 - i) FROM generate_series(1, 501) AS i; EXCEPTION WHEN division_by_zero THEN NULL; END$$ $f$);
-- NULL, and times of other centuries
CALL way($$INSERT INTO @ (q, metadata, n, at) VALUES (NULL, '{}', 1, '2024-03-18'), ('null', NULL, NULL, '2024-03-18'), ('timeless', '{"user_id": 1}', 1, NULL), (NULL, NULL, NULL, NULL)$$);
CALL way($$INSERT INTO @ (q, at, n) SELECT 'far', t, 1 FROM unnest('{-infinity,infinity,4713-01-01 00:00 BC,0044-03-15 BC,1066-10-14,3001-01-01,294246-12-31 23:59:59.999999}'::timestamptz[]) AS t$$);
SELECT * FROM way_check('errors, NULL and other centuries');
SELECT r.name, sum(d.events) AS rejected FROM (TABLE topk.delta_0 UNION ALL TABLE topk.delta_1 UNION ALL TABLE topk.delta_2 UNION ALL TABLE topk.delta_3) AS d JOIN topk.rollup AS r ON r.id = d.rollup WHERE d.tile = '-infinity' AND r.name ~ '^way' GROUP BY 1 ORDER BY 1;

-- The same after a fold, with late rows in the log, and after they are folded
SELECT count(deltas) AS folds, count(*) FILTER (WHERE more) AS more FROM topk.rollup, topk.fold(id) WHERE name ~ '^way';
SELECT * FROM way_check('folded');
CALL way($$INSERT INTO @ (q, metadata, n, at, source) SELECT 'q' || i % 13, jsonb_build_object('user_id', i % 5, 'shop', chr(97 + i % 4)), i % 7, '2024-03-31 12:00'::timestamptz + i * interval '4 minutes',
    ('{web,app,bot,new}'::text[])[1 + i % 4] FROM generate_series(300, 1, -1) AS i$$);
SELECT * FROM way_check('late');
SELECT count(deltas) AS folds, count(*) FILTER (WHERE more) AS more FROM topk.rollup, topk.fold(id) WHERE name ~ '^way';
SELECT * FROM way_check('late, folded');
-- The totals of all sources are equal, and equal to the exact counts: no row counts anywhere else
SELECT regexp_replace(name, '_[^_]*$', '') AS source, string_agg(substring(name, '[^_]*$') || ' ' || events, ', ' ORDER BY name) AS events, string_agg(total_weight::text, ', ' ORDER BY name) AS weights,
    string_agg(rejected::text, ', ' ORDER BY name) AS rejected FROM topk.rollups WHERE name ~ '^way' GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE q IS NOT NULL) AS "all", count(*) FILTER (WHERE n > 0) AS day, count(*) FILTER (WHERE q IS NOT NULL AND n IS NOT NULL) AS query,
    count(*) FILTER (WHERE metadata->>'user_id' IS NOT NULL AND source <> 'bot') AS "user", sum(n) FILTER (WHERE q IS NOT NULL) AS query_weight
FROM way_exact WHERE at BETWEEN '2024-01-01' AND '2025-01-01';

-- A backfill of a table counts the same, except for rows that were updated and deleted
SELECT topk.backfill('way_table_query') = count(*) AS counted FROM way_table WHERE q IS NOT NULL AND n IS NOT NULL AND at BETWEEN '2024-01-01' AND '2025-01-01';
SELECT * FROM way_check('backfill') WHERE source = 'way_table';

SET client_min_messages = warning;
DROP VIEW way_wanted;
DROP TABLE way_exact, way_table, way_parted, way_source CASCADE;
DROP FOREIGN TABLE way_stream CASCADE;
SELECT count(*) FROM topk.rollup WHERE name ~ '^way';
DROP FUNCTION way_check, way_change, way_more;
DROP PROCEDURE way;
