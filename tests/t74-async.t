# Claim: in every wiring a request can be answered 202 before its script has ended, and the result is
# found at Location, and only there by the callers that asked for it; `accept`, `async`, Prefer and
# soft_timeout decide when; a browser gets from the page that refreshes itself to the script's page.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client;
use Crowd qw(crowd);
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(start_gateway socket_path);
use Process qw(wait_until is_alive);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(time sleep);

my $HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
my $REF = qr/[0-9a-f]{32}/;

# What is not named here, and every control file, takes the last one.
my %ROUTES = (
    accept => { in_progress => 'accept' },
    always => { async => 'always' },
    asked => { async => 'prefer' },
    deaf => {},
    polite => { prefer => JSON::PP::true(), soft_timeout => '2s' },
    held => { prefer => JSON::PP::true(), in_progress => 'accept', wait => '2s' },
    soft => { soft_timeout => '1s' },
    patient => { soft_timeout => 0 },
    brief => { ttl => '1s' },
);
my %EVERYWHERE = (in_progress => 'accept', prefer => JSON::PP::true(), soft_timeout => '1s',
    max_running => 100);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, { route => \%EVERYWHERE, routes => [
    (map { { match => "*/$_-*", %{ $ROUTES{$_} } } } sort keys %ROUTES),
    { match => '*' x 300 . '/socket/long.pl', async => 'always' },
    { match => '*', %EVERYWHERE },
], defaults => { soft_timeout => '20s' } });
my $nginx = $site->wiring('nginx');
for my $route (keys %ROUTES) {
    $sandbox->copy($sandbox->root . "/tests/scripts/$_", "www/socket/$route-$_")
        for qw(effect.pl slow.pl die.pl);
}

subtest $_->name => \&check_wiring, $_ for $site->wirings;
subtest 'soft_timeout in every wiring' => \&check_soft_everywhere;
subtest 'async: always' => \&check_always;
subtest 'in_progress: accept' => \&check_accept;
subtest 'Prefer: respond-async' => \&check_respond_async;
subtest 'Prefer: wait' => \&check_prefer_wait;
subtest 'soft_timeout' => \&check_soft;
subtest "soft_timeout before mod_fcgid's own limit" => \&check_before_server;
subtest 'a browser' => \&check_browser;
subtest 'whose operation it is' => \&check_principal;
subtest 'what the operation became' => \&check_states;
subtest 'no cache keeps it' => \&check_uncacheable;
subtest 'not an operation' => \&check_ordinary;
subtest 'Location is never elsewhere' => \&check_location;
subtest 'the gateway is killed after its 202' => \&check_killed, $_ for 1 .. 3;
$sandbox->finish;

# ---- asking ----

# Sends a POST and returns its connection.
sub post {
    my ($wiring, $target, $key, @headers) = @_;
    my $client = $wiring->connect;
    $client->send($wiring->bytes(POST => $target, key => $key, body => 'a=1', headers => \@headers));
    return $client;
}

sub ask { post(@_)->read_answer }

sub get {
    my ($wiring, $target, @headers) = @_;
    return Client::request($wiring->port, GET => $target, headers => \@headers);
}

sub is_answered { $_[0]->read_answer(0.001)->{complete} }

# "409 in-progress", "202", "201 replay"
sub verdict {
    my ($answer) = @_;
    return join ' ', $answer->status, $answer->problem || (), $answer->is_replay ? 'replay' : ();
}

# What every 202 says; returns its Location.
sub check_accepted {
    my ($answer, $path, $what) = @_;
    my $facts = $answer->facts;
    is verdict($answer), 202, "$what: 202" or diag $answer->raw;
    my $location = $answer->header('Location') // '';
    like $location, qr{\A\Q$path\E\?_operation=$REF\z}, "$what: Location";
    like $answer->header('Retry-After'), qr/\A[1-9]\d*\z/, "$what: Retry-After";
    is $answer->header('Cache-Control'), 'no-store', "$what: Cache-Control";
    is_deeply [@$facts{qw(status operation operation_state location retry_same_key)}],
        [202, $location =~ /=(.*)/ ? $1 : '', 'running', $location, JSON::PP::true()],
        "$what: the same as JSON";
    return $location;
}

