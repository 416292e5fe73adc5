# Claim: the receiver that was asked for hears how an operation ended: at least once, signed, from an outbox
# written with the record; tried again and given up in the end; never by a redirect, never on a private
# network that the operator did not name; the gateway does not even link libcurl.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use JSON::PP ();
use Process qw(wait_until is_alive stop_process);
use Receiver;
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $receiver = Receiver->start($sandbox);
my $other = Receiver->start($sandbox, 'other');
my $build = $ENV{RETRYSAFE_BUILD} // $sandbox->root . '/build';
my $program = $sandbox->copy("$build/retrysafe-notify", 'bin/retrysafe-notify');
my ($n, $secret) = (0);

my @told = qw(done twice away gone soon close drip flood hang killed pair old doubt kept recorded
    recover stay env quick apart);
my $named = "http://hooks.localhost:@{[$receiver->port]}/";
write_config($sandbox, routes => [
    (map { { match => "/$_/*", webhook => $receiver->url("/$_") } } @told),
    { match => '/quiet/*' },
    { match => '/secret/*', webhook => "http://user:pass\@127.0.0.1:@{[$other->port]}/secret?token=s3cret" },
    { match => '/other/*', webhook => $other->url('/other') },
    { match => '/choice/*', webhook => $receiver->url('/own'), webhook_allow => [$receiver->url('/theirs/')] },
    { match => '/named/*', webhook_allow => [$named] },
]);
$sandbox->place_scripts('bare');
is_deeply [(notify())[0]], [0], 'without a store there is nothing to do';
my $gateway = start_gateway($sandbox);

subtest 'an operation that is done is told' => sub {
    my $answer = ask('done', 'done', query => 'status=201');
    is $answer->status, 201, 'it is done';
    my $op = operation();
    my ($message) = messages();
    is_deeply $message, { url => $receiver->url('/done'), tells => 'done', state => 'waiting', tries => 0,
        due => $message->{due}, said => '' }, '`show` lists the message';
    is scalar $receiver->requests, 0, 'the gateway sends nothing';
    is_deeply [notify()]->[0], 0, 'retrysafe-notify does';
    my ($request, @more) = $receiver->requests;
    is_deeply [@$request{qw(method path)}, scalar @more], ['POST', '/done', 0], 'one POST';
    is $request->{headers}{'content-type'}, 'application/json', 'of JSON';
    like $request->{headers}{'user-agent'}, qr{\Aretrysafe-notify/\d}, 'by name';
    my $said = check_signature($request);
    my $message_id = delete $said->{message};
    is_deeply $said, { operation => $op->{ref}, operation_state => 'done', route => '/done/*',
        status => 201, bytes => length $answer->body, attempts => 1, created => $op->{created},
        updated => $op->{updated} }, 'the summary says what `list` says';
    is $message_id, $request->{headers}{'retrysafe-message'}, 'with the id of the message';
    ($message) = messages();
    is_deeply [@$message{qw(state tries due said)}], ['delivered', 1, undef, 'HTTP 204'], '`show` knows';
    is ask('done', 'done', query => 'status=201')->is_replay, 1, 'a retry is replayed';
    is((notify())[0], 0, 'another pass has nothing to do');
    is scalar $receiver->requests, 1, 'it is told once';
};

subtest 'a receiver that fails first is told again' => sub {
    $receiver->plan('/twice', 500, 200);
    ask('twice', 'twice');
    is((notify())[0], 1, 'the first pass says that something is left');
    my ($message) = messages();
    is_deeply [@$message{qw(state tries said)}], ['waiting', 1, 'HTTP 500'], '`show` says why';
    ok pass_until('/twice', 2), 'told again';
    my @requests = $receiver->requests('/twice');
    check_signature($_) for @requests;
    is $requests[0]{body}, $requests[1]{body}, 'the same message, so that it can be dropped';
    ($message) = messages();
    is_deeply [@$message{qw(state tries said)}], ['delivered', 2, 'HTTP 200'], '`show` knows';
};

