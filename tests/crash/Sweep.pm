# SPDX-License-Identifier: ISC
#
# Sweep.pm - one fault, at one system call, on one path of a request; then the truth is checked
#
#   my $sweep = Sweep->new($sandbox);
#   my @points = $sweep->points('first run, gateway');     # [[call, k], ...]
#   my $result = $sweep->strike('first run, gateway', 'pwrite64', 3, 'KILL');
#
# strike() puts the store back to a known state, starts what the path needs, attaches strace, lets
# the path happen with the fault, and then asks again through a new gateway, without strace, until
# the key is settled.  The result is a hash: verdict ("done", "uncertain", "" when never settled),
# struck, seconds, and faults: the list of what must not be, each [kind, sentence], kind one of
#
#   double   the script ran twice, or ran although its client was told that it had not
#   lost     an answer that a client had seen is not what the retry gets; or the gateway alone died
#            and nobody knows any more how the script ended
#   hang     no answer, no settling or no end before the deadline
#   damaged  the database, or a row that nobody attends to; or a sanitizer's report
#   left     a process or a file that should be gone
package Sweep;
use strict;
use warnings;
use Effects;
use Family qw(adopt_orphans children is_our_child family await_no_process kill_hard
    forget_started);
use FastCgi qw(:all);
use Gateway qw(write_config);
use Process qw(wait_until is_alive describe);
use Strace;
use Time::HiRes qw(time sleep);

use constant { ANSWER_S => 10, SETTLE_S => 25, END_S => 12 };
our @ERRORS = qw(EIO ENOSPC EDQUOT ENOMEM EINTR EAGAIN EMFILE EACCES);

# Calls that no kernel lets fail; a futex(2) that wakes nobody stops those who wait for ever.
my %CANNOT_FAIL = map { $_ => 1 }
    qw(futex getpid geteuid gettid rseq set_robust_list rt_sigprocmask munmap restart_syscall);

# Errors that a kernel does not give to a call: a message that is there is never called absent.  A command
# whose order was not seen would be taken for a stale one.
my %NEVER = (recvmsg => 'EAGAIN', recvfrom => 'EAGAIN');

# Each path: `prepare` starts what it needs and returns the pids to trace; `act` is what is traced;
# `victim`: who dies of KILL; `key`: the key that is asked again.
# Where strace starts the program itself, `until` is in the last line that counts, and `fails_from`
# in the first call that may fail: a program that cannot start is no harm.
my %PATHS = (
    'start, both' => { prepare => sub { () }, act => \&act_start, key => 'k',
        until => qr/\bready\b/, fails_from => qr/\A\z/ },
    'first run on no store, gateway' =>
        { prepare => \&prepare_no_store, act => \&act_request, key => 'k', victim => 'gateway' },
    'first run, gateway' =>
        { prepare => \&prepare_gateway, act => \&act_request, key => 'k', victim => 'gateway' },
    'first run, warm gateway' =>
        { prepare => \&prepare_warm, act => \&act_request, key => 'k', victim => 'gateway' },
    'first run, keeper' => { prepare => \&prepare_keeper, act => \&act_request, key => 'k' },
    'replay, gateway' => { prepare => \&prepare_gateway, act => \&act_request, key => 'before',
        victim => 'gateway' },
    'conflict, gateway' =>
        { prepare => \&prepare_conflict, act => \&act_request, key => 'k', victim => 'gateway' },
    'settling, gateway' =>
        { prepare => \&prepare_orphan_late, act => \&act_request, key => 'k', ends => 'uncertain' },
    'settling, recover' => { prepare => \&prepare_orphan, act => \&act_recover, key => 'k',
        ends => 'uncertain', fails_from => qr/retrysafe\.json/ },
    'settling, keeper' => { prepare => \&prepare_recording, act => \&act_recording, key => 'k' },
);
our @PATHS = ('start, both', 'first run on no store, gateway', 'first run, gateway',
    'first run, warm gateway', 'first run, keeper', 'replay, gateway', 'conflict, gateway',
    'settling, gateway', 'settling, recover', 'settling, keeper');

