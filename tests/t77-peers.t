# Claim: the bugs that users of other idempotency layers have met are not here: each of them is a test,
# most of them elsewhere (the table names the file and the words in it), the others below.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use JSON::PP ();
use Process;
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(sleep);

# What went wrong, where (project and issue, or its source), and the test here: file, words.
my @ELSEWHERE = (
    # Crashes, claims that are left behind, locks.
    ['crash after the commit, before the record: run again',
        'IdempotentAPI 57, 23', t50 => 'at most one effect'],
    ['crash: 409 for ever', 'IdempotentAPI 37, asgi-idempotency-header 16', t14 => 'gateway is killed'],
    ['crash: 409 for ever, nobody can settle it',
        'omlx 2397, Polaris 3803', t34 => 'settle --not-done: the key is free'],
    ['exception: deleted, and run again',
        'hono, Powertools, actor-ts 1082', t13 => 'and there is never a second run'],
    ['a lock is stolen from one who lives',
        'idempotency4j, prosper202 147', t35 => 'whoever has the new time sees that it runs'],
    ['milliseconds for seconds', 'Powertools Java 1285', t72 => 'how long they last (s)'],
    ['claim and expiry are two steps', 'Powertools Python 1181', t52 => 'whichever system call'],
    ['who loses the race gets a 5xx', 'idempot-js 181, idempotency_plug', t11 => 'never a 5xx'],
    ['a race at the moment of expiry runs twice', 'node-idempotency', t32 => 'the tombstone is over'],
    ['a lock is leaked with each error', 'fiber 3058', t20 => '500 bad requests later'],
    ['one lock for all keys', 'django-idempotency-key 60', t33 => 'none of them waits for long'],
    ['the monitor of interrupted runs dies too',
        'idempotency_plug', t36 => 'when all processes that know it'],
    # Clients that leave.
    ['recorded when the answer has been sent: never, if the client left',
        'idempot-js', t14 => 'client leaves by'],
    ['the run is cancelled with its client',
        'fullstackhero 1333, caura 1629', t14 => 'a run outlives its client'],
    ['children are left', 'fcgiwrap 19', t22 => 'no process is left'],
    # Across users and places.
    ['the key alone is the identity: another user gets the answer',
        'fiber, idempo 29, devlink 773', t72 => 'two operations'],
    ['anonymous callers share a scope', 'worldmonitor 4728', t72 => 'a stranger'],
    ['the key alone is the identity: another path gets the answer',
        'fiber', t72 => 'in another route it is another one'],
    ['another key with the same body is refused', 'idempot-js', t72 => 'another key, the same request'],
    ['another body gets the answer of the first', 'fiber, Kong, Restate', t71 => 'another payload'],
    # What is replayed.
    ['Set-Cookie is split at commas', 'fiber 4693', t72 => 'byte for byte, all of them'],
    ['Set-Cookie is replayed to anybody', 'granit-dotnet 1151', t72 => 'all but the cookies'],
    ['of repeated fields the last one wins', 'idempotency_plug, idempo', t13 => "'dup' =>"],
    ['Content-Length of something else', 'IdempotentAPI 21', t13 => "'long-length' =>"],
    ['the body as text', 'hono, idempot-js', t13 => "'binary' =>"],
    ['the body cut at 1 MiB', 'Veil 66', t33 => 'the very bytes of the script'],
    ['no marker', 'IdempotentAPI 85', t10 => 'one marker on a retry'],
    # Limits and cleaning up.
    ['what is too large is not recorded, and run again', 'fiber 4287, idempo', t33 => 'result-expired'],
    ['memory grows with bodies', 'nemotron 2958', t71 => 'the gateway has not grown with it'],
    ['nothing is ever removed', 'hono 17, AnchorNet 221', t32 => 'ordinary traffic purges'],
    ['the tombstone is for ever', 'fak 11950', t32 => 'after ttl and tombstone it is free'],
    # What the client is told.
    ['is a new key safe?', 'KeeperHub 1922, Noveum 455', t20 => 'new_key_is_safe'],
    ['409 hides 422', 'idempot-js 183', t72 => '422 wins over 409'],
    ['no Retry-After', 'agentic-commerce-protocol 97', t11 => 'when to come again'],
    ['a bad key is a 500', 'fiber', t20 => 'no closing quote'],
    ['an invalid header is ignored', 'enkan 131', t71 => 'hides the other'],
    ['a short key is refused', 'Firefox 1830022', t72 => 'a short key is a key'],
    # Operators and stores.
    ['keys cannot be looked at', 'YieldVault 457, Restate 2233', t31 => "subtest 'show'"],
    ['released without a reason', 'KiloClaw 3754', t34 => 'without --why it is refused'],
    ['BUSY at once, in spite of the time-out', 'profilarr 519', t30 => 'after busy_timeout'],
    ['read, then written: two are first', 'synthorg 1624, swarm 1234', t11 => 'one of them is the first'],
    ['a commit is lost with the power', 'SQLite with synchronous=NORMAL', t53 => 'when the power fails'],
    ['the store is down: everything passes', 'Kong', t30 => 'a known key is not run again'],
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, {
    routes => [
        { match => '*/slow.pl', ttl => '1s', tombstone => 0 },
        { match => '*/early.pl', timeout => '1s', kill_after => '100ms' },
        { match => '*/required.pl', key => 'required' },
        { match => '*/release.pl', release_on => ['401', '403', '419'] },
        { match => '*' },
    ],
});
my @WIRINGS = map { $site->wiring($_) } 'lighttpd socket', 'nginx', 'Apache mod_proxy_fcgi SetHandler';
my $n = 0;
for my $name (qw(required release)) {
    $sandbox->copy($sandbox->root . '/tests/scripts/effect.pl', "www/$_/$name.pl") for qw(socket proxy);
}

