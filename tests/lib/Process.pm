# SPDX-License-Identifier: ISC
#
# Process.pm - starts, stops and finds processes, and waits for things with a deadline
#
# Every process that a test starts is known by its pid, and every process that came of it, however
# far it has daemonised itself, by its ties to the test's own directory: its program, its working
# directory, an open file, an argument or an environment variable.  Nothing is ever ended by name.
package Process;
use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_until start_process stop_process is_alive tied_to describe free_port
    listens_on);

# Calls $is_so until it returns something true, and returns that; after $seconds, nothing.
sub wait_until(&;$) {
    my ($is_so, $seconds) = @_;
    my $deadline = time + ($seconds // 10);
    my $pause = 0.002;
    while (1) {
        my $answer = $is_so->();
        return $answer if $answer;
        return if time > $deadline;
        sleep $pause;
        $pause = $pause * 1.5 < 0.05 ? $pause * 1.5 : 0.05;
    }
}

# start_process(command => [...], log => FILE, env => {...}, user => NAME, stdin => HANDLE, chdir =>
# DIR) - starts a program in a process group of its own, with a PATH and nothing else of our
# environment, and no descriptors but 0, 1 and 2.  Returns its pid.
sub start_process {
    my (%how) = @_;
    my @identity = defined $how{user} && $> == 0 ? (getpwnam $how{user})[2, 3] : ();

    defined(my $pid = fork) or die "fork: $!\n";
    return $pid if $pid;

    eval {
        setpgrp;
        open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
        POSIX::dup2(fileno $how{stdin}, 0) // die "dup2: $!\n" if $how{stdin};
        open STDOUT, '>>', $how{log} or die "$how{log}: $!\n";
        open STDERR, '>&', \*STDOUT or die "dup: $!\n";
        chdir($how{chdir} // '/') or die "chdir: $!\n";
        if (@identity) {
            $) = "$identity[1] $identity[1]";
            POSIX::setgid($identity[1]) // die "setgid: $!\n";
            POSIX::setuid($identity[0]) // die "setuid: $!\n";
        }
        my $path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
        %ENV = (PATH => $path, %{ $how{env} // {} });
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        POSIX::close($_) for grep { $_ > 2 } descriptors('self');
        no warnings 'exec';
        exec { $how{command}[0] } @{ $how{command} } or die "$how{command}[0]: $!\n";
    };
    print STDERR "cannot start: $@";
    POSIX::_exit(127);
}

# True while a process runs; one that has ended is reaped if it was ours.
sub is_alive {
    my ($pid) = @_;
    waitpid $pid, POSIX::WNOHANG();
    return 0 if !kill 0, $pid;
    # A process is a zombie as soon as its first thread has ended; others still hold its sockets.
    return (state_of($pid) // 'Z') ne 'Z' || (() = glob "/proc/$pid/task/*") > 1;
}

sub state_of {
    my ($pid) = @_;
    open my $fh, '<', "/proc/$pid/stat" or return;
    my $line = <$fh> // return;
    return $line =~ /\) (\S)/ ? $1 : undef;
}

# Ends a process: the signal (TERM), then after $seconds (10) KILL.  Returns the seconds it took, or
# nothing if it had to be killed.
sub stop_process {
    my ($pid, $signal, $seconds) = @_;
    my $started = time;

    kill $signal // 'TERM', $pid;
    return time - $started if wait_until { !is_alive($pid) } $seconds // 10;
    kill 'KILL', $pid;
    wait_until { !is_alive($pid) } 5;
    return;
}

# The pids of all processes but this one that have a tie to a directory.
sub tied_to {
    my ($dir) = @_;
    opendir my $proc, '/proc' or die "/proc: $!\n";
    my @pids = grep { /\A[0-9]+\z/ && $_ != $$ } readdir $proc;
    return grep { has_tie($_, $dir) && (state_of($_) // 'Z') ne 'Z' } @pids;
}

sub has_tie {
    my ($pid, $dir) = @_;
    my $is_inside = sub { (readlink $_[0] // '') =~ m{\A\Q$dir\E(?:/|\z)} };

    return 1 if grep { $is_inside->("/proc/$pid/$_") } qw(exe cwd);
    return 1 if grep { index(contents("/proc/$pid/$_"), $dir) >= 0 } qw(cmdline environ);
    return scalar grep { $is_inside->("/proc/$pid/fd/$_") } descriptors($pid);
}

# The numbers of a process's open descriptors.
sub descriptors {
    my ($pid) = @_;
    opendir my $fds, "/proc/$pid/fd" or return;
    return grep { /\A[0-9]+\z/ } readdir $fds;
}

sub contents {
    my ($file) = @_;
    open my $fh, '<:raw', $file or return '';
    local $/;
    return <$fh> // '';
}

# A pid with its command, for messages.
sub describe {
    my ($pid) = @_;
    my $command = contents("/proc/$pid/cmdline") =~ tr/\0/ /r;
    return "$pid ($command)";
}

# A TCP port on 127.0.0.1 on which no process listens at this moment, and which this test has not been
# given before: its server may not have it yet.
my %given;

sub free_port {
    require IO::Socket::INET;
    my @sockets;    # kept open, so that the kernel gives another one
    while (1) {
        push @sockets, IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReuseAddr => 1)
            // die "no free port: $!\n";
        my $port = $sockets[-1]->sockport;
        return $port if !$given{$port}++;
    }
}

# True when this very process listens on the TCP port: another test's server does not count.
sub listens_on {
    my ($pid, $port) = @_;
    my $hex = sprintf '%04X', $port;
    # The fourth column is the state, 0A is LISTEN; the tenth is the socket's inode.
    my @rows = map { [split] } map { split /^/, contents("/proc/net/$_") } qw(tcp tcp6);
    my %is_listening = map { ("socket:[$_->[9]]" => 1) }
        grep { $_->[1] =~ /:$hex\z/ && $_->[3] eq '0A' } @rows;
    return scalar grep { $is_listening{ readlink("/proc/$pid/fd/$_") // '' } } descriptors($pid);
}

1;
