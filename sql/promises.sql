-- Every promise of an answer against exact counts: flat streams, far more items than counters, filled and folded in many ways
CREATE SCHEMA promises;
SET search_path = promises, public;
SET timezone = 'UTC';
SELECT setseed(0.15);
CREATE TABLE event (part int, item bigint, ts timestamptz, weight bigint);
-- Two days; the weight of an item does not depend on its rank. The last part is late.
INSERT INTO event
SELECT CASE WHEN random() < 0.1 THEN 7 ELSE 1 + hour / 8 END, floor(30000 * power(random(), 1.6)), '2024-05-06 00:00+00'::timestamptz + hour * interval '1 hour' + random() * interval '1 hour', 1 + floor(3 * random())
FROM generate_series(0, 47) AS hour, generate_series(1, 2500);
CREATE TABLE never (item bigint, ts timestamptz, weight bigint);
CREATE TABLE always (LIKE never);
CREATE TABLE sometimes (LIKE never);
CREATE TABLE bare (LIKE never);
CREATE TABLE zoned (LIKE never);
CREATE TABLE no_tiles (LIKE never);
CREATE TABLE no_windows (LIKE never);
SELECT count(topk.create_rollup(t, t, 'item', 'ts', weight => 'weight', windows => '{hour,day,week}', capacity => 300, k => 15, width => CASE t WHEN 'bare' THEN 0 ELSE 3000 END, timezone => CASE t WHEN 'zoned' THEN 'America/St_Johns' ELSE 'UTC' END,
                                accept_past => '100 years', retention => '{"tile": "100 years", "hour": "100 years", "day": "100 years", "week": "100 years"}'))
FROM unnest('{never,always,sometimes,bare,zoned,no_tiles,no_windows}'::text[]) AS t;

DO $$ BEGIN
    FOR p IN 1 .. 7 LOOP
        INSERT INTO always SELECT item, ts, weight FROM event WHERE part = p;
        INSERT INTO bare SELECT item, ts, weight FROM event WHERE part = p;
        INSERT INTO zoned SELECT item, ts, weight FROM event WHERE part = p;
        INSERT INTO no_tiles SELECT item, ts, weight FROM event WHERE part = p;
        INSERT INTO no_windows SELECT item, ts, weight FROM event WHERE part = p;
        COMMIT;
        CALL topk.run();
        INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p AND item % 3 = 0;
        COMMIT;
        BEGIN -- rolled back
            INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p;
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
        INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p AND item % 3 > 0;
        COMMIT;
        IF p % 3 = 0 THEN
            CALL topk.run();
        END IF;
    END LOOP;
END $$;

-- Retention removes tiles and hours of one rollup, days and weeks of the other.
UPDATE topk.rollup SET retention = retention || '{"tile": "1 day", "hour": "1 day"}' WHERE name = 'no_tiles';
UPDATE topk.rollup SET retention = retention || '{"day": "1 day", "week": "1 day"}' WHERE name = 'no_windows';
UPDATE topk.rollup_state SET retained_at = NULL;
INSERT INTO no_tiles VALUES (1, '2024-05-01', 1); -- a fold is due
INSERT INTO no_windows VALUES (1, '2024-05-01', 1);
CALL topk.run();
SELECT name, level FROM topk.rollup JOIN topk.tile ON rollup = id WHERE name LIKE 'no\_%' GROUP BY name, level ORDER BY name, level;
INSERT INTO never SELECT item, ts, weight FROM event;

