# Claim: a body is read one way: numbers in JSON by their digits, strings by what they say, members in
# any order; a form or JSON that its Content-Type denies is refused where a key or natural key comes
# from there; boundaries of multipart and the time stamp of gzip do not make another request.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Gateway qw(verb);
use JSON::PP ();
use Process;
use Sandbox;
use Site;
use Test::More;

my $MIB = 1 << 20;
my ($FIRST, $REPLAY, $OTHER, $INVALID, $TAKEN) =
    ('200 answer 1', '200 replay 0', '422 key-reused 0', '400 request-invalid 0', '409 duplicate 0');
my ($JSON, $FORM) = ('application/json', 'application/x-www-form-urlencoded');
my %ROUTE = (
    bytes => {},
    ignore => { ignore => ['/ts'] },
    json => { fingerprint => ['path', 'json'] },
    part => { fingerprint => ['path', 'json:/order'] },
    'key-json' => { key_from => ['json:/k'] },
    'key-form' => { key_from => ['form:k'] },
    'key-late' => { key_from => ['header:Idempotency-Key', 'json:/k', 'form:k'] },
    'unique-json' => { unique => ['json:/email'] },
    'unique-form' => { unique => ['form:email'] },
    'unique-query' => { unique => ['query:email'] },
    'unique-header' => { unique => ['header:X-Mail'], unique_optional => JSON::PP::false() },
    'unique-cookie' => { unique => ['cookie:mail'] },
    'optional-json' => { unique => ['json:/email'], unique_optional => JSON::PP::true() },
    'optional-form' => { unique => ['form:email'], unique_optional => JSON::PP::true() },
    large => { key_from => ['json:/id'], ignore => ['/ts'], fingerprint => ['path', 'json'], max_request => '64M' },
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, {
    routes => [map { +{ %{ $ROUTE{$_} }, match => "*/$_.pl" } } sort keys %ROUTE],
});
for my $name (keys %ROUTE) {
    $sandbox->copy($sandbox->root . '/tests/scripts/effect.pl', "www/$_/$name.pl") for qw(socket proxy cgi);
}
my @WIRINGS = map { $site->wiring($_) } 'lighttpd socket', 'nginx', 'Apache mod_proxy_fcgi SetHandler',
    'lighttpd cgi.assign';
my $n = 0;

for my $wiring (@WIRINGS) {
    subtest $wiring->name . ': the same JSON, and another' => \&check_json, $wiring;
    subtest $wiring->name . ': values of JSON' => \&check_json_values, $wiring;
    subtest $wiring->name . ': a Content-Type that lies' => \&check_liars, $wiring;
    subtest $wiring->name . ': values that are missing' => \&check_missing, $wiring;
    subtest $wiring->name . ': multipart and gzip' => \&check_wrappings, $wiring;
}
subtest 'a large document' => \&check_large;
$sandbox->finish;

sub new_key { 'k' . ++$n }

