
-- topk.stats in the text formats of OpenMetrics and Prometheus

CREATE FUNCTION topk.metrics(format text DEFAULT 'openmetrics')
    RETURNS text
    LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on
AS $$
#variable_conflict use_column
DECLARE
    -- In OpenMetrics, the name of a counter lacks the suffix _total of its samples, a metric may have a unit, and a line marks the end.
    is_open constant boolean := format = 'openmetrics';
BEGIN
    IF format IS NULL OR format NOT IN ('openmetrics', 'prometheus') THEN
        RAISE invalid_parameter_value USING MESSAGE = 'format must be "openmetrics" or "prometheus"';
    END IF;
    RETURN (
        WITH family (place, name, type, unit, help) AS (VALUES
            (1, 'topk_events', 'counter', NULL, 'Events counted.'),
            (2, 'topk_weight', 'counter', NULL, 'Weight of the events counted.'),
            (3, 'topk_events_per_second', 'gauge', NULL, 'Events per second in the last minute.'),
            (4, 'topk_late', 'counter', NULL, 'Events for tiles that were over when the events were folded.'),
            (5, 'topk_rejected', 'counter', NULL, 'Events without a time or with a time that is not accepted.'),
            (6, 'topk_overflowed', 'counter', NULL, 'Events of groups beyond max_groups.'),
            (7, 'topk_pending_deltas', 'gauge', NULL, 'Rows of the delta log that wait to be folded.'),
            (8, 'topk_pending_events', 'gauge', NULL, 'Events that wait to be folded.'),
            (9, 'topk_fold_lag_seconds', 'gauge', 'seconds', 'Age of the oldest commit that no fold has read.'),
            (10, 'topk_folds', 'counter', NULL, 'Folds.'),
            (11, 'topk_last_fold_timestamp_seconds', 'gauge', 'seconds', 'Time at which the last fold began.'),
            (12, 'topk_last_fold_duration_seconds', 'gauge', 'seconds', 'Duration of the last fold.'),
            (13, 'topk_level_windows', 'gauge', NULL, 'Stored windows, including those of groups.'),
            (14, 'topk_level_bytes', 'gauge', 'bytes', 'Bytes of the summaries and sketches of the stored windows.'),
            (15, 'topk_queries', 'counter', NULL, 'Answers since the server started.'),
            (16, 'topk_query_duration_seconds', 'summary', 'seconds', 'Durations of all answers since the server started.'),
            (17, 'topk_errors', 'gauge', NULL, 'Errors of folds and backfills in topk.errors, at most 100.'),
            (18, 'topk_last_error_timestamp_seconds', 'gauge', 'seconds', 'Time of the last error in topk.errors.'),
            (19, 'topk_capturing', 'gauge', NULL, '1 if the rows that are inserted are counted, 0 if a capture trigger is disabled or gone.')
        ), rollup AS MATERIALIZED (
            SELECT s.*, (SELECT string_agg(l.name || '="' || replace(replace(replace(l.value, '\', '\\'), '"', '\"'), chr(10), '\n') || '"', ','
                                          ORDER BY l.place)
                         FROM (VALUES (1, 'rollup', s.rollup), (2, 'schema', s.schema), (3, 'database', current_database())) AS l (place, name, value)) AS labels
            FROM topk.stats AS s
        ), sample (place, rollup, labels, value) AS (
            SELECT v.place, r.rollup, r.labels || v.more, v.value
            FROM rollup AS r
            CROSS JOIN LATERAL (VALUES
                (1, '', r.events::text), (2, '', r.weight::text), (3, '', r.events_per_second::text), (4, '', r.late::text),
                (5, '', r.rejected::text), (6, '', r.overflowed::text), (7, '', r.pending_deltas::text),
                (8, '', r.pending_events::text), (9, '', extract(epoch FROM r.fold_lag)::text), (10, '', r.folds::text),
                (11, '', extract(epoch FROM r.last_fold)::text), (12, '', extract(epoch FROM r.last_fold_duration)::text),
                (15, '', r.queries::text), (16, ',quantile="0.5"', (r.query_p50_ms / 1000)::text),
                (16, ',quantile="0.95"', (r.query_p95_ms / 1000)::text), (16, ',quantile="0.99"', (r.query_p99_ms / 1000)::text),
                (17, '', r.errors::text), (18, '', extract(epoch FROM r.last_error_at)::text),
                (19, '', r.capturing::integer::text)
            ) AS v (place, more, value)
            UNION ALL
            SELECT v.place, r.rollup, r.labels || ',level="' || l.key || '"', l.value ->> v.field
            FROM rollup AS r
            CROSS JOIN LATERAL jsonb_each(r.levels) AS l
            CROSS JOIN (VALUES (13, 'windows'), (14, 'bytes')) AS v (place, field)
        ), exposed AS (
            SELECT f.place,
                   concat('# HELP ', t.name, ' ', f.help, chr(10), '# TYPE ', t.name, ' ', f.type, chr(10),
                          CASE WHEN is_open AND f.unit IS NOT NULL THEN concat('# UNIT ', t.name, ' ', f.unit, chr(10)) END,
                          string_agg(concat(f.name, t.suffix, '{', s.labels, '} ', s.value, chr(10)), ''
                                     ORDER BY s.rollup COLLATE "C", s.labels COLLATE "C")) AS lines
            FROM family AS f
            CROSS JOIN LATERAL (SELECT CASE WHEN f.type = 'counter' THEN '_total' ELSE '' END) AS c (suffix)
            CROSS JOIN LATERAL (SELECT c.suffix, f.name || CASE WHEN is_open THEN '' ELSE c.suffix END) AS t (suffix, name)
            JOIN sample AS s ON s.place = f.place AND s.value IS NOT NULL
            GROUP BY f.place, f.name, f.type, f.unit, f.help, t.name, t.suffix
        )
        SELECT concat(string_agg(e.lines, '' ORDER BY e.place), CASE WHEN is_open THEN '# EOF' END)
        FROM exposed AS e
    );
END
$$;
COMMENT ON FUNCTION topk.metrics(text) IS
    'returns topk.stats in the text format of OpenMetrics 1.0, or of Prometheus 0.0.4 if format is prometheus. Samples have the labels rollup, schema and database; those of stored windows also have level, and those of query durations quantile. There is no sample for a value that is NULL in topk.stats.';