subtest 'elsewhere' => \&check_elsewhere;
subtest 'a run that takes longer than its answer would be kept' => \&check_slow;
subtest 'a run that takes too long' => \&check_timeout;
for my $wiring (@WIRINGS) {
    subtest $wiring->name . ': errors are results' => \&check_errors, $wiring;
    subtest $wiring->name . ': fields' => \&check_fields, $wiring;
    subtest $wiring->name . ': streams' => \&check_stream, $wiring;
    subtest $wiring->name . ': safe methods' => \&check_safe, $wiring;
}
subtest 'refused, and free again' => \&check_release;
$sandbox->finish;

sub check_elsewhere {
    for (@ELSEWHERE) {
        my ($what, $who, $test, $words) = @$_;
        my ($file) = glob $sandbox->root . "/tests/$test-*.t";
        ok $file && index(Process::contents($file), $words) >= 0, "$what ($who): $test";
    }
}

sub new_key { 'peer-' . ++$n }

sub outcome { join ' ', $_[0]->status, $_[0]->is_replay ? 'replay' : $_[0]->problem || 'answer' }

# ---- time ----

# Claims that expire like answers: Powertools 8049, prosper202 147, langwatch 6511, actor-ts 984.
sub check_slow {
    my ($wiring, $key) = ($WIRINGS[0], new_key());
    my @request = (POST => 'slow.pl?gate=peers', key => $key, body => 'a=1');
    my $client = $wiring->connect;
    $client->send($wiring->bytes(@request));
    ok $effects->await($key, 'run'), 'it runs';
    sleep 1.3;
    is $wiring->request(@request)->problem, 'in-progress', 'a retry after ttl is told so';
    $sandbox->open_gate('peers');
    my $first = $client->read_answer;
    is $first->status, 201, 'it is answered';
    my $retry = $wiring->request(@request);
    ok $retry->is_replay && $retry->body eq $first->body, 'from then on ttl counts' or diag $retry->summary;
    is $effects->runs($key), 1, 'one run';
}

# A time-out that leaves the key in progress, or frees it: Powertools 1038, 738, 8049; fcgiwrap 35.
sub check_timeout {
    my ($wiring, $key) = ($WIRINGS[0], new_key());
    # It answers, closes its output, and goes on.
    my @request = (POST => 'early.pl?gate=never', key => $key, body => 'a=1');
    my ($first, $retry) = map { $wiring->request(@request) } 1 .. 2;
    is_deeply [$first->status, $first->problem], [504, 'script-timeout'], 'told that nobody knows';
    is_deeply [$retry->status, $retry->problem], [409, 'outcome-uncertain'], 'a retry, too';
    is $retry->facts->{new_key_is_safe}, JSON::PP::false(), 'and that a new key is no way out';
    my ($run) = $effects->events($key);
    ok !Process::is_alive($run->[1]), 'the script is gone';
    is $effects->runs($key), 1, 'one run';
}