subtest 'what is no acknowledgement' => sub {
    my %said = (away => qr/\AHTTP 302, redirects/, soon => qr/\AHTTP 503/, close => qr/nothing/,
        drip => qr/Timeout/);
    $receiver->plan('/away', '302 /elsewhere');
    $receiver->plan('/soon', '503 Retry-After=600');
    $receiver->plan($_, $_ =~ m{(\w+)}) for '/close', '/drip';
    $receiver->plan('/gone', 410);
    ask($_, $_) for sort keys %said;
    is((notify('--timeout', 1))[0], 1, 'a pass');
    for my $key (sort keys %said) {
        my ($message) = messages($key);
        is_deeply [@$message{qw(state)}], ['waiting'], "$key: it is tried again";
        like $message->{said}, $said{$key}, "$key: `show` says why";
    }
    is scalar $receiver->requests('/elsewhere'), 0, 'the redirect was not followed';
    cmp_ok due_in(messages('soon')), '>', 590, 'Retry-After is honoured';
    ask('gone', 'gone');
    is((notify())[0], 1, 'Gone:');
    my ($message) = messages('gone');
    is_deeply [@$message{qw(state due said)}], ['given up', undef, 'given up: HTTP 410'], 'given up at once';
    $receiver->plan($_, 200) for '/close', '/drip', '/away', '/soon';
    ok pass_until($_, 2, '+1h'), "$_ is told in the end" for '/close', '/away', '/drip', '/soon';
};

subtest 'an answer without an end acknowledges' => sub {
    $receiver->plan('/flood', 'flood');
    ask('flood', 'flood');
    notify();
    is((messages('flood'))[0]{state}, 'delivered', 'delivered');
};

subtest 'a receiver that hangs does not hold up another' => sub {
    $receiver->plan('/hang', 'hang');
    ask('hang', "hang-$_") for 1 .. 12;
    ask('other', 'other');
    my ($exit, $log) = notify('--timeout', 1);
    is $exit, 1, 'a pass ends';
    is scalar $other->requests('/other'), 1, 'the other was told';
    cmp_ok scalar $receiver->requests('/hang'), '<=', 8, 'and the one that hangs was put off';
    is((grep { $_->{state} eq 'waiting' } map { messages("hang-$_") } 1 .. 12), 12, 'nothing is lost');
    $receiver->plan('/hang', 'late 0.3', 200);
    notify({ later => '+1h' });
    is((grep { $_->{state} eq 'delivered' } map { messages("hang-$_") } 1 .. 12), 12,
        'and all is told later');
    my %ids = map { $_->{headers}{'retrysafe-message'} => 1 } $receiver->requests('/hang');
    is scalar keys %ids, 12, 'twelve messages';
};

subtest 'killed between the POST and its end' => sub {
    $receiver->plan('/killed', 'hang', 200);
    ask('killed', 'killed');
    my $pid = start_notify();
    ok $receiver->await('/killed', 1, 10), 'the receiver has it';
    kill 'KILL', $pid;
    waitpid $pid, 0;
    is((notify())[0], 1, 'for a while nobody else gets it');
    is scalar $receiver->requests('/killed'), 1, 'so it is not told twice at once';
    is((notify({ later => '+12m' }))[0], 0, 'then it is due again');
    my @ids = map { $_->{headers}{'retrysafe-message'} } $receiver->requests('/killed');
    is_deeply \@ids, [$ids[0], $ids[0]], 'told again, with the same id';
};

subtest 'two notifiers at once' => sub {
    ask('pair', "pair-$_") for 1 .. 12;
    my @pids = map { start_notify() } 1 .. 2;
    waitpid $_, 0 for @pids;
    my %ids;
    $ids{ $_->{headers}{'retrysafe-message'} }++ for $receiver->requests('/pair');
    is_deeply [sort values %ids], [(1) x 12], 'each message is told once';
};

subtest 'a connection for each message' => sub {
    $receiver->plan('/apart', 'stay');
    ask('apart', "apart-$_") for 1 .. 12;
    notify();    # its exit status also speaks of messages that earlier tests left
    is scalar(@{[$receiver->requests('/apart')]}), 12, 'a pass tells all of them';
    my %connections = map { $_->{connection} => 1 } $receiver->requests('/apart');
    is scalar keys %connections, 12, 'no message shares the connection of another';
};

