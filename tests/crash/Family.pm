# SPDX-License-Identifier: ISC
#
# Family.pm - all descendants of this process, however far they have daemonised themselves
#
# After adopt_orphans() this process is the parent of whoever loses his own (a subreaper), so that
# its descendants are all that it ever started: found exactly, and fast on a machine with many
# other processes.
#
# The kernel gives the number of a process that was reaped to another one, on a busy machine within
# seconds: nobody is signalled here who was not just seen to be ours.
package Family;
use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Process qw(wait_until is_alive);

use constant PR_SET_CHILD_SUBREAPER => 36;
our @EXPORT_OK = qw(adopt_orphans children is_our_child family await_no_process kill_hard
    forget_started);

sub adopt_orphans {
    my %prctl = (x86_64 => 157, aarch64 => 167, i686 => 172, armv7l => 172, riscv64 => 167);
    my $machine = (POSIX::uname())[4];
    my $number = $prctl{$machine} // die "the number of prctl(2) on $machine is not known here\n";
    syscall($number, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 or die "prctl: $!\n";
}

sub children { map { split ' ', Process::contents($_) } glob "/proc/$_[0]/task/*/children" }

# Is it a child of ours that has not ended?  Reaps it when it has.
sub is_our_child {
    my ($pid) = @_;
    return waitpid($pid, POSIX::WNOHANG()) == 0;
}

# All descendants that still run.  The kernel may leave out one when another ends at that moment, so
# that there are none is believed when it was seen twice.
sub family {
    my @all = descendants($$);
    return @all ? @all : descendants($$);
}

sub descendants {
    my ($pid) = @_;
    return map { ($_, descendants($_)) } grep { is_alive($_) } children($pid);
}

# Waits until none of these processes runs, or none of our family.
sub await_no_process {
    my ($seconds, @pids) = @_;
    return wait_until { !grep { is_alive($_) } @pids ? @pids : family() } $seconds;
}

# SIGKILL, and the wait for its effect.
sub kill_hard {
    my (@pids) = @_;
    kill 'KILL', @pids;
    await_no_process(5, @pids) if @pids;
}

# To be called when everything that a sandbox has started is known to have ended.  The kernel gives
# the numbers of the dead to others, and a sandbox that remembers thousands of them would end those.
sub forget_started {
    my ($sandbox) = @_;
    family() and die "forget_started: something still runs\n";
    $sandbox->{started} = [];
}

1;
