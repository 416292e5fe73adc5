#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# env.pl - what a script sees, as JSON: environment, arguments, descriptors, signals, body
#
# Perl itself ignores SIGFPE; it is left out of signals_ignored.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

use Cwd ();
use Config;
use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use POSIX ();

my $nonce = Effect::nonce();
my @signal_names = split / /, $Config{sig_name};

# The names of the signals in one of the masks of /proc/self/status, without 32 and 33: they are the
# C library's own, and its posix_spawn() always leaves them ignored.
sub signals_in {
    my ($mask) = @_;
    my $bits = reverse unpack 'B64', pack 'H16', $mask;
    my @numbers = grep { $_ != 32 && $_ != 33 && substr $bits, $_ - 1, 1 } 1 .. 64;
    return [map { $signal_names[$_] // $_ } @numbers];
}

my %fd;
opendir my $dir, "/proc/self/fd" or die "/proc/self/fd: $!\n";
for (grep { /\A[0-9]+\z/ } readdir $dir) {
    my $target = readlink "/proc/self/fd/$_";
    $fd{$_} = $target if defined $target && $target !~ m{\A/proc/[0-9]+/fd\z};
}
closedir $dir;

open my $status, "<", "/proc/self/status" or die "/proc/self/status: $!\n";
my %proc = map { /\A(\w+):\s*(.*)\n/ ? ($1 => $2) : () } <$status>;
close $status;

my $seekable = defined POSIX::lseek(0, 0, POSIX::SEEK_CUR()) ? 1 : 0;
my $body = Effect::body();
my $at_end = sysread(STDIN, my $more, 1);

Effect::record($nonce, "run");
print "Content-Type: application/json\r\n\r\n", JSON::PP->new->ascii->canonical->pretty->encode({
    nonce => $nonce,
    env => {%ENV},
    argv => [@ARGV],
    script => $0,
    cwd => Cwd::getcwd(),
    fd => \%fd,
    signals_ignored => [grep { $_ ne "FPE" } @{ signals_in($proc{SigIgn}) }],
    signals_blocked => signals_in($proc{SigBlk}),
    umask => sprintf("%04o", umask),
    leads_session => session_id() == $$ ? 1 : 0,
    leads_group => getpgrp() == $$ ? 1 : 0,
    stdin_seekable => $seekable,
    stdin_ends => defined $at_end && $at_end == 0 ? 1 : 0,
    body_bytes => length $body,
    body_sha256 => sha256_hex($body),
});

# getsid(2), which Perl has no name for: the sixth field of /proc/self/stat.
sub session_id {
    open my $fh, "<", "/proc/self/stat" or die "/proc/self/stat: $!\n";
    my ($after_name) = <$fh> =~ /\A.*\) (.*)/s;
    return (split / /, $after_name)[3];
}
