# Claim: an uncertain operation is settled by evidence, a policy or an operator, by one at a time, and
# is never run again without one of them: fail, rerun, probe, rollback, `settle`, `recover`, each in the history.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use FastCgi qw(:all);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive);
use Sandbox;
use Test::More;

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my ($n, $gateway) = (0);

$sandbox->place_scripts('fail', 'rerun', 'probe', 'rollback', 'spelled');
# The probe and the rollback do what the file beside them says, and tell that they were asked.
for my $command (qw(probe rollback)) {
    my $path = $sandbox->write("bin/$command", <<"END");
#!/bin/sh
cat >/dev/null
echo "$command \$IDEMPOTENCY_KEY \$IDEMPOTENCY_ATTEMPT \$REQUEST_METHOD \$(pwd)" >>@{[$sandbox->path('store/asked')]}
. @{[$sandbox->path('conf/says')]}
END
    chmod 0755, $path;
}
chmod 0755, $sandbox->write('www/rerun/second.sh', <<'END');
#!/bin/sh
# Dies at its first attempt.
[ "$IDEMPOTENCY_ATTEMPT" -gt 1 ] || kill -9 $$
printf 'Content-Type: text/plain\n\nattempt %s, body %s\n' "$IDEMPOTENCY_ATTEMPT" "$(cat)"
END
$sandbox->give_dir('seen', 0700);
chmod 0755, $sandbox->write('www/rerun/env.sh', <<"END");
#!/bin/sh
# Tells what it sees; dies at its first attempt.
{ env; pwd; cat; } | sort >@{[$sandbox->path('seen')]}/\$IDEMPOTENCY_ATTEMPT
[ "\$IDEMPOTENCY_ATTEMPT" -gt 1 ] || kill -9 \$\$
printf 'Content-Type: text/plain\\n\\ndone\\n'
END
chmod 0755, $sandbox->write('www/rerun/long.sh', <<"END");
#!/bin/sh
# Its first attempt takes long.
cat >/dev/null
echo "begin \$IDEMPOTENCY_ATTEMPT" >>@{[$sandbox->path('seen/long')]}
[ "\$IDEMPOTENCY_ATTEMPT" -gt 1 ] || sleep 4
echo "end \$IDEMPOTENCY_ATTEMPT" >>@{[$sandbox->path('seen/long')]}
printf 'Content-Type: text/plain\\n\\ndone\\n'
END
write_config($sandbox, routes => [
    { match => '/fail/*' },
    { match => '/rerun/*', on_uncertain => 'rerun', max_attempts => 2 },
    { match => '/probe/*', on_uncertain => 'probe', probe => [$sandbox->path('bin/probe')] },
    { match => '/spelled/script', on_uncertain => 'probe', probe => [$sandbox->path('bin/probe')] },
    { match => '/spelled/*', on_uncertain => 'rerun' },
    { match => '/rollback/*', on_uncertain => 'rollback', rollback => [$sandbox->path('bin/rollback')] },
]);
$gateway = start_gateway($sandbox);

subtest 'fail: stays, and every caller is told' => sub {
    my $key = make_uncertain('fail');
    my @told = crowd(8, sub { $_[1]->(); ask('fail', $key)->problem });
    is_deeply \@told, [('outcome-uncertain') x 8], 'eight callers';
    is $effects->runs($key), 1, 'nothing ran again';
    is_deeply [recover()], [1, 0, 1], '`recover` leaves it';
    is $effects->runs($key), 1, 'and runs nothing';
    settle_by_hand($key, '--not-done');
};

