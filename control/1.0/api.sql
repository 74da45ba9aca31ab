
-- The JSON API. Each function of schema topk_api takes named arguments and returns one jsonb value, as PostgREST expects (docs/api.md).

CREATE SCHEMA topk_api;
COMMENT ON SCHEMA topk_api IS 'JSON API of pg_topk: functions that insert events and functions that answer';
-- PUBLIC includes the roles, but a grant of their own keeps them from being dropped while the extension exists.
GRANT USAGE ON SCHEMA topk_api TO PUBLIC, topk_reader, topk_writer;

-- Functions that insert events. They find the stream by the search_path of the caller, under which its defaults and triggers run
-- too. So three of them set no search_path: they qualify all names with schemas and use no operators.

CREATE FUNCTION topk.find_source(stream text)
    RETURNS regclass
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    source pg_catalog.regclass;
BEGIN
    BEGIN
        source := pg_catalog.to_regclass(stream);
    EXCEPTION WHEN syntax_error OR invalid_name OR feature_not_supported THEN
        NULL; -- to_regclass raises these for text that is not a name
    END;
    IF source IS NULL THEN
        RAISE invalid_parameter_value
            USING MESSAGE = pg_catalog.concat('stream: there is no stream or table ', pg_catalog.quote_nullable(stream));
    END IF;
    RETURN source;
END
$$;
COMMENT ON FUNCTION topk.find_source(text) IS
    'support function of topk_api.ingest_event: returns the relation that a name denotes in the search_path of the caller; raises SQLSTATE 22023 if there is none';
REVOKE ALL ON FUNCTION topk.find_source(text) FROM PUBLIC;

CREATE FUNCTION topk.raise_event(single boolean, event bigint, fault text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE invalid_parameter_value
        USING MESSAGE = CASE WHEN single THEN '' ELSE format(CASE WHEN fault ^@ ':' THEN 'events[%s]' ELSE 'events[%s].' END, event) END
                        || fault;
END
$$;
COMMENT ON FUNCTION topk.raise_event(boolean, bigint, text) IS
    'support function of topk_api.ingest_events: raises SQLSTATE 22023 for the fault of an event; single leaves out the index of the event, which counts from 0';
REVOKE ALL ON FUNCTION topk.raise_event(boolean, bigint, text) FROM PUBLIC;

CREATE FUNCTION topk.read_events(events jsonb, single boolean, OUT item_ids text[], OUT times timestamptz[], OUT sources text[],
                                 OUT metadata jsonb[], OUT event_ids uuid[])
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
AS $$
DECLARE
    known text[] := '{item_id,timestamp,source,metadata}';
    faulty record;
BEGIN
    IF jsonb_typeof(events) IS DISTINCT FROM 'array' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'events: must be an array';
    ELSIF jsonb_array_length(events) > 10000 THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('events: must have at most 10000 elements, not %s', jsonb_array_length(events));
    END IF;

    SELECT f.event, f.fault INTO faulty
    FROM (SELECT i - 1 AS event,
                 CASE
                 WHEN jsonb_typeof(e) <> 'object' THEN ': must be an object'
                 WHEN e - known <> '{}' THEN (SELECT left(min(k), 50) FROM jsonb_object_keys(e - known) AS k) || ': unknown field'
                 WHEN NOT e ? 'item_id' THEN 'item_id: missing'
                 WHEN jsonb_typeof(e -> 'item_id') <> 'string' THEN 'item_id: must be a string, not ' || jsonb_typeof(e -> 'item_id')
                 WHEN e ->> 'item_id' = '' THEN 'item_id: must not be empty'
                 WHEN octet_length(e ->> 'item_id') > 8191 THEN 'item_id: must not have more than 8191 bytes'
                 WHEN jsonb_typeof(e -> 'timestamp') NOT IN ('string', 'null') THEN
                     'timestamp: must be a string, not ' || jsonb_typeof(e -> 'timestamp')
                 WHEN e ->> 'timestamp' !~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$' THEN
                     'timestamp: invalid input syntax for an ISO 8601 time with an offset from UTC: ' || left((e -> 'timestamp')::text, 50)
                 WHEN jsonb_typeof(e -> 'source') NOT IN ('string', 'null') THEN
                     'source: must be a string, not ' || jsonb_typeof(e -> 'source')
                 WHEN jsonb_typeof(e -> 'metadata') NOT IN ('object', 'null') THEN
                     'metadata: must be an object, not ' || jsonb_typeof(e -> 'metadata')
                 END AS fault
          FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i)) AS f
    WHERE f.fault IS NOT NULL
    ORDER BY f.event
    LIMIT 1;
    IF FOUND THEN
        PERFORM topk.raise_event(single, faulty.event, faulty.fault);
    END IF;

    BEGIN
        SELECT array_agg(s.item), array_agg(s.at), array_agg(s.source), array_agg(s.metadata), array_agg(gen_random_uuid())
        INTO item_ids, times, sources, metadata, event_ids
        FROM (SELECT e ->> 'item_id' AS item, coalesce((e ->> 'timestamp')::timestamptz, now()) AS at, e ->> 'source' AS source,
                     nullif(e -> 'metadata', 'null') AS metadata
              FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i)
              ORDER BY i) AS s;
    EXCEPTION WHEN data_exception THEN
        -- A timestamp has the right form, but its date or hour does not exist: find the event.
        FOR faulty IN SELECT i - 1 AS event, e ->> 'timestamp' AS at FROM jsonb_array_elements(events) WITH ORDINALITY AS x (e, i) LOOP
            BEGIN
                PERFORM faulty.at::timestamptz;
            EXCEPTION WHEN data_exception THEN
                PERFORM topk.raise_event(single, faulty.event, 'timestamp: ' || SQLERRM);
            END;
        END LOOP;
        RAISE;
    END;
