# A hot standby answers like the primary, also after its promotion; so does a base backup

fresh life_standby
psql -d life_standby <<'SQL' >/dev/null
CREATE FOREIGN TABLE stream (item text, ts timestamptz DEFAULT now(), g text) SERVER topk;
CREATE TABLE tab (item text, ts timestamptz DEFAULT now(), w integer);
SELECT topk.create_rollup('stream', 'stream', 'item', 'ts', group_by => '{g}', max_groups => 4);
SELECT topk.create_rollup('tab', 'tab', 'item', 'ts', weight => 'w', capacity => 100, k => 10, timezone => 'Europe/Berlin');
INSERT INTO stream SELECT 'i' || i % 17, now() - i * interval '13 minutes', i % 6 FROM generate_series(1, 500) AS i;
INSERT INTO tab SELECT 'i' || i % 500, now() - i * interval '7 minutes', i % 5 FROM generate_series(1, 2000) AS i;
SELECT fold_all();
-- Empties the slots of the log that are not written
SELECT topk.maintain();
SELECT topk.maintain();
INSERT INTO stream SELECT 'late' || i % 3, now() - i * interval '29 minutes', i % 6 FROM generate_series(1, 100) AS i;
SQL
copy_server server follower -R
# Only the TRUNCATE of a slot removes rows on the primary that a standby may need
configure follower 'hot_standby_feedback = on'
launch_server follower
follower=$scratch/follower
on_standby() { PGHOST=$follower sql life_standby "$@"; }

# A hash of all answers for all windows, groups and kinds, and of the views
answers="SELECT count(*), md5(string_agg(x::text, ' ' ORDER BY x::text)) FROM (
    SELECT r.name, kind, d.at, g.key, t.* FROM topk.rollups AS r, unnest(r.windows) AS kind, generate_series(now() - interval '6 days', now() + interval '1 hour', '5 hours') AS d (at),
         (VALUES (NULL::text[]), ('{1}'), ('{4}'), ('{}')) AS g (key), topk.top(r.name, kind, d.at, 20, g.key) AS t WHERE r.name = 'stream' OR g.key IS NULL) AS x"