subtest 'settle --not-done: the key is free, the history stays' => sub {
    my $key = make_uncertain('fail');
    my ($ref) = operation()->{ref};
    is verb_exit('settle', $ref, '--not-done'), 100, 'without --why it is refused';
    is verb_exit('settle', $ref, '--not-done', '--why', 'the bank says so'), 0, 'with it, it is done';
    is operation()->{state}, 'absent', 'it is free';
    is verb_exit('settle', $ref, '--not-done', '--why', 'again'), 1, 'once';
    my $answer = ask('fail', $key, 'effect.pl');
    is $answer->status, 200, 'the next request runs it';
    is $effects->runs($key), 2, 'two runs, by order of the operator';
    my $op = operation();
    is_deeply [@$op{qw(ref state attempts)}], [$ref, 'done', 2], 'the same operation, done';
    is_deeply [map { $_->{event} } @{ history($ref) }], ['uncertain', 'not done', 'run again'],
        'its history';
    is history($ref)->[1]{detail}, 'the bank says so', 'with the reason';
};

subtest 'settle --done: the response is replayed' => sub {
    my $key = make_uncertain('fail');
    my $ref = operation()->{ref};
    my $good = $sandbox->write('conf/good', "Status: 201 Created\nContent-Type: text/plain\nX-By: hand\n\nall right\n");
    my $bad = $sandbox->write('conf/bad', "no header\n");
    is verb_exit('settle', $ref, '--done', $bad, '--why', 'x'), 100, 'not a CGI response: refused';
    is operation()->{state}, 'uncertain', 'and nothing happened';
    is verb_exit('settle', $ref, '--done', $good, '--why', 'seen in the books'), 0, 'a CGI response';
    my $answer = ask('fail', $key);
    is_deeply [$answer->status, $answer->header('X-By'), $answer->body, $answer->is_replay ? 1 : 0],
        [201, 'hand', "all right\n", 1], 'every retry gets it';
    is $effects->runs($key), 1, 'one effect';
};

subtest 'rerun: a retry runs it again, up to max_attempts, one at a time' => sub {
    my $key = make_uncertain('rerun');
    my @got = crowd(8, sub { $_[1]->(); ask('rerun', $key, 'segv.pl')->problem });
    is $effects->runs($key), 2, 'eight callers, one more run';
    is ask('rerun', $key, 'segv.pl')->problem, 'outcome-uncertain', 'then it is enough';
    is $effects->runs($key), 2, 'two attempts in all';
    settle_by_hand($key, '--not-done');
};

subtest 'rerun by recover: no client is needed' => sub {
    my $key = make_uncertain('rerun', 'second.sh');
    is_deeply [(recover())[0, 2]], [0, 0], '`recover` settles it';
    is operation()->{state}, 'done', 'it is recorded';
    my $answer = ask('rerun', $key, 'second.sh');
    is $answer->body, "attempt 2, body a=1\n", 'the second attempt got the recorded request';
    ok $answer->is_replay, 'a retry gets it';
};

subtest 'rerun: the second attempt sees what the first one saw' => sub {
    my $key = make_uncertain('rerun', 'env.sh');
    is_deeply [(recover())[0, 2]], [0, 0], '`recover` settles it';
    my ($first, $second) = map { [grep { !/^IDEMPOTENCY_ATTEMPT=/ } split /\n/, $sandbox->read("seen/$_")] } 1, 2;
    cmp_ok scalar @$first, '>', 10, 'environment, directory and body';
    is_deeply $second, $first, 'are the same';
};

subtest 'rerun: not while the first run lives' => sub {
    my $key = 'rerun-' . ++$n;
    my $conn = FastCgi->connect(socket_path($sandbox));
    $conn->send(request_bytes('rerun', $key, 'long.sh'));
    ok wait_until { -e $sandbox->path('seen/long') }, 'the script runs';
    my ($keeper) = grep { Process::contents("/proc/$_/stat") =~ /\) \S \Q$gateway\E / } $sandbox->gateways;
    kill 'KILL', $keeper;
    ok wait_until { !is_alive($keeper) }, 'its keeper is killed';
    ok wait_until { operation()->{state} eq 'uncertain' }, 'its end will not be seen';
    is ask('rerun', $key, 'long.sh')->problem, 'outcome-uncertain', 'a retry is told so';
    is_deeply [(recover())[0, 2]], [1, 1], '`recover` leaves it';
    ok +(wait_until { $sandbox->read('seen/long') =~ /end 1/ } 20), 'the script ends';
    ok +(wait_until { ask('rerun', $key, 'long.sh')->status == 200 } 20), 'then a retry runs it again';
    is $sandbox->read('seen/long'), "begin 1\nend 1\nbegin 2\nend 2\n", 'one after the other';
};

