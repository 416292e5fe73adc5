# Claim: over max_store and max_recorded a new request is answered 503 before anything runs, through
# every server, while replays, runs, settling and purging go on; a request that is kept for a policy
# goes with the tombstone, and its operation stays for the operator.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Gateway qw(verb write_config);
use Process qw(wait_until);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(sleep time);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $probe = $sandbox->write('bin/probe', "#!/bin/sh\ncat >/dev/null\necho asked >>"
    . $sandbox->path('store/asked') . "\nexit 2\n");
chmod 0755, $probe;
my %probed = (on_uncertain => 'probe', probe => [$probe], ttl => '1s', tombstone => '1s');
my @routes = ({ match => '*/die.pl', %probed }, { match => '*/slow.pl' }, { match => '*' });
my %settings = (max_store => '2M', max_running => 4, routes => \@routes);
my $site = Site->new($sandbox, 'lighttpd', 'nginx', 'apache', \%settings);
my @wirings = map { $site->wiring($_) } 'nginx', 'lighttpd cgi.assign', 'Apache mod_fcgid';
my ($own) = @wirings;
my $n = 0;

subtest 'max_store' => sub {
    my $uncertain = ask($own, 'uncertain', '', 'die.pl');
    is $uncertain->problem, 'script-failed', 'one is uncertain';
    my $running = begin('runs', 'gate=room&bytes=300000');
    my @first;
    for my $i (1 .. 20) {
        push @first, ask($wirings[$i % 3], "k$i", 'bytes=300000');
        last if $first[-1]->status != 200;
    }
    my $refused = pop @first;
    ok @first >= 5 && @first <= 7, @first . ' times 300 kB in 2 MB' or diag $refused->raw;
    is_refused($refused, 'then a new one');
    for my $wiring (@wirings) {
        my $key = 'new-' . ++$n;
        is_refused(ask($wiring, $key, 'bytes=10'), 'a new key through ' . $wiring->name);
        is $effects->runs($key), 0, 'runs nothing';
        my ($i) = grep { $wirings[$_ % 3] == $wiring } 1 .. @first;
        my $replay = ask($wiring, "k$i", 'bytes=300000');
        ok $replay->is_replay && $replay->body eq $first[$i - 1]->body, 'what is recorded is replayed';
    }
    is ask($own, 'k3', 'bytes=1')->problem, 'key-reused', 'problems are told as ever'
        if $wirings[0] == $own;
    is ask($own, undef, 'bytes=100')->status, 200, 'a request without a key passes';
    $sandbox->open_gate('room');
    my $answer = $running->read_answer(20);
    is $answer->status, 200, 'what runs is answered';
    ok ask($own, 'runs', 'gate=room&bytes=300000')->is_replay, 'and recorded';
    my $ref = uncertain_ref();
    is +(verb($sandbox, 'settle', $ref, '--not-done', '--why', 'looked'))[0], 0, 'settling works';
    my $warnings = () = $sandbox->read('log/gateway') =~ /is full: it holds max_store/g;
    is $warnings, 1, 'the log says it once';
    my ($exit, $stats) = verb($sandbox, 'stats');
    ok $stats->{used_bytes} > 2 << 20 && $stats->{max_store} == 2 << 20, '`stats` has size and limit';

    age(25 * 3600);
    my ($code, $purged) = verb($sandbox, 'purge');
    ok $purged->{responses_dropped} >= @first, 'a purge';
    my $again = ask($own, 'new-1', 'bytes=10');
    is $again->status, 200, 'makes room' or diag $again->raw;
};

# A process of one request never sees the log grow by much.
subtest 'what expires makes room by itself, also where each request is a process' => sub {
    my ($cgi) = grep { $_->name =~ /cgi/ } @wirings;
    my $last;
    for (1 .. 20) {
        $last = ask($cgi, 'cgi-' . ++$n, 'bytes=300000');
        last if $last->status != 200;
    }
    is_refused($last, 'full');
    age(25 * 3600);
    ok +(wait_until { ask($cgi, 'cgi-' . ++$n, 'bytes=10')->status == 200 } 10), 'a day later it is not';
};