# ---- answers ----

# Only 2xx are kept, or only up to 499: IdempotentAPI, hono, idempo.
sub check_errors {
    my ($wiring) = @_;
    for my $status (400, 401, 402, 409, 412, 422, 425, 429, 500, 501, 502, 503, 504) {
        my $key = new_key();
        my ($first, $retry) =
            map { $wiring->request(POST => "effect.pl?status=$status", key => $key, body => 'a=1') } 1 .. 2;
        is_deeply [outcome($first), outcome($retry), $effects->runs($key)],
            ["$status answer", "$status replay", 1], "$status is recorded";
        is $retry->essence, $first->essence, 'as it was';
    }
}

# Fields that are dropped: asgi-idempotency-header, concerns_on_rails 47, IdempotentAPI 1496.
sub check_fields {
    my ($wiring) = @_;
    my @fields = (
        'Content-Type: application/vnd.order+json; charset=utf-8', 'Content-Location: /orders/1',
        'ETag: "a,b"', 'Last-Modified: Wed, 09 Jun 2021 10:18:14 GMT',
        'Link: </a>; rel="next", </b>; rel="up"',
        'Link: </c>; rel="first"', 'Location: https://example.org/orders/1', 'Vary: Accept, Cookie',
        'WWW-Authenticate: Basic realm="a, b"', 'Access-Control-Allow-Origin: https://example.org',
        'Access-Control-Expose-Headers: Idempotent-Replayed', 'X-Empty:', 'x-lower: 1',
        'Cache-Control: private');
    for my $prefix (qw(socket proxy)) {
        my $file = $sandbox->write("www/$prefix/fields.pl",
            join "\n", '#!/bin/sh', "cat <<'END'", 'Status: 201 Created', @fields, '', '{"order":1}', 'END',
            '');
        chmod 0755, $file or die "$file: $!\n";
    }
    my $key = new_key();
    my ($first, @again) = map { $wiring->request(POST => 'fields.pl', key => $key, body => 'a=1') } 1 .. 3;
    is $first->status, 201, 'recorded' or diag $first->raw;
    for (@again) {
        ok $_->is_replay, 'a replay';
        is $_->essence, $first->essence, 'with every field as it was, in the same order';
    }
    is $first->header('ETag'), '"a,b"', 'and as the script wrote it';
}

# A response in pieces is recorded empty, or not at all: actor-ts 1308, idempo.
sub check_stream {
    my ($wiring) = @_;
    my ($key, $body) = (new_key(), 'x' x 200_000);
    my ($first, $retry) = map { $wiring->request(POST => 'stream.pl', key => $key, body => $body) } 1 .. 2;
    like $first->body, qr/\Afirst \w+\n(?:got \d+\n)+got 200000\nlast\n\z/, 'all pieces';
    ok $retry->is_replay && $retry->body eq $first->body, 'again' or diag $retry->summary;
    is $effects->runs($key), 1, 'one run';
}

# A browser asks by OPTIONS first, without the key: massif-press/compcon 3107.
sub check_safe {
    my ($wiring) = @_;
    for my $method (qw(OPTIONS GET)) {
        my $runs = $effects->runs;
        my @answers = map { $wiring->request($method => 'required.pl') } 1 .. 2;
        is join(' ', map { outcome($_) } @answers), '200 answer 200 answer', "$method needs no key"
            or diag map { $_->raw } @answers;
        is $effects->runs, $runs + 2, 'and runs each time';
    }
    my $answer = $wiring->request(POST => 'required.pl', body => 'a=1');
    is $answer->problem, 'key-missing', 'POST does';
}

# A user who has to log in first needs the key again: gravitino 12474.
sub check_release {
    my ($wiring, $key) = ($WIRINGS[0], new_key());
    for (401, 403, 419) {
        my $answer = $wiring->request(POST => "release.pl?status=$_", key => $key, body => 'a=1');
        is outcome($answer), "$_ answer", "$_ is passed on";
    }
    my ($first, $retry) = map { $wiring->request(POST => 'release.pl', key => $key, body => 'a=1') } 1 .. 2;
    is_deeply [map { outcome($_) } $first, $retry], ['200 answer', '200 replay'], 'the key was free';
    is $effects->runs($key), 4, 'four runs, of which one was kept';
}
