# SPDX-License-Identifier: ISC
#
# Round.pm - one round of torture: gateways on one store, clients, harm, and then the proof
#
#   my $round = Round::run(seed => 1, seconds => 5, harm => \%Round::GATEWAYS_ONLY, policy => 'mixed');
#   print "$_\n" for @{ $round->{complaints} };
#   $round->{figures}, $round->{harm}    numbers by name
#
# A round has a sandbox, and so a store, of its own.  supervisor.c keeps the gateways running and does
# the harm, Requests.pm is the clients, operator.pl runs verbs, script.c is what is run, with its probe
# and its rollback, Checker.pm the judge.  Besides the history this file looks at what is left: processes,
# locks, files in the spool, sockets, the database, and its backups.
package Round;
use strict;
use warnings;
use Checker;
use File::Copy ();
use File::Path qw(make_path);
use Gateway qw(write_config verb);
use POSIX ();
use Process qw(wait_until);
use Requests;
use Sandbox;
use Time::HiRes qw(time);

# What may be done to whom, with weights; see supervisor.c.
our %GATEWAYS_ONLY = (gateway => 1);
our %EVERYTHING = (gateway => 40, keeper => 10, both => 6, group => 2, recorder => 8, script => 4, verb => 8,
    all => 2, 'stop-gateway' => 4, 'stop-keeper' => 4, 'stop-verb' => 2, 'stall-gateway' => 4, 'stall-keeper' => 4);
# For a round that is shorter than a stall.
our %WITHOUT_STALLS = map { $_ => $EVERYTHING{$_} } grep { !/stall/ } keys %EVERYTHING;

my $SETTLE_SECONDS = 40;
my $ATTEMPTS = 3;    # max_attempts, where the policy is to run again
our @POLICIES = qw(fail rerun probe rollback);
my $OPERATORS = 2;

# run(seed, seconds, harm, policy (one of @POLICIES, or "mixed": a quarter of the keys each), rate (a second), clients, gateways, keys (new ones a second), keep_in
# (directory for the evidence when there are complaints))
sub run {
    my (%how) = (rate => 100, clients => 12, gateways => 4, keys => 80, policy => 'fail', @_);
    my $is_tame = !grep { $_ ne 'gateway' } keys %{ $how{harm} };
    my $policies = $how{policy} eq 'mixed' ? \@POLICIES : [$how{policy}];
    my $self = bless { %how, complaints => [], is_tame => $is_tame, policies => $policies };

    $self->prepare;
    $self->torture;
    $self->look_at_what_is_left;
    $self->check;
    $self->keep_evidence if @{ $self->{complaints} } && $self->{keep_in};
    $self->{sandbox}->remove;
    return $self;
}

# How many were killed.
sub kills {
    my ($self) = @_;
    my $sum = 0;
    $sum += $self->{harm_done}{$_} // 0 for grep { !/-/ } keys %{ $self->{harm_done} };
    return $sum;
}

sub complain { push @{ $_[0]{complaints} }, $_[1] }