# Waits until there is something else at an operation's address than 202, and returns it.
sub await_result {
    my ($wiring, $location, @headers) = @_;
    my $answer;
    wait_until { ($answer = get($wiring, $location, @headers))->status != 202 } 10;
    return $answer;
}

# Opens the gate and follows the operation to its result.
sub check_result {
    my ($wiring, $location, $target, $key) = @_;
    $sandbox->open_gate($key);
    my $result = await_result($wiring, $location);
    is verdict($result), '201 replay', 'the result is there, with the marker' or diag $result->raw;
    my ($run) = $effects->events($key);
    is $result->body, "slow $run->[2]\n", 'that of the run';
    my $retry = ask($wiring, $target, $key);
    is $result->header('Cache-Control'), 'no-store', 'not for caches';
    is_deeply [verdict($retry), $retry->essence],
        ['201 replay', $result->essence =~ s/^Cache-Control: no-store\n//mr], 'a retry gets the same';
    is $effects->runs($key), 1, 'one run';
    return $result;
}

# ---- every wiring ----

sub check_wiring {
    my ($wiring) = @_;
    my $key = join '-', $wiring->kind, $wiring->prefix;
    my $target = "slow.pl?gate=$key";
    my $path = '/' . $wiring->prefix . '/slow.pl';
    my $answer = ask($wiring, $target, $key, Prefer => 'respond-async');
    my $location = check_accepted($answer, $path, 'the first');
    is $answer->header('Preference-Applied'), 'respond-async', 'Preference-Applied';
    is_deeply [$answer->all('Location')], [$location], 'one Location';

    is check_accepted(ask($wiring, $target, $key), $path, 'a retry'), $location, 'to the same';
    is check_accepted(get($wiring, $location), $path, 'GET'), $location, 'to itself';
    my $head = Client::request($wiring->port, HEAD => $location);
    is_deeply [$head->status, $head->header('Location'), $head->body], [202, $location, ''],
        'HEAD: the same without a body';
    check_result($wiring, $location, $target, $key);
    $head = Client::request($wiring->port, HEAD => $location);
    is_deeply [verdict($head), $head->body], ['201 replay', ''], 'HEAD of the result';
}

sub check_soft_everywhere {
    my %waiting = map { $_->name => $_ } $site->wirings;
    for my $wiring (values %waiting) {
        my $key = join '-', 'soft', $wiring->kind, $wiring->prefix;
        my $target = "slow.pl?gate=$key";
        $wiring = [$wiring, $target, $key, post($wiring, $target, $key)];
    }
    for my $name (sort keys %waiting) {
        my ($wiring, $target, $key, $client) = @{ $waiting{$name} };
        my $answer = $client->read_answer;
        my $location = check_accepted($answer, '/' . $wiring->prefix . '/slow.pl', $name);
        cmp_ok $answer->{seconds}, '>=', 0.95, "$name: after soft_timeout";
        check_result($wiring, $location, $target, $key);
    }
}

# ---- when it is 202 ----

sub check_always {
    my $target = 'always-slow.pl?gate=always';
    my @said = crowd(12, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return ask($nginx, $target, 'always');
    });
    my %locations = map { (check_accepted($_, '/socket/always-slow.pl', 'one of many') => 1) } @said;
    is keys %locations, 1, 'all are told the same';
    check_result($nginx, keys %locations, $target, 'always');
    is scalar(grep { $_->header('Preference-Applied') } @said), 0, 'nobody had a preference';
}

sub check_accept {
    my $target = 'accept-slow.pl?gate=accept';
    my @clients = map { post($nginx, $target, 'accept') } 1 .. 10;
    my @told;
    wait_until { (@told = grep { is_answered($_) } @clients) >= 9 } 10;
    is_deeply [map { verdict($_->read_answer) } @told], [(202) x 9], 'those who come later: 202';
    my ($first) = grep { my $it = $_; !grep { $_ == $it } @told } @clients;
    my $result = check_result($nginx, $told[0]->read_answer->header('Location'), $target, 'accept');
    $first = $first->read_answer;
    is_deeply [verdict($first), $first->essence], [201, $result->essence =~ s{^Cache-Control: no-store\n}{}mr], 'the first: the result';
}

