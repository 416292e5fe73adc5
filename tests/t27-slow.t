# Claim: peers that send slowly, read slowly or say nothing, slow scripts and slow probes, hundreds of
# each, delay no replay and no other script's run; their threads end with them; a body that comes too
# slowly is dropped with 408, and no more runs pass through than may.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(write_config start_gateway socket_path verb);
use Process qw(stop_process wait_until is_alive);
use Sandbox;
use Test::More;
use Time::HiRes ();

my $N = $ENV{SLOW} || 200;    # twice that, and the backlog of the socket would be full
system('prlimit', "--pid=$$", '--nofile=' . 16 * 1024) == 0 or die "prlimit: $?\n";

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
$sandbox->place_scripts('bare');
my $gate = $sandbox->path('www/gates/slow');
my $probe = $sandbox->write('probe.sh', "#!/bin/sh\nwhile [ ! -e $gate ]; do sleep 0.1; done; exit 2\n");
chmod 0755, $probe;
write_config($sandbox, workers => 4, routes => [
    { match => '/probed/*', on_uncertain => 'probe', probe => [$probe], timeout => '4m' },
    { match => '*', timeout => '4m', soft_timeout => '0s' }]);
my $gateway = start_gateway($sandbox);
my $socket = socket_path($sandbox);
my $n_keys = 0;

