#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# binary.pl - sends its request body back, byte for byte, after all 256 byte values
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();
my $body = Effect::body();

Effect::record($nonce, "run");
Effect::put("Content-Type: application/octet-stream\r\nX-Nonce: $nonce\r\n\r\n"
    . Effect::pattern(256) . $body);
