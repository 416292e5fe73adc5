# Claim: each of our own lint rules can fail: a tree with one wrong thing in it is convicted by its
# rule, and the tree without it is not.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Process;
use Sandbox;
use Test::More;

my $ROOT = Sandbox::root();
my $sandbox = Sandbox->new;

subtest 'a copy of this tree' => \&check_copy;
subtest 'folders' => \&check_layers;
subtest 'proofs of rules' => \&check_proofs;
subtest 'English' => \&check_english;
subtest 'every rule is tried' => \&check_all_tried;
$sandbox->finish;

# What rules say of a tree: their exit status, and their lines.
my %is_tried;
sub lint {
    my ($tree, @rules) = @_;
    $is_tried{$_} = 1 for @rules;
    local $ENV{LINT_TREE} = $tree;
    my $says = qx(sh $ROOT/tests/lint.sh @rules 2>&1);
    return ($? >> 8, $says);
}

sub acquits {
    my ($tree, $rules, $what) = @_;
    my ($status, $says) = lint($tree, split ' ', $rules);
    is $status, 0, "$what: nothing is found" or diag $says;
}

# $words: what must stand in one line of what the rule says.
sub convicts {
    my ($tree, $rule, $words, $what) = @_;
    my ($status, $says) = lint($tree, $rule);
    ok $status != 0 && $says =~ /^FAILED  $rule$/m && $says =~ /^.*$words/m, "$rule: $what" or diag $says;
}

# ---- one wrong thing at a time in what we have ----

sub check_copy {
    my $tree = $sandbox->path('copy');
    make_path($tree);
    my @files = grep { -f "$ROOT/$_" } split /\0/, qx(cd $ROOT && git ls-files -z -co --exclude-standard);
    my $list = $sandbox->write('files', join "\0", @files);
    system("cd $ROOT && tar -cf - --null -T $list | tar -xf - -C $tree && git init -q $tree") == 0
        or die "cannot copy the tree\n";
    my ($ordinary, $keeper) = map { find_source($tree, $_) } qw(key.c keeper.c);

    acquits($tree, 'own', 'as it is');
    my @mistakes = (
        ['own_ends', $ordinary, "void planted(void)\n{\n\texit(1);\n}\n", 'exit', 'an exit()'],
        ['own_ends', $keeper, "void planted(void)\n{\n\texit(1);\n}\n", 'exit', 'exit() in the keeper'],
        ['own_forks', $ordinary, "int planted(void)\n{\n\treturn fork();\n}\n", 'fork', 'a fork()'],
        ['own_includes', $ordinary, "#include <sqlite3.h>\n", 'sqlite3.h', 'SQLite outside of the store'],
        ['own_includes', $ordinary, "#include <curl/curl.h>\n", 'curl', 'libcurl outside of notify'],
        ['own_functions', $ordinary, "void planted(char *to)\n{\n\tstrcpy(to, \"x\");\n}\n", 'strcpy',
            'a strcpy()'],
        ['own_words', $ordinary, "/* See no_such_function(). */\n", 'no_such_function',
            'a comment that names nothing'],
        ['own_words', $ordinary, "/* See no_such_file.c. */\n", 'no_such_file', 'a file that is not there'],
        ['own_sizes', $ordinary, "\n" x 600, 'over 600', 'a long file'],
        ['own_promises', $ordinary, '/* TO' . "DO: later */\n", 'TO' . 'DO', 'a promise'],
    );
    for (@mistakes) {
        my ($rule, $file, $text, $words, $what) = @$_;
        with_text($tree, $file, Process::contents("$tree/$file") . $text,
            sub { convicts($tree, $rule, $words, $what) });
    }
    my $text = Process::contents("$tree/$ordinary");
    with_text($tree, $ordinary, $text =~ s/\A[^\n]*\n//r,
        sub { convicts($tree, 'own_heads', 'SPDX', 'a file without a licence') });
    with_text($tree, 'src/util.c', $text, sub { convicts($tree, 'own_names', 'util\.c', 'a name') });
    acquits($tree, 'own', 'as it was');
}

