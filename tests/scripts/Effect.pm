# SPDX-License-Identifier: ISC
#
# Effect.pm - what the test scripts share: a trace of every run, and a gate to wait at
#
# A run is proved by a line in effects.log in the directory above the scripts, "key pid nonce
# event", written by one write(2) in append mode, so that runs at the same time keep their lines
# apart.  A gate is a file in gates/ beside that log: a script that is told to wait at one goes on
# when a test creates it, so that no test has to guess how long anything takes.
#
# Servers do not hand on a test's environment: everything is found from this file's own place.
package Effect;
use strict;
use warnings;
use Fcntl qw(O_WRONLY O_APPEND O_CREAT);

my ($HERE) = __FILE__ =~ m{\A(.*)/}s;
my $ABOVE = ($HERE // '.') . '/..';

# A name for this run that no other run has.
sub nonce {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $fh, my $bytes, 8;
    return unpack 'H*', $bytes;
}

# The key of this request, percent-encoded so that it is one word; "-" without one.
sub key {
    my $key = $ENV{IDEMPOTENCY_KEY} // $ENV{HTTP_IDEMPOTENCY_KEY} // '';
    $key =~ s/\A"(.*)"\z/$1/s;
    $key =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
    return length $key ? $key : '-';
}

# Writes one line to the log.  Events: "run" when a script starts, "end" when it is through, "late"
# from a grandchild.
sub record {
    my ($nonce, $event) = @_;
    my $line = join(' ', key(), $$, $nonce, $event) . "\n";
    sysopen my $fh, "$ABOVE/effects.log", O_WRONLY | O_APPEND | O_CREAT, 0666
        or die "effects.log: $!\n";
    syswrite($fh, $line) == length $line or die "effects.log: $!\n";
    close $fh;
}

# The fields of the query string; the first of a name wins.
sub query {
    my %query;
    for (split /[&;]/, $ENV{QUERY_STRING} // '') {
        my ($name, $value) = split /=/, $_, 2;
        s/\+/ /g, s/%([0-9A-Fa-f]{2})/chr hex $1/ge for grep { defined } $name, $value;
        $query{$name} //= $value // '';
    }
    return %query;
}

# Waits until a test opens the gate, at most a minute.  The gate "all" opens every gate.
sub wait_gate {
    my ($name) = @_;
    return if !defined $name || $name !~ /\A[A-Za-z0-9_.-]+\z/;
    for (1 .. 6000) {
        return if -e "$ABOVE/gates/$name" || -e "$ABOVE/gates/all";
        select undef, undef, undef, 0.01;
    }
}

# The whole request body, read to its announced length.
sub body {
    my $body = '';
    my $want = $ENV{CONTENT_LENGTH} || 0;
    while (length $body < $want) {
        my $got = sysread STDIN, $body, $want - length $body, length $body;
        die "body: $!\n" if !defined $got;
        last if $got == 0;
    }
    return $body;
}

# `bytes` bytes that depend on nothing but their number, with every byte value among them.
sub pattern {
    my ($bytes) = @_;
    my $block = join '', map { chr } 0 .. 255;
    return substr $block x (1 + $bytes / 256), 0, $bytes;
}

# Writes everything to standard output, past Perl's buffers.
sub put {
    my ($bytes) = @_;
    for (my $at = 0; $at < length $bytes;) {
        $at += syswrite(STDOUT, $bytes, length($bytes) - $at, $at) // die "stdout: $!\n";
    }
}

1;
