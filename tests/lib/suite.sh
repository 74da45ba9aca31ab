# What a suite shares with the others: checks, waits, private servers (server.sh). Sourced by tests/*/run.
#
# A suite starts with this file and ends with `summary`. It keeps its files in $scratch. VERBOSE=1 lists checks that pass.
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"
set_pg_config
export PGCLIENTENCODING=UTF8 PGOPTIONS=
make_scratch
server_settings=('shared_buffers = 64MB' 'max_connections = 40' 'autovacuum = off' 'jit = off' 'log_min_messages = warning'
    'log_min_error_statement = panic')

passed=0
failed=0
pass() {
    passed=$((passed + 1))
    if [ -n "${VERBOSE:-}" ]; then echo "ok: $*"; fi
}
fail() {
    failed=$((failed + 1))
    echo "FAIL: $*"
}
# check DESCRIPTION WANTED GOT
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected '$2', got '$3'"; fi
}
# succeeds DESCRIPTION COMMAND...
succeeds() {
    local said
    if said=$("${@:2}" 2>&1); then pass "$1"; else fail "$1: $said"; fi
}
# wait_for SECONDS WANTED COMMAND...: runs the command again until it prints that, for so long at most; got is what it printed.
wait_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    while got=$("${@:3}" 2>&1) || true; [ "$got" != "$2" ]; do
        ((${EPOCHREALTIME/./} < end)) || return
        sleep 0.05
    done
}
# soon_is SECONDS DESCRIPTION WANTED COMMAND...: a check of what it prints in the end
soon_is() {
    wait_for "$1" "$3" "${@:4}"
    check "$2" "$3" "$got"
}
# takes_at_most MILLISECONDS DESCRIPTION COMMAND...: that it says nothing, and soon
takes_at_most() {
    local began=${EPOCHREALTIME/./} got took
    got=$("${@:3}" 2>&1)
    took=$(((${EPOCHREALTIME/./} - began) / 1000))
    check "$2" '' "$got"
    check "... takes no time ($took ms)" yes "$([ $took -lt "$1" ] && echo yes)"
}
# Counts the lines of a psql script's output: "ok: ..." and everything else, which is a failure.
count_lines() {
    local line
    while IFS= read -r line; do
        case $line in
            'ok: '*) pass "${line#ok: }" ;;
            '') ;;
            *) fail "$line" ;;
        esac
    done
}
# The last line, and the exit status.
summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
# What nothing can be checked without has failed.
die() {
    [ -z "${2:-}" ] || echo "$2"
    fail "$1"
    summary
    exit 1
}

psql() { "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
# sql DATABASE ARGUMENT...: what psql says to its arguments, errors too; query DATABASE QUERY: to a query
sql_options=()
sql() { psql "${sql_options[@]}" -d "$@" 2>&1; }
query() { sql "$1" -c "$2"; }
reload() { sql postgres -c 'SELECT pg_reload_conf()' >/dev/null; }
# check_servers [PATTERN]: in the logs of all servers
check_servers() { check 'no process of a server has died' '' "$(grep -hE "terminated by signal|PANIC|TRAP${1:+|$1}" "$scratch"/*/log)"; }
