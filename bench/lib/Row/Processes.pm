# SPDX-License-Identifier: ISC
#
# Processes.pm - several gateway processes on one store, beside one process with as many threads
#
# Both behind the same Apache: mod_fcgid starts the processes, mod_proxy_fcgi goes to the one.  As
# many clients as workers, each with a thread of wrk of its own, so that every latency is known.
package Row::Processes;
use strict;
use warnings;
use utf8;
use Load qw(ratio spread);
use Row::First;
use Stage;
use Throughput qw(checked_rounds spreads);

sub figures {
    return map { my $n = $_; ["processes/$n", sub { measure($_[0], $n) }] } 4, 8, 16;
}

sub measure {
    my ($options, $n) = @_;
    my $stage = Stage->new(clients => $n);
    $stage->prepare('fcgid', 'proxy');
    $stage->config('fcgid', workers => 1);
    $stage->gateway('proxy');
    my $alone = $stage->sandbox->gateways;
    my $port = $stage->apache(Row::First::fcgid_lines($stage, 'fcgid', $n)
        . $stage->handler('proxy', Row::First::proxy_handler($stage, 'proxy')));
    my ($many, $one) = ("$n processes (mod_fcgid)", "1 process, $n threads (mod_proxy_fcgi)");
    my %rounds = checked_rounds($options, $stage, size => 300, load => { clients => $n, raw => 1 }, candidates => [
        $many => { port => $port, prefix => 'fcgid', script => 'script.cgi' },
        $one => { port => $port, prefix => 'proxy', script => 'script.cgi' },
    ]);
    # A gateway and its keeper each.
    my $started = ($stage->sandbox->gateways - $alone) / 2;
    my ($bad, $requests) = (0, 0);
    $bad += $_->{bad}, $requests += $_->{requests} for map { @$_ } values %rounds;
    my %common = (only => "processes/$n", bad => $bad, requests => $requests);
    $stage->close;
    return (
        { %common, unit => 'x', target => ['>=', 0.6], value => ratio($rounds{$many}, $rounds{$one}, 'rate'),
            says => "first runs, $n clients: $many on one store against $one",
            figures => { map { ($_ => spreads($rounds{$_}, qw(rate p50 p99 p999))) } $many, $one },
            notes => [sprintf 'mod_fcgid had started %.0f gateways', $started] },
        { %common, unit => 'ms', target => ['<=', 250], says => "first runs, $n clients: p99.9 of $many",
            value => spread(map { $_->{p999} / 1000 } @{ $rounds{$many} }) },
    );
}

1;
