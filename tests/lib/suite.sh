# Checks, waits and private servers (server.sh) for suites. tests/*/run sources this.
#
# A suite sources this file first, and calls `summary` at its end. It keeps its files in $scratch. VERBOSE=1 prints checks that pass.
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
# check DESCRIPTION WANTED GOT: passes if both are the same
check() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1: expected '$2', got '$3'"; fi
}
# succeeds DESCRIPTION COMMAND...: passes if the command succeeds
succeeds() {
    local said
    if said=$("${@:2}" 2>&1); then pass "$1"; else fail "$1: $said"; fi
}
# wait_for SECONDS WANTED COMMAND...: repeats the command until it prints WANTED, for at most SECONDS, and sets got to its last output
wait_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    while got=$("${@:3}" 2>&1) || true; [ "$got" != "$2" ]; do
        ((${EPOCHREALTIME/./} < end)) || return
        sleep 0.05
    done
}
# soon_is SECONDS DESCRIPTION WANTED COMMAND...: passes if the command prints WANTED within SECONDS
soon_is() {
    wait_for "$1" "$3" "${@:4}"
    check "$2" "$3" "$got"
}
# takes_at_most MILLISECONDS DESCRIPTION COMMAND...: passes if the command prints nothing and ends in time
takes_at_most() {
    local began=${EPOCHREALTIME/./} got took
    got=$("${@:3}" 2>&1)
    took=$(((${EPOCHREALTIME/./} - began) / 1000))
    check "$2" '' "$got"
    check "... takes no time ($took ms)" yes "$([ $took -lt "$1" ] && echo yes)"
}
# Counts the lines of the output of a psql script: "ok: ..." passes, any other line is a failure.
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
# Prints the last line, and returns the exit status.
summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
# Ends the suite, as something failed that all other checks need.
die() {
    [ -z "${2:-}" ] || echo "$2"
    fail "$1"
    summary
    exit 1
}

psql() { "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
# sql DATABASE ARGUMENT...: prints the output of psql with these arguments, including errors; query DATABASE QUERY: that of a query
sql_options=()
sql() { psql "${sql_options[@]}" -d "$@" 2>&1; }
query() { sql "$1" -c "$2"; }
reload() { sql postgres -c 'SELECT pg_reload_conf()' >/dev/null; }
# check_servers [PATTERN]: checks the logs of all servers for crashes, and for PATTERN
check_servers() { check 'no process of a server has died' '' "$(grep -hE "terminated by signal|PANIC|TRAP${1:+|$1}" "$scratch"/*/log)"; }
