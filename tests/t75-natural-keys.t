# Claim: of all requests with the same natural key one is done, whatever their idempotency keys, and
# however many come at once and through whatever process; the others hear `duplicate`, or get the
# original's answer if it is theirs; it is taken with the claim, kept with a success, and
# released when nothing was done.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use Gateway qw(start_gateway verb);
use JSON::PP ();
use Process qw(wait_until is_alive);
use Sandbox;
use Site;
use Test::More;
use Time::HiRes qw(sleep);

my $CLIENTS = 30;
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my @mail = (unique => ['json:/email']);
my %route = (
    json => {@mail},
    form => { unique => ['form:email'], duplicate_status => 422 },
    replay => { @mail, on_duplicate => 'replay' },
    brief => { @mail, on_duplicate => 'replay', ttl => '1s' },
    asked => { @mail, on_uncertain => 'probe', probe => ['/bin/sh', '-c', 'exit 1'] },
    pair => { unique => ['json:/shop', 'json:/email'] },
    optional => { @mail, unique_optional => JSON::PP::true() },
    couple => { unique => ['json:/shop', 'json:/email'], unique_optional => JSON::PP::true() },
    again => { @mail, unique_ttl => '1s' },
    gone => { @mail, ttl => '1s', tombstone => 0 },
);
my @routes = map { { match => "*/$_.pl", %{ $route{$_} } } } sort keys %route;
my %settings = (busy_timeout => '30s', routes => \@routes);
my $site = Site->new($sandbox, 'lighttpd', 'nginx', { %settings, one_address => 1 });
my $gateway = $site->gateway;
my ($own, $spawned, $cgi) = map { $site->wiring($_) } 'nginx', 'lighttpd spawned', 'lighttpd cgi.assign';
my $n = 0;

$sandbox->copy($sandbox->root . '/tests/scripts/register.pl', "www/socket/$_.pl") for keys %route;

subtest "$CLIENTS keys, one e-mail, as JSON" => \&check_crowd, 'json', 409;
subtest "$CLIENTS keys, one e-mail, as a form" => \&check_crowd, 'form', 422;
subtest 'nothing was done: the next one may' => \&check_let_go;
subtest 'done: nobody else may' => \&check_kept;
subtest 'while it runs' => \&check_running;
subtest 'uncertain, and settled' => \&check_uncertain;
subtest 'uncertain, and nobody has its key' => \&check_asked;
subtest 'gateway and keeper killed' => \&check_killed;
subtest 'on_duplicate: replay' => \&check_replay;
subtest 'two values' => \&check_pair;
subtest 'with and without the values, with and without a key' => \&check_values;
subtest 'unique_ttl' => \&check_ttl;
subtest 'purged operations' => \&check_purged;
$sandbox->finish;

