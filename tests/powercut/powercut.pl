#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# powercut.pl - `make powercut CUTS=100`: power cuts on ext4 and on XFS, and what they cost
#
# Environment: CUTS (20) on each file system; SEED; FS a list of file systems; CONTROL=1: with
# `durability: normal`, and with syncs that do nothing, the same rounds must notice lost answers.
# Prints a table.  Exit status 1 when anything was lost, or, as a control, when nothing was.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../crash", $FindBin::Bin;
use PowerCut;
use Sandbox;
use Time::HiRes qw(time);

BEGIN { PowerCut::leave_mounts_behind() }

my $CUTS = $ENV{CUTS} // 20;
my $SEED = $ENV{SEED} // time % 1_000_000;
my @FS = split /[ ,]+/, $ENV{FS} // 'ext4 xfs';
my @COLUMNS = qw(cuts answers keys done uncertain double lost hang damaged);
my @BAD = qw(double lost hang damaged);
my %CONTROLS = (
    normal => { durability => 'normal' },
    eatmydata => { env => { LD_PRELOAD => 'libeatmydata.so' } },
);

$| = 1;
srand $SEED;
print "SEED=$SEED\n";
printf '%-16s' . ' %9s' x @COLUMNS . "\n", '', @COLUMNS;
exit($ENV{CONTROL} ? run_controls() : run_cuts());

# $CUTS rounds; with $until_bad not more than it takes.
sub run_rounds {
    my ($name, $fs, $until_bad, %how) = @_;
    my $sandbox = Sandbox->new;
    my $why = PowerCut::reason_against($sandbox, $fs);
    my %sum;
    if ($why) {
        print "$fs: skipped: $why\n";
    } else {
        my $disk = PowerCut->new($sandbox, fs => $fs, %how);
        for (1 .. $CUTS) {
            my $found = $disk->cut;
            $sum{$_} += $found->{$_} // 0 for @COLUMNS;
            print map { "$_\n" } @{ $found->{said} } if !$until_bad;
            last if $until_bad && grep { $sum{$_} } @BAD;
        }
        $disk->unmount;
        printf '%-16s' . ' %9d' x @COLUMNS . "\n", $name, map { $sum{$_} // 0 } @COLUMNS;
    }
    print "left behind: $_\n" for $sandbox->close;
    $sandbox->remove;
    return \%sum;
}

sub run_cuts {
    my $started = time;
    my ($cuts, $bad) = (0, 0);
    for my $fs (@FS) {
        my $sum = run_rounds($fs, $fs);
        $cuts += $sum->{cuts} // 0;
        $bad += $sum->{$_} // 0 for @BAD;
    }
    printf "%.0f s; with no failure in %d cuts, fewer than %.2g of such cuts fail (95 %%)\n",
        time - $started, $cuts, 3 / $cuts if $cuts && !$bad;
    return $bad ? 1 : 0;
}

sub run_controls {
    my $blind = 0;
    for my $fs (@FS) {
        for my $name (sort keys %CONTROLS) {
            my $sum = run_rounds("$fs, $name", $fs, 1, %{ $CONTROLS{$name} });
            next if !$sum->{cuts} || grep { $sum->{$_} } @BAD;
            print "$fs, $name: NOT NOTICED\n";
            $blind++;
        }
    }
    return $blind ? 1 : 0;
}
