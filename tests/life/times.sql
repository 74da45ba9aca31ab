-- Windows in time zones with odd offsets, and in zones whose clocks change at midnight or by a day. Prints a line for each fault.
SET statement_timeout = '300s';
SELECT setseed(0.5)
\gset
CREATE TABLE zone (name text PRIMARY KEY, slug text);
INSERT INTO zone SELECT name, 'z' || row_number() OVER () FROM unnest('{UTC,Asia/Kolkata,Australia/Lord_Howe,America/St_Johns,Asia/Kathmandu,
    Africa/Cairo,America/Sao_Paulo,America/Havana,Pacific/Apia,Pacific/Kiritimati,Europe/Berlin,America/New_York,Asia/Beirut,
    America/Toronto,Africa/Monrovia,Asia/Manila,America/Juneau,Europe/Dublin,Africa/Casablanca,Antarctica/Troll}'::text[]) AS name
WHERE name IN (SELECT name FROM pg_timezone_names);
SELECT 'zones: ' || count(*) FROM zone HAVING count(*) < 18;

CREATE FOREIGN TABLE event_stream (item text, ts timestamptz, zone text) SERVER topk;
CREATE FUNCTION forever() RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(k, '1000 years') FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS k $$;
DO $$
BEGIN
    PERFORM topk.create_rollup(slug, 'event_stream', 'item', 'ts', filter => format('zone = %L', name), timezone => name, width => 0, grain => '15 minutes',
                               capacity => 100, k => 1, accept_past => '1000 years', retention => forever()) FROM zone;
    -- The grain is an hour
    PERFORM topk.create_rollup('h' || slug, 'event_stream', 'item', 'ts', filter => format('zone = %L', name), timezone => name, width => 0,
                               capacity => 100, k => 1, accept_past => '1000 years', retention => forever()) FROM zone;
END$$;

-- Random times, and times around the changes of each zone, which are found by comparing its offset every half hour
CREATE TABLE moment (zone text, ts timestamptz);
INSERT INTO moment SELECT name, timestamptz '1800-01-01' + random() * interval '220 years' FROM zone, generate_series(1, 300);
CREATE FUNCTION offset_at(t timestamptz, zone text) RETURNS interval LANGUAGE sql AS $$SELECT t AT TIME ZONE zone - t AT TIME ZONE 'UTC'$$;
WITH step AS (
    SELECT z.name, t, offset_at(t, z.name) IS DISTINCT FROM offset_at(t + interval '1 day', z.name) AS changes
    FROM zone AS z, generate_series(timestamptz '1840-01-01', '2024-12-01', '1 day') AS t
), change AS (SELECT name, t, row_number() OVER (PARTITION BY name ORDER BY random()) AS n FROM step WHERE changes)
INSERT INTO moment SELECT name, t - interval '1 day' + i * interval '25 minutes 13.000001 seconds' FROM change, generate_series(0, 172, 2) AS i WHERE n <= 12;
INSERT INTO moment SELECT 'Pacific/Apia', t FROM generate_series(timestamptz '2011-12-29 00:00-10', '2012-01-01 00:00+14', '10 minutes') AS t;
INSERT INTO moment SELECT name, t FROM zone, generate_series(timestamptz '2024-02-27', '2024-03-04', '70 minutes') AS t;
SELECT 'moments: ' || count(*) FROM moment HAVING count(*) < 10000;

CREATE TABLE bound AS
SELECT m.zone, z.slug, m.ts, kind, i.window_start, i.window_end
FROM moment AS m JOIN zone AS z ON z.name = m.zone, unnest('{hour,day,week,month}'::text[]) AS kind, topk.window_info(z.slug, kind, m.ts) AS i;
SELECT 'time outside of its window: ' || b FROM bound AS b WHERE ts < window_start OR ts >= window_end LIMIT 3;
CREATE TABLE span AS SELECT DISTINCT zone, slug, kind, window_start, window_end FROM bound;
SELECT 'windows that overlap: ' || a || b FROM span AS a JOIN span AS b USING (zone, kind)
WHERE a.window_start < b.window_start AND a.window_end > b.window_start LIMIT 3;
SELECT 'not the window of all its times: ' || s FROM span AS s,
    LATERAL (SELECT * FROM topk.window_info(slug, kind, s.window_start)) AS i, LATERAL (SELECT * FROM topk.window_info(slug, kind, s.window_end - interval '1 us')) AS j
