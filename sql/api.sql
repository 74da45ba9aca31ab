-- The functions of schema topk_api, called in the way of PostgREST
SELECT proname, provolatile, prorettype::regtype, pg_get_function_arguments(oid) AS arguments FROM pg_proc
WHERE pronamespace = 'topk_api'::regnamespace ORDER BY 1;
-- PostgREST calls functions by the names of their arguments, so each must have names and types that it can read
SELECT proname FROM pg_proc WHERE pronamespace = 'topk_api'::regnamespace
    AND (cardinality(proargnames) <> pronargs OR '' = ANY (proargnames) OR proretset OR prokind <> 'f' OR provariadic <> 0);

CREATE ROLE api_writer IN ROLE topk_writer;
CREATE ROLE api_reader IN ROLE topk_reader;
CREATE FOREIGN TABLE plays (item_id text, ts timestamptz, source text, metadata jsonb, event_id uuid) SERVER topk;
SELECT topk.create_rollup('plays', 'plays', 'item_id', 'ts', windows => '{hour,day}', accept_past => '100 years', k => 5) > 0 AS created;
SELECT topk.create_rollup('by_source', 'plays', 'item_id', 'ts', windows => '{day}', accept_past => '100 years', group_by => '{source}') > 0 AS created;
GRANT INSERT ON plays TO api_writer;
GRANT SELECT ON plays TO api_reader;

-- Calls a function with arguments in JSON, in a transaction that is set up as by PostgREST; returns the answer, or code and message of the error
CREATE FUNCTION call(role name, method text, function text, arguments json) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    names text;
    columns text;
    named text;
    result jsonb;
BEGIN
    SELECT string_agg(format('%I', n), ', '), string_agg(format('%I %s', n, format_type(p.proargtypes[i - 1], NULL)), ', '),
           string_agg(format('%I := pgrst_body.%1$I', n), ', ')
    INTO names, columns, named
    FROM pg_proc p, unnest(p.proargnames) WITH ORDINALITY AS u (n, i)
    WHERE p.pronamespace = 'topk_api'::regnamespace AND p.proname = function AND n IN (SELECT json_object_keys(arguments));
    IF (SELECT count(*) FROM json_object_keys(arguments)) <> (SELECT count(*) FROM regexp_matches(columns, '[^,]+', 'g')) THEN
        RAISE 'no such function' USING ERRCODE = '42883';
    END IF;
    PERFORM set_config('search_path', '"topk_api", "public"', true), set_config('role', role, true),
            set_config('request.method', method, true),
            set_config('transaction_read_only', CASE method WHEN 'GET' THEN 'on' ELSE 'off' END, true);
    EXECUTE format('SELECT pgrst_call.pgrst_scalar FROM (SELECT $1 AS json_data) pgrst_payload, '
                   'LATERAL (SELECT %s FROM json_to_record(pgrst_payload.json_data) AS _(%s) LIMIT 1) pgrst_body, '
                   'LATERAL (SELECT "topk_api".%I(%s) pgrst_scalar) pgrst_call', names, columns, function, named)
    INTO result USING arguments;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('code', SQLSTATE, 'message', SQLERRM);
