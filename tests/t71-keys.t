# Claim: wherever a key may stand (header, query, cookie, form, JSON body) the first place of key_from
# that holds one counts, a wrong one is never an absent one, the body stays whole and out of memory,
# and `fingerprint` and `ignore` decide what is the same request.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Effects;
use Gateway qw(verb);
use JSON::PP ();
use Process;
use Sandbox;
use Site;
use Test::More;

my $MIB = 1 << 20;
my @BY_HEADER = ('header:Idempotency-Key');

# How one or more keys are put in a place, beside the field `a` of a payload.
my %PLACE = (
    header => ['header:X-Key', sub { headers => [map { ('X-Key' => $_) } keys_of(@_)] }],
    query => ['query:the key',
        sub { query => join '&', 'a=1', map { 'the%20key=' . escape($_) } keys_of(@_) }],
    cookie => ['cookie:key', sub { headers => [Cookie => join '; ', 'b=2', map { "key=$_" } keys_of(@_)] }],
    form => ['form:the key', sub { urlencoded(payload(@_), map { ('the key' => $_) } keys_of(@_)) }],
    multipart => ['form:the key',
        sub { multipart('x-1', payload(@_), map { ('the key' => $_) } keys_of(@_)) }],
    json => ['json:/meta/the~1key', sub { json('{"a":"' . {payload(@_)}->{a} . '","meta":{'
        . join(',', map { '"the/key":' . quote($_) } keys_of(@_)) . '}}') }],
);

# Scripts of their own for the routes, so that each is matched by its name.
my %ROUTE = (
    (map { my $place = $_; map { ("$place-$_" => { key_from => [$PLACE{$place}[0]], key_syntax => $_ }) }
        qw(lenient strict) } keys %PLACE),
    'header-form' => { key_from => [@BY_HEADER, 'form:key'] },
    'form-header' => { key_from => ['form:key', @BY_HEADER] },
    'all' => { key_from => ['cookie:key', 'query:key', 'json:/key', 'form:key'], key => 'required' },
    'upload' => { key_from => ['form:key'], max_request => '64M', script => 'digest.pl' },
    'pass' => { key_from => ['form:key', 'json:/key'], script => 'digest.pl' },
    'bytes' => {},
    'ignore' => { ignore => ['/meta/sent_at', '/list/0', 'json:/list/1', 'csrf', 'form:now'] },
    'amount' => { fingerprint => ['path', 'json:/amount'] },
    'tenant' => { fingerprint => ['body', 'header:X-Tenant'] },
    'items' => { fingerprint => ['path', 'form:item'] },
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, {
    routes => [map { my %route = %{ $ROUTE{$_} }; delete $route{script};
        +{ %route, match => "*/$_.pl" } } sort keys %ROUTE],
});
for my $name (keys %ROUTE) {
    my $script = $ROUTE{$name}{script} // 'effect.pl';
    $sandbox->copy($sandbox->root . "/tests/scripts/$script", "www/$_/$name.pl") for qw(socket proxy cgi);
}
my @WIRINGS = map { $site->wiring($_) } 'lighttpd socket', 'nginx', 'Apache mod_proxy_fcgi SetHandler',
    'lighttpd cgi.assign';
my $web = $WIRINGS[0];
my $n = 0;

for my $wiring (@WIRINGS) {
    subtest $wiring->name . ": $_" => \&check_place, $wiring, $_ for sort keys %PLACE;
}
subtest 'the form of a key' => \&check_syntax;
subtest 'the first place counts' => \&check_order;
subtest 'one reading' => \&check_readings;
subtest 'a body that is not what it says' => \&check_malformed;
subtest 'no key: passed on, whole' => \&check_keyless;
subtest 'a key behind a file of 30 MB' => \&check_upload;
subtest 'ignore: JSON' => \&check_ignore_json;
subtest 'ignore: forms' => \&check_ignore_form;
subtest 'fingerprint' => \&check_fingerprint;
$sandbox->finish;