sub new {
    my ($class, $sandbox) = @_;
    my $self = bless { sandbox => $sandbox, effects => Effects->new($sandbox) }, $class;

    adopt_orphans();
    $sandbox->copy("$1/effect.sh", 'www/bare/effect.sh') if __FILE__ =~ m{\A(.*)/};
    write_config($sandbox, busy_timeout => '1s',
        routes => [{ match => '*', timeout => '4s', kill_after => '1s' }]);
    $sandbox->binary;
    $self->make_template;
    return $self;
}

# ---- gateways ----

# Starts a gateway and returns [pid, its socket]; nothing when it ends before it takes connections.
sub start_gateway {
    my ($self, $name, @wrapper) = @_;
    my $sandbox = $self->{sandbox};
    my $socket = $sandbox->path('run', "$name.sock");
    unlink $socket;
    # A sanitizer's search for leaks cannot be traced.
    my $pid = $sandbox->start(
        name => $name, user => $sandbox->user, env => { ASAN_OPTIONS => 'detect_leaks=0' },
        command => [@wrapper, $sandbox->binary, 'serve', '--listen', "unix:$socket",
            '--config', $sandbox->path('conf/retrysafe.json')],
    );
    my $is_up = wait_until { !is_alive($pid) || IO::Socket::UNIX->new(Peer => $socket) } 5;
    return $is_up && is_alive($pid) ? [$pid, $socket] : undef;
}

sub keeper_of { (children($_[0][0]))[0] // die "the gateway has no keeper\n" }

sub connect_and_send {
    my ($self, $gateway, $key) = @_;
    my $conn = FastCgi->connect($gateway->[1]);
    my @params = params(script => $self->{sandbox}->path('www/bare/effect.sh'), key => $key,
        body => 'a=1', query => $self->{gate} ? $key : '');
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, 'a=1'), record(STDIN_DATA, 1, ''));
    return $conn;
}

