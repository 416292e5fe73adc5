# Claim: `purge --archive` writes everything that it removes, before it removes it: wherever it is killed,
# and however full the disk of the archive is, all that is gone is in the archive, in whole lines and
# without a key or credential; no request waits for it; and gateways leave expired operations to it.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use FastCgi qw(fastcgi_request params);
use Fcntl qw(:flock :mode);
use Gateway qw(write_config start_gateway socket_path verb);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Process qw(wait_until is_alive stop_process);
use Sandbox;
use Test::More;
use Time::HiRes qw(time sleep);

my $sandbox = Sandbox->new;
my $faulty = $sandbox->root . '/build/faults/retrysafe';
my $json = JSON::PP->new->utf8;
my ($n, $mounted, $gateway) = (0);
END { local $?; system '/bin/umount', '-l', $mounted if $mounted }

$sandbox->place_scripts('long', 'once', 'short', 'small');
$sandbox->give_dir('archive', 0700);
chmod 0755, $sandbox->write('www/long/text.pl', <<'END_SCRIPT');
#!/usr/bin/perl
# Text in rounds of 23 bytes, so that the first piece of a large body, of 256 KiB, ends within a
# character; with a NUL at its end, or half a character, if it is told so.
my ($bytes, $end) = split /,/, $ENV{QUERY_STRING};
my $text = "\"\\\t\r\n\x01\x7fzzz\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xacyyyy";
print "Content-Type: text/plain\r\nX-Name: J\xfcrgen\r\n\r\n", substr($text x ($bytes / 23 + 1), 0, $bytes);
print $end eq 'nul' ? "\0" : $end eq 'half' ? "\xe2\x82" : "";
END_SCRIPT
write_config($sandbox, routes => [
    { match => '/long/*', ttl => '1h', tombstone => '1h' },
    { match => '/once/*', ttl => '1s', tombstone => 0 },
    { match => '/short/*', ttl => '1s', tombstone => '1h' },
    { match => '/small/*', ttl => '1h', tombstone => '1h', max_response => '1K' },
]);
$gateway = start_gateway($sandbox);

subtest 'what is written' => \&check_lines;
subtest 'where it may be written to' => \&check_places;
subtest 'standard output' => \&check_output;
subtest 'a full disk' => \&check_full;
subtest 'killed' => \&check_killed;
subtest 'killed between archive and removal' => \&check_between;
subtest 'several at once' => \&check_several;
subtest 'no request waits for it' => \&check_slow;
subtest 'gateways leave it what has expired' => \&check_left;
$sandbox->finish;

# ---- requests and the store ----

sub ask {
    my ($route, $key, %more) = @_;
    my $script = $more{script} // 'effect.pl';
    return fastcgi_request(socket_path($sandbox), body => 'a=1', params => [params(
        script => $sandbox->path('www', $route, $script), uri => "/$route/$script", key => $key, body => 'a=1',
        query => $more{query}, more => [HTTP_AUTHORIZATION => 'Bearer hush-hush'])])->{response};
}

# Runs for $count keys that expire in a second, and whose responses are of $bytes bytes.
sub fill {
    my ($count, $bytes, $route) = @_;
    my $name = 'secret-key-' . ++$n;
    $route //= 'once';
    my $workers = $count < 8 ? 1 : 8;
    my @failed = crowd($workers, sub {
        my @mine = grep { $_ % $workers == $_[0] } 1 .. $count;
        return scalar grep { ask($route, "$name-$_", query => "bytes=$bytes")->status != 200 } @mine;
    });
    is_deeply [grep { $_ } @failed], [], "$count operations";
    return $name;
}

sub list { my ($exit, @list) = verb($sandbox, 'list'); return @list }

# Everything is due, and no gateway is there to purge it.
sub rest {
    stop_process($gateway);
    sleep 1.1;
}

# ---- archives ----

