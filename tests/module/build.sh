# Builds for tests/boundary and tests/citus, which load the result by its path. They source this after tests/lib/suite.sh.

# make_in DIRECTORY [ARGUMENT...]: runs make; ends the script if that fails
make_in() {
    make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" -C "$@" >"$scratch/make.log" 2>&1 || die "make in $1" "$(cat "$scratch/make.log")"
}

# build_module DIRECTORY: creates topk_test.so, failmalloc.so and topk_test.sql there; the last one loads the module by its path
build_module() {
    mkdir "$1"
    cp "$root"/tests/module/{Makefile,topk_test.c,topk_test.sql,failmalloc.cpp} "$1"
    make_in "$1"
    sed -i "s|MODULE_PATHNAME|$1/topk_test|" "$1/topk_test.sql"
}

# build_sanitized DIRECTORY: creates pg_topk.so with AddressSanitizer and UBSan, and pg_topk.sql in DIRECTORY; the latter replaces
# CREATE EXTENSION. The object files stay in build/sanitized, so that the next time only changed files are compiled.
build_sanitized() {
    local build=$root/build/sanitized directory=$1 source room made_by
    local sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
    # -g1 keeps the lines for the reports; more makes the compiler slower. Both flags after it are PostgreSQL's.
    local options=(DEBUG=1 CC="${CC:-gcc} $sanitize" CXXFLAGS='-g1 -fno-strict-aliasing -fwrapv') cxx="${CXX:-g++} $sanitize"
    made_by="$("$PG_CONFIG" --version), ${options[*]} $cxx"
    [ "$(cat "$build/made_by" 2>/dev/null)" = "$made_by" ] || rm -rf "$build"
    mkdir -p "$build" "$directory"
    echo "$made_by" >"$build/made_by"
    # The sources there are links, which are created anew, as files may have been moved.
    find "$build" -type l -delete
    ln -s "$root/Makefile" "$build"
    for source in "$root"/src/*/*.{cpp,h}; do
        room=${source%/*}
        mkdir -p "$build/src/${room##*/}"
        ln -s "$source" "$build/${source#"$root/"}"
    done
    # For most files, the compiler needs more time to read headers than for the rest, so it reads those of PostgreSQL once. The core
    # includes none of them.
    printf '#include "src/%s"\n' pg/{pg,function,executor,array}.h catalog/{tables,statement,as_owner}.h >"$build/precompiled.h"
    make_in "$build" "${options[@]}" CXX="$cxx" --eval='%.h.gch: %.h; $(COMPILE.cpp) -x c++-header -o $@ $<' precompiled.h.gch \
        $(cd "$build" && printf '%s\n' src/core/*.cpp | sed 's/cpp$/o/')
    make_in "$build" "${options[@]}" CXX="$cxx -Werror=invalid-pch -include precompiled.h" pg_topk.so
    cp "$build/pg_topk.so" "$directory"
    # The checkout has been built: take the script of the first version, and then those of the updates.
    sed -e '/^\\echo/d' -e '/pg_extension_config_dump/d' -e "s|MODULE_PATHNAME|$directory/pg_topk|" -e 's/@extschema@/public/g' \
        $(printf '%s\n' "$root"/control/pg_topk--*.sql | sort -V) >"$directory/pg_topk.sql"
}
