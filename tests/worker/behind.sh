# Part of the suite `worker`: statements that wait while folds have fallen behind. The longest delay is a minute, so that what ends sooner did
# not wait for it.
start_server behind "shared_preload_libraries = 'pg_topk'" 'pg_topk.fold_interval = 100ms' 'pg_topk.wake_size = 8kB' 'pg_topk.insert_delay = 60s'
sql postgres -c 'CREATE EXTENSION pg_topk' -c 'CREATE FOREIGN TABLE s (item text, at timestamptz) SERVER topk' \
    -c "SELECT topk.create_rollup('s', 's', 'item', 'at')" >/dev/null
insert_rows() { echo "INSERT INTO s SELECT md5(i::text), now() FROM generate_series(1, $1) i"; }
hold_lock() {
    sql postgres -c "SET application_name = 'holder'" -c "BEGIN; LOCK TABLE topk.tile IN $1 MODE; SELECT pg_sleep(60)" >/dev/null 2>&1 &
    soon_is 5 "a lock, $1" 1 query postgres "SELECT count(*) FROM pg_locks WHERE relation = 'topk.tile'::regclass AND granted AND mode = '$2'"
}
terminate() { sql postgres -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1" >/dev/null; }
inserts="FROM pg_stat_activity WHERE query LIKE 'INSERT INTO s%' AND state = 'active'"
waits="SELECT wait_event_type $inserts"
ended="SELECT count(*) $inserts"

hold_lock 'SHARE' ShareLock
sql postgres -c "$(insert_rows 1000)" -c 'SELECT pg_sleep(0.5)' -c "$(insert_rows 1000)" -c "$(insert_rows 1000)" >/dev/null &
writer=$!
soon_is 5 'a round that lasts, and a session that has written much since it began waits' Extension query postgres "$waits"
check '... one that writes single rows does not' '' \
    "$(sql postgres -c "SET statement_timeout = '10s'" -c "INSERT INTO s VALUES ('x', now())" -c "INSERT INTO s VALUES ('x', now())")"
check '... nor one that turns the delay off' '' \
    "$(sql postgres -c "SET statement_timeout = '10s'; SET pg_topk.insert_delay = 0" -c "$(insert_rows 1000)" -c "$(insert_rows 1000)")"
check '... while the other waits on' Extension "$(sql postgres -c "$waits")"
terminate "application_name = 'holder'"
soon_is 10 'the next round ends the delay' 0 query postgres "$ended"
wait $writer
check '... and no statement failed' 0 $?
soon_is 10 'all is counted once' '5002|0' query postgres "SELECT events, pending_events FROM topk.stats WHERE rollup = 's'"

# The round that is under way has taken what the session wrote in the first turn, and nothing has been written since: statements wait for the answer
# alone. What the session of the second turn writes makes them wait for less than 6 s, and 12 s more while there is an answer.
hold_lock 'ACCESS EXCLUSIVE' AccessExclusiveLock
for ending in pg_cancel_backend pg_terminate_backend; do
    sql postgres -c "SELECT count(*) AS asked FROM topk.top('s', 'hour')" >/dev/null 2>&1 &
    soon_is 5 'an answer that lasts' Lock query postgres "SELECT wait_event_type FROM pg_stat_activity WHERE query LIKE '%asked%' AND pid <> pg_backend_pid()"
    sql postgres -c "$(insert_rows 1000)" -c 'SELECT pg_sleep(0.5)' -c "$(insert_rows 1)" >/dev/null &
    writer=$!
    soon_is 5 '... lets a statement wait' Extension query postgres "$waits"
    check '... but none of a session that writes single rows' '' \
        "$(sql postgres -c "SET statement_timeout = '10s'" -c "INSERT INTO s VALUES ('x', now())" -c "INSERT INTO s VALUES ('x', now())")"
    sql postgres -c "SELECT $ending(pid) FROM pg_stat_activity WHERE query LIKE '%asked%' AND pid <> pg_backend_pid()" >/dev/null
    soon_is 10 "... until $ending" 0 query postgres "$ended"
    wait $writer
    check '... which does not fail' 0 $?
done
terminate "application_name = 'holder'"
soon_is 10 'all is counted once' '7008|0' query postgres "SELECT events, pending_events FROM topk.stats WHERE rollup = 's'"
stop_server behind