# CGI.pm and PHP read some forms differently: a key that one of them sees is never passed by.
sub check_readings {
    my @form = ('Content-Type' => 'application/x-www-form-urlencoded');
    for my $wiring (@WIRINGS) {
        my %differs = map { my $key = new_key(); ($_ => [s/KEY/$key/r, $key]) }
            'a=1;the%20key=KEY', 'the%20key=KEY;a=1', 'the_key=KEY', 'the.key=KEY', 'the%20key[]=KEY',
            'the%20key=KEY&the_key=KEY';
        for my $what (sort keys %differs) {
            my ($text, $key) = @{ $differs{$what} };
            my @answers = ($wiring->request(POST => "query-lenient.pl?$text", body => 'x=1'),
                $wiring->request(POST => 'form-lenient.pl', headers => [@form], body => $text));
            is_deeply [map { $_->status . ' ' . $_->problem } @answers], [('400 request-invalid') x 2],
                $wiring->name . ": $what" or diag $_->raw for @answers;
            is $effects->runs($key), 0, 'nothing ran';
        }
        my $key = new_key();
        my $same = "b=1;c=2&the%20key=$key";
        my @answers = map { $wiring->request(POST => "query-lenient.pl?$same", body => 'x=1') } 1 .. 2;
        ok $answers[1]->is_replay, 'a semicolon elsewhere changes nothing' or diag $answers[1]->raw;
        is $effects->runs($key), 1, 'one run';
    }
}

# ---- requests ----

sub new_key { 'k' . ++$n }

# Arguments of a %PLACE: keys, and perhaps a payload as [value] in front of them.
sub payload { (a => ref $_[0] ? $_[0][0] : 1) }
sub keys_of { grep { !ref } @_ }

sub escape { $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger }
sub quote { JSON::PP->new->allow_nonref->encode($_[0]) }

sub typed {
    my ($type, $body, @headers) = @_;
    return (headers => ['Content-Type' => $type, @headers], body => $body);
}

sub json { typed('application/json; charset=utf-8', @_) }

sub urlencoded {
    my @pairs;
    while (my ($name, $value) = splice @_, 0, 2) {
        push @pairs, escape($name) . '=' . escape($value);
    }
    return typed('application/x-www-form-urlencoded', join '&', @pairs);
}

# A value [NAME, BYTES] is a file.
sub multipart {
    my ($boundary, @fields) = @_;
    my $body = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        my $file = ref $value
            ? qq(; filename="$value->[0]"\r\nContent-Type: application/octet-stream) : '';
        $body .= qq(--$boundary\r\nContent-Disposition: form-data; name="$name"$file\r\n\r\n)
            . (ref $value ? $value->[1] : $value) . "\r\n";
    }
    return typed("multipart/form-data; boundary=$boundary", "$body--$boundary--\r\n");
}

# One POST to the script of a route; how: query, headers, body, key (the usual header), method.
sub ask {
    my ($wiring, $name, %how) = @_;
    my $method = delete $how{method} // 'POST';
    my $path = delete $how{path} // '';
    my $query = delete $how{query};
    $how{body} //= 'a=1' if !$how{chunks};
    return $wiring->request($method => "$name.pl$path" . (defined $query ? "?$query" : ''), %how);
}

# What became of it, in a word or two, and how many scripts it ran.
sub outcome {
    my $runs = $effects->runs;
    my $answer = ask(@_);
    return join ' ', $answer->status, $answer->problem || ($answer->is_replay ? 'replay' : 'answer'),
        $effects->runs - $runs;
}

sub is_refused {
    my ($outcome, $problem, $what) = @_;
    return is $outcome, "$problem 0", $what;
}

# ---- places ----

sub check_place {
    my ($wiring, $place) = @_;
    my ($script, $at) = ("$place-lenient", $PLACE{$place}[1]);
    my $key = new_key();

    is outcome($wiring, $script, $at->($key)), '200 answer 1', 'the first';
    is $effects->runs($key), 1, 'the script is told the key';
    is outcome($wiring, $script, $at->($key)), '200 replay 0', 'a retry';
    my @other = $place =~ /form|part|json/ ? $at->([2], $key) : ($at->($key), body => 'a=2');
    is_refused outcome($wiring, $script, @other), '422 key-reused', 'another payload';
    is outcome($wiring, $script, $at->()), '200 answer 1', 'without a key it passes' for 1 .. 2;
    is_refused outcome($wiring, $script, $at->(map { new_key() } 1 .. 2)), '400 key-invalid', 'two keys';
    is_refused outcome($wiring, $script, $at->($key, $key)), '400 key-invalid', 'a key twice';
    # lighttpd forgets header fields without a value.
    my $is_lost = $place eq 'header' && $wiring->kind eq 'lighttpd';
    is outcome($wiring, $script, $at->('')), $is_lost ? '200 answer 1' : '400 key-invalid 0', 'empty';
}

