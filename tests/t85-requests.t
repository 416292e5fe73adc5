# Claim: whatever an HTTP client may write, a script behind retrysafe, without a key and with one, sees what
# it sees without us and answers alike; what the server or we refuse runs nothing; a retry is a replay.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client ();
use Effects;
use JSON::PP qw(decode_json);
use Sandbox;
use Server;
use Site;
use Test::More;

my $FORM = ['Content-Type' => 'application/x-www-form-urlencoded'];
my $JSON = ['Content-Type' => 'application/json'];
my $ALL = join '', map { chr } 0 .. 255;

sub field { [@$FORM, @_] }

# Method, what is behind the prefix, and more of the request.
my %requests = (
    'usual' => [POST => 'env.pl', body => 'a=1', headers => $FORM],
    'empty body' => [POST => 'env.pl', body => ''],
    'no type' => [POST => 'env.pl', body => 'a=1'],
    'empty type' => [POST => 'env.pl', body => 'a=1', headers => ['Content-Type' => '']],
    'odd type' => [POST => 'env.pl', body => 'a=1', headers => ['Content-Type' => 'a/b; c="d;e", f/g']],
    'json' => [POST => 'env.pl', body => '{"a": 1.10, "b": "\ud83d"}', headers => $JSON],
    'bad json' => [POST => 'env.pl', body => '{"a":', headers => $JSON],
    'multipart' => [POST => 'env.pl', body => "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n",
        headers => ['Content-Type' => 'multipart/form-data; boundary=x']],
    'bad multipart' => [POST => 'env.pl', body => '--x', headers => ['Content-Type' => 'multipart/form-data']],
    'all bytes' => [POST => 'env.pl', body => $ALL, headers => ['Content-Type' => 'application/octet-stream']],
    'nuls' => [POST => 'env.pl', body => "\0" x 5000],
    'large' => [POST => 'env.pl', body => 'x' x 3_000_000],
    'one over a record' => [POST => 'env.pl', body => 'x' x 65536],
    'gzip' => [POST => 'env.pl', body => "\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0", headers => field('Content-Encoding' => 'gzip')],
    'expect' => [POST => 'env.pl', body => 'a=1', headers => field('Expect' => '100-continue')],
    'chunks' => [POST => 'env.pl', chunks => ['abc', 'defg'], headers => $FORM],
    'chunks large' => [POST => 'env.pl', chunks => [('y' x 50000) x 4], headers => $FORM],
    'chunks none' => [POST => 'env.pl', chunks => [], headers => $FORM],
    'patch' => [PATCH => 'env.pl', body => 'a=1', headers => $FORM],
    'query' => [POST => 'env.pl?a=1&b=%20c', body => 'a=1', headers => $FORM],
    'query empty' => [POST => 'env.pl?', body => 'a=1', headers => $FORM],
    'query twice' => [POST => 'env.pl?a?b?', body => 'a=1', headers => $FORM],
    'query plus' => [POST => 'env.pl?a+b+c', body => 'a=1', headers => $FORM],
    'query semicolons' => [POST => 'env.pl?a=1;b=2;;', body => 'a=1', headers => $FORM],
    'query encoded' => [POST => 'env.pl?%61=%00%ff%2f', body => 'a=1', headers => $FORM],
    'query brackets' => [POST => 'env.pl?a[]=1&a[b]=2', body => 'a=1', headers => $FORM],
    'query quotes' => [POST => q(env.pl?a='"<>), body => 'a=1', headers => $FORM],
    'query options' => [POST => 'env.pl?--config+/etc/passwd', body => 'a=1', headers => $FORM],
    'query long' => [POST => 'env.pl?a=' . 'x' x 3000, body => 'a=1', headers => $FORM],
    'query operation' => [POST => 'env.pl?_operation=00000000000000000000000000000000', body => 'a=1', headers => $FORM],
    'info' => [POST => 'env.pl/extra', body => 'a=1', headers => $FORM],
    'info encoded' => [POST => 'env.pl/e%20x/%c3%a4', body => 'a=1', headers => $FORM],
    'info slash' => [POST => 'env.pl/', body => 'a=1', headers => $FORM],
    'info slashes' => [POST => 'env.pl//a///b/', body => 'a=1', headers => $FORM],
    'info dots' => [POST => 'env.pl/./a/../b/...', body => 'a=1', headers => $FORM],
    'info percent' => [POST => 'env.pl/50%25/%2541', body => 'a=1', headers => $FORM],
    'info like a script' => [POST => 'env.pl/env.pl/effect.pl', body => 'a=1', headers => $FORM],
    'info semicolon' => [POST => 'env.pl/a;b=c,d', body => 'a=1', headers => $FORM],
    'info and query' => [POST => 'env.pl/a%3fb?c/d', body => 'a=1', headers => $FORM],
    'encoded name' => [POST => '%65nv%2epl', body => 'a=1', headers => $FORM],
    'slashes before' => [POST => '/env.pl', body => 'a=1', headers => $FORM],
    'dot before' => [POST => './env.pl', body => 'a=1', headers => $FORM],
    'up and down' => [POST => 'x/../env.pl', body => 'a=1', headers => $FORM],
    'no such script' => [POST => 'none.pl', body => 'a=1', headers => $FORM],
    'other case' => [POST => 'ENV.pl', body => 'a=1', headers => $FORM],
    'trailing dot' => [POST => 'env.pl.', body => 'a=1', headers => $FORM],
    'a field' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => 'one')],
    'a field twice' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => 'one', 'X-One' => 'two')],
    'an empty field' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => 'one', 'X-Two' => '')],
    'blanks in a field' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => "  a \t b  ")],
    'utf-8 in a field' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => "\xc3\xa4")],
    'a long field' => [POST => 'env.pl', body => 'a=1', headers => field('X-One' => 'x' x 6000)],
    'forty fields' => [POST => 'env.pl', body => 'a=1', headers => field(map { ("X-N$_" => $_) } 1 .. 40)],
    'a field in lower case' => [POST => 'env.pl', body => 'a=1', headers => field('x-one' => 'one')],
    'cookies' => [POST => 'env.pl', body => 'a=1', headers => field('Cookie' => 'a=1; b="2"; a=3')],
    'credentials' => [POST => 'env.pl', body => 'a=1', headers => field('Authorization' => 'Bearer abc.def')],
    'accept' => [POST => 'env.pl', body => 'a=1', headers => field('Accept' => 'text/html,*/*;q=0.1', 'Accept-Language' => 'de')],
    'shell' => [POST => 'env.pl', body => 'a=1', headers => field('User-Agent' => '() { :; }; echo x')],
    'forwarded' => [POST => 'env.pl', body => 'a=1', headers => field('X-Forwarded-For' => '1.2.3.4, 5.6.7.8', 'Via' => '1.1 a')],
    'prefer' => [POST => 'env.pl', body => 'a=1', headers => field('Prefer' => 'respond-async, wait=5')],
    'conditions' => [POST => 'env.pl', body => 'a=1', headers => field('If-None-Match' => '*', 'Range' => 'bytes=0-1')],
    'host with a port' => [POST => 'env.pl', body => 'a=1', headers => $FORM, host => 'localhost:8080'],
    'host in capitals' => [POST => 'env.pl', body => 'a=1', headers => $FORM, host => 'LOCALHOST'],
    'an address as host' => [POST => 'env.pl', body => 'a=1', headers => $FORM, host => '[::1]'],
);

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my %bare = map { my $bare = $site->bare($_); ($_ => sub { $bare->request(@_) }) } qw(apache lighttpd);
my $nginx = Server::nginx_without_us($sandbox);
$bare{nginx} = $nginx if $nginx;
my @wirings = map { $site->wiring($_) } 'lighttpd socket', 'Apache mod_proxy_fcgi SetHandler', 'nginx';
my ($n, $reached, @table) = (0, 0);

