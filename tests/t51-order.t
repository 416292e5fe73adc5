# Claim: on a trace of a real run, the claim is synced before the script is executed and the record
# before the first byte of the answer; a gateway that finds commits in the log that may be in the
# page cache only syncs the log before it replays them; and every process that writes to the store
# holds its lock.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/crash";
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path);
use Process qw(wait_until is_alive);
use Sandbox;
use Strace;
use Test::More;

my $CALLS = 'execve,accept4,pwrite64,pwritev,ftruncate,fdatasync,fsync,fcntl,write,writev,sendmsg';

my $LOCK = qr/\A\d+<[^>]*-lock>, F_OFD_SETLKW?, \{l_type=F_(WR|UN)LCK,.* l_start=0, .*\) *= 0/;

plan skip_all => 'strace may not trace here' if system 'strace -qq -o /dev/null true 2>/dev/null';
my $sandbox = Sandbox->new;
my $n = 0;
$sandbox->place_scripts('bare');

subtest 'first runs and a replay' => sub {
    my ($gateway, $calls) = start_traced();
    is ask($_)->status, 200, $_ for qw(one two);
    ok ask('one')->is_replay, 'one again';
    stop($gateway);
    my @events = Strace::events($calls);
    check_locks(@events);

    my @accepts = named('accept4', @events);
    my @scripts = grep { $_->{text} =~ /\beffect\.pl"/ } named('execve', @events);
    my @answers = first_bytes(@events);
    is_deeply [scalar @scripts, scalar @answers], [2, 3], 'two runs, three answers' or return;
    # The store was made in the first run; what is written in the second is claim and record alone.
    for my $run (0, 1) {
        ok has_synced_writes($accepts[-3 + $run]{began}, $scripts[$run]{began}, @events),
            "run $run: the claim is on disk before the script starts";
        ok has_synced_writes($scripts[$run]{began}, $answers[$run]{began}, @events),
            "run $run: the record is on disk before the first byte of the answer";
    }
    ok !writes_between($accepts[-1]{began}, $answers[2]{began}, @events), 'a replay writes nothing';
};

subtest 'a record that was written and not synced' => sub {
    # Every sync is left out, and says that it was done.
    my ($gateway, $calls) = start_traced('-e', 'inject=fdatasync:retval=0');
    my @family = $sandbox->gateways;
    is ask('unsynced')->status, 200, 'a run';
    like Process::contents($calls), qr/INJECTED/, 'nothing of it was synced';
    kill 'KILL', @family;
    wait_until { !grep { is_alive($_) } @family } 5;

    ($gateway, $calls) = start_traced();
    my $answer = ask('unsynced');
    stop($gateway);
    ok $answer->is_replay, 'it is replayed' or diag $answer->raw;
    my @events = Strace::events($calls);
    my ($first) = first_bytes(@events);
    ok !writes_between(0, $first->{began}, @events), 'as it was found';
    ok scalar(grep { is_wal_sync($_) && $_->{ended} < $first->{began} } @events),
        'the log is synced before the first byte of the answer';
};

$sandbox->finish;

# ---- running ----

# A gateway under strace from its first call on: its pid, and the recording.
sub start_traced {
    my (@options) = @_;
    my $calls = $sandbox->path('run', 'calls-' . ++$n);
    # A sanitizer's search for leaks cannot be traced.
    my $strace = start_gateway($sandbox, name => "gateway-$n",
        env => { ASAN_OPTIONS => 'detect_leaks=0' }, wrapper => ['strace', '-qq', '-f',
        '-b', 'execve', '-y', '-s', 80, '-e', "trace=$CALLS", '-o', $calls, @options]);
    my ($gateway) = split ' ', Process::contents("/proc/$strace/task/$strace/children");
    return ($gateway, $calls);
}

# strace ends with the last of those it traces.
sub stop {
    my ($gateway) = @_;
    kill 'TERM', $gateway;
    ok((wait_until { !$sandbox->processes } 10), 'everything ends');
}

sub send_request {
    my ($key) = @_;
    my $conn = FastCgi->connect(socket_path($sandbox));
    $conn->send(begin(1), params_record(1, params(script => $sandbox->path('www/bare/effect.pl'),
        key => $key, body => 'a=1')), record(PARAMS, 1, ''), record(STDIN_DATA, 1, 'a=1'),
        record(STDIN_DATA, 1, ''));
    return $conn;
}

sub ask { send_request($_[0])->read_answer(10)->{response} // Answer->parse('', 1) }

# ---- reading the trace ----

sub named {
    my ($name, @events) = @_;
    return grep { $_->{name} eq $name } @events;
}

# The first STDOUT record of each answer: version 1, type 6, on a socket.
sub first_bytes {
    my (@events) = @_;
    return grep {
        $_->{name} =~ /\A(?:write|writev|sendmsg)\z/
            && $_->{text} =~ /\A\d+<(?:socket|UNIX)[^"]*"\\1\\6\\0/
    } @events;
}

sub is_wal_write { $_[0]{name} =~ /\A(?:pwrite|ftruncate)/ && $_[0]{text} =~ /\A\d+<[^>]*-wal>/ }

sub is_wal_sync {
    my ($event) = @_;
    return $event->{name} =~ /sync\z/ && $event->{text} =~ /\A\d+<[^>]*-wal>.*= 0\z/
        && $event->{ended};
}

sub writes_between {
    my ($from, $to, @events) = @_;
    return grep { is_wal_write($_) && $_->{began} > $from && $_->{began} < $to } @events;
}

# Was something written to the log between two lines, and all of it synced before the second?
sub has_synced_writes {
    my ($from, $to, @events) = @_;
    my @writes = writes_between($from, $to, @events) or return 0;
    my $last = $writes[-1]{ended} // return 0;
    return scalar grep { is_wal_sync($_) && $_->{began} > $last && $_->{ended} < $to } @events;
}

# Every write to the database and its log lies between taking and leaving the lock, by one thread.
sub check_locks {
    my (@events) = @_;
    my (%holds, @outside);
    my ($locks, $writes) = (0, 0);
    for my $event (@events) {
        my ($thread, $name, $text) = @$event{qw(thread name text)};
        if ($name eq 'fcntl' && $text =~ $LOCK) {
            $holds{$thread} = $1 eq 'WR';
            $locks++ if $holds{$thread};
        } elsif ("$name $text" =~ /\A(?:pwrite\w*|ftruncate) \d+<[^>]*\.db(?:-wal|-journal)?>/) {
            $writes++;
            push @outside, "$name($text" if !$holds{$thread};
        }
    }
    cmp_ok $locks, '>=', 5, 'the lock is taken: for the making, two claims and two records';
    cmp_ok $writes, '>', 10, 'the store is written';
    is_deeply \@outside, [], 'only under the lock';
}
