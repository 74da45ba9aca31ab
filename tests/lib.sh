# What ./run and the test suites share: packages, the build, a private server. Sourced by bash under set -euo pipefail.

say() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Packages. Each is recognised by what it brings, so that nothing is asked of apt where all of it is there.

has_header() { g++ -x c++ -fsyntax-only -include "$1" /dev/null 2>/dev/null; }
has_fuzzer() {
    clang++ -x c++ -fsanitize=fuzzer,address,undefined -o "$work/fuzzer" - 2>/dev/null \
        <<<'#include <string>
            extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long) { return 0; }'
}

# pg_config of the newest server below /usr/lib/postgresql (the server-dev package brings the file), or the one on the PATH.
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

# Extensions for a server of Debian's, where Debian has them for that version; the tests that use them are skipped elsewhere.
missing_extensions() {
    local version
    version=$(grep -oP '^/usr/lib/postgresql/\K[0-9]+' <<<"$1") ||
        { [[ -z $1 ]] && version=$(apt-cache depends postgresql 2>/dev/null | grep -oPm 1 'Depends: postgresql-\K[0-9]+'); } || return 0
    [[ -e /usr/lib/postgresql/$version/lib/pg_cron.so ]] || has_package "postgresql-$version-cron"
    [[ -e /usr/share/postgresql/$version/extension/pg_partman.control ]] || has_package "postgresql-$version-partman"
}
has_package() { if apt-cache show "$1" >/dev/null 2>&1; then echo "$1"; fi; }

# Names the packages that `./run $1` lacks.
missing_packages() {
    local config version
    config=$(find_pg_config)
    command -v make >/dev/null || echo make
    command -v g++ >/dev/null || echo g++
    has_header xxhash.h || echo libxxhash-dev
    if [[ -z $config || ! -x $("$config" --bindir 2>/dev/null)/postgres ]]; then
        [[ -x ${config%/pg_config}/postgres ]] || echo postgresql
    fi
    # Not by its pgxs.mk, which Debian's client package has too.
    if [[ -z $config || ! -e $("$config" --includedir-server 2>/dev/null)/postgres.h ]]; then
        version=$(grep -oP 'postgresql/\K[0-9]+' <<<"$config") ||
            version=$(apt-cache depends postgresql 2>/dev/null | grep -oPm 1 'Depends: postgresql-\K[0-9]+') || version=all
        echo "postgresql-server-dev-$version"
    fi
    if [[ $1 == test ]]; then
        has_header gtest/gtest.h || echo libgtest-dev
        has_header zlib.h || echo zlib1g-dev
        command -v objdump >/dev/null || echo binutils
        /usr/bin/python3 -c 'import psycopg2' 2>/dev/null || echo python3-psycopg2
        has_fuzzer || echo clang libclang-rt-dev
        missing_extensions "$config"
    fi
}

install_packages() {
    local missing
    missing=$(missing_packages "$1" | xargs)
    [[ -n $missing ]] || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        die "Missing: $missing
On Debian, install them with: sudo apt-get install --no-install-recommends $missing"
    fi
    say "Updating the package lists (missing: $missing)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    missing=$(missing_packages "$1" | xargs)
    say "Installing $missing"
    apt-get install -y -qq --no-install-recommends $missing >"$work/apt.log" 2>&1 || {
        tail -n 30 "$work/apt.log"
        die "apt-get could not install: $missing"
    }
    missing=$(missing_packages "$1" | xargs)
    [[ -z $missing ]] || die "Still missing after apt-get install: $missing"
}

