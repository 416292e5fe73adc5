# Claim: on TERM and USR1 a gateway leaves at once, idle or busy; the run goes on, its caller and
# the servers' reloads lose nothing, the keeper leaves after its last run, and when the keeper is
# killed the same process starts over.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path verb);
use Process qw(wait_until stop_process is_alive);
use Sandbox;
use Server;
use Site;
use Test::More;
use Time::HiRes qw(time);

# What is promised is 0.1 s; a noisy machine may take longer, and the figure is printed.
my $AT_ONCE = 1;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox, qw(lighttpd apache));
my $effects = Effects->new($sandbox);
my $socket = socket_path($sandbox);
my $n = 0;
stop_process($site->gateway);

for my $signal ('TERM', 'USR1') {
    subtest "$signal, idle" => \&check_idle, $signal;
    subtest "$signal while a script runs" => \&check_busy, $signal;
    subtest "$signal while a response is passed through" => \&check_passing, $signal;
    subtest "$signal while bodies come" => \&check_uploads, $signal;
}
subtest 'the keeper is killed while a script runs' => \&check_keeper_busy;
subtest 'the keeper is killed when idle' => \&check_keeper_idle;
subtest 'the keeper is killed while a response is passed through' => \&check_keeper_passing;
subtest 'limits of open files' => \&check_descriptors;
subtest 'the socket is of another process' => \&check_foreign_socket;
subtest 'lighttpd reloads while a script runs' => \&check_lighttpd_reload;
subtest 'lighttpd stops while a script runs' => \&check_lighttpd_stop;
subtest "Apache reloads while a script runs under $_" => \&check_apache_reload, $_
    for 'Apache mod_fcgid', 'Apache .htaccess FcgidWrapper';
$sandbox->finish;

# ---- our own gateway ----

sub start {
    my $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
    my ($keeper) = keepers_of($gateway);
    ok $keeper, 'it has a keeper';
    return ($gateway, $keeper);
}

sub keepers_of {
    my ($pid) = @_;
    return grep { Process::contents("/proc/$_/stat") =~ /\) \S \Q$pid\E / } $sandbox->gateways;
}

sub params_for {
    my ($script, %how) = @_;
    return [params(script => $sandbox->path("www/bare/$script"), body => 'a=1', %how)];
}

sub ask {
    my ($params) = @_;
    my $answer = fastcgi_request($socket, params => $params, body => 'a=1', seconds => 15);
    return $answer->{response} // Answer->parse($answer->{stdout}, 1);
}

