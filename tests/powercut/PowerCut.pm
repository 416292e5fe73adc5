# SPDX-License-Identifier: ISC
#
# PowerCut.pm - a store on a file system that loses its power while clients are served
#
#   my $disk = PowerCut->new($sandbox, fs => 'ext4');   # if not PowerCut::reason_against(...)
#   my $found = $disk->cut;                             # one round
#
# Store and spool lie on a file system in an image; effects and what the clients saw lie outside.
# It is cut by the shutdown ioctl without a flush of its log: what was not synced is gone, as from a
# page cache.  Then everything is killed, the file system is mounted again, which recovers its
# journal, and every key is asked again through a new gateway.
#
# TRAPS
#   For a moment the processes go on after the cut, and a sync may even return 0 while the journal
#   is being given up.  So only answers that were read before the cut count, and effects that came
#   between the cut and the new gateway are those of a machine without power: they do not count.
#   The boot id stays the same, although the page cache is lost: nothing may be concluded from it.
#
# cut() returns a hash of numbers: answers (read before the cut, 200), keys, done, uncertain,
# double, lost, hang, damaged, and `said`: a sentence for each thing that must not be.
package PowerCut;
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Family qw(adopt_orphans family await_no_process kill_hard forget_started);
use FastCgi qw(:all);
use Gateway qw(write_config);
use POSIX ();
use Process qw(wait_until is_alive describe);
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);

use constant {
    CLIENTS => 4, GATEWAYS => 2, MIN_S => 0.05, MAX_S => 0.5, SETTLE_S => 20,
    GOINGDOWN => 0x8004587D,    # XFS_IOC_GOINGDOWN, the same as EXT4_IOC_SHUTDOWN
    NO_LOG_FLUSH => 2,
};

my %MKFS = (ext4 => ['64M', 'mkfs.ext4', '-q', '-F'], xfs => ['320M', 'mkfs.xfs', '-q', '-f']);
my %mounted;

# This process, and all that it starts, in a mount namespace of its own: no mount outlives it.
sub leave_mounts_behind {
    return if $ENV{TEST_OWN_MOUNTS} || $> != 0;
    local $ENV{TEST_OWN_MOUNTS} = 1;
    no warnings 'exec';
    exec 'unshare', '--mount', '--propagation', 'private', $^X, $0, @ARGV;
}

# Why no power can be cut here; nothing when it can.
sub reason_against {
    my ($sandbox, $fs) = @_;
    return 'only root may mount a file system' if $> != 0;
    return 'no mount namespace of our own is allowed here' if !$ENV{TEST_OWN_MOUNTS};
    return "$MKFS{$fs}[1] is not installed" if system "command -v $MKFS{$fs}[1] >/dev/null";
    my $self = bless { sandbox => $sandbox, fs => $fs }, __PACKAGE__;
    return if eval { $self->make; $self->unmount; 1 };
    return $@ =~ s/\n.*//sr;
}

sub new {
    my ($class, $sandbox, %how) = @_;
    my $self = bless { sandbox => $sandbox, round => 0, %how }, $class;

    adopt_orphans();
    $self->make;
    for my $dir (qw(disk/store disk/spool)) {
        $sandbox->give_dir($dir, 0700);
    }
    $sandbox->copy($sandbox->root . '/tests/crash/effect.sh', 'www/bare/effect.sh');
    write_config($sandbox, store => 'sqlite:' . $sandbox->path('disk/store/retrysafe.db'),
        spool => $sandbox->path('disk/spool'), durability => $how{durability} // 'full',
        busy_timeout => '2s', routes => [{ match => '*', timeout => '5s', kill_after => '1s' }]);
    $sandbox->binary;
    # The store is made before the first cut: one whose making was cut off has nothing to lose.
    $self->use_gateway('first', sub { $self->ask($_[0], 'first') });
    return $self;
}

# ---- the disk ----