# Programs that only tests/monitoring runs are taken out of Debian's packages, into build/tools: installing those would start
# services, and enable them. What cannot be had (no Debian, no network) is skipped there.
tool_packages='prometheus prometheus-postgres-exporter prometheus-sql-exporter python3-prometheus-client'
unpack_tools() {
    local package missing=()
    for package in $tool_packages; do
        [[ -d build/tools/$package ]] || missing+=("$package")
    done
    [[ ${#missing[@]} != 0 ]] || return 0
    say "Unpacking ${missing[*]} into build/tools"
    mkdir -p build/tools
    for package in "${missing[@]}"; do
        if (cd "$work" && apt-get download -qq "$package") >"$work/apt.log" 2>&1 &&
            dpkg-deb -x "$work/$package"_*.deb "$work/unpacked"; then
            mv "$work/unpacked" "build/tools/$package"
        else
            echo "$package is not to be had"
        fi
    done
}

# Makes $work, a private temporary directory that goes at exit together with the server in it, and installs what is missing.
prepare() {
    export LC_ALL=C.UTF-8
    work=$(mktemp -d "${TMPDIR:-/tmp}/pg_topk.XXXXXX")
    trap 'clean_up' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    install_packages "$1"
    PG_CONFIG=$(find_pg_config)
    export PG_CONFIG
    bindir=$("$PG_CONFIG" --bindir)
    export PATH=$bindir:$PATH
}

clean_up() {
    [[ -z ${child:-} ]] || kill "$child" 2>/dev/null || true
    server_stop
    rm -rf "$work"
}

# Builds the checkout for $PG_CONFIG and installs it.
build_and_install() {
    local built log=$root/build/make.log target
    say "Building for $("$PG_CONFIG" --version)"
    mkdir -p build
    # Objects of another server version do not fit.
    built="$PG_CONFIG $("$PG_CONFIG" --version)"
    if [[ $(cat build/server 2>/dev/null) != "$built" ]]; then
        make clean PG_CONFIG="$PG_CONFIG" >/dev/null
        echo "$built" >build/server
    fi
    make -j "$(nproc)" PG_CONFIG="$PG_CONFIG" WERROR=-Werror >"$log" 2>&1 || {
        cat "$log"
        die 'The build failed.'
    }
    target=$("$PG_CONFIG" --pkglibdir)
    if [[ -w $target && -w $("$PG_CONFIG" --sharedir)/extension ]]; then
        make install PG_CONFIG="$PG_CONFIG" >"$log" 2>&1 || {
            cat "$log"
            die 'make install failed.'
        }
        echo "Installed in $target"
    elif cmp -s pg_topk.so "$target/pg_topk.so"; then
        echo "Installed already in $target"
    else
        die "Only root may install into $target: run  sudo make install PG_CONFIG=$PG_CONFIG  and then this again."
    fi
}

# The private server: in $work, on a socket there, of a user that is not root.

server_major() { "$PG_CONFIG" --version | grep -oP '^PostgreSQL \K[0-9]+'; }

as_server_user() {
    local user=postgres
    if ((EUID != 0)); then
        (cd / && "$@")
    else
        id -u "$user" >/dev/null 2>&1 || user=nobody
        (cd / && setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- "$@")
    fi
}

# The arguments are lines for postgresql.conf.
server_start() {
    local log=$work/initdb.log
    as_server_user true || die 'Cannot become the user of the server.'
    if ((EUID == 0)); then
        chown "$(as_server_user id -u)" "$work"
    fi
    as_server_user "$bindir/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$log" 2>&1 || {
        cat "$log"
        die 'initdb failed.'
    }
    as_server_user tee -a "$work/data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$work'
fsync = off
timezone = 'UTC'
shared_buffers = 256MB
max_wal_size = 4GB
$(printf '%s\n' "$@")
END
    log=$work/server.log
    as_server_user "$bindir/pg_ctl" -D "$work/data" -l "$log" -w -s start || {
        cat "$log"
        die 'The server did not start.'
    }
    export PGHOST=$work PGPORT=5432 PGUSER=postgres PGDATABASE=postgres PGTZ=UTC
    unset PGOPTIONS PGSERVICE PGPASSWORD
}

server_stop() {
    if [[ -e $work/data/postmaster.pid ]]; then
        as_server_user "$bindir/pg_ctl" -D "$work/data" -m immediate -w -s stop || true
    fi
}

psql() { "$bindir/psql" -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"; }