sub prepare {
    my ($self) = @_;
    my $sandbox = $self->{sandbox} = Sandbox->new;

    # An operation's time is timeout + kill_after + busy_timeout + 5 s; a stall is longer.
    my %limits = $self->{is_tame} ? (timeout => '20s') : (timeout => '2s', kill_after => '300ms');
    my $script = $sandbox->path('www/bare/script.cgi');
    my %more = (rerun => { max_attempts => $ATTEMPTS }, map { $_ => { $_ => [$script, $_] } } qw(probe rollback));
    write_config($sandbox, busy_timeout => $self->{is_tame} ? '5s' : '1s',
        routes => [map { { match => "/$_/*", %limits, on_uncertain => $_, %{ $more{$_} // {} } } } @POLICIES]);
    make_path($sandbox->path('www/bare'), $sandbox->path('history'));
    $sandbox->give_dir('www/locks', 0755);
    compile($sandbox, 'www/bare/script.cgi', 'script.c');
    $sandbox->copy($sandbox->root . '/tests/torture/operator.pl', 'bin/operator.pl');
    compile($sandbox, 'bin/supervisor', 'supervisor.c', 'crowd.c');
    $sandbox->write('www/bare/broken.cgi', "#!/nonexistent/interpreter\n");
    chmod 0755, $sandbox->path('www/bare/broken.cgi');
    $sandbox->write('run/events.jsonl', '');
    $sandbox->write('www/times.log', '');
    chmod 0666, $sandbox->path('run/events.jsonl'), $sandbox->path('www/times.log');
}

sub compile {
    my ($sandbox, $to, @sources) = @_;
    system($ENV{CC} // 'gcc', qw(-std=gnu11 -D_GNU_SOURCE -O2 -o), $sandbox->path($to),
        map { $sandbox->root . "/tests/torture/$_" } @sources) == 0 or die "@sources: does not compile\n";
}

# ---- the torture itself ----

sub torture {
    my ($self) = @_;
    my $sandbox = $self->{sandbox};
    pipe my $rest, my $life or die "pipe: $!\n";
    my $harm = $self->{harm};
    my $supervisor = $sandbox->start(name => 'gateways', user => $sandbox->user, stdin => $rest,
        command => [$sandbox->path('bin/supervisor'), $sandbox->binary,
            $sandbox->path('conf/retrysafe.json'), $sandbox->path('run'),
            @$self{qw(gateways seconds rate)}, 9000, $self->{seed}, $sandbox->path('run/events.jsonl'),
            (map { "$_=$harm->{$_}" } sort keys %$harm), '--', $OPERATORS, $^X, $sandbox->path('bin/operator.pl'),
            $sandbox->binary, $sandbox->path('conf/retrysafe.json'), $sandbox->dir, $self->{seed}]);
    close $rest;

    my $started = Requests::now();
    my @clients = map { $self->start_client($_, $started, $life) } 0 .. $self->{clients} - 1;
    wait_until {
        !Process::is_alive($supervisor) || $sandbox->read('run/events.jsonl') =~ /"calm"/;
    } $self->{seconds} + 30;
    Process::is_alive($supervisor) or $self->complain('left over: the supervisor has ended too early: '
        . join ' ', $sandbox->logs(3));
    $sandbox->open_gate('calm');
    for (@clients) {
        waitpid $_, 0;
        $self->complain("left over: a client died: " . $sandbox->read('history/error')) if $?;
    }
    $self->{seconds_to_settle} = Requests::now() - $started - $self->{seconds};
    ($self->{list_exit}, @{ $self->{list} }) = verb($sandbox, 'list', '--limit', 1_000_000);
    close $life;
    wait_until { !Process::is_alive($supervisor) } 30;
}

sub start_client {
    my ($self, $number, $started, $life) = @_;
    defined(my $pid = fork) or die "fork: $!\n";
    return $pid if $pid;
    my $is_ok = eval {
        close $life;
        my $sandbox = $self->{sandbox};
        my $client = Requests->new(
            (map { $_ => $self->{$_} } qw(seed clients gateways is_tame policies)), client => $number,
            run => $sandbox->path('run'), scripts => $sandbox->path('www/bare'), prefix => 'k',
            locks => $sandbox->path('www/locks'),
            file => $sandbox->path("history/$number.jsonl"), started => $started,
            keys_per_second => $self->{keys});
        my $end = $started + $self->{seconds};
        $client->ask_until($end);
        wait_until { -e $sandbox->path('www/gates/calm') } 60;
        $client->settle($client->newest_key($end), $SETTLE_SECONDS);
        1;
    };
    $self->{sandbox}->write('history/error', $@) if !$is_ok;
    POSIX::_exit($is_ok ? 0 : 1);
}

# ---- afterwards ----

sub look_at_what_is_left {
    my ($self) = @_;
    my $sandbox = $self->{sandbox};
    my %end = map { @$_ } map { [%$_] } grep { $_->{what} eq 'end' }
        $self->read_flat('run/events.jsonl');

    $self->{harm_done} = { map { $_ => $end{$_} // 0 } keys %{ $self->{harm} } };
    $self->complain('left over: ' . ($end{left} // '?') . ' processes') if ($end{left} // 1) != 0;
    $self->{failed_starts} = $end{failed_starts};
    $self->complain("strange: $end{strange} gateways ended though nobody had killed them")
        if $end{strange};
    my $database = $sandbox->path('store/retrysafe.db');
    my $inode = (stat "$database-lock")[1] // 0;
    $self->complain('left over: a lock') if Process::contents('/proc/locks') =~ /:$inode \d/;
    for (glob($sandbox->path('spool/*')), glob $sandbox->path('run/*.sock')) {
        $self->complain("left over: $_")
            if !m{/(?:counters|runs|store-[0-9a-f]{16})\z};
    }
    $self->complain("left over: $_") for $sandbox->close;
    my $says = qx(sqlite3 '$database' 'PRAGMA integrity_check' 2>&1);
    $self->complain("integrity: $says") if $says ne "ok\n";
    $self->look_at_backups;
}

sub verbs {
    my ($self) = @_;
    return map { $self->read_flat("run/operator-$_.jsonl") } 0 .. $OPERATORS - 1;
}

# A backup that was not finished leaves no file under its name; one that was is whole.
sub look_at_backups {
    my ($self) = @_;
    for my $file (glob $self->{sandbox}->path('run/backup-*.db')) {
        my $says = qx(sqlite3 '$file' 'PRAGMA integrity_check; SELECT count(*) >= 0 FROM operation' 2>&1);
        $self->complain("backup: $file: $says") if $says ne "ok\n1\n";
    }
}

# Lines of flat JSON objects as hashes; what was written by us needs no more.
sub read_flat {
    my ($self, $file) = @_;
    return map { { /"([^"]*)":"?([^",}]*)"?/g } } split /^/, $self->{sandbox}->read($file);
}

sub check {
    my ($self) = @_;
    my @history = map { $self->read_flat("history/$_.jsonl") } 0 .. $self->{clients} - 1;
    my $ends = grep { $_->{end} } @history;
    my @effects = map { [split] } split /^/, $self->{sandbox}->read('www/effects.log');

    $self->complain("left over: only $ends clients came to their end") if $ends != $self->{clients};
    $self->complain('phantom: effects.log has a broken line') if grep { @$_ != 6 } @effects;
    my $checker = Checker->new(history => \@history, effects => \@effects, list => $self->{list},
        times => [map { [split] } split /^/, $self->{sandbox}->read('www/times.log')], verbs => [$self->verbs],
        is_tame => $self->{is_tame}, attempts => $ATTEMPTS,
        policy_of => sub { Requests::policy_of($self->{policies}, $_[0] =~ /(\d+)/) });
    push @{ $self->{complaints} }, $checker->complaints;
    $self->{figures} = $checker->figures;
}

sub keep_evidence {
    my ($self) = @_;
    my $sandbox = $self->{sandbox};
    my $to = "$self->{keep_in}/seed-$self->{seed}";
    make_path($to);
    File::Copy::copy($_, $to) for map { glob $sandbox->path($_) }
        qw(history/* www/*.log run/*.jsonl run/*.log log/* store/*);
    $self->{evidence} = $to;
}

1;
