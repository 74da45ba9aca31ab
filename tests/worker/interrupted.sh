# Workers end in the middle of their work: by SIGTERM, a fast shutdown, or an error. Their transaction is rolled back, and the work is done
# again.

start_server interrupted "shared_preload_libraries = 'pg_topk'" 'log_min_messages = log' 'pg_topk.fold_interval = 100ms' 'pg_topk.launcher_interval = 1s'
soon_is 3 'the launcher' 1 query postgres "$launcher"
sql postgres -c "$setup" >/dev/null
soon_is 3 'the worker' 1 query postgres "$(worker_of postgres)"

# stop_fast WHAT: shuts the server down, and starts it again
stop_fast() {
    takes_at_most 2000 "a fast shutdown $1" stop_server interrupted
    launch_server interrupted
    soon_is 5 '... the worker is back' 1 query postgres "$(worker_of postgres)"
}
is_at() { # WHAT [DATABASE]
    echo "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_topk%' AND state = 'active' AND query LIKE '$1%' AND datname = '${2:-postgres}'"
}
worker_switch() {
    sql postgres -c "ALTER SYSTEM SET pg_topk.worker = $1" >/dev/null
    reload
    soon_is 4 "pg_topk.worker = $1" "$([ "$1" = on ] && echo 1 || echo 0)" query postgres "$(worker_of postgres)"
}

# 60,000 rows of the log for as many tiles: seconds of work
worker_switch off
sql postgres -c 'CREATE FOREIGN TABLE many (item text, at timestamptz, g text) SERVER topk' \
    -c "SELECT FROM topk.create_rollup('many', 'many', 'item', 'at', group_by => '{g}', windows => '{hour,day,month}', width => 0, capacity => 10, k => 1)" \
    -c "INSERT INTO many SELECT 'item', now() - i / 3000 * interval '1 hour' - interval '2 hours', i % 3000 FROM generate_series(0, 59999) AS i" >/dev/null
counts="SELECT (SELECT count(*) FROM topk.tile AS t JOIN topk.rollup AS r ON r.id = t.rollup WHERE r.name = 'many') AS tiles,
    (SELECT sum(count) FROM topk.range('many', now() - interval '2 days', now(), 1))"
sql postgres -c 'CREATE DATABASE copy TEMPLATE postgres' >/dev/null
worker_switch on
soon_is 10 'a long fold in another database' 1 query postgres "$(is_at 'fold of rollup 3' copy)"
sleep 0.5
takes_at_most 2000 'DROP DATABASE in the middle of it' sql postgres -c 'DROP DATABASE copy'
soon_is 10 'a long fold' 1 query postgres "$(is_at 'fold of rollup 3')"
sleep 0.7
pid=$(pid_of postgres)
sql postgres -c "SELECT pg_terminate_backend($pid)" >/dev/null
soon_is 2 'SIGTERM ends the worker in the middle of it' 0 query postgres "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"
check '... nothing is done, nothing lost' '0|60000' "$(sql postgres -c "$counts")"
soon_is 10 '... it is begun again' 1 query postgres "$(is_at 'fold of rollup 3')"
sleep 1.3
stop_fast 'in the middle of a fold'
check '... nothing is done, nothing lost' '0|60000' "$(sql postgres -c "$counts")"
soon_is 120 '... it is done' 60000 query postgres "$(events_of many)"
check '... once' 60000 "$(sql postgres -c "$counts" | cut -d'|' -f2)"
check 'deltas are gone' 0 "$(sql postgres -c 'SELECT (SELECT count(*) FROM topk.delta_0) + (SELECT count(*) FROM topk.delta_1) + (SELECT count(*) FROM topk.delta_2) + (SELECT count(*) FROM topk.delta_3)')"

# A table whose rows take long to count
sql postgres -c 'CREATE TABLE slow_rows (item text, at timestamptz)' -c "INSERT INTO slow_rows SELECT 'item' || i % 5, now() FROM generate_series(1, 50000) AS i" \
    -c "CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN \$1; END'" \
    -c "SELECT FROM topk.create_rollup('slow', 'slow_rows', 'slow(item)', 'at', backfill => true)" >/dev/null
soon_is 10 'a long backfill' 1 query postgres "$(is_at 'backfill of rollup 4')"
sleep 0.5
sql postgres -c "SELECT pg_terminate_backend(backfill_pid) FROM topk.workers WHERE database = 'postgres'" >/dev/null
soon_is 3 'SIGTERM ends the backfill' 0 query postgres "$(is_at 'backfill of rollup 4')"
soon_is 15 '... it is begun again' 1 query postgres "$(is_at 'backfill of rollup 4')"
insert postgres good 5
soon_is 3 '... folds go on meanwhile' 5 query postgres "$(events_of good)"
stop_fast 'in the middle of a backfill'
check '... its rows are not counted yet' 0 "$(sql postgres -c "SELECT (topk.window_info('slow', 'month')).events")"
sql postgres -c "CREATE OR REPLACE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT \$1'" \
    -c "SELECT pg_terminate_backend(backfill_pid) FROM topk.workers WHERE database = 'postgres' AND backfill_pid IS NOT NULL" >/dev/null
soon_is 30 '... it is done' 'done|50000' query postgres "SELECT backfill, (topk.window_info('slow', 'month')).events FROM topk.rollups WHERE name = 'slow'"