subtest 'given up after webhook_max_age' => sub {
    $receiver->plan('/old', 500);
    ask('old', 'old');
    notify();
    is((messages('old'))[0]{state}, 'waiting', 'three days long');
    my ($exit, $log) = notify({ later => '+73h' });
    is $exit, 1, 'then a pass';
    like $log, qr/outcome=given-up try=1 detail=given up: HTTP 500$/m, 'says so';
    is_deeply [@{ (messages('old'))[0] }{qw(state due said)}], ['given up', undef, 'given up: HTTP 500'],
        'given up, and why';
    is scalar $receiver->requests('/old'), 1, 'without another try';
};

subtest 'a URL of the client' => sub {
    my $hook = $receiver->url('/theirs/a?id=1');
    is ask('choice', 'choice-1', hook => $hook)->status, 200, 'one that is allowed';
    is ask('choice', 'choice-2')->status, 200, 'none';
    notify();
    my @paths = map { $_->{path} } grep { $_->{path} =~ m{/(?:theirs|own)} } $receiver->requests;
    is_deeply \@paths, ['/theirs/a?id=1', '/own'], 'the client\'s, else the route\'s';
    my $evil = $receiver->url('/theirs/../admin');
    for ($receiver->url('/else'), $evil, "$hook, $hook") {
        my $answer = ask('choice', 'choice-3', hook => $_);
        is $answer->status, 400, 'another is refused' or diag $answer->raw;
        unlike $answer->body, qr/127\.0\.0\.1/, 'and not quoted';
    }
    is ask('done', 'choice-3', hook => $hook)->status, 400, 'where none is allowed, too';
    is $effects->runs('choice-3'), 0, 'nothing ran';
};

subtest 'a private network' => sub {
    ask('named', 'named', hook => "${named}x");
    is((notify())[0], 1, 'a name that leads to loopback');
    my ($message) = messages('named');
    is $message->{state}, 'given up', 'is not told';
    like $message->{said}, qr/private network/, 'and `show` says why';
    is scalar $receiver->requests('/x'), 0, 'nothing was sent';
};

subtest 'uncertain, and then settled' => sub {
    my $states = sub {
        return [map { JSON::PP::decode_json($_->{body})->{operation_state} } $receiver->requests('/doubt')];
    };
    is ask('doubt', 'doubt', script => 'die.pl')->problem, 'script-failed', 'an operation becomes uncertain';
    notify();
    is_deeply $states->(), ['uncertain'], 'that is told';
    my $said = JSON::PP::decode_json(($receiver->requests('/doubt'))[0]{body});
    is_deeply [@$said{qw(status bytes)}], [undef, undef], 'without a status';
    my $ref = operation()->{ref};
    verb($sandbox, 'settle', $ref, '--not-done', '--why', 'a test');
    notify();
    is_deeply $states->(), [qw(uncertain absent)], 'nothing was done: told, too';
    is ask('doubt', 'doubt', script => 'die.pl')->problem, 'script-failed', 'the next attempt fails as well';
    my $file = $sandbox->write('conf/answer', "Status: 200 OK\nContent-Type: text/plain\n\nit was\n");
    verb($sandbox, 'settle', $ref, '--done', $file, '--why', 'a test');
    notify();
    is_deeply $states->(), [qw(uncertain absent uncertain done)], 'and that it was done';
    $said = check_signature(($receiver->requests('/doubt'))[-1]);
    is_deeply [@$said{qw(operation status attempts)}], [$ref, 200, 2], 'the same operation';
    is scalar(messages('doubt', 'ref' => $ref)), 4, '`show` lists all four';
};

subtest 'recover' => sub {
    ask('recover', 'recover');
    rename $program, "$program.away" or die "rename: $!\n";
    my ($exit, $said) = run('retrysafe', 'recover');
    is $exit, 0, 'without the program it does the rest';
    like $said, qr/^retrysafe: messages of webhooks are due, and \S+ cannot be started/m, 'and says so';
    rename "$program.away", $program or die "rename: $!\n";
    ($exit, $said) = run('retrysafe', 'recover');
    is $exit, 0, 'with it';
    unlike $said, qr/cannot be started/, 'all is well';
    is scalar $receiver->requests('/recover'), 1, 'and the message is told';
};

