-- topk.grant_ask: the owner of a source lets roles ask a rollup, or groups of it, without SELECT on the source
CREATE SCHEMA asking;
SET search_path = asking, public;
SET timezone = 'UTC';
\set SHOW_CONTEXT never
\getenv directory PG_ABS_SRCDIR
\set include :directory '/sql/include/outcome.sql'
\i :include
CREATE TABLE views (page text, country text, user_id integer, at timestamptz);
CREATE TABLE pages (page text PRIMARY KEY, title text);
INSERT INTO pages VALUES ('home', 'Home'), ('news', 'News');
SELECT topk.create_rollup('views', 'views', 'page', 'at', group_by => '{country}', metadata => 'pages', metadata_key => 'page', accept_past => '100 years',
                          retention => '{"tile": "100 years", "hour": "100 years", "day": "100 years", "snapshot": "100 years"}') > 0 AS created,
       topk.create_rollup('all_views', 'views', 'page', 'at', accept_past => '100 years') > 0 AS created;
INSERT INTO views SELECT CASE WHEN i % 3 = 0 THEN 'news' ELSE 'home' END, (ARRAY['DE', 'FR'])[1 + i % 2], i, '2026-03-01 12:00+00' FROM generate_series(1, 12) AS i;
INSERT INTO views VALUES ('only in IT', 'IT', 1, '2026-03-01 14:00+00');
DO $$BEGIN PERFORM topk.fold(r.id) FROM topk.rollup AS r JOIN pg_class AS c ON c.oid = r.source WHERE c.relnamespace = 'asking'::regnamespace; END$$;
CREATE ROLE asking_dashboard IN ROLE topk_reader;
CREATE ROLE asking_partner IN ROLE topk_reader;
CREATE ROLE asking_member IN ROLE asking_partner;
CREATE ROLE asking_other IN ROLE topk_reader;
CREATE ROLE asking_outsider;
GRANT USAGE ON SCHEMA asking TO asking_dashboard, asking_partner, asking_other, asking_outsider;

-- Without a right; the hint says who can give one
SET ROLE asking_dashboard;
SELECT item FROM topk.top('views', 'day', '2026-03-01');
RESET ROLE;

-- Everything
SELECT topk.grant_ask('views', 'asking_dashboard');
SELECT topk.grant_ask('views', 'asking_dashboard'); -- once more changes nothing
SET ROLE asking_dashboard;
SELECT item, count, metadata FROM topk.top('views', 'day', '2026-03-01');
SELECT group_key, item, count FROM topk.top_by_group('views', 'day', '2026-03-01') ORDER BY group_key, rank;
SELECT name, events, rejected, askers FROM topk.rollups ORDER BY name;
SELECT rollup, group_key FROM topk.groups ORDER BY 2;
-- but nothing of another rollup, no row of the table, and no comparison with its rows
SELECT item FROM topk.top('all_views', 'day', '2026-03-01');
SELECT count(*) FROM views;
SELECT * FROM topk.accuracy('views', 'day', '2026-03-01');
SELECT topk.may_read('views');
SELECT topk.grant_ask('views', 'asking_dashboard');
SELECT topk.revoke_ask('views', 'asking_dashboard');
RESET ROLE;
-- The items table takes a right of its own
GRANT SELECT ON pages TO asking_dashboard;
SET ROLE asking_dashboard;
SELECT item, metadata FROM topk.top('views', 'day', '2026-03-01', 1);
RESET ROLE;
-- The message tells a reader of the source that the right on the items table lacks
GRANT SELECT ON views TO asking_other;
SET ROLE asking_other;
SELECT item, metadata FROM topk.top('views', 'day', '2026-03-01', 1);
RESET ROLE;
REVOKE SELECT ON views FROM asking_other;

