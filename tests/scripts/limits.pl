#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# limits.pl - uses more and more of something until it is stopped, or says what its limits are
#
# Query: use=cpu (spins), memory (takes 256 MB), file (writes 1 MB into a file), processes (starts
# another one); without it, the lines of /proc/self/limits.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $use = $query{use} // "";
my $nonce = Effect::nonce();
my $said = "";

Effect::body();
Effect::record($nonce, "run");
if ($use eq "cpu") {
    1 while 1;
} elsif ($use eq "memory") {
    my $taken = "x" x (256 << 20);
    $said = length($taken) . " bytes taken\n";
} elsif ($use eq "file") {
    # Without a handler the signal ends the script.
    $SIG{XFSZ} = "IGNORE" if $query{ignore};
    open my $file, "+>", undef or die "temporary file: $!\n";
    for (1 .. 16) {
        next if defined syswrite $file, "y" x 65536;
        $said = "write: $!\n";
        last;
    }
    $said ||= (-s $file) . " bytes written\n";
} elsif ($use eq "processes") {
    my $pid = fork;
    exit 0 if defined $pid && !$pid;
    $said = defined $pid ? "started\n" : "fork: $!\n";
    waitpid $pid, 0 if $pid;
} else {
    open my $limits, "<", "/proc/self/limits" or die "/proc/self/limits: $!\n";
    $said = join "", <$limits>;
}
print "Content-Type: text/plain\r\n\r\n$said";