# The one file of this name below src/.
sub find_source {
    my ($tree, $name) = @_;
    my @found = grep { m{/\Q$name\E\z} } split /\n/, qx(cd $tree && find src -name '*.c');
    is scalar @found, 1, "there is one $name";
    return $found[0];
}

sub with_text {
    my ($tree, $file, $text, $check) = @_;
    my $before = -e "$tree/$file" ? Process::contents("$tree/$file") : undef;
    put($tree, $file, $text);
    $check->();
    defined $before ? put($tree, $file, $before) : unlink "$tree/$file";
}

sub put {
    my ($tree, $file, $text) = @_;
    make_path(dirname("$tree/$file"));
    open my $fh, '>:raw', "$tree/$file" or die "$file: $!\n";
    print {$fh} $text;
    close $fh or die "$file: $!\n";
}

# ---- small trees ----

my $trees = 0;
sub small_tree {
    my (%files) = @_;
    my $tree = $sandbox->path('small-' . ++$trees);
    my $head = "/* SPDX-License-Identifier: ISC */\n";
    put($tree, $_, /\.[ch]\z/ ? $head . $files{$_} : $files{$_}) for keys %files;
    make_path("$tree/tests/unit");
    put($tree, 'tests/tap.h', '');
    return $tree;
}

sub check_layers {
    my %good = (
        'src/main.c' => qq(#include "cli/cli.h"\n#include "base/err.h"\n#include <stdio.h>\n),
        'src/base/err.h' => '', 'src/base/err.c' => qq(#include "base/err.h"\n#include "base/log.h"\n),
        'src/base/log.h' => '', 'src/base/log.c' => qq(#include "base/log.h"\n),
        'src/store/store.h' => qq(#include "base/err.h"\n),
        'src/store/sqlite/open.c' => qq(#include "store/store.h"\n#include "store/sqlite/connection.h"\n),
        'src/store/sqlite/connection.h' => '',
        'src/cli/cli.h' => qq(#include "store/store.h"\n),
    );
    acquits(small_tree(%good), 'own_layers', 'a good tree');
    my $bad = sub {
        my ($file, $text, $words, $what) = @_;
        convicts(small_tree(%good, $file => ($good{$file} // '') . $text), 'own_layers', $words, $what);
    };
    $bad->('src/base/log.c', qq(#include "store/store.h"\n), 'log\.c:3: .*above base/', 'an include upwards');
    $bad->('src/store/store.h', qq(#include "store/sqlite/connection.h"\n), 'above store/',
        'an include from a folder into one of its own');
    $bad->('src/base/log.h', qq(#  include "base/err.h"\n),
        'src/base/err > base/log > base/err: a circle|src/base/log > base/err > base/log: a circle',
        'a circle of two');
    $bad->('src/store/sqlite/connection.h', qq(#include "store/sqlite/open.h"\n), 'does not exist',
        'a header that is not there');
    $bad->('src/base/log.c', qq(#include "err.h"\n), 'without its folder', 'an include without a folder');
    $bad->('src/extra/x.c', '', 'lies in no folder', 'a folder without a place');
    $bad->('src/x.c', '', 'lies in no folder', 'a file without a folder');
    my %three = map { ("src/base/$_->[0].h" => qq(#include "base/$_->[1].h"\n)) } [qw(a b)], [qw(b c)],
        [qw(c a)];
    convicts(small_tree(%good, %three), 'own_layers', 'a circle', 'a circle of three');
    convicts(small_tree(%good, 'src/base/a.h' => '', 'src/base/b.h' => '',
        'src/base/a.c' => qq(#include "base/b.h"\n), 'src/base/b.c' => qq(#include "base/a.h"\n)),
        'own_layers', 'a circle', 'a circle through the .c files');
}

sub check_proofs {
    my $rules = sub {
        my ($one, $two) = @_;
        return small_tree('tests/t34-x.t' => '', 'tests/unit/y.c' => '', 'src/a.c' => <<"END");
/*
 * a.c - does (1) things
 *
 * RULES THAT HOLD
 *   (1) The first rule, which is
 *       long$one.
 *   (2) The second$two.
 *
 * What it does not know: (3) other things.
 */
END
    };
    acquits($rules->(' (t34-x, unit/y)', " (unit/y,\n *       lint/own_forks)"), 'own_proofs',
        'rules with their proofs');
    acquits(small_tree('src/a.c' => "/*\n * a.c - has no rules\n */\n"), 'own_proofs', 'no rules');
    convicts($rules->('', ' (unit/y)'), 'own_proofs', 'a\.c:6: rule \(1\) does not', 'no proof');
    convicts($rules->(' (t34-x)', ''), 'own_proofs', 'a\.c:8: rule \(2\) does not', 'none at the end');
    convicts($rules->(' (t34-x)', ' (t34)'), 'own_proofs', 'rule \(2\) does not', 'half a name');
    convicts($rules->(' (t35-x)', ' (unit/y)'), 'own_proofs', 't35-x, which does not exist', 'no such test');
    convicts($rules->(' (t34-x)', ' (t34-x, unit/z)'), 'own_proofs', 'unit/z, which', 'no such unit test');
    convicts($rules->(' (t34-x)', ' (unit/y).  (3) Three (unit/y)'), 'own_proofs', 'rule \(3\) does not begin',
        'two rules in one paragraph');
    convicts($rules->(' (t34-x)', ' (lint/own_x)'), 'own_proofs', 'lint/own_x, which', 'no such rule');
}

sub check_english {
    my $good = <<'END';
/* The gateway sends it.  Who sends it?  What is it?  See "nobody knows" in RFC 1, and
 * "what is sent is
 * whoever's". */
const char *text = "a trailer";
END
    acquits(small_tree('src/a.c' => $good, 'README.md' => <<'END'), 'own_english', 'good English');
# What a client sees

> Quoted: nobody.

The code `nobody()`, and the words "by the way".

```
nobody
```
END
    my %bad = (
        "/* Nobody waits. */\n" => 'a\.c:2: "Nobody waits',
        "/*\n * One.\n * Two, for\n * somebody. */\n" => 'a\.c:5: "somebody',
        "/* It ends.  Who asks is told. */\n" => 'Who asks',
        "/*\n * One\n *\n * Who asks later\n * is told so. */\n" => 'a\.c:5: "Who asks',
        "/* Whoever asks. */\n" => 'Whoever',
        "/* What is written stays. */\n" => 'What is written',
        "/* It purges by the way. */\n" => 'by the way',
        "/* It lies in the tray. */\n" => 'tray',
        "/* It lets go of the lock. */\n" => 'lets go of',
        "/* The second likewise. */\n" => 'likewise',
        "const char *text = \"nobody knows\";\n" => 'a\.c:2: "nobody knows',
    );
    convicts(small_tree('src/a.c' => $_), 'own_english', $bad{$_}, s/\n/ /gr) for sort keys %bad;
    my %in = ('README.md' => "Text.\n\nWho asks is told.\n", 'docs/decisions/1.md' => "For\nnobody.\n",
        'man/x.1' => ".SH A\nWhat is kept stays.\n", 'conf/x.conf' => "# for nobody\n",
        'CONTRIBUTING.md' => "- likewise\n", 'tests/README.md' => "whoever\n");
    convicts(small_tree('src/a.c' => '', $_ => $in{$_}), 'own_english', $_, $_) for sort keys %in;
}

sub check_all_tried {
    my @rules = Process::contents("$ROOT/tests/lint.sh") =~ /^(own_\w+)\(\) \{/mg;
    cmp_ok scalar @rules, '>=', 12, 'there are rules';
    ok $is_tried{$_}, $_ for @rules;
}
