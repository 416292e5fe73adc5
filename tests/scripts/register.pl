#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# register.pl - makes a user of the e-mail address in the body, a form or JSON: the event "user:MAIL"
#
# A user is made at the end, and only by an answer that says so (2xx or 303).
#
# Query: status=NNN (201), outcome=WORD (Retrysafe-Outcome), gate=NAME, sleep=SECONDS, die=1 (by a
# signal, in place of an answer).
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();
my ($mail) = Effect::body() =~ /\bemail"?[=:]\s*"?([^"&\s]*)/;
my $status = $query{status} // 201;

$mail //= "-";
$mail =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
Effect::record($nonce, "run");
Effect::wait_gate($query{gate});
select undef, undef, undef, $query{sleep} if $query{sleep};
kill "KILL", $$ if $query{die};
Effect::record($nonce, "user:$mail") if $status =~ /\A(?:2..|303)\z/ && !$query{outcome};
print "Status: $status\r\n";
print "Retrysafe-Outcome: $query{outcome}\r\n" if $query{outcome};
print "Location: http://localhost/users/$nonce\r\n" if $status == 303;
print "Content-Type: text/plain\r\nX-Nonce: $nonce\r\nSet-Cookie: session=$nonce\r\n\r\n";
print "user $mail\nnonce $nonce\n";