-- Some groups
SELECT topk.grant_ask('views', 'asking_partner', '{{DE},{FR}}');
SET ROLE asking_partner;
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{DE}');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{{FR},{DE}}');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{IT}');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{{DE},{IT}}');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{}');
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{XX}');
SELECT group_key, item, count FROM topk.top_by_group('views', 'day', '2026-03-01') ORDER BY group_key, rank;
-- All functions that answer: of a group that the role may ask for, of another one, and of all groups
SET client_min_messages = error;
SELECT q, outcome(format(s, ', group_key => ''{DE}''')) AS own, outcome(format(s, ', group_key => ''{IT}''')) AS other, outcome(format(s, '')) AS "all"
FROM (SELECT q, format('SELECT %s', CASE WHEN q ~ '%s' THEN q ELSE regexp_replace(q, '\)$', '%s)') END) AS s
      FROM unnest(ARRAY['topk.top(''views'', ''day'')', 'topk.range(''views'', ''2026-03-01'', ''2026-03-02'')', 'topk.last(''views'', ''1 day'')', 'topk.hot(''views'', ''1 day'')',
          'topk.heavy_hitters(''views'', ''day'', 0.1)', 'topk.frequency(''views'', ''home'', ''day'')', 'topk.trending(''views'', ''day'')', 'topk.series(''views'', ''home'', ''hour'', ''2026-03-01'', ''2026-03-02'')',
          'topk.history(''views'', ''day'')', 'topk.window_info(''views'', ''day'')', 'topk.window_state(''views'', ''{2026-03-01}'', ''{2026-03-02}'')', 'topk.counted_windows(''views'', ''day'')',
          'topk.leaderboard(''views'', ''day'')', 'topk.summary(''views'', ''day'')', 'topk.sketch(''views'', ''day'')', 'topk.range_summary(''views'', ''2026-03-01'', ''2026-03-02'')', 'topk.range_sketch(''views'', ''2026-03-01'', ''2026-03-02'')',
          'topk.chart(''views'', ''day'')', 'topk.accuracy(''views'', ''day'')', 'topk_api.get_topk(''views'')', 'topk_api.get_frequency(''views'', ''home'')', 'topk_api.get_trending(''views'')', 'topk.keep_history(''views'', ''day'')']) AS q) AS x;
RESET client_min_messages;
-- Other questions are about no group, and give no number
SELECT * FROM topk.window_bounds('views', 'day', '2026-03-01');
-- Views: the definition, and of counts those of its groups
SELECT name, events, total_weight, late, rejected, overflowed, folds, last_fold, failures, backfill, counted_since, folding, askers FROM topk.rollups;
SELECT (SELECT count(*) FROM topk.stats) AS stats, (SELECT count(*) FROM topk.errors) AS errors, (SELECT count(*) FROM topk.backfills) AS backfills;
SELECT group_key FROM topk.groups ORDER BY 1;
SELECT DISTINCT group_key FROM topk.snapshots ORDER BY 1;
SELECT role, group_key FROM topk.askers ORDER BY 1, 2;
SELECT * FROM topk.ask_grants('views');
-- Windows in which other groups alone have counts are not named
SELECT window_start FROM topk.counted_windows('views', 'hour', group_key => '{DE}');
RESET ROLE;
SELECT window_start FROM topk.counted_windows('views', 'hour', group_key => '{IT}');
-- A member of the role has its rights
SET ROLE asking_member;
SELECT count FROM topk.top('views', 'day', '2026-03-01', 1, '{DE}');
RESET ROLE;

-- The owner sees the rights, and keeps them with the code of an application
SELECT name, askers FROM topk.rollups WHERE schema = 'asking' ORDER BY name;
SELECT role, group_key FROM topk.askers WHERE schema = 'asking' ORDER BY 1, 2;
SELECT * FROM topk.ask_grants('views');
SELECT * FROM topk.ask_grants('nothing');
-- A role without topk_reader
SELECT topk.grant_ask('views', 'asking_outsider');
SET ROLE asking_outsider;
SELECT item FROM topk.top('views', 'day', '2026-03-01');
RESET ROLE;

-- Revoked: groups, and everything
SELECT topk.revoke_ask('views', 'asking_partner', '{FR}');
SELECT topk.revoke_ask('views', 'asking_partner', '{FR}');
SELECT topk.revoke_ask('views', 'asking_dashboard', '{FR}');
SET ROLE asking_partner;
SELECT count FROM topk.top('views', 'day', '2026-03-01', 1, '{FR}');
RESET ROLE;
SELECT topk.grant_ask('views', 'asking_partner'), topk.revoke_ask('views', 'asking_partner');
SET ROLE asking_partner;
SELECT count FROM topk.top('views', 'day', '2026-03-01', 1, '{DE}');
SELECT count(*) FROM topk.rollups;
RESET ROLE;