sub check_syntax {
    my $long = 'l' x 255;
    for my $place (sort keys %PLACE) {
        my $at = $PLACE{$place}[1];
        for my $mode (qw(lenient strict)) {
            my $script = "$place-$mode";
            my $is_bare_refused = $place eq 'header' && $mode eq 'strict';
            for my $bare (new_key(), $long, '1', '~!@#$%^&*()_+-={}[]:<>?/.|\\') {
                my $sent = $is_bare_refused ? quote($bare) : $bare;
                is_refused outcome($web, $script, $at->($bare)), '400 key-invalid', "$script: $bare"
                    if $is_bare_refused;
                is outcome($web, $script, $at->($sent)), '200 answer 1', "$script: $sent";
            }
            my @bad = ("l$long", 'a b', 'a,b', 'a"b', "caf\xc3\xa9", $place eq 'cookie' ? () : 'a;b',
                $place eq 'header' ? () : ('"quoted"', ' '), $place =~ /form|part|json/ ? "a\nb" : ());
            is_refused outcome($web, $script, $at->($_)), '400 key-invalid', "$script: " . quote($_)
                for @bad;
        }
    }
    my $key = new_key();
    is outcome($web, 'header-lenient', $PLACE{header}[1]->($_->[0])), $_->[1], "header-lenient: $_->[0]"
        for [$key, '200 answer 1'], [qq("$key"), '200 replay 0'], [qq("$key";a=1), '200 replay 0'];
    # In JSON what is no string counts as it is written, and null as nothing.
    is outcome($web, 'json-strict', json(qq({"meta":{"the/key":$_->[0]}}))), $_->[1], "json: $_->[0]"
        for ['42', '200 answer 1'], ['42', '200 replay 0'], (['null', '200 answer 1']) x 2,
        map { [$_, '400 key-invalid 0'] } '""', '{"a":1}', '"a\u0000b"';
}

sub check_order {
    for (['header-form', 'header'], ['form-header', 'form']) {
        my ($script, $first) = @$_;
        my %key = map { $_ => "$script-in-$_" } qw(header form);
        my ($other) = grep { $_ ne $first } sort keys %key;
        my %form = urlencoded(key => $key{form});
        my %both = (%form, key => $key{header});
        is outcome($web, $script, %both), '200 answer 1', "$script: both";
        is $effects->runs($key{$first}), 1, "$first is first";
        is outcome($web, $script, %both), '200 replay 0', 'a retry';
        my %alone = $other eq 'form' ? %form : (key => $key{header});
        is outcome($web, $script, %alone), '200 answer 1', "only $other";
        is $effects->runs($key{$other}), 1, 'then that counts';
        my %bad = $first eq 'form' ? (%both, urlencoded(key => '')) : (%both, key => '');
        is_refused outcome($web, $script, %bad), '400 key-invalid', "a wrong one in $first hides the other";
        my %later = $first eq 'form' ? (%both, key => '') : (%both, urlencoded(key => ''));
        is outcome($web, $script, %later, $first eq 'form' ? () : (key => new_key())),
            $first eq 'form' ? '200 replay 0' : '200 answer 1', 'a wrong one behind it is not looked at';
    }
    is_refused outcome($web, 'all'), '400 key-missing', 'required, and nowhere';
    is outcome($web, 'all', json('{"key":"from-json"}')), '200 answer 1', 'the third of four';
    is outcome($web, 'all', urlencoded(key => 'from-form')), '200 answer 1', 'the last of four';
}

# ---- bodies ----

