#!/bin/sh
# SPDX-License-Identifier: ISC
# Runs the tests through prove: all of them, or those that are named.
#
#   tests/run.sh all            the unit tests, then tests/t*.t
#   tests/run.sh unit           the unit tests
#   tests/run.sh t10-servers    one file; so do `t10` and, for tests/unit/key.c, `key`
#
# A name is a whole file name without its ending; when there is none of that name, it is the
# beginning of one.  RETRYSAFE_BUILD is the directory of the program under test (default: build);
# JOBS is how many files run at once (default: 2).  Every test has its own directory and ports, so
# any two may run together.  The exit status is prove's: not 0 when anything failed.
set -uf
cd "$(dirname "$0")/.." || exit 1
build=${RETRYSAFE_BUILD:-build}

everything() {
    find tests/unit -name '*.c' | LC_ALL=C sort | sed "s,^tests/unit/\(.*\)\.c\$,$build/unit/\1,"
    find tests -maxdepth 1 -name 't*.t' | LC_ALL=C sort
}

# The files of this name, or else those whose name begins with it.
named() {
    everything | awk -v name="$1" '
        { file = $0; sub(/.*\//, "", file); sub(/\.t$/, "", file) }
        file == name { exact = exact $0 "\n" }
        index(file, name) == 1 { begins = begins $0 "\n" }
        END { printf "%s", exact != "" ? exact : begins }'
}

files=
for name in "${@:-all}"; do
    case $name in
    all) found=$(everything) ;;
    unit) found=$(everything | grep '/unit/') ;;
    *) found=$(named "$name") ;;
    esac
    if [ -z "$found" ]; then
        echo "tests/run.sh: there is no test \"$name\"; there are:" >&2
        everything | sed 's,.*/,    ,; s,\.t$,,' >&2
        exit 1
    fi
    files="$files $found"
done

# What the tests find the program by; servers start it in directories of their own.
case $build in
/*) export RETRYSAFE_BUILD="$build" ;;
*) export RETRYSAFE_BUILD="$PWD/$build" ;;
esac
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

# prove sees by itself which files are programs (the unit tests) and which are Perl.
exec prove --jobs "${JOBS:-2}" --timer -Itests/lib $files
