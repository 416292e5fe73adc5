# Claim: a result that the store does not take is saved, on disk too: when all processes that know it
# have been killed, the next look records it, and the retry gets it; one effect.  For a store that has
# been moved or deleted no process waits longer than half a minute.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use File::Path qw(remove_tree);
use Process qw(wait_until is_alive stop_process);
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
# Each has a store of its own, and a spool inside or outside of its directory; all wait together.
my %gone = (
    'the store is moved' => { spool => 'spool-a', do => sub { rename $_[0], "$_[0].away" } },
    'it is moved with its spool' => { spool => 'store-b/spool', do => sub { rename $_[0], "$_[0].away" } },
    'the database is deleted' => { spool => 'spool-c', back => 0, do => sub { unlink glob "$_[0]/s.db*" } },
    'all of it is deleted' => { spool => 'store-d/spool', lost => 1, do => sub { remove_tree($_[0]) } },
);
subtest 'a store that is gone' => sub {
    stop_process($gateway);
    for my $what (sort keys %gone) {
        my $case = $gone{$what};
        ($case->{id}) = $case->{spool} =~ /-(\w)/;
        $case->{dir} = $sandbox->give_dir("store-$case->{id}", 0700);
        $sandbox->give_dir($case->{spool}, 0700);
        write_config($sandbox, busy_timeout => '200ms', routes => [{ match => '*', timeout => '60s' }],
            store => "sqlite:$case->{dir}/s.db", spool => $sandbox->path($case->{spool}));
        $case->{key} = "gone-$case->{id}";
        $case->{gateway} = start_gateway($sandbox, name => "gone-$case->{id}");
        $case->{conn} = begin_run($case->{key}, 10);
        kill 'KILL', $case->{gateway};
        ok $case->{do}->($case->{dir}), $what;
        $sandbox->open_gate($case->{key});
        unlink socket_path($sandbox);
    }
    my $began = time;
    ok((wait_until { !recorders() } 30), 'within half a minute no process waits for it');
    cmp_ok time - $began, '>', 10, 'nor gives up at once';
    for my $what (sort keys %gone) {
        my $case = $gone{$what};
        my @lines = grep { /operation \w+: / } split /\n/, $sandbox->read("log/gone-$case->{id}");
        is scalar @lines, 1, "$what: one line in the log" or diag @lines;
        like $lines[0] // '', $case->{lost} ? qr/result is lost/ : qr/waits in the spool/, 'says where the result is';
        next if $case->{lost};
        my $spool = $sandbox->path($case->{spool});
        $spool =~ s/store-b/store-b.away/;
        my @kept = glob "$spool/kept-*";
        is scalar @kept, 1, 'it is there';
    }
    # Back where it was, the retry gets it.
    for my $what ('the store is moved', 'it is moved with its spool') {
        my $case = $gone{$what};
        remove_tree($case->{dir}) if -d $case->{dir};
        rename "$case->{dir}.away", $case->{dir} or diag "$what: $!";
        write_config($sandbox, routes => [{ match => '*', timeout => '60s' }],
            store => "sqlite:$case->{dir}/s.db", spool => $sandbox->path($case->{spool}));
        my $pid = start_gateway($sandbox, name => "back-$case->{id}");
        my $retry;
        wait_until { $retry = ask($case->{key}, 10); $retry->problem eq '' } 10;
        is $retry->status, 200, "$what, and back: the retry gets it" or diag $retry->raw;
        is $effects->runs($case->{key}), 1, 'one effect';
        stop_process($pid);
        unlink socket_path($sandbox);
    }
};
$sandbox->finish;

# Processes that try to record a result.
sub recorders {
    return grep { Process::contents("/proc/$_/comm") =~ /\Aretrysafe-recor/ } grep { -e "/proc/$_/comm" }
        $sandbox->gateways;
}

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
