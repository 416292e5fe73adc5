# Claim: the operator's verbs print what retrysafe(1) says, as text and as JSON lines, with exit codes 0
# done, 1 no or nothing matched, 100 usage or configuration, 111 temporary, and say what is wrong.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(fastcgi_request params);
use Fcntl qw(:DEFAULT :seek);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP ();
use Process qw(stop_process is_alive wait_until);
use Sandbox;
use Test::More;

my @ROUTES = ({ match => '/bare/die.pl' }, { match => '/bare/*' });
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $said = 0;

$sandbox->place_scripts('bare');
write_config($sandbox, routes => \@ROUTES);
subtest 'before there is a store' => \&check_before;
my $gateway = start_gateway($sandbox);
my %ref = make_operations();
subtest 'list' => \&check_list;
subtest 'show' => \&check_show;
subtest 'stats' => \&check_stats;
subtest 'nothing of the store acts on a terminal' => \&check_terminal;
subtest 'purge' => \&check_purge;
subtest 'what a script printed in vain' => \&check_output;
subtest 'check' => \&check_check;
subtest 'version and help' => \&check_version;
subtest 'wrong usage' => \&check_usage;
subtest 'serve' => \&check_serve;
$sandbox->finish;

# Runs retrysafe as it is given; its exit status and all that it printed.
sub retrysafe {
    my (@words) = @_;
    my $name = 'say-' . ++$said;
    my $pid = $sandbox->start(name => $name, user => $sandbox->user,
        command => [$sandbox->binary, @words]);
    waitpid $pid, 0;
    my $exit = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($exit, Process::contents($sandbox->path('log', $name)));
}

sub with_config { ('--config', $sandbox->path('conf/retrysafe.json')) }

# One done and replayed, one uncertain, one running.  Their refs by key.
sub make_operations {
    my $ask = sub {
        my ($key, $script, $query, $seconds) = @_;
        my $path = $sandbox->path('www/bare', $script);
        return fastcgi_request(socket_path($sandbox), seconds => $seconds,
            params => [params(script => $path, key => $key, query => $query,
                more => [REMOTE_USER => 'ann'])])->{response};
    };
    $ask->('done', 'effect.pl') for 1 .. 2;
    $ask->('doubt', 'die.pl') for 1 .. 2;
    $ask->('runs', 'effect.pl', 'gate=verbs', 0.3);
    $effects->await('runs', 'run');
    my (undef, @operations) = verb($sandbox, 'list');
    return map { ({ done => 'done', uncertain => 'doubt', running => 'runs' }->{ $_->{state} },
            $_->{ref}) } @operations;
}

sub check_before {
    my ($exit, $text) = retrysafe('check', with_config());
    is_deeply [$exit, $text =~ /ok, 2 routes; store .*: not made yet/ ? 1 : $text], [0, 1], 'check';
    for my $verb ('list', 'stats', 'purge', 'show') {
        my @words = $verb eq 'show' ? ('0' x 32) : ();
        ($exit, $text) = retrysafe($verb, with_config(), @words);
        is_deeply [$exit, $text =~ /there is no store yet/ ? 1 : $text], [1, 1], $verb;
    }
    ok !-e $sandbox->path('store/retrysafe.db'), 'none of them makes one';
}

sub check_list {
    my ($exit, @all) = verb($sandbox, 'list');
    is $exit, 0, 'exit code';
    is_deeply [map { $_->{ref} } @all], [@ref{qw(runs doubt done)}], 'newest first';
    my ($running, $uncertain, $done) = @all;
    for (@all) {
        my @missing = grep { !exists $done->{$_} }
            qw(ref state route key created updated attempts status bytes expires reason);
        is_deeply \@missing, [], "$_->{state}: every field";
        like $_->{created}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'times are RFC 3339';
        is $_->{attempts}, 1, 'attempts';
        like $_->{key}, qr/\A[0-9a-f]{12}\z/, 'the key as the beginning of a digest';
    }
    is_deeply [@$done{qw(state route status reason)}], ['done', '/bare/*', 200, undef], 'done';
    ok $done->{bytes} > 0 && $done->{expires}, 'its size and its time';
    is_deeply [@$uncertain{qw(state route status expires)}],
        ['uncertain', '/bare/die.pl', undef, undef], 'uncertain';
    like $uncertain->{reason}, qr/not a valid CGI response/, 'with its reason';
    is_deeply [@$running{qw(state status)}], ['running', undef], 'running';

    my $refs = sub { my (undef, @found) = verb($sandbox, 'list', @_); [map { $_->{ref} } @found] };
    is_deeply $refs->('--state', 'done'), [$ref{done}], '--state';
    is_deeply $refs->('--route', '/bare/die.pl'), [$ref{doubt}], '--route';
    is_deeply $refs->('--limit', 2), [@ref{qw(runs doubt)}], '--limit';
    is_deeply $refs->('--state', 'done', '--route', '/bare/die.pl'), [], 'together';
    is +(verb($sandbox, 'list', '--state', 'expired'))[0], 1, 'nothing matched: 1';

    my (undef, $text) = retrysafe('list', with_config());
    my ($head, @lines) = split /\n/, $text;
    is_deeply [split ' ', $head],
        [qw(ref state route key created updated attempts status bytes expires reason)], 'as text';
    is_deeply [map { (split)[0] } @lines], [@ref{qw(runs doubt done)}], 'one a line';
    is_deeply [map { index $lines[2], $_ } $done->{key}, $done->{created}], [map { index $head, $_ } qw(key created)],
        'in columns';
    check_since($refs);
    check_local_times();
}

