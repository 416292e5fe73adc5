# Claim: large responses are recorded and replayed byte for byte through every server, one over
# max_response reaches its first caller whole, and neither gateway nor keeper grows with them nor
# keeps other keys waiting.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA;
use Effects;
use FastCgi qw(fastcgi_request begin params params_record PARAMS STDIN_DATA);
use Gateway qw(socket_path);
use List::Util qw(max);
use POSIX ();
use Process;
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(time sleep);

my $MIB = 1 << 20;
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, {
    # The first route that matches: /proxypass/ and /split/ are used for small limits.
    routes => [
        { match => '/proxypass/*', max_response => '1K' },
        { match => '/split/*', max_response => '2M' },
        { match => '*', max_response => '200M', timeout => '1m' },
    ],
});
my $gateway = $site->gateway;
my ($keeper) = grep { $_ != $gateway && parent_of($_) == $gateway } $sandbox->gateways;

subtest 'recorded and replayed through every server' => \&check_servers;
subtest 'over max_response' => \&check_over_limit;
subtest '100 MiB: memory, and other keys' => \&check_memory;
$sandbox->finish;

sub check_servers {
    for my $name ('lighttpd socket', 'nginx', 'Apache mod_fcgid') {
        my $wiring = $site->wiring($name);
        for my $bytes (3_000_017, 20_000_000) {
            my $key = join '-', $wiring->kind, $bytes;
            my ($first, $retry) =
                map { $wiring->request(POST => "toobig.pl?bytes=$bytes", key => $key, body => 'a=1') }
                1 .. 2;
            is_deeply [$first->status, length $first->body], [201, $bytes], "$name: $bytes bytes"
                or diag $first->summary;
            ok $first->body eq pattern($bytes), 'the very bytes of the script';
            ok $retry->is_replay, 'the retry is a replay' or diag $retry->summary;
            ok $retry->essence eq $first->essence, 'of the same bytes';
            is $effects->runs($key), 1, 'of one run';
        }
    }
}

sub check_over_limit {
    for (['Apache mod_proxy_fcgi ProxyPass', 5000], ['nginx split path', 3_000_000]) {
        my ($name, $bytes) = @$_;
        my ($first, @retries) = map {
            $site->wiring($name)->request(POST => "toobig.pl?bytes=$bytes", key => "over-$bytes",
                body => 'a=1')
        } 1 .. 3;
        is_deeply [$first->status, length $first->body], [201, $bytes],
            "$bytes bytes reach the first caller" or diag $first->summary;
        ok $first->body eq pattern($bytes), 'whole';
        for (@retries) {
            is_deeply [$_->status, $_->problem], [410, 'result-expired'], 'a retry is told'
                or diag $_->summary;
            like $_->facts->{operation} // '', qr/\A[0-9a-f]{32}\z/, 'which operation it was';
        }
        is $effects->runs("over-$bytes"), 1, 'one run';
    }
}

# What toobig.pl prints: whole blocks of all byte values.
sub pattern {
    my ($bytes) = @_;
    return substr join('', map { chr } 0 .. 255) x (1 + $bytes / 256), 0, $bytes;
}

# ---- 100 MiB ----

sub check_memory {
    my $size = 100 * $MIB;
    # Buffers that are made once, and stay.
    large('warm', 20 * $MIB) for 1 .. 2;
    my @before = map { memory($_) } $gateway, $keeper;
    reset_peak($_) for $gateway, $keeper;

    my $others = others_begin();
    my $first = large('huge', $size);
    my $replay = large('huge', $size);
    my ($n, $longest) = others_end($others);

    is_deeply [@$first{qw(status bytes replay)}], [201, $size, ''], 'recorded and answered';
    is_deeply [@$replay{qw(status bytes replay)}], [201, $size, 'true'], 'replayed';
    is $replay->{digest}, $first->{digest}, 'byte for byte';
    is $effects->runs('huge'), 1, 'one run';
    my @after = map { memory($_, 'VmHWM') } $gateway, $keeper;
    # A sanitizer keeps what was freed.
    if (Process::contents($sandbox->binary) !~ /__asan_init/) {
        cmp_ok $after[$_] - $before[$_], '<', 4096,
            ('gateway', 'keeper')[$_] . ': at most 4 MiB more (kB)' for 0, 1;
    }
    ok $n > 20, "meanwhile $n requests with other keys are served";
    cmp_ok $longest, '<', 1, 'none of them waits for long (s)';
}