sub make {
    my ($self) = @_;
    my ($size, @mkfs) = @{ $MKFS{ $self->{fs} } };
    my $image = $self->{image} = $self->{sandbox}->path("$self->{fs}.image");
    open my $fh, '>', $image or die "$image: $!\n";
    truncate $fh, $size =~ s/M//r << 20 or die "$image: $!\n";
    close $fh;
    run(@mkfs, $image);
    $self->{dir} = $self->{sandbox}->path('disk');
    mkdir $self->{dir};
    $self->mount;
}

sub run {
    my (@command) = @_;
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or die "$command[0]: $!\n";
    my $said = join '', <$out>;
    close $out or die "@command: " . ($said || "exit $?") . "\n";
}

sub mount {
    my ($self) = @_;
    run('mount', '-t', $self->{fs}, '-o', 'loop', $self->{image}, $self->{dir});
    $mounted{ $self->{dir} } = $$;
}

# Somebody who was killed may still be on his way out.
sub unmount {
    my ($self) = @_;
    my $why = '';
    wait_until { eval { run('umount', $self->{dir}); 1 } || ($why = $@, 0)[1] } 10 or die $why;
    delete $mounted{ $self->{dir} };
}

END {
    my $status = $?;
    for my $dir (grep { $mounted{$_} == $$ } keys %mounted) {
        kill 'KILL', family();
        wait_until { system("umount $dir 2>/dev/null") == 0 } 5;
    }
    $? = $status;
}

# Cuts the power.  Returns the time, and how much of the log of effects was there, just before.
sub cut_power {
    my ($self) = @_;
    open my $fh, '<', $self->{dir} or die "$self->{dir}: $!\n";
    my $flags = pack 'L', NO_LOG_FLUSH;
    my $effects = -s $self->{sandbox}->path('www/effects.log');
    my $time = clock_gettime(CLOCK_MONOTONIC);
    ioctl $fh, GOINGDOWN, $flags or die "shutdown of $self->{fs}: $!\n";
    close $fh;
    return ($time, $effects);
}

# ---- gateways and clients ----

sub start_gateway {
    my ($self, $name) = @_;
    my $sandbox = $self->{sandbox};
    my $socket = $sandbox->path('run', "$name.sock");
    unlink $socket;
    my $pid = $sandbox->start(name => $name, user => $sandbox->user, env => $self->{env} // {},
        command => [$sandbox->binary, 'serve', '--config', $sandbox->path('conf/retrysafe.json'),
            '--listen', "unix:$socket"]);
    wait_until { !is_alive($pid) || IO::Socket::UNIX->new(Peer => $socket) } 10;
    is_alive($pid) or die "the gateway does not start\n";
    return [$pid, $socket];
}

sub ask {
    my ($self, $gateway, $key) = @_;
    return eval {
        fastcgi_request($gateway->[1], seconds => 5, body => 'a=1', params => [params(key => $key,
            script => $self->{sandbox}->path('www/bare/effect.sh'), body => 'a=1')])->{response};
    };
}

# Starts a gateway for what $do does with it, and ends it; false when it does not end.
sub use_gateway {
    my ($self, $name, $do) = @_;
    my $gateway = $self->start_gateway($name);
    $do->($gateway);
    kill 'TERM', $gateway->[0];
    return await_no_process(15);
}

# A process that asks until it is killed.  Its history: "? key" before, "time key status sha" after.
sub start_client {
    my ($self, $n, @gateways) = @_;
    my $file = $self->{sandbox}->path('log', "client-$n");
    my $seed = int rand 1 << 30;
    my $pid = fork // die "fork: $!\n";
    return [$pid, $file] if $pid;
    srand $seed;
    open my $history, '>', $file or POSIX::_exit(1);
    my @keys;
    for (my $i = 0;; $i++) {
        my $dice = rand;
        my $key = $dice < 0.15 ? "r$self->{round}-hot-" . int rand 3
            : $dice < 0.4 && @keys ? $keys[rand @keys] : "r$self->{round}-$n-$i";
        push @keys, $key;
        syswrite $history, "? $key\n";
        my $answer = $self->ask($gateways[rand @gateways], $key);
        my $now = clock_gettime(CLOCK_MONOTONIC);
        next if !$answer;
        my $sha = sha256_hex($answer->essence);
        syswrite $history, join(' ', $now, $key, $answer->status, $sha) . "\n";
    }
}

