# The build and private servers, for ./run and the suites. bash sources this, with or without set -euo pipefail.
# A server has a directory in $scratch, listens only on a socket there, and is removed at the end.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Settings of the user for sessions on other servers
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGAPPNAME PGTZ PGDATESTYLE

say() { printf '\n== %s\n' "$*"; }
# die WHAT [OUTPUT]: ends the script with an error, and prints OUTPUT as the reason.
die() {
    [[ -z ${2:-} ]] || printf '%s\n' "$2" >&2
    printf '%s\n' "$1" >&2
    exit 1
}

# Prints PG_CONFIG, or pg_config of the newest server below /usr/lib/postgresql (from the package server-dev), or pg_config on the PATH.
find_pg_config() {
    local server
    server=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
    if [[ -n ${PG_CONFIG:-} ]]; then
        echo "$PG_CONFIG"
    elif [[ -x $server ]]; then
        echo "${server%/postgres}/pg_config"
    else
        command -v pg_config || true
    fi
}
# Call it again after a server was installed.
set_pg_config() {
    PG_CONFIG=$(find_pg_config)
    export PG_CONFIG
    bindir=$("$PG_CONFIG" --bindir)
}
server_major() { "$PG_CONFIG" --version | grep -oP '^PostgreSQL \K[0-9]+'; }

# Creates $scratch. At the end of the script, it is removed with all servers in it, and the processes whose ids are in children are ended.
# KEEP=1 keeps the directory.
children=()
make_scratch() {
    export LC_ALL=C.UTF-8
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/pg_topk.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    chmod 755 "$scratch" # the user of the servers reads it
    ((EUID != 0)) || chown "$(as_server_user id -u)" "$scratch"
}
clean_up() {
    local directory
    if ((${#children[@]} != 0)); then
        kill "${children[@]}" 2>/dev/null || true
        wait "${children[@]}" 2>/dev/null || true
    fi
    for directory in "$scratch"/*/data; do
        stop_server "$(basename "${directory%/data}")" immediate 2>/dev/null || true
    done
    if [[ -n ${KEEP:-} ]]; then
        echo "kept: $scratch" >&2
    else
        rm -rf --one-file-system "$scratch"
    fi
}

# Builds the checkout for $PG_CONFIG.
build() {
    local built log=$root/build/make.log
    say "Building for $("$PG_CONFIG" --version)"
    cd "$root"
    mkdir -p build
    # Object files for another version of the server cannot be used.
    built="$PG_CONFIG $("$PG_CONFIG" --version)"
    if [[ $(cat build/server 2>/dev/null) != "$built" ]]; then
        make clean PG_CONFIG="$PG_CONFIG" >/dev/null
        echo "$built" >build/server
    fi
    make -j "$(nproc)" PG_CONFIG="$PG_CONFIG" WERROR=-Werror >"$log" 2>&1 || die 'The build failed.' "$(grep -v -- ' -c -o ' "$log")"
}
build_and_install() {
    local log=$root/build/make.log target
    build
    target=$("$PG_CONFIG" --pkglibdir)
    # Running servers would break if the same library were installed over itself.
    if installed; then
        echo "Installed already in $target"
    elif [[ -w $target && -w $("$PG_CONFIG" --sharedir)/extension ]]; then
        make install PG_CONFIG="$PG_CONFIG" >"$log" 2>&1 || die 'make install failed.' "$(cat "$log")"
        echo "Installed in $target"
    else
        die "Only root may install into $target: run  sudo make install PG_CONFIG=$PG_CONFIG  and then this again."
    fi
}
installed() {
    local file
    cmp -s pg_topk.so "$("$PG_CONFIG" --pkglibdir)/pg_topk.so" || return
    for file in control/pg_topk.control control/pg_topk--*.sql; do
        cmp -s "$file" "$("$PG_CONFIG" --sharedir)/extension/${file#control/}" || return
    done
}

# Builds topk-gateway in build/gateway. The arguments are make's.
build_gateway() {
    say "Building topk-gateway${1:+ ($1)}"
    make -j "$(nproc)" -C "$root/gateway" "$@" >"$root/build/gateway.log" 2>&1 || die 'The build failed.' "$(cat "$root/build/gateway.log")"
}

# A server must not run as root.
as_server_user() {
    local user=postgres
    if ((EUID != 0)); then
        (cd / && "$@")
    else
        id -u "$user" >/dev/null 2>&1 || user=nobody
        (cd / && setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@")
    fi
}

server_settings=()    # lines of postgresql.conf for all servers of a script
initdb_options=()
server_environment=() # NAME=VALUE, or a command that runs them

# start_server NAME [LINE...]: creates a server with these lines in its postgresql.conf, starts it, and makes it the server of psql. Its
# directory $scratch/NAME has its socket, its log and its data.
start_server() {
    local directory=$scratch/$1 log=$scratch/initdb.log
    as_server_user mkdir "$directory" || die "Cannot make $directory as the user of the server."
    as_server_user "$bindir/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync "${initdb_options[@]}" >"$log" 2>&1 ||
        die 'initdb failed.' "$(cat "$log")"
    configure "$1" "listen_addresses = ''" "unix_socket_directories = '$directory'" 'fsync = off' "timezone = 'UTC'" \
        "${server_settings[@]}" "${@:2}"
    launch_server "$1"
    export PGHOST=$directory PGPORT=5432 PGUSER=postgres
}
# configure NAME LINE...: appends lines to postgresql.conf of a server
configure() { printf '%s\n' "${@:2}" | as_server_user tee -a "$scratch/$1/data/postgresql.conf" >/dev/null; }
# copy_server FROM NAME [pg_basebackup OPTION...]: creates a copy of a running server; launch_server starts it
copy_server() {
    as_server_user mkdir "$scratch/$2"
    as_server_user "$bindir/pg_basebackup" -h "$scratch/$1" -U postgres -D "$scratch/$2/data" -c fast --no-sync "${@:3}" ||
        die 'pg_basebackup failed.'
    configure "$2" "unix_socket_directories = '$scratch/$2'"
}
# launch_server | restart_server NAME [pg_ctl OPTION...]: starts or restarts a server of start_server or copy_server
launch_server() { control_server start "$@"; }
restart_server() { control_server restart "$@"; }
control_server() {
    local directory=$scratch/$2
    as_server_user env "${server_environment[@]}" "$bindir/pg_ctl" "$1" -s -w -t 120 -D "$directory/data" -l "$directory/log" "${@:3}" ||
        die "The server \"$2\" does not ${1}." "$(tail -n 30 "$directory/log")"
}
# stop_server NAME [fast|immediate]: stops a server
stop_server() {
    [[ ! -e $scratch/$1/data/postmaster.pid ]] ||
        as_server_user "$bindir/pg_ctl" stop -s -w -m "${2:-fast}" -D "$scratch/$1/data"
}
