# Claim: hostile keys, parameters, bodies, records and scripts get a clear answer with the status
# and type of docs/http.md, claim nothing, run nothing, and leave the same gateway serving, no larger than
# it was.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Answer;
use Client qw(request);
use Effects;
use FastCgi qw(:all);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP ();
use Process qw(is_alive wait_until);
use Sandbox;
use Server;
use Test::More;

my $DOCS = 'https://example.org/idempotency';
my $KIB = 1024;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
$sandbox->place_scripts('bare', 'cgi');
write_config(
    $sandbox,
    docs_url => $DOCS,
    routes => [
        { match => '/strict/*', key_syntax => 'strict' },
        { match => '/required/*', key => 'required' },
        { match => '/small/*', max_request => '1K' },
        { match => '*' },
    ],
);
# With the smallest stack there is, the kernel's limit for arguments and environment is 128 KiB.
my $gateway = start_gateway($sandbox,
    wrapper => ['/bin/sh', '-c', 'ulimit -s 512; exec "$@"', 'sh']);
my ($keeper) = grep { $_ != $gateway } $sandbox->gateways;
my $socket = socket_path($sandbox);
my $is_sanitized = Process::contents($sandbox->binary) =~ /__asan_init/;
my $EFFECT = $sandbox->path('www/bare/effect.pl');
my ($n_runs, $n_operations, $n_keys, $good) = (0, 0, 0);

subtest 'a good request' => sub { $good = run_once('good'); };
subtest 'keys' => \&check_keys;
subtest 'parameters' => \&check_params;
subtest 'bodies' => \&check_bodies;
subtest 'records that are not FastCGI' => \&check_records;
subtest 'scripts that may not run' => \&check_scripts;
subtest 'scripts that cannot be started' => \&check_starts;
subtest 'words of a query are not options' => \&check_words;
subtest '500 bad requests later' => \&check_resources;
$sandbox->finish;

# ---- the three things that hold after each bad request ----

sub still_fine {
    my ($what) = @_;
    my ($exit, @operations) = verb($sandbox, 'list', '--limit', '1000');
    my $answer = ask(key => 'good');
    my @wrong = (
        $exit != 0 ? "list says $exit" : (),
        @operations != $n_operations ? @operations . " operations, not $n_operations" : (),
        $effects->runs != $n_runs ? $effects->runs . " runs, not $n_runs" : (),
        !is_alive($gateway) ? 'the gateway is gone' : (),
        !is_alive($keeper) ? 'the keeper is gone' : (),
        !$answer->is_replay || $answer->body ne $good->body ? 'good: ' . $answer->summary : (),
    );
    is "@wrong", '', "$what: nothing claimed, nothing run, still serving";
}

# The answer of effect.pl to POST with `params` more; takes what FastCgi::params() takes.
sub ask {
    my (%how) = @_;
    my $body = delete $how{body} // 'a=1';
    return ask_with([params(script => $EFFECT, body => $body, %how)], $body);
}

sub ask_with {
    my ($params, $body) = @_;
    return response(fastcgi_request($socket, params => $params, body => $body));
}

# The Answer in a FastCGI answer; one without a status when there is none.
sub response {
    my ($answer) = @_;
    return $answer->{response} // Answer->parse($answer->{stdout}, 1);
}

