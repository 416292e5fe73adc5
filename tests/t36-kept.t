# Claim: a result that the store does not take is saved, on disk too: when all processes that know it
# have been killed, the next look records it, and the retry gets it; one effect.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive);
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $gateway;

$sandbox->place_scripts('bare');
write_config($sandbox, busy_timeout => '200ms', routes => [{ match => '*', timeout => '60s' }]);
$gateway = start_gateway($sandbox);
is ask('before')->status, 200, 'a first request makes the store';

for my $bytes (10, 300_000) {
    subtest "a response of $bytes bytes" => sub {
        my $key = "kept-$bytes";
        my $conn = begin_run($key, $bytes);
        my $lock = lock_store();
        $sandbox->open_gate($key);
        my $told = $conn->read_answer(15)->{response};
        is_deeply [$told->status, $told->problem], [409, 'in-progress'],
            'the client hears that it is still in progress' or diag $told->raw;
        ok((wait_until { glob $sandbox->path('spool/kept-*') } 10), 'the result is in the spool');
        my @all = $sandbox->gateways;
        kill 'KILL', @all;
        ok((wait_until { !grep { is_alive($_) } @all } 10), 'everybody who knows it dies');
        close $lock->{pipe};
        waitpid $lock->{pid}, 0;
        $gateway = start_gateway($sandbox, name => "gateway-$bytes");
        my $retry;
        wait_until { $retry = ask($key, $bytes); $retry->problem eq '' } 10;
        is $retry->status, 200, 'the retry gets it' or diag $retry->raw;
        my ($event) = $effects->events($key);
        like $retry->body, qr/\Anonce \Q$event->[2]\E\n/, 'that of the run';
        cmp_ok length $retry->body, '>', $bytes, 'all of it';
        is $effects->runs($key), 1, 'one effect';
        is_deeply [glob $sandbox->path('spool/kept-*')], [], 'nothing is left in the spool';
    };
}
$sandbox->finish;

# Holds SQLite's own write lock, as another program may.
sub lock_store {
    my $database = $sandbox->path('store/retrysafe.db');
    my $pid = open my $pipe, '|-', "sqlite3 '$database' >/dev/null 2>&1" or die "sqlite3: $!\n";
    $pipe->autoflush(1);
    print {$pipe} ".timeout 5000\nBEGIN IMMEDIATE;\n";
    wait_until { `sqlite3 '$database' 'BEGIN IMMEDIATE' 2>&1` =~ /locked/ } 5;
    return { pid => $pid, pipe => $pipe };
}

sub request {
    my ($key, $bytes) = @_;
    my $query = $bytes ? "bytes=$bytes&gate=$key" : '';
    return (params => [params(script => $sandbox->path('www/bare/effect.pl'), key => $key, body => 'a=1',
        query => $query)], body => 'a=1');
}

sub ask { return fastcgi_request(socket_path($sandbox), request(@_), seconds => 20)->{response} }

sub begin_run {
    my ($key, $bytes) = @_;
    my %how = request($key, $bytes);
    my $conn = FastCgi->connect(socket_path($sandbox));
    $conn->send(begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, $how{body}), record(STDIN_DATA, 1, ''));
    ok $effects->await($key, 'run', 10), 'the script runs';
    return $conn;
}
