#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# segv.pl - has its effect, prints a header and part of a body, and is killed by a signal
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

Effect::body();
Effect::record(Effect::nonce(), "run");
Effect::put("Content-Type: text/plain\r\n\r\nhalf an answ");
kill "SEGV", $$;
