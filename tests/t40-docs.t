# Claim: README, manual pages, annotated configuration and CHANGES.md say what the program does: every
# setting with its default, every verb, every problem, every file and target they name.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use JSON::PP ();
use Test::More;

my $program = ($ENV{RETRYSAFE_BUILD} // 'build') . '/retrysafe';
my $json = JSON::PP->new->canonical->allow_nonref;

sub slurp {
    my ($file) = @_;
    open my $fh, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar readline $fh;
}

sub ask {
    my (@words) = @_;
    open my $fh, '-|', $program, @words or die "$program: $!\n";
    my @lines = readline $fh;
    chomp @lines;
    close $fh or die "$program @words: status $?\n";
    return @lines;
}

# The same JSON, however it is spaced.
sub same { $json->encode($json->decode($_[0])) }

my $readme = slurp('README.md');
my $manual = slurp('man/retrysafe.1');
my $settings_manual = slurp('man/retrysafe.json.5');
my $changes = slurp('CHANGES.md');

subtest 'settings' => sub {
    my %described = $settings_manual =~ /^\.It Cm (\w+)\n(?:(?!^\.(?:It|El)\b).*\n)*?Default: (.*)\.$/mg;
    my $example = JSON::PP->new->relaxed->decode(slurp('conf/retrysafe.json'));
    my @known;
    for (ask('settings')) {
        my ($where, $name, $type, $default) = split /\t/;
        push @known, $name;
        my $said = delete $described{$name};
        ok defined $said, "$name is in retrysafe.json(5)" or next;
        if ($default eq '-') {
            is $said, 'none', "$name: it says that there is no default";
        } else {
            is same($said), same($default), "$name: it says the default";
        }
        my ($shown) = map { $_->{$name} } grep { exists $_->{$name} }
            $where eq 'top' ? $example : ($example->{defaults}, @{ $example->{routes} });
        ok defined $shown, "$name is in conf/retrysafe.json" or next;
        is $json->encode($shown), same($default), "$name: it is shown with its default"
            if $default ne '-';
    }
    is_deeply [sort keys %described], [], 'retrysafe.json(5) describes nothing else';
    cmp_ok scalar @known, '>', 20, 'there are settings';
};

subtest 'verbs' => sub {
    my %verbs = map { $_ => 1 } 'help', map { /^  (\w+)/ ? $1 : () } ask('help');
    my %described = map { $_ => 1 } $manual =~ /^\.It Ic (\w+)/mg;
    is_deeply [sort keys %described], [sort keys %verbs], 'retrysafe(1) describes the verbs that there are';
    my %options = map { $_ => 1 } join("\n", ask('help')) =~ /--(\w+)/g;
    my %written = map { $_ => 1 } $manual =~ /Fl -(\w+)/g;
    is_deeply [sort keys %written], [sort keys %options], 'and their options';
    my @codes = slurp('src/exit_code.h') =~ /#define EXIT_\w+\s+(\d+)/g;
    my %listed = map { $_ => 1 } $manual =~ /^\.It (\d+)$/mg;
    is_deeply [sort keys %listed], [sort 0, @codes], 'and the exit codes';
};

subtest 'problems' => sub {
    my %status = slurp('src/problem.c') =~ /\[PROBLEM_\w+\] = \{"([a-z-]+)", (\d+)/g;
    my %said = map { my $line = $_; map { $_ => ($line =~ /\| (\d+)/)[0] } $line =~ /`([a-z-]+)` \|/g }
        grep { /^\|[^|]*\| \d+/ } split /\n/, $readme;
    cmp_ok scalar keys %status, '>', 15, 'there are problems';
    is_deeply \%said, \%status, 'the README has all of them, with their status';
};

subtest 'version' => sub {
    my ($version) = slurp('src/cli.h') =~ /RETRYSAFE_VERSION "([^"]+)"/;
    my ($newest) = $changes =~ /^## (\S+) - \S/m;
    is $newest, $version, 'CHANGES.md begins with the version of the program';
    is((ask('version'))[0], "retrysafe $version", 'which the program says, too');
};

subtest 'names' => sub {
    my %targets = map { $_ => 1 } slurp('Makefile') =~ /^([a-z]+):.*## /mg;
    for my $file ('README.md', glob 'docs/*.md docs/decisions/*.md man/*') {
        my $text = slurp($file);
        my @missing = grep { !$targets{$_} } $text =~ /`make ([a-z]+)/g;
        # Paths, and files of src/ by their bare names.
        push @missing, grep { !-e && !-e "src/$_" } $text =~ m{`([\w./-]+\.(?:[cht]|pm|pl|sh|md|json|conf|service|socket))`}g;
        push @missing, grep { !-e } $text =~ m{`((?:src|conf|tests|docs|cgi-bin|demo|man)/[\w./-]*)`}g;
        push @missing, grep { !-e } $text =~ m{\]\((?!https?:|#)([^)#]+)\)}g;
        is "@missing", '', "$file: all files and make targets it names are there";
    }
};

subtest 'tour' => sub {
    my %told = map { $_ => 1 } $readme =~ /`(\w+)\.[ch]`/g;
    my @silent = grep { !$told{$_} } map { m{src/(\w+)\.c$} } glob 'src/*.c';
    is "@silent", '', 'every file of src/ is in the README';
};

done_testing();
