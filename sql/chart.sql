-- topk.chart shows an answer as a leaderboard
SET client_encoding = 'UTF8';
SET timezone = 'UTC';
\pset format unaligned
CREATE FOREIGN TABLE plays (track text, weight bigint, country text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('plays', 'plays', item => 'track', event_time => 'at', weight => 'weight', group_by => '{country}',
                          windows => '{hour,day}', k => 3, accept_past => '100 years',
                          retention => '{"hour": "0", "tile": "0", "day": "100 years", "snapshot": "100 years"}') > 0 AS created;
-- Monday: d leads. Tuesday: a rises by three, b is where it was, d falls, e is new.
INSERT INTO plays VALUES ('d', 40, 'DE', '2024-01-01 12:00+00'), ('b', 30, 'DE', '2024-01-01 12:00+00'),
    ('c', 20, 'FR', '2024-01-01 12:00+00'), ('a', 10, 'FR', '2024-01-01 12:00+00'),
    ('a', 1600, 'DE', '2024-01-02 12:00+00'), ('b', 1000, 'DE', '2024-01-02 12:00+00'), ('e', 301, 'DE', '2024-01-02 12:00+00'),
    ('d', 100, 'DE', '2024-01-02 12:00+00'), ('zero', 0, 'FR', '2024-01-02 12:00+00');
SELECT topk.chart('plays', 'day', at => '2024-01-02 00:00+00');
SELECT topk.chart('plays', 'day', 2, 16, '2024-01-02 23:00+00', '{DE}');
-- The first window, a window without events, a window of weight 0, a group that does not exist
SELECT topk.chart('plays', 'day', at => '2024-01-01 00:00+00', width => 10);
SELECT topk.chart('plays', 'day', at => '2024-01-07 00:00+00');
SELECT topk.chart('plays', 'day', at => '2024-01-02 00:00+00', group_key => '{FR}');
SELECT topk.chart('plays', 'day', at => '2024-01-02 00:00+00', group_key => '{IT}');
-- NULL is the default
SELECT count(*) AS lines FROM topk.chart('plays', 'day', NULL, NULL, NULL, NULL);
-- Hours of another time zone
SET timezone = 'Asia/Kolkata';
SELECT topk.chart('plays', 'hour', 1, 10, '2024-01-02 12:00+00');
SET timezone = 'UTC';

-- Retention has removed the previous window, and its snapshot with the top 3 is left
INSERT INTO plays VALUES ('c', 4, 'DE', '2024-01-02 13:00+00'), ('a', 3, 'DE', '2024-01-02 13:00+00'), ('d', 2, 'DE', '2024-01-02 13:00+00');
SELECT tiles > 0 AS folded FROM topk.rollup, topk.fold(id) WHERE name = 'plays';
SELECT topk.fold(id) IS NOT NULL AS retained FROM topk.rollup WHERE name = 'plays';
INSERT INTO plays VALUES ('d', 5, 'DE', '2024-01-02 13:30+00'), ('e', 6, 'DE', '2024-01-02 13:30+00');
SELECT events FROM topk.window_info('plays', 'hour', '2024-01-02 12:00+00');
SELECT window_start, rank, item FROM topk.snapshots WHERE window_kind = 'hour' AND group_key IS NULL ORDER BY window_start, rank;
SELECT topk.chart('plays', 'hour', at => '2024-01-02 13:00+00', width => 10);
SELECT topk.chart('plays', 'hour', at => '2024-01-02 13:00+00', width => 10, group_key => '{DE}');

-- Items that are not guaranteed
CREATE FOREIGN TABLE crowd (item int, at timestamptz) SERVER topk;
SELECT topk.create_rollup('crowd', 'crowd', item => 'item', event_time => 'at', k => 3, capacity => 16, accept_past => '100 years') > 0 AS created;
INSERT INTO crowd SELECT i, '2024-01-02 12:00+00' FROM generate_series(1, 9000) AS i;
INSERT INTO crowd SELECT 7, '2024-01-02 12:00+00' FROM generate_series(1, 5000) AS i;
SELECT count(*) FILTER (WHERE line ~ '^ +1 ★ 7 ') AS first, count(*) FILTER (WHERE line ~ '^ *~[23] ★ ') AS not_guaranteed,
       count(*) FILTER (WHERE line ~ '^14,000 events, about [0-9,]+ distinct items$') AS estimated
FROM topk.chart('crowd', 'day', 3, 20, '2024-01-02 12:00+00') AS line;

-- Long and wide items, and characters that terminals do not print
CREATE FOREIGN TABLE names (name text, n bigint, at timestamptz) SERVER topk;
SELECT topk.create_rollup('names', 'names', item => 'name', event_time => 'at', weight => 'n', accept_past => '100 years') > 0 AS created;
INSERT INTO names SELECT name, 1000000000000 / n, '2024-01-02' FROM unnest(ARRAY[repeat('long ', 200), 'short', repeat('東京', 20),
    'x' || repeat('東京', 20), E'line\nfeed\ttab \u001b[31mred', E'right\u202eleft', E'e\u0301 composed', '']) WITH ORDINALITY AS u (name, n);
SELECT topk.chart('names', 'day', at => '2024-01-02');
SELECT topk.chart('names', 'day', at => '2024-01-02', width => 10);
SELECT topk.chart('names', 'day', 1, 500, at => '2024-01-02');
SELECT max(length(line)) AS longest FROM topk.chart('names', 'day', at => '2024-01-02') AS line;
-- The largest counts
INSERT INTO names VALUES ('huge', 9000000000000000000, '2024-01-03'), ('large', 223372036854775807, '2024-01-03');
SELECT topk.chart('names', 'day', at => '2024-01-03', width => 10);

-- Clients whose encoding lacks the symbols
SET client_encoding = 'LATIN1';
SELECT topk.chart('plays', 'day', at => '2024-01-02 00:00+00', width => 20);
SELECT topk.chart('plays', 'day', at => '2024-01-02 00:00+00', k => 1);
SET client_encoding = 'UTF8';

-- Errors
\set SHOW_CONTEXT never
SELECT topk.chart('plays', 'day', width => 9);
SELECT topk.chart('plays', 'day', width => 501);
SELECT topk.chart('plays', 'day', 0);
SELECT topk.chart('plays', 'day', 2000000000);
SELECT topk.chart('plays', 'week');
SELECT topk.chart('none', 'day');
SELECT topk.chart(NULL, 'day');
SELECT topk.chart('plays', 'day', at => 'infinity');
SELECT topk.chart('plays', 'day', group_key => '{a,b}');
-- topk.chart shows nothing that topk.top would not show
CREATE ROLE chart_owner;
ALTER FOREIGN TABLE plays OWNER TO chart_owner;
REVOKE SELECT ON plays FROM chart_owner;
SET ROLE chart_owner;
SELECT topk.chart('plays', 'day', -1);
RESET ROLE;
GRANT SELECT ON plays TO chart_owner;
SET ROLE chart_owner;
SELECT topk.chart('plays', 'day', 1, at => '2024-01-02 00:00+00');
RESET ROLE;
DROP FOREIGN TABLE plays, crowd, names;
DROP ROLE chart_owner;