END$$;
-- Removes the values that differ each time
CREATE FUNCTION fixed(result jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT result - '{computed_at,updated_at,event_ids}'::text[]$$;

-- Single events
BEGIN;
SELECT fixed(r), jsonb_array_length(r -> 'event_ids') AS ids, (r #>> '{event_ids,0}')::uuid IS NOT NULL AS uuid
FROM call('api_writer', 'POST', 'ingest_event', '{"stream": "plays", "item_id": "a", "timestamp": "2026-03-01T10:00:00Z", "source": "web", "metadata": {"x": 1}}') AS r;
COMMIT;
BEGIN; SELECT fixed(call('api_writer', 'POST', 'ingest_event', '{"stream": "public.plays", "item_id": "now", "timestamp": null}')); COMMIT;
BEGIN; SELECT fixed(call('api_writer', 'POST', 'ingest_event', '{"stream": "plays", "item_id": "now"}')); COMMIT;
SELECT item, count FROM topk.top('plays', 'hour', '2026-03-01 10:30+00');
SELECT item, count FROM topk.range('plays', now() - interval '2 hours', now() + interval '1 hour');

-- Wrong events
SELECT a, e ->> 'code' AS code, e ->> 'message' AS message FROM unnest(ARRAY[
    '{"item_id": "a"}', '{"stream": "plays"}', '{"stream": null, "item_id": "a"}', '{"stream": "nowhere", "item_id": "a"}', '{"stream": "", "item_id": "a"}',
    '{"stream": "a.b.c.d", "item_id": "a"}', '{"stream": "plays; SELECT 1", "item_id": "a"}', '{"stream": "topk.rollups", "item_id": "a"}',
    '{"stream": "pg_class", "item_id": "a"}', '{"stream": "plays", "item_id": null}', '{"stream": "plays", "item_id": ""}',
    '{"stream": "plays", "item_id": "a", "timestamp": "infinity"}', '{"stream": "plays", "item_id": "a", "timestamp": "soon"}',
    '{"stream": "plays", "item_id": "a", "metadata": [1]}', '{"stream": "plays", "item_id": "a", "colour": "red"}']) AS a,
    call('api_writer', 'POST', 'ingest_event', a::json) AS e;
SELECT call('api_writer', 'POST', 'ingest_event', json_build_object('stream', 'plays', 'item_id', repeat('x', 8192)));
SELECT fixed(call('api_writer', 'POST', 'ingest_event', json_build_object('stream', 'plays', 'item_id', repeat('x', 8191), 'timestamp', '2000-01-01T00:00:00Z')));

-- Rights: the caller needs role topk_writer, and INSERT on the stream
BEGIN; SELECT call('api_reader', 'POST', 'ingest_event', '{"stream": "plays", "item_id": "a"}'); ROLLBACK;
BEGIN; SELECT call('api_reader', 'POST', 'ingest_events', '{"stream": "plays", "events": [{"item_id": "a"}]}'); ROLLBACK;
BEGIN;
CREATE TABLE others (item_id text, ts timestamptz);
SELECT call('api_writer', 'POST', 'ingest_event', '{"stream": "others", "item_id": "a"}');
ROLLBACK;
BEGIN; SELECT call('api_writer', 'GET', 'ingest_event', '{"stream": "plays", "item_id": "a"}'); ROLLBACK;

-- Many events at once: all or none are inserted
BEGIN;
SELECT fixed(r), (SELECT count(DISTINCT id::uuid) FROM jsonb_array_elements_text(r -> 'event_ids') AS id) AS ids
FROM call('api_writer', 'POST', 'ingest_events', '{"stream": "plays", "events": [
    {"item_id": "a", "timestamp": "2026-03-01T10:00:00Z"}, {"item_id": "b", "timestamp": "2026-03-01 11:00:00.123456+01:00", "source": "web"},
    {"item_id": "a", "timestamp": "2026-03-01T05:00:00-0500", "metadata": {}, "source": null}, {"item_id": "c", "timestamp": "2026-03-01T23:30+05", "metadata": null}]}') AS r;
COMMIT;
SELECT item, count FROM topk.top('plays', 'hour', '2026-03-01 10:30+00');
SELECT item, count FROM topk.top('plays', 'day', '2026-03-01 10:30+00');
SELECT item, count FROM topk.top('by_source', 'day', '2026-03-01 10:30+00', group_key => '{web}');
SELECT a, e ->> 'code' AS code, e ->> 'message' AS message FROM unnest(ARRAY[
    'null', '1', '"x"', '{}', '[]', '[1]', '[null]', '[[]]', '[{}]', '[{"item_id": "a"}, {"item_id": null}]', '[{"item_id": "a"}, {"item_id": 42}]',
    '[{"item_id": "a"}, {"item_id": ""}]', '[{"item_id": ["a"]}]', '[{"item_id": "a", "Timestamp": "2026-03-01T10:00:00Z"}]', '[{"item_id": "a", "zeta": 1, "eta": 2}]',
    '[{"item_id": "a", "timestamp": 1772359200}]', '[{"item_id": "a", "timestamp": "2026-03-01"}]', '[{"item_id": "a", "timestamp": "2026-03-01T10:00:00"}]',
    '[{"item_id": "a", "timestamp": "infinity"}]', '[{"item_id": "a", "timestamp": "now"}]', '[{"item_id": "a", "timestamp": "2026-03-01T10:00:00 Europe/Berlin"}]',
    '[{"item_id": "a", "timestamp": ""}]', '[{"item_id": "a", "timestamp": "2026-02-30T10:00:00Z"}]', '[{"item_id": "a", "timestamp": "2026-03-01T25:00:00Z"}]',
    '[{"item_id": "a", "timestamp": "0000-03-01T10:00:00Z"}]', '[{"item_id": "a", "timestamp": "2026-03-01T10:00:00+20:00"}]',
    '[{"item_id": "a", "source": 1}]', '[{"item_id": "a", "metadata": "x"}]', '[{"item_id": "a", "metadata": []}]',
    '[{"item_id": "ok", "timestamp": "2026-13-01T10:00:00Z"}, {"item_id": 1}]', '[{"item_id": "a"}, {"item_id": "b", "timestamp": "2026-01-32T00:00:00Z"}, {"item_id": "c", "timestamp": "2026-01-33T00:00:00Z"}]']) AS a,
    call('api_writer', 'POST', 'ingest_events', json_build_object('stream', 'plays', 'events', a::json)) AS e;
SELECT e ->> 'code' AS code, e ->> 'message' AS message FROM (VALUES (10000, 'x'), (10001, 'x'), (9999, '')) AS v (n, last),
    call('api_writer', 'POST', 'ingest_events', json_build_object('stream', 'plays', 'events', (
        SELECT json_agg(json_build_object('item_id', 'many' || i % 3, 'timestamp', '2026-03-02T10:00:00Z')) FROM generate_series(1, n - 1) AS i)::jsonb
        || jsonb_build_object('item_id', last))) AS e;
SELECT item, count FROM topk.top('plays', 'day', '2026-03-02 10:00+00') LIMIT 3;

-- Tables: columns of other names, types and number; constraints; triggers under the caller's search_path; triggers that count
CREATE SCHEMA "of others";
CREATE TYPE kind AS ENUM ('web', 'app');
CREATE DOMAIN even AS bigint CHECK (VALUE % 2 = 0);
CREATE TABLE "of others"."ta""b'le" (id serial, event_id text UNIQUE, metadata json, source kind, "timestamp" timestamptz(0), ts text GENERATED ALWAYS AS ('x') STORED,
                                    item_id even NOT NULL, extra integer DEFAULT 7);
CREATE TABLE helped (item_id varchar(3));
CREATE FUNCTION help() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO helped VALUES (NEW.item_id); RETURN NEW; END$$;
CREATE TRIGGER help AFTER INSERT ON "of others"."ta""b'le" FOR EACH ROW EXECUTE FUNCTION help();
SELECT topk.create_rollup('table', '"of others"."ta""b''le"', 'item_id', '"timestamp"', accept_past => '100 years') > 0 AS created;
GRANT USAGE ON SCHEMA "of others" TO api_writer;
GRANT INSERT ON "of others"."ta""b'le", helped TO api_writer;
GRANT USAGE ON SEQUENCE "of others"."ta""b'le_id_seq" TO api_writer;
CREATE FUNCTION into_table(events text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT fixed(call('api_writer', 'POST', 'ingest_events', json_build_object('stream', '"of others"."ta""b''le"', 'events', events::json)))
$$;
SELECT into_table('[{"item_id": "2", "source": "web", "timestamp": "2026-03-01T10:00:00.6Z", "metadata": {"b": 1, "a": 2}}, {"item_id": "12"}]');
SELECT into_table('[{"item_id": "2"}, {"item_id": "x"}]');
SELECT into_table('[{"item_id": "2"}, {"item_id": "3"}]');
SELECT into_table('[{"item_id": "2"}, {"item_id": "4", "source": "fax"}]');
SELECT into_table('[{"item_id": "1234"}]');
SELECT id, event_id ~ '^[0-9a-f-]{36}$' AS event_id, metadata, source, "timestamp" AT TIME ZONE 'UTC' = '2026-03-01 10:00:01' AS ts, item_id, extra FROM "of others"."ta""b'le" ORDER BY id;
SELECT * FROM helped;
SELECT item, count FROM topk.top('"of others".table', 'day', '2026-03-01 10:00+00');
CREATE TABLE zoneless (item_id text, ts timestamp); CREATE TABLE timeless (item_id text); CREATE TABLE nameless (item text, ts timestamptz);
GRANT INSERT ON zoneless, timeless, nameless TO api_writer;
SELECT s, call('api_writer', 'POST', 'ingest_event', json_build_object('stream', s, 'item_id', 'a')) ->> 'message' AS message FROM unnest('{zoneless,timeless,nameless}'::text[]) AS s;

-- Questions, in a read-only transaction
BEGIN; SELECT jsonb_pretty(fixed(call('api_reader', 'GET', 'get_topk', '{"rollup": "plays", "window_start": "2026-03-01T10:15:00Z", "time_window": "day", "k": "2"}'))); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'GET', 'get_topk', '{"rollup": "by_source", "window_start": "2026-03-01T00:00:00Z", "time_window": "day", "group_key": "{web}"}')); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'POST', 'get_topk', '{"rollup": "by_source", "window_start": "2026-03-01T00:00:00Z", "time_window": "day", "group_key": ["NULL"]}')); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'POST', 'get_topk', '{"rollup": "by_source", "window_start": "2026-03-01T00:00:00Z", "time_window": "day", "group_key": null, "k": 1}')); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'GET', 'get_topk', '{"rollup": "plays", "window_start": "1999-03-01T00:00:00Z"}')); ROLLBACK;
SELECT r ->> 'time_window' AS time_window, (r ->> 'window_start')::timestamptz <= now() AND now() < (r ->> 'window_end')::timestamptz AS current, (r ->> 'computed_at')::timestamptz = statement_timestamp() AS now
FROM call('api_reader', 'GET', 'get_topk', '{"rollup": "plays"}') AS r;
SELECT a, e ->> 'code' AS code, e ->> 'message' AS message FROM unnest(ARRAY[
    '{"rollup": null}', '{"rollup": "nix"}', '{"rollup": "plays", "k": 0}', '{"rollup": "plays", "k": 1001}', '{"rollup": "plays", "k": null}', '{"rollup": "plays", "k": "ten"}',
    '{"rollup": "plays", "time_window": "week"}', '{"rollup": "plays", "time_window": "eon"}', '{"rollup": "plays", "time_window": null}', '{"rollup": "plays", "window_start": "infinity"}',
    '{"rollup": "plays", "window_start": "294276-12-31T00:00:00Z"}', '{"rollup": "plays", "group_key": ["web"]}', '{"rollup": "plays", "group_key": []}',
    '{"rollup": "by_source", "time_window": "day", "group_key": ["web", "app"]}', '{"rollup": "by_source", "time_window": "day", "group_key": [["web"]]}']) AS a,
    call('api_reader', 'GET', 'get_topk', a::json) AS e;