# register($wiring, ROUTE => MAIL, key => KEY, query => QUERY, form => 1, members => {...},
# headers => [...], body => BYTES)
sub register {
    my ($wiring, $route, $mail, %more) = @_;
    my %members = (defined $mail ? (email => $mail) : (), %{ $more{members} // {} });
    my $body = $more{form} ? "email=$mail" : JSON::PP->new->canonical->encode(\%members);
    my $type = $more{form} ? 'application/x-www-form-urlencoded' : 'application/json';
    return $wiring->request(
        POST => "$route.pl" . ($more{query} ? "?$more{query}" : ''), key => $more{key}, seconds => 40,
        headers => ['Content-Type' => $type, @{ $more{headers} // [] }], body => $more{body} // $body);
}

sub new_mail { 'user' . ++$n . '@example.org' }
sub new_key { 'key-' . ++$n }

sub users {
    my ($mail) = @_;
    return scalar grep { $_->[3] eq "user:$mail" } $effects->events;
}

# "201", "201 replayed" or "409 duplicate"; an answer that says when to come again ends with "later".
sub short {
    my ($answer) = @_;
    return 'client died' if !$answer;
    return join ' ', $answer->status, $answer->is_replay ? 'replayed' : (), $answer->problem || (),
        defined $answer->header('Retry-After') ? 'later' : ();
}

sub count {
    my %count;
    $count{$_}++ for @_;
    return \%count;
}

# Everybody has a key of his own, and comes through one of three ways to the same route.
sub check_crowd {
    my ($route, $status) = @_;
    my ($mail, $name) = (new_mail(), new_key());
    my @wirings = ($own, $spawned, $cgi);
    my @answers = crowd($CLIENTS, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return register($wirings[$i % 3], $route, $mail, key => "$name-$i", query => 'sleep=0.2',
            form => $route eq 'form');
    });
    my @winners = grep { $answers[$_] && $answers[$_]->status == 201 } 0 .. $CLIENTS - 1;
    my @told = map { short($_) =~ s/ later\z//r } @answers;
    is_deeply count(@told), { 201 => 1, "$status duplicate" => $CLIENTS - 1 }, 'one wins' or return;
    is users($mail), 1, 'one user';
    is scalar(map { $effects->runs("$name-$_") || () } 0 .. $CLIENTS - 1), 1, 'one run';

    my ($winner, $first) = ("$name-$winners[0]", $answers[$winners[0]]);
    my @retries = crowd(9, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return register($wirings[$i % 3], $route, $mail, key => $winner, query => 'sleep=0.2',
            form => $route eq 'form');
    });
    is_deeply count(map { short($_) } @retries), { '201 replayed' => 9 }, 'retries of the winner are replays';
    is_deeply [grep { $_->body ne $first->body } @retries], [], 'with its answer';
    is short(register($own, $route, $mail, key => "$name-late", form => $route eq 'form')),
        "$status duplicate", 'whoever comes later is one too many, and need not come again';
    is users($mail), 1, 'one user still';
}

sub check_let_go {
    for my $query ('status=409', 'status=500', 'status=404', 'outcome=release') {
        my $mail = new_mail();
        my @answers = map { register($own, 'json', $mail, key => new_key(), query => $query) } 1 .. 2;
        is_deeply [map { $_->is_replay || $_->problem ? 'no' : $_->body =~ /^user \Q$mail\E$/m } @answers],
            [1, 1], "$query: both run";
        is short(register($spawned, 'json', $mail, key => new_key())), '201', '... and a third does it';
        is users($mail), 1, '... for one user';
    }
    my ($mail, $key) = (new_mail(), new_key());
    my $good = $sandbox->read('www/socket/json.pl');
    $sandbox->write('www/socket/json.pl', "#!/nonexistent\n");
    like short(register($own, 'json', $mail, key => $key)), qr/\A500 configuration/,
        'a script that cannot be started';
    $sandbox->write('www/socket/json.pl', $good);
    is short(register($own, 'json', $mail, key => new_key())), '201', '... holds nothing';
    is short(register($own, 'json', $mail, key => $key)), '409 duplicate', '... and comes too late now';

    # Each of them fails, one after the other; a crowd must not leave anything taken.
    $mail = new_mail();
    my $name = new_key();
    my @answers = crowd(20, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return register($i % 2 ? $own : $cgi, 'json', $mail, key => "$name-$i", query => 'status=500');
    });
    my $told = count(map { short($_) } @answers);
    is +($told->{500} // 0) + ($told->{'409 duplicate later'} // 0), 20,
        'of a crowd that fails, each ran or was told to come again' or diag explain $told;
    is short(register($own, 'json', $mail, key => new_key())), '201', '... and nothing is left behind';
}

sub check_kept {
    for my $status (200, 201, 204, 303) {
        my $mail = new_mail();
        my $first = register($own, 'json', $mail, key => new_key(), query => "status=$status");
        is $first->status, $status, "a script that says $status";
        is short(register($_, 'json', $mail, key => new_key())), '409 duplicate', '... has it, ' . $_->name
            for $own, $spawned, $cgi;
        is users($mail), 1, '... one user';
    }
}

# A request that waits at a gate; its answer is read later.
sub begin {
    my ($wiring, $route, $mail, $key) = @_;
    my $client = $wiring->connect;
    $client->send($wiring->bytes(POST => "$route.pl?gate=$key", key => $key,
        headers => ['Content-Type' => 'application/json'], body => qq({"email":"$mail"})));
    ok $effects->await($key, 'run', 10), 'a script runs';
    return $client;
}

sub check_running {
    for my $wiring ($own, $cgi) {
        for my $route ('json', 'replay') {
            my ($mail, $key) = (new_mail(), new_key());
            my $client = begin($wiring, $route, $mail, $key);
            my $other = register($own, $route, $mail, key => new_key());
            is short($other), '409 duplicate later', "$route, " . $wiring->name . ': it is taken, and may be free later';
            ok !defined $other->facts->{operation}, '... and nothing is said about whose it is';
            is short(register($own, $route, $mail, key => $key, query => "gate=$key")),
                '409 in-progress later', '... a retry of the first hears that it is running';
            $sandbox->open_gate($key);
            is short($client->read_answer(20)), '201', '... the first gets its answer';
            is users($mail), 1, '... one user';
        }
    }
}

sub operation { my ($exit, @list) = verb($sandbox, 'list', '--limit', 1); return $list[0] }

sub settle {
    my (@how) = @_;
    is +(verb($sandbox, 'settle', operation()->{ref}, @how, '--why', 'a test'))[0], 0, "settle $how[0]";
}

sub check_uncertain {
    my %answer = map { ($_ => $sandbox->write("conf/$_", "Status: $_\nContent-Type: text/plain\n\nby hand\n")) }
        201, 500;
    for (['not-done', '201'], [201, '409 duplicate'], [500, '201']) {
        my ($how, $then) = @$_;
        my $mail = new_mail();
        is short(register($own, 'json', $mail, key => new_key(), query => 'die=1')), '502 script-failed',
            'a script that dies';
        is short(register($_, 'json', $mail, key => new_key())), '409 duplicate',
            '... holds its values, ' . $_->name for $own, $cgi;
        settle($how eq 'not-done' ? '--not-done' : ('--done', $answer{$how}));
        is short(register($own, 'json', $mail, key => new_key())), $then, "... then: $then";
    }
}

# A request without a key is only retried by one with the same values: that one asks the probe.
sub check_asked {
    for my $wiring ($own, $cgi) {
        my $mail = new_mail();
        is short(register($wiring, 'asked', $mail, query => 'die=1')), '502 script-failed', 'a script that dies';
        is short(register($wiring, 'asked', $mail)), '409 duplicate later', '... was not done, says the probe';
        is short(register($wiring, 'asked', $mail)), '201', '... so the next one may';
    }
}

# Nobody can say what the script has done: its values are held until somebody does.
sub check_killed {
    my ($mail, $key) = (new_mail(), new_key());
    begin($own, 'json', $mail, $key)->leave('fin');
    my %before = map { $_ => 1 } grep { !is_ours($_) } $sandbox->gateways;
    my @dead = ((grep { !$before{$_} } $sandbox->gateways), map { $_->[1] } $effects->events($key));
    kill 'KILL', @dead;
    ok((wait_until { !grep { is_alive($_) } @dead } 10), 'gateway, keeper and script are dead');
    # No gateway has started since: it is for this request to find out.
    is short(register($cgi, 'json', $mail, key => new_key())), '409 duplicate',
        'another request does not hear that it is running';
    $gateway = start_gateway($sandbox, name => 'gateway-2');
    ok((wait_until { operation()->{state} eq 'uncertain' } 10), 'it is uncertain');
    is short(register($own, 'json', $mail, key => new_key())), '409 duplicate', 'and held';
    is users($mail), 0, 'nobody made the user';
    settle('--not-done');
    my @answers = crowd(10, sub { $_[1]->(); register($own, 'json', $mail, key => "$key-$_[0]") });
    is_deeply count(map { short($_) =~ s/ later\z//r } @answers), { 201 => 1, '409 duplicate' => 9 },
        'settled as not done, one of ten does it';
    is users($mail), 1, 'one user';
}

# Does this process belong to the gateway that we started?
sub is_ours {
    my ($pid) = @_;
    for (1 .. 3) {
        return 1 if $pid == $gateway;
        ($pid) = Process::contents("/proc/$pid/stat") =~ /\) \S (\d+)/ or return 0;
    }
    return 0;
}

sub check_replay {
    my $mail = new_mail();
    my @as = map { [headers => [Authorization => "Bearer $_"]] } qw(ann ben);
    my ($ann, $ben) = @as;
    my $first = register($own, 'replay', $mail, key => new_key(), @$ann);
    is short($first), '201', 'the original';
    for my $wiring ($own, $cgi) {
        my $second = register($wiring, 'replay', $mail, key => new_key(), @$ann);
        is short($second), '200 replayed', 'the same caller with another key gets its answer, ' . $wiring->name;
        is $second->body, $first->body, '... the body';
        is $second->header('X-Nonce'), $first->header('X-Nonce'), '... and the fields';
    }
    my ($nonce) = $first->header('X-Nonce');
    for my $who ($ben, []) {
        my $other = register($own, 'replay', $mail, key => new_key(), @$who);
        is short($other), '409 duplicate', @$who ? 'another caller' : 'a caller without a name';
        unlike $other->raw, qr/\Q$nonce\E/, '... sees nothing of it';
        ok !defined $other->facts->{operation}, '... nor which operation it is';
    }
    # Values can be guessed: everything that tells two people apart has to be the same.
    my @looks = ('User-Agent' => 'browser', 'Accept-Language' => 'en', 'X-Forwarded-For' => '192.0.2.1',
        Forwarded => 'for=192.0.2.1');
    my $ask = sub { short(register($own, 'replay', $_[0], key => new_key(), headers => [@_[1 .. $#_]])) };
    for my $proof ([Cookie => 'session=1'], [Authorization => 'Bearer 1'], []) {
        my $guessed = new_mail();
        my $what = $proof->[0] // 'nothing';
        is $ask->($guessed, @looks, @$proof), '201', "$what: the original";
        is $ask->($guessed, @looks, @$proof), @$proof ? '200 replayed' : '409 duplicate', '... the same again';
        my @all = (@looks, @$proof);
        for (my $i = 1; $i < @all; $i += 2) {
            my @other = @all;
            $other[$i] .= '7';
            is $ask->($guessed, @other), '409 duplicate', "... not with another $all[$i - 1]";
        }
        is $ask->($guessed, @looks), '409 duplicate', '... nor without it';
    }
    my @answers = crowd(12, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return register($i % 2 ? $own : $cgi, 'replay', $mail, key => "crowd-$i", @{ $as[$i % 2] });
    });
    is_deeply count(map { short($_) } @answers), { '200 replayed' => 6, '409 duplicate' => 6 }, 'a crowd of both';
    is users($mail), 1, 'one user';

    $mail = new_mail();
    is short(register($own, 'brief', $mail, key => new_key(), @$ann)), '201', 'an answer with a short ttl';
    sleep 1.1;
    is short(register($own, 'brief', $mail, key => new_key(), @$ann)), '409 duplicate',
        '... is not given when its ttl is over';
}

sub check_pair {
    my $mail = new_mail();
    my $ask = sub { short(register($own, 'pair', $_[1], key => new_key(), members => $_[0])) };
    is $ask->({ shop => 'a' }, $mail), '201', 'both values';
    is $ask->({ shop => 'b' }, $mail), '201', 'one differs';
    is $ask->({ shop => 'a' }, new_mail()), '201', 'the other differs';
    is $ask->({ shop => 'a' }, $mail), '409 duplicate', 'both again';
    is $ask->({}, $mail), '400 request-invalid', 'one is not there' for 1 .. 2;
    is $ask->({ shop => 'a' }, undef), '400 request-invalid', 'the other is not there';
    is $ask->({ shop => undef }, $mail), '400 request-invalid', 'one is null';
    is $ask->({ shop => $mail }, 'a'), '201', 'a value does not count for its neighbour';
    is $ask->({ shop => 7 }, $mail), '201', 'a number';
    is $ask->({ shop => 7, note => 'x' }, $mail), '409 duplicate', '... again, with a member more';
    my $couple = sub { short(register($own, 'couple', $_[1], key => new_key(), members => $_[0])) };
    is $couple->({}, $mail), '201', 'unique_optional, one is not there: nothing is constrained' for 1 .. 2;
    is $couple->({ shop => 'a' }, $mail), $_ == 1 ? '201' : '409 duplicate', '... both are there' for 1 .. 2;
}

sub check_values {
    my $mail = new_mail();
    is short(register($own, 'json', $mail)), '201', 'a request without an idempotency key';
    is short(register($_, 'json', $mail)), '409 duplicate', 'a second one, ' . $_->name for $own, $spawned, $cgi;
    is short(register($own, 'json', $mail, key => new_key())), '409 duplicate', 'and one with a key';
    my $crowded = new_mail();
    my @answers = crowd(15, sub { $_[1]->(); register($_[0] % 2 ? $own : $cgi, 'json', $crowded, query => 'sleep=0.1') });
    is_deeply count(map { short($_) =~ s/ later\z//r } @answers), { 201 => 1, '409 duplicate' => 14 },
        'fifteen of them at once';
    is users($crowded), 1, 'one user';

    for my $key (undef, new_key()) {
        my $what = defined $key ? 'with a key' : 'without a key';
        my @keys = defined $key ? ("$key-1", "$key-2") : (undef, undef);
        my @no = ({ name => 'x' }, { email => undef });
        is_deeply [map { short(register($own, 'optional', undef, key => $_, members => $no[0])) } @keys],
            [201, 201], "unique_optional: without the value nothing is constrained, $what";
        is_deeply [map { short(register($own, 'optional', undef, key => $_ && "$_-n", members => $no[1])) } @keys],
            [201, 201], "... nor with null, $what";
        my $other = new_mail();
        is_deeply [map { short(register($own, 'optional', $other, key => $_ && "$_-o")) } @keys],
            [201, '409 duplicate'], "... with the value it is, $what";
        is_deeply [map { my $no = $_; map { short(register($own, 'json', undef, key => $_ && "$_-r", members => $no)) } @keys } @no],
            [('400 request-invalid') x 4], "without unique_optional it is refused, $what";
        is short(register($own, 'json', undef, key => $key && "$key-3", body => '{"email":"x')),
            '400 request-invalid', "malformed JSON, $what";
    }
    is_deeply [map { short(register($own, 'form', "x&email=y$_", key => new_key(), form => 1)) } 1, 2],
        ['400 request-invalid', '400 request-invalid'], 'a value that is there twice';
    is users('x'), 0, 'nothing of that ran';
    my $get = $own->request(GET => 'json.pl');
    is $get->status, 201, 'GET passes through';
    is short(register($own, 'form', $mail, key => new_key(), form => 1)), '201', 'another route knows nothing of it';
    is_deeply [grep { /\Q$mail\E/ } $sandbox->logs], [], 'no log names a value';
}

sub check_ttl {
    my ($mail, $key) = (new_mail(), new_key());
    is short(register($own, 'again', $mail, key => $key)), '201', 'the first';
    is short(register($own, 'again', $mail, key => new_key())), '409 duplicate', 'at once: no';
    sleep 1.1;
    my @answers = crowd(10, sub { $_[1]->(); register($_[0] % 2 ? $own : $cgi, 'again', $mail, key => "$key-$_[0]") });
    is_deeply count(map { short($_) =~ s/ later\z//r } @answers), { 201 => 1, '409 duplicate' => 9 },
        'after unique_ttl one of ten may';
    is users($mail), 2, 'two users, one after the other';
    is short(register($own, 'again', $mail, key => $key)), '201 replayed', 'the first is still replayed';
}

sub check_purged {
    my ($mail, $key) = (new_mail(), new_key());
    is short(register($own, 'gone', $mail, key => $key)), '201', 'an operation that is soon forgotten';
    my $ref = operation()->{ref};
    sleep 1.1;
    is +(verb($sandbox, 'purge'))[0], 0, 'purge';
    is +(verb($sandbox, 'show', $ref))[0], 1, '... forgets it';
    is short(register($own, 'gone', $mail, key => new_key())), '409 duplicate', '... but not its natural key';
    is short(register($own, 'gone', $mail, key => $key)), '409 duplicate', '... for nobody';
    is users($mail), 1, 'one user';
}
