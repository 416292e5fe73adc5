# SPDX-License-Identifier: ISC
#
# Pass.pm - requests that pass through: small GETs, and a download and an upload of 1 GiB
#
# nginx buffers neither, for both alike; curl is the client of the large ones.
package Row::Pass;
use strict;
use warnings;
use utf8;
use Load qw(rounds spread ratio);
use Process ();
use Programs qw(output);
use Row::First;
use Stage;
use Throughput qw(throughput spreads);

my $GIB = 1 << 30;
my ($OURS, $COMPARED) = ('nginx + retrysafe', 'nginx + fcgiwrap');

sub figures {
    return (
        ['pass/small', \&small],
        ['pass/download', sub { large($_[0], 'download') }],
        ['pass/upload', sub { large($_[0], 'upload') }],
    );
}

sub small {
    my ($options) = @_;
    my ($stage, $port) = Row::First::nginx_stage(8);
    my @results = throughput($options, $stage, size => 300, load => { clients => 8, kind => 'get' },
        candidates => [Row::First::both($port, 'script.cgi')],
        results => [{ only => 'pass/small', ours => $OURS, compared => $COMPARED, target => ['>=', 1.0],
            says => "GET passed through, C script, 8 clients: $OURS against $COMPARED" }]);
    $stage->close;
    return @results;
}

sub resident_most_kib {
    my ($kib) = Process::contents("/proc/$_[0]/status") =~ /^VmHWM:\s*(\d+)/m;
    return $kib;
}

# One transfer; its status and length must be right.
sub transfer {
    my ($port, $prefix, $way, $file) = @_;
    my $url = "http://127.0.0.1:$port/$prefix/script.cgi?" . ($way eq 'download' ? $GIB : 300);
    my $send = $way eq 'download' ? '' : "-X POST -H 'Expect:' -T $file";
    my $out = output("curl -sS $send -o /dev/null -w '%{http_code} %{size_download} %{size_upload} "
        . "%{time_starttransfer} %{time_total}' '$url'");
    my ($status, $down, $up, $first, $total) = split ' ', $out;
    my ($want_down, $want_up) = $way eq 'download' ? ($GIB, 0) : (300, $GIB);
    $status == 200 && $down == $want_down && $up == $want_up or die "$way through $prefix: $out\n";
    return { MBps => $GIB / $total / 1e6, first_byte => $first * 1000 };
}

sub large {
    my ($options, $way) = @_;
    my $stage = Stage->new(clients => 8);
    my $file = $stage->sandbox->write('upload', '');
    truncate $file, $GIB or die "$file: $!\n";
    $stage->prepare('retrysafe', 'fcgiwrap');
    $stage->gateway('retrysafe');
    $stage->fcgiwrap(8);
    my $port = $stage->nginx(map { ($_ => $stage->fastcgi($_,
        lines => 'fastcgi_request_buffering off; fastcgi_max_temp_file_size 0;')) } qw(retrysafe fcgiwrap));
    my $pid = $stage->pid('retrysafe');
    $stage->probe($port, "/$_/script.cgi?300", '', 300, 'GET') for qw(retrysafe fcgiwrap);
    my $before = resident_most_kib($pid);
    my %effects = map { ($_ => $stage->effects($_)) } qw(retrysafe fcgiwrap);
    my %rounds = rounds($options,
        $OURS => sub { transfer($port, 'retrysafe', $way, $file) },
        $COMPARED => sub { transfer($port, 'fcgiwrap', $way, $file) });
    my $grown = resident_most_kib($pid) - $before;
    for (qw(retrysafe fcgiwrap)) {
        my $runs = $stage->effects($_) - $effects{$_};
        $runs == $options->{rounds} + 1 or die "$_: $runs runs for $options->{rounds} transfers and one before\n";
    }
    my %common = (only => "pass/$way", unit => 'x');
    my $what = "$way of 1 GiB: $OURS against $COMPARED";
    my @results = (
        { %common, says => $what, target => ['>=', 1.0], value => ratio($rounds{$OURS}, $rounds{$COMPARED}, 'MBps'),
            figures => { map { ($_ => spreads($rounds{$_}, 'MBps', $way eq 'download' ? 'first_byte' : ())) } $OURS, $COMPARED } },
        { %common, unit => 'KiB', target => ['<=', 1024], value => spread($grown),
            says => "$way of 1 GiB: what the gateway's resident memory grew by at most" },
    );
    push @results, { %common, unit => 'ms', target => ['<=', 1],
        says => "$what: first byte, how much later",
        value => spread(map { $rounds{$OURS}[$_]{first_byte} - $rounds{$COMPARED}[$_]{first_byte} } 0 .. $options->{rounds} - 1),
    } if $way eq 'download';
    $stage->close;
    return @results;
}

1;
