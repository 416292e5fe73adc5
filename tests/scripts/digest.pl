#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# digest.pl - the length and SHA-256 of the request body, which may be of any size
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

use Digest::SHA;

my $nonce = Effect::nonce();
my $digest = Digest::SHA->new(256);
my $got = 0;

Effect::record($nonce, "run");
while (sysread STDIN, my $piece, 65536) {
    $digest->add($piece);
    $got += length $piece;
}
print "Content-Type: text/plain\n\n$got ", $digest->hexdigest, "\n";
