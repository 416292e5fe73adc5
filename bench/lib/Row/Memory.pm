# SPDX-License-Identifier: ISC
#
# Memory.pm - resident memory of gateway and keeper: idle, with a large response, over many requests
#
# Resident memory counts pages that are shared with other programs, such as the C library's, in
# full, and in both processes; the proportional share (PSS) is given beside it.
package Row::Memory;
use strict;
use warnings;
use utf8;
use Client qw(request);
use Load qw(load spread);
use Process ();
use Row::Pass;
use Stage;

my $WORKERS = 8;
my $LARGE = 100 << 20;

sub figures {
    return (['memory/idle', \&idle], ['memory/large', \&large], ['memory/flat', \&flat]);
}

sub stage {
    my ($prefix) = @_;
    my $stage = Stage->new(clients => $WORKERS);
    $stage->prepare($prefix);
    $stage->gateway($prefix, route => { max_response => '200M' });
    return ($stage, $stage->nginx($prefix => $stage->fastcgi($prefix)));
}

# KiB of gateway and keeper: what => VmRSS, VmHWM, or Pss.
sub memory_kib {
    my ($stage, $what) = @_;
    my $sum = 0;
    for my $pid ($stage->pid('rs'), $stage->keeper('rs')) {
        my $file = $what eq 'Pss' ? 'smaps_rollup' : 'status';
        my ($kib) = Process::contents("/proc/$pid/$file") =~ /^$what:\s*(\d+)/m;
        $sum += $kib // die "no $what of $pid\n";
    }
    return $sum;
}

sub idle {
    my ($options) = @_;
    my ($stage, $port) = stage('rs');
    my $fresh = memory_kib($stage, 'VmRSS');
    load(port => $port, target => '/rs/script.cgi?300', seconds => 1, clients => $WORKERS);
    sleep 2;
    my $kib = memory_kib($stage, 'VmRSS');
    my $threads = () = glob '/proc/' . $stage->pid('rs') . '/task/*';
    my @notes = (sprintf('just started %.1f MiB; proportional share %.1f MiB; gateway %s threads',
        $fresh / 1024, memory_kib($stage, 'Pss') / 1024, $threads));
    $stage->close;
    return { only => 'memory/idle', unit => 'MiB', target => ['<=', 8], value => spread($kib / 1024), notes => \@notes,
        says => "resident memory of gateway and keeper, idle after all $WORKERS workers had work" };
}

sub large {
    my ($options) = @_;
    my ($stage, $port) = stage('rs');
    # What any request needs is there already.
    load(port => $port, target => '/rs/script.cgi?300', seconds => 1, clients => $WORKERS);
    my ($before, @grown) = memory_kib($stage, 'VmHWM');
    for my $what ('recorded', 'replayed') {
        my $answer = request($port, POST => "/rs/script.cgi?$LARGE", body => 'a=1', seconds => 120,
            headers => ['Idempotency-Key' => '"large"']);
        $answer->status == 200 && length $answer->body == $LARGE or die "the large response was not $what\n";
        ($what eq 'replayed') == !!$answer->is_replay or die "not $what\n";
        push @grown, memory_kib($stage, 'VmHWM') - $before;
    }
    $stage->close;
    return { only => 'memory/large', unit => 'MiB', target => ['<=', 2], value => spread($grown[1] / 1024),
        says => 'what the resident memory of gateway and keeper grew by at most, while a response of 100 MiB was recorded and replayed',
        notes => [sprintf 'by recording alone %.2f MiB', $grown[0] / 1024] };
}

# Half of the time first runs, half of it replays, until there were so many requests.
sub flat {
    my ($options) = @_;
    my ($stage, $port) = stage('rs');
    my ($requests, $bad, $early) = (0, 0, undef);
    # Recorded before eight clients ask for them at once.
    $stage->probe($port, '/rs/script.cgi?300', "flat-$_", 300) for 0 .. 99;
    while ($requests < $options->{requests}) {
        for my $kind ('unique', 'repeat') {
            my $r = load(port => $port, target => '/rs/script.cgi?300', seconds => 2, clients => $WORKERS, kind => $kind,
                $kind eq 'repeat' ? (key => 'flat-', keys => 100) : ());
            $requests += $r->{requests};
            $bad += $r->{bad};
            print STDERR "    $requests requests, ", memory_kib($stage, 'VmRSS'), " KiB\n" if $options->{verbose};
        }
        $early //= memory_kib($stage, 'VmRSS') if $requests >= $options->{requests} / 10;
    }
    my $late = memory_kib($stage, 'VmRSS');
    my $descriptors = () = glob '/proc/' . $stage->pid('rs') . '/fd/*';
    $stage->close;
    return { only => 'memory/flat', unit => 'KiB', target => ['<=', 512], value => spread($late - $early),
        says => "what resident memory grew by from a tenth of $options->{requests} requests to all of them",
        bad => $bad, requests => $requests, notes => ["in the end $late KiB, $descriptors descriptors"] };
}

1;
