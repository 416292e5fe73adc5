# Claim: a clock that jumps, forwards or backwards, runs nothing twice and blocks no key; one that is
# wrong by more than a day for a moment frees no key and drops no response, then or later.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb verb_in);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Test::More;
use Time::Piece ();

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' if !$library;
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
plan skip_all => 'a sanitizer does not take a preloaded library'
    if Process::contents($sandbox->binary) =~ /__asan_init/;
my ($n, $gateway) = (0);

$sandbox->place_scripts('bare');
write_config($sandbox, routes => [{ match => '*', ttl => '12h' }]);

for my $jump ('+1d', '-1d') {
    subtest "the clock jumps by $jump after the answer" => sub {
        my $key = 'done-' . ++$n;
        at('+0');
        my $first = ask($key);
        is $first->status, 200, 'an answer';
        at($jump);
        my $retry = ask($key);
        if ($jump eq '+1d') {
            is $retry->problem, 'result-expired', 'the response has expired, the fact has not';
        } else {
            is $retry->body, $first->body, 'it is replayed';
        }
        is $effects->runs($key), 1, 'one effect';
    };
    subtest "the clock jumps by $jump while the script runs" => sub {
        my $key = 'runs-' . ++$n;
        at('+0');
        my $conn = begin_run($key);
        my $old = $gateway;
        at($jump, keep => 1);
        is ask($key, "gate=$key")->problem, 'in-progress', 'whoever has the new time sees that it runs';
        $sandbox->open_gate($key);
        my $first = $conn->read_answer(10)->{response};
        is $first->status, 200, 'it ends';
        my $retry = ask($key, "gate=$key");
        ok $retry->body eq $first->body || $retry->problem eq 'result-expired', 'the retry is told the truth';
        is $effects->runs($key), 1, 'one effect';
        stop_process($old);
    };
}
at('+0');
subtest 'back in its own time every key is settled' => sub {
    my ($exit, @list) = verb($sandbox, 'list');
    is_deeply [grep { $_->{state} !~ /\A(?:done|expired)\z/ } @list], [], 'done or expired';
    like ask('new-' . ++$n)->body, qr/\Anonce /, 'and new ones are served';
};

