#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# errflood.pl - writes 1 MB to standard error first, and leaves its request body unread
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();

Effect::record($nonce, "run");
print STDERR "flood $_ ", "x" x 80, "\n" for 1 .. 11000;
print "Content-Type: text/plain\n\nflooded, $nonce\n";
