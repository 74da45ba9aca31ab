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
before=$(lines) round=$(rounds)
for i in 1 2 3; do
    reload # begins a round
    wait_for 15 t query postgres "SELECT rounds >= $round + $i FROM topk.workers WHERE database = 'postgres'"
done
check 'three rounds without work' t "$(sql postgres -c "SELECT rounds >= $round + 3 FROM topk.workers WHERE database = 'postgres'")"
check '... leave no line' "$before" "$(lines)"
stop_server quiet
check 'a shutdown leaves one line, as that of PostgreSQL itself does' 'LOG: background worker "pg_topk launcher" exited with exit code 1' \
    "$(grep -hoE '(LOG|FATAL|ERROR): .*' "$scratch/quiet/log" | grep -E 'pg_topk|terminating' | grep -E 'exited|terminating' | sed -E 's/: +/: /; s/ \(PID [0-9]+\)//')"