SELECT call('api_writer', 'GET', 'get_topk', '{"rollup": "plays"}');

-- Rows of an items table; the frequency of an item; items that grew
CREATE TABLE catalogue (id bigint PRIMARY KEY, title text);
INSERT INTO catalogue VALUES (1, 'One'), (2, 'Two');
CREATE FOREIGN TABLE sales (item_id bigint, ts timestamptz) SERVER topk;
SELECT topk.create_rollup('sales', 'sales', 'item_id', 'ts', windows => '{day}', accept_past => '100 years', metadata => 'catalogue', metadata_key => 'id') > 0 AS created;
GRANT INSERT ON sales TO api_writer;
GRANT SELECT ON sales, catalogue TO api_reader;
BEGIN;
SELECT fixed(call('api_writer', 'POST', 'ingest_events', json_build_object('stream', 'sales', 'events', (
    SELECT json_agg(json_build_object('item_id', item::text, 'timestamp', format('2026-03-%sT10:00:00Z', day)))
    FROM (VALUES ('01', 1, 40), ('01', 2, 10), ('02', 1, 44), ('02', 2, 60), ('02', 3, 5)) AS v (day, item, n), generate_series(1, n)))));
COMMIT;
BEGIN; SELECT jsonb_pretty(fixed(call('api_reader', 'GET', 'get_topk', '{"rollup": "sales", "window_start": "2026-03-02T00:00:00Z", "time_window": "day"}'))); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'GET', 'get_frequency', '{"rollup": "sales", "item_id": "2", "window_start": "2026-03-02T00:00:00Z", "time_window": "day"}')); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'POST', 'get_frequency', '{"rollup": "sales", "item_id": 77, "window_start": "2026-03-02T00:00:00Z", "time_window": "day"}')); ROLLBACK;
BEGIN; SELECT fixed(call('api_reader', 'GET', 'get_frequency', '{"rollup": "by_source", "item_id": "a", "window_start": "2026-03-01T00:00:00Z", "time_window": "day", "group_key": "{web}"}')); ROLLBACK;
BEGIN; SELECT jsonb_pretty(fixed(jsonb_set(r, '{trending_items,0,score}', to_jsonb(round((r #>> '{trending_items,0,score}')::numeric, 3)))))
FROM call('api_reader', 'GET', 'get_trending', '{"rollup": "sales", "window_start": "2026-03-02T00:00:00Z", "time_window": "day", "k": "1"}') AS r; ROLLBACK;
BEGIN; SELECT jsonb_path_query_array(r, '$.trending_items[*].item_id') AS items, r #> '{trending_items,1,growth_rate}' AS growth
FROM call('api_reader', 'GET', 'get_trending', '{"rollup": "sales", "window_start": "2026-03-02T00:00:00Z", "time_window": "day"}') AS r; ROLLBACK;
BEGIN; SELECT jsonb_path_query_array(call('api_reader', 'GET', 'get_trending', '{"rollup": "sales", "window_start": "2026-03-02T00:00:00Z", "time_window": "day", "min_count": "44"}'), '$.trending_items[*].item_id') AS items; ROLLBACK;
SELECT f, (r ->> 'window_start')::timestamptz <= now() AS current, (r ->> CASE f WHEN 'get_trending' THEN 'computed_at' ELSE 'updated_at' END)::timestamptz = statement_timestamp() AS now, r - '{window_start,computed_at,updated_at,trending_items}'::text[] AS rest
FROM (VALUES ('get_frequency', '{"rollup": "plays", "item_id": "none"}'), ('get_trending', '{"rollup": "plays", "time_window": "day"}')) AS v (f, a), call('api_reader', 'GET', f, a::json) AS r;
SELECT f, a, e ->> 'code' AS code, e ->> 'message' AS message FROM (VALUES
    ('get_frequency', '{"rollup": "nix", "item_id": "1"}'), ('get_frequency', '{"rollup": "sales", "item_id": null, "time_window": "day"}'), ('get_frequency', '{"rollup": "sales", "item_id": "one", "time_window": "day"}'),
    ('get_frequency', '{"rollup": "sales", "item_id": "99999999999999999999", "time_window": "day"}'), ('get_frequency', '{"rollup": "sales", "item_id": "1"}'), ('get_frequency', '{"rollup": "sales", "item_id": "1", "time_window": "day", "window_start": "-infinity"}'),
    ('get_frequency', '{"rollup": "sales", "item_id": "1", "time_window": "day", "group_key": ["x"]}'), ('get_frequency', '{"rollup": null, "item_id": "1"}'),
    ('get_trending', '{"rollup": "nix"}'), ('get_trending', '{"rollup": "sales"}'), ('get_trending', '{"rollup": "sales", "time_window": "day", "k": 0}'), ('get_trending', '{"rollup": "sales", "time_window": "day", "min_count": 0}'),
    ('get_trending', '{"rollup": "sales", "time_window": "day", "min_count": null}'), ('get_trending', '{"rollup": "sales", "time_window": "day", "group_key": []}'), ('get_trending', '{"rollup": "sales", "time_window": "day", "window_start": "infinity"}')) AS v (f, a),
    call('api_reader', 'GET', f, a::json) AS e;
SELECT call('api_reader', 'GET', 'get_frequency', json_build_object('rollup', 'plays', 'item_id', repeat('x', 8192)));
SELECT call('api_writer', 'GET', 'get_frequency', '{"rollup": "sales", "item_id": "1"}'), call('api_writer', 'GET', 'get_trending', '{"rollup": "sales"}');

DROP FOREIGN TABLE sales;
DROP TABLE catalogue;
DROP TABLE "of others"."ta""b'le", helped, zoneless, timeless, nameless;
DROP FOREIGN TABLE plays;
DROP SCHEMA "of others";
DROP TYPE kind;
DROP DOMAIN even;
DROP ROLE api_writer, api_reader;