sub check_malformed {
    my %good = multipart('x', a => 1, key => 'mal');
    my $part = qq(--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nmal\r\n);
    my %bad = (
        'JSON cut off' => [json('{"key":"mal"')],
        'JSON with more behind' => [json('{"key":"mal"} x')],
        'JSON that is none' => [json('key=mal')],
        'no JSON at all' => [json('')],
        'JSON with the key and nothing of one name' => [json('{"key":"mal","key":null}')],
        'JSON not in UTF-8' => [json(qq({"key":"mal","a":"\xe9"}))],
        'JSON that is very deep' => [json('{"key":"mal","a":' . '[' x 5000 . ']' x 5000 . '}')],
        'multipart without its end' => [typed('multipart/form-data; boundary=x', $part)],
        'multipart with another boundary' => [typed('multipart/form-data; boundary=y', $good{body})],
        'multipart that is none' => [typed('multipart/form-data; boundary=x', 'key=mal')],
        'multipart with a part without a name' => [typed('multipart/form-data; boundary=x',
            "--x\r\nContent-Type: text/plain\r\n\r\na\r\n${part}--x--\r\n")],
        'multipart with a name twice' => [typed('multipart/form-data; boundary=x',
            $part =~ s/"key"/"a"; name="key"/r . "--x--\r\n")],
        'multipart without a boundary' => [typed('multipart/form-data', $good{body})],
        'multipart with two boundaries' =>
            [typed('multipart/form-data; boundary=x; boundary=y', $good{body})],
        'multipart with a boundary that is too long' =>
            [typed('multipart/form-data; boundary=' . 'x' x 71, $good{body} =~ s/--x/'--' . 'x' x 71/ger)],
    );
    is_refused outcome($web, 'pass', @{ $bad{$_} }), '400 request-invalid', $_ for sort keys %bad;
    # Members that are not looked for are the script's business.
    is outcome($web, 'pass', json('{"key":"' . new_key() . '","a":1,"a":2}')), '200 answer 1',
        'JSON with another member twice';
    for my $more (0, 1) {
        my $text = '{"key":"' . new_key() . '","a":"';
        my $body = $text . 'x' x (10 * $MIB - length($text) - 2 + $more) . '"}';
        is outcome($web, 'pass', json($body)), $more ? '413 request-too-large 0' : '200 answer 1',
            length($body) . ' bytes of JSON';
    }
}

sub check_keyless {
    my ($exit, @before) = verb($sandbox, 'list', '--limit', '10000');
    my $large = join '', map { "line $_ of many\n" } 1 .. 20_000;
    my @rows = (
        ['a form', urlencoded(a => $large, other => 'key')],
        ['an empty form', urlencoded()],
        ['a multipart form', multipart('x', a => ['file', $large])],
        ['JSON', json('{"a":' . quote($large) . '}')],
        ['JSON that is no object', json('["key"]')],
        ['text', typed('text/plain', $large)],
        ['text that begins like neither', typed('text/plain', 'key: {"key":"k"')],
        ['no type', body => $large],
        ['nothing', body => ''],
        ['a PUT of a form with a key', urlencoded(a => $large, key => 'k'), method => 'PUT'],
    );
    for my $wiring (@WIRINGS) {
        for (@rows) {
            my ($what, %how) = @$_;
            my $expected = length($how{body}) . ' ' . sha256_hex($how{body}) . "\n";
            my @answers = map { ask($wiring, 'pass', %how) } 1 .. 2;
            my %chunked = (%how, chunks => [$how{body} =~ /(.{1,50000})/gs]);
            delete $chunked{body};
            push @answers, ask($wiring, 'pass', %chunked) if length $how{body};
            my @wrong = grep { $_->body ne $expected || $_->is_replay } @answers;
            is join(', ', map { $_->summary } @wrong), '', $wiring->name . ": $what";
        }
    }
    # No limit of protected requests counts for what has no key; nginx alone takes so much here.
    my $over = 'x' x (11 * $MIB);
    my $web = $site->wiring('nginx');
    for my $row (['a form', urlencoded(a => $over)], ['JSON', json(qq({"a":"$over"}))], ['text', typed('text/plain', $over)]) {
        my ($what, %how) = @$row;
        my $answer = ask($web, 'pass', %how);
        is $answer->body, length($how{body}) . ' ' . sha256_hex($how{body}) . "\n", "over max_request: $what";
        (%how) = (%how, chunks => [$how{body} =~ /(.{1,60000})/gs]);
        my $body = delete $how{body};
        is ask($web, 'pass', %how)->body, length($body) . ' ' . sha256_hex($body) . "\n", '... in chunks';
    }
    is_refused outcome($web, 'pass', urlencoded(a => $over, key => new_key())), '413 request-too-large', '... with a key';
    is_refused outcome($web, 'pass', typed('text/plain', '{"key":"k","a":"' . $over . '"}')), '400 request-invalid',
        '... with a type that lies';
    ($exit, my @after) = verb($sandbox, 'list', '--limit', '10000');
    is @after, @before, 'nothing of this is in the store';
}

