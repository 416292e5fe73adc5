# Claim: each policy of a route does what it says, through real servers and for many clients at
# once: what is released, how long an answer lives, how much of it is kept, how a replay differs
# from it, how many scripts run, what a script may use, and what is synced.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use Gateway qw(start_gateway verb write_config);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my %route = (
    plain => { replay_drop => ['X-Nonce'] },
    exact => { release_on => ['503', '418'] },
    class => { release_on => ['5xx'] },
    brief => { ttl => '1s', tombstone => '1s' },
    result => { guarantee => 'result' },
    semantic => { guarantee => 'semantic', max_running => 100 },
    view => { guarantee => 'semantic', max_running => 2, max_response => '32K', timeout => '20s' },
    created => { replay_status => '200' },
    led => { replay_status => '200' },
    small => { max_response => '32K' },
    zero => { exit_status => 'zero', release_on => ['503'] },
    three => { max_running => 3 },
    wide => { max_running => 100 },
    cpu => { limits => { cpu => '1s' } },
    memory => { limits => { memory => '128M' } },
    file => { limits => { file_size => '256K' } },
    processes => { limits => { processes => 1 } },
    all => { limits => { cpu => '100s', memory => '1G', file_size => '2M', processes => 50_000 } },
    free => {},
);
my %script = map { $_ => /\A(?:cpu|memory|file|processes|all|free)\z/ ? 'limits.pl' : 'policy.pl' } keys %route;
my @routes = map { { match => "*/$_.pl", %{ $route{$_} } } } sort keys %route;
my %settings = (busy_timeout => '30s', routes => \@routes);
my $site = Site->new($sandbox, 'lighttpd', 'nginx', 'apache', { %settings, one_address => 1 });
my $gateway = $site->gateway;
my ($own, $cgi) = map { $site->wiring($_) } 'nginx', 'lighttpd cgi.assign';
my $n = 0;

$sandbox->copy($sandbox->root . "/tests/scripts/$script{$_}", "www/socket/$_.pl") for keys %script;

# It takes a second of processor time: it goes on while others are looked at.
my $spinner = begin($cgi, 'cpu', 'spinner', 'use=cpu');
subtest 'release_on' => \&check_release_on;
subtest 'Retrysafe-Outcome' => \&check_outcome;
subtest 'released by the keeper' => \&check_keeper;
subtest 'Retrysafe-TTL' => \&check_ttl;
subtest 'guarantee: result' => \&check_result;
subtest 'guarantee: semantic' => \&check_semantic;
subtest 'as many views as runs' => \&check_views;
subtest 'replay_status, replay_drop and cookies' => \&check_replay;
subtest 'exit_status' => \&check_exit_status;
subtest 'a 200 leads nowhere' => \&check_location;
subtest 'max_response' => \&check_oversize;
subtest 'tombstones' => \&check_tombstones;
subtest 'max_running of a route' => \&check_running;
subtest 'max_running of all routes' => \&check_running_all;
subtest 'the dead hold no places' => \&check_dead;
subtest 'limits' => \&check_limits;
subtest 'durability' => \&check_durability;
$sandbox->finish;

# ---- requests ----

sub new_key { 'key-' . ++$n }

