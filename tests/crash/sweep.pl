#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# sweep.pl - `make crash`: a fault at every system call of gateway and keeper
#
# Environment: JOBS (2) sandboxes at once; KINDS (KILL and all errors) a list; PATHS a pattern of
# the paths to take; SAMPLE the number of cases to draw, with SEED, instead of all; or ONLY="replay,
# gateway: pread64 3 EIO" for a single case, with all logs.
# Prints every violation when it is found, then a table.  Exit status 1 when there was any.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", $FindBin::Bin;
use List::Util qw(shuffle);
use Sandbox;
use Sweep;
use Time::HiRes qw(time);

my @KINDS = split /[ ,]+/, $ENV{KINDS} // join ' ', 'KILL', @Sweep::ERRORS;
my $JOBS = $ENV{JOBS} // 2;
my $SEED = $ENV{SEED} // time % 1_000_000;
my $started = time;

$| = 1;
srand $SEED;
exit run_one($ENV{ONLY} =~ /\A(.*): (\w+) (\d+) (\w+)/) if defined $ENV{ONLY};
my ($status, $n, @cases) = (0, 0, list_cases());
my (@jobs, %sum);
$SIG{INT} = $SIG{TERM} = sub { kill 'TERM', @jobs; exit 130 };
pipe my $results, my $to_us or die "pipe: $!\n";
push @jobs, start_job($_) for 0 .. $JOBS - 1;
close $to_us;
while (<$results>) {
    chomp;
    my ($path, $fault, %of) = split /\t/;
    $sum{$path}{$fault}{$_} += $of{$_} for keys %of;
    printf "%d cases, %.0f s\n", $n, time - $started if ++$n % 1000 == 0;
}
for (@jobs) {
    waitpid $_, 0;
    $status ||= $? ? 1 : 0;
}
$status ||= print_table();
exit $status;

# Every case: [path, call, k, fault].
sub list_cases {
    my $sandbox = Sandbox->new;
    my $sweep = Sweep->new($sandbox);
    my $wanted = $ENV{PATHS} // '';
    my @all;
    for my $path (grep { /$wanted/ } @Sweep::PATHS) {
        my @points = $sweep->points($path);
        printf "%-32s %4d points\n", $path, scalar @points;
        for my $point (@points) {
            push @all, map { [$path, @$point[0, 1], $_] }
                grep { $_ eq 'KILL' || Sweep::may_fail($point, $_) } @KINDS;
        }
    }
    complain($sandbox);
    @all = shuffle(@all);
    splice @all, $ENV{SAMPLE} if $ENV{SAMPLE} && @all > $ENV{SAMPLE};
    printf "%d cases, SEED=%d\n", scalar @all, $SEED;
    return @all;
}

# A process of its own with a sandbox of its own, which takes every n-th case.
sub start_job {
    my ($which) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    $SIG{INT} = $SIG{TERM} = sub { exit 130 };
    close $results;
    my $sandbox = Sandbox->new;
    my $sweep = Sweep->new($sandbox);
    for (my $i = $which; $i < @cases; $i += $JOBS) {
        report($sweep, @{ $cases[$i] });
    }
    exit complain($sandbox);
}

sub run_one {
    my (@case) = @_;
    my $sandbox = Sandbox->new;
    my $sweep = Sweep->new($sandbox);
    my $result = $sweep->strike(@case);
    print "$_\n" for $sandbox->logs, map { "$_->[0]: $_->[1]" } @{ $result->{faults} };
    printf "%s, %s, %.1f s\n", $result->{struck} ? 'struck' : 'not struck',
        $result->{verdict} || 'not settled', $result->{seconds};
    return complain($sandbox) || @{ $result->{faults} } ? 1 : 0;
}

# One case, and its line for the table: "path, fault, name, number, ..."; short enough to be written
# to the common pipe in one piece.
sub report {
    my ($sweep, $path, $call, $k, $fault) = @_;
    my $result = eval { $sweep->strike($path, $call, $k, $fault) }
        // { verdict => '', struck => 0, seconds => 0, faults => [[broken => $@ =~ s/\n.*//sr]] };
    my %count = (cases => 1, struck => $result->{struck} ? 1 : 0, seconds => $result->{seconds});
    $count{ $result->{verdict} }++ if $result->{verdict};
    my %once = map { $_->[0] => 1 } @{ $result->{faults} };
    $count{$_}++ for keys %once;
    print STDERR "$path: $call $k $fault: $_->[0]: $_->[1]\n" for @{ $result->{faults} };
    printf STDERR "%s: %s %d %s: took %.1f s\n", $path, $call, $k, $fault, $result->{seconds}
        if $result->{seconds} > 5 && $ENV{VERBOSE};
    syswrite $to_us, join("\t", $path, $fault, %count) . "\n";
}

sub complain {
    my ($sandbox) = @_;
    my @complaints = $sandbox->close;
    print STDERR "left behind: $_\n" for @complaints;
    $sandbox->remove;
    return @complaints ? 1 : 0;
}

sub print_table {
    my @columns = qw(cases struck done uncertain double lost hang damaged left broken);
    my $row = '%-32s %-6s' . ' %9d' x @columns . "\n";
    my (%total, $bad);
    printf "%-32s %-6s" . ' %9s' x @columns . "\n", 'path', 'fault', @columns;
    for my $path (grep { $sum{$_} } @Sweep::PATHS) {
        for my $fault (grep { $sum{$path}{$_} } @KINDS) {
            my $of = $sum{$path}{$fault};
            $total{$_} += $of->{$_} // 0 for @columns;
            printf $row, $path, $fault, map { $of->{$_} // 0 } @columns;
        }
    }
    printf $row, 'all', '', map { $total{$_} // 0 } @columns;
    $bad += $total{$_} // 0 for qw(double lost hang damaged left broken);
    printf "%.0f s; none in %d cases that struck: fewer than %.2g of such faults do harm (95 %%)\n",
        time - $started, $total{struck}, 3 / ($total{struck} || 1) if !$bad;
    return $bad ? 1 : 0;
}