views="SELECT md5(string_agg(s::text, ' ' ORDER BY s::text)), (SELECT md5(string_agg(r::text, ' ' ORDER BY r::text)) FROM topk.rollups AS r), (SELECT count(*) FROM topk.groups) FROM topk.snapshots AS s"
# The time is an argument, so that both servers answer for the same windows
agree() { # WHAT
    local at lsn asked on_primary
    at="timestamptz '$(sql life_standby -c 'SELECT now()')'"
    asked=${answers//now()/$at}
    on_primary=$(sql life_standby -c "$asked" -c "$views")
    lsn=$(sql life_standby -c 'SELECT pg_current_wal_insert_lsn()')
    PGHOST=$follower wait_for 30 t query life_standby "SELECT pg_last_wal_replay_lsn() >= '$lsn'"
    check "$1: there are answers" yes "$(awk -F'|' 'NR == 1 { print ($1 > 100 ? "yes" : $0) }' <<<"$on_primary")"
    check "$1: the standby answers as the primary" "$on_primary" "$(on_standby -c "$asked" -c "$views")"
}
agree 'folded, and late in the log'
psql -d life_standby -c 'SELECT fold_all()' >/dev/null
agree 'late, folded'
psql -d life_standby -c 'BEGIN' -c "INSERT INTO tab VALUES ('prepared', now(), 1000)" -c "INSERT INTO stream VALUES ('prepared', now(), '1')" -c "PREPARE TRANSACTION 'life'"
agree 'a prepared transaction'
psql -d life_standby -c "COMMIT PREPARED 'life'"
agree 'when it is committed'
psql -d life_standby -c "DELETE FROM tab WHERE item = 'i7'" -c "SELECT topk.backfill('tab')" >/dev/null
agree 'counted again'

# A standby cannot write
check 'no writing on a standby' '25006|25006|25006|25006|25006' "$(on_standby -c "SELECT sqlstate_of('INSERT INTO stream VALUES (''x'')'), sqlstate_of('SELECT topk.drop_rollup(''tab'')'),
    sqlstate_of('SELECT topk.create_rollup(''x'', ''tab'', ''item'', ''ts'')'), sqlstate_of('SELECT topk.set_limit(''pg_monitor'', max_item_bytes => 1)'), sqlstate_of('SELECT topk.drop_limit(''pg_monitor'')')")"
check 'nor folding' $'ERROR:  25006\nERROR:  25006\nERROR:  25006' "$(on_standby -c 'SELECT topk.fold(1)' -c 'CALL topk.run()' -c 'SELECT topk.maintain()')"

# A snapshot on the standby during folds and turns of the log: the same answer, or an error if its rows were removed
month="SELECT sum(count) FROM topk.range('stream', now() - interval '30 days', now() + interval '1 hour', 1000)"
at="timestamptz '$(sql life_standby -c 'SELECT now()')'"
month=${month//now()/$at}
coproc OLD { PGHOST=$follower "$bindir/psql" -X -q -A -t -v VERBOSITY=sqlstate -d life_standby 2>&1; }
in_old() { # STATEMENT: prints the output in the old transaction
    local answer
    echo "$1;" >&"${OLD[1]}"
    read -r -t 60 answer <&"${OLD[0]}"
    echo "$answer"
}
echo 'BEGIN ISOLATION LEVEL REPEATABLE READ;' >&"${OLD[1]}"
psql -d life_standby -c "INSERT INTO stream VALUES ('waits', now(), '1')"
agree 'before a snapshot'
first=$(in_old "$month")
check 'a snapshot on the standby' "$(sql life_standby -c "$month")" "$first"
psql -d life_standby -c "INSERT INTO stream VALUES ('new', now(), '1')" -c 'SELECT fold_all()' >/dev/null
agree 'folded after it'
check '... it answers the same' "$first" "$(in_old "$month")"
psql -d life_standby -c "UPDATE topk.log_slot SET state = CASE slot WHEN 2 THEN 'active' ELSE 'draining' END" -c '\c' -c 'SELECT fold_all(), topk.maintain()' -c 'SELECT topk.maintain()' >/dev/null
check 'the log is emptied' 'empty|empty|active|empty' "$(sql life_standby -c 'SELECT state FROM topk.log_slot ORDER BY slot' | paste -sd'|')"
agree 'emptied'
check '... it does not answer wrongly' 'ERROR:  40001' "$(in_old "$month")"
echo 'ROLLBACK;' >&"${OLD[1]}"
check '... and in its next transaction it does' "$(sql life_standby -c "$month")" "$(in_old "$month")"
echo '\q' >&"${OLD[1]}"
wait ${OLD_PID:-}

# A base backup that is started as a server of its own
wanted=$(sql life_standby -c "$month" -c "$views")
copy_server server backup -X stream
launch_server backup
backup=$scratch/backup
check 'a base backup answers as the server did' "$wanted" "$(PGHOST=$backup sql life_standby -c "$month" -c "$views")"
check '... counts and folds on' "$((${wanted%%$'\n'*} + 1))" "$(PGHOST=$backup sql life_standby -c "INSERT INTO stream VALUES ('new', now() - interval '1 hour', '1')" -c 'DO $$BEGIN PERFORM fold_all(), topk.maintain(); END$$' -c "$month")"
stop_server backup immediate

wanted=$(sql life_standby -c "$month" -c "$views")
on_standby -c 'SELECT pg_promote()' >/dev/null
check 'promoted, it answers as the primary did' "$wanted" "$(on_standby -c "$month" -c "$views")"
check '... counts and folds on' "$((${wanted%%$'\n'*} + 1))" "$(on_standby -c "INSERT INTO stream VALUES ('new', now() - interval '1 hour', '1')" -c 'DO $$BEGIN PERFORM fold_all(), topk.maintain(); END$$' -c "$month")"
stop_server follower immediate
psql -d postgres -c 'DROP DATABASE life_standby'
