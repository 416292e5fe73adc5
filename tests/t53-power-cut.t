# Claim: when the power fails while clients are served, on ext4 and on XFS, no script has run twice,
# every answer that was read before is what the retry gets, and what cannot be known is uncertain,
# although the boot id stays the same.  A few rounds of `make powercut`; SEED=N.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/crash", "$FindBin::Bin/powercut";
use PowerCut;
use Sandbox;
use Test::More;

BEGIN { PowerCut::leave_mounts_behind() }

use constant CUTS => 3;
my $seed = $ENV{SEED} // time % 1_000_000;

srand $seed;
diag "SEED=$seed";
subtest $_ => \&check_cuts, $_ for qw(ext4 xfs);
done_testing;

sub check_cuts {
    my ($fs) = @_;
    my $sandbox = Sandbox->new;
    my $why = PowerCut::reason_against($sandbox, $fs);
    SKIP: {
        skip $why, 1 if $why;
        my $disk = PowerCut->new($sandbox, fs => $fs);
        my (@said, %sum);
        for (1 .. CUTS) {
            my $found = $disk->cut;
            push @said, @{ $found->{said} };
            $sum{$_} += $found->{$_} // 0 for qw(answers keys done uncertain);
        }
        $disk->unmount;
        is join("\n", @said), '', CUTS . " cuts: nothing run twice, nothing lost";
        cmp_ok $sum{answers}, '>', CUTS, 'answers were read before the cuts';
        diag "$fs: ", join ', ', map { "$_: $sum{$_}" } sort keys %sum;
    }
    $sandbox->finish;
}
