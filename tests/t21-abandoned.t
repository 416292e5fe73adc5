# Claim: a request whose peer has left before the claim is neither claimed nor run, and under
# mod_cgid answers to a POST of 3 MB, replays and problems, arrive whole and at once.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(socket_path verb);
use Process qw(wait_until);
use Sandbox;
use Site;
use Test::More;

# mod_cgid's own limits begin at 5 s: an answer that was lost and found again shows.
my $AT_ONCE = 2;
my $MB3 = 'a=' . 'x' x 3_000_000;

my $sandbox = Sandbox->new;
# One worker: what comes while it is busy waits in the socket's backlog.
my $site = Site->new($sandbox, { workers => 1, max_connections => 1 });
my $effects = Effects->new($sandbox);
my $socket = socket_path($sandbox);
place_small_control();

subtest 'spoken directly' => \&check_direct, 'direct';
for my $wiring ($site->wiring('nginx'), $site->wiring('lighttpd socket'),
    $site->wiring('Apache mod_proxy_fcgi SetHandler')) {
    subtest $wiring->name . ", client leaves by $_" => \&check_server, $wiring, $_ for 'fin', 'rst';
}
subtest 'mod_cgid' => \&check_mod_cgid;
$sandbox->finish;

sub operations {
    my ($exit, @operations) = verb($sandbox, 'list', '--limit', '1000');
    return scalar @operations;
}

# A request that occupies the only worker until open_gate($key); returns its connection.
sub occupy {
    my ($key) = @_;
    my $conn = FastCgi->connect($socket);
    my @params = params(script => $sandbox->path('www/bare/slow.pl'), query => "gate=$key",
        key => $key, body => '');
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, ''));
    ok $effects->await($key, 'run'), 'the worker is busy';
    return $conn;
}

# What holds when the worker is free again: $key was neither claimed nor run, and can be used.
sub check_unused {
    my ($conn, $busy, $key, $request) = @_;
    my $before = operations();
    $sandbox->open_gate($busy);
    is $conn->read_answer->{response}->status, 201, 'the request before it is answered';
    my $answer = $request->();
    is $answer->status, 200, 'the retry is served' or diag $answer->raw;
    ok !$answer->is_replay, 'it is the first' or diag $answer->raw;
    is $effects->runs($key), 1, 'and the only one that ran';
    is operations(), $before + 1, 'and that was claimed';
}

sub check_direct {
    my ($key) = @_;
    my $busy = occupy("busy-$key");
    my @params = params(script => $sandbox->path('www/bare/effect.pl'), key => $key, body => 'a=1');
    my $conn = FastCgi->connect($socket);
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''),
        stream(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
    $conn->leave('fin');
    check_unused($busy, "busy-$key", $key,
        sub { fastcgi_request($socket, params => \@params, body => 'a=1')->{response} });
    like $sandbox->read('log/gateway'), qr/outcome=abandoned/, 'the log says so';
}

# Connections that wait in the backlog of the gateway's socket: /proc/net/unix calls them
# "connecting" (02), with the listener's path.
sub backlog {
    return scalar grep { (split)[5] eq '02' && /\Q$socket\E$/ }
        split /^/, Process::contents('/proc/net/unix');
}

