# Claim: whatever runs follow each other over one channel to the keeper, each gets its own answer;
# an order that cannot be carried out harms none after it; and the keeper forgets a result that has been
# recorded, also when no other run follows, without recording it again.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use FastCgi qw(:all);
use Gateway qw(write_config start_gateway socket_path verb);
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Test::More;

my $BUSY = 0.2;          # busy_timeout, seconds
my $n_strace = 0;
my $TAKE_OVER = 2;       # seconds beyond it, until the keeper records by itself

# kind => [script, with a key, query, status, problem]; 20,000 bytes are more than what the gateway lets
# the keeper hold, 100,000 more than what comes in one message.
my %KIND = (
    small => ['effect', 1, '', 200, ''],
    middle => ['effect', 1, 'bytes=20000', 200, ''],
    large => ['effect', 1, 'bytes=100000', 200, ''],
    passed => ['effect', 0, 'bytes=10', 200, ''],
    'not started' => ['broken', 1, '', 500, 'configuration'],
    'passed, not started' => ['broken', 0, '', 500, 'configuration'],
    failed => ['die', 1, '', 502, 'script-failed'],
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $socket = socket_path($sandbox);
$sandbox->place_scripts('bare');
my %SCRIPT = (effect => $sandbox->path('www/bare/effect.pl'), die => $sandbox->path('www/bare/die.pl'),
    broken => broken_script());
my ($gateway, $keeper) = gateway_with(workers => 1, max_connections => 1);

subtest 'one after the other' => \&check_mixture;
subtest 'it lets go' => \&check_release;
subtest 'a place for one replay at a time' => \&check_places;
subtest 'a time limit that comes before the script' => \&check_early_limit;
subtest 'an order whose GO cannot be sent' => \&check_no_go;
subtest 'a gateway that is killed after its answer' => \&check_killed;
replace_gateway(workers => 4);
subtest 'orders in vain' => \&check_vain;
$sandbox->finish;

sub broken_script {
    my $file = $sandbox->write('www/bare/broken.pl', "#!/nonexistent/perl\n");
    chmod 0755, $file or die "$file: $!\n";
    return $file;
}

sub replace_gateway {
    stop_process($gateway, 'TERM', 10);
    wait_until { !is_alive($keeper) };
    ($gateway, $keeper) = gateway_with(workers => 1, max_connections => 1, @_);
}

sub gateway_with {
    write_config($sandbox, busy_timeout => $BUSY * 1000 . 'ms', max_running => 100, @_);
    my $pid = start_gateway($sandbox);
    return ($pid, grep { $_ != $pid } $sandbox->gateways);
}

sub ask {
    my ($script, $key, $query) = @_;
    my @params = params(script => $SCRIPT{$script}, query => $query // '', body => 'a=1', key => $key);
    return fastcgi_request($socket, params => \@params, body => 'a=1')->{response};
}

# In an order that has every kind behind every other.
sub check_mixture {
    my @kinds = sort keys %KIND;
    my ($n, %wrong, %bodies) = (0);
    for my $first (@kinds) {
        for my $kind (map { ($first, $_) } @kinds) {
            my ($script, $has_key, $query, $status, $problem) = @{ $KIND{$kind} };
            my $answer = ask($script, $has_key ? 'mixture-' . ++$n : undef, $query);
            $wrong{"$kind behind " . ($answer->problem || $answer->status)}++
                if $answer->status != $status || $answer->problem ne $problem;
            $wrong{"$kind: an answer twice"}++ if $status == 200 && $bodies{ $answer->body }++;
        }
    }
    is_deeply \%wrong, {}, 'every answer is right';
    is keys %bodies, 2 * 4 * @kinds, 'each run has its own';
    my ($exit, @running) = verb($sandbox, 'list', '--state', 'running');
    is @running, 0, 'nothing is left running';
}

# Descriptors of the lock file, which an order brings along.
sub witnesses {
    return scalar grep { (readlink($_) // '') =~ /-lock\z/ } glob "/proc/$_[0]/fd/*";
}

# How much memory the children that a process has waited for ever asked for: changes with each.
sub of_children { (split ' ', Process::contents("/proc/$_[0]/stat") =~ s/.*\)//sr)[9] }

sub check_release {
    my $answer = ask('effect', 'release');
    is $answer->status, 200, 'a run';
    ok wait_until(sub { witnesses($keeper) == 1 }, 1), 'the keeper still has its witness';
    my $before = of_children($keeper);
    ok wait_until(sub { witnesses($keeper) == 0 }, $BUSY + $TAKE_OVER + 5), 'some time later it has not';
    is of_children($keeper), $before, 'and has recorded nothing';
    ok ask('effect', 'release')->is_replay, 'a replay';
    is ask('effect', 'release-next')->status, 200, 'the next run';
}

# A replay that is made anew has its place until the script has ended, and no longer.
sub check_places {
    is ask('effect', 'places')->status, 200, 'the first';
    replace_gateway(routes => [{ match => '*', guarantee => 'semantic', max_running => 1 }]);
    my @answers = map { ask('effect', 'places') } 1 .. 6;
    is_deeply [map { $_->status } @answers], [(200) x 6], 'six views of it, one after the other';
    is $effects->runs('places'), 7, 'each is a run';
    is ask('effect', 'places-other')->status, 200, 'another key';
    is ask('effect', 'places')->status, 200, 'a seventh';
    replace_gateway();
}

# Lets strace have its way with a process and what it starts, while $act runs.
sub with_strace {
    my ($pid, $rule, $act) = @_;
    my $log = $sandbox->path('log', 'strace-' . ++$n_strace);
    defined(my $strace = fork) or die "fork: $!\n";
    if (!$strace) {
        open STDERR, '>', "$log.err";
        exec 'strace', '-f', '-o', $log, '-p', $pid, '-e', 'trace=' . ($rule =~ s/:.*//r), '-e', "inject=$rule";
    }
    wait_until { Process::contents("/proc/$pid/status") =~ /^TracerPid:\s*$strace$/m } 10
        or die Process::contents("$log.err");
    my @result = $act->();
    kill 'INT', $strace;
    waitpid $strace, 0;
    return ($result[0], Process::contents($log));
}

# Between its start and its session a process has no group that could be signalled.
sub check_early_limit {
    replace_gateway(routes => [{ match => '*', timeout => '1s', kill_after => '0s' }]);
    my $start = time;
    my ($answer, $calls) = with_strace($keeper, 'setsid:delay_enter=3000000',
        sub { ask('effect', 'early-limit', 'sleep=20') });
    like $calls, qr/setsid/, 'it was late';
    is $answer->problem, 'script-timeout', 'it is told to have taken too long' or diag $answer->raw;
    cmp_ok time - $start, '<', 15, 'it was not let run';
    is $effects->runs('early-limit'), 0, 'nor begun';
    replace_gateway();
}

# The order lies in the tray then, and must not be in the way of the next one.
sub check_no_go {
    is ask('effect', undef)->status, 200, 'a run that passes through';
    my ($answer) = with_strace($gateway, 'sendmsg:error=ENOBUFS:when=2', sub { ask('effect', undef) });
    cmp_ok $answer->status, '>=', 500, 'one that cannot';
    is ask('effect', undef)->status, 200, 'passes through again';
    is ask('effect', 'no-go')->status, 200, 'and is protected again';
}

# What it recorded lies in the tray, and the order of the next run may lie behind it.
sub check_killed {
    for my $i (1 .. 5) {
        my $answer = ask('effect', "killed-$i");
        kill 'KILL', $gateway;
        ok wait_until(sub { !is_alive($keeper) }, 20), 'the keeper leaves when nothing is left to do';
        waitpid $gateway, 0;
        ($gateway, $keeper) = gateway_with(workers => 1, max_connections => 1);
        my $again = ask('effect', "killed-$i");
        ok $again->is_replay && $again->body eq $answer->body, 'the answer is there';
        is $effects->runs("killed-$i"), 1, 'of one run';
    }
}

# Clients that ask for the same keys at the same time: all but one of them have ordered in vain, or were
# told before.
sub check_vain {
    my $n_keys = 40;
    my @all = crowd(8, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return { map { my $answer = ask('effect', "vain-$_"); ($_ => [$answer->status, $answer->problem]) } 1 .. $n_keys };
    });
    my %seen;
    for my $client (@all) {
        $seen{"@$_"}++ for values %$client;
    }
    is join(', ', grep { !/\A(?:200 |409 in-progress)\z/ } keys %seen), '', 'all are answered, or told to wait';
    is scalar(grep { $effects->runs("vain-$_") != 1 } 1 .. $n_keys), 0, 'each key was run once';
    is ask('effect', 'vain-after')->status, 200, 'and the next run is no different';
}
