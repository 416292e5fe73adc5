# Claim: an answer goes only to the caller that asked for it: scope and credentials keep callers apart, a
# refreshed token neither leaks nor runs twice, cookies are not replayed to strangers, a derived key
# holds for two minutes, and the store holds neither key nor user nor credential in clear.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Client qw(request);
use Crowd qw(crowd);
use Digest::SHA qw(sha1_base64);
use Effects;
use Gateway qw(start_gateway verb);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Process qw(stop_process);
use Sandbox;
use Server;
use Site;
use Test::More;
use Time::HiRes qw(sleep);
use Time::Local qw(timegm);

# Whatever is secret is called so.
my ($ANN, $BEN) = ('hush-ann', 'hush-ben');
my @API_KEY = map { "hush-api-key-$_" } 1, 2;
my @TOKEN = map { [Authorization => "Bearer hush-token-$_"] } 1, 2;

my %ROUTE = (
    'plain' => {},
    'other' => {},
    'env' => { script => 'env.pl' },
    'slow' => { script => 'slow.pl' },
    'bound' => { bind => ['HTTP_X_API_KEY', 'cookie:device'] },
    'session' => { scope => ['cookie:session'] },
    'always' => { scope => ['SERVER_NAME', 'REMOTE_USER'] },
    'shared' => { scope => [] },
    'tenant' => { scope => ['HTTP_X_TENANT', 'REMOTE_USER'], bind => [] },
    'placed' => { key_from => ['query:key', 'cookie:key', 'form:key', 'json:/key'],
        unique => ['json:/mail'], unique_optional => JSON::PP::true() },
    'cookies' => { script => 'response.pl' },
    'cookies-session' => { script => 'response.pl', scope => ['cookie:session'] },
    'cookies-always' => { script => 'response.pl', scope => ['SERVER_NAME'] },
    'drop' => { script => 'response.pl', replay_drop => ['x-dup', 'SET-COOKIE', 'X-Absent'] },
    'derive' => { key_from => ['header:Idempotency-Key', 'derive'], key => 'required' },
    'derive-short' => { key_from => ['derive'], ttl => '1s' },
    'derive-mend' => { key_from => ['derive'], ttl => '1s', script => 'mend.pl' },
    'derive-tenant' => { key_from => ['derive'], scope => ['HTTP_X_TENANT'], ignore => ['csrf'] },
);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $site = Site->new($sandbox, qw(lighttpd nginx), {
    routes => [map { my %route = %{ $ROUTE{$_} }; delete $route{script};
        +{ %route, match => "*/$_.pl" } } sort keys %ROUTE],
});
# Dies until it has been mended.
my $mend = $sandbox->write('conf/mend.pl', <<"END");
#!/bin/sh
cat >/dev/null
test -e @{[$sandbox->path('www/mended')]} || kill -9 \$\$
printf 'Content-Type: text/plain\n\nfound\n'
END
chmod 0755, $mend;
for my $name (keys %ROUTE) {
    my $script = $ROUTE{$name}{script} // 'effect.pl';
    my $file = $script eq 'mend.pl' ? $mend : $sandbox->root . "/tests/scripts/$script";
    $sandbox->copy($file, "www/$_/$name.pl") for qw(socket proxy cgi);
}
$sandbox->copy($_, 'www/proxy/Effect.pm') for $sandbox->root . '/tests/scripts/Effect.pm';
my @WIRINGS = map { $site->wiring($_) } 'lighttpd socket', 'nginx', 'lighttpd cgi.assign';
my ($web, $nginx) = @WIRINGS;
my $with_users = start_with_users();
my $n = 0;

