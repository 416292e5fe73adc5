#!/bin/sh
# SPDX-License-Identifier: ISC
# What a reader should never have to find: compilers' warnings, static analysis, the form of the
# sources, and this project's own rules.  Each rule is a function below; all of them are run.
#
#   tests/lint.sh             everything; exit 1 when anything was found
#   tests/lint.sh RULE...     some of them, such as `own_words`; `own` is all of our own
#
# Builds into build/lint-gcc and build/lint-clang.  JOBS is how many files are looked at at once.
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-2}
sources=$(find src -name '*.[ch]' | LC_ALL=C sort)
tests=$(ls tests/tap.h tests/unit/*.[ch] tests/fuzz/*.c)
failed=

# ---- compilers and analysers ----

# The program and its unit tests, with the Makefile's own flags.
compile() {
    "${MAKE:-make}" --no-print-directory -s -j"$jobs" CC="$1" BUILD="build/lint-$1" \
        CFLAGS='-O2 -g -Werror' all unit
}

gcc_warnings() { compile gcc; }
clang_warnings() {
    compile clang && for fuzzer in tests/fuzz/fuzz_*.c; do
        clang -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc -fsyntax-only "$fuzzer" || return 1
    done
}

# .clang-tidy says which checks.  The analyser sees one file at a time, so it does not know that
# err_set() returns its first argument and is never given OK; it is told.
clang_tidy() {
    told=$(mktemp) || return 1
    cat >"$told" <<'END'
#ifndef RETRYSAFE_BASE_ERR_H
#include "base/err.h"
#endif
#define err_set(code, ...) ((void)err_set(code, __VA_ARGS__), (code))
END
    printf '%s\n' $sources | grep '\.c$' | xargs -P "$jobs" -I{} sh -c '
        [ "$1" = src/base/err.c ] || set -- "$1" "$2" -include "$2"
        source=$1
        shift 2
        clang-tidy -quiet "$source" -- -std=gnu11 -D_GNU_SOURCE "-DLIBFCGI_VERSION=\"\"" -Isrc "$@" \
            2>/dev/null' lint {} "$told"
    status=$?
    rm -f "$told"
    return $status
}

# unknownMacro, internalAstError: cppcheck 2.10 cannot read jansson's loops, nor a compound literal
# after a question mark.  end.output is handed to a process that ends; &job.next is taken out of the
# list again before the job goes.
cpp_check() {
    cppcheck --quiet --std=c11 -D_GNU_SOURCE -Isrc -Itests -j "$jobs" --error-exitcode=1 \
        --enable=warning,performance,portability --inline-suppr \
        --suppress=missingIncludeSystem --suppress=unknownMacro --suppress=internalAstError \
        --suppress=memleak:src/keeper/keeper.c --suppress=autoVariables:src/store/sqlite/writer.c \
        src cgi-bin/count.c
}

# `make format` does it.
formatting() {
    found=0
    for file in $sources $tests; do
        clang-format --dry-run -Werror "$file" 2>/dev/null ||
            { echo "$file: is not what clang-format would make of it"; found=1; }
    done
    return $found
}

man_pages() { mandoc -T lint -W warning man/*; }

# Against the empty tree: all that is committed, and all that is about to be.
white_space() { git diff --check "$(git hash-object -t tree /dev/null)"; }

# ---- our own rules ----

# forbid MESSAGE PATTERN FILE... - finds PATTERN (grep -E) outside of comments and strings
forbid() {
    message=$1 pattern=$2
    shift 2
    perl -0777 -e '
        my ($message, $pattern, @files) = @ARGV;
        my $found = 0;
        for my $file (@files) {
            open my $fh, "<", $file or die "$file: $!\n";
            my $text = <$fh>;
            # Blanked, so that lines stay lines.
            $text =~ s{(/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)}
                      {$1 =~ s/[^\n]/ /gr}gse;
            my $line = 0;
            for (split /\n/, $text, -1) {
                $line++;
                next if !/$pattern/;
                print "$file:$line: $message: $_\n" =~ s/\t/ /gr;
                $found = 1;
            }
        }
        exit $found' "$message" "$pattern" "$@"
}

# The files of src/ but those that are named.
others() {
    for file in $sources; do
        case " $* " in *" ${file#src/} "*) ;; *) echo "$file" ;; esac
    done
}

own_ends() {
    forbid 'only main.c and the keeper end the process' '\b(_exit|_Exit|exit|abort|quick_exit)\s*\(' \
        $(others main.c keeper/keeper.c keeper/child.c keeper/launch.c) &&
        forbid 'the keeper ends by _exit()' '\b(exit|abort|quick_exit)\s*\(' src/keeper/keeper.c src/keeper/child.c src/keeper/launch.c
}

own_forks() {
    forbid 'only keeper.c, child.c and launch.c start processes' \
        '\b(fork|vfork|clone|posix_spawnp?|exec[lv]p?e?|fexecve|system|popen)\s*\(' \
        $(others keeper/keeper.c keeper/child.c keeper/launch.c server/serve.c cli/notify.c) &&
        forbid 'cli_notify.c only starts retrysafe-notify' \
            '\b(fork|vfork|clone|posix_spawnp|exec[lv]p?e?|fexecve|system|popen)\s*\(' src/cli/notify.c &&
        forbid 'serve.c only starts itself over' \
            '\b(fork|vfork|clone|posix_spawnp?|execlp?e?|execvp|execve|execvpe|system|popen)\s*\(' src/server/serve.c
}

own_includes() {
    found=0
    grep -n '^#include <sqlite3.h>' $(others) | grep -v '^src/store/sqlite/[a-z]*\.[ch]:' && found=1
    grep -n '^#include <fcgi.*\.h>' $(others cgi/web_peer.c) && found=1
    grep -n '^#include <curl/' $sources | grep -v '^src/notify/[a-z_]*\.[ch]:' && found=1
    grep -n '^#include "notify/' $sources | grep -v '^src/notify/[a-z_]*\.[ch]:' && found=1
    grep -n '^#include "store/sqlite/' $(others) | grep -v '^src/store/sqlite/[a-z]*\.[ch]:' && found=1
    [ $found = 0 ] || echo 'sqlite3.h is for store/sqlite/, libfcgi for cgi/web_peer.c, libcurl for notify/'
    return $found
}

own_functions() {
    forbid 'has no bounds, or no way to say what was wrong' \
        '\b(atoi|atol|atoll|atof|gets|strcpy|strcat|sprintf|vsprintf|strtok|tmpnam|mktemp)\s*\(' $sources
}

own_heads() {
    found=0
    for file in $sources tests/tap.h cgi-bin/*.c bench/programs/*.c; do
        [ "$(sed -n 1p "$file")" = '/* SPDX-License-Identifier: ISC */' ] ||
            { echo "$file:1: the first line is not the SPDX line"; found=1; }
        [ "$(sed -n 2p "$file")" = '/*' ] ||
            { echo "$file:2: there is no head comment"; found=1; }
    done
    # The first line of a test may also be what it claims.
    for file in tests/unit/*.[ch] tests/fuzz/*.c; do
        head -n 2 "$file" | grep -qxF '/* SPDX-License-Identifier: ISC */' ||
            { echo "$file: no SPDX line among its first two"; found=1; }
        head -n 3 "$file" | grep -vF SPDX | grep -q '^/\*' ||
            { echo "$file: no comment says what it claims"; found=1; }
    done
    for file in tests/*.sh tests/*.t tests/lib/*.pm tests/scripts/* cgi-bin/*.pl cgi-bin/*.sh demo/*.pl \
        bench/*.pl bench/lib/*.pm bench/lib/Row/*.pm; do
        [ -e "$file" ] || continue
        head -n 5 "$file" | grep -q '^# SPDX-License-Identifier: ISC$' ||
            { echo "$file: no SPDX line among its first five"; found=1; }
    done
    return $found
}

# Every name() and file.c that a comment of src/ mentions exists.
own_words() {
    perl -e '
        my (%code, @named);
        for my $file (@ARGV) {
            local $/;
            open my $fh, "<", $file or die "$file: $!\n";
            my $text = <$fh>;
            while ($text =~ m{(/\*.*?\*/)}gs) {
                my ($comment, $line) = ($1, 1 + substr($text, 0, $-[0]) =~ tr/\n//);
                push @named, [$file, $line, $1] while $comment =~ /\b([a-z_0-9]+)\(\)/g;
                push @named, [$file, $line, $1] while $comment =~ m{(?<![/<*\w])((?:[a-z_0-9]+/)*[a-z_0-9]+\.[ch])\b(?!/)}g;
                push @named, [$file, $line, $1] while $comment =~ m{\b((?:tests|src|conf)/[\w/.-]+\.\w+)}g;
            }
            $text =~ s{/\*.*?\*/}{}gs;
            $code{$1} = 1 while $text =~ /\b(\w+)\s*\(/g;
        }
        my $found = 0;
        for (@named) {
            my ($file, $line, $name) = @$_;
            next if $code{$name} || -e $name || -e "src/$name";
            print "$file:$line: the comment names $name, which does not exist\n";
            $found = 1;
        }
        exit $found' $sources
}

own_sizes() {
    wc -l $sources | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines, over 600: is there a seam?"; bad = 1 }
        END { exit bad }'
}

own_promises() {
    ! grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $sources $tests tests/*.t tests/lib/*.pm Makefile | grep -vE 'FIXME\(#[0-9]+\)'
}

own_names() {
    ! git ls-files -co --exclude-standard | grep -E '(^|/)(util|utils|common|misc|helper|helpers|manager)\.[a-z]+$'
}

# ---- all of them ----

own='own_ends own_forks own_includes own_functions own_heads own_words own_sizes own_promises own_names'
rules="gcc_warnings clang_warnings clang_tidy cpp_check formatting man_pages white_space $own"
for rule in $(echo "${*:-$rules}" | sed "s/^own\$/$own/"); do
    if "$rule"; then
        echo "ok      $rule"
    else
        echo "FAILED  $rule"
        failed=1
    fi
done
[ -z "$failed" ]