# Sends a request and does not wait for its answer.
sub begin_request {
    my ($params) = @_;
    my $conn = FastCgi->connect($socket);
    $conn->send(begin(1), params_record(1, @$params), record(PARAMS, 1, ''),
        stream(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
    return $conn;
}

# Sends the signal; the gateway must end within $AT_ONCE.
sub leaves {
    my ($gateway, $signal) = @_;
    my $seconds = stop_process($gateway, $signal, 10);
    ok defined $seconds, "it leaves on $signal" or return;
    cmp_ok $seconds, '<', $AT_ONCE, 'at once';
    note sprintf '%s: left after %.0f ms', $signal, 1000 * $seconds;
}

sub check_idle {
    my ($signal) = @_;
    my ($gateway, $keeper) = start();
    is ask(params_for('effect.pl', key => "idle-$signal"))->status, 200, 'it serves';
    leaves($gateway, $signal);
    ok wait_until { !is_alive($keeper) }, 'so does the keeper';
    ok !-e $socket, 'the socket is removed';
}

sub check_busy {
    my ($signal) = @_;
    my ($gateway, $keeper) = start();
    my $key = "busy-$signal";
    my $params = params_for('slow.pl', query => "gate=$key", key => $key);
    my $conn = begin_request($params);
    ok $effects->await($key, 'run'), 'a script runs';
    leaves($gateway, $signal);
    my $told = $conn->read_answer(5)->{response};
    is_deeply [$told && $told->status, $told && $told->problem], [409, 'in-progress'],
        'its caller is told that it goes on';
    like $told && $told->header('Retry-After'), qr/\A[1-9]\d*\z/, 'and when to come again';
    ok $told && $told->facts->{retry_same_key}, 'with the same key';

    ($gateway) = start();
    is ask($params)->problem, 'in-progress', 'a new gateway says so too';
    ok is_alive($keeper), 'the keeper waits for it';
    check_replay($key, sub { ask($params) });
    ok wait_until { !is_alive($keeper) }, 'then the keeper leaves';
    leaves($gateway, $signal);
}

# Opens the gate; the run must end, and be replayed.
sub check_replay {
    my ($key, $request) = @_;
    $sandbox->open_gate($key);
    ok $effects->await($key, 'end'), 'the script ends';
    my $answer;
    wait_until { $answer = $request->(); $answer->status == 201 };
    my ($event) = $effects->events($key);
    is $answer->status . ' ' . $answer->body, "201 slow $event->[2]\n", 'the retry gets its answer'
        or diag $answer->raw;
    ok $answer->is_replay, 'as a replay';
    is $effects->runs($key), 1, 'one run';
}

# What is under way may end within a few seconds; a new gateway can serve meanwhile.
sub check_passing {
    my ($signal) = @_;
    my ($gateway) = start();
    my $gate = "passing-$signal";
    my $conn = begin_request(params_for('stream.pl', query => "gate=$gate"));
    ok wait_until { $conn->take_in; $conn->{in} =~ /first/ }, 'a response has begun';
    kill $signal, $gateway;
    ok !!(wait_until { !-e $socket } 1), 'its socket is gone at once';
    my ($next) = start();
    is ask(params_for('effect.pl', key => "next-$signal"))->status, 200, 'and serves';
    ok is_alive($gateway), 'while the first is still busy';
    $sandbox->open_gate($gate);
    my $answer = $conn->read_answer(5);
    like $answer->{stdout}, qr/last\n\z/, 'it arrives to its end';
    is $answer->{app_status}, 0, 'and is ended';
    ok wait_until { !is_alive($gateway) }, 'then the gateway leaves';
    is ask(params_for('effect.pl', method => 'GET'))->status, 200, 'the other one stays';
    leaves($next, $signal);
}

# A sender that goes on is served; one that is silent delays the end by a second.
sub check_uploads {
    my ($signal) = @_;
    my ($gateway) = start();
    my %conn;
    for my $what ('protected', 'passed', 'silent') {
        my $conn = $conn{$what} = FastCgi->connect($socket);
        $conn->send(begin(1), params_record(1, params(script => $sandbox->path('www/bare/effect.pl'), body => 'x' x 40000,
            $what eq 'passed' ? () : (key => "upload-$what-$signal"))), record(PARAMS, 1, ''), stream(STDIN_DATA, 1, 'x' x 20000));
    }
    select undef, undef, undef, 0.2;
    kill $signal, $gateway;
    select undef, undef, undef, 0.3;
    for my $what ('protected', 'passed') {
        $conn{$what}->send(stream(STDIN_DATA, 1, 'x' x 20000), record(STDIN_DATA, 1, ''));
        my $answer = $conn{$what}->read_answer(5)->{response};
        my $is_right = $answer && ($answer->status == 200 || $answer->problem eq 'in-progress');
        ok $is_right, "$what: it is served, or told that its script runs" or diag $answer && $answer->summary;
    }
    ok wait_until(sub { !is_alive($gateway) }, 6), 'then the gateway leaves';
    ok $effects->await("upload-protected-$signal", 'run'), 'it does run';
    is $effects->runs("upload-silent-$signal"), 0, 'what has not come is not run';
}

# ---- the keeper ----

sub check_keeper_busy {
    my ($gateway, $keeper) = start();
    my $params = params_for('slow.pl', query => 'gate=orphan', key => 'orphan');
    my $conn = begin_request($params);
    my $event = $effects->await('orphan', 'run');
    ok $event, 'a script runs';
    kill 'KILL', $keeper;
    my $told = $conn->read_answer(5)->{response};
    is_deeply [$told && $told->status, $told && $told->problem], [409, 'outcome-uncertain'],
        'its caller is told that nobody can know';
    ok $told && !defined $told->header('Retry-After'), 'and not to come again';
    ok wait_until { (keepers_of($gateway))[0] }, 'the same process has a new keeper';
    is ask(params_for('effect.pl', key => 'after-orphan'))->status, 200, 'and serves';
    ok is_alive($event->[1]), 'the script is not hurt';
    $sandbox->open_gate('orphan');
    ok $effects->await('orphan', 'end'), 'and ends';
    is ask($params)->problem, 'outcome-uncertain', 'a retry is told the same';
    is $effects->runs('orphan'), 1, 'it is not run again';
    leaves($gateway, 'TERM');
}

sub check_keeper_idle {
    my ($gateway) = start();
    is ask(params_for('effect.pl', key => 'idle-0'))->status, 200, 'it serves';
    for my $i (1 .. 3) {
        my ($keeper) = keepers_of($gateway);
        kill 'KILL', $keeper;
        # The request that meets the very moment may be told to come again, and nothing ran.
        my ($answer, @refused);
        wait_until {
            $answer = eval { ask(params_for('effect.pl', key => "idle-$i")) };
            my $is_served = $answer && $answer->status == 200;
            push @refused, $answer if $answer && !$is_served;
            $is_served;
        };
        is $answer && $answer->status, 200, 'the next request is served';
        is $effects->runs("idle-$i"), 1, 'once';
        my @wrong = grep { $_->status != 503 || !defined $_->header('Retry-After') } @refused;
        is join(', ', map { $_->summary } @wrong), '',
            'none is refused but with 503 and Retry-After';
        note scalar(@refused), ' refused';
        ok is_alive($gateway), 'by the same process';
    }
    is ask(params_for('effect.pl', method => 'GET'))->status, 200, 'so is a GET';
    leaves($gateway, 'TERM');
}

# What has no answer yet gets one that says so; what has begun must not look complete.
sub check_keeper_passing {
    my ($gateway) = start();
    my $before = $effects->runs('-');
    for my $row (['slow.pl', 'silent', sub { $effects->runs('-') > $before }],
        ['stream.pl', 'begun', sub { $_[0]->take_in; $_[0]{in} =~ /first/ }]) {
        my ($script, $gate, $has_come) = @$row;
        my $keeper;
        ok wait_until { ($keeper) = keepers_of($gateway) }, 'there is a keeper';
        my $conn = begin_request(params_for($script, query => "gate=passed-$gate"));
        ok wait_until { $has_come->($conn) }, "$gate: the script runs";
        kill 'KILL', $keeper;
        my $answer = $conn->read_answer(10);
        if ($gate eq 'silent') {
            my $told = $answer->{response};
            is_deeply [$told && $told->status, $told && $told->problem], [502, 'script-failed'],
                'its client is told that it was started';
        } else {
            ok !defined $answer->{app_status}, 'the answer is cut off';
        }
        $sandbox->open_gate("passed-$gate");
        ok wait_until { my ($next) = keepers_of($gateway); $next && $next != $keeper }, 'a new keeper';
    }
    leaves($gateway, 'TERM');
}

# The gateway and its keeper raise their own, and no script's.
sub check_descriptors {
    my $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n, wrapper => ['prlimit', '--nofile=256:2048']);
    my ($keeper) = keepers_of($gateway);
    like ask(params_for('limits.pl', key => 'few'))->body, qr/^Max open files\s+256\s+2048\s/m,
        'a script has the limit that there was';
    like Process::contents("/proc/$_/limits"), qr/^Max open files\s+2048\s+2048\s/m, 'ours is as high as may be'
        for $gateway, $keeper;
    leaves($gateway, 'TERM');
}

# A systemd socket unit keeps its socket while the gateway is stopped: the next request starts it anew.
use constant LISTENER => <<'END';
use Socket;
$^F = 255;
POSIX::close($_) for 3 .. 20;
socket my $listener, AF_UNIX, SOCK_STREAM, 0 or die $!;
fileno($listener) == 3 or die fileno $listener;
bind $listener, pack_sockaddr_un(shift) and listen $listener, 128 or die $!;
my $pid = fork // die $!;
if (!$pid) { @ENV{qw(LISTEN_PID LISTEN_FDS)} = ($$, 1); exec @ARGV }
waitpid $pid, 0;
sleep 60;
END

sub check_foreign_socket {
    my $holder = start_gateway($sandbox, name => 'gateway-' . ++$n,
        wrapper => ['perl', '-MPOSIX', '-e', LISTENER, $socket]);
    my ($gateway) = grep { Process::contents("/proc/$_/stat") =~ /\) \S \Q$holder\E / } $sandbox->processes;
    is ask(params_for('effect.pl', key => 'foreign'))->status, 200, 'it serves at the socket';
    kill 'TERM', $gateway;
    ok wait_until { !is_alive($gateway) || Process::contents("/proc/$gateway/stat") =~ /\) Z / }, 'it leaves on TERM';
    ok -S $socket, 'the socket is still there';
    ok eval { begin_request(params_for('effect.pl')) }, 'and still open';
    stop_process($holder);
    unlink $socket;
}

