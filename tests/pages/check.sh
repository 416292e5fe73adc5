#!/bin/sh
# SPDX-License-Identifier: ISC
# The pages for people in a real browser: axe-core finds nothing on any of them, at 360 and at 1280
# pixels, light and dark; none has to be scrolled sideways; and two presses of a button end on the
# script's page.
#
#   tests/pages/check.sh                 both
#   tests/pages/check.sh screenshots     pictures of some pages, in build/pages/screenshots
#
# playwright-core drives Debian's Chromium, axe-core looks; both come from npm, and nothing that is
# fetched is committed.  When npm or its registry is out of reach that is said, and the exit status is
# 0; with CI=1 it is 1.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${RETRYSAFE_BUILD:-build}
dir=build/pages

skip() {
    echo "pages: skipped: $1"
    [ -z "${CI:-}" ]
    exit
}

# NAME@MAJOR into $dir/node_modules/NAME
fetch() {
    name=${1%@*}
    [ -e "$dir/node_modules/$name/package.json" ] && return
    command -v npm >/dev/null || skip 'there is no npm'
    rm -rf "$dir/fetched"
    mkdir -p "$dir/fetched" "$dir/node_modules/$name"
    (cd "$dir/fetched" && timeout 120 npm pack --silent "$1") >"$dir/npm.log" 2>&1 ||
        { rm -rf "$dir/node_modules/$name"; skip "npm cannot fetch $1: $(tail -n 1 "$dir/npm.log")"; }
    tar -xzf "$dir"/fetched/*.tgz -C "$dir/node_modules/$name" --strip-components=1 || exit 1
    rm -rf "$dir/fetched"
}

fetch playwright-core@1
fetch axe-core@4
NODE_PATH=$PWD/$dir/node_modules
BROWSER=$(command -v chromium) || skip 'there is no chromium'
export NODE_PATH BROWSER

rm -rf "$dir/own" "$dir/framed" && mkdir -p "$dir/own" "$dir/framed" "$dir/screenshots" || exit 1
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Isrc -o "$dir/write_pages" tests/pages/write_pages.c \
    "$build/units.a" -lfcgi -lsqlite3 -ljansson -lmd -lpthread || exit 1
"$dir/write_pages" "$dir/own" && "$dir/write_pages" "$dir/framed" conf/page.html || exit 1

if [ "${1:-}" = screenshots ]; then
    node tests/pages/look.mjs screenshots "$dir/own" "$dir/screenshots" \
        accepted.en accepted.de accepted.ja outcome-uncertain.en outcome-uncertain.de outcome-uncertain.ja \
        key-missing.en key-missing.de key-missing.ja request-too-large.en request-too-large.de request-too-large.ja
    exit
fi
status=0
for pages in own framed; do
    node tests/pages/look.mjs axe "$dir/$pages" $([ $pages = own ] || echo some) >"$dir/$pages.tap" ||
        status=1
    grep -A 4 '^not ok' "$dir/$pages.tap"
    echo "pages: $pages: $(grep -c '^ok' "$dir/$pages.tap") looked at and found right"
done
case $build in /*) ;; *) build=$PWD/$build ;; esac
RETRYSAFE_BUILD=$build prove -Itests/lib tests/pages/press.pl || status=1
exit $status
