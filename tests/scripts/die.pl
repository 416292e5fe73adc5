#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# die.pl - has its effect and dies in the middle of its header
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

Effect::body();
Effect::record(Effect::nonce(), "run");
$| = 1;
print "Content-Type: text/pl";
die "die.pl: died on purpose\n";