# ---- servers ----

# A request whose script waits at the gate $key: (client, request).
sub start_run {
    my ($wiring, $key) = @_;
    my @request = (POST => "slow.pl?gate=$key", key => $key, body => 'a=1');
    my $client = $wiring->connect;
    $client->send($wiring->bytes(@request));
    ok $effects->await($key, 'run', 20), 'a script runs';
    return ($client, \@request);
}

# Until the server serves again: no answer, or one of its own, is asked again.
sub ask_server {
    my ($wiring, $request) = @_;
    my $answer;
    wait_until {
        $answer = eval { $wiring->request(@$request) };
        $answer && $answer->status !~ /\A(?:0|5\d\d)\z/;
    } 20;
    return $answer;
}

sub check_lighttpd_reload {
    my $wiring = $site->wiring('lighttpd spawned');
    my ($client, $request) = start_run($wiring, 'reload');
    my $server = $site->server('lighttpd')->pid;
    my @gateways = map { parent_of($_) } keeper_of('reload');
    my $started = time;
    kill 'USR1', $server;
    # lighttpd waits for its requests; this one has to end, and does not wait for the server.
    $sandbox->open_gate('reload');
    my $answer = $client->read_answer(10);
    is $answer->status, 201, 'the answer arrives' or diag $answer->raw;
    my $retry = ask_server($wiring, $request);
    ok $retry && $retry->is_replay && $retry->body eq $answer->body, 'the retry gets the same';
    is $effects->runs('reload'), 1, 'one run';
    ok wait_until { !grep { is_alive($_) } @gateways }, 'the old gateway has left';
    cmp_ok time - $started, '<', 5, 'the reload is short';
    ok is_alive($server), 'the server stays';
}