WHERE (i.window_start, i.window_end) <> (s.window_start, s.window_end) OR (j.window_start, j.window_end) <> (s.window_start, s.window_end) LIMIT 3;
SELECT 'the next does not begin at its end: ' || s FROM span AS s, LATERAL topk.window_info(slug, kind, s.window_end) AS i WHERE i.window_start <> s.window_end LIMIT 3;
SELECT 'the one before does not end at its start: ' || s FROM span AS s, LATERAL topk.window_info(slug, kind, s.window_start - interval '1 us') AS i WHERE i.window_end <> s.window_start LIMIT 3;
SELECT 'crosses a larger window: ' || a || b FROM bound AS a JOIN bound AS b USING (zone, ts)
WHERE (a.kind, b.kind) IN (('hour', 'day'), ('day', 'week'), ('day', 'month'), ('hour', 'week'), ('hour', 'month'))
  AND (a.window_start < b.window_start OR a.window_end > b.window_end) LIMIT 3;
SELECT 'not as date_trunc() has it: ' || b FROM bound AS b
WHERE kind <> 'hour' AND window_start <> date_trunc(kind, ts, zone)
  -- date_trunc() cannot tell the beginning of a day whose midnight does not exist
  AND offset_at(window_start, zone) = offset_at(window_start - interval '1 day', zone) AND offset_at(window_start, zone) = offset_at(window_end, zone)
  AND offset_at(ts, zone) = offset_at(window_start, zone) LIMIT 3;
SELECT 'hours are too long: ' || s FROM span AS s WHERE kind = 'hour' AND window_end - window_start > interval '1 hour' LIMIT 3;
SELECT 'another grain, another hour: ' || b FROM bound AS b, LATERAL topk.window_info('h' || slug, kind, ts) AS i
WHERE (i.window_start, i.window_end) <> (b.window_start, b.window_end) LIMIT 3;

-- Events at these times are in the windows with the right bounds: in the log, half folded, and all folded
INSERT INTO event_stream SELECT 'i' || hashint8(extract(epoch FROM ts)::bigint) % 5, ts, zone FROM moment WHERE extract(second FROM ts)::integer % 2 = 0 ORDER BY random();
CREATE FUNCTION wrong_counts(half boolean) RETURNS SETOF text LANGUAGE sql AS $$
    WITH exact AS (
        SELECT s.slug, s.kind, s.window_start, count(*) AS events
        FROM span AS s JOIN moment AS m ON m.zone = s.zone AND m.ts >= s.window_start AND m.ts < s.window_end
        WHERE NOT half OR extract(second FROM m.ts)::integer % 2 = 0
        GROUP BY 1, 2, 3
    )
    SELECT 'counts ' || half || ': ' || e || ', not ' || i.events || ', ' || j.events FROM exact AS e, LATERAL topk.window_info(slug, kind, e.window_start) AS i, LATERAL topk.window_info('h' || slug, kind, e.window_start) AS j
    WHERE (i.events, j.events) <> (e.events, e.events) LIMIT 3
$$;
DO $$BEGIN PERFORM fold_all(); END$$;
CREATE INDEX ON moment (zone, ts);
ANALYZE moment, span;
SELECT * FROM wrong_counts(true);
INSERT INTO event_stream SELECT 'i' || hashint8(extract(epoch FROM ts)::bigint) % 5, ts, zone FROM moment WHERE extract(second FROM ts)::integer % 2 <> 0;
DO $$BEGIN PERFORM fold_all(); END$$;
SELECT * FROM wrong_counts(false);
SELECT 'tile and levels differ: ' || x FROM (
    SELECT rollup, sum(events) FILTER (WHERE level = 0) AS tiles, sum(events) FILTER (WHERE level = 2) AS days, sum(events) FILTER (WHERE level = 3) AS weeks, sum(events) FILTER (WHERE level = 4) AS months
    FROM topk.tile WHERE finished OR level > 0 GROUP BY 1) AS x WHERE tiles <> days OR tiles <> weeks OR tiles <> months LIMIT 3;
SELECT 'tiles cross windows: ' || t.start FROM topk.tile AS t JOIN topk.tile AS w ON w.rollup = t.rollup AND w.level > 0 AND t.level = 0 AND w.start < t.stop AND w.stop > t.start
WHERE t.start < w.start OR t.stop > w.stop LIMIT 3;
SELECT 'tiles overlap: ' || t.start FROM (SELECT start, stop, lead(start) OVER (PARTITION BY rollup, level ORDER BY start) AS next FROM topk.tile WHERE grp IS NULL) AS t WHERE next < stop LIMIT 3;
SELECT 'range: ' || b FROM (SELECT DISTINCT ON (zone) * FROM bound WHERE kind = 'month' ORDER BY zone, random()) AS b
WHERE (SELECT sum(count) FROM topk.range(slug, window_start, window_end, 100)) IS DISTINCT FROM (SELECT count(*) FROM moment AS m WHERE m.zone = b.zone AND m.ts >= window_start AND m.ts < window_end);
