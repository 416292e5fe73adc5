# Claim: nothing is run again while anything of its first run lives, whatever that has become: `rerun`, `probe`, `rollback`
# and `settle --not-done` wait for the last process of a run, and for the end of a policy's command.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FastCgi qw(:all);
use Fcntl qw(F_WRLCK SEEK_SET);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive);
use Sandbox;
use Test::More;
use Time::HiRes qw(sleep time);

sub part;

my $sandbox = Sandbox->new;
my ($n, $gateway, %setuid) = (0);
my $seen = $sandbox->give_dir('seen', 0777);
my $helper = setuid_helper();

# What works on after its script: it says when it begins and when it ends.  It keeps a descriptor of the
# sandbox open, so that the test finds it whatever else it has shed.
my $worker = $sandbox->write('bin/worker', <<"END");
#!/bin/sh
# worker LOG SECONDS [deaf]
exec 9>>"\$1"
[ -z "\$3" ] || trap '' TERM
echo "begin \$\$ worker" >&9
end=\$(( \$(date +%s%3N) + \$2 * 1000 ))
while [ \$(date +%s%3N) -lt \$end ]; do sleep 0.1; done
echo "end \$\$ worker" >&9
END
chmod 0755, $worker;

# Ways to start it from a script: what a process keeps of where it comes from.
my %kinds = (
    'in its group' => '"$@" &',
    'a session of its own' => 'setsid "$@" &',
    'an empty environment' => 'env -i PATH="$PATH" "$@" &',
    'a second fork' => '( ( setsid "$@" & ) & )',
    'all of these' => '( ( setsid env -i PATH="$PATH" "$@" & ) & )',
    'and without its mark' => '( ( setsid env -i PATH="$PATH" prlimit --rttime=unlimited "$@" & ) & )',
    $helper ? ('another account' => qq{( ( setsid env -i PATH="\$PATH" $helper "\$@" & ) & )}) : (),
);
my @kinds = sort keys %kinds;

