#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# slow.pl - an effect at the start, a wait at the gate `gate`, and a trace of the end
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();

Effect::body();
Effect::record($nonce, "run");
Effect::wait_gate($query{gate} // "slow");
select undef, undef, undef, $query{sleep} if $query{sleep};
Effect::record($nonce, "end");
print "Status: 201 Created\nContent-Type: text/plain\n\nslow $nonce\n";
