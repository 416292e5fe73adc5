#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# policy.pl - says what it is told to about its own answer, and shows what it was told
#
# A run for a replay (IDEMPOTENCY_REPLAY) is the event "view", and no effect.
#
# Query: status=NNN, outcome=WORD (Retrysafe-Outcome), ttl=DURATION (Retrysafe-TTL), gate=NAME,
# sleep=SECONDS, bytes=N (a second part of the body), die=1 (a view ends by a signal),
# exit=N (its exit status).
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();
my $replay = $ENV{IDEMPOTENCY_REPLAY} // "-";
my @told = map { $_ // "-" } @ENV{qw(IDEMPOTENCY_OPERATION IDEMPOTENCY_ATTEMPT)};

Effect::body();
Effect::record($nonce, $replay eq "-" ? "run" : "view");
kill "KILL", $$ if $query{die} && $replay ne "-";
Effect::wait_gate($query{gate}) if $replay eq "-";
select undef, undef, undef, $query{sleep} if $query{sleep};
Effect::record($nonce, "end");
print "Status: $query{status}\r\n" if $query{status};
print "Retrysafe-Outcome: $query{outcome}\r\n" if defined $query{outcome};
print "Retrysafe-TTL: $query{ttl}\r\n" if defined $query{ttl};
print "Location: http://localhost/elsewhere\r\n" if ($query{status} // 0) == 303;
print "Content-Type: text/plain\r\nX-Nonce: $nonce\r\nSet-Cookie: session=$nonce\r\n\r\n";
print "nonce $nonce\noperation $told[0]\nattempt $told[1]\nreplay $replay\n";
print Effect::pattern($query{bytes}) if $query{bytes};
exit($query{exit} // 0);
