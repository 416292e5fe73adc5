# SPDX-License-Identifier: ISC
#
# SlowDisk.pm - a disk with 10 ms more for each fsync: what group commit is worth
#
# One client commits each of its claims and records alone; with 16, those that wait are committed
# together.  Simulated by programs/slow_fsync.c in front of the C library of the gateway.
package Row::SlowDisk;
use strict;
use warnings;
use utf8;
use Programs qw(program);
use Stage;
use Throughput qw(throughput);

sub figures { return (['slow-disk', \&measure]) }

sub measure {
    my ($options) = @_;
    my $stage = Stage->new(clients => 16);
    $stage->prepare('rs', 'one');
    my $library = $stage->sandbox->copy(program('slow_fsync'), 'bin/slow_fsync.so');
    # A gateway each, so that neither meets what the other left behind.
    $stage->gateway($_, env => { LD_PRELOAD => $library }) for 'rs', 'one';
    my $port = $stage->nginx(map { ($_ => $stage->fastcgi($_)) } 'rs', 'one');
    my @results = throughput($options, $stage, size => 300,
        candidates => [
            '16 clients' => { port => $port, prefix => 'rs', script => 'script.cgi', load => { clients => 16 } },
            '1 client' => { port => $port, prefix => 'one', script => 'script.cgi', load => { clients => 1 } },
        ],
        results => [{ only => 'slow-disk', ours => '16 clients', compared => '1 client', target => ['>=', 6],
            says => 'first runs with 10 ms for each fsync: 16 clients against a commit for each step of one' }]);
    $stage->close;
    return @results;
}

1;
