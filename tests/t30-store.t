# Claim: while the store cannot be used (full, locked, gone, damaged, read-only, in a bad place) the
# answer is 503 store-unavailable, no script runs, no empty store is made, the log says why, and as
# soon as it can be used again everything that was recorded is there.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use FastCgi qw(fastcgi_request begin params params_record PARAMS STDIN_DATA);
use Fcntl qw(:DEFAULT :seek);
use Gateway qw(write_config start_gateway socket_path verb);
use Process qw(stop_process wait_until);
use Sandbox;
use Test::More;
use Time::HiRes qw(time);

my $sandbox = Sandbox->new;
my $effects = Effects->new($sandbox);
my $gateway;
my @mounted;
my @FILES = map { "s.db$_" } '', '-wal', '-shm', '-lock';

# Before Sandbox removes the directory; a store is still open then.
END { local $?; system '/bin/umount', '-l', $_ for @mounted; @mounted = (); }

$sandbox->place_scripts('bare');
subtest 'a full disk' => \&check_full;
subtest 'a lock that another process holds' => \&check_locked;
subtest 'a store that is gone' => \&check_gone;
subtest 'a store that is gone before the gateway starts' => \&check_gone_before;
subtest 'a damaged store' => \&check_damaged;
subtest 'a read-only file system' => \&check_read_only;
subtest 'bad places' => \&check_places;
stop();
system '/bin/umount', '-l', $_ for @mounted;
@mounted = ();
$sandbox->finish;

# ---- a gateway with a store of its own ----

sub start {
    my ($name, %settings) = @_;
    stop();
    $sandbox->give_dir($name, 0700) if !-d $sandbox->path($name);
    write_config($sandbox, store => 'sqlite:' . $sandbox->path("$name/s.db"), busy_timeout => '300ms',
        %settings);
    $gateway = start_gateway($sandbox, name => "gateway-" . $name =~ tr{/}{-}r);
}

sub stop {
    stop_process($gateway) if $gateway;
    undef $gateway;
}

# The store's directory as a small file system in memory; nothing where that is not allowed.
sub mount_at {
    my ($name) = @_;
    my $dir = $sandbox->give_dir($name, 0700);
    my ($uid, $gid) = (getpwnam $sandbox->user)[2, 3];
    return if $> != 0 || !-x '/bin/mount';
    my $options = "size=1m,mode=0700,uid=$uid,gid=$gid";
    return if system("mount -t tmpfs -o $options tmpfs $dir 2>/dev/null") != 0;
    push @mounted, $dir;
    return $dir;
}