sub check_since {
    my ($refs) = @_;
    my $all = [@ref{qw(runs doubt done)}];
    is_deeply $refs->('--since', '1h'), $all, '--since an hour ago';
    is_deeply $refs->('--since', '2001-01-31'), $all, '... a day';
    is_deeply $refs->('--since', '2001-01-31T12:00:00Z', '--limit', 1), [$ref{runs}], '... a time';
    is_deeply $refs->('--since', '2999-01-01'), [], '... to come';
    my (undef, @operations) = verb($sandbox, 'list', '--since', '1h');
    is_deeply $refs->('--since', $operations[0]{created} =~ s/\.\d+//r), [$ref{runs}], 'the second that one began in'
        if substr($operations[0]{created}, 0, 19) ne substr $operations[1]{created}, 0, 19;
}

# script(1) gives the program a terminal.
sub check_local_times {
    my $command = join ' ', $sandbox->binary, 'list', with_config();
    local $ENV{TZ} = 'Etc/GMT-9';
    my $text = `script -qec '$command' /dev/null`;
    my $local = POSIX::strftime('%Y-%m-%d %H:', gmtime time + 9 * 3600);
    like $text, qr/ \Q$local\E\d\d:\d\d /, 'on a terminal times are local';
    unlike $text, qr/\dZ/, 'and no others';
}

sub check_show {
    my ($exit, $one) = verb($sandbox, 'show', $ref{doubt});
    is_deeply [$exit, $one->{ref}], [0, $ref{doubt}], 'by ref';
    is_deeply [map { $_->{event} } @{ $one->{history} }], ['uncertain'], 'with its history';
    my @named = ('--key', 'done', '--script', '/bare/effect.pl', '--scope', 'ann');
    ($exit, $one) = verb($sandbox, 'show', @named);
    is_deeply [$exit, $one->{ref}, $one->{state}], [0, $ref{done}, 'done'],
        'by key, script and scope';
    is +(verb($sandbox, 'show', @named[0 .. 3]))[0], 1, 'without its scope it is another one: 1';
    is +(verb($sandbox, 'show', @named[0 .. 3], '--scope', 'bob'))[0], 1, 'with another scope: 1';
    is +(verb($sandbox, 'show', '0' x 32))[0], 1, 'a ref that is not there: 1';
    is +(verb($sandbox, 'show', 'x'))[0], 1, 'or is none: 1';
    ($exit, my $text) = retrysafe('show', with_config(), '--key', 'k', '--script', '/nowhere');
    is_deeply [$exit, $text =~ m{no route of \S+ matches /nowhere;} ? 1 : $text], [100, 1],
        'a script that no route matches: 100';
    ($exit, $text) = retrysafe('show', with_config());
    is_deeply [$exit, $text =~ /which one\?/ ? 1 : $text], [100, 1], 'no name at all: 100';
    ($exit, $text) = retrysafe('show', with_config(), $ref{doubt});
    like $text, qr/^state +uncertain\n.*^history +\S+ uncertain: its answer/ms, 'as text';
    unlike $text, qr/\bdoubt\b/, 'no key is shown';
}

# Anything of the gateway's account can write rows.
sub check_terminal {
    my $database = $sandbox->path('store/retrysafe.db');
    my $bad = q(char(27)||']0;owned'||char(7)||char(155)||char(10)||'x');
    my $change = sub { open my $pipe, '|-', "sqlite3 '$database'" or die "sqlite3: $!\n"; print $pipe $_[0]; close $pipe };
    ok $change->("CREATE TABLE was AS SELECT id,reason FROM operation; CREATE TABLE h AS SELECT rowid r,detail FROM history;"
        . " UPDATE route SET name=name||$bad; UPDATE operation SET reason=$bad; UPDATE history SET detail=$bad, event=$bad;"),
        'rows are changed';
    for my $words (['list'], ['show', $ref{doubt}]) {
        my ($exit, $text) = retrysafe(@$words, with_config());
        is $exit, 0, "@$words";
        unlike $text, qr/[^\n\t -~]/, 'no control character';
        like $text, qr/\\x1b\]0;owned\\x07\\xc2\\x9b\\x0ax/, 'they are shown';
    }
    ok $change->("UPDATE route SET name=substr(name,1,instr(name,char(27))-1);"
        . ' UPDATE operation SET reason=(SELECT reason FROM was WHERE was.id=operation.id);'
        . " UPDATE history SET event='uncertain', detail=(SELECT detail FROM h WHERE r=history.rowid);"
        . ' DROP TABLE was; DROP TABLE h;'), 'and changed back';
}