END
$$;
COMMENT ON FUNCTION topk.read_events(jsonb, boolean) IS
    'support function of topk_api.ingest_events: checks events, and returns their fields as arrays, with new event ids. single is true for topk_api.ingest_event, whose messages have no index. Raises SQLSTATE 22023 for the first faulty event.';
REVOKE ALL ON FUNCTION topk.read_events(jsonb, boolean) FROM PUBLIC;

CREATE FUNCTION topk.ingest_query(source regclass, single boolean, item_ids text[], sources text[])
    RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                  WHERE c.oid = source AND c.relkind IN ('r', 'p', 'f'));
    target record;
    given text[];
    fields text[] := '{}';
    columns text[] := '{}';
    expressions text[] := '{}';
BEGIN
    IF name IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = format('stream: "%s" is not a stream or table', source);
    END IF;
    FOR target IN
        SELECT DISTINCT ON (f.field) f.field, a.attname, coalesce(nullif(t.typbasetype, 0), t.oid)::regtype AS base,
               t.typcategory = 'S' AS is_text, format('%I.%I', n.nspname, t.typname) AS type
        FROM (VALUES ('item_id', 'item_id', 1), ('timestamp', 'ts', 1), ('timestamp', 'timestamp', 2), ('source', 'source', 1),
                     ('metadata', 'metadata', 1), ('event_id', 'event_id', 1)) AS f (field, attname, preference)
        JOIN pg_attribute AS a ON a.attrelid = ingest_query.source AND a.attname = f.attname
        JOIN pg_type AS t ON t.oid = a.atttypid
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY f.field, f.preference
    LOOP
        fields := fields || target.field;
        columns := columns || quote_ident(target.attname);
        expressions := expressions || quote_ident(target.field);
        IF target.field = 'timestamp' AND target.base <> 'timestamptz'::regtype THEN
            -- The conversion to any other type would depend on the time zone of the session.
            RAISE invalid_parameter_value
                USING MESSAGE = format('stream: column %I of %s must be of type timestamp with time zone', target.attname, name);
        END IF;
        CONTINUE WHEN target.is_text OR target.field NOT IN ('item_id', 'source');

        -- The input function of the type of the column reads the text.
        expressions[cardinality(expressions)] := format('%I::%s', target.field, target.type);
        given := CASE target.field WHEN 'item_id' THEN item_ids ELSE sources END;
        BEGIN
            EXECUTE format('SELECT count(v::%s) FROM unnest($1) AS v', target.type) USING given;
        EXCEPTION WHEN data_exception OR check_violation THEN
            FOR i IN 1..cardinality(given) LOOP
                BEGIN
                    EXECUTE format('SELECT $1::%s', target.type) USING given[i];
                EXCEPTION WHEN data_exception OR check_violation THEN
                    PERFORM topk.raise_event(single, i - 1, format('%s: %s', target.field, SQLERRM));
                END;
            END LOOP;
            RAISE;
        END;
    END LOOP;
    IF NOT fields @> '{item_id,timestamp}' THEN
        RAISE invalid_parameter_value
            USING MESSAGE = format('stream: %s has no column %s', name, CASE WHEN 'item_id' = ANY (fields) THEN 'ts' ELSE 'item_id' END);
    END IF;
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM unnest($1, $2, $3, $4, $5) AS e (item_id, "timestamp", source, metadata, event_id)',
                  name, array_to_string(columns, ', '), array_to_string(expressions, ', '));
