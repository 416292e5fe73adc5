#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# stderr.pl - says things to standard error: lines, a long one, and one that has no end
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();

Effect::body();
Effect::record($nonce, "run");
$| = 1;
print STDERR "complaint one $nonce\n";
print STDERR "complaint two $nonce ", "y" x 3000, "\n";
print STDERR "complaint three $nonce, with no end";
print "Content-Type: text/plain\n\ncomplained $nonce\n";
