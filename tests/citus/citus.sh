# Sourced by tests/citus/run and tests/boundary/run, after tests/lib/suite.sh.

# as_citus_does MODULE SQL: runs the checks on the server that psql finds, with the module in directory MODULE; the script SQL loads the
# extension.
as_citus_does() {
    local shard here=$root/tests/citus
    local -x PGDATABASE=topk_citus PGOPTIONS='-c client_min_messages=warning'
    psql -d postgres -c "CREATE DATABASE $PGDATABASE" || die 'a database'
    psql -f "$2" -f "$1/topk_test.sql" -f "$here/setup.sql" || die 'loading the extension'
    # Each shard has a backend of its own; the fifth shard has only NULLs, the sixth no rows.
    for shard in 0 1 2 3 4 5; do
        psql -c "CALL run_worker($shard)" || fail "worker of shard $shard"
    done
    psql -c 'CALL run_coordinator()' || fail 'coordinator'
    count_lines < <(psql -f "$here/checks.sql" 2>&1)
}