END
$$;
COMMENT ON FUNCTION topk.ingest_query(regclass, boolean, text[], text[]) IS
    'support function of topk_api.ingest_events: returns the INSERT for the arrays that topk.read_events returns; raises SQLSTATE 22023 unless the columns of the stream can take them';
REVOKE ALL ON FUNCTION topk.ingest_query(regclass, boolean, text[], text[]) FROM PUBLIC;

CREATE FUNCTION topk_api.ingest_event(stream text, item_id text, "timestamp" timestamptz DEFAULT pg_catalog.now(),
                                      source text DEFAULT NULL, metadata jsonb DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    target pg_catalog.regclass := topk.find_source(stream);
    e record;
BEGIN
    SELECT * INTO e
    FROM topk.read_events(pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('item_id', item_id, 'source', source,
                                                                                     'metadata', metadata)), true);
    IF NOT pg_catalog.isfinite("timestamp") THEN
        RAISE invalid_parameter_value USING MESSAGE = 'timestamp: must be finite';
    END IF;
    EXECUTE topk.ingest_query(target, true, e.item_ids, e.sources)
    USING e.item_ids, ARRAY[coalesce("timestamp", pg_catalog.now())], e.sources, e.metadata, e.event_ids;
    RETURN pg_catalog.jsonb_build_object('accepted', 1, 'event_ids', e.event_ids);
END
$$;
COMMENT ON FUNCTION topk_api.ingest_event(text, text, timestamptz, text, jsonb) IS
    'inserts an event into a stream or table with the rights of the caller, and returns {accepted: 1, event_ids: [uuid]}. It fills the columns item_id and ts or timestamp, and the columns source, metadata and event_id if they exist. A NULL timestamp stands for now; metadata is an object. The caller needs role topk_writer, and INSERT on the stream. Raises SQLSTATE 22023 with the name of an invalid argument.';
REVOKE ALL ON FUNCTION topk_api.ingest_event(text, text, timestamptz, text, jsonb) FROM PUBLIC;

CREATE FUNCTION topk_api.ingest_events(stream text, events jsonb)
    RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    target pg_catalog.regclass := topk.find_source(stream);
    e record;
BEGIN
    SELECT * INTO e FROM topk.read_events(events, false);
    IF e.event_ids IS NULL THEN
        RETURN pg_catalog.jsonb_build_object('accepted', 0, 'event_ids', pg_catalog.jsonb_build_array());
    END IF;
    EXECUTE topk.ingest_query(target, false, e.item_ids, e.sources) USING e.item_ids, e.times, e.sources, e.metadata, e.event_ids;
    RETURN pg_catalog.jsonb_build_object('accepted', pg_catalog.cardinality(e.event_ids), 'event_ids', e.event_ids);