# One request of which only length and digest are kept.
sub large {
    my ($key, $bytes) = @_;
    my $conn = FastCgi->connect(socket_path($sandbox));
    my %answer = (stdout => '', stderr => '', other => [], broken => '');
    my $digest = Digest::SHA->new(256);
    my $select = IO::Select->new($conn->{socket});
    my ($head, $length, $deadline) = ('', 0, time + 60);
    my $script = $sandbox->path('www/socket/toobig.pl');

    $conn->send(begin(1), params_record(1, params(script => $script, uri => '/socket/toobig.pl',
        key => $key, query => "bytes=$bytes")), map { FastCgi::record($_, 1, '') } PARAMS, STDIN_DATA);
    until (defined $answer{app_status} || $conn->{ended} || time > $deadline) {
        $conn->take_in if $select->can_read(1);
        1 while !defined $answer{app_status} && $conn->take_record(\%answer);
        if (!length $head && $answer{stdout} =~ s/\A(.*?\r\n\r\n)//s) {
            $head = $1;
        }
        next if !length $head;
        $digest->add($answer{stdout});
        $length += length $answer{stdout};
        $answer{stdout} = '';
    }
    my ($status) = $head =~ /^Status: (\d+)/m;
    my ($replay) = $head =~ /^Idempotent-Replayed: (\S+)/m;
    return { status => $status, bytes => $length, replay => $replay // '',
        digest => $digest->hexdigest };
}

# Another process asks with new keys until it is told to stop; it says how many and the longest.
sub others_begin {
    pipe my $stop_out, my $stop_in or die "pipe: $!\n";
    pipe my $said_out, my $said_in or die "pipe: $!\n";
    defined(my $pid = fork) or die "fork: $!\n";
    if ($pid) {
        close $stop_out;
        close $said_in;
        return [$pid, $stop_in, $said_out];
    }
    close $stop_in;
    my $path = $sandbox->path('www/bare/effect.pl');
    my $select = IO::Select->new($stop_out);
    my @took;
    until ($select->can_read(0.02)) {
        my $started = time;
        my $answer = fastcgi_request(socket_path($sandbox),
            params => [params(script => $path, key => 'other-' . @took)]);
        push @took, time - $started;
        $took[-1] = 1000 if ($answer->{response} ? $answer->{response}->status : 0) != 200;
    }
    syswrite $said_in, scalar(@took) . ' ' . max(@took);
    POSIX::_exit(0);
}

sub others_end {
    my ($pid, $stop, $said) = @{ $_[0] };
    close $stop;
    sysread $said, my $line, 100;
    waitpid $pid, 0;
    return split / /, $line // '0 1000';
}

# Resident memory in KiB: what is mapped of files counts too, but not what is in a memfd.
sub memory {
    my ($pid, $what) = @_;
    my $name = $what // 'VmRSS';
    return Process::contents("/proc/$pid/status") =~ /^$name:\s+(\d+) kB/m ? $1 : die "no $name\n";
}

sub reset_peak {
    open my $fh, '>', "/proc/$_[0]/clear_refs" or die "clear_refs: $!\n";
    print {$fh} "5\n";
    close $fh;
}

sub parent_of { Process::contents("/proc/$_[0]/status") =~ /^PPid:\s+(\d+)/m ? $1 : 0 }
