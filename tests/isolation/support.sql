-- What the specs have in common. They create the extension themselves and drop it again, so that each begins with an empty log.

-- Items of the hour, day, week and month of a time with their counts, and the events of these windows: one line, as long as they
-- all are the same, which they must be while all events are of one hour; otherwise one for each that differs.
CREATE FUNCTION counts(rollup text, at timestamptz DEFAULT '2024-05-01 12:00+00', grp text[] DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(DISTINCT line, E'\n')
            FROM unnest('{hour,day,week,month}'::text[]) AS kind,
                 LATERAL (SELECT concat_ws(' ', (SELECT string_agg(t.item || '=' || t.count, ' ' ORDER BY t.item COLLATE "C")
                                                 FROM topk.top($1, kind, $2, 100, $3) AS t),
                                           '(' || (topk.window_info($1, kind, $2, $3)).events || ')') AS line) AS x);
END$$;

-- A rollup that accepts and keeps the fixed times of the specs as if they were of today. What is in 2024 is over: a fold merges it
-- into the windows of all levels. What is in 2190 is not: a fold leaves it in the log, as long as it is little.
CREATE PROCEDURE make_rollup(name text, source regclass, group_by text[] DEFAULT '{}', item text DEFAULT 'item', backfill boolean DEFAULT false)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM topk.create_rollup(name, source, item, 'ts', group_by => group_by, backfill => backfill,
                               accept_past => '200 years', accept_future => '300 years',
                               retention => (SELECT jsonb_object_agg(k, '200 years')
                                             FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS k));
END$$;

-- A stream and a table with a rollup each, of numbers 1 and 2, and what these answer.
CREATE PROCEDURE make_sources()
    LANGUAGE plpgsql AS $$
BEGIN
    CREATE FOREIGN TABLE stream (item text, ts timestamptz, g text) SERVER topk;
    CREATE TABLE tab (item text, ts timestamptz, g text);
    CALL make_rollup('stream', 'stream', '{g}');
    CALL make_rollup('tab', 'tab');
END$$;
CREATE PROCEDURE insert_one(item text)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stream VALUES ($1, '2024-05-01 12:10+00', 'x'), ($1, '2190-05-01 12:10+00', 'x');
    INSERT INTO tab VALUES ($1, '2024-05-01 12:10+00'), ($1, '2190-05-01 12:10+00');
END$$;
CREATE VIEW answers AS
    SELECT counts('stream') AS stream, counts('stream', grp => '{x}') AS stream_x, counts('stream', '2190-05-01 12:00+00') AS stream_open,
           counts('tab') AS tab, counts('tab', '2190-05-01 12:00+00') AS tab_open;
CREATE FUNCTION fold_both(OUT id integer, OUT deltas bigint, OUT tiles bigint) RETURNS SETOF record
    LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..2 LOOP
        SELECT i, f.deltas, f.tiles INTO id, deltas, tiles FROM topk.fold(i) AS f;
        RETURN NEXT;
    END LOOP;
END$$;

-- Rows of all tables of rollups.
CREATE FUNCTION leftovers() RETURNS bigint
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT rollup FROM topk.delta_0 UNION ALL SELECT rollup FROM topk.delta_1
                                  UNION ALL SELECT rollup FROM topk.delta_2 UNION ALL SELECT rollup FROM topk.delta_3
                                  UNION ALL SELECT rollup FROM topk.tile UNION ALL SELECT rollup FROM topk.group_key
                                  UNION ALL SELECT rollup FROM topk.snapshot UNION ALL SELECT rollup FROM topk.rollup_state
                                  UNION ALL SELECT rollup FROM topk.error_log UNION ALL SELECT id FROM topk.rollup) AS x);
END$$;

-- Lets the active slot of the log grow until it is due for a turn. What makes it grow is gone again.
CREATE PROCEDURE fill_log()
    LANGUAGE plpgsql AS $$
DECLARE
    log text := (SELECT 'topk.delta_' || slot FROM topk.log_slot WHERE state = 'active');
BEGIN
    EXECUTE format('INSERT INTO %s (tile, events, rollup, scope, items)
                    SELECT now(), 1, -1, ''a'', string_agg(sha256(i::text::bytea), '''') FROM generate_series(1, 60) AS i, generate_series(1, 2200) AS j GROUP BY j', log);
    EXECUTE format('DELETE FROM %s WHERE rollup = -1', log);
END$$;
CREATE FUNCTION slots() RETURNS text
    LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT string_agg(state, ' ' ORDER BY slot) FROM topk.log_slot); END$$;
-- An item expression that waits for the advisory lock 1, in backfills and refreshes alone: by it they stop in the middle of counting.
CREATE PROCEDURE make_halting()
    LANGUAGE plpgsql AS $$
BEGIN
    CREATE FUNCTION halting(item text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $f$
    BEGIN
        IF current_setting('application_name') ~ '/(backfill|refresh)$' THEN
            PERFORM pg_advisory_lock(1);
            PERFORM pg_advisory_unlock(1);
        END IF;
        RETURN item;
    END$f$;
END$$;