subtest 'max_recorded' => sub {
    write_config($sandbox, script_dirs => [$sandbox->path('www')], %settings, max_store => '1G',
        routes => [{ match => '*/effect.pl', max_recorded => '100K' }, { match => '*' }]);
    is ask($own, "share-$_", 'bytes=40000')->status, 200, 'forty of a hundred kB' for 1 .. 3;
    my $refused = ask($own, 'share-4', 'bytes=40000');
    is_refused($refused, 'a hundred are full');
    like $refused->facts->{detail}, qr/this script/, 'as the detail says';
    is $effects->runs('share-4'), 0, 'nothing ran';
    ok ask($own, 'share-1', 'bytes=40000')->is_replay, 'replays go on';
    is ask($own, 'other', '', 'cookies.pl')->status, 200, 'another route has room';
    my ($exit, $stats) = verb($sandbox, 'stats');
    my ($kept) = values %{ $stats->{recorded} };
    ok $kept > 120_000 && $kept < 122_000, "`stats` counts $kept bytes";
    is_deeply $stats->{max_recorded}, { '*/effect.pl' => 102_400 }, 'and names the limit';
    is scalar(grep { $_->{not_json} } $stats), 0, 'both sums are the same';
    age(25 * 3600);
    verb($sandbox, 'purge');
    is ask($own, 'share-4', 'bytes=40000')->status, 200, 'a purge makes room';
};

subtest 'a request that is kept for a policy' => sub {
    write_config($sandbox, script_dirs => [$sandbox->path('www')],
        routes => [{ match => '*/die.pl', %probed }, { match => '*' }]);
    is ask($own, 'kept', '', 'die.pl')->problem, 'script-failed', 'uncertain';
    is stored(), 1, 'its request is kept';
    my $ref = uncertain_ref();
    my $asked = asked();
    verb($sandbox, 'recover');
    is asked(), $asked + 1, 'the probe is asked';
    sleep 2.2;
    verb($sandbox, 'purge');
    is stored(), 0, 'two seconds later it is gone';
    sleep 1.1;
    verb($sandbox, 'recover') for 1 .. 3;
    is asked(), $asked + 1, 'and the probe is asked no more';
    is ask($own, 'kept', '', 'die.pl')->problem, 'outcome-uncertain', 'retries are told as before';
    my ($exit, $shown) = verb($sandbox, 'show', $ref);
    is $shown->{state}, 'uncertain', 'the operation stays';
    my @said = map { "$_->{event}: $_->{detail}" } @{ $shown->{history} };
    is scalar(grep { /\Arequest dropped: .*settle it/ } @said), 1, '`show` says why' or diag @said;
    is scalar(grep { /not kept/ } @said), 1, 'and that the probe cannot look, once' or diag @said;
    is +(verb($sandbox, 'settle', $ref, '--not-done', '--why', 'looked'))[0], 0, 'it can be settled';
};
$sandbox->finish;

sub ask {
    my ($wiring, $key, $query, $script) = @_;
    my $target = ($script // 'effect.pl') . ($query ? "?$query" : '');
    return $wiring->request(POST => $target, defined $key ? (key => $key) : (), body => 'a=1', seconds => 40);
}

# A request whose answer is read later.
sub begin {
    my ($key, $query) = @_;
    my $client = $own->connect;
    $client->send($own->bytes(POST => "effect.pl?$query", key => $key, body => 'a=1'));
    $effects->await($key, 'run', 10) or die "$key: no script runs\n";
    return $client;
}

sub is_refused {
    my ($answer, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [$answer->status, $answer->problem, $answer->header('Retry-After') ? 'later' : ''],
        [503, 'overloaded', 'later'], $what or diag $answer->raw;
}

sub sql {
    my ($sql) = @_;
    my $pid = $sandbox->start(user => $sandbox->user, name => 'sql-' . ++$n,
        command => ['/usr/bin/sqlite3', '-cmd', '.timeout 5000', $sandbox->path('store/retrysafe.db'), $sql]);
    waitpid $pid, 0;
    is $?, 0, 'sqlite3' if $?;
    return Process::contents($sandbox->path("log/sql-$n"));
}

sub uncertain_ref { (verb($sandbox, 'list', '--state', 'uncertain'))[1]{ref} }

# Time passes for all that is recorded.
sub age { sql(sprintf 'UPDATE %s SET due=due-%d', $_, 1000 * $_[0]) for qw(operation request) }
sub stored { 0 + sql('SELECT count(*) FROM request') }
sub asked { my $all = -e $sandbox->path('store/asked') ? $sandbox->read('store/asked') : ''; return $all =~ tr/\n// }
