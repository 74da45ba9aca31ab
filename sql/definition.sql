-- topk.definition makes the same rollup again, and topk.streams lists streams with their rollups
CREATE SCHEMA definition;
SET search_path = definition, public;
CREATE TABLE "Sales" (product text, country text, amount numeric, paid boolean, at timestamp);
CREATE TABLE "Product's" (product text PRIMARY KEY);
CREATE FOREIGN TABLE clicks (url text, at timestamptz) SERVER topk;
CREATE FOREIGN TABLE unused (url text) SERVER topk;
CREATE TYPE currency AS ENUM ('EUR', 'USD');
CREATE FUNCTION shorter(url text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT pg_catalog.left(url, 20)$$;
SELECT topk.create_rollup('clicks', 'clicks', 'shorter(url)', 'at') > 0 AS created,
       topk.create_rollup('"it''s \ ""all"""', '"Sales"', 'lower(product)', 'at', group_by => ARRAY['country', $$'a\b'::text$$],
                          windows => '{day,week}', k => 7, weight => '(amount * 100)::bigint', filter => $$paid AND product <> 'it''s'$$,
                          grain => '15 minutes', timezone => 'America/Los_Angeles', capacity => 77, width => 0, depth => 3, max_groups => 5,
                          retention => '{"tile": "3 days", "day": "1 year 2 months"}', accept_past => '100 days', accept_future => '1 hour',
                          metadata => '"Product''s"', metadata_key => 'product') > 0 AS created;
SELECT topk.definition('definition.clicks');
SELECT topk.definition('"it''s \ ""all"""');
-- Made again, in a session with another search_path, both are the same
CREATE TABLE before AS SELECT to_jsonb(r) - 'created' - 'counted_since' AS row, topk.definition(format('%I.%I', schema, name)) AS statement FROM topk.rollups AS r;
SELECT topk.drop_rollup(format('%I', name)) FROM topk.rollups;
SET search_path = pg_catalog;
DO $$DECLARE d record; BEGIN FOR d IN SELECT statement FROM definition.before LOOP EXECUTE d.statement; END LOOP; END$$;
SET search_path = definition, public;
SELECT count(*), count(*) FILTER (WHERE b.row = to_jsonb(r) - 'created' - 'counted_since') AS the_same
FROM topk.rollups AS r JOIN before AS b ON b.row ->> 'name' = r.name;
SELECT topk.definition('nothing');

SELECT stream, owner = current_user AS own, rollups FROM topk.streams ORDER BY stream::text;
CREATE ROLE definition_reader;
GRANT USAGE ON SCHEMA definition TO definition_reader;
SET ROLE definition_reader;
SELECT stream, rollups FROM topk.streams ORDER BY 1;
SELECT topk.definition('definition.clicks');
RESET ROLE;
DROP OWNED BY definition_reader;
DROP ROLE definition_reader;

-- A stream can be looked at: explained, and asked for no row. Its rows cannot be read.
EXPLAIN (COSTS OFF) SELECT url FROM clicks WHERE url = 'a';
SELECT * FROM clicks LIMIT 0;
SELECT * FROM clicks WHERE false;
CREATE TABLE copied AS TABLE clicks WITH NO DATA;
PREPARE by_url AS SELECT * FROM clicks WHERE url = $1;
EXPLAIN (COSTS OFF) EXECUTE by_url('a');
EXECUTE by_url('a');
SELECT * FROM clicks LIMIT 1;
SELECT count(*) FROM clicks;
SELECT EXISTS (SELECT FROM clicks);
EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM clicks;
-- Its owner may say that it is read as empty
ALTER FOREIGN TABLE clicks OPTIONS (on_read 'empty');
SELECT * FROM clicks;
EXECUTE by_url('a');
INSERT INTO clicks VALUES ('a', now()) RETURNING url;
SELECT item, count FROM topk.top('clicks', 'hour');
UPDATE clicks SET url = 'b';
ALTER FOREIGN TABLE clicks OPTIONS (SET on_read 'error');
SELECT * FROM clicks LIMIT 1;
ALTER FOREIGN TABLE clicks OPTIONS (SET on_read 'full');
ALTER FOREIGN TABLE clicks OPTIONS (SET read 'empty');
ALTER FOREIGN TABLE clicks OPTIONS (ADD read 'empty');
ALTER SERVER topk OPTIONS (on_read 'empty');

DROP SCHEMA definition CASCADE;
