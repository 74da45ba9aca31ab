#!/usr/bin/env bash
# The suites of ./run test that make runs; each ends with "N passed, N failed".
#   tests/suites.sh unit | unit-asan | fuzz | installcheck
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# AddressSanitizer of older compilers sometimes fails with the address space randomization of newer kernels.
fixed=()
if setarch "$(uname -m)" -R true 2>/dev/null; then
    fixed=(setarch "$(uname -m)" -R)
fi
run_make() { "${fixed[@]}" make -j "$(nproc)" "$@"; }

unit() {
    local xml=build/$1.xml code=0 total failed skipped
    rm -f "$xml"
    run_make -C tests "$1" || code=$?
    [[ -e $xml ]] || exit 1
    total=$(grep -oPm 1 '<testsuites tests="\K[0-9]+' "$xml")
    failed=$(grep -oPm 1 '<testsuites .*?failures="\K[0-9]+' "$xml")
    skipped=$(grep -c 'result="skipped"' "$xml") || true
    ((skipped == 0)) || echo "skipped: $skipped tests"
    echo "$((total - failed - skipped)) passed, $failed failed"
    return $code
}

fuzz() {
    run_make -C tests fuzz
    echo "$(find tests/fuzz -name '*_fuzz.cpp' | wc -l) passed, 0 failed"
}

# pg_regress prints "All 4 tests passed." or "1 of 4 tests failed."
installcheck() {
    local code=0 log
    . tests/lib/suite.sh
    start_server server
    log=$(make installcheck PG_CONFIG="$PG_CONFIG" 2>&1) || code=$?
    echo "$log"
    [[ $code == 0 ]] || cat regression.diffs 2>/dev/null || true
    sed -nE 's/.*All ([0-9]+) tests? passed.*/\1 passed, 0 failed/p
             s/.*\b([0-9]+) of ([0-9]+) tests? failed.*/\2 \1/p' <<<"$log" |
        awk 'NF == 2 { print $1 - $2 " passed, " $2 " failed"; next } 1'
    return $code
}

case $1 in
unit | unit-asan) unit "$1" ;;
fuzz | installcheck) "$1" ;;
*) exit 2 ;;
esac
