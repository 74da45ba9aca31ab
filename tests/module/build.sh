# What tests/boundary and tests/citus build and load by its path. Sourced after tests/lib/suite.sh.

# make_in DIRECTORY [ARGUMENT...]: make; ends the script when it fails.
make_in() {
    make -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" -C "$@" >"$scratch/make.log" 2>&1 || die "make in $1" "$(cat "$scratch/make.log")"
}

# build_module DIRECTORY: leaves there topk_test.so, failmalloc.so and topk_test.sql, which loads the module by its path.
build_module() {
    mkdir "$1"
    cp "$root"/tests/module/{Makefile,topk_test.c,topk_test.sql,failmalloc.cpp} "$1"
    make_in "$1"
    sed -i "s|MODULE_PATHNAME|$1/topk_test|" "$1/topk_test.sql"
}

# build_extension NAME DIRECTORY [MAKE ARGUMENT...]: leaves in DIRECTORY pg_topk.so and pg_topk.sql, which stands in for CREATE
# EXTENSION. It is built in build/NAME, which is kept, so that the next time only what has changed is compiled.
build_extension() {
    local build=$root/build/$1 directory=$2 source room
    local made_by="$("$PG_CONFIG" --version), ${*:3}"
    [ "$(cat "$build/made_by" 2>/dev/null)" = "$made_by" ] || rm -rf "$build"
    mkdir -p "$build" "$directory"
    echo "$made_by" >"$build/made_by"
    # Its sources are links, made anew as some may have been moved.
    find "$build" -type l -delete
    ln -s "$root/Makefile" "$build"
    for source in "$root"/src/*/*.{cpp,h}; do
        room=${source%/*}
        mkdir -p "$build/src/${room##*/}"
        ln -s "$source" "$build/${source#"$root/"}"
    done
    make_in "$build" "${@:3}" pg_topk.so
    cp "$build/pg_topk.so" "$directory"
    # The checkout has been built. The first version, then the updates.
    sed -e '/^\\echo/d' -e '/pg_extension_config_dump/d' -e "s|MODULE_PATHNAME|$directory/pg_topk|" -e 's/@extschema@/public/g' \
        $(printf '%s\n' "$root"/control/pg_topk--*.sql | sort -V) >"$directory/pg_topk.sql"
}
