#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# stream.pl - answers in parts: what is written must arrive before more can be
#
# Sends "first", waits at the gate `gate`, then sends one line for every line of the request body as
# it comes in, and "last" in the end.  The effects "got-BYTES" say how far it has read.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();

Effect::record($nonce, "run");
Effect::put("Content-Type: text/plain\r\n\r\nfirst $nonce\n");
Effect::wait_gate($query{gate});
my $got = 0;
while ($got < ($ENV{CONTENT_LENGTH} || 0) && sysread STDIN, my $piece, 65536) {
    $got += length $piece;
    Effect::put("got $got\n");
    Effect::record($nonce, "got-$got");
}
Effect::put("last\n");