sub of { params(script => $sandbox->path("www/bare/$_[0]"), @_[1 .. $#_]) }
sub head { begin(1) . params_record(1, @_) . record(PARAMS, 1, '') }

# An answer, and how long it took.
sub ask {
    my ($script, %how) = @_;
    my $started = Time::HiRes::time();
    my $answer = fastcgi_request($socket, params => [of($script, %how)], body => $how{body}, seconds => 20);
    return ($answer->{response}, Time::HiRes::time() - $started);
}

sub threads { Process::contents("/proc/$gateway/status") =~ /^Threads:\s+(\d+)/m ? $1 : 0 }
sub resident { Process::contents("/proc/$gateway/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }

ok((ask('effect.pl', key => 'known', body => 'a=1'))[0]->status == 200, 'a request is recorded');
ok((ask('effect.pl', key => 'large', query => 'bytes=3000000', body => 'a=1'))[0]->status == 200, 'a large one, too');
my @quiet = map { (ask('effect.pl', key => 'known', body => 'a=1'))[1] } 1 .. 50;

# The one that is too slow is sent beside all of this.
my $too_slow = FastCgi->connect($socket);
$too_slow->send(head(of('effect.pl', key => 'too-slow', body => 'x' x 5000)));
my ($began, $sent) = (Time::HiRes::time(), 0);

sub drip {
    my $due = int((Time::HiRes::time() - $began) * 20);
    $too_slow->send(stream(STDIN_DATA, 1, 'x' x ($due - $sent))) if $due > $sent;
    $sent = $due;
}

my %slow;

sub check_others {
    my ($what) = @_;
    my @answers;
    do {
        drip();
        push @answers, [ask('effect.pl', key => 'known', body => 'a=1')];
    } while (@answers < 50 && $answers[-1][0]);
    is scalar(grep { $_->[0] && $_->[0]->is_replay } @answers), 50, "beside $what: fifty replays";
    my ($run) = ask('effect.pl', key => 'new-' . ++$n_keys, body => 'a=1');
    is $run && $run->status, 200, '... and a run';
    ok is_alive($gateway), '... by the same gateway';
    my @took = sort { $a <=> $b } map { $_->[1] } @answers;
    note sprintf '%s: replays %.1f ms, the slowest %.1f (quiet: %.1f, %.1f); %d threads, %d KiB', $what,
        map({ 1000 * $_ } @took[@took / 2, -1], (sort { $a <=> $b } @quiet)[25, -1]), threads(), resident();
}

subtest 'silent' => sub {
    $slow{silent} = [map { FastCgi->connect($socket) } 1 .. $N];
    check_others("$N silent connections");
    ok wait_until(sub { threads() < 20 }, 10), 'which hold no thread' or diag threads();
};

subtest 'slow senders' => sub {
    $slow{heads} = [map { my $c = FastCgi->connect($socket); $c->send(substr head(of('effect.pl')), 0, 40); $c } 1 .. $N];
    $slow{bodies} = [map {
        my $c = FastCgi->connect($socket);
        $c->send(head(of('effect.pl', key => "slow-$_", body => 'x' x 1000)), stream(STDIN_DATA, 1, 'x'));
        $c;
    } 1 .. $N];
    check_others("$N halves of parameters and $N of bodies");
};

subtest 'slow readers' => sub {
    $slow{readers} = [map {
        my $c = FastCgi->connect($socket);
        $c->send(head(of('effect.pl', key => 'large', query => 'bytes=3000000', body => 'a=1')),
            stream(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
        $c;
    } 1 .. $N];
    ok wait_until(sub { threads() > 3 * $N / 2 }, 20), 'they are being answered';
    check_others("$N that do not read");
};

# Their scripts end, and make room for others.
subtest 'slow readers of what passes through' => sub {
    my $before = $effects->runs('-');
    $slow{passed} = [map {
        my $c = FastCgi->connect($socket);
        $c->send(head(of('effect.pl', method => 'GET', query => 'bytes=3000000')), record(STDIN_DATA, 1, ''));
        $c;
    } 1 .. 64];
    ok wait_until(sub { $effects->runs('-') >= $before + 64 }, 30), 'as many as may pass through';
    my $one_more;
    ok wait_until(sub { ($one_more) = ask('effect.pl', method => 'GET'); $one_more->status == 200 }, 20),
        'then another one' or diag $one_more->raw;
    check_others('64 readers of what passes through');
    my $answer = $slow{passed}[63]->read_answer(20);
    like $answer->{response} && length $answer->{response}->body, qr{\A30000\d\d\z}, 'one that reads after all gets every byte';
    is $answer->{app_status}, 0, 'to the end';
};

subtest 'slow scripts' => sub {
    my $before = $effects->runs('-');
    $slow{scripts} = [map {
        my $c = FastCgi->connect($socket);
        $c->send(head(of('slow.pl', method => 'GET', query => 'gate=slow')), record(STDIN_DATA, 1, ''));
        $c;
    } 1 .. 64];
    ok wait_until(sub { $effects->runs('-') >= $before + 64 }, 30), 'as many pass through as may';
    my ($one_more) = ask('effect.pl', method => 'GET');
    is_deeply [$one_more->status, $one_more->problem, $one_more->header('Retry-After')], [503, 'overloaded', 1],
        'one more does not';
    $slow{own} = [map {
        my $c = FastCgi->connect($socket);
        $c->send(head(of('slow.pl', key => "own-$_", body => 'a=1', query => 'gate=slow')),
            stream(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
        $c;
    } 1 .. 12];
    ok wait_until(sub { (grep { $_->[0] =~ /^own-/ } $effects->events) >= 12 }, 30), 'protected ones run';
    check_others('76 slow scripts');
};

subtest 'slow probes' => sub {
    my @uncertain = map { [of('die.pl', key => "p-$_", uri => '/probed/die.pl', body => 'a=1')] } 1 .. 4;
    my @answers = map { fastcgi_request($socket, params => $_, body => 'a=1', seconds => 20)->{response} } @uncertain;
    is_deeply [map { $_->problem } @answers], [('script-failed') x 4], 'four uncertain operations';
    $slow{probes} = [map {
        my $params = $_;
        map {
            my $c = FastCgi->connect($socket);
            $c->send(head(@$params), stream(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
            $c;
        } 1 .. 16;
    } @uncertain];
    check_others('64 retries of them');
};

subtest 'a body that comes too slowly' => sub {
    my $answer;
    my $ended = wait_until {
        drip();
        $too_slow->take_in;
        length $too_slow->{in} || $too_slow->{ended};
    } 90;
    $answer = $too_slow->read_answer(10)->{response};
    cmp_ok Time::HiRes::time() - $began, '>', 55, 'has a minute';
    is_deeply [$answer && $answer->status, $answer && $answer->problem], [408, 'request-incomplete'], 'then it is refused';
    is $effects->runs('too-slow'), 0, 'and never run';
};

$sandbox->open_gate('slow');
$_->leave('fin') for map { @$_ } values %slow;
ok wait_until(sub { threads() <= 4 + 2 }, 20), 'all have left, and so have their threads' or diag threads();
check_others('nothing');
stop_process($gateway);
$sandbox->finish;
