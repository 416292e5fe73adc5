#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# torture.pl - rounds of torture for as long as wanted, and one table at the end
#
#   perl -Itests/lib -Itests/torture tests/torture/torture.pl --seconds 60 --seed 1
#
# Options: --seconds S (of harm, in rounds of --round S, 20), --seed N, --rate N (acts of harm a
# second), --clients N, --gateways N, --keys N (new keys a second, 50).  POLICY=fail|rerun|probe|rollback|mixed
# says what becomes of uncertain keys (mixed, the default: a route for each, and a quarter of the keys).
# Every fourth round kills gateways only, and then nothing may be uncertain.  Exit status 1 when anything was
# found; the evidence is then in build/torture/.
use strict;
use warnings;
use Getopt::Long;
use Round;
use Sandbox;
use Time::HiRes qw(time);

my %option = (seconds => 60, seed => int(rand 1 << 31), round => 20, rate => 200, keys => 50);
GetOptions(\%option, map { "$_=i" } qw(seconds seed round rate clients gateways keys))
    && !@ARGV or die "usage: see the head of $0\n";
my $policy = $ENV{POLICY} || 'mixed';
grep { $_ eq $policy } @Round::POLICIES, 'mixed' or die "POLICY=$policy: write @Round::POLICIES or mixed\n";
$| = 1;

my (%sum, %harm, %answers, $found);
my ($left, $number, $started) = ($option{seconds}, 0, time);
my %chosen = map { $_ => $option{$_} } grep { defined $option{$_} } qw(rate clients gateways keys);

while ($left > 0) {
    my $seconds = $left < $option{round} ? $left : $option{round};
    my $seed = $option{seed} + $number;
    my $round = Round::run(%chosen, seed => $seed, seconds => $seconds,
        policy => $policy,
        harm => $number % 4 ? \%Round::EVERYTHING : \%Round::GATEWAYS_ONLY,
        keep_in => Sandbox::root() . '/build/torture');
    my $figures = $round->{figures};

    $sum{$_} += $figures->{$_} for grep { !ref $figures->{$_} } keys %$figures;
    $answers{$_} += $figures->{answers}{$_} for keys %{ $figures->{answers} };
    $harm{$_} += $round->{harm_done}{$_} for keys %{ $round->{harm_done} };
    printf "round %d (seed %d, %s): %d operations, %d keys, %d acts of harm, %d uncertain, settled"
        . " %.1f s after\n", ++$number, $seed, ($round->{is_tame} ? 'gateways only' : 'everything') . ", $round->{policy}",
        @$figures{qw(operations keys)}, total($round->{harm_done}), $figures->{uncertain},
        $round->{seconds_to_settle};
    print_complaints($round);
    $left -= $seconds;
}
print_table();
exit($found ? 1 : 0);

sub total {
    my ($of) = @_;
    my $sum = 0;
    $sum += $_ for values %$of;
    return $sum;
}

sub print_complaints {
    my ($round) = @_;
    my @complaints = @{ $round->{complaints} } or return;
    $found += @complaints;
    print "  $_\n" for @complaints > 20 ? @complaints[0 .. 19] : @complaints;
    printf "  and %d more\n", @complaints - 20 if @complaints > 20;
    print "  evidence: $round->{evidence}\n";
}

# With 0 of n the truth is below 3/n, with 95 % confidence.
sub print_table {
    my %killed = map { $_ => $harm{$_} } grep { !/-/ } keys %harm;
    my %stopped = map { $_ => $harm{$_} } grep { /-/ } keys %harm;
    my $kills = total(\%killed);
    my $list = sub {
        my ($of) = @_;
        join ', ', map { "$_ $of->{$_}" } sort { $of->{$b} <=> $of->{$a} || $a cmp $b } keys %$of;
    };
    printf "\noperations  %d on %d keys, %d runs\n", @sum{qw(operations keys runs)};
    printf "answers     %s\n", $list->(\%answers);
    printf "kills       %d (%.0f a second of harm): %s\n", $kills, $kills / $option{seconds},
        $list->(\%killed);
    printf "stops       %s\n", $list->(\%stopped);
    for my $what (qw(double overlap lost differing)) {
        my $bound = $sum{$what} || !$kills ? ''
            : sprintf '   95 %%: below 3/%d a kill, 3/%d an operation', $kills, $sum{operations};
        printf "%-11s %d%s\n", $what, $sum{$what}, $bound;
    }
    printf "uncertain   %d of %d keys (%.2f %%), of them %d by the script's own end\n", $sum{uncertain},
        $sum{keys}, 100 * $sum{uncertain} / $sum{keys}, $sum{'uncertain by itself'} // 0;
    printf "decided by  %s\n", join ', ', map { "$_ " . ($sum{"by $_"} // 0) } qw(probe rollback settle);
    printf "complaints  %d\n", $found // 0;
    printf "took        %.0f s\nagain       make torture SECONDS=%d SEED=%d\n", time - $started,
        @option{qw(seconds seed)};
}
