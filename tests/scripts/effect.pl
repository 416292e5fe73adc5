#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# effect.pl - one effect a run, and an answer that no two runs share
#
# Query: status=NNN, bytes=N (size of a second part of the body), sleep=SECONDS, gate=NAME.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();
my $body = Effect::body();

Effect::record($nonce, "run");
select undef, undef, undef, $query{sleep} if $query{sleep};
Effect::wait_gate($query{gate});
print "Status: $query{status}\r\n" if $query{status};
print "Content-Type: text/plain\r\nX-Nonce: $nonce\r\n\r\n";
print "nonce $nonce\nread ", length $body, "\n";
print Effect::pattern($query{bytes}) if $query{bytes};