subtest 'forty days ahead for a moment' => sub {
    my $key = 'before-' . ++$n;
    at('+0');
    my $first = ask($key);
    my $doubt = ask('uncertain', '', 'die.pl');
    is $doubt->problem, 'script-failed', 'one is uncertain';
    my @before = operations();
    at('+40d');
    is ask($key)->essence, $first->essence, 'a gateway replays';
    is ask('uncertain', '', 'die.pl')->problem, 'outcome-uncertain', 'what is uncertain stays so';
    my $ahead = ask('ahead');
    is $ahead->status, 200, 'a new key is served';
    my ($exit, $purged) = verb_in($sandbox, clock('+40d'), 'purge');
    is_deeply [$exit, $purged->{responses_dropped}, $purged->{operations_forgotten}], [0, 0, 0],
        '`purge` drops nothing';
    verb_in($sandbox, clock('+40d'), 'recover');
    my @after = operations();
    is @after, @before + 1, '`recover` neither';
    is_deeply [grep { lasts($_) != 12 } @after], [], 'and what was recorded now lasts twelve hours, as ever';
    at('+0');
    is ask($key)->essence, $first->essence, 'later the first is replayed';
    is ask('ahead')->essence, $ahead->essence, 'and what was recorded meanwhile';
    is_deeply [map { $effects->runs($_) } $key, 'ahead'], [1, 1], 'each has run once';
    age(13);
    is ask('ahead')->problem, 'result-expired', 'thirteen hours later its response has expired';
    is ask($key)->problem, 'result-expired', 'like the first';
};
# A container may have a monotonic clock of its own: forty days more since the machine started.
SKIP: {
    skip 'another time namespace needs root', 1
        if $> || system 'unshare --time --boottime 3456000 true 2>/dev/null';
    subtest 'another time namespace' => sub {
        my $key = 'elsewhere-' . ++$n;
        at('+0');
        verb($sandbox, 'purge');
        my $first = ask($key);
        my @command = ($sandbox->binary, 'purge', '--json', '--config', $sandbox->path('conf/retrysafe.json'));
        my $text = `unshare --time --boottime 3456000 @command`;
        like $text, qr/"responses_dropped":0,"operations_forgotten":0/, '`purge` drops nothing there';
        is ask($key)->essence, $first->essence, 'it is replayed';
        my ($exit, $stats) = verb($sandbox, 'stats');
        cmp_ok abs $stats->{clock_off_ms}, '<', 3_600_000, 'and the clock is where it was' or diag explain $stats;
    };
}
subtest 'forty days behind for a moment' => sub {
    my $key = 'behind-' . ++$n;
    at('-40d');
    my $first = ask($key);
    at('+0');
    is ask($key)->essence, $first->essence, 'it is replayed';
    is_deeply [grep { lasts($_) != 12 } operations()], [], 'and lasts twelve hours';
    age(13);
    is ask($key)->problem, 'result-expired', 'thirteen hours later it has expired';
    is $effects->runs($key), 1, 'one run';
};
subtest 'a machine that begins in 1970, and is told the time later' => sub {
    my $key = 'epoch-' . ++$n;
    write_config($sandbox, store => 'sqlite:' . $sandbox->path('store/other.db'),
        routes => [{ match => '*', ttl => '12h' }]);
    at('@1970-01-01 00:10:00');
    my $first = ask($key);
    is $first->status, 200, 'it serves';
    at('+0');
    is ask($key)->essence, $first->essence, 'fifty years later it replays';
    my ($exit, $purged) = verb($sandbox, 'purge');
    is $purged->{responses_dropped}, 0, 'and keeps what it has';
    is $effects->runs($key), 1, 'one run';
};
$sandbox->finish;

# A gateway whose wall clock is so far away; the one before leaves, unless it is kept.
sub at {
    my ($jump, %how) = @_;
    stop_process($gateway) if $gateway && !$how{keep};
    unlink socket_path($sandbox) if $how{keep};
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n,
        env => clock($jump));
}

sub clock { return { LD_PRELOAD => $library, FAKETIME => $_[0], DONT_FAKE_MONOTONIC => 1 } }

# The operations whose response is kept, with their times.
sub operations {
    my ($exit, @list) = verb($sandbox, 'list', '--state', 'done');
    return @list;
}

# For how many hours a response is kept.
sub lasts {
    my ($op) = @_;
    my ($from, $to) = map { Time::Piece->strptime(s/\.\d+Z\z//r, '%Y-%m-%dT%H:%M:%S')->epoch }
        @$op{qw(updated expires)};
    return ($to - $from) / 3600;
}

# Time passes for all that is stored: its times move into the past.
sub age {
    my ($hours) = @_;
    my $ms = $hours * 3600 * 1000;
    $sandbox->start(user => $sandbox->user, name => "age-$n", command => ['/usr/bin/sqlite3',
        $sandbox->path('store/retrysafe.db'),
        ".timeout 5000", "UPDATE operation SET created=created-$ms,updated=updated-$ms,due=due-$ms"]);
    waitpid $sandbox->{started}[-1], 0;
    is $?, 0, "$hours hours pass";
}

sub request {
    my ($key, $query, $script) = @_;
    return (params => [params(script => $sandbox->path('www/bare', $script // 'effect.pl'), key => $key, body => 'a=1',
        query => $query // '')], body => 'a=1');
}

sub ask {
    return fastcgi_request(socket_path($sandbox), request(@_), seconds => 20)->{response};
}

sub begin_run {
    my ($key) = @_;
    my %how = request($key, "gate=$key");
    my $conn = FastCgi->connect(socket_path($sandbox));
    $conn->send(begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, $how{body}), record(STDIN_DATA, 1, ''));
    ok $effects->await($key, 'run', 10), 'the script runs';
    return $conn;
}