-- Arguments
SELECT topk.grant_ask('views', NULL);
SELECT topk.grant_ask(NULL, 'asking_dashboard');
SELECT topk.grant_ask('views', 'asking_nobody');
SELECT topk.grant_ask('views', 4294967295::oid::regrole);
SELECT topk.grant_ask('nothing', 'asking_dashboard');
SELECT topk.grant_ask('views', 'asking_other', '{DE,FR}');
SELECT topk.grant_ask('all_views', 'asking_other', '{DE}');
-- A group that comes later
SELECT topk.grant_ask('views', 'asking_other', '{ES}');
INSERT INTO views VALUES ('home', 'ES', 1, '2026-03-01 12:00+00');
SET ROLE asking_other;
SELECT item, count FROM topk.top('views', 'day', '2026-03-01', group_key => '{ES}');
RESET ROLE;

-- A rollup takes its rights along when it is renamed or its table gets another owner
SELECT topk.alter_rollup('views', rename_to => 'page_views');
CREATE ROLE asking_owner;
GRANT CREATE, USAGE ON SCHEMA asking TO asking_owner;
ALTER TABLE views OWNER TO asking_owner;
SELECT topk.revoke_ask('page_views', 'asking_outsider');
SET ROLE asking_owner;
SELECT role, group_key FROM topk.askers ORDER BY 1, 2;
SELECT topk.grant_ask('page_views', 'asking_partner', '{IT}');
RESET ROLE;
SET ROLE asking_dashboard;
SELECT item, count FROM topk.top('page_views', 'day', '2026-03-01', 1);
RESET ROLE;
-- A role that is dropped loses them, and a new role of its name does not get them
DROP ROLE asking_member;
DROP OWNED BY asking_partner;
DROP ROLE asking_partner;
CREATE ROLE asking_partner IN ROLE topk_reader;
GRANT USAGE ON SCHEMA asking TO asking_partner;
SELECT role, group_key FROM topk.askers WHERE schema = 'asking' ORDER BY 1, 2;
SELECT count(*) AS without_a_role FROM topk.ask_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);
SET ROLE asking_partner;
SELECT count(*) FROM topk.rollups;
RESET ROLE;
SELECT topk.grant_ask('page_views', 'asking_partner', '{IT}');
SELECT count(*) AS without_a_role FROM topk.ask_grant AS g WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = g.role);
-- A rollup that is dropped, by itself or with its table, takes them along
SELECT topk.grant_ask('all_views', 'asking_partner');
SELECT count(*) AS rights FROM topk.ask_grant;
SELECT topk.drop_rollup('all_views');
SELECT count(*) AS rights FROM topk.ask_grant;
DROP TABLE views, pages;
SELECT count(*) AS rights FROM topk.ask_grant;

-- Row-level security: the owner decides
CREATE TABLE tenants (page text, tenant text, at timestamptz DEFAULT now());
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);
GRANT SELECT ON tenants TO asking_other, asking_dashboard;
SELECT topk.create_rollup('tenants', 'tenants', 'page', 'at', group_by => '{tenant}') > 0 AS created;
INSERT INTO tenants VALUES ('a', 'asking_other'), ('b', 'asking_dashboard');
SET ROLE asking_other;
SELECT item FROM topk.top('tenants', 'day', group_key => '{asking_other}');
RESET ROLE;
SELECT topk.grant_ask('tenants', 'asking_other', '{asking_other}'), topk.grant_ask('tenants', 'asking_dashboard', '{asking_dashboard}');
SET ROLE asking_other;
SELECT item FROM topk.top('tenants', 'day', group_key => '{asking_other}');
SELECT item FROM topk.top('tenants', 'day', group_key => '{asking_dashboard}');
SELECT * FROM topk.accuracy('tenants', 'day', group_key => '{asking_other}');
SELECT page FROM tenants;
RESET ROLE;

-- Streams
CREATE FOREIGN TABLE clicks (url text, at timestamptz DEFAULT now()) SERVER topk;
SELECT topk.create_rollup('clicks', 'clicks', 'url', 'at') > 0 AS created;
INSERT INTO clicks VALUES ('a');
SET ROLE asking_other;
SELECT stream, rollups FROM topk.streams WHERE stream::text ~ 'clicks';
SELECT item FROM topk.top('clicks', 'hour');
RESET ROLE;
SELECT topk.grant_ask('clicks', 'topk_reader'); -- every member of it
SET ROLE asking_other;
SELECT stream, rollups FROM topk.streams WHERE stream::text ~ 'clicks';
SELECT item FROM topk.top('clicks', 'hour');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA asking CASCADE;
DROP OWNED BY asking_dashboard, asking_partner, asking_other, asking_outsider, asking_owner;
DROP ROLE asking_dashboard, asking_partner, asking_other, asking_outsider, asking_owner;
