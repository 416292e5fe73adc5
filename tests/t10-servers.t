# Claim: in every wiring of conf/ a retried POST runs its script once, gets the same answer byte for
# byte with the marker, and the script sees what it would see without retrysafe.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Effects;
use JSON::PP qw(decode_json);
use Sandbox;
use Site;
use Test::More;

my $sandbox = Sandbox->new;
# RETRYSAFE_WIRING is the name of one wiring: only that one is tried (make check-fast).
my $only = $ENV{RETRYSAFE_WIRING} // '';
my @kinds = $only =~ /\A(Apache|lighttpd)/ ? lc $1 : $only ? qw(lighttpd nginx) : ();
my $site = Site->new($sandbox, @kinds);
my $effects = Effects->new($sandbox);
my $key_number = 0;

sub new_key { 't10-' . ++$key_number }

# The request target that shows most of a script's view: path information, encoded, and a query.
my $TARGET = 'env.pl/extra/p%20i?a=1&b=%20c';

# Without us: Apache's or lighttpd's own CGI; nginx has none, and sees the same files as lighttpd.
my %bare;
for my $kind (@kinds ? $kinds[0] : qw(lighttpd apache)) {
    for my $target ($TARGET, 'env.pl') {
        $bare{$kind}{$target} = view($site->bare($kind)->request(POST => $target, body => 'a=1'));
    }
}
$bare{nginx} = $bare{lighttpd};

my @wirings = grep { !$only || $_->name eq $only } $site->wirings;
ok @wirings > 0, 'there is a wiring';
subtest $_->name => \&check_wiring, $_ for @wirings;
$sandbox->finish;

sub check_wiring {
    my ($wiring) = @_;
    check_retry($wiring, 'effect.pl', 'a=1');
    check_retry($wiring, 'effect.pl?status=201&bytes=70000', 'x' x 70000);
    check_retry($wiring, 'effect.pl?status=404', '');
    check_view($wiring, $_) for $TARGET, 'env.pl';
    check_hygiene($wiring);
    check_chunks($wiring);
    check_get($wiring);
}

sub check_retry {
    my ($wiring, $target, $body) = @_;
    my $key = new_key();
    my @request = (POST => $target, key => $key, body => $body);
    my $first = $wiring->request(@request);
    my ($wanted) = $target =~ /status=(\d+)/;

    is $first->status, $wanted // 200, "$target: the script's status";
    like $first->body, qr/^nonce [0-9a-f]{16}\nread @{[length $body]}\n/, 'its body';
    ok !defined $first->header('Idempotent-Replayed'), 'no marker on the first answer';
    for my $retry (map { $wiring->request(@request) } 1 .. 2) {
        is_deeply [$retry->all('Idempotent-Replayed')], ['true'], 'one marker on a retry';
        ok $retry->essence eq $first->essence, 'the same answer'
            or diag "first:\n", $first->head, "retry:\n", $retry->head;
        ok $retry->{complete}, 'whole';
    }
    is $effects->runs($key), 1, 'one run';
}

# What env.pl saw; an empty hash if it did not answer.
sub view {
    my ($answer) = @_;
    my $view = eval { decode_json($answer->body) } or diag 'env.pl: ', $answer->raw;
    return $view // {};
}

sub check_view {
    my ($wiring, $target) = @_;
    my $bare = $bare{ $wiring->kind }{$target};
    my $seen = view($wiring->request(POST => $target, key => new_key(), body => 'a=1'));
    my ($prefix, $legacy) = ($wiring->prefix, $wiring->legacy);

    for my $name (qw(SCRIPT_NAME PATH_INFO PATH_TRANSLATED SCRIPT_FILENAME QUERY_STRING REQUEST_URI
        REQUEST_METHOD CONTENT_LENGTH DOCUMENT_ROOT GATEWAY_INTERFACE SERVER_PROTOCOL)) {
        is as_bare($seen->{env}{$name}, $prefix, $legacy), $bare->{env}{$name}, "$target: $name";
    }
    is as_bare($seen->{cwd}, $prefix, $legacy), $bare->{cwd}, "$target: working directory";
    is_deeply $seen->{argv}, [], "$target: no arguments";
    # REDIRECT_STATUS is set by some servers, and means nothing.
    my @added = grep { /^REDIRECT_/ && $_ ne 'REDIRECT_STATUS' } sort keys %{ $seen->{env} };
    is_deeply \@added, [], "$target: nothing of an Action";
}

