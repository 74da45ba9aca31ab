# Calendars of odd zones; the ends of time

fresh life_times
check 'windows in all zones' '' "$(psql -d life_times -f "$here/times.sql" 2>&1)"
psql -d life_times <<'SQL' >/dev/null
SET client_min_messages = error;
CREATE FOREIGN TABLE s (item text, ts timestamptz DEFAULT now()) SERVER topk;
CREATE TABLE t (item text, ts timestamptz DEFAULT now());
SELECT topk.create_rollup('s', 's', 'item', 'ts', accept_past => '100000 years', accept_future => '500000 years', timezone => 'Asia/Kolkata',
    retention => '{"tile": "100000 years", "hour": "100000 years", "day": "100000 years", "week": "170000000 years", "month": "170000000 years", "snapshot": "100000 years"}');
SELECT topk.create_rollup('t', 't', 'item', 'ts', accept_past => '170000000 years', accept_future => '170000000 years', backfill => true);
INSERT INTO s VALUES ('rejected', NULL), ('rejected', '-infinity'), ('rejected', 'infinity'), ('rejected', '4714-11-24 00:00+00 BC'), ('rejected', '294276-12-31 23:59:59.999999+00');
INSERT INTO s VALUES ('old', '4712-03-15 BC'), ('future', '294276-10-01'), ('bc', '0044-03-15 BC'), ('epoch', '0001-01-01 00:00 BC'), ('now', now());
INSERT INTO t SELECT 'now', now() FROM generate_series(1, 3);
INSERT INTO t VALUES ('rejected', NULL), ('rejected', '-infinity'), ('rejected', 'infinity'), ('old', '4712-03-15 BC'), ('future', '294276-10-01');
SQL
check 'folding times at the ends' '' "$(sql life_times -c 'DO $$BEGIN PERFORM fold_all(), topk.maintain(), fold_all(); END$$')"
# The totals of folded events: two more are in tiles that are not over
check 'rejected events' '5|3' "$(sql life_times -c "SELECT rejected, events - pending_events FROM topk.stats WHERE rollup = 's'")"
for at in '4712-03-15 BC' '294276-10-01' '0044-03-15 BC' '0001-01-01 00:00 BC'; do
    check "windows of $at" '1|1|1|1' "$(sql life_times -c "SELECT (topk.window_info('s', 'hour', '$at')).events, (topk.window_info('s', 'day', '$at')).events, (topk.window_info('s', 'week', '$at')).events, (topk.window_info('s', 'month', '$at')).events")"
done
check 'times that have no window' '22008' "$(sql life_times -c "SELECT DISTINCT sqlstate_of(format('SELECT topk.window_info(''s'', %L, %L)', kind, at)) FROM unnest('{day,week,month}'::text[]) AS kind, unnest('{infinity,-infinity}'::text[]) AS at")"
check 'times at the very ends' '' "$(sql life_times -c "SELECT DISTINCT state FROM (SELECT sqlstate_of(format('SELECT topk.top(''s'', %L, %L)', kind, at)) FROM unnest('{hour,day,week,month}'::text[]) AS kind, unnest(ARRAY['4714-11-24 00:00+00 BC', '294276-12-31 23:59:59.999999+00']) AS at) AS o (state) WHERE state NOT IN ('done', '22008')")"
check 'backfill of all times' '5|4' "$(sql life_times -c "SELECT topk.backfill('t')" -c "SELECT topk.backfill('t', '-infinity', '294276-10-01')" | paste -sd'|')"
check '... can be read and folded' '3' "$(sql life_times -c 'DO $$BEGIN PERFORM fold_all(); END$$' -c "SELECT (topk.window_info('t', 'month')).events")"
check '... and refreshed' 5 "$(sql life_times -c "SELECT topk.refresh('t', '-infinity', 'infinity')")"
check 'all that is stored can be written out' '' "$("$bindir/pg_dump" -d life_times -t 'topk.*' --load-via-partition-root 2>&1 >/dev/null; sql life_times -c 'COPY topk.tile TO PROGRAM $$cat >/dev/null$$' -c 'COPY topk.snapshot TO PROGRAM $$cat >/dev/null$$' -c 'COPY topk.delta_0 TO PROGRAM $$cat >/dev/null$$')"
psql -d postgres -c 'DROP DATABASE life_times'
