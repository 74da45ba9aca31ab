-- ./run live shows a stream of titles that are played in countries, with two rollups.
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION pg_topk;
CREATE FOREIGN TABLE plays (item_id text, ts timestamptz, source text) SERVER topk;
SELECT topk.create_rollup('titles', 'plays', item => 'item_id', event_time => 'ts', group_by => '{source}', grain => '1 minute') > 0 AS titles,
       topk.create_rollup('countries', 'plays', item => 'source', event_time => 'ts', grain => '1 minute') > 0 AS countries;
