#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# grandchild.pl - exits while a background process still holds its standard output
#
# The grandchild waits at the gate "grandchild" and then writes more, which is not part of the
# answer.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my $nonce = Effect::nonce();

Effect::body();
Effect::record($nonce, "run");
Effect::put("Content-Type: text/plain\r\n\r\nthe script is done, $nonce\n");
defined(my $pid = fork) or die "fork: $!\n";
exit 0 if $pid;
Effect::wait_gate("grandchild");
$SIG{PIPE} = "IGNORE";
eval { Effect::put("too late\n") };
Effect::record($nonce, "late");