# What the clients saw before the cut: key => sha of an answer, or undef.
sub read_histories {
    my ($self, $cut_at, $found, @files) = @_;
    my %seen;
    for (map { split /^/, Process::contents($_) } @files) {
        my ($time, $key, $status, $sha) = split;
        $seen{$key} //= undef;
        next if $time eq '?' || !defined $sha || $time >= $cut_at || $status != 200;
        $found->{answers}++;
        $seen{$key} //= $sha;
        $self->complain($found, lost => "$key had two answers before") if $seen{$key} ne $sha;
    }
    return \%seen;
}

# ---- one round ----

sub complain {
    my ($self, $found, $kind, $sentence) = @_;
    $found->{$kind}++;
    push @{ $found->{said} }, "$self->{fs}, cut $self->{round}: $kind: $sentence";
}

sub cut {
    my ($self) = @_;
    my $sandbox = $self->{sandbox};
    my $found = { cuts => 1, said => [] };

    $self->{round}++;
    unlink glob $sandbox->path('log/*');
    $sandbox->write('www/effects.log', '');
    chmod 0666, $sandbox->path('www/effects.log');
    my @gateways = map { $self->start_gateway("gateway-$_") } 1 .. GATEWAYS;
    my @clients = map { $self->start_client($_, @gateways) } 1 .. CLIENTS;
    sleep MIN_S + rand(MAX_S - MIN_S);
    my ($cut_at, $effects_then) = $self->cut_power;
    for (1 .. 50) {
        my @family = family() or last;
        kill_hard(@family);
    }
    my $effects_dead = -s $sandbox->path('www/effects.log');
    $self->unmount;
    $self->mount;

    my $seen = $self->read_histories($cut_at, $found, map { $_->[1] } @clients);
    if (!$self->use_gateway('after', sub { $self->settle_all($_[0], $seen, $found) })) {
        $self->complain($found, hang => join ', ', 'does not end', map { describe($_) } family());
        kill_hard(family());
    }
    $self->count_runs($found, $effects_then, $effects_dead);
    $self->check_store($found);
    forget_started($sandbox);
    return $found;
}

sub settle_all {
    my ($self, $gateway, $seen, $found) = @_;
    for my $key (sort keys %$seen) {
        my $answer;
        $found->{keys}++;
        wait_until {
            $answer = $self->ask($gateway, $key);
            $answer && $answer->problem !~ /\A(?:in-progress|store-unavailable)\z/;
        } SETTLE_S;
        my $is_done = $answer && $answer->status == 200;
        my $said = $answer ? $answer->summary : 'no answer';
        if (!$is_done && (!$answer || $answer->problem ne 'outcome-uncertain')) {
            $self->complain($found, hang => "$key is not settled: $said");
            last;
        }
        $found->{ $is_done ? 'done' : 'uncertain' }++;
        next if !defined $seen->{$key};
        $self->complain($found, lost => "$key had its answer before the cut, and now: $said")
            if !$is_done || sha256_hex($answer->essence) ne $seen->{$key};
    }
}

# The runs of each key, without those of the time without power.
sub count_runs {
    my ($self, $found, $then, $dead) = @_;
    my $log = Process::contents($self->{sandbox}->path('www/effects.log'));
    my %runs;
    $runs{ (split)[0] }++ for split /^/, substr($log, 0, $then) . substr($log, $dead);
    for my $key (grep { $runs{$_} > 1 } sort keys %runs) {
        $self->complain($found, double => "$key ran $runs{$key} times");
    }
}

sub check_store {
    my ($self, $found) = @_;
    my $sandbox = $self->{sandbox};
    my $pid = $sandbox->start(name => 'sqlite', user => $sandbox->user, command => ['sqlite3',
        $sandbox->path('disk/store/retrysafe.db'), 'PRAGMA integrity_check']);
    waitpid $pid, 0;
    my $said = Process::contents($sandbox->path('log/sqlite'));
    $self->complain($found, damaged => $said) if $said ne "ok\n";
}

1;