# A backfill in steps of about a second: of 12,000 rows of 42 days, the last ones first
sql postgres -c "ALTER SYSTEM SET pg_topk.backfill_timeout = '4s'" -c 'CREATE TABLE day_rows (item text, at timestamptz)' -c 'CREATE INDEX ON day_rows (at)' \
    -c "INSERT INTO day_rows SELECT 'item' || i % 5, now() - i * interval '5 minutes' FROM generate_series(1, 12000) AS i" \
    -c "CREATE FUNCTION slower(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.001); RETURN \$1; END'" >/dev/null
reload
sql postgres -c "SELECT FROM topk.create_rollup('days', 'day_rows', 'slower(item)', 'at', timezone => 'UTC', backfill => true)" >/dev/null
share_above() { echo "SELECT count(*) FROM topk.backfills WHERE rollup = 'days' AND share_done BETWEEN $1 AND 0.95"; }
# Days whose counts are not those of the table, among those that are counted
wrong_days="SELECT count(*) FROM (SELECT date_trunc('day', at, 'UTC') AS day, count(*) AS n FROM day_rows GROUP BY 1) AS d
    WHERE day >= (SELECT left_until FROM topk.backfills WHERE rollup = 'days') AND n IS DISTINCT FROM (topk.window_info('days', 'day', day)).events"
soon_is 15 'steps of a backfill are done' 1 query postgres "$(share_above 0.1)"
check '... their days have all counts' 0 "$(sql postgres -c "$wrong_days")"
started=$(sql postgres -c "SELECT started FROM topk.backfills WHERE rollup = 'days'")
# Some of these events are of days that are counted, and some of days that are not
late="INSERT INTO day_rows SELECT 'late', now() - i * interval '1 day' FROM generate_series(0, 40) AS i"
sql postgres -c "$late" -c "SELECT pg_terminate_backend(backfill_pid) FROM topk.workers WHERE database = 'postgres'" >/dev/null
left=$(sql postgres -c "SELECT left_until FROM topk.backfills WHERE rollup = 'days'")
soon_is 15 'after SIGTERM it goes on' t query postgres "SELECT left_until < '$left' AND started = '$started' FROM topk.backfills WHERE rollup = 'days'"
check '... its days have all counts' 0 "$(sql postgres -c "$wrong_days")"
stop_fast 'in the middle of a step'
sql postgres -c "$late" >/dev/null
soon_is 15 'after a restart it goes on' 1 query postgres "$(share_above 0.4)"
sql postgres -c "SELECT topk.alter_rollup('days', rename_to => 'renamed')" -c "SELECT topk.alter_rollup('renamed', rename_to => 'days')" -c "$late" >/dev/null
# A call takes steps too, between those of the background process
check '... while a call joins in' '' "$(sql postgres -c "SET client_min_messages = warning" -c "CALL topk.backfill_in_steps('days', step => '12 hours')")"
check '... it is done' "done|1|$started" "$(sql postgres -c "SELECT r.backfill, b.share_done, b.started FROM topk.rollups AS r JOIN topk.backfills AS b ON b.rollup = r.name WHERE name = 'days'")"
check '... its days have all counts' 0 "$(sql postgres -c "$wrong_days")"
check '... and no others' "$(sql postgres -c 'SELECT count(*) FROM day_rows')" "$(sql postgres -c "SELECT events FROM topk.stats WHERE rollup = 'days'")"
check '... in many steps' t "$(sql postgres -c "SELECT events BETWEEN 12000 AND 12123 FROM topk.backfills WHERE rollup = 'days'")"
sql postgres -c "SELECT FROM topk.create_rollup('gone', 'day_rows', 'slower(item)', 'at', timezone => 'UTC', backfill => true)" >/dev/null
soon_is 15 'steps of another one are done' 1 query postgres "SELECT count(*) FROM topk.backfills WHERE rollup = 'gone' AND share_done BETWEEN 0.1 AND 0.9"
takes_at_most 4000 'its rollup is dropped meanwhile' sql postgres -c "SELECT FROM topk.drop_rollup('gone')"
soon_is 5 '... the backfill ends' 0 query postgres "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_topk backfill'"
check '... without an error' 0 "$(grep -c 'could not backfill' "$scratch/interrupted/log")"

# An error of the worker, not of a rollup
pid=$(pid_of postgres)
sql postgres -c 'ALTER TABLE topk.log_slot DROP CONSTRAINT log_slot_state_check' -c "UPDATE topk.log_slot SET state = 'unknown' WHERE slot = (SELECT max(slot) FROM topk.log_slot WHERE state = 'empty')" >/dev/null
reload
soon_is 5 'an error ends the worker' 0 query postgres "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid"
soon_is 10 '... it is tried again, later and later' t query postgres "SELECT pg_read_file('../log') ~ 'next start in 1 s.*next start in 2 s.*next start in 4 s'"
sql postgres -c "UPDATE topk.log_slot SET state = 'empty' WHERE state = 'unknown'" >/dev/null
insert postgres good 5
soon_is 15 '... and works when the cause has gone' 10 query postgres "$(events_of good)"
check 'no end of a worker restarts the server' '' "$(grep -E 'PANIC|terminated by signal|reinitializing|was not properly shut down' "$scratch/interrupted/log")"
