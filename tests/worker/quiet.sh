# Part of the suite `worker`: what workers leave in the log of a server that logs each statement. An idle one leaves nothing.
start_server quiet "shared_preload_libraries = 'auto_explain, pg_topk'" 'auto_explain.log_min_duration = 0' 'auto_explain.log_nested_statements = on' \
    "log_statement = 'all'" "log_line_prefix = '%b: '" 'log_min_messages = log'
lines() { grep -c '^pg_topk' "$scratch/quiet/log"; }
rounds() { sql postgres -c "SELECT rounds FROM topk.workers WHERE database = 'postgres'"; }
sql postgres -c 'CREATE EXTENSION pg_topk' -c 'CREATE FOREIGN TABLE s (item text, at timestamptz) SERVER topk' \
    -c "SELECT topk.create_rollup('never', 's', 'item', 'at', filter => 'false'), topk.create_rollup('some', 's', 'item', 'at')" \
    >/dev/null
insert postgres s 500
soon_is 10 'a fold' 500 query postgres "$(events_of some)"
check '... leaves its statements in the log' t "$([ "$(lines)" -gt 0 ] && echo t)"
wait_for 10 0 query postgres "SELECT pending FROM topk.workers WHERE database = 'postgres'"
three_rounds() {
    local i round
    round=$(rounds)
    for i in 1 2 3; do
        reload # begins a round
        wait_for 15 t query postgres "SELECT rounds >= $round + $i FROM topk.workers WHERE database = 'postgres'"
    done
    check 'three rounds' t "$(sql postgres -c "SELECT rounds >= $round + 3 FROM topk.workers WHERE database = 'postgres'")"
}
before=$(lines)
three_rounds
check '... leave no line' "$before" "$(lines)"
# Many counts wait for more of their tile. They have more bytes than a slot is emptied for, and must not move from slot to slot. Each list has some
# 200 short items: it gets a row of its own, and TOAST leaves that in the slot, whose size decides.
sql postgres -c 'CREATE FOREIGN TABLE grouped (item text, at timestamptz, grp int) SERVER topk' \
    -c "SELECT topk.create_rollup('grouped', 'grouped', 'item', 'at', group_by => '{grp}', accept_future => '3 hours')" \
    -c "INSERT INTO grouped SELECT to_hex(i), now() + interval '2 hours', i % 4000 FROM generate_series(1, 800000) i" >/dev/null
soon_is 10 'a fold of 4,000 groups' 800000 query postgres "$(events_of grouped)"
three_rounds # the slot with the rows of the statement is drained
active="SELECT slot, pg_relation_size('topk.delta_' || slot) > 4194304 FROM topk.log_slot WHERE state = 'active'"
states="SELECT string_agg(state, ' ' ORDER BY state) FROM topk.log_slot"
soon_is 40 '... leaves its rows in one slot' 'active empty empty empty' query postgres "$states"
slot=$(sql postgres -c "$active")
check '... which has more than 4 MB' t "${slot#*|}"
position=$(sql postgres -c 'SELECT pg_current_wal_insert_lsn()')
three_rounds
check '... move none of them' "$slot" "$(sql postgres -c "$active")"
check '... and write less than the tenth of them' t "$(sql postgres -c "SELECT pg_current_wal_insert_lsn() - '$position' < 400000")"
stop_server quiet
check 'a shutdown leaves one line, as that of PostgreSQL itself does' 'LOG: background worker "pg_topk launcher" exited with exit code 1' \
    "$(grep -hoE '(LOG|FATAL|ERROR): .*' "$scratch/quiet/log" | grep -E 'pg_topk|terminating' | grep -E 'exited|terminating' | sed -E 's/: +/: /; s/ \(PID [0-9]+\)//')"
