#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# heir.pl - exits with its body unread, while a background process holds standard input and output
#
# The background process ends when the gate `gate` opens.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();

Effect::record($nonce, "run");
Effect::put("Content-Type: text/plain\r\n\r\nthe script is done, $nonce\n");
defined(my $pid = fork) or die "fork: $!\n";
Effect::wait_gate($query{gate} // "heir") if !$pid;