subtest 'users' => \&check_users;
subtest $_->name . ': credentials' => \&check_credentials, $_ for @WIRINGS;
subtest 'a user that nobody has checked' => \&check_unproven;
subtest 'credentials while it runs' => \&check_running;
subtest 'credentials that the route names' => \&check_bind;
subtest 'scopes that the route names' => \&check_scope;
subtest 'a scope that is always there' => \&check_always;
subtest 'one key, many places' => \&check_paths;
subtest $_->name . ': cookies' => \&check_cookies, $_ for @WIRINGS;
subtest 'a double click on a log-in' => \&check_login;
subtest 'replay_drop' => \&check_drop;
subtest 'derive' => \&check_derive;
subtest 'derive: whose' => \&check_derive_whose;
subtest 'derive: what tells two people apart' => \&check_derive_apart;
subtest 'derive: uncertain' => \&check_derive_uncertain;
subtest 'derive: for how long' => \&check_derive_time;
subtest 'at rest' => \&check_at_rest;
$sandbox->finish;

# ---- requests ----

sub new_key { 'hush-key-' . ++$n }

sub ask {
    my ($wiring, $name, %how) = @_;
    my $query = delete $how{query};
    $how{body} //= 'a=1';
    return $wiring->request(POST => "$name.pl" . (defined $query ? "?$query" : ''), %how);
}

# What an answer is, and how many scripts were run meanwhile.
sub outcome_of {
    my ($act) = @_;
    my $runs = $effects->runs;
    my $answer = $act->();
    return join ' ', $answer->status, $answer->problem || ($answer->is_replay ? 'replay' : 'answer'),
        $effects->runs - $runs;
}

sub outcome {
    my @request = @_;
    return outcome_of(sub { ask(@request) });
}