subtest $_ => \&check, $_ for sort keys %requests;
cmp_ok $reached, '>=', 150, "$reached requests reached their script on the three servers";
note $_ for @table;
$sandbox->finish;

sub check {
    my ($name) = @_;
    my ($method, $target, @more) = @{ $requests{$name} };
    my @row;

    for my $wiring (@wirings) {
        my $without = $bare{ $wiring->kind } or next;
        my $what = $wiring->name;
        my $key = 'request-' . ++$n;
        my $bare = $without->($method, $target, @more);
        # fcgiwrap does not divide paths, and says 403 or 502 of what it does not find; mod_cgid loses answers to
        # chunks that its script does not read.
        my $is_lost = $wiring->kind eq 'nginx' ? $bare->status =~ /\A(?:403|502)\z/ : $bare->status == 0;
        $bare = $bare{lighttpd}->($method, $target, @more) if $is_lost;
        my $before = $effects->runs;
        my $passed = $wiring->request($method, $target, @more);
        my $passed_runs = $effects->runs - $before;
        my ($first, $retry) = map { $wiring->request($method, $target, @more, key => $key) } 1 .. 2;
        my ($seen, @views) = map { view($_) } $bare, $passed, $first;

        push @row, "$what: " . join ' / ', map { $_->status } $bare, $passed, $first, $retry;
        is $passed->status, $bare->status, "$what: the status without a key" or diag $passed->raw;
        is $first->status, $bare->status, "$what: the status with a key" or diag $first->raw;
        is $effects->runs($key), $seen ? 1 : 0, "$what: runs with a key";
        is $passed_runs, $seen ? 1 : 0, "$what: runs without a key";
        next if !$seen;
        $reached++;
        ok $retry->is_replay && $retry->essence eq $first->essence, "$what: the retry is a replay" or diag $retry->summary;
        my $want = essence($name, $seen, $wiring, 'bare');
        for my $view (grep { $_ && !$is_lost } @views) {
            is_deeply essence($name, $view, $wiring, $wiring->prefix), $want, "$what: the script sees the same";
        }
        is_deeply [map { $_ ? @{ $_->{argv} } : () } @views], [], "$what: no words of the query as arguments";
        is scalar(grep { $_ } @views), 2, "$what: the script answered";
    }
    push @table, "$name: " . join '; ', @row;
}

