# Sourced by tests/citus/run and tests/boundary/run: a scratch directory, builds outside of the tree, private servers with a
# chosen environment, counting of checks.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$ROOT/tests/lib.sh"
PG_CONFIG=$(find_pg_config)
bindir=$("$PG_CONFIG" --bindir)
export PG_CONFIG PGCLIENTENCODING=UTF8 PGOPTIONS=${PGOPTIONS:-} LC_ALL=C.UTF-8
unset PGDATABASE PGSERVICE

# The user of a server must be able to read it.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/topk-test.XXXXXX")
chmod 755 "$scratch"
[ "$EUID" != 0 ] || chown "$(as_server_user id -u)" "$scratch"

clean_up() {
    local pid
    for pid in "$scratch"/*/postmaster.pid; do
        [ -e "$pid" ] && as_server_user "$bindir/pg_ctl" stop -s -m immediate -D "${pid%/*}" >/dev/null 2>&1
    done
    # KEEP=1 leaves logs and servers' directories for a look.
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $scratch" >&2
    else
        rm -rf "$scratch"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

passed=0
failed=0
# pass|fail MESSAGE
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
# Counts lines of a psql script's output: "ok: ..." and everything else, which is a failure.
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
summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
# give_up WHAT [OUTPUT]: when nothing more can be checked
give_up() {
    [ -z "${2:-}" ] || echo "$2"
    fail "$1"
    summary
    exit 1
}

# make_in DIR [ARGUMENT...]: make; ends the script when it fails.
make_in() {
    make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" -C "$@" >"$1/make.log" 2>&1 || give_up "make in $1" "$(cat "$1/make.log")"
}

# Both build copies of the sources, so that no other build is touched.
# build_module DIR: leaves there topk_test.so, failmalloc.so and topk_test.sql, which loads the module by its path.
build_module() {
    mkdir -p "$1"
    cp "$ROOT"/tests/module/{Makefile,topk_test.c,topk_test.sql,failmalloc.cpp} "$1"
    make_in "$1"
    sed -i "s|MODULE_PATHNAME|$1/topk_test|" "$1/topk_test.sql"
}
# build_extension DIR [MAKE ARGUMENT...]: leaves there pg_topk.so, src/*/*.o and pg_topk.sql, which stands in for CREATE
# EXTENSION.
build_extension() {
    local dir=$1 scripts
    mkdir -p "$dir"
    cp -r "$ROOT/src" "$ROOT/control" "$ROOT/Makefile" "$dir"
    find "$dir/src" \( -name '*.o' -o -name '*.bc' \) -delete
    make_in "$@" all
    # The first version, then the updates.
    scripts=$(printf '%s\n' "$dir"/control/pg_topk--*.sql | sort -V)
    sed -e '/^\\echo/d' -e '/pg_extension_config_dump/d' -e "s|MODULE_PATHNAME|$dir/pg_topk|" -e 's/@extschema@/public/g' \
        $scripts >"$dir/pg_topk.sql"
}

# start_server NAME [ENVIRONMENT SETTING...]: a private server, reached by its socket alone; sets PGHOST, PGPORT, PGUSER.
start_server() {
    local data=$scratch/$1
    shift
    as_server_user "$bindir/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 -N >"$scratch/initdb.log" 2>&1 ||
        give_up initdb "$(cat "$scratch/initdb.log")"
    as_server_user tee -a "$data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$data'
port = 5432
shared_buffers = 64MB
fsync = off
autovacuum = off
jit = off
max_connections = 20
log_min_messages = warning
log_min_error_statement = panic
restart_after_crash = on
CONF
    as_server_user env "$@" "$bindir/pg_ctl" start -s -w -D "$data" -l "$data/log" ||
        give_up 'starting a server' "$(tail -n 30 "$data/log")"
    export PGHOST=$data PGPORT=5432 PGUSER=postgres
}

psql() { "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