-- What is wrong with the answers for a window: all columns but the first three have to be 0
CREATE FUNCTION wrong(rollup text, kind text, at timestamptz, OUT total int, OUT bounds int, OUT rank int, OUT guaranteed int, OUT heavy int, OUT frequency int, OUT agreement int, OUT distinct_items int, OUT span int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    info record;
BEGIN
    SELECT * INTO info FROM topk.window_info(rollup, kind, at);
    CREATE TEMP TABLE exact AS
    SELECT e.item::text AS item, sum(e.weight)::bigint AS n, row_number() OVER (ORDER BY sum(e.weight) DESC) AS place
    FROM event AS e WHERE e.ts >= info.window_start AND e.ts < info.window_end GROUP BY e.item;
    CREATE TEMP TABLE found AS SELECT * FROM topk.top(rollup, kind, at, 15);
    SELECT (info.weight <> sum(n))::int, (CASE WHEN info.error_bound = 0 THEN info.distinct_items <> count(*) ELSE abs(info.distinct_items - count(*)) > 0.03 * count(*) END)::int
    INTO total, distinct_items FROM exact;
    SELECT count(*) FILTER (WHERE coalesce(x.n, 0) > f.count OR coalesce(x.n, 0) < f.count - f.error), 15 - count(*),
           count(*) FILTER (WHERE f.guaranteed AND coalesce(x.n, 0) < (SELECT n FROM exact WHERE place = 15))
    INTO bounds, rank, guaranteed FROM found AS f LEFT JOIN exact AS x USING (item);
    SELECT count(*) INTO heavy
    FROM (SELECT item, n FROM exact WHERE n > greatest(info.error_bound, info.weight * 0.002) AND n >= ceil(0.002 * info.weight)) AS x
    WHERE NOT EXISTS (SELECT FROM topk.heavy_hitters(rollup, kind, 0.002, at) AS h WHERE h.item = x.item);
    SELECT count(*) FILTER (WHERE coalesce(x.n, 0) NOT BETWEEN q.lower AND q.upper) INTO frequency
    FROM generate_series(0, 33000, 601) AS i CROSS JOIN LATERAL topk.frequency(rollup, i::text, kind, at) AS q
    LEFT JOIN exact AS x ON x.item = i::text;
    -- topk.frequency says no more than topk.top, and the same where one row answers
    SELECT count(*) FILTER (WHERE q.upper > f.count OR q.lower < f.count - f.error OR (rollup IN ('always', 'bare') AND q.upper <> f.count)) INTO agreement
    FROM found AS f, topk.frequency(rollup, f.item, kind, at) AS q;
    -- The same span by topk.range
    SELECT count(*) FILTER (WHERE coalesce(x.n, 0) NOT BETWEEN s.count - s.error AND s.count) + 15 - count(*) INTO span
    FROM topk.range(rollup, info.window_start, info.window_end, 15) AS s LEFT JOIN exact AS x USING (item);
    DROP TABLE exact, found;
END $$;
SET client_min_messages = error; -- some shares are too small
SELECT r AS rollup, w.kind, w.at, x.*
FROM unnest('{never,always,sometimes,bare,zoned,no_tiles,no_windows}'::text[]) WITH ORDINALITY AS r (r, n),
     (VALUES (1, 'hour', '2024-05-06 05:00+00'::timestamptz), (2, 'day', '2024-05-06'), (3, 'day', '2024-05-07'), (4, 'week', '2024-05-06')) AS w (n, kind, at), wrong(r, w.kind, w.at) AS x
WHERE (r, w.kind) NOT IN (('no_tiles', 'hour'), ('no_windows', 'day'), ('no_windows', 'week')) -- these are removed
ORDER BY r.n, w.n;
RESET client_min_messages;
-- Hours have more items than counters, and are exact: that takes less than a summary with a sketch. Days are not.
SELECT level, bool_and(error_bound(summary) = 0) AS exact, bool_and(size(summary) > 300) AS more_than_counters, bool_and((sketch IS NULL) = (error_bound(summary) = 0)) AS sketch_if_not
FROM topk.tile WHERE rollup = (SELECT id FROM topk.rollup WHERE name = 'always') GROUP BY level ORDER BY level;
-- The check finds what is wrong: events that no rollup has counted
INSERT INTO event VALUES (8, 1, '2024-05-06 05:10+00', 1), (8, 32454, '2024-05-06 05:10+00', 1000000);
SELECT x.* FROM wrong('always', 'hour', '2024-05-06 05:00+00') AS x;
SET client_min_messages = warning;
DROP SCHEMA promises CASCADE;