# One whole request: an Answer, undef when there was none.
sub ask {
    my ($self, $gateway, $key, $seconds) = @_;
    my $conn = eval { $self->connect_and_send($gateway, $key) } or return;
    my $answer = eval { $conn->read_answer($seconds // ANSWER_S) };
    $self->fault(hang => "no answer in time to $key") if $answer && $answer->{ended} eq 'timeout';
    return $answer && $answer->{response};
}

# ---- the state before ----

# A store in which the key "before" is done.
sub make_template {
    my ($self) = @_;
    my $gateway = $self->start_gateway('template') or die "the gateway does not start\n";
    my $answer = $self->ask($gateway, 'before');
    $answer && $answer->status == 200 or die "the gateway does not answer\n";
    kill 'TERM', $gateway->[0];
    await_no_process(END_S) or die "the gateway does not end\n";
    $self->{before} = $answer;
    mkdir $self->{sandbox}->path('template');
    $self->copy(qw(store spool www/effects.log), 'template');
}

sub copy {
    my ($self, @names) = @_;
    system('cp', '-a', map { $self->{sandbox}->path($_) } @names) == 0 or die "cp @names failed\n";
}

sub restore {
    my ($self) = @_;
    my $dir = $self->{sandbox}->dir;
    unlink glob "$dir/{store,spool,www/gates,log,run}/*";
    $self->copy(qw(template/store template/spool), '.');
    $self->copy(qw(template/effects.log www));
    $self->{faults} = [];
    delete @$self{qw(gate seen gateway other waiting keeper tracer calls)};
}

# A gateway that waits for requests.  At its start a thread settles what the dead have left; its
# calls would come between those of the path.  What remains are the main thread and, after two
# connections, two that wait for the next.
sub prepare_gateway {
    my ($self) = @_;
    $self->{gateway} = $self->start_gateway('traced') or die "the gateway does not start\n";
    my ($pid, $socket) = @{ $self->{gateway} };
    my $nothing = $self->{sandbox}->path('www/bare/nothing');
    fastcgi_request($socket, params => [params(script => $nothing, method => 'GET')], seconds => 5);
    wait_until { Strace::threads_of($pid) == 3 } 2;
    return $pid;
}

sub prepare_no_store {
    my ($self) = @_;
    unlink glob "$self->{sandbox}{dir}/{store,spool}/*";
    return $self->prepare_gateway;
}

# After its first write: the thread that writes is there, and who finds it idle writes himself.
sub prepare_warm {
    my ($self) = @_;
    my $pid = $self->prepare_gateway;
    $self->ask($self->{gateway}, 'warm');
    wait_until { Strace::threads_of($pid) == 4 } 2;
    return $pid;
}

sub prepare_keeper {
    my ($self) = @_;
    $self->prepare_gateway;
    return keeper_of($self->{gateway});
}

# Another gateway runs the script, which waits at its gate.
sub start_run {
    my ($self) = @_;
    $self->{gate} = 1;
    $self->{other} = $self->start_gateway('other') or die "the gateway does not start\n";
    $self->{waiting} = $self->connect_and_send($self->{other}, 'k');
    $self->{effects}->await('k', 'run', 5) or die "the script does not start\n";
}

sub prepare_conflict {
    my ($self) = @_;
    $self->start_run;
    return $self->prepare_gateway;
}

# Nobody is left who could know how the script ended.
sub prepare_orphan {
    my ($self) = @_;
    $self->start_run;
    kill_hard(family());
    return ();
}

# The same, when the gateway that will be asked has already looked for such.
sub prepare_orphan_late {
    my ($self) = @_;
    my $pid = $self->prepare_gateway;
    my %stays = map { $_ => 1 } family();
    $self->start_run;
    kill_hard(grep { !$stays{$_} } family());
    return $pid;
}

# The gateway is dead, and the keeper is about to see the script's end.
sub prepare_recording {
    my ($self) = @_;
    $self->start_run;
    $self->{keeper} = keeper_of($self->{other});
    kill_hard($self->{other}[0]);
    return $self->{keeper};
}

# ---- what happens under strace ----

sub act_request {
    my ($self, $path) = @_;
    $self->{seen} = $self->ask($self->{gateway}, $path->{key});
}

# The gateway may die at its start.
sub act_start {
    my ($self, $path, @options) = @_;
    $self->{gateway} = $self->start_gateway('traced', $self->strace(@options));
    $self->{seen} = $self->ask($self->{gateway}, $path->{key}) if $self->{gateway};
}

sub act_recover {
    my ($self, $path, @options) = @_;
    my $sandbox = $self->{sandbox};
    my $pid = $sandbox->start(name => 'recover', user => $sandbox->user,
        command => [$self->strace(@options), $sandbox->binary, 'recover', '--config',
            $sandbox->path('conf/retrysafe.json')]);
    wait_until { !is_our_child($pid) } ANSWER_S or $self->fault(hang => 'recover does not end');
}

# The beginning of a command that strace is to start.
sub strace {
    my ($self, @options) = @_;
    $self->{calls} = $self->{sandbox}->path('run', 'traced.calls');
    return ('strace', '-qq', '-I', '2', '-f', '-b', 'execve', '-o', $self->{calls}, @options);
}

# The keeper ends when its child that records has taken over.
sub act_recording {
    my ($self) = @_;
    my ($keeper, $strace) = ($self->{keeper}, $self->{tracer}{pid});
    $self->{sandbox}->open_gate('k');
    wait_until { !is_alive($keeper) && !grep { $_ != $strace } family() } 3;
}

# ---- one case ----

sub fault {
    my ($self, $kind, $sentence) = @_;
    push @{ $self->{faults} }, [$kind, $sentence];
}

# Runs the path under strace with these options; true when a call was struck.
sub trace {
    my ($self, $name, @options) = @_;
    my $path = $PATHS{$name} or die "there is no path \"$name\"\n";
    $self->restore;
    my @pids = $path->{prepare}->($self);
    if (@pids) {
        $self->{tracer} = Strace->attach($self->{sandbox}, name => 'traced', pids => \@pids,
            options => \@options);
        $self->{calls} = $self->{tracer}->output;
    }
    $path->{act}->($self, $path, @options);
    $self->{tracer}->detach if @pids;
    return Strace::has_struck($self->{calls});
}

# The points of a path: [name, k, dies_only], from a run without a fault.  Two kinds of calls that
# come in long rows of equals are thinned out: a new process sets every signal, and the search for
# a script that may still live looks at every process of the machine.
sub points {
    my ($self, $name) = @_;
    my $path = $PATHS{$name};
    my (%count, %point, @points);
    $self->trace($name);
    my @calls = Strace::calls($self->{calls});
    $self->finish_case($path, 'KILL');
    my $may_fail = !$path->{fails_from};
    for my $call (@calls) {
        my ($thread, $what, $line) = @$call;
        my $k = ++$count{$thread}{$what};
        last if $path->{until} && $line =~ $path->{until};
        $may_fail ||= $line =~ $path->{fails_from};
        my ($row) = grep { $_ } $what eq 'rt_sigaction', $line =~ m{"/proc/(\d+)/environ"};
        next if $row && ++$count{$thread}{row} > 3 && $count{$thread}{row} % 16;
        next if $what =~ /\A(?:exit|exit_group|rt_sigreturn)\z/;
        push @points, $point{$what}{$k} = [$what, $k, 0] if !$point{$what}{$k};
        $point{$what}{$k}[2] = 1 if !$may_fail || $line =~ /F_UNLCK/;
    }
    return @points;
}

# Can the call at a point fail?  An unlock, too, cannot: what holds a lock for ever stops everybody.
# May this call fail with this error?
sub may_fail {
    my ($point, $error) = @_;
    my ($call, undef, $dies_only) = @$point;
    return !$dies_only && !$CANNOT_FAIL{$call} && ($NEVER{$call} // '') ne $error;
}

# $what: "KILL" or the name of an error.
sub strike {
    my ($self, $name, $call, $k, $what) = @_;
    my $path = $PATHS{$name};
    my $how = $what eq 'KILL' ? 'signal=KILL' : "error=$what";
    my $started = time;
    my $struck = $self->trace($name, '-e', "trace=$call", '-e', "inject=$call:$how:when=$k");
    my $verdict = $self->finish_case($path, $what);
    return { verdict => $verdict, struck => $struck, seconds => time - $started,
        faults => $self->{faults} };
}

# Asks again until it is settled, ends everything, and checks what must be true.
sub finish_case {
    my ($self, $path, $what) = @_;
    my $runs_then = $self->{effects}->runs($path->{key});
    $self->leave($self->{gateway}[0]) if $what ne 'KILL' && $self->{gateway};
    my $gateway = $self->start_gateway('new');
    my $before = $self->{seen} && $self->{seen}->problem;
    my ($retry, $verdict);

    $self->fault(double => "the client was told $before, but the script has run")
        if $before && $before =~ /\A(?:store-unavailable|script-not-started|overloaded)\z/
        && $runs_then && $path->{key} eq 'k' && !$self->{gate};
    if ($self->{gate}) {
        $self->{sandbox}->open_gate('k');
        my $first = eval { $self->{waiting}->read_answer(5)->{response} };
        # What the client of the first request saw counts as well.
        $self->{seen} = $first if $first && $first->status == 200;
    }
    $self->fault(hang => 'a new gateway does not start') if !$gateway;
    wait_until {
        spare_recorders();
        $retry = $gateway && $self->ask($gateway, $path->{key}, 5);
        !$gateway || $retry && $retry->problem !~ /\A(?:in-progress|store-unavailable)\z/;
    } SETTLE_S;
    $verdict = $self->judge($path, $what, $retry);
    $self->end_all;
    $self->check_store;
    forget_started($self->{sandbox});
    return $verdict;
}

# strace counts the calls of each process: once the gateway is dead it would kill every process that records
# the result, for ever, where one is meant.
sub spare_recorders {
    my %what = map { $_ => Process::contents("/proc/$_/comm") . Process::contents("/proc/$_/cmdline") } family();
    return if grep { /\Aretrysafe\n.*traced\.sock/s } values %what;
    kill 'TERM', grep { $what{$_} =~ /\Astrace\n/ } keys %what;
}

sub judge {
    my ($self, $path, $what, $retry) = @_;
    my @runs = grep { $_->[3] eq 'run' } $self->{effects}->events($path->{key});
    my $seen = $path->{key} eq 'before' ? $self->{before} : $self->{seen};
    my $verdict = !$retry ? '' : $retry->status == 200 ? 'done'
        : $retry->problem eq 'outcome-uncertain' ? 'uncertain' : '';

    $self->fault(double => scalar(@runs) . ' runs') if @runs > 1;
    if (!$verdict) {
        $self->fault(hang => 'not settled: ' . ($retry ? $retry->summary : 'no answer'));
        return '';
    }
    if ($verdict eq 'done' && (!@runs || $retry->body !~ /\Anonce \Q$runs[0][2]\E\n/)) {
        $self->fault(lost => 'the answer is not that of the run');
    }
    if ($seen && $seen->status == 200 && $seen->essence ne $retry->essence) {
        $self->fault(lost => 'the client had seen ' . $seen->summary . ', the retry got '
            . $retry->summary);
    }
    if ($what eq 'KILL' && ($path->{victim} // '') eq 'gateway' && $verdict eq 'uncertain') {
        $self->fault(lost => 'the gateway died alone, and now it is uncertain');
    }
    if (($path->{ends} // $verdict) ne $verdict) {
        $self->fault(lost => "$verdict, although nobody can know");
    }
    return $verdict;
}

# A gateway that has had its error may hold whatever it could not let go of; it is told to leave.
sub leave {
    my ($self, $pid) = @_;
    return if !is_our_child($pid);
    kill 'TERM', $pid;
    return if wait_until { !is_our_child($pid) } END_S;
    $self->fault(hang => 'the gateway does not leave');
    kill 'KILL', $pid;
}

# Everything that still runs must end by itself when it is told to.
sub end_all {
    my ($self) = @_;
    $self->{sandbox}->open_gate('all');
    # Keepers, which have given themselves other names, see by themselves that all is over.
    my $program = $self->{sandbox}->path('bin/retrysafe');
    my @ours = grep { (readlink("/proc/$_/exe") // '') eq $program } family();
    kill 'TERM', grep { Process::contents("/proc/$_/comm") !~ /\Aretrysafe-/ } @ours;
    return if wait_until { spare_recorders(); await_no_process(0.1) } END_S;
    $self->fault(hang => 'does not end: ' . join ', ', map { describe($_) } family());
    kill_hard(family());
}

sub check_store {
    my ($self) = @_;
    my $sandbox = $self->{sandbox};
    # 3, 4, 5: done, uncertain, expired.
    my $pid = $sandbox->start(name => 'sqlite', user => $sandbox->user,
        command => ['sqlite3', $sandbox->path('store/retrysafe.db'), 'PRAGMA integrity_check;'
            . "SELECT 'state ' || state FROM operation WHERE state NOT IN (3, 4, 5)"]);
    waitpid $pid, 0;
    my $said = Process::contents($sandbox->path('log/sqlite'));
    $self->fault(damaged => "the store: $said") if $said ne "ok\n";
    $self->fault(damaged => $_) for grep { /Sanitizer|runtime error:/ } $sandbox->logs;
    for (glob "$sandbox->{dir}/spool/*") {
        $self->fault(left => "$_ is left") if !m{/(?:counters|runs|store-[0-9a-f]{16})\z};
    }
}

1;
