# Claim: while the first runs, a retry hears 409 or 429 and when to come again, or it waits: as many
# as there are places in all processes, woken by the record, without a look at the store inside one
# process; when the run is released, one waiting retry runs the script, once; and waiting retries
# outlive the gateway that ran it.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Gateway qw(start_gateway verb);
use List::Util qw(max);
use POSIX qw(ceil);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(time sleep);
use Time::Local qw(timegm);

# The same operation in every wiring, so that its runs and those who wait are in many processes.
my @ANYWHERE = (fingerprint => ['method', 'query', 'body'], timeout => '30s', soft_timeout => 0);
my %ROUTES = (
    conflict => {},
    busy => { in_progress_status => 429 },
    learn => {},
    wait => { in_progress => 'wait', wait => '20s' },
    brief => { in_progress => 'wait', wait => '1s' },
    narrow => { in_progress => 'wait', wait => '20s', max_waiters => 1 },
    accept => { in_progress => 'accept' },
    async => { async => 'always', max_running => 20 },
    alone => { async => 'always' },
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, 'lighttpd', 'nginx',
    { one_address => 1,
        routes => [map { { match => "*/$_-*", @ANYWHERE, %{ $ROUTES{$_} } } } sort keys %ROUTES] });
my %wiring = (
    nginx => $site->wiring('nginx'),
    spawned => $site->wiring('lighttpd spawned'),
    cgi => $site->wiring('lighttpd cgi.assign'),
);
my $gateway = $site->gateway;    # behind nginx
place_scripts();

# Three runs of three seconds, to learn from, while other things are looked at.
my $USUAL = 3;
my @teachers = map { post('nginx', "learn-effect.pl?sleep=$USUAL", "teacher-$_") } 1 .. 3;
my $alone = ask('nginx', "alone-effect.pl?sleep=$USUAL", 'teacher-alone');

subtest "$_->[0]: $_->[1], $_->[2] at once" => \&check_error, @$_
    for ['nginx', 'conflict', 409], ['spawned', 'conflict', 409], ['cgi', 'busy', 429],
    ['nginx', 'busy', 429];
subtest 'waiting: twenty clients of one process' => \&check_places, 'one', 'nginx';
subtest 'waiting: twenty clients of many processes' => \&check_places, 'many',
    qw(nginx spawned cgi);
subtest 'waiting: the time is over' => \&check_time_over;
subtest "a place is free again when $_->[0]" => \&check_place_free, @$_
    for ['its process is killed', 'cgi'], ['its client leaves', 'nginx'];
subtest 'the first lets go' => \&check_release, $_ for 'nginx', 'spawned';
subtest 'the first could not be started' => \&check_not_started;
subtest 'Retry-After is learned' => \&check_retry_after;
if (system 'strace -qq -o /dev/null true 2>/dev/null') {
    diag 'strace may not trace here: what it costs is not looked at';
} else {
    subtest "what it costs: $_->[0], run behind $_->[1]" => \&check_cost, @$_
        for ['conflict', 'cgi', 0], ['accept', 'cgi', 0], ['async', 'nginx', 0],
        ['wait', 'nginx', 1], ['wait', 'cgi', 1];
}
subtest 'async holds no thread' => \&check_async_threads;
subtest 'the gateway has to leave' => \&check_leave;
subtest 'the gateway is killed' => \&check_killed, 'gateway';
subtest 'the gateway and its keeper are killed' => \&check_killed, 'keeper';
$sandbox->finish;

# ---- asking ----

sub place_scripts {
    my $release = <<'END';
#!/usr/bin/perl
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;
my $nonce = Effect::nonce();
Effect::record($nonce, 'run');
my %query = Effect::query();
my $flag = __FILE__ =~ s{/[^/]*\z}{}r . "/../gates/seen-$query{gate}";
if (open my $seen, '<', $flag) {
    Effect::wait_gate("again-$query{gate}");
    print "Content-Type: text/plain\n\nnonce $nonce\n";
} else {
    open my $made, '>', $flag or die "$flag: $!\n";
    Effect::wait_gate($query{gate});
    print "Status: 503\nRetrysafe-Outcome: release\nContent-Type: text/plain\n\nnothing happened\n";
}
END
    for my $prefix (map { $_->prefix } values %wiring) {
        for my $route (keys %ROUTES) {
            $sandbox->copy($sandbox->root . "/tests/scripts/$_", "www/$prefix/$route-$_")
                for 'effect.pl', 'slow.pl';
        }
        chmod 0755, $sandbox->write("www/$prefix/wait-release.pl", $release);
        chmod 0755, $sandbox->write("www/$prefix/wait-broken.pl", "#!/nowhere/at/all\n");
    }
    chmod 0777, $sandbox->path('www/gates') or die "gates: $!\n";
}