subtest 'staying' => sub {
    my $pid = start_notify('--follow');
    ask('stay', 'stay');
    ok $receiver->await('/stay', 1, 10), 'told without another start';
    ok is_alive($pid), 'it stays';
    $receiver->plan('/stay', 'hang');
    ask('stay', 'stay-2');
    ok $receiver->await('/stay', 2, 10), 'while it waits for an answer';
    ok defined stop_process($pid, 'TERM', 2), 'TERM ends it at once';
};

subtest 'the gateway is killed' => sub {
    my $conn = FastCgi->connect(socket_path($sandbox));
    my %how = request_of('recorded', 'recorded', query => 'gate=recorded');
    $conn->send(begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, $how{body}), record(STDIN_DATA, 1, ''));
    ok $effects->await('recorded', 'run', 10), 'while a script runs';
    kill 'KILL', $gateway;
    wait_until { !is_alive($gateway) } 5;
    $sandbox->open_gate('recorded');
    ok((wait_until { operation()->{state} eq 'done' } 10), 'the keeper records');
    notify();
    is scalar $receiver->requests('/recorded'), 1, 'and the message is there';
    my $faulty = $sandbox->root . '/build/faults/retrysafe';
    SKIP: {
        skip 'make FAULTS=1 all', 3 if !-x $faulty;
        my $socket = $sandbox->path('run/faulty.sock');
        my $pid = $sandbox->start(name => 'faulty', user => $sandbox->user,
            env => { RETRYSAFE_FAULT => 'gateway.recorded:kill' },
            command => [$sandbox->copy($faulty, 'bin/faulty'), 'serve', '--config',
                $sandbox->path('conf/retrysafe.json'), '--listen', "unix:$socket"]);
        # bind(2) makes the socket's file; only after listen(2) can it be connected to.
        ok +(wait_until { eval { FastCgi->connect($socket) } } 10), 'a gateway that dies after its record';
        my $answer = eval { fastcgi_request($socket, request_of('kept', 'kept'), seconds => 10) };
        wait_until { !is_alive($pid) } 10;
        ok !$answer || !$answer->{response}, 'after the record, before the answer';
        notify();
        is scalar $receiver->requests('/kept'), 1, 'the message is there as well';
    }
    $gateway = start_gateway($sandbox, name => 'gateway-2');
};

