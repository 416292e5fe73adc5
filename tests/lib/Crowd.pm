# SPDX-License-Identifier: ISC
#
# Crowd.pm - many clients at the same moment
#
#   my @answers = crowd(64, sub { my ($i, $barrier) = @_; ...; $barrier->(); ...; return $result });
#
# Each client is a process.  $barrier->() returns when all of them have called it.  The results come
# back in order; a client that died is undef, and its reason goes to standard error.
package Crowd;
use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Storable qw(store_fd fd_retrieve);

our @EXPORT_OK = qw(crowd);

sub crowd {
    my ($count, $act) = @_;
    pipe my $ready_out, my $ready_in or die "pipe: $!\n";
    pipe my $go_out, my $go_in or die "pipe: $!\n";
    my (@pids, @results);

    for my $i (0 .. $count - 1) {
        open my $file, '+>', undef or die "temporary file: $!\n";
        defined(my $pid = fork) or die "fork: $!\n";
        if (!$pid) {
            close $go_in;
            my $passed = 0;
            my $barrier = sub {
                return if $passed++;
                syswrite $ready_in, 'r';
                close $ready_in;
                sysread $go_out, my $nothing, 1;    # ends when the parent closes it
            };
            my $is_ok = eval { store_fd([$act->($i, $barrier)], $file) && $file->flush; 1 };
            print STDERR "client $i: $@" if !$is_ok;
            $barrier->();
            POSIX::_exit($is_ok ? 0 : 1);
        }
        push @pids, $pid;
        push @results, $file;
    }
    close $ready_in;
    for (my $here = 0; $here < $count;) {
        $here += sysread($ready_out, my $some, $count) || last;
    }
    close $go_in;
    waitpid $_, 0 for @pids;
    return map { seek $_, 0, 0; -s $_ ? fd_retrieve($_)->[0] : undef } @results;
}

1;
