#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# script.pl - the Perl script that is measured; does what script.c does
use strict;
use warnings;

my $body = '';
read STDIN, $body, $ENV{CONTENT_LENGTH} // 0;
die "the body is cut short\n" if length $body != ($ENV{CONTENT_LENGTH} || 0);
open my $effects, '>>', 'effects' or die "effects: $!\n";
print {$effects} '.';
close $effects or die "effects: $!\n";
print "Content-Type: text/plain\r\n\r\n", 'x' x ($ENV{QUERY_STRING} || 300);
