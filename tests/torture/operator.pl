#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# operator.pl - runs verbs on a store that gateways use, until it gets SIGTERM
#
#   operator.pl PROGRAM CONFIG DIRECTORY SEED NUMBER
#
# Number 0 runs `recover` again and again.  Every other one settles operations as a careful person would
# who can see the effects, and runs `purge`, `backup`, `list`, `show` and `stats` in between.  Each verb
# becomes one line of DIRECTORY/run/operator-NUMBER.jsonl:
#
#   verb, exit, signal    "signal" is 0 when it ended by itself
#   ref, how, state       of a settle: "done" or "not-done", and what `list` had said
#   look, done            when the effects were looked at, and when the verb had ended; microseconds of
#                         the monotonic clock
#   before, after         the process that held the key's lock at these times; 0: none
#   file                  of a backup
#
# The account of the gateways must be able to read it, so it is copied, and uses only what comes with
# perl.  Knows nothing of what is right: Checker.pm does.
use strict;
use warnings;
use Fcntl qw(O_WRONLY O_CREAT O_TRUNC O_APPEND);
use JSON::PP;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

my ($program, $config, $dir, $seed, $number) = @ARGV;
my $name = "$dir/run/operator-$number";
my ($child, $is_over, $backups) = (0, 0, 0);

srand $seed * 16 + $number + $$;
open my $history, '>>', "$name.jsonl" or die "$name.jsonl: $!\n";
$history->autoflush(1);
# What a verb has begun, its keeper ends without it.
$SIG{TERM} = sub { $is_over = 1; kill 'KILL', $child if $child > 0 };

until ($is_over) {
    my $x = rand;
    $number == 0 ? note(run('recover'))
        : $x < 0.7 ? settle()
        : $x < 0.8 ? note(run('purge'))
        : $x < 0.9 ? backup()
        : note(run($x < 0.95 ? 'stats' : 'list'));
    sleep rand 0.1;
}

sub now_us { int(clock_gettime(CLOCK_MONOTONIC) * 1_000_000) }

sub note {
    my %line = @_;
    print $history JSON::PP->new->canonical->encode(\%line), "\n";
}

# Runs a verb; its output is in $name.out.
sub run {
    my ($verb, @arguments) = @_;
    my $pid = fork // return (verb => $verb, exit => 111, signal => 0);
    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$name.out";
        open STDERR, '>>', "$name.log";
        exec $program, $verb, '--json', '--config', $config, @arguments;
        exit 111;
    }
    $child = $pid;
    kill 'KILL', $pid if $is_over;
    1 while waitpid($pid, 0) < 0 && $!{EINTR};
    my $status = $?;
    $child = 0;
    return (verb => $verb, exit => $status >> 8, signal => $status & 127);
}

sub backup {
    my $file = "$dir/run/backup-$number-" . ++$backups % 4 . '.db';
    unlink $file;
    note(run('backup', $file), file => $file);
}

sub lines_of {
    my ($file) = @_;
    open my $from, '<', $file or return;
    return map { [split] } <$from>;
}

# The process that got the lock of a key; 0: nothing of its runs lives.
sub holder_of {
    my ($key) = @_;
    my $inode = defined $key ? (stat "$dir/www/locks/$key")[1] : undef;
    return 0 if !defined $inode;
    open my $locks, '<', '/proc/locks' or return 0;
    for (<$locks>) {
        return $1 if /FLOCK +\S+ +WRITE +(\d+) +\S+:$inode +/;
    }
    return 0;
}

# The last effect of an operation that is not undone: its nonce.
sub effect_of {
    my ($ref) = @_;
    my %undone = map { $_->[4] => 1 } grep { @$_ > 4 && $_->[2] eq 'undo' } lines_of("$dir/www/times.log");
    my @there = grep { @$_ == 6 && $_->[5] eq $ref && !$undone{ $_->[2] } } lines_of("$dir/www/effects.log");
    return @there ? $there[-1][2] : undef;
}

# An operation that is uncertain is settled by what the effects say; one that is not must be refused.
sub settle {
    my %listed = run('list', '--limit', 500, rand() < 0.85 ? ('--state', 'uncertain') : ());
    my @found = map { eval { decode_json(join ' ', @$_) } // () } lines_of("$name.out");
    my $op = $found[rand @found] or return note(%listed);
    my $ref = $op->{ref};
    my ($begin) = grep { @$_ > 5 && $_->[2] eq 'begin' && $_->[5] eq $ref } lines_of("$dir/www/times.log");
    my $key = $begin ? $begin->[0] : undef;
    my $look = now_us();
    my $before = holder_of($key);
    my $nonce = effect_of($ref);
    my @how = '--not-done';

    if (defined $nonce) {
        open my $to, '>', "$name.answer" or die "$name.answer: $!\n";
        print $to "Content-Type: text/plain\nX-Teller: operator\nX-Nonce: $nonce\n\nnonce $nonce\nend $nonce\n";
        close $to;
        @how = ('--done', "$name.answer");
    }
    my %done = run('settle', $ref, @how, '--why', 'the effects say so');
    my $after = holder_of($key);
    note(%done, ref => $ref, state => $op->{state}, how => defined $nonce ? 'done' : 'not-done', look => $look,
        done => now_us(), before => $before, after => $after);
}