# [route, Prefer, is it 202 at once?]
sub check_respond_async {
    my @rows = (
        ['asked', 'respond-async', 1],
        ['asked', 'foo; bar="a, b", Respond-Async', 1],
        ['asked', 'foo="respond-async"', 0],
        ['asked', undef, 0],
        ['polite', 'respond-async', 1],
        ['deaf', 'respond-async', 0],
    );
    for my $n (0 .. $#rows) {
        my ($route, $prefer, $is_async) = @{ $rows[$n] };
        my ($key, $what) = ("prefer-$n", "$route, " . ($prefer // 'nothing'));
        my @more = defined $prefer ? (Prefer => $prefer) : ();
        my $first = post($nginx, "$route-slow.pl?gate=$key", $key, @more);
        ok $effects->await($key, 'run'), "$what: it runs";
        my $second = ask($nginx, "$route-slow.pl?gate=$key", $key, @more);
        if ($is_async) {
            is verdict($first->read_answer), 202, "$what: the first";
            is verdict($second), 202, "$what: a retry";
            is $_->header('Preference-Applied'), 'respond-async', "$what: Preference-Applied"
                for $first->read_answer, $second;
        } else {
            is verdict($second), '409 in-progress', "$what: a retry";
            is $second->header('Preference-Applied'), undef, "$what: nothing applied";
            ok !is_answered($first), "$what: the first waits for its script";
        }
        $sandbox->open_gate($key);
        is verdict($first->read_answer), 201, "$what: until it ends" if !$is_async;
    }
}

sub check_prefer_wait {
    # As the first: until a second is over, or the script has ended.
    my %said = (polite => '409 in-progress', held => '202');
    my %first = map { $_ => post($nginx, "$_-slow.pl?gate=wait", "wait-$_", Prefer => 'wait=1') }
        keys %said, 'deaf';
    for my $route (sort keys %said) {
        my $answer = $first{$route}->read_answer;
        is verdict($answer), $said{$route}, "$route, wait=1: the first";
        cmp_ok $answer->{seconds}, '>=', 0.95, 'after a second';
    }
    ok !is_answered($first{deaf}), 'where it does not count, the first waits';
    is verdict(ask($nginx, 'deaf-slow.pl?gate=wait', 'wait-deaf', Prefer => 'wait=5')),
        '409 in-progress', 'and a retry does not';

    # As a later one: at most the route's `wait`.
    my $started = time;
    my $late = post($nginx, 'held-slow.pl?gate=wait', 'wait-held', Prefer => 'wait=100');
    is verdict(ask($nginx, 'held-slow.pl?gate=wait', 'wait-held', Prefer => 'wait=1')), 202,
        'a retry, wait=1: the error of the route';
    cmp_ok time - $started, '>=', 0.95, 'after a second';
    is verdict($late->read_answer), 202, 'wait=100: the same';
    cmp_ok time - $started, '>=', 1.95, "after the route's `wait`";

    my @waiters = map { post($nginx, "$_-slow.pl?gate=wait", "wait-$_", Prefer => 'wait=2') }
        sort keys %said;
    sleep 0.2;
    $sandbox->open_gate('wait');
    is verdict($_->read_answer), '201 replay', 'a retry that waits gets the result' for @waiters;
    is verdict($first{deaf}->read_answer), 201, 'the first of all as well';
    is $effects->runs("wait-$_"), 1, "$_: one run" for sort keys %first;

    # Both: the result if it is there soon, else 202 (RFC 7240, 4.3), and never later than
    # soft_timeout.
    my @both = map { (Prefer => $_) } 'respond-async, wait=30';
    is verdict(ask($nginx, 'held-effect.pl', 'both-quick', @both)), 200, 'both: a quick script';
    is verdict(ask($nginx, 'polite-effect.pl', 'both-quick', @both)), 200,
        'both, more than soft_timeout: a quick script';
    my $answer = ask($nginx, 'polite-slow.pl?gate=both', 'both', @both);
    is verdict($answer), 202, 'both: a slow one';
    cmp_ok $answer->{seconds}, '>=', 1.95, 'after soft_timeout';
    $sandbox->open_gate('both');
}

sub check_soft {
    my @callers = (
        ['soft', 'soft-json', '409 in-progress'],
        ['soft', 'soft-html', '202', Accept => $HTML],
        ['patient', 'patient', '201'],
    );
    my %first = map { my ($route, $key, undef, @headers) = @$_;
        ($key => post($nginx, "$route-slow.pl?gate=$key", $key, @headers)) } @callers;
    sleep 1.3;
    ok !is_answered($first{patient}), 'soft_timeout 0: it waits';
    $sandbox->open_gate('patient');
    for (@callers) {
        my ($route, $key, $verdict, @headers) = @$_;
        my $answer = $first{$key}->read_answer;
        is verdict($answer), $verdict, "$key: $verdict" or diag $answer->raw;
        next if $key eq 'patient';
        cmp_ok $answer->{seconds}, '>=', 0.95, 'after soft_timeout';
        like $answer->header('Location'), qr{\A/socket/soft-slow\.pl\?_operation=$REF\z}, 'Location';
        like $answer->header('Retry-After'), qr/\A[1-9]\d*\z/, 'Retry-After';
        my $retry = ask($nginx, "$route-slow.pl?gate=$key", $key, @headers);
        is verdict($retry), $key eq 'soft-json' ? '409 in-progress' : '202', 'a retry: the same';
        check_result($nginx, $answer->header('Location'), "$route-slow.pl?gate=$key", $key);
    }
}

# mod_fcgid cuts off after FcgidIOTimeout: here after 3 s.
sub check_before_server {
    my $conf = Process::contents($sandbox->root . '/conf/apache.conf');
    $conf =~ s/^FcgidIOTimeout\s+\d+/FcgidIOTimeout 3/m or die "no FcgidIOTimeout\n";
    $conf =~ s{\$\{RUN\}/}{\${RUN}/short-}g;
    my $file = $sandbox->write('conf/short.conf', $conf);
    my $port = Process::free_port();
    my $pid = $sandbox->start(name => 'apache-short',
        command => ['/usr/sbin/apache2', '-DFOREGROUND', '-f', $file],
        env => { BIN => $sandbox->path('bin'), DOCROOT => $sandbox->path('www'),
            RUN => $sandbox->path('run'), PORT => $port,
            CONFIG => $sandbox->path('conf/retrysafe.json') });
    ok wait_until(sub { Process::listens_on($pid, $port) }, 15), 'another Apache' or return;
    $sandbox->copy($sandbox->root . '/tests/scripts/slow.pl', "www/fcgid/$_-slow.pl")
        for 'patient', 'soft';
    my %answer = map { $_ => Client->connect($port) } qw(patient soft);
    $answer{$_}->send(Client::request_bytes(POST => "/fcgid/$_-slow.pl?gate=short-$_",
        headers => ['Idempotency-Key' => "short-$_"], body => 'a=1')) for keys %answer;
    $_ = $_->read_answer for values %answer;

    is_deeply [$answer{patient}->status, $answer{patient}->all('Location')], [500],
        'without it mod_fcgid says 500, and nothing else';
    is verdict($answer{soft}), '409 in-progress', 'with it, what is true' or diag $answer{soft}->raw;
    $sandbox->open_gate("short-$_") for keys %answer;
    for my $route (sort keys %answer) {
        my $retry;
        wait_until {
            $retry = Client::request($port, POST => "/fcgid/$route-slow.pl?gate=short-$route",
                headers => ['Idempotency-Key' => "short-$route"], body => 'a=1');
            $retry->status != 409;
        } 10;
        is verdict($retry), '201 replay', "$route: the retry gets the result" or diag $retry->raw;
        is $effects->runs("short-$route"), 1, 'of one run';
    }
}

# ---- a browser ----

# Where a page leads by itself, and after how many seconds.
sub refresh_of {
    my ($page) = @_;
    return ($page->header('Refresh') // '') =~ /\A(\d+); url=(\S+)\z/;
}

sub check_browser {
    my @browser = (Accept => $HTML, 'Content-Type' => 'application/x-www-form-urlencoded');
    my $page = ask($nginx, 'soft-slow.pl?gate=browser&name=a%26b', 'browser', @browser);
    my @pages;
    while (my ($seconds, $url) = refresh_of($page)) {
        push @pages, $page->status;
        is $url, $page->header('Location'), 'the page leads to Location';
        is $seconds, $page->header('Retry-After'), 'in time';
        like $page->header('Content-Type'), qr{\Atext/html}, 'a page';
        like $page->body, qr{<a href="\Q$url\E">}, 'with a link for those who do not wait';
        last if @pages > 50;
        $sandbox->open_gate('browser') if @pages == 2;
        sleep 0.1;    # a browser would wait longer
        $page = get($nginx, $url, Accept => $HTML);
    }
    cmp_ok scalar @pages, '>=', 2, 'it came by the page more than once';
    is_deeply \@pages, [(202) x @pages], 'each of them a 202';
    is verdict($page), '201 replay', "then the script's page";
    like $page->body, qr/\Aslow [0-9a-f]{16}\n\z/, 'as the script wrote it';
    is $effects->runs('browser'), 1, 'one run';
}

# ---- the operation's address ----

sub check_principal {
    my @alice = (Authorization => 'Bearer alice');
    my @mallory = (Authorization => 'Bearer mallory');
    my $answer = ask($nginx, 'always-slow.pl?gate=alice', 'alice', @alice);
    my $location = check_accepted($answer, '/socket/always-slow.pl', 'Alice');
    my $never = '/socket/always-slow.pl?_operation=' . '0123456789abcdef' x 2;
    my %asked = (
        'a ref that never was' => [$never, @alice],
        'somebody else' => [$location, @mallory],
        'nobody' => [$location],
        'another route' => [$location =~ s/always-/asked-/r, @alice],
    );
    for my $state ('running', 'done') {
        if ($state eq 'done') {
            $sandbox->open_gate('alice');
            is verdict(await_result($nginx, $location, @alice)), '201 replay', 'Alice sees it';
        } else {
            is verdict(get($nginx, $location, @alice)), 202, 'Alice sees it';
        }
        my %said = map { $_ => get($nginx, @{ $asked{$_} }) } keys %asked;
        is verdict($said{$_}), '404 operation-unknown', "$state: $_" for sort keys %said;
        is keys %{ { map { ($_->essence => 1) } values %said } }, 1, "$state: they all see the same bytes";
        ok $said{nobody}->raw !~ /\Q@{[$location =~ m{=(.*)}]}\E/, 'without the ref';
    }

    # Users, who are only there where a server authenticates them.
    my %ask = map { my $user = $_; ($user => sub {
        fastcgi_request(socket_path($sandbox), body => $_[0] eq 'POST' ? 'a=1' : undef,
            params => [params(script => $sandbox->path('www/socket/always-effect.pl'),
                uri => '/socket/always-effect.pl', method => $_[0], query => $_[1], key => 'users',
                body => $_[0] eq 'POST' ? 'a=1' : undef, more => [REMOTE_USER => $user])])->{response};
    }) } qw(alice mallory);
    my %at = map { $_ => $ask{$_}('POST')->header('Location') =~ s/.*\?//r } keys %ask;
    isnt $at{alice}, $at{mallory}, 'users: each has an operation of the same key';
    is $ask{alice}('GET', $at{mallory})->problem, 'operation-unknown', 'and not that of the other';
    my $own;
    wait_until { ($own = $ask{alice}('GET', $at{alice}))->status != 202 };
    is verdict($own), '200 replay', 'but its own';
}

sub check_states {
    # Uncertain.
    my $failed = ask($nginx, 'deaf-die.pl', 'die');
    is verdict($failed), '502 script-failed', 'a script dies';
    is $failed->header('Location'), undef, 'no Location where there is nothing to wait for';
    my $at = '/socket/deaf-die.pl?_operation=' . $failed->facts->{operation};
    my $answer = get($nginx, $at);
    is verdict($answer), '409 outcome-uncertain', 'its operation' or diag $answer->raw;
    is $answer->header('Retry-After'), undef, 'and waiting does not help';
    is $effects->runs('die'), 1, 'asking runs nothing';

    $failed = ask($nginx, 'always-die.pl', 'die-async');
    $answer = await_result($nginx, $failed->header('Location'));
    is verdict($answer), '409 outcome-uncertain', 'of a run that nobody waited for';

    # Under a name that is longer than what the store keeps of it.
    $sandbox->copy($sandbox->root . '/tests/scripts/effect.pl', 'www/socket/long.pl');
    $answer = await_result($nginx, ask($nginx, 'long.pl', 'long')->header('Location'));
    is verdict($answer), '200 replay', 'of a route with a long name';

    # Expired.
    my $done = ask($nginx, 'brief-effect.pl', 'brief');
    my ($exit, @all) = Gateway::verb($sandbox, 'list', '--route', '*/brief-*');
    $at = "/socket/brief-effect.pl?_operation=$all[-1]{ref}";
    sleep 1.1;
    $answer = get($nginx, $at);
    is verdict($answer), '410 result-expired', 'expired' or diag $answer->raw;
}

# A shared cache would keep one caller's answer for everybody who asks for the address.
sub check_uncacheable {
    my %says = ('Cache-Control' => 'public, max-age=600', Expires => 'Wed, 09 Jun 2038 10:18:14 GMT',
        ETag => '"1"', 'Last-Modified' => 'Wed, 09 Jun 2021 10:18:14 GMT', 'CDN-Cache-Control' => 'max-age=600',
        'Surrogate-Control' => 'max-age=600', 'X-Other' => 'stays');
    my $fields = join '', map { "$_: $says{$_}\n" } sort keys %says;
    for my $wiring (grep { !$_->is_control } $site->wirings) {
        my $file = $sandbox->write('www/' . $wiring->prefix . '/public.pl',
            "#!/bin/sh\ncat >/dev/null\ncat <<'END'\nContent-Type: text/plain\n$fields\npublic\nEND\n");
        chmod 0755, $file or die "$file: $!\n";
        my ($name, $key) = ($wiring->name, join '-', 'public', $wiring->kind, $wiring->prefix);
        my $accepted = ask($wiring, 'public.pl', $key, Prefer => 'respond-async');
        my $location = $accepted->header('Location') // return fail "$name: " . $accepted->summary;
        my $result;
        wait_until { $result = get($wiring, $location); $result->status != 202 } 10;
        is $result->body, "public\n", "$name: the result" or diag $result->raw;
        is_deeply [$result->all('Cache-Control')], ['no-store'], '... is for nobody else';
        is_deeply [grep { $_ ne 'Cache-Control' && defined $result->header($_) } sort keys %says], ['X-Other'],
            '... says no field';
        is get($wiring, $location =~ s/.\z/x/r)->status, 200, '... what is no operation is the script';
        my $retry = ask($wiring, 'public.pl', $key);
        is_deeply [$retry->is_replay, $retry->header('Cache-Control')], [1, $says{'Cache-Control'}],
            '... and a retry gets what the script said';
    }
}

# What only looks like an operation is the script's.
sub check_ordinary {
    my $runs = $effects->runs('-');
    my $ref = '0123456789abcdef' x 2;
    my @queries = ('hello', '', uc $ref, substr($ref, 1), "${ref}0", "$ref&_operation=$ref",
        "$ref%00");
    for my $query (@queries) {
        my $answer = get($nginx, "/socket/always-effect.pl?_operation=$query");
        is verdict($answer), 200, "GET ?_operation=$query: the script" or diag $answer->raw;
    }
    is $effects->runs('-'), $runs + @queries, 'it ran each time';
    is verdict(get($nginx, "/socket/always-effect.pl?a=1&_operation=$ref&b=2")),
        '404 operation-unknown', 'between other parameters';
    is verdict(ask($nginx, "deaf-effect.pl?_operation=$ref", 'ordinary')), 200,
        'a POST with it is an ordinary POST';
    is verdict(ask($nginx, "deaf-effect.pl?_operation=$ref", 'ordinary')), '200 replay', 'and replayed';
    is $effects->runs('ordinary'), 1, 'of one run';
}

# ---- Location ----

sub check_location {
    # Two slashes at the beginning would be a host.
    for my $wiring (map { $site->wiring($_) } 'nginx', 'lighttpd socket', 'lighttpd cgi.assign',
        'Apache mod_fcgid', 'Apache mod_proxy_fcgi SetHandler') {
        my $key = 'slashes-' . $wiring->kind . '-' . $wiring->prefix;
        my $target = '/' . $wiring->prefix . '/effect.pl';
        my $answer = Client::request($wiring->port, POST => "//$target", body => 'a=1',
            headers => ['Idempotency-Key' => $key, Prefer => 'respond-async', Accept => $HTML]);
        is $answer->status, 202, $wiring->name . ': a URI that begins with slashes' or diag $answer->raw;
        like $answer->header('Location'), qr{\A\Q$target\E\?_operation=$REF\z}, 'one is left';
        is +(refresh_of($answer))[1], $answer->header('Location'), 'in the page, too';
    }

    my %uris = (
        '/bare/a%2F..%2Fb.pl' => '/bare/a%2F..%2Fb.pl', "/bare/it's;a=1,b&c.pl" => "/bare/it's;a=1,b&c.pl",
        '//evil.example/x.pl?a=//b' => '/evil.example/x.pl', '///evil.example/' => '/evil.example/',
        map { $_ => undef } '/\\evil.example/', '/bare/<b>.pl', '/bare/a".pl', '/bare/a b.pl', '/bare/a#b',
        "/bare/a\tb", "/bare/a\r\nX: y", "/bare/\xe4", 'http://evil.example/bare/x.pl', 'evil', '',
        '*', "/\t/evil.example/",
    );
    my $n = 0;
    for my $uri (sort keys %uris) {
        my @params = params(script => $sandbox->path('www/bare/effect.pl'), key => 'uri-' . ++$n,
            body => 'a=1', more => [HTTP_PREFER => 'respond-async']);
        for (0 .. $#params) {
            $params[$_ + 1] = $uri if $params[$_] eq 'REQUEST_URI';
        }
        my $answer = fastcgi_request(socket_path($sandbox), params => \@params, body => 'a=1')->{response};
        my $shown = $uri =~ s/[^ -~]/?/gr;
        is $answer->status, 202, "$shown: 202" or next;
        my $location = $answer->header('Location');
        if (defined $uris{$uri}) {
            like $location, qr{\A\Q$uris{$uri}\E\?_operation=$REF\z}, "$shown: Location";
        } else {
            ok !defined $location || $location =~ m{\A/bare/effect\.pl\?_operation=$REF\z},
                "$shown: a safe Location or none" or diag $location;
        }
        is $answer->header('X'), undef, "$shown: no field of its own";
    }
}

# ---- death ----

sub check_killed {
    my ($n) = @_;
    my $key = "killed-$n";
    my $target = "always-slow.pl?gate=$key";
    my $gateway = $n == 1 ? $site->gateway : start_gateway($sandbox);
    my $answer = ask($nginx, $target, $key);
    kill 'KILL', $gateway;
    wait_until { !is_alive($gateway) } 5;
    my $location = check_accepted($answer, '/socket/always-slow.pl', 'before its death');
    $gateway = start_gateway($sandbox);
    is verdict(get($nginx, $location)), 202, 'another gateway knows of it';
    check_result($nginx, $location, $target, $key);
    kill 'TERM', $gateway;
    wait_until { !is_alive($gateway) } 10;
}