sub memory {
    my ($what) = @_;
    my $gateway = $site->gateway;
    return Process::contents("/proc/$gateway/status") =~ /^$what:\s+(\d+) kB/m ? $1 : die "no $what\n";
}

sub check_upload {
    my $wiring = $site->wiring('Apache mod_proxy_fcgi SetHandler');
    my $noise = join '', map { pack 'N', $_ * 2654435761 & 0xffffffff } 1 .. 1 << 16;
    my $file = substr $noise x 115, 0, 30_000_000;
    my @fields = (a => 1, file => ['holiday.jpg', $file], key => 'upload');
    my %first = multipart('first-one', @fields);
    my %again = multipart('another-one', @fields);
    my %other = multipart('first-one', a => 1, file => ['holiday.jpg', substr($file, 1) . 'x'],
        key => 'upload');

    # Buffers that are made once, and stay.
    is outcome($wiring, 'upload', multipart('w', a => ['w', 'w' x $MIB], key => 'w')), '200 answer 1',
        'a small one';
    my $before = memory('VmRSS');
    open my $fh, '>', '/proc/' . $site->gateway . '/clear_refs' or die "clear_refs: $!\n";
    print {$fh} "5\n";    # proc(5): resets the peak
    close $fh;
    my $answer = ask($wiring, 'upload', %first);
    is $answer->body, length($first{body}) . ' ' . sha256_hex($first{body}) . "\n",
        'the script gets all of it' or diag $answer->summary;
    is $effects->runs('upload'), 1, 'with its key';
    my $replay = ask($wiring, 'upload', %again);
    ok $replay->is_replay && $replay->body eq $answer->body, 'a retry with another boundary is a replay'
        or diag $replay->summary;
    is_refused outcome($wiring, 'upload', %other), '422 key-reused', 'another file';
    is $effects->runs('upload'), 1, 'one run';
    # A sanitizer keeps what was freed.
    cmp_ok memory('VmHWM') - $before, '<', 8192, 'the gateway has not grown with it (kB)'
        if Process::contents($sandbox->binary) !~ /__asan_init/;
}

# ---- what is the same ----

# Each row: what, outcome, how; all with one key.
sub check_rows {
    my ($script, @rows) = @_;
    my $key = new_key();
    for (@rows) {
        my ($what, $outcome, %how) = @$_;
        is outcome($web, $script, key => $key, %how), $outcome, "$script: $what";
    }
}

