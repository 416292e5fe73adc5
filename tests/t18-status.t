# Claim: status, metrics and tail tell what happened behind a real gateway: right numbers by route, what is
# uncertain with the commands that settle it, every end once, in the log's words; and what is not known is not 0.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(fastcgi_request params);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP ();
use POSIX ();
use Process qw(stop_process is_alive wait_until);
use Sandbox;
use Test::More;

my @ROUTES = ({ match => '/one/die.pl' }, { match => '/two/die.pl', on_uncertain => 'rerun', max_attempts => 2 },
    { match => '/one/*', release_on => ['503'] }, { match => '/two/*', timeout => '1s' }, { match => '/three/*' });
my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $said = 0;

$sandbox->place_scripts('one', 'two', 'three');
write_config($sandbox, routes => \@ROUTES, busy_timeout => '100ms');
subtest 'before there is a store' => \&check_before;
my $gateway = start_gateway($sandbox);
subtest 'a store without operations' => \&check_empty;
my $tail = start_tail('all');
my $tail_of_two = start_tail('two', '--route', '/two/*', '--json');
my $tail_of_doubt = start_tail('failed', '--outcome', 'script-failed', '--json');
make_requests();
subtest 'status as JSON' => \&check_status;
subtest 'status for people' => \&check_text;
subtest 'metrics' => \&check_metrics;
subtest 'tail' => \&check_tail;
subtest 'status --watch' => \&check_watch;
subtest 'nothing of the store acts on a terminal' => \&check_terminal;
stop_process($gateway);
subtest 'without a gateway' => \&check_without_gateway;
subtest 'what is not known' => \&check_unknown;
subtest 'another account' => \&check_account;
subtest 'wrong usage' => \&check_usage;
$sandbox->finish;

sub with_config { ('--config', $sandbox->path('conf/retrysafe.json')) }

# Runs retrysafe as it is given; its exit status and all that it printed.
sub retrysafe {
    my (@words) = @_;
    return retrysafe_as($sandbox->user, @words);
}

sub retrysafe_as {
    my ($user, @words) = @_;
    my $name = 'say-' . ++$said;
    my $pid = $sandbox->start(name => $name, user => $user, command => [$sandbox->binary, @words]);
    waitpid $pid, 0;
    return ($? & 127 ? 'signal ' . ($? & 127) : $? >> 8, Process::contents($sandbox->path('log', $name)));
}