sub view {
    my $view = eval { decode_json($_[0]->body) };
    return $view && $view->{env} ? $view : undef; # a problem is no view
}

# What a script sees of a request, with the prefix of its URL taken out.  Left out is what has to differ: the
# key, HTTP_PROXY, the body of chunks (Apache does not tell its length without us), and what fcgiwrap does not do:
# it neither divides a path nor joins the two fields that nginx sends.
sub essence {
    my ($name, $view, $wiring, $prefix) = @_;
    my $env = $view->{env};
    my %seen = map { ($_ => $env->{$_}) } grep { /^HTTP_/ } keys %$env;
    my @names = qw(REQUEST_METHOD QUERY_STRING CONTENT_TYPE REQUEST_URI GATEWAY_INTERFACE SERVER_PROTOCOL SERVER_NAME);
    push @names, qw(SCRIPT_NAME PATH_INFO PATH_TRANSLATED SCRIPT_FILENAME) if $wiring->kind ne 'nginx';

    delete @seen{qw(HTTP_TRANSFER_ENCODING HTTP_CONTENT_LENGTH HTTP_CONTENT_TYPE HTTP_IDEMPOTENCY_KEY HTTP_PROXY)};
    delete $seen{HTTP_X_ONE} if $name eq 'a field twice' && $wiring->kind eq 'nginx';
    $seen{$_} = $env->{$_} // '' for @names;
    $seen{body} = $view->{body_sha256} if $name !~ /^chunks/;
    s{/\Q$prefix\E(?=/)}{/P} for grep { defined } values %seen;
    return \%seen;
}
