-- Functions that all specs use. Each spec creates the extension and drops it, so that it begins with an empty log.

-- Returns the items and counts of the hour, day, week and month of a time, and the events of these windows. All windows have the same if
-- all events are in one hour, and the result is one line then; otherwise it has a line for each window that differs.
CREATE FUNCTION counts(rollup text, at timestamptz DEFAULT '2024-05-01 12:00+00', grp text[] DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT string_agg(DISTINCT line, E'\n')
            FROM unnest('{hour,day,week,month}'::text[]) AS kind,
                 LATERAL (SELECT concat_ws(' ', (SELECT string_agg(t.item || '=' || t.count, ' ' ORDER BY t.item COLLATE "C")
                                                 FROM topk.top($1, kind, $2, 100, $3) AS t),
                                           '(' || (topk.window_info($1, kind, $2, $3)).events || ')') AS line) AS x);
END$$;

-- Creates a rollup that accepts and keeps the fixed times of the specs. Windows in 2024 are over, so a fold merges their events into
-- all levels. Windows in 2190 are not, so a fold leaves their events in the log if they are few.
CREATE PROCEDURE make_rollup(name text, source regclass, group_by text[] DEFAULT '{}', item text DEFAULT 'item', backfill boolean DEFAULT false)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM topk.create_rollup(name, source, item, 'ts', group_by => group_by, backfill => backfill,
                               accept_past => '200 years', accept_future => '300 years',
                               retention => (SELECT jsonb_object_agg(k, '200 years')
                                             FROM unnest('{tile,hour,day,week,month,snapshot}'::text[]) AS k));
END$$;

-- Waits until an item is counted. A step that goes on after a moment has no other sign that it has done so.
CREATE PROCEDURE wait_for(rollup text, item text)
    LANGUAGE plpgsql SET client_min_messages = error AS $$
BEGIN
    WHILE counts(rollup) !~ item LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END$$;

-- A stream and a table, each with a rollup, whose ids are 1 and 2, and functions that return their answers.
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

-- Returns the number of rows of all tables of rollups.
CREATE FUNCTION leftovers() RETURNS bigint
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT rollup FROM topk.delta_0 UNION ALL SELECT rollup FROM topk.delta_1
                                  UNION ALL SELECT rollup FROM topk.delta_2 UNION ALL SELECT rollup FROM topk.delta_3
                                  UNION ALL SELECT rollup FROM topk.tile UNION ALL SELECT rollup FROM topk.group_key
                                  UNION ALL SELECT rollup FROM topk.set_aside
                                  UNION ALL SELECT rollup FROM topk.snapshot UNION ALL SELECT rollup FROM topk.rollup_state
                                  UNION ALL SELECT rollup FROM topk.error_log UNION ALL SELECT id FROM topk.rollup) AS x);
END$$;

-- Makes the active slot of the log so large that it is due for a turn; the rows that make it grow are deleted again.
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
-- An item expression that waits for advisory lock 1 in backfills and refreshes only, so that they can be stopped while they count.
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
