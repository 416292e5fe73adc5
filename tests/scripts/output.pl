#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# output.pl - prints the bytes of the file outputs/NAME in the directory above, chosen by the query
# `of`, and nothing else
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my ($name) = ($query{of} // '') =~ /\A([a-z0-9-]+)\z/ or die "output.pl: no such output\n";
my ($above) = __FILE__ =~ m{\A(.*)/};

Effect::body();
Effect::record(Effect::nonce(), 'run');
open my $fh, '<:raw', ($above // '.') . "/../outputs/$name" or die "$name: $!\n";
Effect::put(do { local $/; <$fh> } // '');