$sandbox->place_scripts('fail');
chmod 0755, $sandbox->write('bin/start', join '', "#!/bin/sh\n# start KIND LOG SECONDS [deaf]\nkind=\$1; shift; set -- $worker \"\$@\"\n",
    "exec >/dev/null 2>&1\ncase \$kind in\n", (map { "$_) $kinds{ $kinds[$_] } ;;\n" } 0 .. $#kinds), "esac\n");
for my $route (qw(rerun probe rollback fail)) {
    # Its first attempt starts a worker, and dies.
    chmod 0755, $sandbox->write("www/$route/crash.sh", script(<<'END'));
[ "$IDEMPOTENCY_ATTEMPT" -gt 1 ] || { @START@ "$kind" "$log" "$seconds"; while ! [ -s "$log" ]; do sleep 0.02; done; kill -9 $$; }
END
}
# Its first attempt dies when it is told to.
chmod 0755, $sandbox->write('www/rerun/gate.sh', script(<<"END"));
[ "\$IDEMPOTENCY_ATTEMPT" -gt 1 ] || { \@START\@ "\$kind" "\$log" "\$seconds"; while ! [ -e $seen/gate ]; do sleep 0.02; done; kill -9 \$\$; }
END
# Its first attempt works itself.
chmod 0755, $sandbox->write('www/rerun/work.sh', script(<<'END'));
[ "$IDEMPOTENCY_ATTEMPT" -gt 1 ] || { echo "begin 1 script" >>"$log"; sleep "$seconds"; echo "end 1 script" >>"$log"; }
END
# It overwrites its title and, with that, its environment.
chmod 0755, $sandbox->write('www/rerun/title.pl', <<"END");
#!/usr/bin/perl
my (\$kind, \$name, \$seconds) = split /,/, \$ENV{QUERY_STRING};
my \$attempt = \$ENV{IDEMPOTENCY_ATTEMPT};
\$0 = 'another title ' . 'x' x 8000;
sub say { open my \$fh, '>>', "$seen/\$name"; print {\$fh} "\@_\\n" }
say("begin \$attempt script"); sleep \$seconds if \$attempt == 1; say("end \$attempt script");
print "Content-Type: text/plain\\n\\ndone\\n";
END
chmod 0755, $sandbox->path('www/rerun/title.pl');
# It starts a worker that is deaf to TERM, and takes too long.
chmod 0755, $sandbox->write('www/limit/long.sh', script(<<'END'));
[ "$IDEMPOTENCY_ATTEMPT" -gt 1 ] || { @START@ "$kind" "$log" "$seconds" deaf; sleep 30; }
END
# It ends well when it is told to end.
chmod 0755, $sandbox->write('www/limit/polite.sh', <<'END');
#!/bin/sh
trap 'kill $!; printf "Status: 201 Created\nContent-Type: text/plain\nContent-Length: 5\n\ndone\n"; exit 0' TERM
sleep 30 & wait
END
chmod 0755, $sandbox->path('www/limit/polite.sh');
# The commands say when they begin and end; the file beside them says how.
for my $command (qw(probe rollback)) {
    chmod 0755, $sandbox->write("bin/$command", <<"END");
#!/bin/sh
cat >/dev/null
echo "begin \$\$ $command" >>$seen/\$(echo "\$QUERY_STRING" | cut -d, -f2)
. $seen/says
echo "end \$\$ $command" >>$seen/\$(echo "\$QUERY_STRING" | cut -d, -f2)
exit \$status
END
}
# All that a script or a command sees, for a comparison.
my $see = $sandbox->write('bin/see', <<"END");
fds=\$(for fd in 0 1 2 3 4 5 6 7 8 9; do echo "\$fd \$(readlink /proc/\$\$/fd/\$fd)"; done | sed 's/[[].*//; s,memfd:.*,memory,; s,/spool/.*,spool,')
body=\$(cat)
[ "\$(cut -d' ' -f5,6 /proc/\$\$/stat)" = "\$\$ \$\$" ] && session=own
nth=\$(ls $seen | grep -c "^see-\$IDEMPOTENCY_KEY-")
{
    env | grep -Ev '^(_|PWD|OLDPWD|SHLVL|IDEMPOTENCY_ATTEMPT|IDEMPOTENCY_REPLAY)='
    echo "directory \$(pwd -P), umask \$(umask), session \$session"
    echo "descriptors \$fds"
    echo "body \$body"
    grep -v 'Max realtime timeout  *unlimited' /proc/\$\$/limits
    grep '^Sig[BIC]' /proc/self/status
} >$seen/new-\$IDEMPOTENCY_KEY && mv $seen/new-\$IDEMPOTENCY_KEY $seen/see-\$IDEMPOTENCY_KEY-\$nth
END
for my $route (qw(see-rerun see-probe see-rollback see-again)) {
    chmod 0755, $sandbox->write("www/$route/see.sh", <<"END");
#!/bin/sh
. $see
[ "\$IDEMPOTENCY_ATTEMPT" -gt 1 ] || [ $route = see-again ] || kill -9 \$\$
printf 'Content-Type: text/plain\\n\\ndone\\n'
END
}
chmod 0755, $sandbox->write('bin/see-command', "#!/bin/sh\n. $see\nprintf 'Content-Type: text/plain\\n\\nfound\\n'\n");
my %limits = (limits => { cpu => '10s', file_size => '50M' });
write_config($sandbox, busy_timeout => '1s', max_running => 1000, routes => [
    { match => '/rerun/*', on_uncertain => 'rerun' },
    { match => '/probe/*', on_uncertain => 'probe', probe => [$sandbox->path('bin/probe')] },
    { match => '/rollback/*', on_uncertain => 'rollback', rollback => [$sandbox->path('bin/rollback')] },
    { match => '/limit/*', on_uncertain => 'rerun', timeout => '1s', kill_after => '1s' },
    { match => '/see-rerun/*', on_uncertain => 'rerun', %limits },
    { match => '/see-probe/*', on_uncertain => 'probe', probe => [$sandbox->path('bin/see-command')], %limits },
    { match => '/see-rollback/*', on_uncertain => 'rollback', rollback => [$sandbox->path('bin/see-command')], %limits },
    { match => '/see-again/*', guarantee => 'semantic', %limits },
    { match => '*' },
]);
start();

part 'all runs see the same, whoever starts them and when' => sub {
    my %runs = map { $_->[0] => run_of($_->[1], 'see.sh', 'in its group', 0) } ['a retry', 'see-rerun'],
        ['`recover`', 'see-rerun'], ['a probe', 'see-probe'],
        ['a rollback', 'see-rollback'], ['a replay made anew', 'see-again'];
    my %answers = map { $_ => send_request($runs{$_})->read_answer(20)->{response}->status } sort keys %runs;
    is $answers{$_}, ($_ eq 'a replay made anew' ? 200 : 502), "$_: the first run" for sort keys %runs;
    sleep 0.2;
    ask($runs{$_}) for 'a retry', 'a probe', 'a rollback', 'a replay made anew';
    verb($sandbox, 'recover');
    is_deeply [seen_by($runs{$_})]->[1], [seen_by($runs{$_})]->[0], "$_: sees what the first run saw" for sort keys %runs;
    my $last = run_of('see-rerun', 'see.sh', 'in its group', 0);
    is problem(send_request($last)), 'script-failed', 'one more';
    stop_gateway();
    start();
    ok +(wait_until { [seen_by($last)]->[1] }), 'a gateway that starts runs it again';
    is_deeply [seen_by($last)]->[1], [seen_by($last)]->[0], 'and it sees what the first run saw';
};

part 'a script that dies leaves a worker: a rerun waits for it' => sub {
    my %runs = map { $_ => run_of('rerun', 'crash.sh', $_, 3) } @kinds;
    my %first = map { $_ => send_request($runs{$_}) } @kinds;
    is problem($first{$_}), 'script-failed', "$_: the script dies" for @kinds;
    for my $kind (@kinds) {
        is ask($runs{$kind})->problem, 'outcome-uncertain', "$kind: a retry is told";
        like living($runs{$kind}), qr/worker|start|sleep|date|helper/, "$kind: `show` names what lives";
    }
    retry_until_done($runs{$_}) for @kinds;
    no_overlap($runs{$_}, $_) for @kinds;
};

part 'the keeper is killed as well' => sub {
    my @found = grep { $_ ne 'and without its mark' } @kinds;
    my %runs = map { $_ => run_of('rerun', 'crash.sh', $_, 4) } @found;
    my %first = map { $_ => send_request($runs{$_}) } @found;
    is problem($first{$_}), 'script-failed', "$_: the script dies" for @found;
    kill 'KILL', keepers();
    is_deeply [map { told($runs{$_}) } @found], [('outcome-uncertain') x @found], 'retries are told';
    retry_until_done($runs{$_}) for @found;
    no_overlap($runs{$_}, $_) for @found;
};

for my $hidepid (1, 2) {
    part "/proc hides what is of another account (hidepid=$hidepid)" => sub {
        plan skip_all => 'only root can make a program of another account' if !$helper;
        plan skip_all => 'no /proc can be mounted here' if system qw(unshare -m mount -t proc -o), "hidepid=$hidepid", qw(proc /proc);
        stop_gateway();
        start(as_user('unshare', '-m', '/bin/sh', '-c', "mount -t proc -o hidepid=$hidepid proc /proc && exec \"\$\@\"", 'sh'));
        my %runs = map { $_ => run_of('rerun', 'crash.sh', $_, 3) } 'another account', 'in its group';
        my %first = map { $_ => send_request($runs{$_}) } sort keys %runs;
        is problem($first{$_}), 'script-failed', "$_: the script dies" for sort keys %runs;
        is ask($runs{$_})->problem, 'outcome-uncertain', "$_: a retry is told" for sort keys %runs;
        retry_until_done($runs{$_}) for sort keys %runs;
        no_overlap($runs{$_}, $_) for sort keys %runs;
        stop_gateway();
        start();
    };
}

part 'a gateway that a run has started tells its own runs from that one' => sub {
    stop_gateway();
    start(wrapper => ['prlimit', '--rttime=4611686018427387905:unlimited']);    # that run's mark
    # One that has shed its mark counts for the others, too.
    my @marked = grep { $_ ne 'and without its mark' } @kinds;
    my %runs = map { $_ => run_of('rerun', 'crash.sh', $_, 3) } @marked;
    my %first = map { $_ => send_request($runs{$_}) } @marked;
    is problem($first{$_}), 'script-failed', "$_: the script dies" for @marked;
    my @marks = map { Process::contents("/proc/$_/limits") =~ /realtime timeout +(\d+)/ ? $1 : () }
        map { log_of($runs{$_}) =~ /begin (\d+) worker/ } 'all of these', 'an empty environment';
    is scalar(grep { $_ != 4611686018427387905 } @marks), 2, 'they have marks of their own';
    is ask($runs{$_})->problem, 'outcome-uncertain', "$_: a retry is told" for @marked;
    retry_until_done($runs{$_}) for @marked;
    no_overlap($runs{$_}, $_) for @marked;
    stop_gateway();
    start();
};

part 'a keeper that can open one file takes nothing for dead' => sub {
    my ($run, $gate) = (run_of('rerun', 'gate.sh', 'and without its mark', 3), "$seen/gate");
    my $conn = send_request($run);
    ok +(wait_until { log_of($run) =~ /begin \d+ worker/ }), 'a worker works';
    my ($keeper) = keepers();
    my %open = map { m{(\d+)\z} ? ($1 => 1) : () } glob "/proc/$keeper/fd/*";
    my ($free) = grep { !$open{$_} } 0 .. 1024;
    is limit_descriptors($keeper, $free + 1), 0, 'one descriptor is free';
    $sandbox->write('seen/gate', '');
    is problem($conn), 'script-failed', 'the script dies';
    is limit_descriptors($keeper, 1024), 0, 'descriptors are free again';
    is ask($run)->problem, 'outcome-uncertain', 'a retry is told';
    retry_until_done($run);
    no_overlap($run, 'one descriptor');
};

for my $victims ('keeper', 'keeper and gateway') {
    part "the $victims killed while the script works" => sub {
        my @runs = (run_of('rerun', 'work.sh', 'in its group', 3), run_of('rerun', 'title.pl', 'in its group', 3));
        my @first = map { send_request($_) } @runs;
        ok wait_until { log_of($_) }, 'it works' for @runs;
        my @victims = (keepers(), $victims =~ /gateway/ ? $gateway : ());
        kill 'KILL', @victims;
        ok wait_until { !grep { is_alive($_) } @victims }, 'they are dead';
        start() if $victims =~ /gateway/;
        like told($_), qr/^(?:in-progress|outcome-uncertain)$/, 'a retry is told' for @runs;
        like living($_), qr/the script/, '`show` names the script' for @runs;
        retry_until_done($_) for @runs;
        no_overlap($_, $_->{script}) for @runs;
    };
}

part 'probe, rollback and `settle --not-done` wait, too' => sub {
    says('sleep 0; status=1');
    my %runs = map { $_ => run_of($_, 'crash.sh', 'all of these', 3) } qw(probe rollback fail);
    is problem(send_request($runs{$_})), 'script-failed', "$_: the script dies" for sort keys %runs;
    is ask($runs{$_})->problem, 'outcome-uncertain', "$_: a retry is told" for sort keys %runs;
    verb($sandbox, 'recover');
    unlike log_of($runs{$_}), qr/begin \d+ $_/, "$_: not asked" for qw(probe rollback);
    my $ref = ref_of($runs{fail});
    is settle($ref), 1, '`settle --not-done` refuses';
    like complaint(), qr/something of its run lives: process \d+/, 'and names what lives';
    ok wait_until { log_of($runs{fail}) =~ /end/ }, 'its worker ends';
    ok +(wait_until { settle($ref) == 0 } 5), 'then it is settled';
    is ask($runs{fail})->status, 200, 'and runs again';
    no_overlap($runs{fail}, 'settled by hand');
    says('printf "Content-Type: text/plain\n\nfound\n"; status=0');
    for my $route (qw(probe rollback)) {
        ok +(wait_until { sleep 0.3; ask($runs{$route})->status == 200 } 15), "$route: then it is asked";
        no_overlap($runs{$route}, $route);
    }
};

part '`settle --not-done --force`' => sub {
    my $run = run_of('fail', 'crash.sh', 'a session of its own', 3);
    is problem(send_request($run)), 'script-failed', 'the script dies';
    is settle(ref_of($run), '--force'), 0, 'the operator overrides it';
    like complaint(), qr/may run again although this lives: process \d+ \(/, 'and is told what lives';
    is ask($run)->status, 200, 'it runs again';
};

for my $how ('TERM for the gateway', 'KILL for the gateway', 'KILL for gateway and keeper', 'KILL for the keeper') {
    part "a rollback that works, and $how" => sub {
        my $run = run_of('rollback', 'crash.sh', 'in its group', 0);
        says('sleep 4; status=0');
        is problem(send_request($run)), 'script-failed', 'the script dies';
        ok +(wait_until { log_of($run) =~ /end/ }), 'its worker has ended';
        my @askers;    # the first ones may come while its worker is about to end
        ok +(wait_until { push @askers, send_request($run); sleep 0.2; log_of($run) =~ /begin \d+ rollback/ }),
            'the rollback begins' or return;
        my @keepers = keepers();
        kill(($how =~ /TERM/ ? 'TERM' : 'KILL'), $how =~ /gateway/ ? $gateway : (), $how =~ /keeper/ ? @keepers : ());
        wait_until { !-e socket_path($sandbox) } 5 if $how =~ /TERM/;
        start() if $how =~ /gateway/;
        verb($sandbox, 'recover');
        is told($run), 'outcome-uncertain', 'a retry is told';
        is settle(ref_of($run)), ($how =~ /keeper/ ? 1 : 111), '`settle` leaves it alone';
        retry_until_done($run);
        no_overlap($run, $how);
    };
}

part 'the time limit ends all that a script has started' => sub {
    my @ours = grep { $_ ne 'another account' && $_ ne 'and without its mark' } @kinds;
    my %runs = map { $_ => run_of('limit', 'long.sh', $_, 20) } @ours;
    my %first = map { $_ => send_request($runs{$_}) } @ours;
    is problem($first{$_}), 'script-timeout', "$_: time over" for @ours;
    for my $kind (@ours) {
        my ($pid) = log_of($runs{$kind}) =~ /begin (\d+)/;
        ok +(wait_until { !is_alive($pid) } 4), "$kind: the worker, which is deaf to TERM, is killed";
        retry_until_done($runs{$kind});
    }
};

part 'what the time limit cannot end counts as alive, and the log names it' => sub {
    plan skip_all => 'only root can make a program of another account' if !$helper;
    my $run = run_of('limit', 'long.sh', 'another account', 6);
    is problem(send_request($run)), 'script-timeout', 'time over';
    my ($pid) = log_of($run) =~ /begin (\d+)/;
    ok +(wait_until { join("\n", $sandbox->logs) =~ /cannot be ended at its time limit, such as process (\d+)/ } 5),
        'the log names one';
    ok is_alive($pid), 'it works on';
    is ask($run)->problem, 'outcome-uncertain', 'a retry is told';
    like living($run), qr/\b$pid worker\b/, '`show` names it';
    retry_until_done($run);
    no_overlap($run, 'another account');
};

part 'a script that ends well at its time limit is done' => sub {
    my $run = run_of('limit', 'polite.sh', 'in its group', 0);
    my $answer = send_request($run)->read_answer(15)->{response};
    is_deeply [$answer->status, $answer->body], [201, "done\n"], 'its answer is given';
    ok ask($run)->is_replay, 'and recorded';
};

part 'a recorder that is killed loses nothing' => sub {
    my $run = run_of('rerun', 'work.sh', 'in its group', 1);
    my $conn = send_request($run);
    ok +(wait_until { log_of($run) }), 'the script works';
    my ($keeper) = keepers();
    kill 'KILL', $gateway;
    open my $lock, '+<', $sandbox->path('store/retrysafe.db-lock') or die "lock: $!\n";
    my $byte = pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 1, 0;
    ok fcntl($lock, 37, $byte), 'the store is busy';    # F_OFD_SETLK
    for my $nth (1 .. 3) {
        my $recorder = wait_until { (grep { name_of($_) =~ /recor/ } children_of($keeper))[0] } 8;
        ok $recorder, "a recorder works ($nth)" or last;
        sleep 0.2;
        kill 'KILL', $recorder;
        wait_until { !is_alive($recorder) } 5;
    }
    close $lock;
    start();
    ok +(wait_until { told($run) ne 'in-progress' } 15), 'it is settled';
    is told($run), 200, 'with the answer of its script';
    is log_of($run), "begin 1 script\nend 1 script\nbegin 1\nend 1\n", 'one run';
};

part 'a full spool loses no answer' => sub {
    plan skip_all => 'only root can mount' if $> != 0;
    my $small = $sandbox->give_dir('small', 0700);
    my ($uid, $gid) = (getpwnam $sandbox->user)[2, 3];
    plan skip_all => 'no file system can be mounted here'
        if system "mount -t tmpfs -o size=1500k,mode=700,uid=$uid,gid=$gid none $small 2>/dev/null";
    chmod 0755, $sandbox->write('www/large/large.sh', <<'END');
#!/bin/sh
printf 'Content-Type: text/plain\n\n'
i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero | tr '\0' x; i=$((i+1)); done
END
    chmod 0755, $sandbox->path('www/large/large.sh');
    stop_gateway();
    write_config($sandbox, spool => $small, max_response => undef, routes => [{ match => '*' }]);
    start();
    my $run = run_of('large', 'large.sh', 'in its group', 0);
    my $answer = send_request($run)->read_answer(20)->{response};
    is_deeply [$answer->status, length $answer->body], [200, 4_000_000], 'the whole answer';
    my $again = ask($run);
    is_deeply [$again->is_replay ? 1 : 0, length $again->body], [1, 4_000_000], 'and recorded';
    stop_gateway();
    system "umount $small";
};

$sandbox->finish;

# A subtest; EVIDENCE_ONLY, a pattern, chooses among them.
sub part {
    my ($name, $code) = @_;
    subtest $name, $code if $name =~ ($ENV{EVIDENCE_ONLY} // '.');
}

# A shell script that knows kind, log and seconds from its query, runs what is given, and then says that it
# ran and answers.
sub script {
    my ($body) = @_;
    my $start = $sandbox->path('bin/start');
    return <<"END" . ($body =~ s/\@START\@/$start/gr) . <<'END';
#!/bin/sh
cat >/dev/null
kind=\${QUERY_STRING%%,*} seconds=\${QUERY_STRING##*,} name=\${QUERY_STRING#*,}
log=$seen/\${name%,*}
END
echo "begin $IDEMPOTENCY_ATTEMPT" >>"$log"
echo "end $IDEMPOTENCY_ATTEMPT" >>"$log"
printf 'Content-Type: text/plain\n\ndone\n'
END
}

# A program that runs another one as "nobody"; nothing where it cannot be made.
sub setuid_helper {
    return if $> != 0;
    my $source = $sandbox->write('bin/helper.c', <<'END');
#include <unistd.h>
int main(int argc, char *argv[])
{
	uid_t u = geteuid();
	return argc > 1 && setresuid(u, u, u) == 0 ? execv(argv[1], argv + 1) : 1;
}
END
    my $path = $sandbox->path('bin/helper');
    system(qw(gcc -D_GNU_SOURCE -o), $path, $source) == 0 or return;
    chown((getpwnam 'nobody')[2], 0, $path);
    chmod 04755, $path;
    return $path;
}

sub run_of {
    my ($route, $script, $kind, $seconds) = @_;
    my ($number) = grep { $kinds[$_] eq $kind } 0 .. $#kinds;
    my $name = 'run-' . ++$n;
    # A worker of another account writes there, too.
    $sandbox->write("seen/$name", '');
    chmod 0666, "$seen/$name";
    return { name => $name, route => $route, script => $script, query => "$number,$name,$seconds" };
}

# What each of its runs has seen, as lists of lines.
sub seen_by {
    my ($run) = @_;
    my @files = map { "seen/see-$run->{name}-$_" } 0, 1;
    return map { my $text = $sandbox->read($_); $text ? [sort split /\n/, $text] : undef } @files;
}

sub log_of { $sandbox->read("seen/$_[0]{name}") }
sub says { $sandbox->write('seen/says', "$_[0]\n") }

sub send_request {
    my ($run) = @_;
    my $conn = FastCgi->connect(socket_path($sandbox));
    my @params = params(script => $sandbox->path("www/$run->{route}/$run->{script}"),
        uri => "/$run->{route}/script", key => $run->{name}, body => 'a=1', query => $run->{query});
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''), record(STDIN_DATA, 1, 'a=1'),
        record(STDIN_DATA, 1, ''));
    return $conn;
}

sub problem { my $answer = $_[0]->read_answer(20)->{response}; return $answer ? $answer->problem : 'nothing' }

# A gateway whose keeper was killed starts over.
sub ask {
    my ($run) = @_;
    my $answer;
    wait_until { $answer = eval { send_request($run)->read_answer(10)->{response} } } 40;
    return $answer // die "no answer\n";
}

# The answer in one word.
sub told { my $answer = ask($_[0]); return $answer->problem || $answer->status }

sub retry_until_done {
    my ($run) = @_;
    ok +(wait_until { sleep 0.1; ask($run)->status == 200 } 25), "$run->{name}: then it runs again";
}

# Whatever of the first run had begun had ended when something else began.
sub no_overlap {
    my ($run, $what) = @_;
    my $open = 0;
    my @lines = split /\n/, log_of($run);
    my @wrong = grep { $open += /^begin/ ? 1 : -1; $open > 1 } @lines;
    ok !@wrong && @lines > 2, "$what: one after the other" or diag map { "$_\n" } @lines;
}

sub ref_of {
    my ($run) = @_;
    my ($exit, $op) = verb($sandbox, 'show', '--key', $run->{name}, '--script', "/$run->{route}/script");
    return $op->{ref};
}

# What `show` says that lives, a line each: pid, name, what it is.
sub living {
    my ($run) = @_;
    my ($exit, $op) = verb($sandbox, 'show', '--key', $run->{name}, '--script', "/$run->{route}/script");
    return join "\n", map { join ' ', map { $_ // '-' } @$_{qw(pid name what)} } @{ $op->{lives} // [] };
}

sub settle {
    my ($ref, @more) = @_;
    my ($exit) = verb($sandbox, 'settle', $ref, '--not-done', '--why', 'the books say so', @more);
    return $exit;
}

# What the last verb said.
sub complaint { $sandbox->read("log/verb-settle-$sandbox->{verbs}") }

sub children_of { map { split ' ', Process::contents($_) } glob "/proc/$_[0]/task/*/children" }
sub name_of { Process::contents("/proc/$_[0]/comm") }
sub keepers {
    return grep { name_of($_) =~ /retrysafe-keep/ && (Process::state_of($_) // 'Z') ne 'Z' } children_of($gateway);
}

# With a umask that is not the one of those who run verbs here; `user` and `wrapper` as start_gateway() has them.
sub start {
    my (%how) = @_;
    $gateway = start_gateway($sandbox, name => 'gateway-' . ++$n, %how,
        wrapper => [@{ $how{wrapper} // [] }, '/bin/sh', '-c', 'umask 027; exec "$@"', 'sh']);
}

# Sets the limit of a process of the gateway's account.
sub limit_descriptors {
    my ($pid, $limit) = @_;
    waitpid $sandbox->start(user => $sandbox->user, command => ['/usr/bin/prlimit', "--pid=$pid", "--nofile=$limit:"]), 0;
    return $?;
}

# Starts the gateway by a command of root's.
sub as_user {
    my (@command) = @_;
    my ($uid, $gid) = (getpwnam $sandbox->user)[2, 3];
    return (user => undef, wrapper => [@command, 'setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups']);
}

sub stop_gateway {
    kill 'TERM', $gateway;
    wait_until { !is_alive($gateway) } 15;
}
