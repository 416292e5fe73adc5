#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# bench.pl - retrysafe beside the compared programs, in one run on one machine
#
#   perl bench/bench.pl [--rounds 5] [--seconds 2] [--only NAME] [--keys N] [--requests N]
#       [--verbose] [--list] [--write DIRECTORY]
#
# `make bench` starts it with the servers that it needs.  --only takes a name of the list, or the
# beginning of some.  A run writes its figures to bench/results.json, bench/results.md and the
# plots bench/*.svg; a run with --only prints, and writes files only with --write.
#
# On a shared machine absolute figures mean nothing; the ratios count.  A missed target is no failure:
# the exit status is 0 unless a measurement did not work.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../tests/lib";
use File::Spec;
use Getopt::Long qw(GetOptions);
use IO::Handle;
use Machine qw(machine file_system);
use Programs qw(build_directory output);
use Plot qw(compared_svg keys_svg);
use Results qw(reached result_line write_file write_json write_markdown);

binmode $_, ':encoding(UTF-8)' for *STDOUT, *STDERR;
$_->autoflush(1) for *STDOUT, *STDERR;
# The most important first.
my @ROWS = grep { -e "$FindBin::Bin/lib/Row/$_.pm" }
    qw(First Cost Replay Pass Processes Memory Cgi Keys SlowDisk Syscalls);
my %options = (rounds => 5, seconds => 2, keys => 1_000_000, requests => 100_000);
GetOptions(\%options, 'rounds=i', 'seconds=i', 'only=s', 'keys=i', 'requests=i', 'verbose!', 'list', 'write=s') && !@ARGV
    or die "usage: bench.pl [--rounds N] [--seconds N] [--only NAME] [--keys N] [--requests N] [--verbose] [--list] [--write DIR]\n";
$_ >= 1 or die "rounds and seconds are at least 1\n" for @options{qw(rounds seconds)};
$options{verbose} //= defined $options{only};
my @figures = map { require "Row/$_.pm"; "Row::$_"->figures } @ROWS;
if ($options{list}) {
    print "$_->[0]\n" for @figures;
    exit 0;
}
my $only = $options{only} // '';
my @wanted = grep { $only eq '' || $_->[0] eq $only || index($_->[0], $only) == 0 } @figures;
@wanted or die "there is no figure \"$only\"; there are:\n", map { "  $_->[0]\n" } @figures;

my $tmp = File::Spec->tmpdir;
file_system($tmp) =~ /^(?:tmpfs|ramfs)$/
    and die "$tmp is on a @{[file_system($tmp)]}, which does not sync: set TMPDIR to a directory on a disk\n";
my ($version) = output(build_directory() . '/retrysafe version') =~ /(\d\S*)/;
my %run = (machine => machine($tmp, $version), rounds => $options{rounds}, seconds => $options{seconds},
    keys => $options{keys}, results => []);
print "\n";
print "  $_: $run{machine}{$_}\n" for sort keys %{ $run{machine} };
print "  rounds: $options{rounds} of $options{seconds} s, interleaved; median (least–most)\n\n";

my @failed;
for my $figure (@wanted) {
    my ($name, $measure) = @$figure;
    print STDERR "  $name ", $options{verbose} ? "\n" : '';
    # A row that fails must not lose the others.
    my @results = eval { $measure->(\%options) };
    if (my $why = $@) {
        chomp $why;
        print "  $name: FAILED: $why\n";
        push @failed, $name;
        Stage::close_all();
        next;
    }
    print result_line($_) for @results;
    print "\n";
    push @{ $run{results} }, map { +{ %$_, reached => reached($_) ? JSON::PP::true() : JSON::PP::false() } } @results;
}
my @with_target = grep { $_->{target} } @{ $run{results} };
printf "  %d of %d targets reached%s\n", scalar(grep { reached($_) } @with_target), scalar @with_target,
    @failed ? '; not measured: ' . join(', ', @failed) : '';
if ($only eq '' || $options{write}) {
    my $dir = $options{write} || $FindBin::Bin;
    write_json("$dir/results.json", \%run);
    write_markdown("$dir/results.md", \%run);
    my %plot = ('compared.svg' => compared_svg(\%run), 'keys.svg' => keys_svg(\%run));
    write_file("$dir/$_", $plot{$_}) for grep { defined $plot{$_} } sort keys %plot;
    print "  written: $dir/results.json, results.md, compared.svg, keys.svg\n";
}
exit(@failed ? 1 : 0);
