# Part of the suite `worker`: the time slice that sessions ask the operating system for.
here=$(dirname "${BASH_SOURCE[0]}")
if ! "$here/slice.py"; then
    echo 'skipped: time slices, which Linux has from 6.12 on'
    return 0
fi
start_server slice "shared_preload_libraries = 'pg_topk'"
sql postgres -c 'CREATE EXTENSION pg_topk' -c 'CREATE FOREIGN TABLE s (item text, at timestamptz) SERVER topk' \
    -c "SELECT topk.create_rollup('s', 's', 'item', 'at')" >/dev/null
# slice_after STATEMENT...: of the session that has executed the statements
slice_after() {
    local arguments=() statement
    for statement in "$@"; do arguments+=(-c "$statement"); done
    sql postgres "${arguments[@]}" -c 'SELECT pg_sleep(60)' >/dev/null 2>&1 &
    soon_is 10 "a session after: $*" 1 query postgres "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND state = 'active' AND wait_event = 'PgSleep'"
    slice=$("$here/slice.py" "$(sql postgres -c "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'")")
    sql postgres -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
    wait $!
}
answer="SELECT count(*) FROM topk.top('s', 'hour')"
insertion="INSERT INTO s VALUES ('a', now())"
slice_after 'SELECT 1'
usual=$slice
slice_after "$answer"
check '... has a short slice' 300 "$slice"
check '... shorter than the usual one' t "$([ "$slice" -lt "$usual" ] && echo t)"
slice_after "SELECT topk.frequency('s', 'a', 'hour')"
check '... has a short slice' 300 "$slice"
slice_after "$insertion"
check '... has the usual slice' "$usual" "$slice"
slice_after "$answer" "$insertion"
check '... has the usual slice' "$usual" "$slice"
slice_after "$answer" "$insertion" "$answer"
check '... has a short slice' 300 "$slice"
slice_after "SET pg_topk.answer_slice = '700us'" "$answer"
check '... has the slice that the setting says' 700 "$slice"
slice_after "$answer" 'SET pg_topk.answer_slice = 0' "$answer"
check '... has the usual slice' "$usual" "$slice"
stop_server slice