sub ask {
    my ($key, %more) = @_;
    my $script = $sandbox->path('www/bare', $more{script} // 'effect.pl');
    return fastcgi_request(socket_path($sandbox), body => 'a=1',
        params => [params(script => $script, key => $key, body => 'a=1', query => $more{query},
            more => $more{more})])->{response};
}

# An effect that is there for good, and its answer.
sub record {
    my ($key) = @_;
    my $answer = ask($key);
    is $answer->status, 200, "$key: recorded";
    return $answer;
}

sub is_unavailable {
    my ($answer, $key, $what) = @_;
    is_deeply [$answer->status, $answer->problem, $effects->runs($key)],
        [503, 'store-unavailable', 0], "$what: 503, and nothing runs" or diag $answer->raw;
    ok(($answer->header('Retry-After') // 0) >= 1, "$what: with Retry-After");
}

sub is_replay_of {
    my ($answer, $first, $what) = @_;
    is $answer->essence, $first->essence, "$what: what was recorded is there";
    ok $answer->is_replay, "$what: as a replay";
}

sub log_says {
    my ($name, $pattern) = @_;
    my $log = $sandbox->path("log/gateway-" . $name =~ tr{/}{-}r);
    ok wait_until(sub { Process::contents($log) =~ $pattern }, 2), "the log says $pattern"
        or diag Process::contents($log);
}

# ---- the ways a store can be out of use ----

sub check_full {
    my $dir = mount_at('full') or plan skip_all => 'no file system can be mounted here';
    start('full');
    my $first = record('full-1');
    # A run that is under way when the disk becomes full.
    my $conn = FastCgi->connect(socket_path($sandbox));
    my $script = $sandbox->path('www/bare/effect.pl');
    my @params = params(script => $script, key => 'full-run', body => 'a=1', query => 'gate=full');
    $conn->send(begin(1), params_record(1, @params), FastCgi::record(PARAMS, 1, ''),
        FastCgi::record(STDIN_DATA, 1, 'a=1'), FastCgi::record(STDIN_DATA, 1, ''));
    ok $effects->await('full-run', 'run'), 'a script runs';
    system "cat /dev/zero >$dir/ballast 2>/dev/null";

    is_unavailable(ask("full-$_"), "full-$_", 'disk full') for 2 .. 4;
    is_replay_of(ask('full-1'), $first, 'disk full');
    log_says('full', qr/no room/);
    $sandbox->open_gate('full');
    my $kept = $conn->read_answer->{response};
    is_deeply [$kept->status, $kept->problem], [409, 'in-progress'],
        'the run ends: its result is kept' or diag $kept->raw;

    unlink "$dir/ballast";
    record('full-2');
    my $retry = wait_until { my $a = ask('full-run', query => 'gate=full'); $a->is_replay && $a } 5;
    ok $retry, 'with room, the result that was kept is recorded';
    is $effects->runs('full-run'), 1, 'of one run';
    is((ask("full-$_"))->status, 200, "full-$_ runs now") for 3 .. 4;
}


sub check_locked {
    start('locked');
    my $first = record('locked-1');
    sysopen my $lock, $sandbox->path('locked/s.db-lock'), O_RDWR or die "lock: $!\n";
    # struct flock of a 64-bit Linux: one byte at 0, which the writers queue for.  The gateway may
    # hold it for a moment longer than its answer takes.
    my $byte = pack 's s x4 q q i x4', Fcntl::F_WRLCK, SEEK_SET, 0, 1, 0;
    fcntl $lock, Fcntl::F_SETLKW, $byte or die "lock: $!\n";
    my $started = time;
    is_unavailable(ask('locked-2'), 'locked-2', 'locked');
    my $took = time - $started;
    ok $took >= 0.25 && $took < 2, "after busy_timeout, not much later ($took s)";
    is_replay_of(ask('locked-1'), $first, 'locked');
    my ($exit) = verb($sandbox, 'purge');
    is $exit, 111, 'a verb that writes says 111';
    close $lock;
    record('locked-2');
    log_says('locked', qr/busy for 300 ms/);
}

sub move_all {
    my ($from, $to) = @_;
    $sandbox->give_dir($to, 0700);
    for (@FILES) {
        rename $sandbox->path($from, $_), $sandbox->path($to, $_) or diag "$_: $!";
    }
}

sub check_gone {
    start('gone');
    my $first = record('gone-1');

    move_all('gone', 'aside');
    is_unavailable(ask('gone-2'), 'gone-2', 'deleted');
    my $answer = ask('gone-1');
    is_deeply [$answer->status, $effects->runs('gone-1')], [503, 1], 'a known key is not run again';
    ok !-e $sandbox->path('gone/s.db'), 'no empty store is made';
    log_says('gone', qr/was deleted, moved or replaced while in use/);
    log_says('gone', qr/was used before.*retries would run scripts again/);
    my ($exit, @said) = verb($sandbox, 'check');
    is $exit, 100, 'check says so too';

    move_all('aside', 'gone');
    is_replay_of(ask('gone-1'), $first, 'put back');
    record('gone-2');

    # As an operator does it: a copy of the database and of its log, and of nothing else.
    move_all('gone', 'aside');
    is_unavailable(ask('gone-3'), 'gone-3', 'deleted again');
    my ($uid, $gid) = (getpwnam $sandbox->user)[2, 3];
    for my $file (@FILES[0, 1]) {
        my $copy = $sandbox->copy($sandbox->path('aside', $file), "gone/$file");
        chmod 0600, $copy;
        chown $uid, $gid, $copy;
    }
    is_replay_of(ask('gone-1'), $first, 'a copy put back');
    is_replay_of(ask('gone-2'), ask('gone-2'), 'also what was only in its log');
    record('gone-3');
    is $effects->runs("gone-$_"), 1, "gone-$_: one run" for 1 .. 3;
}

sub check_gone_before {
    start('before');
    my $first = record('before-1');
    stop();
    move_all('before', 'aside');
    start('before');
    is_unavailable(ask('before-2'), 'before-2', 'gone at the start');
    log_says('before', qr/was used before/);
    rmdir $sandbox->path('before') or diag "rmdir: $!";
    is_unavailable(ask('before-2'), 'before-2', 'with its directory');
    ok !-e $sandbox->path('before'), 'which is not made either';
    rename $sandbox->path('aside'), $sandbox->path('before') or diag "rename: $!";
    is_replay_of(ask('before-1'), $first, 'put back');
    is $effects->runs('before-1'), 1, 'one run';
}

sub check_damaged {
    start('damaged');
    record('damaged-1');
    stop();
    my $file = $sandbox->path('damaged/s.db');
    system "sqlite3 $file 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null";
    my $good = Process::contents($file);
    patch($file, 4096, "\0" x (length($good) - 4096));
    start('damaged');
    is_unavailable(ask('damaged-2'), 'damaged-2', 'pages of zeros');
    is_unavailable(ask('damaged-2'), 'damaged-2', 'and still');
    is((ask('damaged-1'))->status, 503, 'a known key is not answered');
    is $effects->runs('damaged-1'), 1, 'nor run';
    log_says('damaged', qr/the database is damaged/);
    patch($file, 0, 'x' x 4096);
    is_unavailable(ask('damaged-2'), 'damaged-2', 'no database at all');
    is +(verb($sandbox, 'check'))[0], 100, 'check says so too';
    is -s $file, length $good, 'the file is left for its operator';
    patch($file, 0, $good);
    ok +(ask('damaged-1'))->is_replay, 'repaired: what was recorded is there';
    record('damaged-2');
}

sub patch {
    my ($file, $at, $bytes) = @_;
    open my $fh, '+<:raw', $file or die "$file: $!\n";
    seek $fh, $at, SEEK_SET;
    print {$fh} $bytes;
    close $fh or die "$file: $!\n";
}

sub check_read_only {
    my $dir = mount_at('readonly') or plan skip_all => 'no file system can be mounted here';
    start('readonly');
    my $first = record('readonly-1');
    stop();
    # The keeper may end a moment after the gateway, and holds the lock file open until then.
    ok wait_until(sub { system("mount -o remount,ro $dir 2>/dev/null") == 0 }, 5), 'remounted read-only';
    start('readonly');
    is_unavailable(ask('readonly-2'), 'readonly-2', 'read-only');
    log_says('readonly', qr/Read-only file system/);
    is system("mount -o remount,rw $dir"), 0, 'remounted';
    is_replay_of(ask('readonly-1'), $first, 'writable again');
    record('readonly-2');
}

sub check_places {
    start('www/data', spool => $sandbox->path('spool'));
    my @root = (DOCUMENT_ROOT => $sandbox->path('www'));
    is_unavailable(ask('place-1', more => \@root), 'place-1', 'below the document root');
    log_says('www/data', qr/is below the document root/);
    ok !-e $sandbox->path('www/data/s.db'), 'it is not even made';

    start('modes');
    my $first = record('modes-1');
    stop();
    chmod 0644, $sandbox->path('modes/s.db');
    start('modes');
    is_unavailable(ask('modes-2'), 'modes-2', 'readable by others');
    log_says('modes', qr/may be read or written by others.*chmod 0600/);
    chmod 0600, $sandbox->path('modes/s.db');
    is_replay_of(ask('modes-1'), $first, 'ours alone again');
    chmod 0770, $sandbox->path('modes');
    stop();
    start('modes');
    is_unavailable(ask('modes-2'), 'modes-2', 'in a directory that others may write');
    chmod 0700, $sandbox->path('modes');
    record('modes-2');
}
