# SPDX-License-Identifier: ISC
#
# Syscalls.pm - system calls of gateway and keeper for each first run, replay and passed request
#
# Counted by strace over some hundred requests of one client, and divided.  Of the keeper only its
# own calls: not those of the script, nor what a child does before it becomes the script.
package Row::Syscalls;
use strict;
use warnings;
use utf8;
use Load qw(load spread);
use Process qw(stop_process wait_until);
use Stage;

my %KIND = (
    'first run' => ['unique', {}],
    'replay' => ['repeat', { key => 'counted-', keys => 10 }],
    'pass-through' => ['get', {}],
);

sub figures { return (['syscalls', \&measure]) }

# Starts strace on a process, calls $what, and returns call => count.
sub counted {
    my ($stage, $what, %pids) = @_;
    my %strace;
    for my $name (keys %pids) {
        my $file = $stage->path("log/strace-$name");
        unlink $file;
        $strace{$name} = $stage->sandbox->start(name => "strace-$name-said",
            command => ['strace', '-c', '-o', $file, $name eq 'gateway' ? '-f' : (), '-p', $pids{$name}]);
        wait_until { Process::contents("/proc/$pids{$name}/status") =~ /^TracerPid:\s*[1-9]/m } 10
            or die "strace cannot look into the $name\n";
    }
    sleep 1;    # until it has all threads
    $what->();
    sleep 1;
    my %calls;
    for my $name (keys %pids) {
        stop_process($strace{$name}, 'INT', 10);
        for (split /\n/, Process::contents($stage->path("log/strace-$name"))) {
            my @column = split;
            next if @column < 5 || $column[3] !~ /^\d+$/ || $column[-1] eq 'total';
            $calls{$name}{ $column[-1] } = $column[3];
        }
    }
    return \%calls;
}

sub measure {
    my ($options) = @_;
    my $stage = Stage->new(clients => 8);
    $stage->prepare('rs');
    $stage->gateway('rs');
    my $port = $stage->nginx(rs => $stage->fastcgi('rs'));
    my $target = '/rs/script.cgi?300';
    my %pids = (gateway => $stage->pid('rs'), keeper => $stage->keeper('rs'));
    my (%calls, %total, @results);

    for my $what (sort keys %KIND) {
        my ($kind, $more) = @{ $KIND{$what} };
        my $send = sub { load(port => $port, target => $target, clients => 1, seconds => $_[0], kind => $kind, %$more) };
        $send->(1);
        my $requests;
        my $counted = counted($stage, sub {
            my $r = $send->(2);
            $r->{bad} and die "$what: $r->{bad} answers were no success\n";
            $requests = $r->{requests};
        }, %pids);
        for my $name (keys %$counted) {
            for my $call (keys %{ $counted->{$name} }) {
                my $each = $counted->{$name}{$call} / $requests;
                $calls{"$name: $call"}{$what} = $each;
                $total{$what}{$name} += $each;
            }
        }
    }
    $stage->close;
    my @kinds = ('first run', 'replay', 'pass-through');
    my @table = ([call => @kinds]);
    for my $call (sort { most($calls{$b}) <=> most($calls{$a}) || $a cmp $b } keys %calls) {
        next if most($calls{$call}) < 0.05;
        push @table, [$call, map { sprintf '%.1f', $calls{$call}{$_} // 0 } @kinds];
    }
    return map { my $what = $_; {
        only => 'syscalls', unit => 'calls', says => "system calls of gateway and keeper for each $what",
        value => spread(($total{$what}{gateway} // 0) + ($total{$what}{keeper} // 0)),
        notes => [sprintf('gateway %.1f, keeper %.1f', $total{$what}{gateway} // 0, $total{$what}{keeper} // 0),
            $what eq 'first run' ? map { sprintf '%-28s %10s %10s %12s', @$_ } @table : ()],
        $what eq 'first run' ? (table => \@table) : (),
    } } @kinds;
}

sub most { (sort { $b <=> $a } values %{ $_[0] })[0] }

1;