subtest 'probe: it was done' => sub {
    my $key = make_uncertain('probe');
    says('printf "Content-Type: text/plain\r\n\r\nfound\n"');
    my $answer = ask('probe', $key);
    is_deeply [$answer->status, $answer->body], [200, "found\n"], 'the probe\'s response is the answer';
    is $effects->runs($key), 1, 'one effect';
    like asked(), qr{^probe \Q$key\E 1 POST .*/www/probe$}m, 'it got the request and the directory';
};

subtest 'probe: it was not done' => sub {
    my $key = make_uncertain('probe');
    says('exit 1');
    my $answer = ask('probe', $key);
    is $answer->problem, 'script-failed', 'the retry runs it (and it fails again)';
    is $effects->runs($key), 2, 'by leave of the probe';
    settle_by_hand($key, '--not-done');
};

subtest 'probe: still unknown' => sub {
    my $key = make_uncertain('probe');
    says('exit 7');
    is ask('probe', $key)->problem, 'outcome-uncertain', 'the retry is told';
    my $asked = () = asked() =~ /\Q$key\E/g;
    ask('probe', $key) for 1 .. 5;
    is scalar(() = asked() =~ /\Q$key\E/g), $asked, 'the probe is not asked all the time';
    like history(operation()->{ref})->[-1]{detail}, qr/still unknown: exit 7/, 'the history says so';
    select undef, undef, undef, 1.1;
    says('printf "Content-Type: text/plain\r\n\r\nlater\n"');
    is((recover())[0], 0, '`recover` asks again');
    is ask('probe', $key)->body, "later\n", 'and that is the answer';
    is $effects->runs($key), 1, 'one effect';
};

# A server that does not merge slashes hands the name on as the client spelled it.
subtest 'recover: the route that the request got, however its name was spelled' => sub {
    my %how = (uri => '/spelled//./script');
    my ($key, $hand) = map { make_uncertain('spelled', 'segv.pl', %how) } 1 .. 2;
    my ($exit, $op) = verb($sandbox, 'show', '--key', $hand, '--script', '/spelled/script');
    is_deeply [$exit, @$op{qw(state script)}], [0, 'uncertain', '/spelled/script'],
        '`show` finds it by the name that routes see';
    says('exit 7');
    is_deeply [(recover())[0, 2]], [1, 2], '`recover` does as the route says: it asks the probe';
    is $effects->runs($_), 1, 'and does not run the script again' for $key, $hand;
    like asked(), qr/^probe \Q$key\E 1 POST /m, 'the probe was asked';
    is ask('spelled', $key, 'segv.pl', uri => '/spelled/script')->problem, 'script-failed',
        'another spelling is another address, as the script sees it';
    settle_by_hand($key, '--not-done');
    my $done = $sandbox->write('conf/spelled', "Content-Type: text/plain\n\nby hand\n");
    is verb_exit('settle', $op->{ref}, '--done', $done, '--why', 'x'), 0, '`settle --done`';
    is ask('spelled', $hand, 'segv.pl', %how)->body, "by hand\n", 'is what a retry gets';
    select undef, undef, undef, 1.1;
    says('printf "Content-Type: text/plain\r\n\r\nprobed\n"');
    is((recover())[0], 0, 'the probe knows the other one');
    is ask('spelled', $key, 'segv.pl', %how)->body, "probed\n", 'whose retry gets what it found';
};

subtest 'rollback' => sub {
    my $key = make_uncertain('rollback');
    says('exit 3');
    is ask('rollback', $key)->problem, 'outcome-uncertain', 'one that fails leaves the doubt';
    select undef, undef, undef, 1.1;
    says('exit 0');
    is ask('rollback', $key, 'segv.pl')->problem, 'script-failed', 'one that works frees the key';
    is $effects->runs($key), 2, 'and the retry runs it';
    settle_by_hand($key, '--not-done');
};