# What became of a POST, in a word or two, and how many scripts it ran.  type undef: none.
sub outcome {
    my ($wiring, $name, $type, $body, %more) = @_;
    my @headers = (defined $type ? ('Content-Type' => $type) : (), @{ delete $more{headers} // [] });
    my $query = delete $more{query};
    my $runs = $effects->runs;
    my $answer = $wiring->request(POST => "$name.pl" . (defined $query ? "?$query" : ''),
        headers => \@headers, body => $body, %more);
    return join ' ', $answer->status, $answer->problem || ($answer->is_replay ? 'replay' : 'answer'),
        $effects->runs - $runs;
}

# Two bodies of one type, with one key: what the second is.
sub second {
    my ($wiring, $name, $type, $one, $two, $other_type) = @_;
    my $key = new_key();
    is outcome($wiring, $name, $type, $one, key => $key), $FIRST, "$name: $one" =~ s/[^ -~]/./gr;
    return outcome($wiring, $name, $other_type // $type, $two, key => $key);
}

sub check_json {
    my ($wiring) = @_;
    my $long = '9' x 40;
    my @same = (
        ['members in another order', '{"a":1,"b":[{"c":2,"d":3}]}', '{"b":[{"d":3,"c":2}],"a":1}'],
        ['white space', '{"a":[1,2]}', "\r\n{ \"a\" :\t[1 , 2] } "],
        ['escapes', '{"a":"\u00e4\/"}', qq({"\\u0061":"\xc3\xa4/"})],
        ['surrogate pairs', '["\ud83d\ude00"]', qq(["\xf0\x9f\x98\x80"])],
        ['half a surrogate', '["\ud83d"]', '["\uD83D"]'],
        ['a byte order mark', '{"a":1}', qq(\xef\xbb\xbf{"a":1})],
        ['large numbers', "[$long,1e999,-0]", "[ $long, 1e999, -0]"],
    );
    my @other = (
        ['the 18th decimal', '{"a":1.000000000000000001}', '{"a":1.000000000000000002}'],
        ['a zero at the end', '{"a":1.10}', '{"a":1.1}'],
        ['large integers', "{\"a\":1$long}", "{\"a\":2$long}"],
        ['2 ** 53', '{"a":9007199254740993}', '{"a":9007199254740992}'],
        ['exponents', '{"a":1e2}', '{"a":100}'],
        ['half surrogates', '["\ud83d"]', '["\ud83e"]'],
        ['a number as a string', '{"a":1}', '{"a":"1"}'],
        ['elements in another order', '[1,2]', '[2,1]'],
        ['values change places', '{"a":{"x":1},"b":{"x":2}}', '{"a":{"x":2},"b":{"x":1}}'],
        ['null is not nothing', '{"a":null}', '{}'],
        ['a member twice, in another order', '{"a":1,"a":2}', '{"a":2,"a":1}'],
    );
    for my $name (qw(ignore json)) {
        is second($wiring, $name, $JSON, @$_[1, 2]), $REPLAY, "$name: $_->[0]" for @same;
        is second($wiring, $name, $JSON, @$_[1, 2]), $OTHER, "$name: $_->[0]" for @other;
        is second($wiring, $name, 'application/vnd.api+json', @{ $same[0] }[1, 2]), $REPLAY, "$name: a +json type";
        is second($wiring, $name, 'text/plain', @{ $same[0] }[1, 2]), $OTHER, "$name: what is no JSON";
        is second($wiring, $name, $JSON, '{"a":1', '{"a": 1'), $OTHER, "$name: what is broken";
    }
    is second($wiring, 'ignore', $JSON, '{"a":1,"ts":1}', '{"ts":[2,{}],"a":1}'), $REPLAY, 'what is ignored';
    is second($wiring, 'bytes', $JSON, @{ $same[0] }[1, 2]), $OTHER, 'without "json" and ignore the bytes count';
    is second($wiring, 'part', $JSON, '{"order":{"a":1,"b":2},"x":1}', '{"x":2,"order":{"b":2,"a":1}}'), $REPLAY,
        'a part of it, in another order';
    is second($wiring, 'part', $JSON, '{"order":[1.10]}', '{"order":[1.1]}'), $OTHER, 'another amount in a part';
    is second($wiring, 'part', $JSON, '{"order":1}', '{"order":"1"}'), $OTHER, 'another type of a part';
}

sub check_json_values {
    my ($wiring) = @_;
    my $ask = sub { outcome($wiring, 'unique-json', $JSON, $_[0]) };
    my $id = '123456789012345678901234567890' . ++$n;
    is $ask->(qq({"email":$id})), $FIRST, 'a large integer';
    is $ask->(qq({"x":1,"email":$id})), $TAKEN, '... again';
    is $ask->(qq({"email":${id}1})), $FIRST, '... another one';
    is $ask->(qq({"email":"\\ud800$id"})), $FIRST, 'half a surrogate';
    is $ask->(qq({"email":"\\uD800$id"})), $TAKEN, '... again';
    is $ask->(qq({"email":"\\ud801$id"})), $FIRST, '... another one';
    is $ask->(qq(\xef\xbb\xbf{"email":"b$id"})), $FIRST, 'a byte order mark';
    is $ask->(qq({"\\u0065mail":"\\u0062$id"})), $TAKEN, '... it is no part of the value';
    is $ask->(qq({"email":["a",{"x":1,"y":$id}]})), $FIRST, 'an array';
    is $ask->(qq({"email":[ "\\u0061", {"y":$id,"x":1} ]})), $TAKEN, '... written in another way';
    is $ask->(qq({"email":["b",{"x":1,"y":$id}]})), $FIRST, '... another one';
    is $ask->($_ =~ s/ID/$id/gr), $INVALID, $_
        for '{"email":"ID","email":"x"}', '{"email":"xID","email":null}', '{"email":"ID"', '{"email":"ID"}x',
        '{"email":"' . 'x' x 5000 . '"}', '[]', '"ID"', qq({"email":"ID\xff"}), '{"email\u0000":"ID","email":"y"}';
    my $key = new_key();
    is outcome($wiring, 'key-json', $JSON, qq({"k":"$key"})), $FIRST, 'a key';
    is outcome($wiring, 'key-json', $JSON, qq({"k":"$key"})), $REPLAY, '... again';
    is outcome($wiring, 'key-json', $JSON, qq({"k":$_})), '400 key-invalid 0', "a key that is $_"
        for '[]', '{}', '["a"]', '""', '"' . 'x' x 256 . '"';
}

sub multipart_of {
    my ($boundary, @fields) = @_;
    my $body = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $body .= qq(--$boundary\r\nContent-Disposition: form-data; name="$name"\r\n\r\n$value\r\n);
    }
    return "$body--$boundary--\r\n";
}

sub check_liars {
    my ($wiring) = @_;
    my @types = (undef, '', 'text/plain', 'text/plain; charset=UTF-8', 'application/octet-stream', 'text/json',
        'application/jsonx', 'application/x-www-form-urlencodedx', 'multipart/form', 'image/png');
    for (['json', $FORM, "$JSON, text/plain", map { qq({"$_":"KEY"}) } qw(k email)],
        ['form', $JSON, "$FORM, text/plain", map { "a=1&$_=KEY" } qw(k email)]) {
        my ($kind, $wrong, $two, $keyed, $unique) = @$_;
        for my $type (@types, $wrong, $two) {
            my $key = new_key();
            my $what = "$kind as " . ($type // 'nothing');
            is outcome($wiring, "key-$kind", $type, $keyed =~ s/KEY/$key/r), $INVALID, "$what: a key";
            is outcome($wiring, "unique-$kind", $type, $unique =~ s/KEY/$key/r), $INVALID, "$what: a natural key";
            is outcome($wiring, "optional-$kind", $type, $unique =~ s/KEY/$key/r), $INVALID, "$what: an optional one";
            is outcome($wiring, 'key-late', $type, $keyed =~ s/KEY/$key/r, key => $key), $FIRST,
                "$what: a key in front of it";
        }
    }
    my $key = new_key();
    my $parts = multipart_of('x', a => 1, k => $key);
    is outcome($wiring, 'key-form', $_, $parts), $INVALID, 'multipart as ' . ($_ // 'nothing')
        for undef, 'text/plain', $FORM, 'multipart/form-data', 'multipart/form-data; boundary=y',
        'multipart/form-data; boundary=x; boundary=y', 'multipart/mixed; boundary=x';
    is outcome($wiring, 'key-form', $_, $parts), $_ =~ /"/ ? $FIRST : $REPLAY, "multipart as $_"
        for 'multipart/form-data; boundary="x"', 'Multipart/Form-Data;charset=utf-8;BOUNDARY=x';
    is outcome($wiring, 'key-json', 'Application/JSON; Charset=UTF-8', qq({"k":"$key"})), $FIRST, 'JSON in capitals';
    is outcome($wiring, 'key-form', 'APPLICATION/X-WWW-FORM-URLENCODED', 'k=up' . $key), $FIRST, 'a form in capitals';
    # An honest body of another kind has no such value.
    is outcome($wiring, "key-$_->[0]", @$_[1, 2]), $FIRST, "$_->[0]: no key in $_->[1]"
        for ['json', $FORM, 'k=1'], ['json', 'text/plain', 'k'], ['json', 'text/plain', ''], ['form', $JSON, '{"k":1}'],
        ['form', 'text/plain', 'hello'], ['form', 'application/octet-stream', "\x00\xff" x 100];
    is outcome($wiring, 'key-json', $JSON, '{"k":"z"}', headers => ['Content-Encoding' => 'gzip']), $INVALID,
        'a body that says it is compressed';
    is outcome($wiring, 'key-json', undef, undef, chunks => ["{\"k\":", '"x"}']), $INVALID, 'in chunks'
        if $wiring->name !~ /cgi/;
}

sub check_missing {
    my ($wiring) = @_;
    my @keys = map { defined $_ ? [key => $_] : [] } undef, new_key();
    for my $how (@keys) {
        my $what = @$how ? 'with a key' : 'without a key';
        is outcome($wiring, 'unique-json', $JSON, '{"mail":1}', @$how), $INVALID, "JSON, $what";
        is outcome($wiring, 'unique-json', $FORM, 'email=1', @$how), $INVALID, "a form for JSON, $what";
        is outcome($wiring, 'unique-json', $JSON, '', @$how), $INVALID, "no JSON, $what";
        is outcome($wiring, 'unique-json', undef, '', @$how), $INVALID, "nothing, $what";
        is outcome($wiring, 'unique-form', $FORM, 'mail=1', @$how), $INVALID, "a form, $what";
        is outcome($wiring, 'unique-form', $JSON, '{"email":1}', @$how), $INVALID, "JSON for a form, $what";
        is outcome($wiring, 'unique-query', $FORM, 'email=1', @$how), $INVALID, "a query, $what";
        is outcome($wiring, 'unique-header', $FORM, 'a=1', @$how), $INVALID, "a header field, $what";
        is outcome($wiring, 'unique-cookie', $FORM, 'a=1', @$how), $INVALID, "a cookie, $what";
        my @key = @$how ? (key => new_key()) : ();
        is outcome($wiring, 'optional-json', $JSON, '{"mail":1}', @key), $FIRST, "optional JSON, $what";
        @key = @$how ? (key => new_key()) : ();
        is outcome($wiring, 'optional-form', $FORM, 'mail=1', @key), $FIRST, "an optional form, $what";
        is outcome($wiring, 'optional-json', $JSON, '{"mail":1', @$how), $INVALID, "optional JSON that is broken, $what";
    }
    my $value = new_key();
    for (1, 2) {
        my $want = $_ == 1 ? $FIRST : $TAKEN;
        is outcome($wiring, 'unique-query', $FORM, 'a=1', query => "email=$value"), $want, 'in the query';
        is outcome($wiring, 'unique-header', $FORM, 'a=1', headers => ['X-Mail' => $value]), $want, 'in the header';
        is outcome($wiring, 'unique-cookie', $FORM, 'a=1', headers => [Cookie => "mail=$value"]), $want, 'in a cookie';
        is outcome($wiring, 'optional-json', $JSON, qq({"email":"$value"})), $want, 'optional, and there';
    }
}

sub check_wrappings {
    my ($wiring) = @_;
    for my $kind (qw(form-data related mixed alternative)) {
        my ($one, $two) = map { "multipart/$kind; boundary=$_" } 'first', '"the second"';
        my $body = sub { my ($b, $text) = @_;
            return "--$b\r\nContent-Disposition: form-data; name=a; filename*=UTF-8''%e4\r\nContent-ID: <1>\r\n\r\n$text\r\n"
                . "--$b\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n--$b--\r\n" };
        is second($wiring, 'bytes', $one, $body->('first', 1), $body->('the second', 1), $two), $REPLAY,
            "$kind: another boundary";
        is second($wiring, 'bytes', $one, $body->('first', 1), $body->('the second', 2), $two), $OTHER,
            "$kind: ... and another content";
        is second($wiring, 'bytes', $one, $body->('first', 1), "x\r\n" . $body->('first', 1) . 'y'), $REPLAY,
            "$kind: a preamble and an epilogue";
        is second($wiring, 'bytes', $one, $body->('first', 1), $body->('first', 1) =~ s/<1>/<2>/r), $OTHER,
            "$kind: another head";
        is second($wiring, 'bytes', $one, '--first', '--first '), $OTHER, "$kind: broken, the bytes count";
    }
    my $nested = sub { my ($outer, $inner, $text) = @_;
        return "--$outer\r\nContent-Disposition: form-data; name=files\r\nContent-Type: multipart/mixed;\r\n"
            . " boundary=$inner\r\n\r\n--$inner\r\nContent-Disposition: file; filename=f\r\n\r\n$text\r\n--$inner--\r\n\r\n--$outer--\r\n" };
    my @types = map { "multipart/form-data; boundary=$_" } 'a', 'c';
    is second($wiring, 'bytes', $types[0], $nested->('a', 'b', 1), $nested->('c', 'd', 1), $types[1]), $REPLAY,
        'boundaries within a part';
    is second($wiring, 'bytes', $types[0], $nested->('a', 'b', 1), $nested->('c', 'd', 2), $types[1]), $OTHER,
        '... and another content';
    my $gzip = sub { pack('C4VC2', 31, 139, 8, 0, $_[0], 0, 3) . $_[1] };
    for my $type ('application/gzip', $JSON) {
        is second($wiring, 'bytes', $type, $gzip->(1, 'xyz'), $gzip->(2, 'xyz')), $REPLAY, "gzip as $type: another time";
        is second($wiring, 'bytes', $type, $gzip->(1, 'xyz'), $gzip->(1, 'xyy')), $OTHER, '... another content';
    }
}

sub memory {
    my ($what) = @_;
    return Process::contents('/proc/' . $site->gateway . '/status') =~ /^$what:\s+(\d+) kB/m ? $1 : die "no $what\n";
}

# 16 MB of small values, and members in another order.
sub check_large {
    my $wiring = $site->wiring('Apache mod_proxy_fcgi SetHandler');
    my $list = join ',', ('{"a":[1,{}]}') x 900_000;
    my @members = map { qq("member-$_":$_) } 1 .. 200_000;
    is outcome($wiring, 'large', $JSON, '{"id":"warm","a":1}'), $FIRST, 'a small one';
    my $before = memory('VmRSS');
    open my $fh, '>', '/proc/' . $site->gateway . '/clear_refs' or die "clear_refs: $!\n";
    print {$fh} "5\n";    # proc(5): resets the peak
    close $fh;
    my $body = sub { my ($key, $ts, $other) = @_; return qq({"id":"$key","ts":$ts,"list":[$list$other]}) };
    ok length($body->('large', 1, '')) > 11 * $MIB, 'a large document';
    is outcome($wiring, 'large', $JSON, $body->('large', 1, '')), $FIRST, '... is run';
    is outcome($wiring, 'large', $JSON, $body->('large', 2, '')), $REPLAY, '... and replayed';
    is outcome($wiring, 'large', $JSON, $body->('large', 2, ',0')), $OTHER, '... and is another one, with one element more';
    my $many = sub { my ($key, @in) = @_; return qq({"id":"$key",) . join(',', @in) . '}' };
    is outcome($wiring, 'large', $JSON, $many->('many', @members)), $FIRST, 'many members';
    is outcome($wiring, 'large', $JSON, $many->('many', reverse @members)), $REPLAY, '... in another order';
    # Buffers of the server's connection and of one reading; a sanitizer keeps what was freed.
    cmp_ok memory('VmHWM') - $before, '<', 8192, 'the gateway has not grown with it (kB)'
        if Process::contents($sandbox->binary) !~ /__asan_init/;
}
