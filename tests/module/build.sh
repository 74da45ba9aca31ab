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

# build_extension NAME DIRECTORY [MAKE ARGUMENT...]: creates pg_topk.so and pg_topk.sql in DIRECTORY; the latter replaces CREATE EXTENSION.
# The object files stay in build/NAME, so that the next time only changed files are compiled.
build_extension() {
    local build=$root/build/$1 directory=$2 source room
    local made_by="$("$PG_CONFIG" --version), ${*:3}"
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
    make_in "$build" "${@:3}" pg_topk.so
    cp "$build/pg_topk.so" "$directory"
    # The checkout has been built: take the script of the first version, and then those of the updates.
    sed -e '/^\\echo/d' -e '/pg_extension_config_dump/d' -e "s|MODULE_PATHNAME|$directory/pg_topk|" -e 's/@extschema@/public/g' \
        $(printf '%s\n' "$root"/control/pg_topk--*.sql | sort -V) >"$directory/pg_topk.sql"
}