# Sends a POST and returns its connection.
sub post {
    my ($name, $target, $key) = @_;
    my $client = $wiring{$name}->connect;
    $client->send($wiring{$name}->bytes(POST => $target, key => $key, body => 'a=1'));
    return $client;
}

sub ask { post(@_)->read_answer }

sub is_answered { $_[0]->read_answer(0.001)->{complete} }

# Sends the first request of a key, to a script that waits at the gate of that name.
sub start_first {
    my ($name, $route, $key) = @_;
    my $first = post($name, "$route-slow.pl?gate=$key", $key);
    ok $effects->await($key, 'run'), 'the first runs';
    return $first;
}

# How many wait at this moment: the kernel knows, each of them has a lock (liveness_witness.c).
sub waiters {
    my $inode = (stat $sandbox->path('store/retrysafe.db-lock'))[1];
    return scalar grep { /\A\d+: OFDLCK .* \S+:$inode (\d+) / && $1 >= 2**62 }
        split /^/, Process::contents('/proc/locks');
}

sub is_replay_of {
    my ($answer, $first, $what) = @_;
    is_deeply [$answer->is_replay ? 1 : 0, $answer->essence], [1, $first->essence], $what
        or diag $answer->raw;
}

# How long after the record of an operation its replays came, in ms, by the gateways' own logs.
sub delays {
    my ($ref) = @_;
    my %ms;
    for ($sandbox->logs) {
        my ($d, $h, $m, $s, $outcome) =
            /(\S{10})T(\d\d):(\d\d):([\d.]+)Z ref=\Q$ref\E .*\boutcome=(\S+)/ or next;
        my ($year, $month, $day) = split /-/, $d;
        push @{ $ms{$outcome} },
            1000 * (timegm(0, $m, $h, $day, $month - 1, $year) + $s);
    }
    my ($recorded) = @{ $ms{first} // [] } or return;
    return map { sprintf '%.0f', $_ - $recorded } @{ $ms{replayed} // [] };
}

# ---- conflict ----

sub check_error {
    my ($name, $route, $status) = @_;
    my $key = "$route-$name";
    my $first = start_first($name, $route, $key);
    my $answer = ask($name, "$route-slow.pl?gate=$key", $key);
    my $facts = $answer->facts;

    is_deeply [$answer->status, $answer->problem], [$status, 'in-progress'], "$status in-progress"
        or diag $answer->raw;
    ok !is_answered($first), 'while the first runs';
    like $answer->header('Retry-After'), qr/\A[1-9]\d*\z/, 'Retry-After';
    like $answer->header('Location'),
        qr{\A/\Q@{[$wiring{$name}->prefix]}\E/$route-slow\.pl\?_operation=\Q$facts->{operation}\E\z},
        'Location';
    is_deeply [@$facts{qw(operation_state retry_same_key new_key_is_safe status)}],
        ['running', JSON::PP::true(), JSON::PP::false(), $status], 'its facts';
    $sandbox->open_gate($key);
    $first = $first->read_answer;
    is $first->status, 201, 'the first is answered';
    is_replay_of(ask($name, "$route-slow.pl?gate=$key", $key), $first, 'then it is replayed');
    is $effects->runs($key), 1, 'one run';
}

# ---- waiting ----

# One runs it, eight wait, and to the others it is said at once.
sub check_places {
    my ($key, @names) = @_;
    my @clients = map { post($names[$_ % @names], "wait-slow.pl?gate=$key", $key) } 0 .. 19;
    my @at_once;

    wait_until { (@at_once = grep { is_answered($_) } @clients) >= 11 } 15;
    is_deeply [map { $_->read_answer->summary =~ s/,[^,]*\z//r } @at_once],
        [('409, in-progress') x 11], 'eleven are told at once';
    is waiters(), 8, 'eight wait';
    is $effects->runs($key), 1, 'one runs';
    $sandbox->open_gate($key);

    my %is_told = map { $_ => 1 } @at_once;
    my @answers = map { $_->read_answer } grep { !$is_told{$_} } @clients;
    my ($first) = grep { !$_->is_replay } @answers;
    is $first && $first->status, 201, 'the first is answered' or return;
    is_deeply [map { $_->essence } grep { $_->is_replay } @answers], [($first->essence) x 8],
        'and those who waited, the same';
    is $effects->runs($key), 1, 'one effect';
    is waiters(), 0, 'all places are free';

    my ($ref) = map { $_->read_answer->facts->{operation} } @at_once;
    my @delays = delays($ref);
    is scalar @delays, 8, 'the log has them';
    cmp_ok max(@delays), '<', 500, 'soon after the record';
    diag "$key: answered @{[join ', ', sort { $a <=> $b } @delays]} ms after the record";
}

sub check_time_over {
    my $first = start_first('nginx', 'brief', 'brief');
    for my $name (qw(nginx cgi)) {
        my $answer = ask($name, 'brief-slow.pl?gate=brief', 'brief');
        is_deeply [$answer->status, $answer->problem], [409, 'in-progress'], "$name: the error"
            or diag $answer->raw;
        cmp_ok $answer->{seconds}, '>=', 0.95, 'after its time';
        like $answer->header('Retry-After'), qr/\A[1-9]\d*\z/, 'Retry-After';
    }
    is waiters(), 0, 'nobody waits';
    $sandbox->open_gate('brief');
    is $first->read_answer->status, 201, 'the first is answered';
    is $effects->runs('brief'), 1, 'one run';
}

sub check_place_free {
    my ($how, $name) = @_;
    my $key = "narrow-$name";
    my $first = start_first('nginx', 'narrow', $key);
    my %is_old = map { $_ => 1 } $sandbox->gateways;
    my $waiter = post($name, "narrow-slow.pl?gate=$key", $key);

    ok wait_until(sub { waiters() == 1 }), 'one waits';
    is ask('spawned', "narrow-slow.pl?gate=$key", $key)->problem, 'in-progress',
        'there is no other place';
    if ($name eq 'cgi') {
        kill 'KILL', grep { !$is_old{$_} } $sandbox->gateways;
    } else {
        $waiter->leave('rst');
    }
    ok wait_until(sub { waiters() == 0 }), "free: $how";
    my $next = post('spawned', "narrow-slow.pl?gate=$key", $key);
    ok wait_until(sub { waiters() == 1 }), 'the next one waits';
    ok !is_answered($next), 'and is not answered';
    $sandbox->open_gate($key);
    is_replay_of($next->read_answer, $first->read_answer, 'until there is a result');
    is $effects->runs($key), 1, 'one run';
}

# ---- waiting for a run that is released ----

sub check_release {
    my ($name) = @_;
    my $key = "release-$name";
    my $target = "wait-release.pl?gate=$key";
    my $first = post($name, $target, $key);
    ok $effects->await($key, 'run'), 'the first runs';
    my @waiters = map { post($_, $target, $key) } qw(nginx spawned cgi nginx);
    ok wait_until(sub { waiters() == 4 }), 'four wait';
    $sandbox->open_gate($key);
    my $answer = $first->read_answer;
    is_deeply [$answer->status, $answer->body], [503, "nothing happened\n"], 'the first lets go';

    ok wait_until(sub { $effects->runs($key) == 2 && waiters() == 3 }), 'one of them runs it';
    $sandbox->open_gate("again-$key");
    my @answers = map { $_->read_answer } @waiters;
    is_deeply [map { $_->status } @answers], [(200) x 4], 'all have the result';
    is scalar(grep { $_->is_replay } @answers), 3, 'three of them as a replay';
    is keys %{ { map { ($_->essence => 1) } @answers } }, 1, 'the same';
    is $effects->runs($key), 2, 'two runs in all';
}

# The keeper stands still, so that there is time to wait for a run that cannot begin.
sub check_not_started {
    my $key = 'broken';
    my ($keeper) = keepers_of($gateway);
    kill 'STOP', $keeper;
    my $first = post('nginx', 'wait-broken.pl', $key);
    # Before the claim is there the waiter would be the first.
    ok wait_until(sub { running('*/wait-*') == 1 }), 'it is claimed';
    my $waiter = post('spawned', 'wait-broken.pl', $key);
    ok wait_until(sub { waiters() == 1 }), 'one waits';
    ok !is_answered($first), 'for one that is not started';
    kill 'CONT', $keeper;
    is $_->read_answer->problem, 'configuration', 'both are told' for $first, $waiter;
    is running('*/wait-*'), 0, 'and nothing is left of it';
}

# How many operations of a route are running, as `list` says.
sub running {
    my ($exit, @operations) = verb($sandbox, 'list', '--state', 'running', '--route', $_[0]);
    return scalar @operations;
}

# ---- Retry-After ----

sub check_retry_after {
    my @taught = map { $_->read_answer } @teachers;
    is_deeply [map { $_->status } @taught], [200, 200, 200], 'three runs';
    my $at_most = max(map { $_->{seconds} } @taught);

    my $sent = time;
    my $first = start_first('nginx', 'learn', 'pupil');
    my $began = time;
    my @said;
    for my $name (qw(cgi nginx)) {
        my $asked = time;
        my $said = ask($name, 'learn-slow.pl?gate=pupil', 'pupil')->header('Retry-After');
        my ($from, $to) = (ceil($USUAL - (time - $sent)), ceil($at_most - ($asked - $began)));
        $from = 1 if $from < 1;
        cmp_ok $said, '>=', $from, "$name: $said s, not before a usual run is over";
        cmp_ok $said, '<=', max($to, 1), "$name: and not long after";
        push @said, $said;
        sleep 1.2 if @said == 1;
    }
    cmp_ok $said[1], '<', $said[0], 'less, the longer it runs';
    $sandbox->open_gate('pupil');
    is $first->read_answer->status, 201, 'the first is answered';

    # From a run that nobody waited for, too.
    is $alone->header('Retry-After'), 1, 'nothing was known of a route that had never run';
    ok wait_until(sub { running('*/alone-*') == 0 }), 'a run that only the keeper saw is over';
    my $answer = ask('nginx', 'alone-effect.pl?sleep=0.1', 'alone');
    my $said = $answer->header('Retry-After');
    ok $answer->status == 202 && $said >= $USUAL - 1 && $said <= $at_most + 2, "it taught: $said s"
        or diag $answer->raw;
}

# ---- what waiting costs ----

# The system calls of the gateway behind nginx in so many seconds.
sub trace {
    my ($seconds) = @_;
    my $file = $sandbox->path('log/calls');
    my $strace = $sandbox->start(name => 'strace',
        command => ['/usr/bin/strace', '-f', '-qq', '-o', $file, '-p', $gateway]);
    wait_until { Process::contents("/proc/$gateway/status") =~ /^TracerPid:\s*[1-9]/m } 5;
    sleep 0.2;    # the other threads
    my $before = -s $file // 0;
    sleep $seconds;
    my $calls = substr Process::contents($file), $before;
    stop_process($strace, 'INT');
    unlink $file;
    return grep { !/ resumed>|<detached/ } split /^/, $calls;
}

# The time on a processor that the gateway has taken so far, in ms.
sub cpu {
    my $ns = 0;
    $ns += (split ' ', Process::contents($_))[0] // 0 for glob "/proc/$gateway/task/*/schedstat";
    return $ns / 1e6;
}

# Eight callers of a request that runs behind the wiring $runner, and what they cost.
sub check_cost {
    my ($route, $runner, $is_held) = @_;
    my $key = "cost-$route-$runner";
    my $target = "$route-slow.pl?gate=$key";
    my $first = start_first($runner, $route, $key);
    my @callers = map { post('nginx', $target, $key) } 1 .. 8;
    my $is_here = $runner eq 'nginx';

    ok wait_until(sub { $is_held ? waiters() == 8 : !grep { !is_answered($_) } @callers }),
        $is_held ? 'eight wait' : 'eight are answered';
    my $cpu = cpu();
    sleep 1 if $is_held;
    $cpu = cpu() - $cpu;
    my @calls = trace($is_held ? 1 : 0.3);
    if ($is_here || !$is_held) {
        is_deeply [grep { /fcntl|pread|openat|sync/ } @calls], [], 'the store is not looked at';
        cmp_ok scalar @calls, '<=', 8, 'next to nothing happens' or diag @calls;
    }
    # Between two looks at the store is a poll(2) of 25 ms (waiting.h).
    diag sprintf 'eight wait for %s process: in a second %d looks at the store, %d system calls, '
        . '%.0f ms of processor', $is_here ? 'the same' : 'another',
        scalar(grep { /poll\(.*, 3, 25\b/ } @calls), scalar @calls, $cpu if $is_held;
    $sandbox->open_gate($key);
    $first->read_answer;
    is scalar(grep { $_->read_answer->is_replay } @callers), $is_held ? 8 : 0, 'replays';
}

# More than there are threads.
sub check_async_threads {
    my @clients = map { post('nginx', 'async-slow.pl?gate=threads', "threads-$_") } 1 .. 20;
    is_deeply [map { $_->read_answer->status } @clients], [(202) x 20], 'twenty are answered';
    ok wait_until(sub { $effects->runs("threads-20") == 1 && running('*/async-*') == 20 }),
        'and run';
    is ask('nginx', 'conflict-effect.pl', 'threads')->status, 200, 'others find a thread';
    $sandbox->open_gate('threads');
    ok wait_until(sub { running('*/async-*') == 0 }), 'all are recorded';
}

# ---- death ----

sub parent_of { Process::contents("/proc/$_[0]/stat") =~ /\) \S (\d+)/ ? $1 : 0 }
sub keepers_of { my ($pid) = @_; return grep { parent_of($_) == $pid } $sandbox->gateways }

sub check_leave {
    my $first = start_first('nginx', 'wait', 'leave');
    my $here = post('nginx', 'wait-slow.pl?gate=leave', 'leave');
    my $elsewhere = post('spawned', 'wait-slow.pl?gate=leave', 'leave');
    ok wait_until(sub { waiters() == 2 }), 'two wait, in two processes';
    kill 'TERM', $gateway;
    is $_->read_answer->problem, 'in-progress', 'those in the one that leaves are told at once'
        for $first, $here;
    ok wait_until(sub { !is_alive($gateway) }), 'it leaves';
    is waiters(), 1, 'the other one waits';
    $sandbox->open_gate('leave');
    is $elsewhere->read_answer->status, 201, 'until there is a result';
    is $effects->runs('leave'), 1, 'one run';
    $gateway = start_gateway($sandbox);
}

# Of the gateway that runs the script, while others wait in other processes.
sub check_killed {
    my ($who) = @_;
    my $key = "killed-$who";
    my $first = start_first('nginx', 'wait', $key);
    my @waiters = map { post($_, "wait-slow.pl?gate=$key", $key) } qw(spawned cgi spawned);
    ok wait_until(sub { waiters() == 3 }), 'three wait';
    # A gateway that sees its keeper die says so itself.
    my @victims = ($gateway, $who eq 'keeper' ? keepers_of($gateway) : ());
    kill 'KILL', @victims;
    wait_until { !grep { is_alive($_) } @victims } 5;
    is $first->read_answer->status, 502, 'nginx knows nothing';
    ok !grep({ is_answered($_) } @waiters), 'the others wait: the script is alive';
    $sandbox->open_gate($key);

    my @answers = map { $_->read_answer } @waiters;
    if ($who eq 'gateway') {
        is_deeply [map { $_->status . ($_->is_replay ? ' replay' : '') } @answers],
            [('201 replay') x 3], 'they get what the keeper recorded';
    } else {
        is_deeply [map { $_->problem } @answers], [('outcome-uncertain') x 3],
            'they are told that nobody saw the end';
    }
    is $effects->runs($key), 1, 'one run';
    $gateway = start_gateway($sandbox);
    my $answer = ask('nginx', "wait-slow.pl?gate=$key", $key);
    is $answer->essence, $answers[0]->essence, 'a new gateway says the same';
}
