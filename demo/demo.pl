#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# demo.pl - retrysafe at work: lighttpd, the order form of cgi-bin/, and a client that tries again
#
#   perl demo/demo.pl           POSTs an order twice and shows both answers; exit 0 if it held
#   perl demo/demo.pl serve     keeps the server up for a browser, until Ctrl-C
#
# Everything lives in a directory of its own under /tmp and is gone afterwards.  Needs a built
# retrysafe; `make demo` and `make serve` see to that.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../tests/lib";
use Client qw(request);
use Gateway qw(write_config);
use Sandbox;
use Server;

$| = 1;
my $sandbox = Sandbox->new;
my $lighttpd = start_lighttpd();
my $at = 'http://127.0.0.1:' . $lighttpd->port;

if (($ARGV[0] // '') eq 'serve') {
    serve();
} else {
    show();
}

sub start_lighttpd {
    $sandbox->copy($sandbox->root . '/cgi-bin/order.pl', "www/$_/order.pl") for qw(spawned bare);
    $sandbox->give_dir('www/var', 0755);
    write_config($sandbox, routes => [{ match => '*/order.pl', release_on => ['400'],
        key_from => ['header:Idempotency-Key', 'form:_idempotency_key'] }]);
    $sandbox->binary;
    return Server->start($sandbox, 'lighttpd');
}

sub serve {
    print <<"END";

  An order form behind retrysafe:  $at/spawned/order.pl
  The same form without it:        $at/bare/order.pl

  curl -i -H 'Idempotency-Key: "demo-1"' -d item=Tea -d quantity=2 $at/spawned/order.pl

  Run that line twice, or order in a browser and reload the answer: one order.  Ctrl-C ends the server.

END
    $SIG{INT} = $SIG{TERM} = sub { exit 0 };
    sleep 3600 while 1;
}

sub show {
    my $key = sprintf 'demo-%08x', rand 2**32;
    my @failed;

    print "\n  lighttpd on $at, retrysafe in front of cgi-bin/order.pl\n";
    print "\n  1. POST /spawned/order.pl      Idempotency-Key: \"$key\"\n\n";
    my $first = order('spawned', $key);
    print "\n  2. The same again, as a client does that never saw the answer\n\n";
    my $retry = order('spawned', $key);
    my $orders = orders();

    push @failed, 'the first answer is not 201' if $first->status != 201;
    push @failed, 'the retry got another answer' if $retry->essence ne $first->essence;
    push @failed, 'the retry is not marked as a replay' if !$retry->is_replay || $first->is_replay;
    push @failed, "there are $orders orders" if $orders != 1;

    print "\n  3. For comparison: twice to the bare script, POST /bare/order.pl\n\n";
    order('bare', $key) for 1 .. 2;
    my $doubled = orders() - $orders;
    push @failed, "the bare script took $doubled orders, not 2" if $doubled != 2;

    push @failed, $sandbox->close;
    $sandbox->remove;
    if (@failed) {
        print "\n", map({ "  FAILED: $_\n" } @failed), "\n";
        exit 1;
    }
    print "\n  Sent twice with retrysafe:     the same answer, 1 order.\n";
    print "  Sent twice without:            2 orders.\n\n";
}

# Sends the order and shows what matters of the answer.
sub order {
    my ($prefix, $key) = @_;
    my @headers = ('Idempotency-Key' => qq("$key"), Accept => 'application/json',
        'Content-Type' => 'application/x-www-form-urlencoded');
    my $answer = request($lighttpd->port, POST => "/$prefix/order.pl",
        body => 'item=Tea&quantity=2&name=Ada', headers => \@headers);
    my @shown = grep { $_->[0] =~ /\A(?:Location|Content-Type|Idempotent-Replayed)\z/i }
        @{ $answer->{headers} };
    print '     ', $answer->status || 'no answer', ' ', $answer->{reason} // '', "\n";
    print "     $_->[0]: $_->[1]\n" for @shown;
    print "     $_\n" for grep { length } split /\r?\n/, $answer->body;
    return $answer;
}

# How many orders the script has taken.
sub orders {
    return scalar grep { /\S/ } split /\n/, $sandbox->read('www/var/orders.jsonl');
}
