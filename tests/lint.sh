#!/bin/sh
# SPDX-License-Identifier: ISC
# What a reader should never have to find: compilers' warnings, static analysis, the form of the
# sources, and this project's own rules.  Each rule is a function below; all of them are run.
#
#   tests/lint.sh             everything; exit 1 when anything was found
#   tests/lint.sh RULE...     some of them, such as `own_words`; `own` is all of our own
#
# Builds into build/lint-gcc and build/lint-clang.  JOBS is how many files are looked at at once;
# LINT_TREE is the tree that is looked at (default: this one).
set -u
lint=$(cd "$(dirname "$0")" && pwd)/lint.sh
cd "${LINT_TREE:-$(dirname "$0")/..}" || exit 1
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
#define err_from_errno(number) ((void)err_from_errno(number), ERR_SYSTEM)
END
    find src -name '*.c' | LC_ALL=C sort | xargs -P "$jobs" -I{} sh -c '
        [ "${1##*/}" = err.c ] || set -- "$1" "$2" -include "$2"
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
    forbid 'only keeper/, server/serve.c, cli/notify.c and cli/program.c start processes' \
        '\b(fork|vfork|clone|posix_spawnp?|exec[lv]p?e?|fexecve|system|popen)\s*\(' \
        $(others keeper/keeper.c keeper/child.c keeper/launch.c server/serve.c cli/notify.c cli/program.c) &&
        forbid 'cli/program.c only becomes retrysafe-doctor' \
            '\b(fork|vfork|clone|posix_spawnp?|execlp?e?|execvp|execve|execvpe|fexecve|system|popen)\s*\(' src/cli/program.c &&
        forbid 'cli/notify.c only starts retrysafe-notify' \
            '\b(fork|vfork|clone|posix_spawnp|exec[lv]p?e?|fexecve|system|popen)\s*\(' src/cli/notify.c &&
        forbid 'server/serve.c only starts itself over' \
            '\b(fork|vfork|clone|posix_spawnp?|execlp?e?|execvp|execve|execvpe|system|popen)\s*\(' src/server/serve.c
}

