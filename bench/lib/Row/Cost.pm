# SPDX-License-Identifier: ISC
#
# Cost.pm - where the processors' time goes in a first run, beside fcgiwrap: the profile of first-c
#
# From /proc: the time of gateway and keeper, of fcgiwrap, of nginx, and the idle time; the rest is
# the script's, wrk's and the kernel's.  All in microseconds for each request; the whole is the
# number of processors times the time that a request takes.
package Row::Cost;
use strict;
use warnings;
use utf8;
use Load qw(rounds spread);
use Row::First;
use Throughput ();

my $CLIENTS = 8;
my @WHO = ('gateway', 'keeper', 'fcgiwrap', 'web server', 'idle', 'script, wrk, kernel');
my %COMM = (retrysafe => 'gateway', 'retrysafe-keep' => 'keeper', fcgiwrap => 'fcgiwrap', nginx => 'web server');

sub figures { return (['cost/c', sub { cost($_[0], 'c', 'C', 'script.cgi') }], ['cost/perl', sub { cost($_[0], 'perl', 'Perl', 'script.pl') }]) }

# Ticks of all processors, and of them those of each of WHO, of the processes of this stage.
sub ticks {
    my ($stage) = @_;
    my @cpu = split ' ', (split /\n/, Process::contents('/proc/stat'))[0];
    shift @cpu;
    my %ticks = (idle => $cpu[3] + $cpu[4], all => 0);
    $ticks{all} += $_ for @cpu[0 .. 7];
    for my $pid ($stage->sandbox->processes) {
        my ($comm, $rest) = Process::contents("/proc/$pid/stat") =~ /^\d+ \((.*)\) (.*)/s or next;
        my $who = $COMM{$comm} or next;
        my @f = split ' ', $rest;
        $ticks{$who} += $f[11] + $f[12];
    }
    return \%ticks;
}

sub cost {
    my ($options, $name, $language, $script) = @_;
    my ($stage, $port) = Row::First::nginx_stage($CLIENTS);
    my ($hz) = Programs::output('getconf CLK_TCK') =~ /(\d+)/;
    my %target = map { ($_ => "/$_/$script?300") } qw(retrysafe fcgiwrap);
    $stage->probe($port, $target{$_}, "probe-$_", 300) for sort keys %target;
    my %rounds = rounds($options, map { my $who = $_; ($who => sub {
        my $before = ticks($stage);
        my $r = Load::load(port => $port, target => $target{$who}, seconds => $_[0], clients => $CLIENTS);
        my $after = ticks($stage);
        my %us = map { ($_ => (($after->{$_} // 0) - ($before->{$_} // 0)) / $hz * 1e6 / $r->{requests}) } @WHO, 'all';
        $us{ $WHO[-1] } = $us{all};
        $us{ $WHO[-1] } -= $us{$_} for @WHO[0 .. $#WHO - 1];
        return { %$r, %us };
    }) } qw(retrysafe fcgiwrap));
    $stage->close;
    my @table = ([$language, 'retrysafe', 'fcgiwrap']);
    for my $who (@WHO, 'all') {
        push @table, [$who, map { my $compared = $_; sprintf '%.0f', spread(map { $_->{$who} } @{ $rounds{$compared} })->{median} } qw(retrysafe fcgiwrap)];
    }
    my ($bad, $requests) = (0, 0);
    $bad += $_->{bad}, $requests += $_->{requests} for map { @$_ } values %rounds;
    return { only => "cost/$name", unit => 'µs', bad => $bad, requests => $requests, table => \@table,
        says => "processor time of gateway and keeper for each first run, $language script, $CLIENTS clients",
        value => spread(map { $_->{gateway} + $_->{keeper} } @{ $rounds{retrysafe} }),
        notes => ['µs of all processors for each request:', map { sprintf '%-22s %10s %10s', @$_ } @table] };
}

1;
