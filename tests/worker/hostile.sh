# Owners of tables whose expressions fail, sleep or pretend to be a cancellation, or who hold locks: nobody else waits for them.

start_server hostile "shared_preload_libraries = 'pg_topk'" 'pg_topk.worker = off' 'pg_topk.fold_interval = 200ms' \
    'pg_topk.backfill_timeout = 1500ms' 'max_prepared_transactions = 4'
sql postgres >/dev/null <<'E2'
CREATE EXTENSION pg_topk;
CREATE TABLE mood (what text);
CREATE FUNCTION moody(item text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    what text := (SELECT m.what FROM public.mood AS m);
BEGIN
    IF what = 'sleep' THEN
        PERFORM pg_sleep(3600);
    ELSIF what IS NOT NULL THEN
        RAISE 'I am in a mood' USING ERRCODE = what;
    END IF;
    RETURN item;
END$$;
CREATE TABLE moody (item text, at timestamptz);
CREATE TABLE patient (item text, at timestamptz);
INSERT INTO moody VALUES ('a', now());
INSERT INTO patient SELECT 'item', now() FROM generate_series(1, 10);
CREATE FOREIGN TABLE good (item text, at timestamptz) SERVER topk;
SELECT topk.create_rollup('good', 'good', 'item', 'at');
SELECT topk.create_rollup('moody', 'moody', 'moody(item)', 'at', backfill => true);
SELECT topk.create_rollup('patient', 'patient', 'item', 'at', backfill => true);
INSERT INTO good VALUES ('a', now() - interval '3 hours');
E2
# mood STATE: what the expression does, with all backfills wanted again
mood() {
    sql postgres -c "TRUNCATE mood" -c "INSERT INTO mood SELECT nullif('$1', '')" \
        -c "UPDATE topk.rollup_state SET backfill = 'wanted', backfill_tries = 0, backfill_at = NULL WHERE backfill IS NOT NULL" >/dev/null
}
backfills() { echo "SELECT string_agg(name || ' ' || backfill, ', ' ORDER BY name) FROM topk.rollups WHERE backfill IS NOT NULL"; }
tries() { echo "SELECT backfill_tries, backfill_at > now() FROM topk.rollup_state JOIN topk.rollup ON id = rollup WHERE name = 'moody'"; }

for state in 40001 57014; do
    mood $state
    check "an expression raises $state: the call goes on" "WARNING:  could not backfill rollup 2 of database \"postgres\": I am in a mood" \
        "$(sql postgres -c 'CALL topk.run()' | grep WARNING)"
    check '... and does the other backfill' 'moody wanted, patient done' "$(sql postgres -c "$(backfills)")"
    check '... and waits before the next attempt' '1|t' "$(sql postgres -c "$(tries)")"
    check '... which the next call does not make' '' "$(sql postgres -c 'CALL topk.run()')"
done
for i in 2 3 4 5 6 7 8 9 10; do
    sql postgres -c 'UPDATE topk.rollup_state SET backfill_at = NULL' -c 'CALL topk.run()' >/dev/null
done
check 'after ten attempts it has failed' 'moody failed, patient done' "$(sql postgres -c "$(backfills)")"
check 'all else was folded' 1 "$(sql postgres -c "$(events_of good)")"

mood sleep
began=$SECONDS
check 'an expression sleeps: its time is bounded' 'WARNING:  could not backfill rollup 2 of database "postgres": a step of the backfill took longer than pg_topk.backfill_timeout' \
    "$(sql postgres -c 'CALL topk.run()' | grep WARNING)"
check '... to the setting' yes "$([ $((SECONDS - began)) -lt 20 ] && echo yes)"
check '... and it is not tried again' 'moody failed, patient done' "$(sql postgres -c "$(backfills)")"
mood sleep
sql postgres -c 'ALTER SYSTEM SET pg_topk.backfill_timeout = 0' >/dev/null
reload
check 'a statement_timeout of the session ends the call' 57014 \
    "$(sql postgres -v VERBOSITY=sqlstate -c "SET statement_timeout = '1s'" -c 'CALL topk.run()' | grep -oP 'ERROR:  \K.*')"
(sleep 1; sql postgres -c "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'CALL topk.run()' AND pid <> pg_backend_pid()" >/dev/null) &
canceller=$!
check 'a cancellation by a user ends it' 57014 "$(sql postgres -v VERBOSITY=sqlstate -c 'CALL topk.run()' | grep -oP 'ERROR:  \K.*')"
wait $canceller

mood ''
sql postgres -c 'BEGIN' -c "SELECT topk.backfill('patient')" -c "PREPARE TRANSACTION 'held'" >/dev/null
sql postgres -c "INSERT INTO patient VALUES ('new', now() - interval '3 hours')" -c "INSERT INTO good VALUES ('b', now() - interval '3 hours')" >/dev/null
began=$SECONDS
got=$(sql postgres -c 'CALL topk.run()' | grep WARNING)
check 'a prepared transaction holds the lock of a rollup: the call says so' \
    $'WARNING:  rollup 3 was not folded: another transaction holds its lock\nWARNING:  could not backfill rollup 3 of database "postgres": canceling statement due to lock timeout' \
    "$(head -n 2 <<<"$got")"
check '... after a time' yes "$([ $((SECONDS - began)) -lt 60 ] && echo yes)"
check '... and has folded the others' 2 "$(sql postgres -c "$(events_of good)")"
sql postgres -c "ROLLBACK PREPARED 'held'" -c 'UPDATE topk.rollup_state SET backfill_at = NULL' -c 'CALL topk.run()' >/dev/null
check 'after it, all is done' 'moody done, patient done' "$(sql postgres -c "$(backfills)")"

# The same with the worker, whose only process for backfills is not held
mood sleep
sql postgres -c 'ALTER SYSTEM SET pg_topk.backfill_timeout = 1000' -c 'ALTER SYSTEM SET pg_topk.worker = on' >/dev/null
reload
soon_is 20 'the worker does the other backfill' 'moody failed, patient done' query postgres "$(backfills)"
check '... and says why' 54000 "$(sql postgres -c "SELECT sqlstate FROM topk.errors WHERE rollup = 'moody' ORDER BY at DESC LIMIT 1")"
mood 40001
soon_is 20 'a failing one goes to the end of the queue' 'moody wanted, patient done' query postgres "$(backfills)"

# Idle rollups are not folded: a round reads the log once for all
sql postgres -c "CREATE FOREIGN TABLE idle (item text, at timestamptz) SERVER topk" \
    -c "SELECT count(topk.create_rollup('idle' || i, 'idle', 'item', 'at')) FROM generate_series(1, 300) AS i" >/dev/null
insert postgres good 5
soon_is 5 'the others are folded' 7 query postgres "$(events_of good)"
check 'idle ones are not' 0 "$(sql postgres -c "SELECT count(*) FROM topk.rollups WHERE name LIKE 'idle%' AND folds > 0")"
insert postgres idle 5
soon_is 20 'all of them have events' '300|1500' query postgres "SELECT count(*), sum(events) FROM topk.rollups WHERE name LIKE 'idle%' AND folds = 1"