sub check_output {
    my (undef, $text) = retrysafe('show', with_config(), $ref{doubt});
    like $text, qr/^    retrysafe settle $ref{doubt} --not-done --why TEXT\n\nIts script printed 21 bytes:\nContent-Type: text\/pl\n\z/m,
        'show ends with what to do, and what was printed';
    is_deeply [retrysafe('show', with_config(), '--output', $ref{doubt})], [0, "Content-Type: text/pl\n"], '--output';
    is_deeply [verb($sandbox, 'show', '--output', $ref{doubt})],
        [0, { ref => $ref{doubt}, bytes => 21, output => 'Content-Type: text/pl' }], '--output as JSON';
    my ($exit, $said) = retrysafe('show', with_config(), '--output', $ref{done});
    is_deeply [$exit, $said =~ /no output of its script is kept/ ? 1 : $said], [1, 1], 'a valid response is not kept twice: 1';

    my $ask = sub {
        my ($name, $bytes) = @_;
        chmod 0755, $sandbox->write("www/bare/$name.pl", "#!/bin/sh\nprintf '$bytes'\n");
        my $answer = fastcgi_request(socket_path($sandbox), params => [params(key => $name,
            script => $sandbox->path('www/bare', "$name.pl"))])->{response};
        is $answer->status . ' ' . $answer->problem, '502 script-failed', "$name: no response";
        return $answer->facts->{operation};
    };
    my $ref = $ask->('final', 'Status: 101\\r\\n\\r\\n\\033[2Jhi\\r\\n');
    is_deeply [retrysafe('show', with_config(), '--output', $ref)], [0, "Status: 101\\x0d\n\\x0d\n\\x1b[2Jhi\\x0d\n"],
        'of one that is done, and harmless';
    is +(verb($sandbox, 'show', '--output', $ref))[1]{output}, "Status: 101\r\n\r\n\e[2Jhi\r\n", 'as JSON, every byte';
    my $one = (verb($sandbox, 'show', $ref))[1];
    is_deeply [@$one{qw(state status exit)}], ['done', 502, 0], 'show: it is done';
    like $one->{reason}, qr/not a valid CGI response/, 'and why';
    is $one->{history}[0]{event}, 'no response', 'with its history';
    $ref = $ask->('binary', 'Status: 101\\n\\n\\000\\377');
    is +(verb($sandbox, 'show', '--output', $ref))[1]{output_base64}, 'U3RhdHVzOiAxMDEKCgD/', 'bytes that are no text';
    $ask->('nothing', '');
}

sub check_stats {
    my ($exit, $stats) = verb($sandbox, 'stats');
    is $exit, 0, 'exit code';
    is_deeply [@{ $stats->{counters} }{qw(first replayed uncertain)}], [1, 1, 1], 'counters';
    is_deeply $stats->{keys}, { running => 1, done => 1, uncertain => 1, expired => 0 },
        'keys by state';
    ok $stats->{file_bytes} > 0 && $stats->{responses_bytes} > 0, 'sizes';
    my (undef, $text) = retrysafe('stats', with_config());
    like $text, qr/^counters\.first\t1$/m, 'as text';
}

