# SPDX-License-Identifier: ISC
#
# Strace.pm - strace as a recorder of system calls and as the hand that makes one of them fail
#
#   my $tracer = Strace->attach($sandbox, name => 'x', pids => [$pid], options => [...]);
#   $tracer->detach;
#   my @calls = Strace::calls($tracer->output);
#
# TRAPS
#   `when=K` counts the calls of one name, and of one thread: with -f every thread and every child
#   has its own count, so a point (name, K) strikes whoever first makes his K-th call of that name,
#   and an error strikes each of them once.
#   A signal is given at the entry of the call, which is then not made.  An error as well takes the
#   place of the call: a `close` that fails has not closed.
package Strace;
use strict;
use warnings;
use Family qw(is_our_child);
use Process qw(wait_until);

# Attaches to all threads of the processes, follows their
# children up to execve(2), and returns when all of them are held.  Dies when that is not allowed.
sub attach {
    my ($class, $sandbox, %how) = @_;
    my $output = $sandbox->path('log', "$how{name}.calls");
    my $pid = $sandbox->start(
        name => "$how{name}.strace",
        command => ['strace', '-qq', '-f', '-b', 'execve', '-o', $output,
            @{ $how{options} // [] }, map { ('-p', $_) } @{ $how{pids} }],
    );
    my $self = bless { pid => $pid, output => $output }, $class;
    # A point may lie so early that whoever is attached to is dead by now.
    my $is_held = sub {
        my $status = Process::contents("/proc/$_[0]/status");
        return $status =~ /^TracerPid:\t(?!0\n)/m || $status !~ /^State:\t[^ZX]/m;
    };
    my $is_ready = wait_until {
        !is_our_child($pid) || !grep { !$is_held->($_) }
            map { ($_, threads_of($_)) } @{ $how{pids} };
    } 5;
    my $complaint = Process::contents($sandbox->path('log', "$how{name}.strace"));
    return $self if $is_ready && $complaint eq '';
    die "strace: cannot attach: $complaint";
}

sub threads_of {
    my ($pid) = @_;
    return map { m{(\d+)\z} } glob "/proc/$pid/task/*";
}

sub output { $_[0]{output} }

# Lets go of everything.  strace ends by itself, with the last of those it traced; one that is told
# to end at that very moment may wait for ever for a process that is no more.
sub detach {
    my ($self) = @_;
    for my $signal (qw(INT KILL)) {
        return if !is_our_child($self->{pid});
        kill $signal, $self->{pid};
        return if wait_until { !is_our_child($self->{pid}) } 1;
    }
}

# True when the recording shows that a call was struck.
sub has_struck {
    my ($file) = @_;
    return Process::contents($file) =~ /INJECTED|killed by SIGKILL/;
}

# The calls of a recording, as [thread, name, the line], in the order of their entries.  A recording
# of a single thread does not name it.
sub calls {
    my ($file) = @_;
    return map { /^(?:(\d+) +)?(\w+)\(/ ? [$1 // 0, $2, $_] : () }
        split /^/, Process::contents($file);
}

# The same as hashes with thread, name, text (arguments and result), and the numbers of the lines at
# which a call began and ended: what strace shows the end of was over before anything shown later.
sub events {
    my ($file) = @_;
    my (@events, %open);
    my $line = 0;
    for (split /^/, Process::contents($file)) {
        $line++;
        if (/^(\d+) +(\w+)\((.*?)( <unfinished \.\.\.>)?$/) {
            my $event = { thread => $1, name => $2, text => $3, began => $line, ended => $line };
            push @events, $event;
            next if !$4;
            delete $event->{ended};
            $open{$1} = $event;
        } elsif (/^(\d+) +<\.\.\. \w+ resumed>(.*)$/ && $open{$1}) {
            my $event = delete $open{$1};
            $event->{text} .= $2;
            $event->{ended} = $line;
        }
    }
    return @events;
}

1;
