# Claim: at every fault point, SIGKILL of the gateway, the keeper, both, the script, or everything:
# effects never exceed one, a retry gets the recorded answer or hears that the outcome is uncertain,
# and `list` says the same; the death of the gateway alone never makes an operation uncertain.
# RETRYSAFE_STEPS shows the steps that a request takes.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
BEGIN { $ENV{RETRYSAFE_BUILD} = 'build/faults' }
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Test::More;

# Points that a first run passes; each of the others has a way of its own to get there.
my @FIRST_RUN = qw(gateway.ordered claim.begins writer.began writer.commits writer.committed
    claim.committed gateway.went keeper.starting keeper.started keeper.ended keeper.told
    gateway.ended gateway.recorded gateway.replied);
my @RECORDER = qw(recorder.begins recorder.recorded);
my @SETTLE = qw(claim.settling);
my @FAILED = qw(gateway.failed);
my @ELSEWHERE = qw(purge.archived);    # t37-archive.t
my @VICTIMS = qw(gateway keeper both script everything);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my ($n, $gateway, %verdicts) = (0);

$sandbox->place_scripts('bare');
write_config($sandbox, routes => [{ match => '*', timeout => '20s', kill_after => '1s' }]);
is_deeply [sort(points_of($sandbox->binary))], [sort @FIRST_RUN, @RECORDER, @SETTLE, @FAILED, @ELSEWHERE],
    'every fault point of the binary has its place in this test';

subtest 'the steps of a request' => \&check_steps;
for my $point (@FIRST_RUN) {
    subtest "$point, $_ killed" => \&check_first_run, $point, $_ for @VICTIMS;
}
subtest "$_, its process killed" => \&check_recorder, $_ for @RECORDER;
subtest "$_, gateway killed" => \&check_settling, $_ for @SETTLE;
subtest "$_, gateway killed" => \&check_failed, $_ for @FAILED;
diag join ', ', map { "$_: $verdicts{$_}" } sort keys %verdicts;
$sandbox->finish;

sub points_of {
    my ($binary) = @_;
    my %found = map { $_ => 1 } Process::contents($binary) =~ /\0fault:([a-z.]+)(?=\0)/g;
    return keys %found;
}

# What gateway.c's table says.
sub check_steps {
    my $pid = start_gateway($sandbox, name => 'steps', env => { RETRYSAFE_STEPS => 1 });
    my ($all, $known) = ('read script route operation key', '');
    for (['a first run', "$all body lookup claim run", 'steps'], ['a retry', "$all body lookup", 'steps'],
        ['one that passes through', "$all pass"], ['one that is refused', 'read script route operation key', '"']) {
        my ($what, $steps, $key) = @$_;
        my %how = request($key // 'none');
        my @params = defined $key ? @{ $how{params} }
            : params(script => $sandbox->path('www/bare/effect.pl'), method => 'GET');
        my $conn = FastCgi->connect(address());
        $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''),
            defined $key ? record(STDIN_DATA, 1, $how{body}) : (), record(STDIN_DATA, 1, ''));
        $conn->read_answer(10);
        my $log = $sandbox->read('log/steps');
        is join(' ', substr($log, length $known) =~ /\bstep (\w+)$/mg), $steps, $what;
        $known = $log;
    }
    stop_process($pid);
}

sub address { socket_path($sandbox) }

sub start {
    my ($fault) = @_;
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n,
        env => defined $fault ? { RETRYSAFE_FAULT => "$fault:stop" } : {});
}

sub request {
    my ($key, $query) = @_;
    return (params => [params(script => $sandbox->path('www/bare/effect.pl'), key => $key, body => 'a=1',
        query => $query // '')], body => 'a=1');
}

# Sends a request and does not wait for its answer.
sub send_request {
    my ($key, $query) = @_;
    my %how = request($key, $query);
    my $conn = FastCgi->connect(address());
    $conn->send(begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, $how{body}), record(STDIN_DATA, 1, ''));
    return $conn;
}

sub parent_of { Process::contents("/proc/$_[0]/stat") =~ /\) \S (\d+)/ ? $1 : 0 }
sub is_stopped { Process::contents("/proc/$_[0]/stat") =~ /\) T / }
sub stopped { grep { is_stopped($_) } $sandbox->gateways }
sub keepers { grep { parent_of($_) == $gateway } $sandbox->gateways }
sub scripts { my %ours = map { $_ => 1 } $sandbox->gateways; grep { !$ours{$_} } $sandbox->processes }

sub victims {
    my ($who) = @_;
    return $who eq 'gateway' ? $gateway
        : $who eq 'keeper' ? keepers()
        : $who eq 'both' ? ($gateway, keepers())
        : $who eq 'script' ? scripts()
        : $sandbox->processes;
}

