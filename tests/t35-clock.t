# Claim: a clock that jumps a day, forwards or backwards, runs nothing twice and blocks no key.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Test::More;

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
$sandbox->finish;

# A gateway whose wall clock is so far away; the one before leaves, unless it is kept.
sub at {
    my ($jump, %how) = @_;
    stop_process($gateway) if $gateway && !$how{keep};
    unlink socket_path($sandbox) if $how{keep};
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n,
        env => { LD_PRELOAD => $library, FAKETIME => $jump, DONT_FAKE_MONOTONIC => 1 });
}

sub request {
    my ($key, $query) = @_;
    return (params => [params(script => $sandbox->path('www/bare/effect.pl'), key => $key, body => 'a=1',
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
