#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# bigfirst.pl - writes 1 MB before it reads its request body
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

use Digest::SHA qw(sha256_hex);

my $nonce = Effect::nonce();

Effect::record($nonce, "run");
Effect::put("Content-Type: application/octet-stream\r\n\r\n" . Effect::pattern(1 << 20));
my $body = Effect::body();
Effect::put("\n$nonce " . length($body) . " " . sha256_hex($body) . "\n");