sub check_ignore_json {
    my $first = '{"a":1,"b":{"x":[1,2.5],"y":"z"},"meta":{"sent_at":"10:00","id":7}}';
    my $moved = qq( { "meta" : {"id":7, "sent_at":"10:01"},\n)
        . qq(\t"b":{"y":"\\u007a","x":[ 1 , 2.5 ]}, "a" :1 }\r\n);
    check_rows('ignore',
        ['the first', '200 answer 1', json($first)],
        ['again', '200 replay 0', json($first)],
        ['what is ignored differs, and order and white space', '200 replay 0', json($moved)],
        ['it is not there', '200 replay 0', json($first =~ s/"sent_at":"10:00",//r)],
        ['what is not ignored differs', '422 key-reused 0', json($first =~ s/"id":7/"id":8/r)],
        ['order in a list', '422 key-reused 0', json($first =~ s/1,2\.5/2.5,1/r)],
        ['a number as text', '422 key-reused 0', json($first =~ s/"a":1/"a":"1"/r)],
        ['one member more', '422 key-reused 0', json($first =~ s/"a":1/"a":1,"c":null/r)],
        ['the same as text', '422 key-reused 0', typed('text/plain', $first)]);
    check_rows('ignore',
        ['a list', '200 answer 1', json('{"list":["a","b","c"]}')],
        ['both that are ignored differ', '200 replay 0', json('{"list":["A","B","c"]}')],
        ['the one behind them', '422 key-reused 0', json('{"list":["a","b","C"]}')]);
    check_rows('ignore',
        ['malformed', '200 answer 1', json('{"a":1,')],
        ['malformed again', '200 replay 0', json('{"a":1,')],
        ['malformed otherwise', '422 key-reused 0', json('{"a": 1,')]);
    check_rows('bytes',
        ['without ignore', '200 answer 1', json($first)],
        ['the bytes count', '422 key-reused 0', json("$first ")]);
}

sub check_ignore_form {
    for my $make (\&urlencoded, sub { multipart('b' . ++$n, @_) }) {
        check_rows('ignore',
            ['the first', '200 answer 1', $make->(csrf => 'x1', a => 1, b => 2, now => 10)],
            ['what is ignored differs', '200 replay 0', $make->(csrf => 'x2', a => 1, b => 2, now => 11)],
            ['or is not there', '200 replay 0', $make->(a => 1, b => 2)],
            ['or is there more often', '200 replay 0', $make->(a => 1, now => 1, now => 2, b => 2)],
            ['something else', '422 key-reused 0', $make->(csrf => 'x1', a => 2, b => 2, now => 10)],
            ['a field more', '422 key-reused 0', $make->(csrf => 'x1', a => 1, b => 2, c => 3, now => 10)],
            ['another name', '422 key-reused 0', $make->(csrf => 'x1', a => 1, B => 2, now => 10)],
            ['the border moves', '422 key-reused 0', $make->(csrf => 'x1', a => '1b', b => '2')]);
    }
    # The script sees what a part says of itself.
    check_rows('bytes',
        ['a file', '200 answer 1', multipart('b1', f => ['one.txt', 'text'])],
        ['another boundary', '200 replay 0', multipart('b2', f => ['one.txt', 'text'])],
        ['another name of the file', '422 key-reused 0', multipart('b1', f => ['two.txt', 'text'])],
        ['no file', '422 key-reused 0', multipart('b1', f => 'text')]);
}

sub check_fingerprint {
    check_rows('amount',
        ['the first', '200 answer 1', json('{"amount":10,"note":"a"}')],
        ['nothing else counts', '200 replay 0', json('{"note":"b","amount":10}'), query => 'q=1'],
        ['another amount', '422 key-reused 0', json('{"amount":11,"note":"a"}')],
        ['none', '422 key-reused 0', json('{"note":"a"}')],
        ['another path', '422 key-reused 0', json('{"amount":10,"note":"a"}'), path => '/more'],
        ['malformed', '400 request-invalid 0', json('{"amount":10')]);
    my $long = join ',', 1 .. 3000;
    check_rows('amount',
        ['one of 14 KB', '200 answer 1', json(qq({"amount":[$long,1]}))],
        ['the same', '200 replay 0', json(qq({"amount":[$long,1]}))],
        ['that differs at its end', '422 key-reused 0', json(qq({"amount":[$long,2]}))]);
    check_rows('tenant',
        ['the first', '200 answer 1', headers => ['X-Tenant' => 'a']],
        ['again, with another query', '200 replay 0', headers => ['X-Tenant' => 'a'], query => 'q=1'],
        ['another value of the field', '422 key-reused 0', headers => ['X-Tenant' => 'b']],
        ['none', '422 key-reused 0'],
        ['another body', '422 key-reused 0', headers => ['X-Tenant' => 'a'], body => 'a=2']);
    check_rows('items',
        ['a field twice', '200 answer 1', urlencoded(item => 'book', item => 'pen')],
        ['the same', '200 replay 0', urlencoded(item => 'book', x => 1, item => 'pen')],
        ['the second differs', '422 key-reused 0', urlencoded(item => 'book', item => 'car')],
        ['the border moves', '422 key-reused 0', urlencoded(item => 'bookp', item => 'en')],
        ['one of them', '422 key-reused 0', urlencoded(item => 'book')]);
}