# What every problem has, and its status and type.
sub is_problem {
    my ($answer, $status, $type, $what) = @_;
    my $facts = $answer->facts;
    my @missing = grep { !defined $facts->{$_} } qw(title detail retry_same_key new_key_is_safe);
    is join(' ', $answer->status, $answer->problem, $facts->{status} // '', @missing),
        "$status $type $status", "$what: $status $type" or diag $answer->raw || $answer->{ended};
    is $answer->header('Cache-Control'), 'no-store', "$what: not to be stored";
    still_fine($what);
}

# A good request with a new key: one run more.
sub run_once {
    my ($key, %how) = @_;
    my $answer = ask(key => $key, %how);
    ++$n_runs, ++$n_operations;
    is $answer->status, 200, 'answered' or diag $answer->raw;
    is $effects->runs, $n_runs, 'one run';
    return $answer;
}

# ---- keys ----

sub check_keys {
    my %bad = (
        'empty' => '', 'empty String' => '""', 'only spaces' => '   ', 'blank String' => '"   "',
        '256 bytes' => 'k' x 256, 'String of 256 bytes' => '"' . 'k' x 256 . '"',
        'control byte' => "a\x01b", 'control byte in a String' => "\"a\x01b\"", 'DEL' => "a\x7fb",
        'tab' => "a\tb", 'line feed' => "a\nb", 'space' => 'a b', 'list' => 'a,b',
        'list of Strings' => '"a", "b"', 'list of one and nothing' => 'a,', 'semicolon' => 'a;b',
        'quote inside' => 'a"b', 'no closing quote' => '"a', 'no opening quote' => 'a"',
        'text behind the String' => '"a"b', 'lone backslash' => '"a\\b"',
        'backslash at the end' => '"a\\"', 'UTF-8' => "caf\xc3\xa9",
        'UTF-8 in a String' => "\"caf\xc3\xa9\"", 'Latin-1' => "\xe9",
        'bad parameter' => '"a";=1',
    );
    for my $uri ('/bare/effect.pl', '/strict/effect.pl') {
        is_problem(ask(key => $bad{$_}, uri => $uri), 400, 'key-invalid', "$uri: $_")
            for sort keys %bad;
    }
    my @twice = (HTTP_IDEMPOTENCY_KEY => '"a"', HTTP_IDEMPOTENCY_KEY => '"a"');
    is_problem(ask(more => \@twice), 400, 'key-invalid', 'two variables');
    is_problem(ask(key => 'bare', uri => '/strict/effect.pl'), 400, 'key-invalid', 'strict: bare');

    my $missing = ask(uri => '/required/effect.pl');
    is_problem($missing, 400, 'key-missing', 'required and missing');
    is $missing->header('Link'), "<$DOCS>; rel=\"describedby\"", 'where to read about it';
    ok $missing->facts->{new_key_is_safe}, 'a key may be chosen';
    # What only the gateway tells a script is no key when a client sends it.
    is_problem(ask(uri => '/required/effect.pl', more => [IDEMPOTENCY_KEY => 'k']),
        400, 'key-missing', 'as a variable of our own');

    run_once('same');
    for my $same ('"same"', ' same ', '"same";a=1;b="x,y"') {
        ok ask(key => $same)->is_replay, "<$same> is the key <same>";
    }
    run_once('k' x 255);
    run_once('"' . 'l' x 255 . '"');
    run_once('"a\\"b\\\\c, d;"');
    still_fine('good keys');
}

# ---- parameters ----

sub check_params {
    my @many = map { ("HTTP_X_$_" => $_) } 1 .. 100_000;
    is_problem(ask(key => 'p', more => \@many), 400, 'request-invalid', '100,000 parameters');
    is_problem(ask(key => 'p', more => [HTTP_X => 'x' x (10 * $KIB * $KIB)]),
        400, 'request-invalid', 'one of 10 MB');
    is_problem(ask(key => 'p', more => [CONTENT_LENGTH => 4]),
        500, 'configuration', 'two CONTENT_LENGTH');
    is_problem(ask(key => 'p', more => [REQUEST_METHOD => 'GET']),
        500, 'configuration', 'two REQUEST_METHOD');
    is_problem(ask(key => 'p', more => [SCRIPT_FILENAME => '/bin/sh']),
        403, 'script-not-allowed', 'SCRIPT_FILENAME twice: the last one counts');
    is_problem(ask(key => 'p', more => ["SCRIPT_NAME\0X" => '/']),
        400, 'request-invalid', 'a NUL in the name of a variable');
    for my $length ('x', '-1', '+3', '3x', '0x3', '3.0', ' 3', '99999999999999999999999') {
        my @params = grep_params(CONTENT_LENGTH => params(script => $EFFECT, key => 'p'));
        my $answer = ask_with([@params, CONTENT_LENGTH => $length], 'a=1');
        is_problem($answer, 400, 'request-invalid', "CONTENT_LENGTH <$length>");
    }
    my @params = grep_params(CONTENT_LENGTH => params(script => $EFFECT, body => '', key => 'p'));
    is_problem(ask_with([@params, CONTENT_LENGTH => '9223372036854775807'], 'a=1'),
        413, 'request-too-large', 'CONTENT_LENGTH of 8 EiB');
    my @no_method = grep_params(REQUEST_METHOD => params(script => $EFFECT, key => 'p'));
    is_problem(ask_with(\@no_method, ''), 400, 'request-invalid', 'no REQUEST_METHOD');
}

# The list without one name.
sub grep_params {
    my ($unwanted, @list) = @_;
    my @kept;
    while (my ($name, $value) = splice @list, 0, 2) {
        push @kept, $name, $value if $name ne $unwanted;
    }
    return @kept;
}

# ---- bodies ----

sub head_of {
    my (%how) = @_;
    return begin(1) . params_record(1, params(script => $EFFECT, key => 'b', %how))
        . record(PARAMS, 1, '');
}

# Sends bytes, and then, with "half", says that there will be no more.
sub exchange {
    my ($leave, @bytes) = @_;
    my $conn = FastCgi->connect($socket);
    $conn->send(@bytes);
    $conn->leave($leave) if $leave;
    my $answer = $conn->read_answer(10);
    my $response = response($answer);
    $response->{ended} = $answer->{ended};
    return $response;
}

sub check_bodies {
    my $ten = head_of(body => '1234567890');
    my $five = stream(STDIN_DATA, 1, '12345');
    my $end = record(STDIN_DATA, 1, '');

    is_problem(exchange('', $ten, $five, $end), 400, 'request-incomplete', 'a short body');
    is_problem(exchange('', $ten, $five x 3, $end), 400, 'request-incomplete', 'a long body');
    is_problem(exchange('', $ten, $five, abort_request(1)), 400, 'request-incomplete', 'ABORT');
    is_problem(exchange('half', $ten, $five), 400, 'request-incomplete', 'a body without its end');
    my $conn = FastCgi->connect($socket);
    $conn->send($ten, $five);
    $conn->leave('fin');
    still_fine('the server leaves within the body');
    is_problem(exchange('', $ten, $five, record(STDIN_DATA, 1, '67890', version => 9)),
        400, 'request-incomplete', 'a broken record within the body');

    for my $how ('with a length', 'without one') {
        my ($at, $over) = map { 'x' x ($KIB + $_) } 0, 1;
        my $answer = small_request($how, $over);
        is_problem($answer, 413, 'request-too-large', "over max_request, $how");
        $answer = small_request($how, $at);
        ++$n_runs, ++$n_operations;
        is $answer->status, 200, "at max_request, $how: accepted" or diag $answer->raw;
        like $answer->body, qr/^read $KIB$/m, 'the script reads all of it';
    }
    my $mb3 = 'y' x (3 * $KIB * $KIB);
    is_problem(ask(key => 'b', uri => '/small/effect.pl', body => $mb3),
        413, 'request-too-large', '3 MB');
}

sub small_request {
    my ($how, $body) = @_;
    my @params = params(script => $EFFECT, uri => '/small/effect.pl', body => $body,
        key => 'small-' . ++$n_keys);
    @params = grep_params(CONTENT_LENGTH => @params) if $how eq 'without one';
    return ask_with(\@params, $body);
}

# ---- records ----

sub check_records {
    my $head = begin(1);
    my @params = params(script => $EFFECT, key => 'r', body => '');
    my $params = params_record(1, @params);
    my $rest = record(PARAMS, 1, '') . record(STDIN_DATA, 1, '');
    my %bad = (
        'nothing' => '',
        'HTTP' => "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        'garbage' => join('', map { chr($_ * 73 % 256) } 1 .. 5000),
        'wrong version' =>
            record(BEGIN_REQUEST, 1, pack('nCx5', 1, 0), version => 2) . $params . $rest,
        'half a header' => substr($head, 0, 5),
        'half a record' => substr($head, 0, 12),
        'only the beginning' => $head,
        'half of the parameters' => $head . substr($params, 0, length($params) / 2),
        'parameters without their end' => $head . $params,
        'parameters of a GET without their end' =>
            $head . params_record(1, params(script => $EFFECT, method => 'GET')),
        'a pair that is longer than its record' =>
            $head . record(PARAMS, 1, "\x05\x20NAME=") . $rest,
        'a pair that is longer than memory' =>
            $head . record(PARAMS, 1, "\xff\xff\xff\xff\xff\xff\xff\xffNAME") . $rest,
        'a pair of half of that' =>
            $head . record(PARAMS, 1, "\x04\xbf\xff\xff\xffNAME") . $rest,
        'request number 0' => begin(0) . $rest,
        'no BEGIN_REQUEST' => $params . $rest,
        'two BEGIN_REQUEST' => $head . $head,
    );
    for my $what (sort keys %bad) {
        my $answer = exchange('half', $bad{$what});
        is $answer->status, 0, "$what: no answer" or diag $answer->raw;
        isnt $answer->{ended}, 'timeout', "$what: the connection ends";
        still_fine($what);
    }
    for ([AUTHORIZER, 'authorizer'], [FILTER, 'filter'], [99, 'unknown']) {
        my ($role, $what) = @$_;
        my $conn = FastCgi->connect($socket);
        $conn->send(begin(1, $role), $params, $rest);
        my $answer = $conn->read_answer(10);
        is $answer->{stdout}, '', "role $what: not served";
        # FastCGI 1.0, section 5.5: FCGI_UNKNOWN_ROLE is 3.
        is $answer->{protocol_status}, 3, "role $what: says that it does not know it"
            if $role != 99;
        isnt $answer->{ended}, 'timeout', "role $what: the request ends";
        still_fine("role $what");
    }
    check_management(%$_) for
        # Section 4.2: a management record of an unknown type is answered.
        { what => 'an unknown type', record => record(77, 0, ''), answer => [UNKNOWN_TYPE, 0, pack 'Cx7', 77] },
        { what => 'values', record => record(GET_VALUES, 0, pair('FCGI_MPXS_CONNS', '') . pair('X', 'y')),
            answer => [GET_VALUES_RESULT, 0, pair('FCGI_MPXS_CONNS', '0')] },
        { what => 'a value eight times', record => record(GET_VALUES, 0, pair('FCGI_MPXS_CONNS', '') x 8),
            answer => [GET_VALUES_RESULT, 0, pair('FCGI_MPXS_CONNS', '0')] },
        { what => 'values without end', record => record(GET_VALUES, 0, pair('x' x 30000, '') x 2),
            answer => [GET_VALUES_RESULT, 0, ''] },
        { what => 'another request', record => begin(2), answer => [END_REQUEST, 2, pack 'NCx3', 0, 1] };
    my @good = params(script => $EFFECT, key => 'good', body => 'a=1');
    for my $nul ([HTTP_X_A => "a\0b"], ["HTTP_X\0A" => 'a'], [CONTENT_LENGTH => "3\0"]) {
        is_problem(ask_with([@good, @$nul], 'a=1'), 400, 'request-invalid', 'a NUL in ' . $nul->[0] =~ s/\0/?/r);
    }
}

# A management record at each place of a request is answered at once, and the request is served.
sub check_management {
    my (%how) = @_;
    my @pieces = (begin(1), params_record(1, params(script => $EFFECT, key => 'good', body => 'a=1')),
        record(PARAMS, 1, ''), stream(STDIN_DATA, 1, 'a='), stream(STDIN_DATA, 1, '1'));
    for my $at (1 .. @pieces) {
        my $conn = FastCgi->connect($socket);
        $conn->send(@pieces[0 .. $at - 1], $how{record});
        # The answer is the first record: FastCgi.pm takes any END_REQUEST for that of the request.
        wait_until { $conn->take_in; length $conn->{in} >= 8 + length $how{answer}[2] } 10;
        my ($type, $id, $length) = unpack 'xCnn', $conn->{in};
        is_deeply [$type, $id, substr $conn->{in}, 8, $length], $how{answer}, "$how{what}, behind piece $at: answered";
        substr $conn->{in}, 0, 8 + $length, '';
        $conn->send(@pieces[$at .. $#pieces], record(STDIN_DATA, 1, ''));
        my $answer = $conn->read_answer(10);
        ok $answer->{response} && $answer->{response}->is_replay, '... and the request is served'
            or diag explain $answer;
    }
    still_fine($how{what});
}

# ---- scripts ----

sub check_scripts {
    my $bare = $sandbox->path('www/bare');
    my $self = $sandbox->binary;
    my $cgi = $sandbox->binary('retrysafe.cgi');
    symlink '/usr/bin/env', "$bare/out.pl" or die "symlink: $!\n";
    symlink $self, "$bare/self.pl" or die "symlink: $!\n";
    link $self, "$bare/hard.pl" or die "link: $!\n";
    mkdir "$bare/dir.pl" or die "mkdir: $!\n";
    $sandbox->write('www/bare/loop.pl', "#!$cgi\n{ \"script\": \"loop.pl\" }\n");
    chmod 0755, "$bare/loop.pl";
    $sandbox->copy($EFFECT, 'www/bare/plain.pl');
    chmod 0644, "$bare/plain.pl";
    $sandbox->copy($EFFECT, 'outside.pl');

    my @rows = (
        ['outside script_dirs', '/usr/bin/env', 403, 'script-not-allowed'],
        ['just outside', $sandbox->path('outside.pl'), 403, 'script-not-allowed'],
        ['outside by a symlink', "$bare/out.pl", 403, 'script-not-allowed'],
        ['outside by ..', "$bare/../../outside.pl", 403, 'script-not-allowed'],
        ['inside by ..', "$bare/../bare/effect.pl", 403, 'script-not-allowed'],
        ['not absolute', 'www/bare/effect.pl', 403, 'script-not-allowed'],
        ['a URL we do not know', 'proxy:http://localhost/x.pl', 403, 'script-not-allowed'],
        ['missing', "$bare/missing.pl", 404, 'script-missing'],
        ['very long', "$bare/" . 'x' x 5000, 404, 'script-missing'],
        ['a directory', "$bare/dir.pl", 404, 'script-missing'],
        ['a directory with a slash', "$bare/", 404, 'script-missing'],
        ['empty', '', 403, 'script-not-allowed'],
        ['not executable', "$bare/plain.pl", 403, 'script-not-executable'],
        ['this program', $self, 403, 'script-not-allowed'],
        ['this program with path information', "$self/more", 403, 'script-not-allowed'],
        ['this program by a symlink', "$bare/self.pl", 403, 'script-not-allowed'],
        ['this program by a hard link', "$bare/hard.pl", 403, 'script-not-allowed'],
        ['a control file', "$bare/loop.pl", 403, 'script-not-executable'],
    );
    for my $row (@rows) {
        my ($what, $script, $status, $type) = @$row;
        is_problem(ask(script => $script, uri => '/bare/x.pl', key => 's'), $status, $type, $what);
        is_problem(ask(script => $script, uri => '/bare/x.pl', method => 'GET'),
            $status, $type, "GET, $what");
    }
    my @params = grep_params(SCRIPT_FILENAME => params(script => $EFFECT, key => 's', body => ''));
    is_problem(ask_with(\@params, ''), 400, 'request-invalid', 'no SCRIPT_FILENAME');
    is_problem(ask(script => $self, key => 's', more => [
        HTTP_REDIRECT_HANDLER => 'retrysafe', HTTP_REDIRECT_STATUS => 200,
        PATH_INFO => '/bare/effect.pl', PATH_TRANSLATED => $EFFECT]),
        403, 'script-not-allowed', 'what only looks like an Action');
    unlink "$bare/hard.pl";
}

# Nothing was started and nothing will be until an operator mends it, and the key is free: when the
# cause is gone the same key runs the script.
sub check_starts {
    my $file = $sandbox->path('www/bare/broken.pl');
    my $good_text = $sandbox->read('www/bare/effect.pl');
    my $loop = $sandbox->path('loop');
    symlink $loop, $loop or die "$loop: $!\n";
    my %broken = (
        'its interpreter is missing' => $good_text =~ s{\A#!\S+}{#!/nonexistent/perl}r,
        'its interpreter is a directory' => $good_text =~ s{\A#!\S+}{#!/usr/bin}r,
        'it has no interpreter' => $good_text =~ s{\A#!.*\n}{}r,
        'it is empty' => '',
        'its interpreter is a loop of links' => $good_text =~ s{\A#!\S+}{#!$loop}r,
    );
    for my $what (sort keys %broken) {
        my $key = 'start-' . ++$n_keys;
        $sandbox->write('www/bare/broken.pl', $broken{$what});
        chmod 0755, $file;
        my $answer = ask(script => $file, key => $key);
        is_problem($answer, 500, 'configuration', $what);
        ok !$answer->facts->{retry_same_key}, 'it does not help to come again';
        is $answer->header('Retry-After'), undef, 'and no time is named';
        is_problem(ask(script => $file, method => 'GET'), 500, 'configuration', "GET, $what");
        $sandbox->write('www/bare/broken.pl', $good_text);
        run_once($key, script => $file);
    }

    # As much as is let in; with what the gateway tells the script it is over the kernel's limit.
    my @params = params(script => $EFFECT, body => 'a=1', key => 'large');
    my $bytes = length(join '', @params) + @params;
    push @params, HTTP_X => 'x' x (128 * $KIB - 100 - $bytes);
    is_problem(ask_with(\@params, 'a=1'), 500, 'configuration', 'E2BIG');
    run_once('large');
}

# ---- as CGI: no word of a query string is an option or a file ----

sub check_words {
    my $cgi = $sandbox->binary('retrysafe.cgi');
    my $config = $sandbox->path('conf/retrysafe.json');
    my $control = place_control('control', 'effect.pl', '../bare/effect.pl');

    for my $words (['--config', '/etc/passwd'], ['list', '--config', $config], ['--help'],
        [$control], [$EFFECT], ['serve', '--listen', 'unix:' . $sandbox->path('run/evil.sock')]) {
        is_problem(run_cgi($cgi, @$words), 403, 'script-not-allowed', "retrysafe.cgi @$words");
    }
    my $own = place_control('control', 'own.pl', 'own.pl');
    is_problem(run_cgi($own, $own), 403, 'script-not-executable', 'a control file of itself');
    ok !-e $sandbox->path('run/evil.sock'), 'no verb was carried out';
    check_words_of_server('lighttpd', 'control', 'cgi');
    check_words_of_server('apache', 'cgid');
}

# An executable control file www/PREFIX/NAME for a script.
sub place_control {
    my ($prefix, $name, $script) = @_;
    my $settings = JSON::PP::decode_json($sandbox->read('conf/retrysafe.json'));
    my $json = JSON::PP::encode_json(
        { script => $script, store => $settings->{store}, spool => $settings->{spool} });
    my $file = $sandbox->write("www/$prefix/$name",
        '#!' . $sandbox->binary('retrysafe.cgi') . "\n$json\n");
    chmod 0755, $file or die "$file: $!\n";
    return $file;
}

# retrysafe.cgi with arguments, as a web server would run it for the file $script.
sub run_cgi {
    my ($script, @words) = @_;
    my $number = ++$n_keys;
    my %env = (
        GATEWAY_INTERFACE => 'CGI/1.1', REQUEST_METHOD => 'POST', SERVER_PROTOCOL => 'HTTP/1.1',
        SCRIPT_NAME => '/cgi-bin/x', SCRIPT_FILENAME => $script, QUERY_STRING => join('+', @words),
        HTTP_IDEMPOTENCY_KEY => 'words', RETRYSAFE_CONFIG => $sandbox->path('conf/retrysafe.json'),
    );
    my $pid = $sandbox->start(
        name => "cgi-$number", user => $sandbox->user, env => \%env,
        command => ['/bin/sh', '-c', 'exec "$@" 2>/dev/null', 'sh',
            $sandbox->binary('retrysafe.cgi'), @words],
    );
    waitpid $pid, 0;
    return response({ response => FastCgi::response_of($sandbox->read("log/cgi-$number")) });
}

sub check_words_of_server {
    my ($kind, $control, @others) = @_;
    place_control($control, 'effect.pl', '../bare/effect.pl');
    place_control($control, 'own.pl', 'own.pl');
    my $server = Server->start($sandbox, $kind);
    my $post = sub {
        my ($url) = @_;
        my @headers = ('Idempotency-Key' => 'words-' . ++$n_keys);
        return request($server->port, POST => $url, headers => \@headers, body => 'a=1');
    };
    for my $prefix ($control, @others) {
        for my $query ('--config+/etc/passwd', '-d+x', 'list', '%2d%2dhelp') {
            my $answer = $post->("/$prefix/effect.pl?$query");
            ++$n_runs, ++$n_operations;
            is $answer->status, 200, "$kind, /$prefix/?$query: served like any other"
                or diag $answer->raw;
        }
    }
    is_problem($post->("/$control/own.pl"), 403, 'script-not-executable',
        "$kind, a control file of itself");
    for my $rest ('', '?' . $sandbox->path("www/$control/effect.pl"), '?--config+/etc/passwd',
        '/bare/effect.pl') {
        last if $kind ne 'apache';
        is_problem($post->("/cgi-bin/retrysafe.cgi$rest"), 403, 'script-not-allowed',
            "$kind, retrysafe.cgi$rest called directly");
    }
    ok $server->stop, "$kind ends";
}

# ---- resources ----

sub check_resources {
    my @bad = (
        sub { ask(key => '') },
        sub { ask(key => 'p', more => [HTTP_X => 'x' x 300_000]) },
        sub { ask(key => 'p', script => '/usr/bin/env') },
        sub { ask(key => 'b', uri => '/small/effect.pl', body => 'y' x 20_000) },
        sub { exchange('half', begin(1) . params_record(1, A => 'b')) },
        sub { exchange('', head_of(body => '1234567890'), abort_request(1)) },
        sub { ask(script => '/nowhere', method => 'GET') },
        sub { exchange('half', "\0" x 20) },
    );
    my @before;
    for my $round (0 .. 500) {
        $bad[$round % @bad]->();
        @before = sizes() if $round == 100;
    }
    my @after = sizes();
    for my $i (0, 1) {
        my $who = ('gateway', 'keeper')[$i];
        is $after[$i][0], $before[$i][0], "$who: as many descriptors";
        # A sanitizer keeps what was freed.
        cmp_ok $after[$i][1], '<', $before[$i][1] + 1024, "$who: not a megabyte larger"
            if !$is_sanitized;
    }
    still_fine('500 bad requests');
}

# [descriptors, resident KiB] of gateway and keeper, once nothing is going on.
sub sizes {
    # The gateway's word that a run is recorded wakes nobody: until its next message, or until
    # busy_timeout and two seconds after the run, the keeper still holds the run's witness.
    wait_until { !grep { is_witness($_) } Process::descriptors($keeper) } 20
        or diag 'the keeper still holds a run';
    my $last = '';
    wait_until {
        my $now = join ' ', map { scalar Process::descriptors($_) } $gateway, $keeper;
        ($now eq $last) || do { $last = $now; select undef, undef, undef, 0.05; 0 };
    };
    return map {
        my ($kib) = Process::contents("/proc/$_/status") =~ /^VmRSS:\s+(\d+)/m;
        [scalar(my @fds = Process::descriptors($_)), $kib]
    } $gateway, $keeper;
}

# A run's proof of life is the lock file of the store; the keeper opens nothing else there.
sub is_witness {
    my ($fd) = @_;
    return (readlink("/proc/$keeper/fd/$fd") // '') =~ m{\A\Q$sandbox->{dir}\E/store/};
}