# Asks again, and lets go of what stops again, until the answer is settled.
sub settle {
    my ($key, $query) = @_;
    my $answer;
    wait_until {
        kill 'CONT', stopped();
        start() if !is_alive($gateway);
        $answer = eval { fastcgi_request(address(), request($key, $query), seconds => 0.5)->{response} };
        $answer && $answer->problem !~ /\A(?:in-progress|store-unavailable|script-not-started)\z/;
    } 20;
    return $answer;
}

# What is true however it ended.  Returns the verdict: "done" or "uncertain".
sub check_truth {
    my ($key, $first, $retry) = @_;
    my @runs = grep { $_->[3] eq 'run' } $effects->events($key);
    my ($exit, @list) = verb($sandbox, 'list', '--limit', 1);
    ok $retry, 'the retry is answered' or return 'lost';
    cmp_ok scalar(@runs), '<=', 1, 'at most one effect';
    my $verdict = $retry->status == 200 ? 'done' : $retry->problem eq 'outcome-uncertain' ? 'uncertain' : '?';
    isnt $verdict, '?', 'the recorded answer, or uncertain' or diag $retry->raw;
    is $list[0]{state}, $verdict, '`list` agrees';
    if ($verdict eq 'done') {
        is scalar(@runs), 1, 'an answer has its effect';
        like $retry->body, qr/\Anonce \Q$runs[0][2]\E\n/, 'the answer is that of the run' if @runs;
    }
    is $retry->body, $first->body, 'what the client had seen stays true' if $first && $first->status == 200;
    $verdicts{$verdict}++;
    return $verdict;
}

sub check_first_run {
    my ($point, $who) = @_;
    my $key = 'first-' . ++$n;
    start($point);
    my $conn = send_request($key, 'sleep=0.05');
    ok((wait_until { stopped() } 10), 'the point is reached') or return;
    # The stopped process is killed where it stands; the others go on.
    my @victims = victims($who);
    kill 'KILL', @victims;
    wait_until { !grep { is_alive($_) } @victims } 5;
    kill 'CONT', stopped();
    my $answer = eval { $conn->read_answer(5)->{response} };
    my $retry = settle($key, 'sleep=0.05');
    my $verdict = check_truth($key, $answer, $retry);
    is $verdict, 'done', 'no doubt' if $who eq 'gateway';
    end_all();
}

# The gateway dies while the script runs; then the child of the keeper that records dies as well.
sub check_recorder {
    my ($point) = @_;
    my $key = 'recorder-' . ++$n;
    start($point);
    my $conn = send_request($key, "gate=$key");
    ok $effects->await($key, 'run', 10), 'the script has started';
    kill 'KILL', $gateway;
    wait_until { !is_alive($gateway) } 5;
    $sandbox->open_gate($key);
    ok((wait_until { stopped() } 10), 'the point is reached') or return;
    kill 'KILL', stopped();
    start();
    my $verdict = check_truth($key, undef, settle($key, "gate=$key"));
    is $verdict, 'done', 'it was recorded before' if $point eq 'recorder.recorded';
    end_all();
}

# Gateway and keeper die; whoever settles it dies as well.
sub check_settling {
    my ($point) = @_;
    my $key = 'settle-' . ++$n;
    start();
    my $conn = send_request($key, "gate=$key");
    ok $effects->await($key, 'run', 10), 'the script has started';
    my @script = scripts();
    kill 'KILL', $gateway, keepers(), @script;
    wait_until { !is_alive($gateway) && !grep { is_alive($_) } @script } 5;
    start($point);
    my $second = send_request($key, "gate=$key");
    ok((wait_until { stopped() } 10), 'the point is reached') or return;
    kill 'KILL', $gateway;
    wait_until { !is_alive($gateway) } 5;
    is check_truth($key, undef, settle($key, "gate=$key")), 'uncertain', 'nobody can know';
    end_all();
}

# The script's interpreter is missing; the gateway dies before it has let the claim go.
sub check_failed {
    my ($point) = @_;
    my $key = 'failed-' . ++$n;
    my $effect = $sandbox->read('www/bare/effect.pl');
    $sandbox->write('www/bare/effect.pl', "#!/nonexistent\n");
    start($point);
    my $conn = send_request($key);
    ok((wait_until { stopped() } 10), 'the point is reached') or return;
    kill 'KILL', $gateway;
    wait_until { !is_alive($gateway) } 5;
    $sandbox->write('www/bare/effect.pl', $effect);
    start();
    is check_truth($key, undef, settle($key)), 'done', 'nothing had been started, and the retry runs it';
    end_all();
}

sub end_all {
    $sandbox->open_gate('all');
    kill 'TERM', $gateway;
    ok((wait_until { kill 'CONT', stopped(); !$sandbox->processes } 10), 'everything ends') or do {
        diag Process::describe($_) for $sandbox->processes;
        kill 'KILL', $sandbox->processes;
    };
    unlink $sandbox->path('www/gates/all');
}
