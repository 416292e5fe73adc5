# Claim: a run outlives its client (FIN and RST) and its gateway (SIGKILL): the script ends, the
# retry gets its answer, one effect.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Gateway qw(start_gateway verb);
use Process qw(wait_until is_alive);
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my $own_gateway = $site->gateway;
my $n = 0;

for my $wiring ($site->wirings) {
    subtest $wiring->name . ", client leaves by $_" => \&check_client, $wiring, $_ for qw(fin rst);
}
for my $wiring ($site->wirings) {
    subtest $wiring->name . ', gateway is killed' => \&check_gateway, $wiring;
}
subtest 'the store agrees' => sub {
    my ($exit, @operations) = verb($sandbox, 'list', '--limit', '1000');
    is $exit, 0, 'list';
    is @operations, $n, 'one operation for every key';
    is scalar(grep { ($_->{state} // '') eq 'done' } @operations), $n, 'all are done';
};
$sandbox->finish;

# A request whose script has started and waits at its gate: (client, key, request, script's pid).
sub start_run {
    my ($wiring) = @_;
    my $key = 't14-' . ++$n;
    my @request = (POST => "slow.pl?gate=$key", key => $key, body => 'a=1');
    my $client = $wiring->connect;
    $client->send($wiring->bytes(@request));
    my $event = $effects->await($key, 'run', 20);
    ok $event, 'the script has started' or diag $client->read_answer(1)->summary;
    return ($client, $key, \@request, $event ? $event->[1] : 0);
}

# Asks again until the answer is settled: neither "in progress" nor a server that has no gateway
# yet.
sub settle {
    my ($wiring, $request) = @_;
    my $last;
    wait_until {
        $last = $wiring->request(@$request);
        $last->problem ne 'in-progress' && !is_from_server($last);
    } 20;
    return $last;
}

# True for no answer, and for an error that the web server made because it has no gateway.
sub is_from_server {
    my ($answer) = @_;
    return $answer->problem eq '' && $answer->status =~ /\A(?:0|500|502|503|504)\z/;
}

sub check_end {
    my ($wiring, $key, $request) = @_;
    $sandbox->open_gate($key);
    ok $effects->await($key, 'end', 20), 'the script ends';
    my $retry = settle($wiring, $request);
    my ($event) = $effects->events($key);
    is $retry->status, 201, 'the retry gets an answer' or diag $retry->raw;
    is $retry->body, 'slow ' . ($event ? $event->[2] : '?') . "\n", 'that of the run';
    ok $retry->is_replay, 'as a replay';
    is $effects->runs($key), 1, 'one effect';
}

sub check_client {
    my ($wiring, $how) = @_;
    my ($client, $key, $request, $script) = start_run($wiring);
    $client->leave($how);
    my $early = $wiring->request(@$request);
    is_deeply [$early->status, $early->problem], [409, 'in-progress'],
        'a retry is told that the run goes on' or diag $early->raw;
    ok is_alive($script), 'it does';
    check_end($wiring, $key, $request);
}

sub check_gateway {
    my ($wiring) = @_;
    my ($client, $key, $request, $script) = start_run($wiring);
    my @victims = gateway_of($script);
    ok @victims, 'a gateway is there to be killed';
    kill 'KILL', @victims;
    wait_until { !grep { is_alive($_) } @victims };
    ok is_alive($script), 'the script goes on';
    # A server that starts its gateways itself starts a new one; ours is started by us.
    $own_gateway = start_gateway($sandbox, name => "gateway-$n")
        if grep { $_ == $own_gateway } @victims;
    my $early = settle_early($wiring, $request);
    is_deeply [$early->status, $early->problem], [409, 'in-progress'],
        'a new gateway says that the run goes on' or diag $early->raw;
    check_end($wiring, $key, $request);
    $client->leave('fin');
}

# Asks until a gateway answers: a server may need a moment to start one.
sub settle_early {
    my ($wiring, $request) = @_;
    my $last;
    wait_until { $last = $wiring->request(@$request); !is_from_server($last) } 20;
    return $last;
}

sub parent_of {
    my ($pid) = @_;
    return Process::contents("/proc/$pid/stat") =~ /\) \S (\d+)/ ? $1 : 0;
}

# The gateway that runs this script: the keeper is the script's parent, the gateway the keeper's.  A
# keeper that has no gateway for a parent leaves only one answer: every other process of retrysafe.
sub gateway_of {
    my ($script) = @_;
    my $keeper = parent_of($script);
    my @all = grep { $_ != $keeper && $_ != $script } $sandbox->gateways;
    my ($parent) = grep { $_ == parent_of($keeper) } @all;
    return $parent ? $parent : @all;
}
