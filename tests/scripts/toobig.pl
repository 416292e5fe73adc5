#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# toobig.pl - a body of `bytes` bytes, 11 MB unless told otherwise
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();

Effect::body();
Effect::record($nonce, "run");
Effect::put("Status: 201 Created\r\nContent-Type: application/octet-stream\r\n"
    . "X-Nonce: $nonce\r\n\r\n");
my $left = $query{bytes} // 11 << 20;
while ($left > 0) {
    my $part = $left < 65536 ? $left : 65536;
    Effect::put(Effect::pattern($part));
    $left -= $part;
}