own_includes() {
    found=0
    grep -n '^#include <sqlite3.h>' $(others) | grep -v '^src/store/sqlite/[a-z]*\.[ch]:' && found=1
    grep -n '^#include <fcgi.*\.h>' $sources && found=1
    grep -n '^#include <fastcgi\.h>' $(others cgi/fastcgi.c cgi/web_peer.c) && found=1
    grep -n '^#include <curl/' $sources | grep -v '^src/\(notify\|doctor\)/[a-z_]*\.[ch]:' && found=1
    grep -n '^#include "doctor/' $sources | grep -v '^src/doctor/[a-z_]*\.[ch]:' && found=1
    grep -n '^#include "notify/' $sources | grep -v '^src/notify/[a-z_]*\.[ch]:' && found=1
    grep -n '^#include "store/sqlite/' $(others) | grep -v '^src/store/sqlite/[a-z]*\.[ch]:' && found=1
    [ $found = 0 ] || echo 'sqlite3.h is for store/sqlite/, libfcgi only for constants in cgi/fastcgi.c, libcurl for notify/ and doctor/'
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
        my (%code, %there, @named);
        for my $file (@ARGV) {
            # A file of src/ may be named without its folder.
            $there{$1} = 1 while $file =~ m{/(?=((?:[\w-]+/)*[\w.-]+)\z)}g;
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
            next if $code{$name} || $there{$name} || -e $name;
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

# A folder of src/ includes only folders that stand before it here; main.c may include all.  Within
# a folder no file leads back to itself, a .c file and the .h file of its name counting as one.
layers='base evidence http config store store/sqlite cgi operation metrics keeper recovery gateway server cli notify doctor'

own_layers() {
    perl -e '
        my ($layers, @files) = @ARGV;
        my $n = 0;
        my %rank = map { $_ => ++$n } split " ", $layers;
        my (%edges, $found);
        my $say = sub { print "$_[0]\n"; $found = 1 };
        my $folder_of = sub { $_[0] =~ m{\A(.*)/} ? $1 : "" };
        my $unit_of = sub { $_[0] =~ s/\.[ch]\z//r };
        for my $file (@files) {
            my $path = $file =~ s{\Asrc/}{}r;
            my $folder = $folder_of->($path);
            if ($path !~ /\Amain\.[ch]\z/ && !$rank{$folder}) {
                $say->("$file: lies in no folder that own_layers knows");
                next;
            }
            open my $fh, "<", $file or die "$file: $!\n";
            while (my $line = <$fh>) {
                my ($target) = $line =~ /^\s*#\s*include\s+"([^"]*)"/ or next;
                my $at = "$file:$.: includes $target";
                my $from = $folder_of->($target);
                if ($from eq "" && $target !~ /\Amain\.h\z/) {
                    $say->("$at, which is written without its folder");
                } elsif (!-e "src/$target") {
                    $say->("$at, which does not exist");
                } elsif ($folder ne "" && ($rank{$from} // 1000) > $rank{$folder}) {
                    $say->("$at, which stands above $folder/");
                } elsif ($from eq $folder && $unit_of->($target) ne $unit_of->($path)) {
                    $edges{ $unit_of->($path) }{ $unit_of->($target) } = 1;
                }
            }
        }
        my (%state, $visit);
        $visit = sub {
            my (@way) = @_;
            my $unit = $way[-1];
            return if ($state{$unit} // "") eq "done";
            if (($state{$unit} // "") eq "open") {
                shift @way while $way[0] ne $unit;
                return $say->("src/" . join(" > ", @way) . ": a circle of includes");
            }
            $state{$unit} = "open";
            $visit->(@way, $_) for sort keys %{ $edges{$unit} // {} };
            $state{$unit} = "done";
        };
        $visit->($_) for sort keys %edges;
        exit($found ? 1 : 0)' "$layers" $sources
}

# Each numbered rule in the head of a file of src/ ends with what fails when the rule is broken, in
# parentheses: tests of tests/ and tests/unit/ without their endings, or rules of this file.
#
#     RULES
#       (1) Only one of those who settle an operation wins (unit/store_moves, t34-uncertain).
#       (2) Nothing here starts processes (lint/own_forks).
own_proofs() {
    perl -0777 -e '
        my %lint = map { ($_ => 1) } split " ", shift;
        my $found = 0;
        for my $file (@ARGV) {
            open my $fh, "<", $file or die "$file: $!\n";
            my ($head) = <$fh> =~ m{\A[^\n]*\n/\*\n(.*?)\*/}s or next;
            my ($line, $number, $at, $rule) = (2, 0, 0, "");
            my $check = sub {
                my ($text) = @_ ? $rule : "" or return;
                my ($proofs) = $text =~ /\(((?:t\d\d-[\w-]+|unit\/\w+|lint\/\w+)(?:,\s+(?:t\d\d-[\w-]+|unit\/\w+|lint\/\w+))*)\)\.?\s*\z/;
                # clang-format may have joined them: then the proofs of all but the last are not seen.
                if ($text =~ /\.\s+\((\d+)\)\s/) {
                    print "$file:$at: rule ($1) does not begin its own line\n";
                    $found = 1;
                }
                if (!$proofs) {
                    print "$file:$at: rule ($number) does not name the test that proves it\n";
                    $found = 1;
                }
                for (split /,\s+/, $proofs // "") {
                    next if m{\Alint/(.*)} ? $lint{$1} : -e (m{\Aunit/} ? "tests/$_.c" : "tests/$_.t");
                    print "$file:$at: rule ($number) is proved by $_, which does not exist\n";
                    $found = 1;
                }
                $rule = "";
            };
            my $is_inside = 0;
            for (split /\n/, $head, -1) {
                $line++;
                s/\A \*//;
                $is_inside = 1 if /\A ?RULES\b/;
                next if !$is_inside;
                if (/\A\s+\((\d+)\)\s/) {
                    $check->(1) if $rule ne "";
                    ($number, $at, $rule) = ($1, $line, $_);
                } elsif (/\A\s*\z/ && $rule ne "") {
                    $check->(1);
                } elsif ($rule ne "") {
                    $rule .= " $_";
                }
            }
            $check->(1) if $rule ne "";
        }
        exit $found' "$(sed -n 's/^\([a-z_]*\)() {.*/\1/p' "$lint" | tr '\n' ' ')" $sources
}

# What is not written here, and what to write in its place: one Perl pattern a line, a tab or more,
# and the advice.  It grows with each review.
english() {
    cat <<'END'
\b[Nn]obody\b				name the actor: the gateway, the keeper, no process, no caller
\b[Ss]omebody\b				name the actor: a second process, another caller
\b[Ww]hoever\b				name the actor
\bby the way\b				say when, or beside what
\btrays?\b				deferred messages
\blet(?:s|ting)? go of\b		release, close, give up
\b[Ll]ikewise\b				say it again in full
START\bWho\b[^.?!]*?[.!;]		a clause as subject: name the actor
^Who\b[^.?!]*?[.!;]			a clause as subject: name the actor
START\bWhat (?:is|was|has|had|does|did|are|were|it|they|we|the|an?|must|may|can(?:not)?|ends|runs|comes|goes|stays|passes|begins|fails|holds)\b[^.?!]*?[.!;]	a clause as subject: name the thing
[,;] what (?:is|was|has) \w+ (?:is|was|may|must|stays|counts|goes|comes|has)\b	a clause as subject: name the thing
END
}

# Comments and messages of src/, and what people read.  Only a quotation may say it otherwise: text
# in double quotes within a comment or a document, code, and lines that begin with ">".
own_english() {
    english | perl -e '
        my @rules;
        for (<STDIN>) {
            chomp;
            my ($pattern, $advice) = /\A(.*?)\t+(.*)\z/ or die "english: $_\n";
            # A sentence begins at the start of a text, behind an end of sentence or an empty line.
            $pattern =~ s/\ASTART/(?:\\A\\s*|[.!?:]\\s+|\\n\\s*\\n\\s*)\\K/;
            push @rules, [qr/$pattern/m, $advice];
        }
        my %found;
        # Looks through a text that begins in a line of a file.
        my $look = sub {
            my ($file, $line, $text) = @_;
            for (@rules) {
                my ($pattern, $advice) = @$_;
                while ($text =~ /$pattern/g) {
                    my $at = $line + (substr($text, 0, $-[0]) =~ tr/\n//);
                    my $words = substr($text, $-[0], 40) =~ s/\s+/ /gr;
                    $found{ sprintf "%s:%06d", $file, $at } //= "$file:$at: \"$words\": $advice\n";
                }
            }
        };
        my $blank = sub { $_[0] =~ s/[^\n]/ /gr };
        for my $file (@ARGV) {
            local $/;
            open my $fh, "<", $file or die "$file: $!\n";
            my $text = <$fh>;
            if ($file =~ /\.[ch]\z/) {
                while ($text =~ m{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")}gs) {
                    my ($comment, $string) = ($1, $2);
                    my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
                    if (!defined $comment) {
                        $look->($file, $line, substr $string, 1, -1);
                        next;
                    }
                    $comment =~ s{("[^"]*")}{$blank->($1)}ge;
                    $comment =~ s{\A/\*}{}; $comment =~ s{\*/\z}{}; $comment =~ s{^[ \t]*\*[ \t]?}{}mg;
                    $look->($file, $line, $comment);
                }
                next;
            }
            $text =~ s{^(```.*?^```)}{$blank->($1)}gmse;
            $text =~ s{^(>.*)}{$blank->($1)}gme;
            $text =~ s{(`[^`\n]*`)}{"x" x length $1}ge;
            $text =~ s{("[^"\n]*(?:\n[^"\n]+)*")}{$blank->($1)}ge if $file =~ /\.md\z/;
            $text =~ s{^#+[ \t]*(.*)}{$1?}gm if $file =~ /\.md\z/; # a heading is no sentence
            $text =~ s{^\.(?:SH|SS|PP|LP|TP|IP)\b[ \t]*(.*)}{$1.}gm; # what follows begins anew
            $text =~ s{^[#*|.-]+(?:[A-Z]{2})?[ \t]*}{}mg;
            $look->($file, 1, $text);
        }
        print $found{$_} for sort keys %found;
        exit(%found ? 1 : 0)' $sources $(documents)
}

documents() {
    find README.md CONTRIBUTING.md CHANGES.md docs man conf tests/README.md -type f ! -name '*.json' ! -name '*.svg' \
        2>/dev/null | LC_ALL=C sort
}

# ---- all of them ----

own='own_ends own_forks own_includes own_functions own_heads own_words own_sizes own_promises own_names own_layers
    own_proofs own_english'
rules="gcc_warnings clang_warnings clang_tidy cpp_check formatting man_pages white_space $own"
for rule in $(echo " ${*:-$rules} " | sed "s/ own / $(echo $own) /"); do
    if "$rule"; then
        echo "ok      $rule"
    else
        echo "FAILED  $rule"
        failed=1
    fi
done
[ -z "$failed" ]
