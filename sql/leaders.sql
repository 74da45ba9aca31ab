-- topk.top while the log has many lists: those are read once, and of rare items only a bound is kept
SET timezone = 'UTC';
\set at '''2024-01-02 12:30+00'''
CREATE TABLE visits (page text, site text, at timestamptz);
SELECT topk.create_rollup('visits', 'visits', item => 'page', event_time => 'at', capacity => 100, accept_past => '100 years', retention => '{"hour": "100 years", "tile": "100 years", "day": "100 years"}') > 0 AS created;
SELECT topk.create_rollup('sites', 'visits', item => 'page', event_time => 'at', group_by => '{site}', capacity => 100, accept_past => '100 years', retention => '{"hour": "100 years", "tile": "100 years", "day": "100 years"}') > 0 AS created;
-- A statement of n rows: page number floor(most ^ u) for u from 0 to 1, so that the first pages are frequent
CREATE FUNCTION visit(statement integer, n integer, most numeric, first integer DEFAULT 0) RETURNS integer LANGUAGE sql AS $$
    INSERT INTO visits
    SELECT 'page_' || first + floor(most ^ ((i * 7919 + statement * 104729) % 100003 / 100003.0)), 'site_' || (i + statement) % 5, '2024-01-02 12:10+00'
    FROM generate_series(1, n) AS i;
    SELECT n;
$$;
-- For an answer: whether the bounds of each row hold, whether guaranteed items are of the first k, whether an item that is missing has more than
-- the last row's count, and whether an answer that adds up all lists, topk.range, has a larger count or error nowhere
CREATE FUNCTION check_top(rollup text, k integer, wanted text DEFAULT NULL) RETURNS TABLE (bounds boolean, guaranteed boolean, nothing_missing boolean, as_tight boolean)
LANGUAGE sql AS $$
    WITH answer AS (SELECT * FROM topk.top($1, 'hour', '2024-01-02 12:30+00', k, CASE WHEN wanted IS NOT NULL THEN array[wanted] END)),
         whole AS (SELECT * FROM topk.range($1, '2024-01-02 12:00+00', '2024-01-02 13:00+00', 10000, CASE WHEN wanted IS NOT NULL THEN array[wanted] END)),
         exact AS (SELECT page, count(*) AS n FROM visits WHERE wanted IS NULL OR site = wanted GROUP BY page),
         ranked AS (SELECT page, n, rank() OVER (ORDER BY n DESC) AS rank FROM exact)
    SELECT (SELECT bool_and(coalesce(x.n, 0) BETWEEN a.count - a.error AND a.count) FROM answer a LEFT JOIN exact x ON x.page = a.item),
           NOT EXISTS (SELECT FROM answer a JOIN ranked r ON r.page = a.item WHERE a.guaranteed AND r.rank > k),
           NOT EXISTS (SELECT FROM exact x WHERE x.n > (SELECT min(count) FROM answer) AND x.page NOT IN (SELECT item FROM answer)),
           NOT EXISTS (SELECT FROM answer a JOIN whole w USING (item) WHERE a.count > w.count OR a.error > w.error OR w.guaranteed AND NOT a.guaranteed AND w.rank <= k)
$$;
-- Nothing is folded yet: the sum begins with the first lists
SELECT sum(visit(s, 200, 20000)) FROM generate_series(1, 100) AS s;
SELECT k, c.* FROM unnest('{1,10,100}'::integer[]) AS k, check_top('visits', k) AS c;
SELECT k, c.* FROM unnest('{1,10,100}'::integer[]) AS k, check_top('sites', k) AS c;
SELECT k, c.* FROM unnest('{1,10,100}'::integer[]) AS k, check_top('sites', k, 'site_3') AS c;
SELECT count(topk.fold(id)) FROM topk.rollup;
-- The sum is that of a tile
SELECT sum(visit(s, 200, 20000)) FROM generate_series(101, 250) AS s;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('visits', k) AS c;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('sites', k) AS c;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('sites', k, 'site_3') AS c;
-- An item that the tile has not becomes one of the first two, a little in each statement
SELECT sum(visit(s, 200, 20000) + visit(s, 30, 1, 50000)) FROM generate_series(251, 400) AS s;
SELECT count(*) FROM topk.top('visits', 'hour', :at, 2) WHERE item IN ('page_1', 'page_50001');
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('visits', k) AS c;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('sites', k) AS c;
-- Many items of about the same weight, which lists bring after the tile
SELECT sum(visit(s, 300, 1, 60000 + s % 300)) FROM generate_series(1, 600) AS s;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('visits', k) AS c;
SELECT k, c.* FROM unnest('{1,10,90}'::integer[]) AS k, check_top('sites', k, 'site_3') AS c;
-- The total is that of all events
SELECT round(count / share) = (SELECT count(*) FROM visits) AS total FROM topk.top('visits', 'hour', :at, 1);
SELECT round(count / share) = (SELECT count(*) FROM visits) AS total FROM topk.top('sites', 'hour', :at, 1);
SELECT topk.drop_rollup('visits'), topk.drop_rollup('sites');
DROP TABLE visits;
DROP FUNCTION visit, check_top;