sub check_lighttpd_stop {
    my $wiring = $site->wiring('lighttpd spawned');
    my ($client, $request) = start_run($wiring, 'stop');
    my $old = $site->server('lighttpd');
    my $started = time;
    ok $old->stop, 'it ends';
    note sprintf 'lighttpd: stopped after %.0f ms', 1000 * (time - $started);
    cmp_ok time - $started, '<', 5, 'soon';
    $client->leave('fin');
    my $server = Server->start($sandbox, 'lighttpd');
    my $ask = sub {
        my %how = @$request[2 .. $#$request];
        return Client::request($server->port, POST => "/spawned/$request->[1]",
            body => $how{body}, headers => ['Idempotency-Key' => qq("$how{key}")]);
    };
    is $ask->()->problem, 'in-progress', 'the script goes on';
    check_replay('stop', $ask);
    ok $server->stop, 'the new one ends';
}

sub check_apache_reload {
    my ($name) = @_;
    my $wiring = $site->wiring($name);
    my $key = 'graceful-' . $wiring->prefix;
    my ($client, $request) = start_run($wiring, $key);
    my $server = $site->server('apache')->pid;
    my $keepers = join ' ', keeper_of($key);
    my $started = time;
    kill 'USR1', $server;
    my $answer = $client->read_answer(15);
    my $seconds = time - $started;
    is_deeply [$answer->status, $answer->problem], [409, 'in-progress'],
        'the caller is told that it goes on' or diag $answer->raw;
    cmp_ok $seconds, '<', 6, 'before mod_fcgid would kill';
    note sprintf 'Apache: the gateway left after %.1f s', $seconds;
    ok defined $answer->header('Retry-After'), 'and when to come again';
    is ask_server($wiring, $request)->problem, 'in-progress', 'a new gateway says so too';
    check_replay($key, sub { $wiring->request(@$request) });
    ok wait_until { !is_alive($keepers) }, 'the old keeper leaves';
}

sub parent_of {
    my ($pid) = @_;
    return Process::contents("/proc/$pid/stat") =~ /\) \S (\d+)/ ? $1 : 0;
}

# The keeper of the script that runs for a key.
sub keeper_of {
    my ($key) = @_;
    return map { parent_of($_->[1]) } grep { $_->[3] eq 'run' } $effects->events($key);
}