sub check_purge {
    my ($exit, @said) = verb($sandbox, 'purge');
    is_deeply [$exit, @said], [0, { responses_dropped => 0, operations_forgotten => 0 }],
        'nothing to do is done: 0';
    is_deeply [retrysafe('purge', with_config())],
        [0, "0 responses dropped, 0 operations forgotten\n"], 'as text';
    sysopen my $lock, $sandbox->path('store/retrysafe.db-lock'), O_RDWR or die "lock: $!\n";
    write_config($sandbox, routes => \@ROUTES, busy_timeout => '200ms');
    # struct flock of a 64-bit Linux: the byte that the writers queue for.
    my $byte = pack 's s x4 q q i x4', Fcntl::F_WRLCK, SEEK_SET, 0, 1, 0;
    fcntl $lock, Fcntl::F_SETLKW, $byte or die "lock: $!\n";
    is +(retrysafe('purge', with_config()))[0], 111, 'the store is busy: 111';
    is +(retrysafe('list', with_config()))[0], 0, 'who only reads does not wait';
}

sub check_check {
    my ($exit, @said) = verb($sandbox, 'check');
    is $exit, 0, 'exit code';
    is_deeply [@{ $said[0] }{qw(routes store_is)}], [2, 'ready'], 'says what it found';
    my $bad = $sandbox->write('conf/bad.json', qq({\n  "store": "sqlite:/x/y.db",\n  "rotues": []\n}\n));
    ($exit, my $text) = retrysafe('check', $bad);
    is $exit, 100, 'a wrong configuration: 100';
    like $text, qr/bad\.json:3: .*rotues.*routes/s, 'with file, line and the nearest name';
    is +(retrysafe('check', $sandbox->path('conf/none.json')))[0], 100, 'none at all: 100';
    my $lost = $sandbox->write('conf/lost.json', JSON::PP::encode_json({
        store => 'sqlite:' . $sandbox->path('store/retrysafe.db'), spool => $sandbox->path('spool'),
        routes => [{ match => '/x', script => $sandbox->path('www/none.pl') }],
    }));
    ($exit, $text) = retrysafe('check', $lost);
    is $exit, 100, 'a script that is not there: 100';
    like $text, qr/route 1: .*none\.pl/, 'and which one';

    # What is allowed, and often not what was meant.
    for (
        [{ match => '/cgi-bin/*' }],
        [{ match => '/a/guestbook.pl', key_from => ['derive'] }],
        [{ match => '/a/listings.pl', key_from => ['derive'] }],
        [{ match => '/a/*', key_from => ['derive'] }, 'only read'],
        [{ match => '/a/DoSearch.pl', key_from => ['header:K', 'derive'] }, 'only read'],
        [{ match => '/api/order', key_from => ['derive'] }, 'only read'],
        [{ match => '/a/login.cgi', key_from => ['derive'] }, 'log-ins'],
        [{ match => '/a/search.pl' }],
        [{ match => '/a/form.pl', key_from => ['derive'], on_uncertain => 'rerun' }, '"on_uncertain": "fail"'],
        [{ match => '/a/form.pl', on_uncertain => 'rerun' }],
        [{ match => '/a/form.pl', unique => ['form:email'], on_duplicate => 'replay' }, 'what tells people apart'],
        [{ match => '/a/form.pl', unique => ['form:email'], on_duplicate => 'replay', bind => [], scope => [] },
            'what tells people apart'],
        [{ match => '/a/form.pl', unique => ['form:email'], on_duplicate => 'replay', scope => ['REMOTE_USER'] }],
        [{ match => '/a/form.pl', unique => ['form:email'], on_duplicate => 'replay', bind => ['cookie:s'] }],
        [{ match => '/a/form.pl', unique => ['form:email'] }],
    ) {
        my ($route, $warning) = @$_;
        my $json = JSON::PP->new->canonical->encode($route);
        my $odd = $sandbox->write('conf/odd.json', JSON::PP::encode_json({
            store => 'sqlite:' . $sandbox->path('store/retrysafe.db'), spool => $sandbox->path('spool'),
            routes => [{ match => '/first' }, $route],
        }));
        ($exit, $text) = retrysafe('check', $odd);
        is $exit, 0, "allowed: $json";
        my @warnings = grep { /warning/ } split /^/, $text;
        is scalar @warnings, $warning ? 1 : 0, '... warnings' or diag $text;
        like $warnings[0], qr/odd\.json: route 2: warning: .*\Q$warning\E/, '... which one' if $warning;
        ($exit, $text) = retrysafe('check', '--json', $odd);
        my ($said) = map { JSON::PP::decode_json($_) } grep { /\A\{/ } split /^/, $text;
        is_deeply [map { $_->{route} } @{ $said->{warnings} }], [(2) x @warnings], '... with --json, too';
    }
}

sub check_version {
    my ($exit, $version) = verb($sandbox, 'version');
    is $exit, 0, 'exit code';
    like $version->{$_}, qr/\d+\.\d+/, "version of $_" for qw(retrysafe libfcgi jansson);
    like $version->{store}, qr/\ASQLite 3\.\d+/, 'and of the store';
    my ($code, $text) = retrysafe('version');
    is_deeply [$code, scalar(my @lines = $text =~ /\n/g)], [0, 4], 'as text';
    ($code, $text) = retrysafe('help');
    is $code, 0, 'help';
    like $text, qr/^  $_ /m, "help tells of $_"
        for qw(serve check list show stats purge version);
    for my $words (['--help'], ['-h'], ['help', 'list'], ['list', '--help'], ['list', '--state', 'done', '-h']) {
        ($code, $text) = retrysafe(@$words);
        is $code, 0, "retrysafe @$words: 0";
        like $text, @$words > 1 ? qr/\Ausage: retrysafe list .*--since.*\n\nlist lists/ : qr/^  list /m, 'and tells';
    }
    is_deeply [(retrysafe('--version'))], [(retrysafe('version'))], '--version';
    is +(retrysafe('help', 'lst'))[0], 100, 'help with a verb that is none: 100';
}

sub check_usage {
    my @wrong = (
        [[], qr/usage: retrysafe VERB/],
        [['frobnicate'], qr/there is no verb "frobnicate"/],
        [['list', '--limit', '0'], qr/--limit 0: write a number from 1/],
        [['list', '--limit', '5x'], qr/--limit 5x/],
        [['list', '--since', 'noon'], qr/--since noon: write how long ago, such as 90s/],
        [['list', '--since', '2026-01-31x'], qr/--since 2026-01-31x: /],
        [['list', with_config(), '--route', '/bare/dei.pl'], qr{no route is called /bare/dei\.pl; did you mean /bare/die\.pl\?\n\z}],
        [['list', '--state', 'dead'], qr/--state dead: write running, done/],
        [['list', 'something'], qr/"something" is one word too many/],
        [['purge', '--unknown'], qr/purge: it takes no option --unknown\nusage: retrysafe purge/],
        [['purge', '--route', '/a'], qr/purge: it takes no option --route\n/],
        [['purge', '--archiv=x', '--jsno'], qr/purge: it takes no option --jsno; did you mean --json\?\n\z/],
        [['recover', '--route=/a'], qr/recover: it takes no option --route\n/],
        [['stats', '--state', 'done'], qr/stats: it takes no option --state/],
        [['settle', 'x', '--limit', 1], qr/settle: it takes no option --limit/],
        [['list', '--stat', 'done', '-x'], qr/list: it takes no option -x/],
        [['list', "--\e[2J"], qr/no option --\\x1b\[2J/],
        [['lst'], qr/\Aretrysafe: there is no verb "lst"; did you mean "list"\?\n\z/],
        [['list', '--config'], qr/requires an argument/],
        [['list', '--config', '/nonexistent.json'], qr{/nonexistent\.json}],
    );
    for (@wrong) {
        my ($words, $pattern) = @$_;
        my ($exit, $text) = retrysafe(@$words);
        is $exit, 100, "retrysafe @$words: 100";
        like $text, $pattern, 'and why';
    }
}

sub check_serve {
    my ($exit, $text) = retrysafe('serve', with_config());
    is_deeply [$exit, $text =~ /where\?  Write --listen/ ? 1 : $text], [100, 1], 'no socket: 100';
    ($exit, $text) = retrysafe('serve', with_config(), '--listen', 'nonsense');
    is $exit, 100, 'not an address: 100' or diag $text;
    ($exit, $text) = retrysafe('serve', with_config(), '--listen', 'unix:/nonexistent/dir/s.sock');
    is $exit, 111, 'a place that is not there (yet): 111' or diag $text;
    ($exit, $text) = retrysafe('serve', '--config', '/nonexistent.json', '--listen', 'unix:/tmp/x');
    is $exit, 100, 'no configuration: 100' or diag $text;
    $sandbox->open_gate('verbs');
    kill 'TERM', $gateway;
    wait_until { waitpid($gateway, POSIX::WNOHANG()) == $gateway } 10;
    is $? >> 8, 0, 'told to end: 0';
    ok wait_until(sub { (verb($sandbox, 'show', $ref{runs}))[1]{state} eq 'done' }, 5),
        'what ran meanwhile is done';
}