# A value with the wiring's own directory and URL replaced by those of the bare script.
sub as_bare {
    my ($value, $prefix, $legacy) = @_;
    my $www = $sandbox->path('www');
    return if !defined $value;
    $value =~ s{\A\Q$www\E/(?:\Q$prefix\E|\Q$legacy\E)(?=/|\z)}{$www/bare};
    $value =~ s{\A/\Q$prefix\E(?=/)}{/bare};
    return $value;
}

sub check_hygiene {
    my ($wiring) = @_;
    my $key = new_key();
    my $body = join '', map { chr } 0 .. 255;
    my @headers =
        (Proxy => 'http://evil.example/', 'X-Own' => 'kept', 'Content-Type' => 'text/x-test');
    my $seen = view(
        $wiring->request(POST => 'env.pl', key => $key, body => $body, headers => \@headers));
    my $env = $seen->{env} // {};

    is $env->{IDEMPOTENCY_KEY}, $key, 'IDEMPOTENCY_KEY';
    is $env->{IDEMPOTENCY_ATTEMPT}, 1, 'IDEMPOTENCY_ATTEMPT';
    like $env->{IDEMPOTENCY_OPERATION}, qr/\A\S{16,}\z/, 'IDEMPOTENCY_OPERATION is unguessable';
    like $env->{IDEMPOTENCY_DOWNSTREAM_KEY}, qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/,
        'IDEMPOTENCY_DOWNSTREAM_KEY is a UUID';
    is $env->{HTTP_X_OWN}, 'kept', 'header fields arrive';
    is $env->{CONTENT_TYPE}, 'text/x-test', 'the content type too';
    is_deeply [grep { /^(?:HTTP_PROXY|RETRYSAFE_.*|TEST_SANDBOX)$/i } sort keys %$env], [],
        'nothing that is ours or dangerous';
    is $seen->{body_sha256}, sha256_hex($body), 'the body';
    ok $seen->{stdin_seekable} && $seen->{stdin_ends}, 'standard input is seekable and ends';
    is_deeply [sort keys %{ $seen->{fd} // {} }], [0, 1, 2], 'no descriptors but 0, 1, 2';
    is_deeply $seen->{signals_ignored}, [], 'no signal is ignored';
    is_deeply $seen->{signals_blocked}, [], 'no signal is blocked';
    ok $seen->{leads_session}, 'the script leads its own session';
}

# RFC 3875, 4.2: the server must supply CONTENT_LENGTH when it removes a transfer coding.
sub check_chunks {
    my ($wiring) = @_;
    my @chunks = ('abc', 'd' x 20000);
    my $seen = view($wiring->request(POST => 'env.pl', key => new_key(), chunks => \@chunks));
    is $seen->{env}{CONTENT_LENGTH}, 20003, 'CONTENT_LENGTH of a chunked body';
    ok !exists $seen->{env}{HTTP_TRANSFER_ENCODING}, 'the transfer coding is not mentioned';
    is $seen->{body_sha256}, sha256_hex(join '', @chunks), 'the chunked body';
}

# What a route does not protect passes through; nothing is stored.
sub check_get {
    my ($wiring) = @_;
    for my $request ([GET => 'effect.pl', key => new_key()], [POST => 'effect.pl', body => 'a=1']) {
        my ($one, $two) = map { $wiring->request(@$request) } 1 .. 2;
        my $what = $request->[0] eq 'GET' ? 'GET with a key' : 'POST without a key';
        is $one->status, 200, "$what is answered";
        isnt $one->body, $two->body, "$what runs each time";
        ok !$two->is_replay, "$what is never marked";
    }
}
