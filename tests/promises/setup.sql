-- Tables with rollups that count the same events, and wrong(), which compares the answers of one window with exact counts.
CREATE EXTENSION IF NOT EXISTS pg_topk;
CREATE TABLE event (part int, item bigint, ts timestamptz, weight bigint);
CREATE TABLE variant (n serial, name text);
INSERT INTO variant (name) VALUES ('never'), ('always'), ('sometimes'), ('bare'), ('zoned'), ('no_tiles'), ('no_windows');

-- Every rollup has far fewer counters than there are items. 'bare' has no sketch.
CREATE PROCEDURE make_rollups()
LANGUAGE plpgsql AS $$
DECLARE
    v text;
BEGIN
    FOR v IN SELECT name FROM variant ORDER BY n LOOP
        EXECUTE format('DROP TABLE IF EXISTS %I', v);
        EXECUTE format('CREATE TABLE %I (item bigint, ts timestamptz, weight bigint)', v);
        PERFORM topk.create_rollup(v, v::regclass, 'item', 'ts', weight => 'weight', windows => '{hour,day,week}', capacity => 300, k => 15,
            width => CASE v WHEN 'bare' THEN 0 ELSE 3000 END, timezone => CASE v WHEN 'zoned' THEN 'America/St_Johns' ELSE 'UTC' END,
            accept_past => '100 years', retention => '{"tile": "100 years", "hour": "100 years", "day": "100 years", "week": "100 years"}');
    END LOOP;
END $$;

-- 'never' is not folded, 'sometimes' has transactions that are rolled back and folds that come late, the others are folded after
-- each part. Of the last two, retention removes tiles and hours, or days and weeks.
CREATE PROCEDURE fill_rollups()
LANGUAGE plpgsql AS $$
DECLARE
    v text;
BEGIN
    FOR p IN 1 .. 7 LOOP
        FOREACH v IN ARRAY '{always,bare,zoned,no_tiles,no_windows}'::text[] LOOP
            EXECUTE format('INSERT INTO %I SELECT item, ts, weight FROM event WHERE part = $1', v) USING p;
        END LOOP;
        COMMIT;
        CALL topk.run();
        INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p AND item % 3 = 0;
        COMMIT;
        BEGIN
            INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p;
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN NULL; -- rolled back
        END;
        INSERT INTO sometimes SELECT item, ts, weight FROM event WHERE part = p AND item % 3 > 0;
        COMMIT;
    END LOOP;
    PERFORM topk.alter_rollup('no_tiles', retention => '{"tile": "1 day", "hour": "1 day"}');
    PERFORM topk.alter_rollup('no_windows', retention => '{"day": "1 day", "week": "1 day"}');
    INSERT INTO no_tiles VALUES (1, '2024-05-01', 1); -- a fold is due
    INSERT INTO no_windows VALUES (1, '2024-05-01', 1);
    COMMIT;
    CALL topk.run();
    INSERT INTO never SELECT item, ts, weight FROM event;
    COMMIT;
END $$;

-- Names the promises that the answers for a window break, with the number of times. removed: retention has removed the window, so
-- only topk.range can answer.
CREATE FUNCTION wrong(rollup text, kind text, at timestamptz, removed bool) RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    info record;
    broken jsonb;