# The lines of an archive from byte $from on.
sub lines {
    my ($file, $from) = @_;
    return map { eval { $json->decode($_) } // { not_json => substr $_, 0, 80 } }
        split /^/, substr Process::contents($file), $from // 0;
}

# What each line is about, or "?" if it is not whole.
sub kinds { map { /\A\{"removed":"(\w+)",.*\}\n\z/ ? $1 : '?' } split /^/, Process::contents($_[0]) }

# Every ref that is gone has its lines in the archive, the response whole; returns how many are gone.
# Only whole lines count.
sub check_gone {
    my ($file, @refs) = @_;
    my %is_there = map { $_->{ref} => 1 } list();
    my %has;
    for (split /^/, Process::contents($file)) {
        my ($removed, $ref) = /\A\{"removed":"(\w+)","ref":"(\w+)",.*\}\n\z/ or next;
        my ($bytes, $body) = (/"bytes":(\d+),/, /,"body_base64":"([^"]*)"\}/);
        $has{$ref}{$removed} = 1 if $removed eq 'operation' || int((($bytes // 0) + 2) / 3) * 4 == length($body // '');
    }
    my @gone = grep { !$is_there{$_} } @refs;
    my @lost = grep { !$has{$_}{response} || !$has{$_}{operation} } @gone;
    is_deeply \@lost, [], scalar(@gone) . ' of ' . @refs . ' are gone, and in the archive';
    return scalar @gone;
}

sub purge { my ($file, @more) = @_; return verb($sandbox, 'purge', '--archive', $file, @more) }

# Moves all that is to expire into the past, while no gateway runs: a busy machine must not be late
# for what a test looks at, so nothing here expires by itself.
sub age {
    my ($ms) = @_;
    my $pid = $sandbox->start(name => 'age-' . ++$n, user => $sandbox->user,
        command => ['/usr/bin/sqlite3', $sandbox->path('store/retrysafe.db'), "UPDATE operation SET due=due-$ms"]);
    waitpid $pid, 0;
    die "sqlite3: $?\n" if $?;
}

# The last thing that a verb has said.
sub said { Process::contents($sandbox->path('log', "verb-purge-$sandbox->{verbs}")) }

# Starts one and does not wait for it; how: env, program.
sub start_purge {
    my ($file, %how) = @_;
    return $sandbox->start(name => 'purge-' . ++$n, user => $sandbox->user, env => $how{env} // {},
        command => [$how{program} // $sandbox->binary, 'purge', '--config', $sandbox->path('conf/retrysafe.json'),
            '--archive', $file]);
}

# ---- the tests ----

sub check_lines {
    my $file = $sandbox->path('archive/lines');
    my %first;
    for my $query ('20', '20,nul', '300001', '300001,nul', '300001,half', '262147', '0', '0,nul') {
        $first{$query} = ask('long', 'secret-key-text-' . ($query =~ tr{,}{-}r), script => 'text.pl', query => $query);
    }
    $first{binary} = ask('long', 'secret-key-binary', script => 'binary.pl');
    $first{large} = ask('long', 'secret-key-large', query => 'bytes=600000');
    $first{over} = ask('small', 'secret-key-over', query => 'bytes=3000');
    ask('long', 'secret-key-doubt', script => 'die.pl');
    my ($doubt) = grep { $_->{state} eq 'uncertain' } list();
    is +(verb($sandbox, 'settle', $doubt->{ref}, '--done', $sandbox->write('conf/good', "Status: 200\n\nby hand\n"),
        '--why', 'the bank says so'))[0], 0, 'one was settled by hand';
    my %op = map { $_->{ref} => $_ } list();
    is keys %op, 12, 'as many operations';
    is_deeply [(purge($file))[0], -s $file], [0, 0], 'nothing has expired: an empty archive';
    is S_IMODE((stat $file)[2]), 0600, '... that no other account may read';
    rest();

    age(5_400_000);
    %op = map { $_->{ref} => $_ } list();
    my ($exit, $said) = purge($file);
    is_deeply [$exit, $said], [0, { responses_dropped => 12, operations_forgotten => 0 }], 'after ttl: the responses';
    my @lines = lines($file);
    is_deeply [grep { $_->{removed} ne 'response' } @lines], [], '... a line each';
    my %line = map { $_->{ref} => $_ } @lines;
    for my $line (@lines) {
        my %facts = %$line;
        delete @facts{qw(removed head head_base64 body body_base64)};
        is_deeply \%facts, $op{ $line->{ref} }, 'as `list` has shown it' or last;
    }
    for my $name (sort keys %first) {
        my $body = $first{$name}->body;
        my $is_text = $name =~ /\A\d+\z/;
        my ($line) = grep { exists $_->{body} ? 0 : decode_base64($_->{body_base64}) eq $body } @lines;
        ($line) = grep { defined $_->{body} && utf8_bytes($_->{body}) eq $body } @lines if $is_text;
        next if $name eq 'over';
        ok $line, "$name: the body, as " . ($is_text ? 'text' : 'base64') or next;
        next if $name eq 'binary' || $name eq 'large';
        like decode_base64($line->{head_base64} // ''), qr/^X-Name: J\xfcrgen\r$/m, '... and the head, which is not UTF-8';
    }
    my ($large) = grep { ($_->{bytes} // 0) > 600_000 && ($_->{head} // '') =~ /X-Nonce/ } @lines;
    my $nonce = $first{large}->header('X-Nonce');
    like $large->{head}, qr/\AStatus: 200 OK\r\n(?:.*\r\n)*X-Nonce: \Q$nonce\E\r\n/, 'a head as it was';
    my ($over) = grep { exists $_->{body} && !defined $_->{body} } @lines;
    cmp_ok $over->{bytes}, '>', 3000, 'a body that was never kept is null';

    my $size = -s $file;
    age(5_400_000);
    ($exit, $said) = purge($file);
    is_deeply [$exit, $said], [0, { responses_dropped => 0, operations_forgotten => 12 }], 'after the tombstone: the operations';
    my @more = lines($file, $size);
    is_deeply [map { "$_->{removed} $_->{state}" } @more], [('operation expired') x 12], '... a line each';
    my ($settled) = grep { $_->{history} } @more;
    is_deeply [map { "$_->{event}: $_->{detail}" } @{ $settled->{history} }[1]], ['done: the bank says so'], '... with their history'
        or diag explain $settled;
    is_deeply [list()], [], 'and nothing is left';
    unlike Process::contents($file), qr/secret-key|hush|Bearer/, 'no key or credential is in the archive';
    is_deeply [grep { /secret-key|hush/ } $sandbox->logs], [], 'nor in a log';
    is_deeply [(purge($file))[0]], [0], 'nothing to do is no error';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub utf8_bytes { my ($text) = @_; utf8::encode($text); return $text }

sub check_places {
    fill(3, 10);
    rest();
    my $before = [list()];
    my $dir = $sandbox->path('archive');
    symlink "$dir/lines", "$dir/link" or die "symlink: $!\n";
    POSIX::mkfifo("$dir/fifo", 0600) or die "mkfifo: $!\n";
    my $other = $sandbox->write('archive/other', "{\"not\":\"ours\"}\n");
    my $used = $sandbox->write('archive/used', '');
    chown +(getpwnam $sandbox->user)[2, 3], $other, $used, "$dir/fifo" if $> == 0;
    open my $lock, '>>', $used or die "$used: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";
    for (
        ["$dir/link", 100, qr/is a symbolic link; name the file itself/], ["$dir/gone/file", 100, qr/its directory: No such/],
        ["$dir/other/file", 100, qr/its directory: Not a directory/], [$dir, 100, qr/Is a directory/],
        ["$dir/fifo", 100, qr/is not a regular file; - is standard output/],
        [$other, 100, qr/is another file: it does not begin with \{"removed":/],
        [$sandbox->path('store/retrysafe.db'), 100, qr/is another file/], [$used, 111, qr/another purge is writing to it/],
        ["$dir/" . 'x' x 300, 111, qr/too long/],
    ) {
        my ($file, $wanted, $message) = @$_;
        my ($exit) = purge($file);
        is $exit, $wanted, ($file =~ s{.*/}{}r =~ s/x{300}/a long name/r) . ': refused';
        like said(), $message, '... and why';
    }
    is Process::contents($other), "{\"not\":\"ours\"}\n", 'what it refuses it leaves alone';
    ok !-e "$dir/gone", '... and makes no directory';
    is_deeply [list()], $before, '... and nothing was removed';
    is +(verb($sandbox, 'check'))[0], 0, '... and the store is well';
    is +(purge("$dir/lines"))[0], 0, 'a good one after that';
    is_deeply [list()], [], '... takes it all';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub check_output {
    fill(5, 1000);
    rest();
    my $before = [list()];
    my $full = $sandbox->start(name => 'full', user => $sandbox->user, command => ['/bin/sh', '-c',
        'exec "$@" >/dev/full', 'sh', $sandbox->binary, 'purge', '--config', $sandbox->path('conf/retrysafe.json'),
        '--archive', '-']);
    waitpid $full, 0;
    is $? >> 8, 111, 'full: exit 111';
    is_deeply [list()], $before, '... and nothing is removed';
    my ($exit, @lines) = purge('-');
    my $summary = pop @lines;
    is $exit, 0, 'not full';
    is_deeply [map { $_->{removed} } @lines], [('response', 'operation') x 5], '... everything is there, each with its operation';
    is $summary->{not_json}, "5 responses dropped, 5 operations forgotten\n", '... the summary goes to standard error';
    is_deeply [list()], [], 'and nothing is left';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub check_full {
    my $dir = $sandbox->give_dir('tiny', 0700);
    plan skip_all => 'no file system can be mounted here'
        if $> != 0 || system "mount -t tmpfs -o size=64k,uid=@{[(getpwnam $sandbox->user)[2]]},mode=0700 tmpfs $dir 2>/dev/null";
    $mounted = $dir;
    my $file = "$dir/archive";
    fill(4, 20_000);
    rest();
    my $before = [list()];
    is +(purge($file))[0], 111, 'exit 111';
    like said(), qr/archive \Q$file\E: No space left on device/, '... and why';
    is_deeply [list()], $before, '... nothing is removed';
    is -s $file, 0, '... and nothing is left in the archive';
    # What a kill would leave there.
    open my $half, '>>', $file or die "$file: $!\n";
    print {$half} '{"removed":"response","ref":"0123';
    close $half;
    system 'mount', '-o', 'remount,size=1m', $dir;
    is +(purge($file))[0], 0, 'with room';
    like said(), qr/its last line was cut off and is removed/, '... half a line is taken out';
    is_deeply [kinds($file)], [('response', 'operation') x 4], '... and all lines are whole';
    is check_gone($file, map { $_->{ref} } @$before), 4, 'everything is gone';
    system '/bin/umount', '-l', $dir;
    undef $mounted;
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub check_killed {
    my $file = $sandbox->path('archive/killed');
    fill(450, 1000);
    rest();
    my @refs = map { $_->{ref} } list();
    my ($gone, $kills) = (0, 0);
    # More of it is done before each death.
    for my $ms (map { $_ * 4 } 1 .. 50) {
        my $pid = start_purge($file);
        sleep $ms / 1000;
        kill 'KILL', $pid;
        waitpid $pid, 0;
        $kills++ if $? & 127;
        $gone = check_gone($file, @refs);
        last if $gone == @refs;
    }
    cmp_ok $kills, '>', 3, "killed $kills times";
    is +(purge($file))[0], 0, 'not killed';
    is check_gone($file, @refs), 450, 'everything is gone';
    is_deeply [grep { $_ eq '?' } kinds($file)], [], 'all lines are whole';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub check_between {
    plan skip_all => "$faulty is not built" if !-x $faulty;
    my $program = $sandbox->copy($faulty, 'bin/faulty');
    my $file = $sandbox->path('archive/between');
    fill(5, 300_000);
    rest();
    my @refs = map { $_->{ref} } list();
    my $pid = start_purge($file, program => $program, env => { RETRYSAFE_FAULT => 'purge.archived:kill' });
    waitpid $pid, 0;
    is $? & 127, 9, 'it dies';
    is check_gone($file, @refs), 0, 'nothing is removed';
    is_deeply [kinds($file)], [('response', 'operation') x 5], 'everything is archived';
    is +(purge($file))[0], 0, 'not killed';
    is check_gone($file, @refs), 5, 'everything is gone';
    is_deeply [kinds($file)], [('response', 'operation') x 10], '... and there twice';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

sub check_several {
    fill(100, 2000);
    rest();
    my @refs = map { $_->{ref} } list();
    my @files = map { $sandbox->path("archive/several-$_") } 0, 1;
    my @exits = crowd(8, sub {
        my ($i, $barrier) = @_;
        $barrier->();
        my $pid = start_purge($files[$i % 2]);
        waitpid $pid, 0;
        return $? >> 8;
    });
    is_deeply [grep { $_ != 0 && $_ != 111 } @exits], [], 'each does it, or hears that another one does';
    $sandbox->write('archive/both', join '', map { Process::contents($_) } @files);
    is check_gone($sandbox->path('archive/both'), @refs), 100, 'everything is gone';
    is_deeply [grep { $_ eq '?' } map { kinds($_) } @files], [], 'all lines are whole';
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
}

# Into a pipe that has no reader.
sub check_slow {
    fill(3, 200_000);
    rest();
    my @refs = map { $_->{ref} } list();
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n);
    my $fifo = $sandbox->path('archive/slow');
    # Its mode is set before anything opens it: with a umask mkfifo(3) alone gives less.
    POSIX::mkfifo($fifo, 0666) or die "mkfifo: $!\n";
    chmod 0666, $fifo;
    my $pid = $sandbox->start(name => 'slow', command => ['/bin/sh', '-c', "exec \"\$@\" >$fifo", 'sh', $sandbox->binary,
        'purge', '--config', $sandbox->path('conf/retrysafe.json'), '--archive', '-'], user => $sandbox->user);
    open my $out, '<', $fifo or die "$fifo: $!\n";
    sysread $out, my $begin, 1;
    my @answers = crowd(20, sub { $_[1]->(); ask('short', "slow-$_[0]") });
    is_deeply [grep { $_->status != 200 } @answers], [], 'twenty clients are served while it stands still';
    ok is_alive($pid), '... and it does';
    my %is_there = map { $_->{ref} => 1 } list();
    is_deeply [grep { !$is_there{$_} } @refs], [], '... and has removed nothing';
    my $rest = do { local $/; <$out> };
    waitpid $pid, 0;
    is $?, 0, 'it goes on when it is read';
    is scalar(split /^/, $begin . $rest), 6, '... and all is there';
}

# What has expired is seen by the archive although traffic goes on, and although its keys are used again.
sub check_left {
    my $file = $sandbox->path('archive/left');
    is +(purge($file))[0], 0, 'an operator archives';
    ask('once', "secret-key-left-$_") for 1 .. 5;
    my @refs = map { $_->{ref} } grep { $_->{route} eq '/once/*' && $_->{state} eq 'done' } list();
    my %before = map { $_->{ref} => $_ } list();
    sleep 1.1;
    my @again = crowd(10, sub { $_[1]->(); ask('once', 'secret-key-left-' . (1 + $_[0] % 2)) });
    is scalar(grep { $_->status == 200 && !$_->is_replay } @again), 2, 'the keys of two are used again';
    for (1 .. 12) {
        ask('short', "more-$n-$_");
        sleep 0.1;
    }
    my %after = map { $_->{ref} => $_ } list();
    is_deeply [grep { !$after{$_} } @refs], [], 'what has expired is still there after other requests';
    is_deeply [map { $after{$_}{key} } @refs], [map { $before{$_}{key} } @refs], '... with the digest of its key';
    is +(purge($file))[0], 0, 'archived again';
    my %line;
    $line{ $_->{ref} }{ $_->{removed} } = $_ for lines($file);
    is_deeply [grep { !$line{$_}{response} || !$line{$_}{operation} } @refs], [], '... all of it';
    is_deeply [map { $line{$_}{operation}{key} } @refs], [map { $before{$_}{key} } @refs], '... by the same digests';

    ask('once', 'secret-key-last');
    is +(verb($sandbox, 'purge'))[0], 0, 'no operator archives any more';
    sleep 1.1;
    ok((wait_until { ask('short', 'last-' . ++$n); (verb($sandbox, 'show', '--key', 'secret-key-last', '--script', '/once/effect.pl'))[0] } 5),
        'gateways purge by themselves again');
}
