# Installs packages that ./run needs. Each is recognised by a file that it contains, so apt is not called if nothing is missing. ./run
# sources this after server.sh.

# The suites that ./run test was asked for; empty if it runs all but those that run by name only.
named=()
# is_named | runs SUITE...: whether one of these suites was asked for; is run
is_named() {
    local suite
    for suite; do
        [[ " ${named[*]} " != *" $suite "* ]] || return 0
    done
    return 1
}
runs() { ((${#named[@]} == 0)) || is_named "$@"; }

has_header() { g++ -x c++ -fsyntax-only -include "$1" /dev/null 2>/dev/null; }
finds_header() { g++ -x c++ -E -o /dev/null - 2>/dev/null <<<"$(printf '#if !__has_include(<%s>)\n#error\n#endif' "$1")"; }
has_fuzzer() {
    clang++ -x c++ -fsanitize=fuzzer,address,undefined -o "$scratch/fuzzer" - 2>/dev/null \
        <<<'#include <string>
            extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, unsigned long) { return 0; }'
}

# Prints the packages that `./run test` can do without, if Debian has them; the tests that use them are skipped otherwise: extensions for a
# server of Debian's, a browser, the schema of OpenAPI, and what makes packages and images.
missing_optional() {
    local version program
    if runs gateway; then
        command -v chromium >/dev/null || has_package chromium
        command -v chromedriver >/dev/null || has_package chromium-driver
        /usr/bin/python3 -c 'import selenium' 2>/dev/null || has_package python3-selenium
        /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || has_package python3-jsonschema
        [[ -e /usr/share/openapi-specification/schemas ]] || has_package openapi-specification
    fi
    if is_named packages; then
        command -v dh >/dev/null || has_package debhelper
        command -v pg_buildext >/dev/null || has_package postgresql-server-dev-all
        for program in lintian unzip zip; do
            command -v $program >/dev/null || has_package $program
        done
    fi
    if is_named packages docker; then
        command -v debootstrap >/dev/null || has_package debootstrap
    fi
    if is_named docker; then
        command -v buildah >/dev/null || has_package buildah
        command -v docker-compose >/dev/null || has_package docker-compose
        command -v curl >/dev/null || has_package curl
    fi
    version=$(grep -oP '^/usr/lib/postgresql/\K[0-9]+' <<<"$1") ||
        { [[ -z $1 ]] && version=$(apt-cache depends postgresql 2>/dev/null | grep -oPm 1 'Depends: postgresql-\K[0-9]+'); } || return 0
    ! runs worker || [[ -e /usr/lib/postgresql/$version/lib/pg_cron.so ]] || has_package "postgresql-$version-cron"
    ! runs life || [[ -e /usr/share/postgresql/$version/extension/pg_partman.control ]] || has_package "postgresql-$version-partman"
}
# The libraries that topk-gateway is made of.
missing_libraries() {
    finds_header boost/beast.hpp || echo libboost-dev
    finds_header CLI/CLI.hpp || echo libcli11-dev
    finds_header simdjson.h || echo libsimdjson-dev
    finds_header nlohmann/json.hpp || echo nlohmann-json3-dev
    finds_header spdlog/spdlog.h || echo libspdlog-dev
    finds_header prometheus/registry.h || echo prometheus-cpp-dev
    finds_header openssl/evp.h || echo libssl-dev
    finds_header postgresql/libpq-fe.h || finds_header libpq-fe.h || echo libpq-dev
}
has_package() { if apt-cache show "$1" >/dev/null 2>&1; then echo "$1"; fi; }

# Prints the packages that are needed and missing. $1 is a command of ./run (demo, live, test), what is only built (extension, gateway), or
# chroot.
missing_packages() {
    local config version
    if [[ $1 == chroot ]]; then
        command -v debootstrap >/dev/null || echo debootstrap
        command -v wget >/dev/null || echo wget
        return
    fi
    command -v make >/dev/null || echo make
    command -v g++ >/dev/null || echo g++
    if [[ $1 != gateway ]]; then
        config=$(find_pg_config)
        has_header xxhash.h || echo libxxhash-dev
        if [[ $1 != extension && (-z $config || ! -x $("$config" --bindir 2>/dev/null)/postgres) ]]; then
            [[ -x ${config%/pg_config}/postgres ]] || echo postgresql
        fi
        # pgxs.mk would not show that it is missing, as Debian's client package has that too.
        if [[ -z $config || ! -e $("$config" --includedir-server 2>/dev/null)/postgres.h ]]; then
            version=$(grep -oP 'postgresql/\K[0-9]+' <<<"$config") ||
                version=$(apt-cache depends postgresql 2>/dev/null | grep -oPm 1 'Depends: postgresql-\K[0-9]+') || version=all
            echo "postgresql-server-dev-$version"
        elif [[ ! -e $("$config" --includedir)/libpq-fe.h ]]; then
            echo libpq-dev
        fi
    fi
    if [[ $1 == test ]]; then
        ! runs unit unit-asan gateway || has_header gtest/gtest.h || echo libgtest-dev
        ! runs unit unit-asan || has_header zlib.h || echo zlib1g-dev
        ! runs boundary || command -v objdump >/dev/null || echo binutils
        ! runs gateway || command -v openssl >/dev/null || echo openssl
        ! runs failover gateway torture || /usr/bin/python3 -c 'import psycopg2' 2>/dev/null || echo python3-psycopg2
        ! runs fuzz unit-asan gateway || has_fuzzer || echo clang libclang-rt-dev
    fi
    if [[ $1 == test || $1 == live ]]; then
        command -v python3 >/dev/null || echo python3
    fi
    if [[ $1 == gateway || $1 == live ]] || { [[ $1 == test ]] && runs gateway; }; then
        missing_libraries
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
    apt-get install -y -qq --no-install-recommends $missing >"$scratch/apt.log" 2>&1 || {
        tail -n 30 "$scratch/apt.log"
        die "apt-get could not install: $missing"
    }
    missing=$(missing_packages "$1" | xargs)
    [[ -z $missing ]] || die "Still missing after apt-get install: $missing"
}

# Installs what missing_optional prints, as far as that is possible.
install_optional() {
    local missing package
    missing=$(missing_optional "$(find_pg_config)" | xargs)
    [[ -n $missing ]] || return 0
    if ((EUID == 0)); then
        say "Installing $missing"
        export DEBIAN_FRONTEND=noninteractive
        for package in "$missing" $missing; do # all at once, or else one by one
            apt-get install -y -qq --no-install-recommends $package >"$scratch/apt.log" 2>&1 || tail -n 3 "$scratch/apt.log"
            missing=$(missing_optional "$(find_pg_config)" | xargs)
            [[ -n $missing ]] || return 0
        done
    fi
    echo "skipped: tests that use $missing"
}

# Unpacks programs that only tests/monitoring and tests/gateway run from Debian's packages into build/tools, as installing the packages would
# start services. These suites skip programs that are not available (no Debian, no network).
tool_packages='prometheus prometheus-postgres-exporter prometheus-sql-exporter python3-prometheus-client nginx'
unpack_tools() {
    local package missing=()
    runs monitoring gateway || return 0
    for package in $tool_packages; do
        [[ -d build/tools/$package ]] || missing+=("$package")
    done
    [[ ${#missing[@]} != 0 ]] || return 0
    say "Unpacking ${missing[*]} into build/tools"
    mkdir -p build/tools
    for package in "${missing[@]}"; do
        if (cd "$scratch" && apt-get download -qq "$package") >"$scratch/apt.log" 2>&1 &&
            dpkg-deb -x "$scratch/$package"_*.deb "$scratch/unpacked"; then
            mv "$scratch/unpacked" "build/tools/$package"
        else
            echo "$package is not to be had"
        fi
    done
}