BEGIN
    SELECT * INTO info FROM topk.window_info(rollup, kind, at);
    CREATE TEMP TABLE exact AS
    SELECT e.item::text AS item, sum(e.weight)::bigint AS n, row_number() OVER (ORDER BY sum(e.weight) DESC) AS place
    FROM event AS e WHERE e.ts >= info.window_start AND e.ts < info.window_end GROUP BY e.item;
    SELECT jsonb_build_object('range', count(*) FILTER (WHERE coalesce(x.n, 0) NOT BETWEEN s.count - s.error AND s.count),
                              'range_rows', least(15, (SELECT count(*) FROM exact)) - count(*)) INTO broken
    FROM topk.range(rollup, info.window_start, info.window_end, 15) AS s LEFT JOIN exact AS x USING (item);
    -- A span that begins and ends inside of tiles; without tiles, topk.range warns that it lacks their counts
    SELECT broken || jsonb_build_object('span', count(*) FILTER (WHERE coalesce(x.n, 0) NOT BETWEEN s.count - s.error AND s.count)) INTO broken
    FROM topk.range(rollup, info.window_start + interval '17 minutes', info.window_end - interval '23 minutes', 15) AS s
    LEFT JOIN (SELECT e.item::text AS item, sum(e.weight)::bigint AS n FROM event AS e
               WHERE e.ts >= info.window_start + interval '17 minutes' AND e.ts < info.window_end - interval '23 minutes' GROUP BY e.item) AS x USING (item)
    WHERE rollup <> 'no_tiles';
    IF NOT removed THEN
        CREATE TEMP TABLE found AS SELECT * FROM topk.top(rollup, kind, at, 15);
        SELECT broken || jsonb_build_object('weight', (info.weight <> sum(n))::int, 'distinct_items',
                   (CASE WHEN info.error_bound = 0 THEN info.distinct_items <> count(*) ELSE abs(info.distinct_items - count(*)) > 0.03 * count(*) END)::int)
        INTO broken FROM exact;
        SELECT broken || jsonb_build_object('bounds', count(*) FILTER (WHERE coalesce(x.n, 0) > f.count OR coalesce(x.n, 0) < f.count - f.error),
                   'rows', least(15, (SELECT count(*) FROM exact)) - count(*),
                   'guaranteed', count(*) FILTER (WHERE f.guaranteed AND coalesce(x.n, 0) < (SELECT n FROM exact WHERE place = 15)))
        INTO broken FROM found AS f LEFT JOIN exact AS x USING (item);
        SELECT broken || jsonb_build_object('heavy_hitters', count(*)) INTO broken
        FROM (SELECT item, n FROM exact WHERE n > greatest(info.error_bound, info.weight * 0.002) AND n >= ceil(0.002 * info.weight)) AS x
        WHERE NOT EXISTS (SELECT FROM topk.heavy_hitters(rollup, kind, 0.002, at) AS h WHERE h.item = x.item);
        SELECT broken || jsonb_build_object('frequency', count(*) FILTER (WHERE coalesce(x.n, 0) NOT BETWEEN q.lower AND q.upper),
                   'estimate', count(*) FILTER (WHERE q.estimate NOT BETWEEN q.lower AND q.upper)) INTO broken
        FROM generate_series(0, 33000, 601) AS i CROSS JOIN LATERAL topk.frequency(rollup, i::text, kind, at) AS q
        LEFT JOIN exact AS x ON x.item = i::text;
        -- topk.frequency is at least as narrow as topk.top, and the same where one row answers.
        SELECT broken || jsonb_build_object('agreement', count(*) FILTER (WHERE q.upper > f.count OR q.lower < f.count - f.error
                                                                           OR (rollup IN ('always', 'bare') AND q.upper <> f.count))) INTO broken
        FROM found AS f, topk.frequency(rollup, f.item, kind, at) AS q;
        DROP TABLE found;
    END IF;
    DROP TABLE exact;
    RETURN (SELECT string_agg(key || ' ' || value, ', ') FROM jsonb_each_text(broken) WHERE value <> '0');
END $$;

-- The same for topk.hot at the end of a window: decayed weights lie within the bounds, no other item has more than the last one of the
-- answer, and a guaranteed item has at least as much as every other.
CREATE FUNCTION wrong_hot(rollup text, kind text, at timestamptz, half_life interval) RETURNS text
LANGUAGE sql AS $$
    WITH moment AS (
        SELECT window_end - interval '11 minutes' AS t FROM topk.window_bounds(rollup, kind, at)
    ), exact AS (
        SELECT e.item::text AS item, sum(e.weight * 2 ^ (extract(epoch FROM e.ts - m.t) / extract(epoch FROM half_life))::double precision) AS n
        FROM event AS e, moment AS m WHERE e.ts <= m.t GROUP BY e.item
    ), answer AS (
        SELECT h.*, coalesce(x.n, 0) AS n FROM moment AS m, topk.hot(rollup, half_life, m.t, 15) AS h LEFT JOIN exact AS x USING (item)
    ), broken (promise, times) AS (
        -- A rounding error of a double, and the event of 2024-05-01 that only some rollups have
        SELECT 'hot', count(*) FILTER (WHERE n > count * (1 + 1e-12) OR n < (count - error) * (1 - 1e-12) - 1e-6) FROM answer
        UNION ALL SELECT 'hot_rows', 15 - count(*) FROM answer
        UNION ALL SELECT 'hot_missing', count(*) FROM exact WHERE n > (SELECT min(count) FROM answer) * (1 + 1e-12) AND item NOT IN (SELECT item FROM answer)
        UNION ALL SELECT 'hot_guaranteed', count(*) FROM answer WHERE guaranteed AND n < (SELECT max(n) FROM exact WHERE item NOT IN (SELECT item FROM answer)) * (1 - 1e-12)
    )
    SELECT string_agg(promise || ' ' || times, ', ') FROM broken WHERE times <> 0
$$;
