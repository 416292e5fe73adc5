#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# order.pl - an order form as thousands of hosts have it: one CGI script, one file of orders
#
#   GET  order.pl       the form
#   GET  order.pl/7     order number 7
#   POST order.pl       takes an order: 201, Location: order.pl/7
#
# Form fields, or members of a JSON object: item, quantity, name.  The answer is JSON for callers
# that ask for it (Accept: application/json), otherwise a page.
#
# Taking an order knows nothing about retries: sent twice, it takes two.  Behind retrysafe a POST that
# carries a key runs the script once, and every retry gets the first answer.  A program sends the key
# as Idempotency-Key; a form cannot, so ours has a hidden field with a new one, for a route with
#
#   "key_from": ["header:Idempotency-Key", "form:_idempotency_key"], "release_on": ["400"]
#
# where release_on lets somebody who mistyped correct the form that he has.
#
# Orders are lines of JSON in the file $ORDERS_FILE, else ../var/orders.jsonl beside cgi-bin/.
use strict;
use warnings;
use CGI ();
use Fcntl qw(:flock SEEK_SET);
use JSON::PP ();

my $JSON = JSON::PP->new->utf8->canonical;
my ($HERE) = __FILE__ =~ m{\A(.*)/}s;
my $FILE = $ENV{ORDERS_FILE} // (($HERE // '.') . '/../var/orders.jsonl');

binmode STDOUT;
$CGI::POST_MAX = 64 * 1024;
my $cgi = CGI->new;
my $method = $cgi->request_method // 'GET';
my $wants_json = ($cgi->http('Accept') // '') =~ m{application/json};

if ($method eq 'POST') {
    take_order();
} elsif ($method ne 'GET' && $method ne 'HEAD') {
    answer('405 Method Not Allowed', { error => 'use GET or POST' }, -Allow => 'GET, HEAD, POST');
} elsif (($cgi->path_info // '') =~ m{\A/([0-9]{1,9})\z}) {
    my ($order) = grep { $_->{order} == $1 } read_orders();
    $order ? answer('200 OK', $order) : answer('404 Not Found', { error => 'no such order' });
} else {
    show_form();
}

sub take_order {
    my $in = read_input() or return answer('400 Bad Request', { error => 'this is no order' });
    my %order = map { $_ => $in->{$_} // '' } qw(item quantity name);

    return answer('400 Bad Request', { error => 'what would you like? item is empty' })
        if $order{item} !~ /\S/;
    return answer('400 Bad Request', { error => 'quantity is a number from 1 to 999' })
        if $order{quantity} !~ /\A[1-9][0-9]{0,2}\z/;
    $order{quantity} += 0;
    my $number = eval { store_order(\%order) };
    if (!defined $number) {
        print STDERR "order.pl: $@";
        return answer('500 Internal Server Error', { error => 'the order was not taken' });
    }
    answer('201 Created', \%order, -Location => $cgi->script_name . "/$number");
}

# The order as a hash, from a form or from a JSON object; nothing if it is neither.
sub read_input {
    if (($cgi->content_type // '') =~ m{\Aapplication/json\b}) {
        my $in = eval { $JSON->decode(scalar $cgi->param('POSTDATA')) };
        return ref $in eq 'HASH' ? $in : undef;
    }
    return if $cgi->cgi_error;
    my %in = map { $_ => scalar $cgi->param($_) } qw(item quantity name);
    utf8::decode($_) for grep { defined } values %in;
    return \%in;
}

# Numbers the order, appends it and returns its number; dies if it cannot be kept.
sub store_order {
    my ($order) = @_;

    open my $fh, '+>>:raw', $FILE or die "$FILE: $!\n";
    flock $fh, LOCK_EX or die "$FILE: $!\n";
    seek $fh, 0, SEEK_SET;
    my $number = 1;
    $number++ while <$fh>;
    $order->{order} = $number;
    print {$fh} $JSON->encode($order), "\n" or die "$FILE: $!\n";
    close $fh or die "$FILE: $!\n";
    return $number;
}

sub read_orders {
    open my $fh, '<:raw', $FILE or return;
    return map { $JSON->decode($_) } <$fh>;
}

sub answer {
    my ($status, $facts, %fields) = @_;

    if ($wants_json) {
        print_header($status, 'application/json', %fields);
        print $JSON->encode($facts), "\n";
        return;
    }
    my $rows = join '', map {
        my $value = $cgi->escapeHTML($facts->{$_});
        utf8::encode($value);
        "<tr><th>$_<td>$value\n";
    } sort keys %$facts;
    my $self = $cgi->escapeHTML($cgi->script_name);
    print_page($status, "<table>\n$rows</table>\n<p><a href=\"$self\">Order more</a>\n", %fields);
}

# Not to be kept by the browser: who goes back to order once more gets a form with another key.
sub show_form {
    my $self = $cgi->escapeHTML($cgi->script_name);
    my ($form_key, $key) = (new_key(), new_key());
    my $url = $cgi->escapeHTML($cgi->url);

    print_page('200 OK', <<"END", -Cache_Control => 'no-store');
<form method="post" action="$self">
<input type="hidden" name="_idempotency_key" value="$form_key">
<p><label>Item <input name="item" value="Tea" required></label>
<p><label>Quantity <input name="quantity" type="number" min="1" max="999" value="1"></label>
<p><label>Your name <input name="name"></label>
<p><button>Order</button>
</form>
<p>Pressed twice, this button orders once, where retrysafe takes the key from the form. A program
names its order in a header field, and sends the same value again when it retries:
<pre>curl -H 'Idempotency-Key: "$key"' -d item=Tea -d quantity=2 \\
     $url</pre>
END
}

sub print_page {
    my ($status, $body, %fields) = @_;

    print_header($status, 'text/html; charset=utf-8', %fields);
    print <<"END";
<!doctype html>
<html lang="en">
<title>Orders</title>
<h1>Orders</h1>
$body</html>
END
}

sub print_header {
    my ($status, $type, %fields) = @_;
    print $cgi->header(-status => $status, -type => $type, -charset => '', %fields);
}

# A random UUID (RFC 9562, version 4).
sub new_key {
    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $fh, my $bytes, 16;
    vec($bytes, 6, 8) = vec($bytes, 6, 8) & 0x0f | 0x40;
    vec($bytes, 8, 8) = vec($bytes, 8, 8) & 0x3f | 0x80;
    return join '-', unpack 'H8 H4 H4 H4 H12', $bytes;
}