subtest 'recover: its keeper is killed, which is said to be temporary' => sub {
    my $key = make_uncertain('probe');
    my $gate = $sandbox->path('seen/gate');
    says("until [ -e $gate ]; do sleep 0.05; done; exit 1");
    my $asked = () = asked() =~ /\Q$key\E/g;
    my $recover = $sandbox->start(name => 'recover', user => $sandbox->user,
        command => [$sandbox->binary, 'recover', '--config', $sandbox->path('conf/retrysafe.json')]);
    ok wait_until { (() = asked() =~ /\Q$key\E/g) > $asked }, 'the probe works';
    my ($keeper) = grep { Process::contents("/proc/$_/stat") =~ /\) \S \Q$recover\E / } $sandbox->gateways;
    kill 'KILL', $keeper;
    waitpid $recover, 0;
    is $? >> 8, 111, '`recover` asks to be started again';
    $sandbox->write('seen/gate', '');
    says('printf "Content-Type: text/plain\r\n\r\nfound\n"');
    ok +(wait_until { (recover())[2] == 0 } 10), 'then it settles what is left';
    is ask('probe', $key)->body, "found\n", 'by what the probe says then';
};

subtest 'a gateway settles at its start what the dead have left' => sub {
    my $key = 'start-' . ++$n;
    my $conn = FastCgi->connect(socket_path($sandbox));
    $conn->send(request_bytes('fail', $key, "slow.pl?gate=$key"));
    ok $effects->await($key, 'run', 10), 'a script runs';
    my @all = ($sandbox->gateways, map { $_->[1] } $effects->events($key));
    kill 'KILL', @all;
    wait_until { !grep { is_alive($_) } @all } 10;
    $gateway = start_gateway($sandbox, name => 'gateway-2');
    ok((wait_until { operation()->{state} eq 'uncertain' } 10), 'it is uncertain before anybody asks');
    is $effects->runs($key), 1, 'one effect';
};

$sandbox->finish;

# Every script of a route answers at one address.
sub request_of {
    my ($route, $key, $script, %how) = @_;
    my ($file, $query) = split /\?/, $script // 'segv.pl', 2;
    return (params => [params(script => $sandbox->path("www/$route/$file"), uri => "/$route/script",
        key => $key, body => 'a=1', query => $query, %how)], body => 'a=1');
}

sub request_bytes {
    my %how = request_of(@_);
    return (begin(1), params_record(1, @{ $how{params} }), record(PARAMS, 1, ''),
        record(STDIN_DATA, 1, $how{body}), record(STDIN_DATA, 1, ''));
}

sub ask {
    return fastcgi_request(socket_path($sandbox), request_of(@_), seconds => 20)->{response};
}

# A key whose script was run and died; its operation is the newest.
sub make_uncertain {
    my ($route, $script, %how) = @_;
    my $key = "$route-" . ++$n;
    my $answer = ask($route, $key, $script, %how);
    is $answer->problem, 'script-failed', 'the script dies half-way';
    return $key;
}

sub operation { my ($exit, @list) = verb($sandbox, 'list', '--limit', 1); return $list[0] }

sub history {
    my ($exit, $op) = verb($sandbox, 'show', $_[0]);
    return $op->{history};
}

sub verb_exit { my ($exit) = verb($sandbox, @_); return $exit }

# (exit status, settled, still uncertain)
sub recover { my ($exit, $said) = verb($sandbox, 'recover'); return ($exit, @$said{qw(settled uncertain)}) }

sub settle_by_hand {
    my ($key, $how) = @_;
    my $op = operation();
    verb($sandbox, 'settle', $op->{ref}, $how, '--why', 'the end of a test') if $op->{state} eq 'uncertain';
}

sub says { $sandbox->write('conf/says', "$_[0]\n") }
sub asked { $sandbox->read('store/asked') }
