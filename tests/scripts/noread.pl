#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# noread.pl - answers at once and leaves its request body unread
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();

Effect::record($nonce, "run");
print "Content-Type: text/plain\n\nnot read, $nonce\n";