sub ask {
    my ($where, $script, $key, %more) = @_;
    my $path = $sandbox->path("www/$where", $script);
    return fastcgi_request(socket_path($sandbox), seconds => $more{seconds}, body => $more{body} // 'a=1',
        params => [params(script => $path, uri => "/$where/$script", key => $key, query => $more{query} // '',
            more => [CONTENT_LENGTH => length($more{body} // 'a=1')])])->{response};
}

sub start_tail {
    my ($name, @words) = @_;
    my $pid = $sandbox->start(name => "tail-$name", user => $sandbox->user,
        command => [$sandbox->binary, 'tail', with_config(), @words]);
    # It has looked once as soon as it sleeps in poll(2).
    wait_until { Process::contents("/proc/$pid/wchan") =~ /poll/ || !is_alive($pid) } 5;
    select undef, undef, undef, 0.5;
    return $pid;
}

sub lines_of { split /^/, Process::contents($sandbox->path('log', "tail-$_[0]")) }

# /one: two done, three replays, a key reused, one uncertain, asked for once more, one released; /two: one done, one
# replay, one timed out, one uncertain that a retry may run again; /three: one that runs.
sub make_requests {
    is ask('one', 'effect.pl', 'a')->status, 200, 'one: first' for 1;
    ok ask('one', 'effect.pl', 'a')->is_replay, 'one: replayed' for 1 .. 3;
    is ask('one', 'effect.pl', 'b', query => 'sleep=0.3')->status, 200, 'one: a slow one';
    is ask('one', 'effect.pl', 'a', body => 'a=2')->problem, 'key-reused', 'one: another request with its key';
    is ask('one', 'die.pl', 'c')->problem, 'script-failed', 'one: uncertain';
    is ask('one', 'die.pl', 'c')->problem, 'outcome-uncertain', 'one: and still';
    is ask('one', 'effect.pl', 'd', query => 'status=503')->status, 503, 'one: released';
    is ask('two', 'effect.pl', 'a')->status, 200, 'two: first';
    ok ask('two', 'effect.pl', 'a')->is_replay, 'two: replayed';
    is ask('two', 'effect.pl', 'e', query => 'sleep=20')->problem, 'script-timeout', 'two: timed out';
    is ask('two', 'die.pl', 'f')->problem, 'script-failed', 'two: uncertain';
    ask('three', 'effect.pl', 'g', query => 'gate=status', seconds => 0.2);
    $effects->await('g', 'run');
}

sub check_before {
    for my $verb (qw(status metrics tail)) {
        my ($exit, $text) = retrysafe($verb, with_config());
        is_deeply [$exit, $text =~ /there is no store yet/ ? 1 : $text], [1, 1], $verb;
    }
    ok !-e $sandbox->path('spool/counters'), 'none of them makes anything';
}

# Another run than those of the numbers below: of a key that is released, on a route that no other test names.
sub check_empty {
    is ask('one', 'effect.pl', 'z', query => 'status=503')->status, 503, 'a store, with nothing in it';
    my ($exit, $status) = verb($sandbox, 'status');
    is $exit, 0, 'status';
    is_deeply [map { $_->{count} } @$status{qw(running uncertain)}], [0, 0], 'nothing runs, nothing is uncertain';
    is $status->{duplicates_prevented}, 0, 'no duplicate yet: that is known';
    my ($code, $text) = retrysafe('status', with_config());
    like $text, qr/>>>  0 DUPLICATES PREVENTED  <<<.*uncertain: 0\n.*running: 0\n/s, 'for people';
    is +(retrysafe('metrics', with_config()))[0], 0, 'metrics';
}

sub check_status {
    my ($exit, @objects) = verb($sandbox, 'status');
    is_deeply [$exit, scalar @objects], [0, 1], 'one object';
    my ($status) = @objects;
    is $status->{duplicates_prevented}, 5, 'four replays, and one that asked for an uncertain one';
    like $status->{since}, qr/\A\d{4}-\d\d-\d\dT/, 'since when';
    my %route = map { ($_->{route} => $_) } @{ $status->{routes} };
    is_deeply [sort keys %route], [sort map { $_->{match} } @ROUTES[0 .. 3]], 'each route of which something has ended';
    # By route: runs, replays, problems, prevented.
    my %want = ('/one/*' => [4, 3, 1, 3], '/two/*' => [2, 1, 1, 1], '/one/die.pl' => [1, 0, 2, 1], '/two/die.pl' => [1, 0, 1, 0]);
    is_deeply [@{ $route{$_} }{qw(runs replays problems prevented)}], $want{$_}, "$_: runs, replays, problems, prevented"
        for sort keys %want;
    my $one = $route{'/one/*'};
    ok $one->{p50_ms} > 0 && $one->{p50_ms} < 250, "the middle run was quick: $one->{p50_ms} ms";
    ok $one->{p95_ms} >= 250 && $one->{p95_ms} < 1500, "the slowest was not: $one->{p95_ms} ms";
    ok $route{'/two/*'}{p95_ms} >= 800, 'a run that was ended counts';
    is_deeply [@{ $status->{counters} }{qw(first replayed key_reused)}], [3, 4, 1], 'counters of all routes';

    is $status->{running}{count}, 1, 'one runs';
    my ($running) = @{ $status->{running}{operations} };
    is_deeply [@$running{qw(state route)}], ['running', '/three/*'], 'which';
    ok $running->{for_ms} > 0, 'for how long';
    my $uncertain = $status->{uncertain};
    is_deeply [@$uncertain{qw(count need_person)}], [3, 2], 'three are uncertain, two need a person';
    is_deeply [map { "$_->{route} $_->{needs}" } @{ $uncertain->{operations} }],
        ['/one/die.pl person', '/two/* person', '/two/die.pl recover'], 'these first, oldest first';
    my ($first) = @{ $uncertain->{operations} };
    my $command = 'retrysafe settle --config ' . $sandbox->path('conf/retrysafe.json') . " $first->{ref}";
    is_deeply $first->{settle}, ["$command --done FILE --why TEXT", "$command --not-done --why TEXT"], 'with the commands';
    ok $first->{for_ms} >= 1000 && $first->{for_ms} < 60_000, "for how long: $first->{for_ms} ms";
    ok $status->{store}{file_bytes} > 0, 'sizes';
    is_deeply $status->{notes}, [], 'nothing is unknown';
}

sub check_text {
    my ($exit, $text) = retrysafe('status', with_config());
    is $exit, 0, 'exit code';
    like $text, qr/^  >>>  5 DUPLICATES PREVENTED  <<<  since \d{4}-/m, 'duplicates prevented';
    my $config = $sandbox->path('conf/retrysafe.json');
    like $text, qr/^uncertain: 3, of which 2 NEED A PERSON, the oldest for \d+\.\d s: .*\n  [0-9a-f]{32}  .*\n      retrysafe settle --config \Q$config\E [0-9a-f]{32} --done FILE --why TEXT\n/m,
        'what needs a person';
    my ($half, $most) = $text =~ m{^/one/\* +4 +3 +1 +(\S+ m?s) +(\S+ m?s)$}m;
    ok $half && $most, 'a route' or diag $text;
    cmp_ok scalar(my @lines = split /^/, $text), '<', 40, 'one screen';
    unlike $text, qr/[^\n -~]/, 'not on a terminal: no control characters';
    local $ENV{TZ} = 'Etc/GMT-9';
    my $shown = `script -qec '@{[$sandbox->binary]} status --config $config' /dev/null`;
    like $shown, qr/\e\[1m  >>>  5 DUPLICATES/, 'on a terminal it is bold';
    # The command can be pasted.
    my ($command) = $text =~ /^ +retrysafe (settle .* --not-done) --why TEXT$/m;
    ($exit, my $answer) = retrysafe(split(' ', $command), '--why', 'a test says so');
    is $exit, 0, 'its command works' or diag $answer;
    is +(verb($sandbox, 'status'))[1]{uncertain}{count}, 2, 'and one less is uncertain';
}

# What OpenMetrics and Prometheus's text format both demand; returns sample => value.
sub parse_metrics {
    my ($text) = @_;
    my (%sample, %help, %done, $family, %type);
    die "it does not end with # EOF\n" if $text !~ s/^# EOF\n\z//m;
    for my $line (split /\n/, $text, -1) {
        next if $line eq '' && $text =~ /\n\z/;
        if ($line =~ /^# (HELP|TYPE|UNIT) ([a-z][a-z0-9_]*) (.+)$/) {
            my ($what, $name, $value) = ($1, $2, $3);
            die "$name comes twice\n" if $done{$name} || ($help{$name} && $what eq 'HELP');
            die "$name: $what before HELP\n" if $what ne 'HELP' && !$help{$name};
            $done{$family} = 1 if defined $family && $family ne $name;
            $family = $name;
            $help{$name} = $value if $what eq 'HELP';
            die "$name: unit $value\n" if $what eq 'UNIT' && $name !~ /_$value\z/;
            die "$name: type $value\n" if $what eq 'TYPE' && $value !~ /^(?:gauge|histogram)$/;
            $type{$name} = $value if $what eq 'TYPE';
            die "$name: no type, and no _total\n" if $what eq 'TYPE' && $name =~ /_total\z/;
            next;
        }
        my ($name, $labels, $value) = $line =~ /^([a-z][a-z0-9_]*)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (-?[0-9.]+(?:e[+-]?\d+)?)$/
            or die "no sample: $line\n";
        my $base = $name =~ s/_(?:bucket|count|sum)\z//r;
        $base = $name if ($type{$base} // '') ne 'histogram';
        die "$line: in the family $family\n" if $base ne $family;
        die "$name: no type\n" if !$type{$base} && $name !~ /_total\z/;
        die "$line: twice\n" if exists $sample{ $name . ($labels // '') };
        $sample{ $name . ($labels // '') } = $value;
    }
    return \%sample;
}

sub check_metrics {
    my ($exit, $text) = retrysafe('metrics', with_config());
    is $exit, 0, 'exit code';
    my $sample = eval { parse_metrics($text) } // {};
    is $@, '', 'it is OpenMetrics';
    is $sample->{retrysafe_duplicates_prevented_total}, 5, 'duplicates prevented';
    is $sample->{'retrysafe_requests_total{outcome="key_reused"}'}, 1, 'requests';
    is $sample->{'retrysafe_route_requests_total{route="/one/*",outcome="replayed"}'}, 3, 'requests of a route';
    is $sample->{retrysafe_operations_running}, 1, 'what runs';
    is_deeply [@$sample{qw(retrysafe_operations_uncertain retrysafe_operations_need_person)}], [2, 1], 'what is uncertain';
    ok $sample->{retrysafe_oldest_need_seconds} > 0, 'for how long';
    is $sample->{'retrysafe_run_duration_seconds_count{route="/one/*"}'}, 4, 'runs of a route';
    my $bucket = sub { $sample->{qq(retrysafe_run_duration_seconds_bucket{route="/one/*",le="$_[0]"})} };
    is_deeply [map { $bucket->($_) } '0.25', '5.0', '+Inf'], [3, 4, 4], 'how long they took';
    cmp_ok $sample->{'retrysafe_run_duration_seconds_sum{route="/one/*"}'}, '>', 0.3, 'in all';
    my $rising = 0;
    for ($text =~ m{^retrysafe_run_duration_seconds_bucket\{route="/one/\*",.* (\d+)$}mg) {
        fail 'buckets rise' if $_ < $rising;
        $rising = $_;
    }
    my ($code, @objects) = verb($sandbox, 'metrics');
    is_deeply [map { $_->{value} } grep { $_->{name} eq 'retrysafe_duplicates_prevented_total' } @objects], [5], 'as JSON';
    is scalar @objects, keys %$sample, 'one sample a line';
    SKIP: {
        my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};
        skip 'promtool (Debian: prometheus) is not installed', 1 if !$promtool;
        open my $pipe, '|-', $promtool, 'check', 'metrics' or die "promtool: $!\n";
        print $pipe $text;
        ok close $pipe, 'promtool finds nothing';
    }
}

sub check_tail {
    # Rows that are not new any more: one is settled, one runs.
    select undef, undef, undef, 1.5;
    my $late = start_tail('late');
    is lines_of('late'), 0, 'what there was before is not told';
    my ($timed_out) = map { (split)[1] } grep { /script-timeout/ } lines_of('all');
    is +(retrysafe('settle', with_config(), $timed_out, '--not-done', '--why', 'a test says so'))[0], 0, 'one is settled';
    ok wait_until(sub { lines_of('late') == 1 }, 5), 'that is told';
    $sandbox->open_gate('status');
    ok wait_until(sub { lines_of('late') == 2 }, 5), 'and that what ran has ended';
    is_deeply [map { join ' ', (split)[2, 4] } lines_of('late')], ['released /two/*', 'first /three/*'], 'with their routes';
    # check_text() settled one, too: its key is free again.
    ok wait_until(sub { lines_of('all') >= 10 }, 10), 'a line for each end' or diag lines_of('all');
    select undef, undef, undef, 0.6;
    my @found = map { [(split)[1, 2, 3, 4]] } lines_of('all');
    my @want = (['first', 200, '/one/*'], ['first', 200, '/one/*'], ['script-failed', '-', '/one/die.pl'], ['released', '-'],
        ['first', 200, '/two/*'], ['script-timeout', '-', '/two/*'], ['script-failed', '-', '/two/die.pl'],
        ['released', '-', '/one/die.pl'], ['released', '-', '/two/*'], ['first', 200, '/three/*']);
    is_deeply [map { join ' ', @$_[1 .. ($_->[1] eq 'released' && $_->[3] =~ /^(?:-|.one.\*)$/ ? 2 : 3)] } @found],
        [map { "@$_" } @want], 'in their order, once';
    my %log = map { /\b([0-9a-f]{32})\b.*\boutcome=(\S+)/ ? ($1 => $2) : () } grep { !/replayed|outcome-uncertain|key-reused|in-progress|client-left/ }
        split /^/, $sandbox->read('log/gateway');
    my @compared = grep { $log{ $_->[0] } } @found;
    cmp_ok scalar @compared, '>=', 6, 'they are in the log';
    my %is_settled = map { $_->[1] eq 'released' && $_->[3] ne '-' ? ($_->[0] => 1) : () } @found;
    is_deeply [map { $_->[1] } grep { !$is_settled{ $_->[0] } } @compared],
        [map { $log{ $_->[0] } } grep { !$is_settled{ $_->[0] } } @compared], 'with the same words';
    my @two = map { JSON::PP::decode_json($_) } lines_of('two');
    is_deeply [map { "$_->{route} $_->{outcome}" } @two], ['/two/* first', '/two/* script-timeout', '/two/* released'], '--route, as JSON';
    is $two[0]{status}, 200, 'with their status';
    is_deeply [map { "$_->{outcome} $_->{route}" } map { JSON::PP::decode_json($_) } lines_of('failed')],
        ['script-failed /one/die.pl', 'script-failed /two/die.pl'], '--outcome';

    # A row that runs again, and ends.
    is ask('two', 'die.pl', 'f')->problem, 'script-failed', 'one runs again';
    ok wait_until(sub { lines_of('failed') == 3 }, 5), 'and is told again' or diag lines_of('failed');
    is +(JSON::PP::decode_json((lines_of('failed'))[2] // '{}'))->{attempts}, 2, 'as another attempt';
    subtest 'while nothing happens' => \&check_tail_is_idle;
    for my $pid ($tail, $tail_of_two, $tail_of_doubt, $late) {
        kill $pid == $tail ? 'INT' : 'TERM', $pid;
        ok wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 5), 'interrupted';
        is $?, 0, 'that is done: 0';
    }
    open my $pipe, '-|', $sandbox->binary, 'tail', with_config() or die "tail: $!\n";
    my $pid = fork // die "fork: $!\n";
    exec 'sleep', '0' if !$pid;
    waitpid $pid, 0;
    ok close_quickly($pipe), 'a reader that is gone ends it';
}

# close() waits for the program.
sub close_quickly {
    my ($pipe) = @_;
    local $SIG{ALRM} = sub { die "slow\n" };
    return eval { alarm 5; close $pipe; alarm 0; 1 };
}

# A look takes many calls, and asking for the version a few.
sub check_tail_is_idle {
    plan skip_all => 'strace may not trace here' if system 'strace -qq -o /dev/null true 2>/dev/null';
    my $log = $sandbox->path('log/strace');
    my $strace = fork // die "fork: $!\n";
    exec 'timeout', '-s', 'INT', '1.5', 'strace', '-qq', '-o', $log, '-p', $tail if !$strace;
    waitpid $strace, 0;
    my @calls = split /^/, $sandbox->read('log/strace');
    my $pauses = grep { /^ppoll/ } @calls;
    ok $pauses >= 2 && $pauses <= 8, "it pauses: $pauses times";
    cmp_ok scalar(grep { /^fcntl/ } @calls), '<', 6 * $pauses, 'while nothing happens it only asks for the version';
    is scalar(grep { /^p?read/ } @calls), 0, 'and reads nothing';
}

sub check_watch {
    my $pid = $sandbox->start(name => 'watch', user => $sandbox->user, command => [$sandbox->binary, 'status', with_config(), '--watch', '--json']);
    my $objects = sub { map { eval { JSON::PP::decode_json($_) } // () } split /^/, $sandbox->read('log/watch') };
    ok wait_until(sub { $objects->() >= 2 }, 5), 'once more each second';
    ok ask('one', 'effect.pl', 'a')->is_replay, 'a replay';
    ok wait_until(sub { ($objects->())[-1]{duplicates_prevented} == 6 }, 5), 'is seen';
    kill 'INT', $pid;
    ok wait_until(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 5), 'interrupted';
    is $?, 0, 'that is done: 0';
    my $command = join ' ', 'timeout', '-s', 'INT', '1.5', $sandbox->binary, 'status', '--watch', with_config();
    my $shown = `script -qec '$command' /dev/null`;
    my @screens = split /\e\[H\e\[2J/, $shown;
    is $screens[0], '', 'on a terminal it begins above';
    cmp_ok scalar @screens, '>=', 3, 'each time';
}

# Anything of the gateway's account can write rows and the counters.
sub check_terminal {
    my $database = $sandbox->path('store/retrysafe.db');
    my $bad = q(char(27)||']0;owned'||char(7)||char(155)||char(10)||'x"\\');
    my $change = sub { open my $pipe, '|-', "sqlite3 '$database'" or die "sqlite3: $!\n"; print $pipe $_[0]; close $pipe };
    ok $change->("CREATE TABLE was AS SELECT id,name FROM route; UPDATE route SET name=name||$bad; UPDATE operation SET reason=$bad WHERE state=4;"),
        'rows are changed';
    my $counters = $sandbox->read('spool/counters');
    my $page = $sandbox->path('spool/counters');
    open my $fh, '+<:raw', $page or die "$page: $!\n";
    seek $fh, index($counters, "/one/*\0"), 0;
    print $fh "/one\e\"\\\n\xc2\x9b\xff";
    close $fh or die "$page: $!\n";
    for my $words (['status'], ['status', '--json'], ['metrics'], ['metrics', '--json']) {
        my ($exit, $text) = retrysafe(@$words, with_config());
        is $exit, 0, "@$words";
        unlike $text, qr/[^\n -~]/, 'no control character' if "@$words" !~ /json/;
        unlike $text, qr/[\0-\x09\x0b-\x1f]/, 'none at all';
        eval { parse_metrics($text) };
        is $@, '', 'it is OpenMetrics' if "@$words" eq 'metrics';
        like $text, qr{route="/one\\\\x1b\\"\\\\\\n\\\\xc2\\\\x9b\\\\xff"}, 'labels are escaped' if "@$words" eq 'metrics';
        like $text, qr/\\x1b\]0;owned\\x07/, 'they are shown' if "@$words" eq 'status';
    }
    open $fh, '>:raw', $page or die "$page: $!\n";
    print $fh $counters;
    close $fh or die "$page: $!\n";
    ok $change->("UPDATE route SET name=(SELECT name FROM was WHERE was.id=route.id); DROP TABLE was;"), 'and changed back';
}

sub check_without_gateway {
    my ($exit, $status) = verb($sandbox, 'status');
    is $exit, 0, 'status';
    is $status->{duplicates_prevented}, 6, 'with the numbers that there were';
    is $status->{running}{count}, 0, 'nothing runs';
    is +(verb($sandbox, 'metrics'))[0], 0, 'metrics';
}

sub check_unknown {
    my $counters = $sandbox->path('spool/counters');
    my $inode = (stat $counters)[1];
    truncate $counters, 4096 or die "$counters: $!\n";
    my ($exit, $status) = verb($sandbox, 'status');
    is_deeply [@$status{qw(duplicates_prevented since routes)}], [undef, undef, undef], 'of an older program: not by route';
    is $status->{counters}{replayed}, 5, 'what it counted is there';
    like $status->{notes}[0], qr/another version wrote/, 'and why not all';
    is +(stat $counters)[7], 4096, 'and stays as it is';
    unlink $counters;
    ($exit, $status) = verb($sandbox, 'status');
    is_deeply [$exit, @$status{qw(duplicates_prevented counters routes)}], [0, undef, undef, undef], 'no counters: not 0';
    like $status->{notes}[0], qr/is not known/, 'and it says so';
    like +(retrysafe('status', with_config()))[1], qr/DUPLICATES PREVENTED: not known/, 'for people';
    my ($code, $text) = retrysafe('metrics', with_config());
    my $sample = eval { parse_metrics($text) } // {};
    is $@, '', 'still OpenMetrics';
    is_deeply [grep { /_total|duration/ } keys %$sample], [], 'no sample of what is not known';
    ok !-e $counters, 'none of them makes the file';
}

sub check_account {
    plan skip_all => 'only root may become another account' if $> != 0;
    chmod 0755, $sandbox->dir;
    for my $verb (qw(status metrics tail)) {
        my ($exit, $text) = retrysafe_as('nobody', $verb, with_config());
        isnt $exit, 0, "$verb as another account";
        my $user = $sandbox->user;
        my $config = $sandbox->path('conf/retrysafe.json');
        like $text, qr/\Aretrysafe: store: .*Permission denied\nretrysafe: the store belongs to $user; run: runuser -u $user -- retrysafe $verb --config \Q$config\E\n\z/,
            'it says whose the store is';
    }
    for my $verb (qw(status metrics)) {
        my ($exit, $text) = retrysafe_as(undef, $verb, with_config());
        is $exit, 0, "$verb as root becomes the store's account" or diag $text;
    }
}

sub check_usage {
    for (
        [['tail', '--outcome', 'frist'], qr/--outcome frist: write first, released, script-failed, script-timeout or outcome-uncertain; did you mean first\?\n\z/],
        [['tail', '--outcome', 'replayed'], qr/--outcome replayed: write first, .*the log has them\n\z/],
        [['tail', with_config(), '--route', '/one/dei.pl'], qr{tail: no route is called /one/dei\.pl; did you mean /one/die\.pl\?\n\z}],
        [['tail', '--watch'], qr/tail: it takes no option --watch/],
        [['status', '--wacth'], qr/status: it takes no option --wacth; did you mean --watch\?\n\z/],
        [['status', '--route', '/a'], qr/status: it takes no option --route/],
        [['metrics', 'x'], qr/"x" is one word too many/],
    ) {
        my ($words, $pattern) = @$_;
        my ($exit, $text) = retrysafe(@$words);
        is $exit, 100, "retrysafe @$words: 100";
        like $text, $pattern, 'and why';
    }
    my ($exit, $text) = retrysafe('help', 'tail');
    like $text, qr/--outcome O.*O is first, released, /s, 'help says which outcomes there are';
}
