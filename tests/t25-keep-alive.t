# Claim: a connection that the web server keeps open serves one request after the other and holds no
# thread in between; what is wrong on it ends it, and leaving does not wait for it; a TCP peer that
# FCGI_WEB_SERVER_ADDRS does not name is not served.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(write_config start_gateway socket_path);
use Process qw(stop_process wait_until free_port listens_on);
use Sandbox;
use Test::More;
use Time::HiRes ();

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
$sandbox->place_scripts('bare');
write_config($sandbox, workers => 2);
my $gateway = start_gateway($sandbox);

sub send_request {
    my ($conn, $key, %how) = @_;
    my $body = $how{method} ? undef : 'a=1';
    my @params = params(script => $sandbox->path('www/bare/effect.pl'), key => $key, body => $body,
        method => $how{method} // 'POST');
    $conn->send(begin(1, RESPONDER, $how{flags} // KEEP_CONN), params_record(1, @params),
        record(PARAMS, 1, ''), defined $body ? record(STDIN_DATA, 1, $body) : (),
        record(STDIN_DATA, 1, ''));
}

sub ask {
    my ($conn, @how) = @_;
    send_request($conn, @how);
    my $answer = $conn->read_answer(10);
    return $answer->{response} ? $answer->{response}->status : "none, $answer->{ended}";
}

sub connect_now { FastCgi->connect(socket_path($sandbox)) }
sub complaints { scalar(() = $sandbox->read('log/gateway') =~ /did not bring/g) }
sub descriptors { scalar Process::descriptors($gateway) }

subtest 'one after the other' => sub {
    my $conn = connect_now();
    is ask($conn, "a$_"), 200, "request $_" for 1 .. 3;
    is ask($conn, 'a1'), 200, 'a retry';
    is ask($conn, undef, method => 'GET'), 200, 'one that passes through, without a body';
    is ask($conn, 'a4'), 200, 'and again a POST';
    is $effects->runs("a$_"), 1, "a$_: one run" for 1 .. 4;
    is ask($conn, 'a5', flags => 0), 200, 'one that does not want it kept';
    is $conn->read_answer(5)->{ended}, 'eof', 'is the last one';
};

subtest 'idle ones hold no thread' => sub {
    my @idle = map { connect_now() } 1 .. 20;
    is_deeply [map { ask($idle[$_], "b$_") } 0 .. 19], [(200) x 20],
        'twenty connections, two workers';
    is ask(connect_now(), 'b-new', flags => 0), 200, 'a new connection is served';
    is_deeply [map { ask($_, 'b-new') } @idle], [(200) x 20], 'and each of the idle ones';
    my $before = descriptors();
    my $complaints = complaints();
    $_->leave('fin') for @idle;
    ok wait_until(sub { descriptors() <= $before - 20 }, 5), 'those that the server closes are gone';
    is complaints(), $complaints, 'and no process complains';
};

subtest 'silent ones hold no thread' => sub {
    my @silent = map { connect_now() } 1 .. 100;
    my $complaints = complaints();
    my $started = Time::HiRes::time();
    is ask(connect_now(), 'silent', flags => 0), 200, 'a hundred without a byte, two workers: served';
    cmp_ok Time::HiRes::time() - $started, '<', 10, 'and not after they are given up';
    is ask($silent[50], 'silent'), 200, 'so is the first request of one of them';
    $_->leave('fin') for @silent;
    is ask(connect_now(), 'silent'), 200, 'they leave';
    is complaints(), $complaints, 'and no process complains';
};

subtest 'what comes behind a request' => sub {
    my $conn = connect_now();
    my @get = params(script => $sandbox->path('www/bare/effect.pl'), method => 'GET');
    my $get = begin(1, RESPONDER, KEEP_CONN) . params_record(1, @get) . record(PARAMS, 1, '') . record(STDIN_DATA, 1, '');
    # FCGI_MPXS_CONNS is 0: a server should not; but a request must not be lost.
    $conn->send($get x 3);
    is $conn->read_answer(10)->{app_status}, 0, "the request $_ of three that were sent at once" for 1 .. 3;
    # Servers may end a body late, and give up a request that has its answer.
    send_request($conn, 'late');
    is $conn->read_answer(10)->{response}->status, 200, 'one request';
    $conn->send(record(STDIN_DATA, 1, ''), abort_request(1));
    select undef, undef, undef, 0.1;
    send_request($conn, 'late-2');
    is $conn->read_answer(10)->{response}->status, 200, 'and the next one, behind what came late';
    is $effects->runs($_), 1, "$_: one run" for 'late', 'late-2';
};

subtest 'what is wrong ends it' => sub {
    my $conn = connect_now();
    is ask($conn, 'c2'), 200, 'a good one';
    $conn->send('x' x 64);
    is $conn->read_answer(5)->{ended}, 'eof', 'then noise: closed';
    is ask(connect_now(), 'c3'), 200, 'others go on';
};

subtest 'many threads, many connections' => sub {
    my @pids = map {
        my $n = $_;
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            my $conn = connect_now();
            my $bad = grep { ask($conn, "d$n-$_") ne 200 } 1 .. 20;
            POSIX::_exit($bad ? 1 : 0);
        }
        $pid;
    } 1 .. 8;
    is scalar(grep { waitpid $_, 0; $? } @pids), 0, 'eight clients, twenty requests each on one connection';
    is_deeply [grep { my $n = $_; grep { $effects->runs("d$n-$_") != 1 } 1 .. 20 } 1 .. 8], [],
        'one run for each';
};

subtest 'addresses of web servers' => sub {
    # A refused connection is closed with the request unread, which the kernel tells as an end or a reset.
    for (['127.0.0.2, 127.0.0.1', qr/\A200\z/, 1], ['127.0.0.2', qr/\Anone, (?:eof|reset)\z/, 0]) {
        my ($addresses, $answer, $runs) = @$_;
        my $port = free_port();
        my $pid = $sandbox->start(name => "tcp-$port", user => $sandbox->user,
            env => { FCGI_WEB_SERVER_ADDRS => $addresses }, command => [$sandbox->binary, 'serve', '--config',
                $sandbox->path('conf/retrysafe.json'), '--listen', "127.0.0.1:$port"]);
        wait_until { listens_on($pid, $port) } 15;
        like ask(FastCgi->connect("127.0.0.1:$port"), "tcp-$port"), $answer, "$addresses: " . ($runs ? 'served' : 'refused');
        is $effects->runs("tcp-$port"), $runs, '... and so many runs';
        stop_process($pid);
    }
    ok scalar(grep { /an address that is not in FCGI_WEB_SERVER_ADDRS/ } map { $sandbox->read("log/$_") }
        grep { /^tcp-/ } map { m{([^/]+)\z} } glob $sandbox->path('log/*')), 'the log says so';
};

subtest 'leaving' => sub {
    my $conn = connect_now();
    is ask($conn, 'e1'), 200, 'an idle connection';
    my $took = stop_process($gateway);
    ok defined $took, 'does not keep the gateway' and diag sprintf 'left after %.3f s', $took;
    is $conn->read_answer(5)->{ended}, 'eof', 'and is closed';
};

$sandbox->finish;
