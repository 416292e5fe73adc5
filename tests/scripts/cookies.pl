#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# cookies.pl - repeats header fields: two cookies, two X-Dup, in an order of its own
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();

Effect::body();
Effect::record($nonce, "run");
print "X-Dup: first\nSet-Cookie: a=1; Path=/\nContent-Type: text/plain\n";
print "Set-Cookie: b=2; HttpOnly\nX-Dup: second\nX-Nonce: $nonce\n\ncookies $nonce\n";