# Sockets that processes of a program have open.
sub sockets_of {
    my ($kind) = @_;
    my $program = { apache => 'apache2' }->{$kind} // $kind;
    my $count = 0;
    my $is_its = sub { (readlink("/proc/$_[0]/exe") // '') =~ m{/\Q$program\E\z} };
    for my $pid (grep { $is_its->($_) } $sandbox->processes) {
        $count += grep { (readlink("/proc/$pid/fd/$_") // '') =~ /^socket:/ }
            Process::descriptors($pid);
    }
    return $count;
}

sub check_server {
    my ($wiring, $how) = @_;
    my $key = join '-', 'left', $wiring->prefix, $wiring->kind, $how;
    my $busy = occupy("busy-$key");
    my @request = (POST => 'effect.pl', key => $key, body => 'a=1');
    my $sockets = sockets_of($wiring->kind);
    my $client = $wiring->connect;
    $client->send($wiring->bytes(@request));
    # On a connection that nginx has kept, waiting shows nowhere: half a second is enough for it.
    ok wait_until(\&backlog, 0.5) || $wiring->kind eq 'nginx', 'the request waits for the worker';
    $client->leave($how);
    # nginx closes its connection to the gateway for both, lighttpd for a reset, Apache for none.
    my $has_left = wait_until { sockets_of($wiring->kind) <= $sockets } 1;
    if ($has_left) {
        check_unused($busy, "busy-$key", $key, sub { $wiring->request(@request) });
        return;
    }
    # The server waits for the answer, so the request counts: it runs once.
    isnt $wiring->kind, 'nginx', 'nginx tells the gateway';
    $sandbox->open_gate("busy-$key");
    is $busy->read_answer->{response}->status, 201, 'the request before it is answered';
    my $answer = $wiring->request(@request);
    ok $answer->is_replay, 'the retry gets its answer' or diag $answer->raw;
    is $effects->runs($key), 1, 'one run';
}

# A control file whose route takes 1 MB at most, and one that demands a key.
sub place_small_control {
    my $text = $sandbox->read('www/cgid/effect.pl');
    for (['small.pl', '"max_request": "1M"'], ['required.pl', '"key": "required"']) {
        my ($name, $setting) = @$_;
        my $file = $sandbox->write("www/cgid/$name", $text =~ s/\}\s*\z/, $setting }\n/r);
        chmod 0755, $file or die "$file: $!\n";
    }
}

sub check_mod_cgid {
    my $wiring = $site->wiring('Apache mod_cgid control file');
    my @post = (POST => 'effect.pl', key => 'cgid', body => $MB3);
    my $runs = $effects->runs;
    my $first = $wiring->request(@post);
    is $first->status, 200, 'the first answer' or diag $first->raw;
    like $first->body, qr/^read @{[length $MB3]}$/m, 'the whole body was read';

    arrives(20, 'a replay', $first->status, '', sub { $wiring->request(@post) },
        sub { $_[0]->is_replay && $_[0]->essence eq $first->essence });
    arrives(5, 'another body', 422, 'key-reused',
        sub { $wiring->request(POST => 'effect.pl', key => 'cgid', body => "$MB3.") });
    arrives(5, 'a bad key', 400, 'key-invalid',
        sub { $wiring->request(POST => 'effect.pl', key => 'a"b', body => $MB3) });
    arrives(5, 'no key', 400, 'key-missing',
        sub { $wiring->request(POST => 'required.pl', body => $MB3) });
    arrives(5, 'a body over the limit', 413, 'request-too-large',
        sub { $wiring->request(POST => 'small.pl', key => 'large', body => $MB3) });
    arrives(5, 'chunks over the limit', 413, 'request-too-large',
        sub { $wiring->request(POST => 'small.pl', key => 'large', chunks => [$MB3]) });

    my $slow = $wiring->connect;
    my @slow = (POST => 'slow.pl?gate=cgid', key => 'cgid-slow', body => $MB3);
    $slow->send($wiring->bytes(@slow));
    ok $effects->await('cgid-slow', 'run'), 'a script runs';
    arrives(5, 'meanwhile', 409, 'in-progress', sub { $wiring->request(@slow) });
    $sandbox->open_gate('cgid');
    is $slow->read_answer->status, 201, 'it is answered';
    is $effects->runs, $runs + 2, 'two scripts ran in all';
}

# $request->() must bring this status and problem $times times, whole and at once.
sub arrives {
    my ($times, $what, $status, $problem, $request, $is_right) = @_;
    my @wrong;
    for (1 .. $times) {
        my $answer = $request->();
        push @wrong, $answer->summary . " in $answer->{seconds} s"
            if $answer->status != $status || $answer->problem ne $problem || !$answer->{complete}
            || $answer->{seconds} > $AT_ONCE || ($is_right && !$is_right->($answer));
    }
    is "@wrong", '', "$what: $status arrives, $times times";
}
