# Claim: a response is replayed for `ttl`, its key is remembered for `tombstone` after that and then
# free again; ordinary traffic and `purge` remove what has expired; an uncertain operation never expires.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(write_config start_gateway socket_path verb);
use Process qw(wait_until);
use Sandbox;
use Test::More;
use Time::HiRes qw(time sleep);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);

$sandbox->place_scripts('bare', 'short', 'once', 'day');
write_config(
    $sandbox,
    routes => [
        { match => '/short/*', ttl => '2s', tombstone => '2s' },
        { match => '/once/*', ttl => '1s', tombstone => 0 },
        { match => '/day/*' },
    ],
);
start_gateway($sandbox);

my %first = map { ($_ => ask($_, "$_-1")) } qw(short day);
my $started = time;
my $doubt = ask('once', 'once-doubt', 'die.pl');
is $doubt->problem, 'script-failed', 'one becomes uncertain';
is ask($_, "$_-1")->essence, $first{$_}->essence, "$_: replayed at once" for sort keys %first;
my ($ref) = map { $_->{ref} } (verb($sandbox, 'list', '--route', '/short/*'))[1];

sleep_until(2.1);
my $answer = ask('short', 'short-1');
is_deeply [$answer->status, $answer->problem], [410, 'result-expired'], 'after ttl'
    or diag $answer->raw;
is_deeply [@{ $answer->facts }{qw(operation retry_same_key)}], [$ref, JSON::PP::false()],
    'with the operation that was done';
is $effects->runs('short-1'), 1, 'and no second run';

# Purging, with nothing else going on.
my ($exit, $purged) = verb($sandbox, 'purge');
is $exit, 0, 'purge';
my @expired = verb($sandbox, 'list', '--state', 'expired');
is_deeply [map { $_->{ref} } @expired[1 .. $#expired]], [$ref], 'the fact is kept, the response not';
$answer = ask('short', 'short-1');
is_deeply [$answer->status, $answer->facts->{operation}], [410, $ref], 'told the same as before';

# Purging beside other work: a key without further requests goes while requests with other keys come.
ask('once', 'once-2');
sleep_until(4.2);
wait_until { ask('day', 'day-' . time); !known('once-2', 'once') } 5;
ok !known('once-2', 'once'), 'ordinary traffic purges';

# A key is free after it has expired, purged or not.
$answer = ask('short', 'short-1');
is_deeply [$answer->status, $answer->is_replay ? 1 : 0], [200, 0], 'after ttl and tombstone it is free';
is $effects->runs('short-1'), 2, 'and runs again';
isnt $answer->body, $first{short}->body, 'as a new operation';

$answer = ask('once', 'once-doubt', 'die.pl');
is_deeply [$answer->problem, $effects->runs('once-doubt')], ['outcome-uncertain', 1],
    'what is uncertain stays so';
is ask('day', 'day-1')->essence, $first{day}->essence, 'what has not expired is replayed';

subtest 'the tombstone is over and no process has written since' => sub {
    my $once = ask('once', 'once-1');
    sleep 1.2;
    my $again = ask('once', 'once-1');
    is_deeply [$again->status, $again->is_replay ? 1 : 0], [200, 0], 'free'
        or diag $again->summary;
    is $effects->runs('once-1'), 2, 'and runs again';
};
$sandbox->finish;

sub ask {
    my ($route, $key, $script) = @_;
    my $path = $sandbox->path('www', $route, $script // 'effect.pl');
    return fastcgi_request(socket_path($sandbox), body => 'a=1', params => [params(
        script => $path, uri => "/$route/" . ($script // 'effect.pl'), key => $key, body => 'a=1')])
        ->{response};
}

# Is this key in the store?
sub known { (verb($sandbox, 'show', '--key', $_[0], '--script', "/$_[1]/effect.pl"))[0] == 0 }

sub sleep_until {
    my $left = $started + $_[0] - time;
    sleep $left if $left > 0;
}
