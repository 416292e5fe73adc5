#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs the tests of the store against a newer SQLite than the system's, to see a change of SQLite
# before Debian brings it.  The npm package better-sqlite3 carries SQLite's amalgamation as plain
# files; of it only those two are taken.  Nothing that is fetched is committed.
#
#   tests/newer-sqlite.sh [TEST...]     default: unit tests that use the store, t30, t34, t51, t60
#
# Builds into build/sqlite-new.  When npm or its registry is out of reach that is said, and the exit status is 0.
set -u
cd "$(dirname "$0")/.." || exit 1
dir=build/sqlite-new
package=better-sqlite3@12

skip() {
    echo "newer-sqlite: skipped: $1"
    exit 0
}

mkdir -p "$dir" || exit 1
if [ ! -e "$dir/sqlite3.c" ]; then
    command -v npm >/dev/null || skip 'there is no npm'
    rm -rf "$dir/fetched"
    mkdir "$dir/fetched"
    (cd "$dir/fetched" && timeout 120 npm pack --silent "$package") >"$dir/npm.log" 2>&1 ||
        skip "npm cannot fetch $package: $(tail -n 1 "$dir/npm.log")"
    tar -xzf "$dir"/fetched/*.tgz -C "$dir/fetched" || exit 1
    mv "$dir/fetched/package/deps/sqlite3/sqlite3.h" "$dir/fetched/package/deps/sqlite3/sqlite3.c" "$dir" ||
        exit 1
    rm -rf "$dir/fetched"
fi

# As far as it matters to us, what Debian builds with (PRAGMA compile_options).
if [ ! -e "$dir/sqlite3.o" ] || [ "$dir/sqlite3.c" -nt "$dir/sqlite3.o" ]; then
    ${CC:-gcc} -O2 -g -fPIC -c -o "$dir/sqlite3.o.new" \
        -DSQLITE_THREADSAFE=1 -DSQLITE_SECURE_DELETE -DSQLITE_ENABLE_COLUMN_METADATA \
        -DSQLITE_ENABLE_UNLOCK_NOTIFY -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_STMTVTAB \
        -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS \
        -DSQLITE_ENABLE_UPDATE_DELETE_LIMIT -DSQLITE_LIKE_DOESNT_MATCH_BLOBS \
        -DSQLITE_MAX_VARIABLE_NUMBER=250000 -DSQLITE_MAX_SCHEMA_RETRY=25 -DSQLITE_OMIT_LOOKASIDE \
        -DSQLITE_USE_URI -DSQLITE_TEMP_STORE=1 -DHAVE_ISNAN -DHAVE_FDATASYNC -DHAVE_USLEEP \
        "$dir/sqlite3.c" || exit 1
    mv "$dir/sqlite3.o.new" "$dir/sqlite3.o"
fi

# Linked into the programs, compiled with the system's header: a sandbox's processes have an
# environment and an account of their own, so neither LD_LIBRARY_PATH nor a path reaches them all.
with="$dir/sqlite3.o -ldl -lm"
"${MAKE:-make}" --no-print-directory -s -j"${JOBS:-2}" BUILD="$dir/program" SAN= FAULTS= \
    LIBS="$with -ljansson -lmd -lpthread" NOTIFY_LIBS="-lcurl $with -ljansson -lmd -lpthread" \
    all unit || exit 1

wanted=$(sed -n 's/^#define SQLITE_VERSION *"\(.*\)"/\1/p' "$dir/sqlite3.c")
says=$("$dir/program/retrysafe" version)
echo "newer-sqlite: the programs under test say:"
echo "$says" | sed 's/^/    /'
echo "$says" | grep -q "SQLite $wanted" || {
    echo "newer-sqlite: that is not SQLite $wanted" >&2
    exit 1
}
[ $# -gt 0 ] || set -- claim outbox record \
    $(find tests/unit -name 'store*.c' | LC_ALL=C sort | sed 's,.*/,,; s,\.c$,,') t30 t34 t51 t60
RETRYSAFE_BUILD="$dir/program" sh tests/run.sh "$@"
