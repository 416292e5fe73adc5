# Claim: whichever system call of gateway or keeper is the last one, or fails, on the way of a first
# run, a replay, a conflict or a settling: the script runs at most once, an answer that a client has
# seen is what the retry gets, and every key is settled.  A sample of `make crash`; SEED=N draws it
# again.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/crash";
use List::Util qw(shuffle);
use Sandbox;
use Sweep;
use Test::More;
use Time::HiRes qw(time);

# Cases of each path: all of them in MAX_S seconds, but on a busy machine at least MIN_CASES, for
# which there is four times as long.
use constant { MAX_S => 25, MIN_CASES => 16, MAX_CASES => 40 };

plan skip_all => 'strace may not trace here' if system 'strace -qq -o /dev/null true 2>/dev/null';
plan skip_all => 'a sanitizer cannot be traced call by call'
    if Process::contents(Sandbox->new->binary) =~ /__asan_init/;
# A fixed sample, so that a change is told from a draw; `make crash` draws others.
my $seed = $ENV{SEED} // 1;
my $started = time;
my $sandbox = Sandbox->new;
my $sweep = Sweep->new($sandbox);
my %verdicts;

srand $seed;
diag "SEED=$seed";
my %points = map { $_ => [shuffle($sweep->points($_))] } @Sweep::PATHS;
cmp_ok scalar @{ $points{$_} }, '>', 20, "$_: its calls are found" for @Sweep::PATHS;

# Half of them killed; a path after the other, so that each gets its share of the time.
my (%cases, %struck, %faults);
for (1 .. MAX_CASES) {
    for my $path (@Sweep::PATHS) {
        my $point = shift @{ $points{$path} };
        next if !$point || time - $started > MAX_S * (($cases{$path} // 0) < MIN_CASES ? 4 : 1);
        my $how = rand() < 0.5 ? $Sweep::ERRORS[rand @Sweep::ERRORS] : 'KILL';
        $how = 'KILL' if $how ne 'KILL' && !Sweep::may_fail($point, $how);
        my $result = $sweep->strike($path, @$point[0, 1], $how);
        my $case = "$path: @$point[0, 1] $how";
        push @{ $faults{$path} }, map { "$case: $_->[0]: $_->[1]" } @{ $result->{faults} };
        $cases{$path}++;
        $struck{$path}++ if $result->{struck};
        $verdicts{ $result->{verdict} || 'none' }++;
    }
}
for my $path (@Sweep::PATHS) {
    is join("\n", @{ $faults{$path} // [] }), '', "$path: $cases{$path} cases";
    cmp_ok $struck{$path} // 0, '>', $cases{$path} / 4, "$path: the calls are struck";
}
diag join ', ', map { "$_: $verdicts{$_}" } sort keys %verdicts;
$sandbox->finish;
