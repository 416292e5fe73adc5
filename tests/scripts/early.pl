#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# early.pl - answers, closes standard output, and goes on until the gate `gate` opens
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();

Effect::record($nonce, "run");
Effect::put("Content-Type: text/plain\r\n\r\nearly $nonce\n");
close STDOUT;
Effect::wait_gate($query{gate} // "early");
print STDERR "early.pl: $nonce is through\n";
Effect::record($nonce, "end");