END
$$;
COMMENT ON FUNCTION topk_api.ingest_events(text, jsonb) IS
    'inserts up to 10000 events into a stream or table with one statement, all or none. events is an array of {"item_id": string, "timestamp": ISO 8601 string, "source": string, "metadata": object}, where only item_id is required. Raises SQLSTATE 22023 with the index of the first invalid event, counted from 0, and its field. Otherwise like topk_api.ingest_event.';
REVOKE ALL ON FUNCTION topk_api.ingest_events(text, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION topk.find_source(text), topk.raise_event(boolean, bigint, text), topk.read_events(jsonb, boolean),
    topk.ingest_query(regclass, boolean, text[], text[]), topk_api.ingest_event(text, text, timestamptz, text, jsonb),
    topk_api.ingest_events(text, jsonb)
TO topk_writer;

-- Functions that answer. They find the rollup by the search_path of the caller, so they qualify all names too.

CREATE FUNCTION topk.check_question(rollup text, time_window text, window_start timestamptz, group_key text[], k integer DEFAULT 1,
                                    min_count bigint DEFAULT 1)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    fault text;
BEGIN
    SELECT r.windows, cardinality(r.group_by) AS groups INTO asked
    FROM topk.readable_rollups() AS r
    WHERE format('%I.%I', r.schema, r.name) = check_question.rollup;
    IF NOT FOUND THEN
        -- If the rollup exists, topk.window_info raises the error that the user may not read it.
        BEGIN
            PERFORM topk.window_info(rollup, 'hour');
        EXCEPTION WHEN undefined_object OR invalid_schema_name OR invalid_name OR null_value_not_allowed THEN
            RAISE invalid_parameter_value USING MESSAGE = concat('rollup: there is no rollup ', quote_nullable(rollup));
        END;
    END IF;
    fault := CASE
        WHEN time_window = ANY (asked.windows) IS NOT TRUE THEN
            format('time_window: rollup "%s" has windows %s, not %s', rollup, array_to_string(asked.windows, ', '),
                   quote_nullable(time_window))
        WHEN NOT window_start BETWEEN '0001-01-01 00:00+00' AND '9999-12-31 00:00+00' THEN 'window_start: must be in the years 1 to 9999'
        WHEN group_key IS NOT NULL AND asked.groups = 0 THEN format('group_key: rollup "%s" has no groups', rollup)
        WHEN cardinality(group_key) <> 0 AND (cardinality(group_key) <> asked.groups OR array_ndims(group_key) <> 1) THEN
            format('group_key: must have as many elements as rollup "%s" has group expressions: %s', rollup, asked.groups)
        WHEN k BETWEEN 1 AND 1000 IS NOT TRUE THEN 'k: must be between 1 and 1000'
        WHEN min_count > 0 IS NOT TRUE THEN 'min_count: must be positive'
    END;
    IF fault IS NOT NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = fault;
    END IF;
END
$$;
COMMENT ON FUNCTION topk.check_question(text, text, timestamptz, text[], integer, bigint) IS
    'support function of the functions of topk_api that answer: raises SQLSTATE 22023 with the name of an invalid argument. The name of the rollup has its schema.';

CREATE FUNCTION topk_api.get_topk(rollup text, k integer DEFAULT 10, time_window text DEFAULT 'hour',
                                  window_start timestamptz DEFAULT NULL, group_key text[] DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    rollup := coalesce(topk.qualified_name(rollup), rollup);
    PERFORM topk.check_question(rollup, time_window, window_start, group_key, k);
    RETURN (SELECT pg_catalog.jsonb_build_object(
                       'time_window', time_window, 'window_start', pg_catalog.min(w.window_start), 'window_end', pg_catalog.min(w.window_end),
                       'total_events', pg_catalog.min(w.events), 'total_items', pg_catalog.min(w.distinct_items), 'computed_at', pg_catalog.statement_timestamp(),
                       'top_k', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                             'rank', w.rank, 'item_id', w.item, 'count', w.count, 'error', w.error,
                                             'guaranteed', w.guaranteed, 'share', w.share, 'item', w.metadata) ORDER BY w.rank)
                                         FILTER (WHERE w.rank IS NOT NULL), '[]'))
            FROM topk.read_window(rollup, time_window, get_topk.window_start, k, group_key, false) AS w);