# Each row: what, outcome, header fields; with one key.
sub check_rows {
    my ($wiring, $script, @rows) = @_;
    my $key = new_key();
    is outcome($wiring, $script, key => $key, headers => $_->[2] // []), $_->[1], "$script: $_->[0]"
        for @rows;
}

# Apache as in conf/, but that /proxy/ wants a user.
sub start_with_users {
    my $users = $sandbox->path('conf/users');
    my $file = $sandbox->write('conf/users.conf', join "\n",
        (map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so" }
            qw(auth_basic authn_core authn_file authz_user)),
        '<Location "/proxy/">', 'AuthType Basic', 'AuthName test', "AuthUserFile $users",
        'Require valid-user', '</Location>', '');
    set_passwords('one');
    return Server->start($sandbox, 'apache', -c => "Include $file");
}

sub set_passwords {
    my ($password) = @_;
    $sandbox->write('conf/users', join '', map { "$_:{SHA}" . sha1_base64($password) . "=\n" } $ANN, $BEN);
}

sub ask_as {
    my ($user, $password, $name, $key, @more) = @_;
    my @headers = (Authorization => 'Basic ' . encode_base64("$user:$password", ''));
    push @headers, 'Idempotency-Key' => $key if defined $key;
    return request($with_users->port, POST => "/proxy/$name.pl", headers => [@headers, @more], body => 'a=1');
}

# ---- who ----

sub check_users {
    my $key = new_key();
    my $runs = $effects->runs;
    my %first = map { $_ => ask_as($_, 'one', 'plain', $key) } $ANN, $BEN;
    my %again = map { $_ => ask_as($_, 'one', 'plain', $key) } $ANN, $BEN;
    is_deeply [map { $_->summary } values %first], [('200, 30 bytes') x 2], 'each user is answered';
    isnt $first{$ANN}->body, $first{$BEN}->body, 'by a run of their own';
    for (sort keys %again) {
        ok $again{$_}->is_replay && $again{$_}->essence eq $first{$_}->essence, "$_: a retry gets the same"
            or diag $again{$_}->summary;
    }
    is $effects->runs, $runs + 2, 'two runs';
    my @named = ('--key', $key, '--script', '/proxy/plain.pl');
    my @operations = map { (verb($sandbox, 'show', @named, '--scope', $_))[1]{ref} } $ANN, $BEN;
    isnt $operations[0], $operations[1], 'two operations';

    set_passwords('two');
    is ask_as($ANN, 'one', 'plain', $key)->status, 401, 'the password has changed';
    my $retry = ask_as($ANN, 'two', 'plain', $key);
    ok $retry->is_replay && $retry->essence eq $first{$ANN}->essence,
        'with new credentials, the same user: a replay' or diag $retry->summary;
    is $effects->runs, $runs + 2, 'and no run';
}

sub check_credentials {
    my ($wiring) = @_;
    my $key = new_key();
    my $request = sub { ask($wiring, 'plain', key => $key, headers => $_[0]) };
    my $first = $request->($TOKEN[0]);
    my ($nonce) = $first->body =~ /^nonce (\w+)/;
    is outcome_of(sub { $request->($TOKEN[0]) }), '200 replay 0', 'the same token';
    for ([$TOKEN[1], 'another token'], [[], 'none'], [[Authorization => ''], 'an empty one'],
        [[Authorization => 'bearer hush-token-1'], 'almost the same']) {
        my ($headers, $what) = @$_;
        my $answer;
        is outcome_of(sub { $answer = $request->($headers) }), '409 other-principal 0', $what;
        unlike $answer->raw, qr/\Q$nonce/, 'nothing of the answer';
        is_deeply [@{ $answer->facts }{qw(operation retry_same_key new_key_is_safe)}],
            [undef, JSON::PP::false(), JSON::PP::false()], 'nothing of the operation';
        ok !defined $answer->header('Retry-After'), 'it is not told to come again';
    }
    is outcome_of(sub { $request->($TOKEN[0]) }), '200 replay 0', 'the first caller still gets it';
    is $effects->runs($key), 1, 'one run';
    check_rows($wiring, 'plain', ['nobody', '200 answer 1'], ['nobody', '200 replay 0'],
        ['somebody', '409 other-principal 0', $TOKEN[0]]);
}

# nginx sends as REMOTE_USER any name that a client gives itself; who asks for no password proves
# nothing.  AUTH_TYPE is what tells (RFC 3875, 4.1.1): Apache and lighttpd set it.
sub check_unproven {
    my @claims = map { [Authorization => 'Basic ' . encode_base64("$ANN:$_", '')] } qw(right wrong);
    my $seen = ask($nginx, 'env', headers => $claims[0])->body;
    like $seen, qr/"REMOTE_USER" : "$ANN"/, 'nginx hands on who somebody says to be';
    unlike $seen, qr/"AUTH_TYPE"/, 'and not that it has been checked';
    check_rows($nginx, 'plain',
        ['a name', '200 answer 1', $claims[0]],
        ['the same', '200 replay 0', $claims[0]],
        ['with another password', '409 other-principal 0', $claims[1]]);
}

sub check_running {
    my $key = new_key();
    my @request = (POST => 'slow.pl?gate=who', key => $key, body => 'a=1', headers => $TOKEN[0]);
    my $client = $web->connect;
    $client->send($web->bytes(@request));
    ok $effects->await($key, 'run'), 'a script runs';
    my @retry = ($web, 'slow', query => 'gate=who', key => $key);
    is outcome(@retry, headers => $TOKEN[0]), '409 in-progress 0', 'its caller';
    is outcome(@retry, headers => $TOKEN[1]), '409 other-principal 0',
        'another one does not hear that it runs';
    is outcome(@retry, headers => $TOKEN[0], body => 'a=2'), '422 key-reused 0',
        'another request: 422 wins over 409';
    $sandbox->open_gate('who');
    is $client->read_answer->status, 201, 'it ends';
    is $effects->runs($key), 1, 'one run';
}

sub check_bind {
    my @api = map { ['X-API-Key' => $_] } @API_KEY;
    my @device = (Cookie => 'device=hush-device');
    check_rows($web, 'bound',
        ['the first', '200 answer 1', $api[0]],
        ['the same', '200 replay 0', $api[0]],
        ['the token does not count', '200 replay 0', [@{ $api[0] }, @{ $TOKEN[0] }]],
        ['another one', '409 other-principal 0', $api[1]],
        ['none', '409 other-principal 0'],
        ['the cookie counts as well', '409 other-principal 0', [@{ $api[0] }, @device]]);
    # A user whom the server has authenticated needs no other credentials.
    my $key = new_key();
    for (['with a credential', '200 answer 1', $api[0]], ['again', '200 replay 0', $api[0]],
        ['with another one', '200 replay 0', $api[1]]) {
        my ($what, $outcome, $headers) = @$_;
        is outcome_of(sub { ask_as($ANN, 'two', 'bound', $key, @$headers) }), $outcome, "a user $what";
    }
}

sub check_scope {
    my @session = map { [Cookie => "a=1; session=$_; b=2"] } 'hush-session-1', 'hush-session-2';
    check_rows($web, 'session',
        ['the first', '200 answer 1', $session[0]],
        ['another session', '200 answer 1', $session[1]],
        ['none', '200 answer 1'],
        ['an empty one is none', '200 replay 0', [Cookie => 'session=']],
        ['a cookie that ends like it', '200 replay 0', [Cookie => 'xsession=hush-session-1']],
        ['the first again', '200 replay 0', [Cookie => 'session=hush-session-1']],
        ['with a new token', '409 other-principal 0', [@{ $session[0] }, @{ $TOKEN[1] }]],
        ['the second again', '200 replay 0', $session[1]]);
    check_rows($web, 'tenant',
        ['the first', '200 answer 1', ['X-Tenant' => 'hush-1']],
        ['another tenant', '200 answer 1', ['X-Tenant' => 'hush-2']],
        ['the first again', '200 replay 0', ['X-Tenant' => 'hush-1']],
        ['none', '200 answer 1'],
        ['none again; no credential counts', '200 replay 0', $TOKEN[0]]);
}

# What a scope holds does not stand for credentials; only a user does.
sub check_always {
    check_rows($web, 'always',
        ['the first', '200 answer 1', $TOKEN[0]],
        ['the same token', '200 replay 0', $TOKEN[0]],
        ['another token', '409 other-principal 0', $TOKEN[1]],
        ['none', '409 other-principal 0']);
    for my $name (qw(always shared)) {
        my $key = new_key();
        is outcome_of(sub { ask_as($ANN, 'two', $name, $key) }), '200 answer 1', "$name: a user";
        is outcome_of(sub { ask_as($BEN, 'two', $name, $key) }),
            $name eq 'shared' ? '409 other-principal 0' : '200 answer 1', "$name: another one";
        is outcome_of(sub { ask_as($ANN, 'two', $name, $key, 'X-API-Key' => 'hush') }), '200 replay 0',
            "$name: the first again";
    }
}

sub check_paths {
    my ($key, @key) = map { new_key() } 1 .. 3;
    is outcome($web, 'plain', key => $key), '200 answer 1', 'a key';
    is outcome($web, 'other', key => $key), '200 answer 1', 'in another route it is another one';
    is outcome($nginx, 'plain', key => $key), '200 replay 0', 'through another server it is the same';
    is outcome($web, 'plain', key => $key, query => 'a=2'), '422 key-reused 0', 'not with another query';
    is outcome($web, 'plain', key => $_), '200 answer 1', 'another key, the same request' for @key;
    is outcome($web, 'plain', key => 'x'), '200 answer 1', 'a short key is a key';
}

# ---- cookies ----

sub check_cookies {
    my ($wiring) = @_;
    my $expires = 'Wed, 09 Jun 2038 10:18:14 GMT';
    my @cookies = ("a=1; Expires=$expires; Path=/", 'b="x,y"; HttpOnly', "a=2; Expires=$expires");
    place_baker($_, @cookies) for qw(cookies cookies-session cookies-always);

    # Each has another browser the second time, and the third.
    for (['a stranger', 'cookies', [], 0], ['a token', 'cookies', $TOKEN[0], 1],
        ['a session', 'cookies-session', [Cookie => 'session=hush-session-1'], 1],
        ['a scope that everybody has', 'cookies-always', [], 0]) {
        my ($who, $script, $headers, $keeps) = @$_;
        my $key = new_key();
        my ($first, @again) = map {
            ask($wiring, $script, key => $key, headers => [@$headers, 'User-Agent' => "browser $_"])
        } 1 .. 3;
        is_deeply [$first->all('Set-Cookie')], \@cookies, "$who: the first answer has them";
        for (@again) {
            ok $_->is_replay, "$who: a replay" or diag $_->summary;
            if ($keeps) {
                is $_->essence, $first->essence, 'byte for byte, all of them';
            } else {
                is $_->essence, $first->essence =~ s/^Set-Cookie: .*\n//mgr, 'all but the cookies';
            }
        }
    }
}

# Whoever looks exactly as the first did gets the cookies, too: it ends logged in.  Anybody else does
# not, whatever it is that differs.
sub check_login {
    my @looks = ('User-Agent' => 'hush-browser', 'Accept-Language' => 'en', 'X-Forwarded-For' => '192.0.2.1',
        Forwarded => 'for=192.0.2.1', Cookie => 'hush=1');
    for my $wiring (@WIRINGS) {
        place_baker($_, 'session=new') for qw(cookies cookies-always);
        for my $script (qw(cookies cookies-always)) {
            my $key = new_key();
            my @clicks = map { ask($wiring, $script, key => $key, headers => \@looks) } 1 .. 2;
            is_deeply [map { $_->header('Set-Cookie') } @clicks], [('session=new') x 2],
                $wiring->name . ", $script: two clicks";
            ok $clicks[1]->is_replay, 'one of them a replay';
            for (my $i = 1; $i < @looks; $i += 2) {
                for my $value ("$looks[$i]0", '') {
                    my @other = @looks;
                    $other[$i] = $value;
                    my $answer = ask($wiring, $script, key => $key, headers => \@other);
                    ok $answer->is_replay && !defined $answer->header('Set-Cookie'), "not with $looks[$i - 1] <$value>"
                        or diag $answer->head;
                }
            }
        }
    }
}

# A script that prints these cookies among other fields.
sub place_baker {
    my ($name, @cookies) = @_;
    my ($first, @more) = map { "Set-Cookie: $_\n" } @cookies;
    my $text = join '', "X-Dup: one, two\n", $first, "Content-Type: text/plain\n", @more, "X-Dup: three\n",
        "Warning: 199 - \"a, b\"\n";
    for my $prefix (qw(socket cgi)) {
        unlink $sandbox->path("www/$prefix/$name.pl");
        my $file = $sandbox->write("www/$prefix/$name.pl", "#!/bin/sh\ncat <<'END'\n$text\nbaked\nEND\n");
        chmod 0755, $file or die "$file: $!\n";
    }
}

sub check_drop {
    place_baker('drop', 'a=1', 'b=2');
    my ($first, $replay) = map { ask($web, 'drop', key => 'hush-drop', headers => $TOKEN[0]) } 1 .. 2;
    is_deeply [$first->all('X-Dup'), $first->all('Set-Cookie')], ['one, two', 'three', 'a=1', 'b=2'],
        'the first answer has everything';
    ok $replay->is_replay, 'a replay';
    is $replay->essence, $first->essence =~ s/^(?:X-Dup|Set-Cookie): .*\n//mgr, 'has the rest';
}

# ---- derive ----

sub check_derive {
    my @agent = ('User-Agent' => 'browser 1');
    is outcome($web, 'derive', headers => \@agent), '200 answer 1', 'a form';
    is outcome($_, 'derive', headers => \@agent), '200 replay 0', 'sent again, through ' . $_->name
        for $web, $nginx;
    is outcome($web, 'derive', headers => \@agent, body => 'a=2'), '200 answer 1', 'another body';
    is outcome($web, 'derive', headers => \@agent, query => 'a=2'), '200 answer 1', 'another query';
    my $key = new_key();
    is outcome($web, 'derive', headers => \@agent, key => $key), '200 answer 1', 'with a key';
    is $effects->runs($key), 1, 'that counts';
    is outcome($web, 'derive', headers => \@agent, key => $key), '200 replay 0', 'and a retry with it';
    is outcome($web, 'derive', headers => \@agent, key => $_), '400 key-invalid 0', "a wrong one: <$_>"
        for '', 'a"b';

    my $runs = $effects->runs;
    my @clicks = crowd(8, sub { $_[1]->(); ask($web, 'derive', headers => \@agent, body => 'click=1') });
    my @other = grep { $_->status != 200 && $_->problem ne 'in-progress' } @clicks;
    is join(', ', map { $_->summary } @other), '', 'eight clicks at once';
    is $effects->runs, $runs + 1, 'one run';
}

sub check_derive_whose {
    my ($one, $two) = map { ['User-Agent' => "browser $_"] } 1, 2;
    is outcome($web, 'derive', headers => $one, body => 'w=1'), '200 answer 1', 'a stranger';
    is outcome($web, 'derive', headers => $two, body => 'w=1'), '200 answer 1', 'another one';
    is outcome($web, 'derive', headers => $_, body => 'w=1'), '200 replay 0', 'again' for $one, $two;
    is outcome($web, 'derive-tenant', headers => ['X-Tenant' => $_]), '200 answer 1', "tenant $_"
        for 'hush-1', 'hush-2';
    is outcome($web, 'derive-tenant', headers => ['X-Tenant' => 'hush-1', @$_]), '200 answer 1', "with @$_"
        for $one, $two;
    is outcome($web, 'derive-tenant', headers => ['X-Tenant' => $_]), '200 replay 0', "tenant $_ again"
        for 'hush-1', 'hush-2';
    my @form = ('X-Tenant' => 'hush-1', 'Content-Type' => 'application/x-www-form-urlencoded');
    is outcome($web, 'derive-tenant', headers => \@form, body => $_->[0]), $_->[1], "a form: $_->[0]"
        for ['a=3&csrf=1', '200 answer 1'], ['csrf=2&a=3', '200 replay 0'], ['csrf=2&a=4', '200 answer 1'];
    my @answers = map { [outcome_of(sub { ask_as($_, 'two', 'derive') })] } $ANN, $BEN, $ANN;
    is_deeply \@answers, [['200 answer 1'], ['200 answer 1'], ['200 replay 0']], 'two users';
}

# An office, or any host behind a proxy: one address, and a difference somewhere else.
sub check_derive_apart {
    my @usual = ('User-Agent' => 'hush-browser', 'Accept-Language' => 'en', 'X-Forwarded-For' => '192.0.2.1',
        Forwarded => 'for=192.0.2.1', Cookie => 'hush-session=1', Authorization => 'Bearer hush-1');
    for my $wiring (@WIRINGS) {
        my $body = 'apart=' . ++$n;
        is outcome($wiring, 'derive', headers => \@usual, body => $body), '200 answer 1', $wiring->name;
        for (my $i = 1; $i < @usual; $i += 2) {
            my @other = @usual;
            $other[$i] .= '7';
            is outcome($wiring, 'derive', headers => \@other, body => $body), $_, "another $other[$i - 1]: $_"
                for '200 answer 1', '200 replay 0';
        }
        is outcome($wiring, 'derive', headers => \@usual, body => $body), '200 replay 0', 'the first again';
    }
}

# One crash must not block a form for good; what became of it stays for the operator.
sub check_derive_uncertain {
    my $who = ['User-Agent' => 'hush-crash'];
    is outcome($web, 'derive-mend', headers => $who), '502 script-failed 0', 'a script dies';
    my ($lost) = (verb($sandbox, 'list', '--limit', 1))[1];
    is outcome($web, 'derive-mend', headers => $who), '409 outcome-uncertain 0', 'its form is blocked';
    $sandbox->write('www/mended', '');
    cmp_ok ms($lost->{expires}) - ms($lost->{updated}), '==', 1000, 'for the ttl, says `list`';
    sleep 1.2;
    is +(verb($sandbox, 'purge'))[0], 0, 'a purge in between';
    is outcome($web, 'derive-mend', headers => $who), '200 answer 0', 'then it works again';
    is outcome($web, 'derive-mend', headers => $who), '200 replay 0', 'as before';
    my ($exit, $one) = verb($sandbox, 'show', $lost->{ref});
    is_deeply [$exit, @$one{qw(state key)}], [0, 'uncertain', $lost->{key}], 'the operation is still there';
    is +(verb($sandbox, 'settle', $lost->{ref}, '--not-done', '--why', 'a test'))[0], 0, 'for the operator';
    is outcome($web, 'derive-mend', headers => $who), '200 replay 0', 'whose word does not touch the new one';
}

# Milliseconds since 1970.
sub ms {
    my @at = $_[0] =~ /\A(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{3})Z\z/ or die "$_[0]: no time\n";
    return timegm(@at[5, 4, 3, 2], $at[1] - 1, $at[0]) * 1000 + $at[6];
}

sub check_derive_time {
    my ($key, @agent) = (new_key(), 'User-Agent' => 'clock');
    my %lasts;
    for (['derived', body => 't=1'], ['given', body => 't=1', key => $key]) {
        my ($what, @how) = @$_;
        is outcome($nginx, 'derive', headers => \@agent, @how), '200 answer 1', "a key that is $what";
        my ($newest) = (verb($sandbox, 'list', '--route', '*/derive.pl', '--limit', 1))[1];
        $lasts{$what} = (ms($newest->{expires}) - ms($newest->{updated})) / 1000;
    }
    is_deeply \%lasts, { derived => 120, given => 86400 }, 'how long they last (s)';

    is outcome($web, 'derive-short'), '200 answer 1', 'a route with a ttl of its own';
    is outcome($web, 'derive-short'), '200 replay 0', 'within it';
    sleep 1.2;
    is outcome($web, 'derive-short'), '200 answer 1', 'after it: no tombstone';

    my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
    my $is_sanitized = Process::contents($sandbox->binary) =~ /__asan_init/;
    if (!$library || $is_sanitized) {
        note 'no libfaketime';
        return;
    }
    for (['+115s', '200 replay 0'], ['+125s', '200 answer 1']) {
        my ($jump, $outcome) = @$_;
        stop_process($site->{gateway});
        $site->{gateway} = start_gateway($sandbox, name => "gateway$jump",
            env => { LD_PRELOAD => $library, FAKETIME => $jump, DONT_FAKE_MONOTONIC => 1 });
        my @form = ($nginx, 'derive', headers => \@agent, body => 't=1');
        is outcome(@form), $outcome, "$jump: derived";
        is outcome(@form, key => $key), '200 replay 0', "$jump: given";
    }
}

# ---- at rest ----

sub check_at_rest {
    my ($form, $json) = map { [headers => ['Content-Type' => "application/$_"]] }
        'x-www-form-urlencoded', 'json';
    my %place = (
        query => [query => 'key=hush-in-query'],
        cookie => [headers => [Cookie => 'key=hush-in-cookie']],
        form => [@$form, body => 'key=hush-in-form'],
        json => [@$json, body => '{"key":"hush-in-json","mail":"hush-mail"}'],
    );
    is outcome($nginx, 'placed', @{ $place{$_} }), '200 answer 1', "a key in $_" for sort keys %place;
    is $effects->runs("hush-in-$_"), 1, 'that was found' for sort keys %place;

    my ($nonce) = ask($nginx, 'plain', key => new_key())->body =~ /^nonce (\w+)/;
    my @files = grep { -f } glob $sandbox->path('{store,spool}/*');
    my $store = join '', map { Process::contents($_) } @files;
    like join(' ', @files), qr/\.db .*\.db-wal/, 'a database with its log';
    like $store, qr/$nonce/, 'in which an answer is found';
    my @found = "$store\n" =~ /(.{0,20}hush-.{0,20})/g;
    is_deeply \@found, [], 'but no key, user, session, token, cookie, natural key';
    unlike $store, qr/\Q$_/, 'nor Basic credentials'
        for map { my $user = $_; map { encode_base64("$user:$_", '') } qw(one two right wrong) } $ANN, $BEN;
    my @logs = grep { /\Agateway/ } $sandbox->logs;
    cmp_ok scalar(@logs), '>', 100, 'the log has lines';
    is_deeply [grep { /hush-/ } @logs], [], 'and none of it either';
}