sub target { my ($route, $query) = @_; return "$route.pl" . (length($query // '') ? "?$query" : '') }

sub ask {
    my ($wiring, $route, $key, $query, %more) = @_;
    return $wiring->request(POST => target($route, $query), key => $key, body => 'a=1', seconds => 40, %more);
}

# A request whose answer is read later.
sub begin {
    my ($wiring, $route, $key, $query) = @_;
    my $client = $wiring->connect;
    $client->send($wiring->bytes(POST => target($route, $query), key => $key, body => 'a=1'));
    $effects->await($key, 'run', 10) or die "$route, $key: no script runs\n";
    return $client;
}

# "201", "201 replayed" or "409 in-progress"; an answer that says when to come again ends with "later".
sub short {
    my ($answer) = @_;
    return 'client died' if !$answer;
    return join ' ', $answer->status, $answer->is_replay ? 'replayed' : (), $answer->problem || (),
        defined $answer->header('Retry-After') ? 'later' : ();
}

sub count {
    my %count;
    $count{$_}++ for @_;
    return \%count;
}

sub operation {
    my ($exit, @list) = verb($sandbox, 'list', '--limit', 1);
    return $list[0] // {};
}

sub is_known { (verb($sandbox, 'show', '--key', $_[1], '--script', "/socket/$_[0].pl"))[0] == 0 }

# Seconds since 1970 of a time such as 2026-01-02T03:04:05.678Z.
sub seconds_of {
    my ($y, $m, $d, $h, $min, $s, $ms) = $_[0] =~ /\A(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z\z/ or return 0;
    return timegm($s, $min, $h, $d, $m - 1, $y) + $ms / 1000;
}

# How many events there were of a kind, of one key.
sub events { my ($key, $event) = @_; return scalar grep { $_->[3] eq $event } $effects->events($key) }

# The most scripts of these keys that were between their first and their last line at one time.
sub at_once {
    my ($pattern) = @_;
    my ($now, $most) = (0, 0);
    for my $event (grep { $_->[0] =~ $pattern } $effects->events) {
        $now += $event->[3] eq 'run' ? 1 : $event->[3] eq 'end' ? -1 : 0;
        $most = $now if $now > $most;
    }
    return $most;
}

# ---- what is recorded ----

# The script's answer is delivered, and its key is free.
sub is_released {
    my ($wiring, $route, $query, $status) = @_;
    my $key = new_key();
    my @answers = map { ask($wiring, $route, $key, $query) } 1 .. 2;
    is_deeply [map { short($_) } @answers], [$status, $status], "$route?$query: each gets the script's answer";
    is_deeply [map { $_->body =~ /^nonce (\w+)\n/ ? 1 : 0 } @answers], [1, 1], '... with its body';
    isnt $answers[0]->header('X-Nonce'), $answers[1]->header('X-Nonce'), '... of its own run';
    is $effects->runs($key), 2, '... of which there were two';
    ok !is_known($route, $key), '... and nothing is kept';
    unlike $answers[0]->raw, qr/^Retrysafe-/mi, '... nor said about it';
}

sub is_recorded {
    my ($wiring, $route, $query, $status) = @_;
    my $key = new_key();
    my @answers = map { ask($wiring, $route, $key, $query) } 1 .. 2;
    is_deeply [map { short($_) } @answers], [$status, "$status replayed"], "$route?$query: recorded";
    is $answers[1]->body, $answers[0]->body, '... with its body';
    is $effects->runs($key), 1, '... of the one run';
    unlike $_->raw, qr/^Retrysafe-/mi, '... and our own fields are not sent' for @answers;
}

sub check_release_on {
    is_released($own, 'exact', 'status=503', 503);
    is_released($cgi, 'exact', 'status=418', 418);
    is_recorded($own, 'exact', 'status=500', 500);
    is_released($own, 'class', "status=$_", $_) for 500, 503, 599;
    is_recorded($own, 'class', 'status=404', 404);
    is_recorded($own, 'plain', 'status=503', 503);

    # Many at once with one key: one after the other, if at all.
    my $key = new_key();
    my @answers = crowd(24, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return ask($i % 2 ? $own : $cgi, 'class', $key, 'status=503&sleep=0.05');
    });
    my $told = count(map { short($_) } @answers);
    is_deeply [grep { $_ ne '503' && $_ ne '409 in-progress later' } keys %$told], [],
        'a crowd: the answer of a run of their own, or come later' or diag explain $told;
    is $effects->runs($key), $told->{503}, 'as many runs as such answers';
    is at_once(qr/\A\Q$key\E\z/), 1, 'one at a time';
    is short(ask($own, 'class', $key, 'status=200')), '200', 'and the key is free in the end';
}

sub check_outcome {
    is_released($_, 'plain', 'outcome=release&status=200', 200) for $own, $cgi;
    is_released($own, 'plain', 'outcome=Release&status=404', 404);
    is_recorded($_, 'plain', 'outcome=record', 200) for $own, $cgi;
    is_recorded($own, 'plain', 'outcome=perhaps', 200);
    ok scalar(grep { /Retrysafe-Outcome says neither/ } $sandbox->logs), 'nonsense is warned about';
}

# The gateway dies while the script runs.
sub check_keeper {
    my @cases = (['plain', 'outcome=release', 200], ['class', 'status=503', 503]);
    my %key = map { $_->[0] => new_key() } @cases;
    for (@cases) {
        my ($route, $query) = @$_;
        begin($own, $route, $key{$route}, "$query&gate=$key{$route}");
    }
    my $kept = new_key();
    begin($own, 'result', $kept, "gate=$kept&bytes=1000");
    kill 'KILL', $gateway;
    ok((wait_until { !is_alive($gateway) } 10), 'the gateway is dead');
    ok is_known($_->[0], $key{$_->[0]}), "$_->[0]: still taken" for @cases;
    $sandbox->open_gate($_) for values %key, $kept;
    for (@cases) {
        my ($route, $query, $status) = @$_;
        ok((wait_until { !is_known($route, $key{$route}) } 10), "$route: the keeper lets go of it");
    }
    ok((wait_until { operation()->{state} eq 'done' } 10), 'and records what is to be recorded');
    $gateway = start_gateway($sandbox, name => 'gateway-2');
    for (@cases) {
        my ($route, $query, $status) = @$_;
        is short(ask($own, $route, $key{$route}, "$query&gate=$key{$route}")), $status, "$route: the next request runs";
        is $effects->runs($key{$route}), 2, '... again';
    }
    my $replay = ask($own, 'result', $kept, "gate=$kept&bytes=1000");
    is_deeply [short($replay), length $replay->body], ['200 replayed', 0], 'by the policy of the route';
}

sub lifetime { my $op = operation(); return sprintf '%.0f', seconds_of($op->{expires}) - seconds_of($op->{updated}) }

sub check_ttl {
    is_recorded($own, 'plain', 'ttl=7d', 200);
    is lifetime(), 7 * 86400, 'a week';
    is_recorded($cgi, 'plain', 'ttl=90s', 200);
    is lifetime(), 90, 'a minute and a half';
    is_recorded($own, 'plain', '', 200);
    is lifetime(), 86400, 'the default of the route';
    my $warned = sub { scalar grep { /Retrysafe-TTL is not a duration/ } $sandbox->logs };
    for my $nonsense ('soon', '0s', '-1d', '7', '99999d', '1d1d', '') {
        my $before = $warned->();
        is_recorded($own, 'plain', "ttl=$nonsense", 200);
        is lifetime(), 86400, "... \"$nonsense\" is ignored";
        is $warned->(), $before + 1, '... with a warning' if length $nonsense;
    }
    my $key = new_key();
    my $first = ask($own, 'plain', $key, 'ttl=1s');
    sleep 1.1;
    is short(ask($own, 'plain', $key, 'ttl=1s')), '410 result-expired', 'a second';
    is $effects->runs($key), 1, 'one run';
}

# ---- what a replay is ----

sub check_result {
    for my $bytes (0, 100, 300_000) {
        my $key = new_key();
        my $query = "status=201&bytes=$bytes";
        my $first = ask($own, 'result', $key, $query);
        cmp_ok length $first->body, '>', $bytes, "$bytes bytes: the first answer has its body";
        for my $wiring ($own, $cgi) {
            my $replay = ask($wiring, 'result', $key, $query);
            is_deeply [short($replay), length $replay->body], ['201 replayed', 0],
                '... a replay the status alone, ' . $wiring->name;
            is $replay->header('X-Nonce'), $first->header('X-Nonce'), '... and the fields';
            ok $replay->{complete}, '... and an end';
        }
        is $effects->runs($key), 1, '... one run';
    }
    my $key = new_key();
    my @answers = crowd(20, sub { $_[1]->(); ask($_[0] % 2 ? $own : $cgi, 'result', $key, 'sleep=0.1') });
    my $told = count(map { short($_) } @answers);
    is $told->{200}, 1, 'of a crowd one gets the body';
    is_deeply [grep { !/\A(?:200|200 replayed|409 in-progress later)\z/ } keys %$told], [], '... and nobody an error';
    is $effects->runs($key), 1, '... one run';
}

sub check_semantic {
    my $key = new_key();
    my $first = ask($own, 'semantic', $key, 'status=201&bytes=400000');
    my ($ref) = $first->body =~ /^operation ([0-9a-f]{32})$/m;
    is short($first), '201', 'the first';
    for my $wiring ($own, $cgi) {
        my $view = ask($wiring, 'semantic', $key, 'status=201&bytes=400000');
        is short($view), '201 replayed', 'a retry is marked, ' . $wiring->name;
        isnt $view->header('X-Nonce'), $first->header('X-Nonce'), '... but shown anew';
        like substr($view->body, 0, 200), qr/\Anonce \w+\noperation \Q$ref\E\nattempt 1\nreplay 1\n/, '... as the same operation';
        is length $view->body, length($first->body), '... whole';
    }
    is_deeply [events($key, 'run'), events($key, 'view')], [1, 2], 'one effect, two views';
    is operation()->{ref}, $ref, 'no other operation';

    $key = new_key();
    my @answers = crowd(30, sub { $_[1]->(); ask($_[0] % 3 ? $own : $cgi, 'semantic', $key, 'sleep=0.1') });
    my $told = count(map { short($_) } @answers);
    is $told->{200}, 1, 'of a crowd one is the first';
    is_deeply [grep { !/\A(?:200|200 replayed|409 in-progress later)\z/ } keys %$told], [], '... and nobody hears of an error'
        or diag explain $told;
    is events($key, 'run'), 1, '... one effect';
    @answers = crowd(20, sub { $_[1]->(); ask($_[0] % 3 ? $own : $cgi, 'semantic', $key, 'sleep=0.1') });
    is_deeply count(map { short($_) } @answers), { '200 replayed' => 20 }, 'another crowd sees it, all of them';
    my %seen = map { ($_->body =~ /^(operation \w+)$/m)[0] => 1 } @answers;
    is keys %seen, 1, '... the same operation';
    is events($key, 'run'), 1, '... one effect still';

    $key = new_key();
    ask($own, 'semantic', $key, 'die=1');
    is short(ask($own, 'semantic', $key, 'die=1')), '410 result-expired', 'a view that dies';
    is operation()->{state}, 'done', '... changes nothing';
    $key = new_key();
    my $released = ask($own, 'semantic', $key, 'ttl=5s');
    is lifetime(), 5, 'a ttl of the first';
    sleep 0.05;
    my $before = operation();
    my $view = ask($own, 'semantic', $key, 'ttl=5s');
    is short($view), '200 replayed', '... a view that says it again';
    is_deeply operation(), $before, '... changes nothing';
    unlike $view->raw, qr/^Retrysafe-/mi, '... and does not show it';
}

# A view is started by everybody who retries, also by one who leaves at once.
sub check_views {
    my $key = new_key();
    is short(ask($own, 'view', $key, 'sleep=3')), '200', 'the first';
    my @clients;
    for (1 .. 2) {
        push @clients, my $client = ($_ == 1 ? $own : $cgi)->connect;
        $client->send($own->bytes(POST => target('view', 'sleep=3'), key => $key, body => 'a=1')) if $_ == 1;
        $client->send($cgi->bytes(POST => target('view', 'sleep=3'), key => $key, body => 'a=1')) if $_ == 2;
    }
    ok((wait_until { events($key, 'view') == 2 } 10), 'two views run');
    $clients[0]->leave('fin');
    sleep 0.3;
    is short(ask($_, 'view', $key, 'sleep=3')), '503 overloaded later', 'a third one does not, ' . $_->name
        for $own, $cgi;
    is short($clients[1]->read_answer(20)), '200 replayed', 'one is shown';
    ok((wait_until { events($key, 'end') == 3 } 10), 'the other has nobody to see it, and ends');
    is short(ask($own, 'view', $key, 'sleep=3')), '200 replayed', '... then there is room';

    $key = new_key();
    my $memory = sub { Process::contents('/proc/meminfo') =~ /^Shmem:\s+(\d+) kB/m ? $1 / 1024 : 0 };
    ask($own, 'view', $key, 'bytes=10');
    my $before = $memory->();
    my $client = $own->connect;
    $sandbox->write('www/socket/view.pl', "#!/bin/sh\nprintf 'Status: 200\\n\\n'\nhead -c 300000000 /dev/zero\nsleep 0.5\n");
    $client->send($own->bytes(POST => target('view', 'bytes=10'), key => $key, body => 'a=1'));
    my $most = 0;
    for (1 .. 10) { my $now = $memory->() - $before; $most = $now if $now > $most; sleep 0.1 }
    is short($client->read_answer(20)), '410 result-expired', 'a view without end';
    cmp_ok $most, '<', 100, '... is not kept in memory';
}

sub check_replay {
    for my $status (200, 201, 204, 303, 404) {
        my $then = ($status < 300 ? 200 : $status) . ' replayed';
        my $key = new_key();
        my @answers = map { ask($_, 'created', $key, "status=$status") } $own, $own, $cgi;
        is_deeply [map { short($_) } @answers], [$status, $then, $then], "replay_status 200 on $status";
        is $answers[1]->body, $answers[0]->body, '... the body is the same' if $status != 204;
    }
    my $key = new_key();
    my @named = (headers => [Authorization => 'Bearer ann']);
    my @answers = map { ask($own, 'created', $key, 'status=201', @named) } 1 .. 2;
    is $answers[1]->header('Set-Cookie'), $answers[0]->header('Set-Cookie'), 'a caller with a name gets his cookies again';
    $key = new_key();
    @answers = map { ask($own, 'created', $key, 'status=201', headers => ['User-Agent' => $_]) } 1, 2, 1;
    is_deeply [map { scalar $_->all('Set-Cookie') } @answers], [1, 0, 1],
        'one without only if he looks as the first did';
    @answers = map { ask($own, 'plain', $key, '') } 1 .. 2;
    is_deeply [map { scalar $_->all('X-Nonce') } @answers], [1, 0], 'replay_drop leaves a field out of a replay';
    is $answers[1]->body, $answers[0]->body, '... and nothing else';
}

sub check_exit_status {
    for my $wiring ($own, $cgi) {
        for (['plain', 'exit=3', '200', '200 replayed'], ['zero', 'exit=0', '200', '200 replayed'],
            ['zero', 'exit=3', '502 script-failed', '409 outcome-uncertain'],
            ['zero', 'status=503&exit=1', '502 script-failed', '409 outcome-uncertain']) {
            my ($route, $query, @wanted) = @$_;
            my $key = new_key();
            is_deeply [map { short(ask($wiring, $route, $key, $query)) } 1, 2], \@wanted,
                $wiring->name . ": $route, $query";
            is $effects->runs($key), 1, 'one run';
        }
        my $op = operation();
        is $op->{state}, 'uncertain', 'in the store';
        like $op->{reason}, qr/exit status is 1/, 'with its reason';
    }
    # The client leaves: the keeper records, by the same rule.
    my $key = new_key();
    my $client = begin($own, 'zero', $key, "gate=$key&exit=3");
    $client->leave;
    $sandbox->open_gate($key);
    ok wait_until(sub { operation()->{state} eq 'uncertain' }), 'recorded by the keeper';
}

# For Apache's CGI modules a 200 with a local Location is another page.
sub check_location {
    $sandbox->write('www/other.txt', "another page\n");
    for my $wiring (map { $site->wiring($_) } 'Apache mod_fcgid', 'Apache mod_proxy_fcgi SetHandler', 'nginx',
        'lighttpd cgi.assign') {
        my $file = $sandbox->write('www/' . $wiring->prefix . '/led.pl', <<'END');
#!/bin/sh
cat >/dev/null
printf 'Status: %s\nLocation: /other.txt\nContent-Type: text/plain\n\norder created\n' "${QUERY_STRING#status=}"
END
        chmod 0755, $file or die "$file: $!\n";
        for my $status (201, 303) {
            my $key = new_key();
            my @answers = map { ask($wiring, 'led', $key, "status=$status") } 1 .. 3;
            my @seen = map { [short($_), scalar $_->header('Location'), $_->body] } @answers;
            my ($then, $where) = $status == 201 ? ('200 replayed', undef) : ('303 replayed', '/other.txt');
            is_deeply \@seen, [[$status, '/other.txt', "order created\n"], ([$then, $where, "order created\n"]) x 2],
                $wiring->name . ": replay_status 200 on $status with a Location" or diag explain \@seen;
        }
    }
}

sub check_oversize {
    for my $bytes (33_000, 300_000, 3_000_000) {
        my $key = new_key();
        my $query = "status=201&bytes=$bytes";
        my $first = ask($own, 'small', $key, $query);
        # Sixteen times as much, and no more, is kept until the first answer is sent.
        if ($bytes < 16 * 32 * 1024) {
            is short($first), '201', "$bytes bytes: the first answer";
            cmp_ok length $first->body, '>', $bytes, '... is whole';
        } else {
            is short($first), '410 result-expired', "$bytes bytes: too much even for the first";
        }
        my $op = operation();
        is_deeply [@$op{qw(state status)}], ['done', 201], '... and the operation done';
        my @told = crowd(8, sub { $_[1]->(); ask($_[0] % 2 ? $own : $cgi, 'small', $key, $query) });
        is_deeply count(map { short($_) } @told), { '410 result-expired' => 8 }, '... retries hear so';
        is_deeply [@{ $told[0]->facts }{qw(operation operation_state)}], [$op->{ref}, 'done'], '... and which it was';
        is $effects->runs($key), 1, '... one run';
    }
}

sub check_tombstones {
    my $key = new_key();
    my $first = ask($own, 'brief', $key);
    my $ref = operation()->{ref};
    my $is_over = time + 2.1;
    is short($first), '200', 'an answer with a ttl and a tombstone of a second';
    is short(ask($cgi, 'brief', $key)), '200 replayed', '... is replayed';
    sleep 1.1;
    my @told = crowd(10, sub { $_[1]->(); ask($_[0] % 2 ? $own : $cgi, 'brief', $key) });
    is_deeply count(map { short($_) } @told), { '410 result-expired' => 10 }, '... then expired, for everybody';
    is_deeply [@{ $told[0]->facts }{qw(operation retry_same_key)}], [$ref, JSON::PP::false()], '... but known';
    is $effects->runs($key), 1, '... one run';
    sleep $is_over - time if $is_over > time;
    my @answers = crowd(20, sub { $_[1]->(); ask($_[0] % 2 ? $own : $cgi, 'brief', $key) });
    my $told = count(map { short($_) } @answers);
    is $told->{200}, 1, '... then free: of a crowd one runs it' or diag explain $told;
    is_deeply [grep { !/\A(?:200|200 replayed|409 in-progress later)\z/ } keys %$told], [], '... and nobody gets an error';
    is $effects->runs($key), 2, '... one more run';
    isnt operation()->{ref}, $ref, '... as another operation';
}

# ---- how many run ----

# Everybody has a key of his own.  Of @wirings, one after the other.
sub check_crowd {
    my ($limit, $name, $routes, @wirings) = @_;
    my $route = sub { $routes->[$_[0] % @$routes] };
    my $go = sub {
        my ($i, $barrier, $tries) = @_;
        my $answer;
        $barrier->();
        for (1 .. $tries) {
            $answer = ask($wirings[$i % @wirings], $route->($i), "$name-$i", 'sleep=0.3');
            last if $answer->status != 503;
            sleep 0.1 + rand 0.1;
        }
        return $answer;
    };
    my @answers = crowd(40, sub { $go->(@_, 1) });
    my $told = count(map { short($_) } @answers);
    is_deeply [sort grep { !/\A(?:200|503 overloaded later)\z/ } keys %$told], [], 'each is served, or told to come later'
        or diag explain $told;
    cmp_ok $told->{200} // 0, '>=', $limit, 'some are served';
    cmp_ok $told->{'503 overloaded later'} // 0, '>', 0, 'some are not';
    is_deeply [map { $effects->runs("$name-$_") } 0 .. 39], [map { $_ && $_->status == 200 ? 1 : 0 } @answers],
        'whoever was not served was not run';
    my $most = at_once(qr/\A\Q$name\E-/);
    cmp_ok $most, '<=', $limit, "never more than $limit at once";
    is $most, $limit, '... but as many as that';
    @answers = crowd(40, sub { $go->(@_, 100) });
    is_deeply [grep { $_ ne '200' && $_ ne '200 replayed' } map { short($_) } @answers], [], 'in the end everybody is served';
    is_deeply [grep { $effects->runs("$name-$_") != 1 } 0 .. 39], [], '... once';
    is at_once(qr/\A\Q$name\E-/), $limit, "... and never more than $limit at once";
}

sub check_running { check_crowd(3, 'three', ['three'], $own, $cgi) }

sub check_running_all {
    write_config($sandbox, %settings, max_running => 5);
    check_crowd(5, 'five', ['wide', 'plain'], $own, $cgi);
    write_config($sandbox, %settings);
}

# Gateway and keeper are killed in the middle of three runs; the scripts of two of them die as well.
sub check_dead {
    my @keys = map { new_key() } 1 .. 3;
    my @clients = map { begin($own, 'three', $_, "gate=$_") } @keys;
    is short(ask($cgi, 'three', new_key())), '503 overloaded later', 'no place is left';
    # The keeper is the only child that a gateway has.
    my ($keeper) = split ' ', Process::contents("/proc/$gateway/task/$gateway/children");
    my @scripts = map { [$effects->events($_)]->[0][1] } @keys;
    my @dead = ($gateway, $keeper, @scripts[0, 1]);
    kill 'KILL', @dead;
    ok((wait_until { !grep { is_alive($_) } @dead } 10), 'gateway, keeper and two of the scripts are dead');
    # No gateway has started since: a request finds out by itself.
    my @answers = crowd(2, sub { $_[1]->(); ask($cgi, 'three', "after-$_[0]", 'sleep=0.2') });
    is_deeply count(map { short($_) } @answers), { 200 => 2 }, 'two places are free';
    my @held = map { begin($cgi, 'three', $_, "gate=$_") } my @more = map { new_key() } 1 .. 2;
    is short(ask($cgi, 'three', new_key())), '503 overloaded later', '... and no more: one script lives';
    $sandbox->open_gate($keys[2]);
    wait_until { !is_alive($scripts[2]) } 10;
    is short(ask($cgi, 'three', new_key())), '200', '... until it ends';
    $sandbox->open_gate($_) for @more;
    is short($_->read_answer(10)), '200', 'those that were begun get their answers' for @held;
    $gateway = start_gateway($sandbox, name => 'gateway-3');
    is_deeply [map { short(ask($own, 'three', $_, "gate=$_")) } @keys], [('409 outcome-uncertain') x 3],
        'what became of the others nobody knows';
}

# ---- what a script may use ----

sub check_limits {
    my $answer = $spinner->read_answer(20);
    is short($answer), '502 script-failed', 'a script that spins is ended';
    is short(ask($own, 'cpu', 'spinner', 'use=cpu')), '409 outcome-uncertain', '... and its operation uncertain';
    my ($exit, $op) = verb($sandbox, 'show', $answer->facts->{operation});
    like $op->{reason}, qr/CPU time limit exceeded|Killed/, '... the reason says why';

    is short(ask($own, 'memory', new_key(), 'use=memory')), '502 script-failed', 'a script that takes more memory fails';
    ok scalar(grep { /Out of memory/ } $sandbox->logs), '... and says so itself';
    my $free = ask($own, 'free', new_key(), 'use=memory');
    is $free->body, (256 << 20) . " bytes taken\n", '... without a limit it gets it';

    $answer = ask($own, 'file', new_key(), 'use=file&ignore=1');
    like $answer->body, qr/\Awrite: File too large/, 'a file over file_size cannot be written';
    is short(ask($own, 'file', new_key(), 'use=file')), '502 script-failed', '... and whoever ignores that is ended';
    is ask($own, 'free', new_key(), 'use=file')->body, "1048576 bytes written\n", '... without a limit it can';

    $answer = ask($own, 'processes', new_key(), 'use=processes');
    like $answer->body, qr/\Afork: Resource temporarily unavailable/, 'no process over the number';
    is ask($own, 'free', new_key(), 'use=processes')->body, "started\n", '... without a limit there is';

    # Everything is within what `all` allows.
    for my $wiring ($own, $cgi) {
        my @bodies = map { ask($wiring, 'all', new_key(), "use=$_")->body } qw(memory file processes);
        is_deeply \@bodies, [(256 << 20) . " bytes taken\n", "1048576 bytes written\n", "started\n"],
            'nobody is stopped short of his limits, ' . $wiring->name;
        my %limits = limits_in(ask($wiring, 'all', new_key())->body);
        is_deeply [map { $limits{$_}[0] } 'cpu time', 'address space', 'file size', 'processes'],
            [100, 1 << 30, 2 << 20, 50_000], 'they are what the route says';
    }
    my ($keeper) = split ' ', Process::contents("/proc/$gateway/task/$gateway/children");
    my %of_gateway = limits_in(Process::contents("/proc/$gateway/limits"));
    is_deeply { limits_in(Process::contents("/proc/$keeper/limits")) }, \%of_gateway, 'the keeper has the limits of the gateway';
    # The mark of its run (evidence/run_row.h) is a limit far above what any process reaches.
    my %of_script = limits_in(ask($own, 'free', new_key())->body);
    cmp_ok $of_script{'realtime timeout'}[0], '>', 1e18, 'a script has a mark';
    $of_script{'realtime timeout'}[0] = $of_gateway{'realtime timeout'}[0];
    is_deeply \%of_script, \%of_gateway, 'and else the same limits without limits of its route';
}

# /proc/PID/limits as name => [soft, hard].
sub limits_in {
    my ($text) = @_;
    return map { /\AMax (.+?) {2,}(\S+) +(\S+)/ ? ($1 => [$2, $3]) : () } split /\n/, $text;
}

# ---- what is synced ----

sub check_durability {
    plan skip_all => 'strace may not trace here' if system 'strace -qq -o /dev/null true 2>/dev/null';
    my $requests = 10;
    stop_process($gateway);
    my %syncs;
    for my $durability (qw(full normal off)) {
        write_config($sandbox, %settings, durability => $durability,
            store => 'sqlite:' . $sandbox->path("store/$durability.db"), spool => $sandbox->path("spool/$durability"));
        my $calls = $sandbox->path('run', "calls-$durability");
        my $strace = start_gateway($sandbox, name => "gateway-$durability",
            env => { ASAN_OPTIONS => 'detect_leaks=0' },
            wrapper => ['strace', '-qq', '-f', '-e', 'trace=fdatasync,fsync', '-o', $calls]);
        my ($traced) = split ' ', Process::contents("/proc/$strace/task/$strace/children");
        my $key = new_key();
        is_deeply [map { short(ask($own, 'plain', "$key-$_")) } 1 .. $requests], [(200) x $requests], "$durability: served";
        is_deeply [map { short(ask($own, 'plain', "$key-$_")) } 1 .. 2], ['200 replayed', '200 replayed'], '... and replayed';
        kill 'TERM', $traced;
        wait_until { !is_alive($strace) } 15;
        $syncs{$durability} = () = Process::contents($calls) =~ /\b(?:fdatasync|fsync)\(/g;
    }
    # What is synced once, when a store is made, is the same for both.
    cmp_ok $syncs{full} - $syncs{normal}, '>=', 2 * $requests, 'full: each claim and each record is synced, otherwise not'
        or diag explain \%syncs;
    cmp_ok $syncs{normal}, '<', 2 * $requests, 'normal: less than one for each of them';
    cmp_ok $syncs{off}, '<', $requests, 'off: likewise';
    cmp_ok $syncs{off}, '<', $syncs{normal}, '... and less than with normal';
}
