-- topk.metrics shows topk.stats in the formats of Prometheus
\pset format unaligned
\pset tuples_only
\set SHOW_CONTEXT never
SELECT topk.metrics();
SELECT topk.metrics('prometheus') = '' AS nothing;
CREATE FOREIGN TABLE plays (track text, n bigint, country text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('plays', 'plays', item => 'track', event_time => 'at', weight => 'n', group_by => '{country}', windows => '{day}',
                          max_groups => 1) > 0 AS created;
SELECT topk.create_rollup(E'"a ""name""\\ of\ntwo lines"', 'plays', item => 'track', event_time => 'at') > 0 AS created;
INSERT INTO plays VALUES ('a', 30, 'DE', now() - interval '50 hours');
SELECT tiles > 0 AS folded FROM topk.rollup, topk.fold(id) WHERE name = 'plays';
INSERT INTO plays VALUES ('late', 20, 'FR', now() - interval '50 hours'), ('c', 10, 'DE', now() + interval '9 days');
SELECT tiles > 0 AS folded FROM topk.rollup, topk.fold(id) WHERE name = 'plays';
INSERT INTO plays SELECT 'waits', 1, 'DE', date_trunc('hour', now()) FROM generate_series(1, 4);
SELECT topk.record_failure(id, '57014', 'canceled') FROM topk.rollup WHERE name = 'plays';
-- Times and sizes differ from run to run
SELECT regexp_replace(topk.metrics(), '^(topk_(?:fold_lag|last|level_bytes)[^}]*}).*$', '\1 …', 'gn');
-- The other format has other names of counters, no units, and no line at the end
CREATE TEMP TABLE line AS
SELECT format, n, regexp_replace(line, '}.*', '}') AS line
FROM unnest('{openmetrics,prometheus}'::text[]) AS format, LATERAL string_to_table(topk.metrics(format), E'\n') WITH ORDINALITY AS t (line, n);
SELECT line FROM (SELECT line FROM line WHERE format = 'openmetrics' EXCEPT SELECT line FROM line WHERE format = 'prometheus') AS d ORDER BY line COLLATE "C";
SELECT line FROM (SELECT line FROM line WHERE format = 'prometheus' EXCEPT SELECT line FROM line WHERE format = 'openmetrics') AS d ORDER BY line COLLATE "C";
SELECT right(topk.metrics('prometheus'), 1) = E'\n' AS ends_with_a_line_feed;
-- The grammar: a sample has the name of the TYPE above it, and a number
SELECT n, line FROM (
    SELECT *, max(substring(line FROM '^# TYPE (.*) ')) OVER (PARTITION BY format, part) AS name
    FROM (SELECT *, count(*) FILTER (WHERE line ~ '^# HELP') OVER (PARTITION BY format ORDER BY n) AS part FROM line) AS p
) AS l
WHERE line !~ ('^' || name || CASE WHEN format = 'openmetrics' THEN '(_total)?' ELSE '' END
               || '\{rollup="([^"\\\n]|\\["\\n])*",schema="[^"]*",database="[^"]*"(,(level|quantile)="[a-z0-9.]+")?}')
  AND line !~ ('^# HELP ' || name || ' [^\\]+\.$') AND line !~ ('^# TYPE ' || name || ' (counter|gauge|summary)$')
  AND line !~ ('^# UNIT ' || name || ' (seconds|bytes)$') AND line <> '# EOF' AND NOT (format = 'prometheus' AND line = '');
SELECT DISTINCT line FROM string_to_table(topk.metrics(), E'\n') AS line WHERE line !~ '^#' AND line !~ '} -?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$';
-- The values are those of topk.stats
SELECT bool_and(position(format(E'\n%s{rollup="plays",schema="public",database="%s"%s} %s\n', name, current_database(), label, value) IN topk.metrics()) > 0)
FROM topk.stats AS s, LATERAL (VALUES ('topk_events_total', '', events), ('topk_weight_total', '', weight), ('topk_late_total', '', late),
    ('topk_rejected_total', '', rejected), ('topk_overflowed_total', '', overflowed), ('topk_pending_deltas', '', pending_deltas),
    ('topk_pending_events', '', pending_events), ('topk_folds_total', '', folds), ('topk_errors', '', errors),
    ('topk_level_bytes', ',level="tile"', (levels -> 'tile' ->> 'bytes')::bigint),
    ('topk_level_windows', ',level="day"', (levels -> 'day' ->> 'windows')::bigint),
    ('topk_last_fold_timestamp_seconds', '', extract(epoch FROM last_fold)),
    ('topk_last_error_timestamp_seconds', '', extract(epoch FROM last_error_at)), ('topk_capturing', '', capturing::integer)) AS v (name, label, value)
WHERE s.rollup = 'plays';

-- Users see the rollups that they may read
CREATE ROLE metrics_reader;
SET ROLE metrics_reader;
SELECT topk.metrics();
RESET ROLE;
DROP ROLE metrics_reader;
SELECT topk.metrics('json');
SELECT topk.metrics(NULL);
DROP FOREIGN TABLE plays;