END
$$;
COMMENT ON FUNCTION topk_api.get_topk(text, integer, text, timestamptz, text[]) IS
    'returns the k (1 to 1000) items with the largest weight in a window, as {time_window, window_start, window_end, top_k: [{rank, item_id, count, error, guaranteed, share, item}], total_events, total_items, computed_at}; topk.top and topk.window_info describe the fields. window_start is any time in the window, NULL for the current window. Raises SQLSTATE 22023 with the name of an invalid argument.';

CREATE FUNCTION topk_api.get_frequency(rollup text, item_id text, time_window text DEFAULT 'hour',
                                       window_start timestamptz DEFAULT NULL, group_key text[] DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    known record;
BEGIN
    rollup := coalesce(topk.qualified_name(rollup), rollup);
    PERFORM topk.check_question(rollup, time_window, window_start, group_key);
    IF item_id IS NULL THEN
        RAISE invalid_parameter_value USING MESSAGE = 'item_id: must not be null';
    END IF;
    BEGIN
        SELECT f.count, f.lower, f.upper, f.rank, f.estimate INTO known
        FROM topk.frequency(rollup, item_id, time_window, window_start, group_key) AS f;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        RAISE invalid_parameter_value USING MESSAGE = pg_catalog.concat('item_id: ', SQLERRM); -- item_id is no value of the item type
    END;
    RETURN pg_catalog.jsonb_build_object('item_id', item_id, 'time_window', time_window,
                              'window_start', (topk.window_bounds(rollup, time_window, window_start)).window_start,
                              'count', known.count, 'lower', known.lower, 'upper', known.upper, 'estimate', known.estimate,
                              'rank', known.rank,
                              'updated_at', pg_catalog.statement_timestamp());
END
$$;
COMMENT ON FUNCTION topk_api.get_frequency(text, text, text, timestamptz, text[]) IS
    'returns the weight of one item in a window, as {item_id, time_window, window_start, count, lower, upper, estimate, rank, updated_at}; topk.frequency describes the fields. updated_at is the time of the statement, as the answer counts everything that is committed. Raises SQLSTATE 22023 with the name of an invalid argument.';

CREATE FUNCTION topk_api.get_trending(rollup text, k integer DEFAULT 10, time_window text DEFAULT 'hour',
                                      window_start timestamptz DEFAULT NULL, min_count bigint DEFAULT 1,
                                      group_key text[] DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    rollup := coalesce(topk.qualified_name(rollup), rollup);
    PERFORM topk.check_question(rollup, time_window, window_start, group_key, k, min_count);
    RETURN pg_catalog.jsonb_build_object(
        'time_window', time_window,
        'window_start', (topk.window_bounds(rollup, time_window, window_start)).window_start,
        'computed_at', pg_catalog.statement_timestamp(),
        'trending_items', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                      'rank', t.rank, 'item_id', t.item, 'count', t.count, 'previous', t.previous,
                                      'growth_rate', t.growth_rate, 'score', t.score, 'item', t.metadata) ORDER BY t.rank), '[]')
                           FROM topk.trending(rollup, time_window, window_start, k, min_count, group_key) AS t));
END
$$;
COMMENT ON FUNCTION topk_api.get_trending(text, integer, text, timestamptz, bigint, text[]) IS
    'returns the k (1 to 1000) items that grew most surely since the previous window, as {time_window, window_start, trending_items: [{rank, item_id, count, previous, growth_rate, score, item}], computed_at}; topk.trending describes the fields. Raises SQLSTATE 22023 with the name of an invalid argument.';

-- PUBLIC may call these whatever the default privileges are: topk.top and the others check whether the user may read the rollup.
GRANT EXECUTE ON FUNCTION topk.qualified_name(text), topk.check_question(text, text, timestamptz, text[], integer, bigint),
    topk_api.get_topk(text, integer, text, timestamptz, text[]), topk_api.get_frequency(text, text, text, timestamptz, text[]),
    topk_api.get_trending(text, integer, text, timestamptz, bigint, text[])
TO PUBLIC;
