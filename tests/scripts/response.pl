#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# response.pl - prints one of many kinds of output, chosen by the query `row`
#
# The rows are those on which servers disagree: each of them, given the same bytes, makes another
# response of them or none.  What a row should become is said in t13-responses.t.
use strict;
use warnings;
use lib __FILE__ =~ m{\A(.*)/}s ? $1 : q(.);
use Effect;

my %query = Effect::query();
my $nonce = Effect::nonce();
my $text = "Content-Type: text/plain\r\n";

my %rows = (
    "no-content" => "Status: 204 No Content\r\n\r\nthis is not sent $nonce",
    "no-reason" => "Status: 418\r\n$text\r\nteapot $nonce",
    "interim" => "Status: 100 Continue\r\n\r\nStatus: 200 OK\r\n$text\r\nafter 100 $nonce",
    "nph-interim" => "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n$text\r\nafter 100 $nonce",
    "nph" => "HTTP/1.1 201 Made\r\n$text\r\nmade $nonce",
    "cookies" => "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n$text\r\ncookies $nonce",
    "dup" => "X-Dup: 1\r\nX-Dup: 2\r\n$text\r\ndup $nonce",
    "no-header" => "just text, no header $nonce\nand more\n",
    "no-colon" => "${text}this line has no colon\r\n\r\nno colon $nonce",
    "folded" => "${text}X-Folded: one\r\n two\r\n\r\nfolded $nonce",
    "local-redirect" => "Location: /elsewhere?$nonce\r\n\r\n",
    "redirect" => "Location: http://example.org/$nonce\r\n\r\n",
    "see-other" => "Status: 303 See Other\r\nLocation: http://example.org/$nonce\r\n"
        . "$text\r\nsee $nonce",
    "short-length" => "${text}Content-Length: 3\r\n\r\nshort $nonce",
    "long-length" => "${text}Content-Length: 1000\r\n\r\nlong $nonce",
    "long-line" => "${text}X-Long: " . "l" x 9000 . "\r\n\r\nlong line $nonce",
    "big-header" => $text . join("", map { "X-Big-$_: " . "w" x 1000 . "\r\n" } 1 .. 40)
        . "\r\nbig header $nonce",
    "binary" => "Content-Type: application/octet-stream\r\n\r\n" . Effect::pattern(256) . $nonce,
    "nul" => "${text}X-Nul: a\0b\r\n\r\nnul $nonce",
    "empty" => "",
    "no-blank-line" => $text,
    "chunked" => "${text}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "bare-lf" => "Status: 202 Accepted\nContent-Type: text/plain\n\nbare lf $nonce",
);

Effect::body();
Effect::record($nonce, "run");
Effect::put($rows{ $query{row} // "" } // die "response.pl: no such row\n");