subtest 'secrets, and the environment' => sub {
    ask('secret', 'secret');
    ask('env', 'env');
    my ($exit, $log) = notify({ env => { http_proxy => 'http://127.0.0.1:1/', ALL_PROXY => 'http://127.0.0.1:1/' } });
    is scalar $receiver->requests('/env'), 1, 'no proxy of the environment is used';
    is +($other->requests)[-1]{path}, '/secret?token=s3cret', 'a query is sent';
    unlike $log, qr/s3cret|pass/, 'and not logged';
    like $log, qr/webhook ref=[0-9a-f]{32} message=\d+ host=127\.0\.0\.1:\d+ outcome=delivered try=1 detail=HTTP 204$/m,
        'a line a try';
    is((messages('secret'))[0]{url}, $other->url('/secret'), 'nor shown');
    my ($code, $text) = run('retrysafe', 'show', operation('/secret/*')->{ref});
    like $text, qr{^message   done to http://127\.0\.0\.1:\d+/secret: delivered, tries: 1: HTTP 204$}m, '`show` as text';
    unlike $log . $text, qr/\Q$secret\E/, 'the key of the signatures is nowhere';
};

subtest 'usage' => sub {
    is_deeply [(notify('--what'))[0], (notify('word'))[0], (notify('--timeout', '0'))[0]], [100, 100, 100], 'wrong usage';
    is((notify({ env => { GATEWAY_INTERFACE => 'CGI/1.1' } }))[0], 100, 'not as a CGI script');
    my ($exit, $text) = notify('--help');
    is_deeply [$exit, $text =~ /\Ausage: retrysafe-notify/ ? 1 : $text], [0, 1], 'help';
    is((notify('--version'))[0], 0, 'version');
    unlike `ldd "$build/retrysafe"`, qr/libcurl/, 'the gateway does not link libcurl';
    like `ldd "$program"`, qr/libcurl/, 'retrysafe-notify does';
};
$sandbox->finish;

sub request_of {
    my ($route, $key, %more) = @_;
    my $script = $more{script} // 'effect.pl';
    return (body => 'a=1', params => [params(script => $sandbox->path("www/bare/$script"),
        uri => "/$route/$script", key => $key, body => 'a=1', query => $more{query} // '',
        more => [defined $more{hook} ? (HTTP_RETRYSAFE_WEBHOOK => $more{hook}) : ()])]);
}

sub ask { return fastcgi_request(socket_path($sandbox), request_of(@_), seconds => 20)->{response} }

# The newest operation, or that of a route.
sub operation {
    my ($exit, @list) = verb($sandbox, 'list', '--limit', 1, @_ ? ('--route', @_) : ());
    return $list[0];
}

# The messages of the newest operation, or of the one with this key, as `show` lists them.
sub messages {
    my ($key, %more) = @_;
    my $ref = $more{ref} // (defined $key ? undef : operation()->{ref});
    my ($route) = map { m{\A([a-z]+)} } $key // '';
    my ($exit, $op) = verb($sandbox, 'show', defined $ref ? $ref : ('--key', $key, '--script', "/$route/effect.pl"));
    return @{ $op->{messages} };
}

sub due_in {
    my ($message) = @_;
    require Time::Local;
    my ($y, $m, $d, $h, $min, $s) = $message->{due} =~ /(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)/ or return 0;
    return Time::Local::timegm($s, $min, $h, $d, $m - 1, $y) - time;
}

# Runs a program of bin/ to its end: exit status, and all that it printed.
sub run {
    my ($name, @words) = @_;
    my $how = ref $words[0] ? shift @words : {};
    my $log = "$name-" . ++$n;
    my @config = ('--config', $sandbox->path('conf/retrysafe.json'));
    my @command = $name eq 'retrysafe' ? ($sandbox->binary, @words, @config) : ($program, @config, @words);
    my $pid = $sandbox->start(name => $log, user => $sandbox->user, env => environment($how),
        command => \@command);
    waitpid $pid, 0;
    my $exit = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($exit, Process::contents($sandbox->path('log', $log)));
}

# A program may be started some time later: the times of all messages move into the past instead,
# because the store does not believe every clock.
sub environment {
    my ($how) = @_;
    age($how->{later}) if $how->{later};
    return $how->{env} // {};
}

sub age {
    my ($n, $unit) = $_[0] =~ /\A\+(\d+)([hm])\z/ or die "$_[0]?\n";
    my $ms = $n * ($unit eq 'h' ? 3600 : 60) * 1000;
    my $pid = $sandbox->start(user => $sandbox->user, name => 'age', command => ['/usr/bin/sqlite3',
        '-cmd', '.timeout 5000', $sandbox->path('store/retrysafe.db'),
        "UPDATE outbox SET due=due-$ms,give_up=give_up-$ms"]);
    waitpid $pid, 0;
    is $?, 0, 'sqlite3' if $?;
}

# One pass.
sub notify { return run('notify', @_) }

sub start_notify {
    return $sandbox->start(name => 'notify-' . ++$n, user => $sandbox->user,
        command => [$program, '--config', $sandbox->path('conf/retrysafe.json'), @_]);
}

# Passes, now or later, until the receiver has $wanted requests for a path.
sub pass_until {
    my ($path, $wanted, @later) = @_;
    return wait_until { notify(@later ? { later => @later } : ()); $receiver->requests($path) >= $wanted } 15;
}

# Is it signed with the key that --secret prints, now?  Returns what it says.
sub check_signature {
    my ($request) = @_;
    if (!$secret) {
        my ($exit, $hex) = notify('--secret');
        is $exit, 0, '--secret';
        ($secret) = $hex =~ /\A([0-9a-f]{64})\n\z/;
        ok $secret, 'prints 32 bytes as hexadecimal digits' or diag $hex;
    }
    my ($t, $v1) = ($request->{headers}{'retrysafe-signature'} // '') =~ /\At=([0-9]+),v1=([0-9a-f]{64})\z/;
    is $v1, hmac_sha256_hex("$t.$request->{body}", pack 'H*', $secret), 'the signature verifies';
    cmp_ok abs($request->{at} - $t), '<', 10, 'and is of now';
    return JSON::PP::decode_json($request->{body});
}
