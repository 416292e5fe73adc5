# Claim: the tests that prove the guarantees can fail: programs that are wrong on purpose, each in one
# of the rules that matter, are all convicted, and the right program is not.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/torture";
use Effects;
use FastCgi qw(:all);
use File::Find qw(find);
use File::Path qw(make_path);
use Gateway qw(start_gateway socket_path write_config verb);
use Process qw(wait_until is_alive);
use Round;
use Sandbox;
use Test::More;

# What a mutant is linked with; `make check` has built it.
my $ROOT = Sandbox::root();
my $OBJECTS = "$ROOT/build/faults/obj";
my @LIBRARIES = qw(-lfcgi -lsqlite3 -ljansson -lmd -lpthread);
my %objects;    # of each program that was built, but for main.o

my $DOUBT = qr/store_mark_uncertain\(st, op, -1,\s*(?:"[^"]*"\s*)+,\s*store_now_ms\(st\)\)/;
my $MAKE_MARK = <<'END';
if (c->order->is_protected) {
	char mark[4200], ref[REF_LEN + 1];

	operation_ref(&c->order->op, ref);
	snprintf(mark, sizeof(mark), "%s/mark-%s", c->strings.spool, ref);
	close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}
END
my $HAS_MARK = <<'END';
static bool has_mark(struct store *st, const struct operation *op)
{
	char mark[4200], ref[REF_LEN + 1];

	operation_ref(op, ref);
	snprintf(mark, sizeof(mark), "%s/mark-%s", store_spool(st), ref);
	return access(mark, F_OK) == 0;
}
END

# CONTROLS_ONLY, a pattern, chooses among them by their names.
# What is wrong; where, with what in place of what; which test must see it, and what it must say.  A
# file is named by its path below src/, or by the end of that path.
my @MUTANTS = (
    ['an operation whose witnesses are dead is run again',
        [['operation/claim.c', $DOUBT, 'store_release(st, op)']], \&torture_keepers, qr/^double: /m],
    ['an operation whose witness lives is settled', [['store/liveness.c', qr/return found != F_UNLCK;/,
        'return found == F_UNLCK && st == NULL;']], \&check_stopped_witness, qr/^settled too early/m],
    ['durability is normal', [['store/sqlite/connection.c', qr/(\[DURABILITY_FULL\]\s*=\s*)"FULL"/, '$1"NORMAL"']],
        \&run_t51, qr/^\s*not ok .* the claim is on disk before the script starts/m],
    ['durability is off', [['store/sqlite/connection.c', qr/(\[DURABILITY_FULL\]\s*=\s*)"FULL"/, '$1"OFF"']],
        \&run_t51, qr/^\s*not ok .* the record is on disk before the first byte/m],
    ['the writer lock is not taken', [['store/sqlite/lock.c',
        qr/if \(fcntl\(st->lock_fd, command, &fl\) == 0\)/, 'if (fl.l_len == 1 && command != 0)']],
        \&run_t51, qr/^\s*not ok .* only under the lock/m],
    ['the answer is sent before it is recorded', [
        ['operation/record.c', qr/^\treturn store_record\(st, &rec\);/m,
            "\textern _Thread_local bool is_later;\n\treturn is_later ? OK : store_record(st, &rec);"],
        ['keeper/run.c', qr/(static enum run_result record_end\([^;{]*\{)/, "_Thread_local bool is_later;\n\n\$1"],
        ['keeper/run.c', qr/enum err e = (record_run\([^;]*)&out->rec\);/,
            "enum err e = (is_later = true, \$1&out->rec));\n\n\tis_later = false;"],
        ['gateway/protect.c', qr/(fault\("gateway.replied"\);)/,
            "struct record_policy again_policy = record_policy_for(r);\n\tstruct recorded again;\n\n"
                . "\t(void)!record_run(r->store, &r->op, &again_policy, &out->end, &again);\n\t\$1"]],
        \&run_t51, qr/^\s*not ok .* the record is on disk before the first byte/m],
    ['the log is not synced before it is told', [['store/sqlite/find.c',
        qr/(static enum err sync_log\([^)]*\)\s*\{)/, "\$1\n\tif (c)\n\t\treturn OK;"]],
        \&run_t51, qr/^\s*not ok .* the log is synced before the first byte/m],
    ['an unsynced mark says that nothing was started', [
        ['keeper/child.c', qr/(#include <stdlib\.h>)/, "#include <stdio.h>\n\$1"],
        ['keeper/child.c', qr/(fault\("keeper.starting"\);)/, "$MAKE_MARK\$1"],
        ['operation/claim.c', qr/(#include <string\.h>)/, "#include <stdio.h>\n\$1\n#include <unistd.h>"],
        ['operation/claim.c', qr/^(enum err claim_settle\()/m, "$HAS_MARK\n\$1"],
        ['operation/claim.c', qr/($DOUBT)/, '(has_mark(st, op) ? $1 : store_release(st, op))']],
        \&check_lost_page_cache, qr/^double: /m],
    ['the token of an owner is not looked at', [['store/sqlite/record.c',
        qr/(struct statement mark_done\s*=[^;]*?) AND token(?:=| IS )\?2 AND state=\?3/,
        '$1 AND ?2 IS ?2 AND ?3 IS ?3']], \&check_late_owner, qr/^overwritten: /m],
    ['messages of an earlier run are believed', [['keeper/link.c', qr/if \(r\.serial != link->serial\)/,
        'if (r.serial < 0)']], \&check_stale_message, qr/^mistaken: /m],
    ['a keeper without a gateway records nothing', [['keeper/child.c',
        qr/if \(!c->order->is_protected \|\| c->is_recorded\)/, 'if (c)']],
        \&torture_gateways, qr/^uncertain: /m],
    ['a stale contender takes an operation that was settled again', [['store/sqlite/claim.c',
        qr/(struct statement retake_row\s*=[^;]*?) AND attempts=\?2-1/, '$1']], \&run_store_moves,
        qr/^not ok \d+ - nor when it is uncertain again/m],
    ['a script is begun after the time of its operation', [['keeper/child.c',
        qr/(static bool is_too_late\([^{]*\{)/, "\$1\n\tif (o)\n\t\treturn false;"]], \&run_child,
        qr/^not ok \d+ - after the time of its operation it is not begun/m],
    ['a script that was checked is started by its name', [['cgi/script_file.c',
        qr/cf->script_dirs \? f\.real\s*: named,(\s*interpreter)/, 'named,$1']], \&run_t86,
        qr/^\s*not ok .* what was not checked does not run/m],
    ['`recover` goes by the name as the client spelled it', [['gateway/fingerprint.c',
        qr/r->address \? r->address : name/, 'name']], \&run_t34, qr/^\s*not ok .* and does not run the script again/m],
    ['path information in SCRIPT_NAME hides the script', [['cgi/script_url.c',
        qr/&& end < len/, '&& !len']], \&run_t86, qr{^\s*not ok .* /pathed/effect\.pl/x: nothing ran}m],
    ['a glob is not tried on all of a long path', [['config/match.c',
        qr/(n\+\+ == GLOB_PARTS_MAX\)\s*return) CONFIG_TOO_LONG/, '$1 CONFIG_NO_PART']], \&run_t86,
        qr/^\s*not ok .* a path with more parts than a glob is tried on is refused/m],
    ['a method in lower case is not protected', [['config/match.c',
        qr/strcasecmp\((route->methods\[i\], method)\)/, 'strcmp($1)']], \&run_t86, qr/^\s*not ok .* post is protected/m],
    ['an Action needs no proof', [['cgi/script.c',
        qr/variables_get\(v, "REDIRECT_HANDLER"\) && (variables_get)/, '$1'],
        ['cgi/script.c', qr/if \(!variables_get\(v, "REDIRECT_HANDLER"\)\)/, 'if (!path)']], \&run_t86,
        qr{^\s*not ok .* apache: POST /gw/act/env\.pl}m],
    $> != 0 ? () : ['root runs every script', [['store/account.c',
        qr/(enum err account_check_run\(.*?\tif \()geteuid\(\) != 0\)/s, '$1cf)']], \&run_t84,
        qr/^\s*not ok .* recover is refused/m],
    ['a copy is opened like a store', [['store/sqlite/copy.c', qr/(return accepted \?.*?:) refuse_copy\(st, made_ms\);/,
        '$1 OK;']], \&run_store_backup, qr/^not ok \d+ - a copy: /m],
    ['a full store takes claims', [['store/sqlite/room.c', qr/(used) >= st->max_bytes/, '$1 < 0']],
        \&run_store_limits, qr/^not ok \d+ - then no claim/m],
    ['a route is not counted when it records', [['store/sqlite/record.c',
        qr/(return e == OK) \? room_count\(c, rec->op->id, &room\) : e;/, '$1 ? OK : e;']],
        \&run_store_limits, qr/^not ok \d+ - done, with a large body: /m],
    ['a jump of the wall clock is believed at once', [['store/clock.c',
        qr/(if \(c->lasted_ms < )STORE_CLOCK_DAY_MS/, '$1 0']], \&run_store_clock,
        qr/^not ok \d+ - a jump of forty days is not believed/m],
    ['past its time an owner counts as dead', [['operation/claim.c',
        qr/if \(liveness_is_alive\(st, op->witness\)\)/,
        'if (!claim_is_late(op) && liveness_is_alive(st, op->witness))']], \&run_claim,
        qr/^not ok \d+ - and nothing is written/m],
    ['another process with its number is taken for the script', [['evidence/processes.c',
        qr/(return p->pid == row->pid) && p->start_ns >= [^;]*;/, '$1;']], \&run_evidence,
        qr/^not ok \d+ - another process has its number/m],
    ['what cannot be asked counts as dead', [['evidence/run_table.c',
        qr/return row->pid_ns != v->pid_ns \|\| row->time_ns != v->time_ns \? ROW_ELSEWHERE : ROW_LEFT;/,
        'return v->pid_ns == v->time_ns ? ROW_ELSEWHERE : ROW_LEFT;']], \&run_evidence,
        qr/^not ok \d+ - another PID namespace/m],
    ['a damaged row outlives its boot', [['evidence/run_table.c', qr/e == OK && is_of_earlier_boot\(&head\)\)\n/, "false)\n"]],
        \&run_evidence, qr/^not ok \d+ - nor when a keeper has opened the table/m],
    ['a damaged row of an earlier boot counts', [['evidence/run_table.c', qr/v->is_over \? ROW_OVER : ROW_DAMAGED/, 'ROW_DAMAGED']],
        \&run_evidence, qr/^not ok \d+ - a damaged row of an earlier boot/m],
    ['an inherited mark counts as a limit of the account', [['keeper/living.c',
        qr/ \|\| run_row_is_mark\(now\.rlim_cur\)/, '']],
        sub { run_evidence_part('a run has started') }, qr/^\s*not ok .* all of these: one after the other/m],
    ['what cannot be read counts as dead', [['evidence/processes.c', qr/(\? HIDDEN\s*:) FAILED;/, '$1 ENDED;']],
        \&run_evidence, qr/^not ok \d+ - without descriptors nothing is known/m],
    ['a process is known by its environment alone', [
        ['keeper/launch.c', qr/(static void set_mark\([^{]*\{)/, "\$1\n\tif (mark)\n\t\treturn;"],
        ['evidence/evidence.c', qr/if \(state == ROW_OVER \|\|/, 'if (s || state == ROW_OVER ||']],
        sub { run_evidence_part('the keeper is killed as well') }, qr/^\s*not ok .* an empty environment: one after the other/m],
    ['a script with another title counts as dead', [
        ['keeper/launch.c', qr/(static void set_mark\([^{]*\{)/, "\$1\n\tif (mark)\n\t\treturn;"],
        ['evidence/evidence.c', qr/if \(state == ROW_OVER \|\|/, 'if (s || state == ROW_OVER ||']],
        sub { run_evidence_part('^the keeper and gateway killed') }, qr/^\s*not ok .* title.pl: one after the other/m],
    ['the keeper is no subreaper', [['keeper/keeper.c', qr/prctl\(PR_SET_CHILD_SUBREAPER, 1\);/, ';']],
        sub { run_evidence_part('leaves a worker') }, qr/^\s*not ok .* without its mark: one after the other/m],
    ['what /proc hides counts as dead', [['keeper/living.c', qr/all->is_partial && is_true\(&k->pass\.has_hidden, k, all\)/, 'false']],
        sub { run_evidence_part('hidepid=2') }, qr/^\s*not ok .* another account: one after the other/m],
    ['a policy\'s command is no run, and its gateway alone holds the lock', [['recovery/policy.c',
        qr/\.op = work->op,/, ''], ['recovery/policy.c', qr/(\.second_fd = )work->lock_fd,/, '$1past->body.fd,']],
        sub { run_evidence_part('KILL for the gateway$') }, qr/^\s*not ok .* (?:`settle` leaves it alone|one after the other)/m],
    ['a rollback does not wait for what its run has left', [['recovery/policy.c',
        qr/(PAUSE_MS) && !claim_anything_lives\(st, op\)/, '$1']], \&torture_rollback, qr/^overlap: /m],
    ['a rerun does not wait for what its run has left', [['recovery/policy.c',
        qr/(route->max_attempts) && !claim_anything_lives\(st, op\)/, '$1']], \&torture_rerun,
        qr/^overlap: /m],
    ['`settle --not-done` does not look', [['cli/settle.c', qr/if \(!found\.anything_lives\)/,
        'if (op)']], sub { run_evidence_part('probe, rollback and') }, qr/^\s*not ok .* `settle --not-done` refuses/m],
    ['the time limit ends the group alone', [['keeper/living.c', qr/int why = p->belongs \? [^;]*;/, 'int why = 0;']],
        sub { run_evidence_part('ends all that a script') }, qr/^\s*not ok .* which is deaf to TERM, is killed/m],
    ['a rerun has the umask of the process that orders it', [['recovery/recover.c',
        qr/\.has_umask = past\.has_umask,/, '']],
        sub { run_evidence_part('all runs see') }, qr/^\s*not ok .* `recover`: sees what the first run saw/m],
    ['the keeper forgets a result when a recorder has it', [['keeper/child.c',
        qr/c->is_recorded = WIFEXITED\(status\) && WEXITSTATUS\(status\) == 0;/, 'c->is_recorded = true;']],
        sub { run_evidence_part('a recorder that is killed') }, qr/^\s*not ok .* a recorder works \(2\)/m],
);

plan skip_all => 'strace may not trace here' if system 'strace -qq -o /dev/null true 2>/dev/null';
my $workshop = Sandbox->new;
my $killed = 0;
my %is_sound;    # tests that the right program has been put to
my %IS_TORTURE = map { $_ => 1 } \&torture_keepers, \&torture_gateways, \&torture_rollback, \&torture_rerun;
my $n = 0;

for my $mutant (@MUTANTS) {
    my ($name, $patches, $test, $conviction) = @$mutant;
    next if $name !~ ($ENV{CONTROLS_ONLY} // '.');
    # The right program.  Its torture is t60-torture.t; all of t84-evidence.t is itself a test.
    is try($test), '', 'the right program is acquitted' if !$is_sound{$test}++ && !$IS_TORTURE{$test};
    my $says = try($test, @$patches);
    ok(is_convicted($says, $conviction), $name) ? $killed++ : diag $says;
}
diag scalar(@MUTANTS) . " mutants, $killed killed";
subtest 'a control that does not fit convicts nothing' => \&check_misfits;
$workshop->finish;

# Every part of a mutant fits in one place of one file, or the mutant fails its test.
sub check_misfits {
    my $fits = ['err.c', qr/(enum err err_set\()/, '$1'];
    my %misfit = (
        'its file is missing' => ['no_such_file.c', qr/./, ''],
        'its file is named by a part of its name' => ['rr.c', qr/./, ''],
        'its pattern is not there' => ['err.c', qr/no such text/, ''],
        'its pattern is there twice' => ['err.c', qr/enum err/, ''],
        'it changes nothing' => $fits,
        'it does not compile' => ['err.c', qr/(enum err err_set\()/, 'no C $1'],
    );
    my $change = ['err.c', qr/(enum err err_set\()/, "\n\$1"];
    my $test = sub { 'wrong' };
    ok is_convicted(try($test, $change), qr/wrong/), 'one that fits does';
    for my $what (sort keys %misfit) {
        my $says = try($test, $misfit{$what});
        like $says, qr/^cannot be tried: /, $what;
        ok !is_convicted($says, qr/./), '... so it fails';
        ok !is_convicted(try($test, $change, $misfit{$what}), qr/./), '... also as a second part';
    }
}

# ---- building ----

# A program with these patches; its directory.  Dies when one does not fit.
sub build {
    my (@patches) = @_;
    my $dir = 'mutant-' . ++$n;
    my (%text, @objects);
    for my $patch (@patches) {
        my ($name, $from, $to) = @$patch;
        my $file = source_named($name);
        $text{$file} //= Process::contents("$ROOT/src/$file");
        my $fits = () = $text{$file} =~ /$from/g;
        die "a patch fits $fits times: $file: $from\n" if $fits != 1;
        my $before = $text{$file};
        $text{$file} =~ s{$from}{ my $one = $1; $to =~ s/\$1/$one/r }e;
        die "a patch changes nothing: $file: $from\n" if $text{$file} eq $before;
    }
    for my $file (sort keys %text) {
        my $source = $workshop->write("$dir/$file", $text{$file});
        push @objects, $source =~ s/c\z/o/r;
        run(qw(-std=gnu11 -D_GNU_SOURCE -O1 -g -fPIE -DRETRYSAFE_FAULTS), "-I$ROOT/src", '-c', '-o',
            $objects[-1], $source);
    }
    # What the Makefile made of the sources that are there; retrysafe-notify and retrysafe-doctor are other programs.
    my @others = map { s/c\z/o/r } grep { !$text{$_} && !m{^(?:notify|doctor)/} } files_below("$ROOT/src", qr/\.c\z/);
    push @objects, map { "$OBJECTS/$_" } @others;
    -e or die "$_ is not there: make FAULTS=1 all\n" for @objects;
    make_path($workshop->path($dir));
    run('-pie', '-o', $workshop->path("$dir/retrysafe"), @objects, @LIBRARIES);
    $objects{ $workshop->path($dir) } = [grep { !m{/main\.o\z} } @objects];
    return $workshop->path($dir);
}

# Paths of files below a directory, from there on.
sub files_below {
    my ($top, $pattern) = @_;
    my @files;
    find({ no_chdir => 1, wanted => sub { push @files, substr $_, length "$top/" if /$pattern/ } },
        $top);
    return sort @files;
}

# The one file of src/ whose path is this, or ends with it.
sub source_named {
    my ($name) = @_;
    my @all = files_below("$ROOT/src", qr/\.c\z/);
    my @found = grep { $_ eq $name } @all;
    @found = grep { m{/\Q$name\E\z} } @all if !@found;
    die @found . " files are called $name\n" if @found != 1;
    return $found[0];
}

sub run {
    system($ENV{CC} // 'gcc', @_) == 0 or die "does not compile: $_[-1]\n";
}

# A mutant that could not be made, or a test that could not be carried out, convicts nothing.
sub is_convicted {
    my ($says, $conviction) = @_;
    return $says !~ /\Acannot be tried: / && $says =~ $conviction;
}

# What a test has to say of a program with these patches.
sub try {
    my ($test, @patches) = @_;
    my $complaints = eval {
        local $ENV{RETRYSAFE_BUILD} = build(@patches);
        $test->();
    } // "cannot be tried: $@";
    note $complaints;
    return $complaints;
}

# ---- the tests that convict; each returns its complaints as lines ----

sub run_t34 { run_test('t34-uncertain') }
sub run_t51 { run_test('t51-order') }

sub run_t86 { run_test('t86-urls') }
sub run_t84 { run_test('t84-root') }

sub run_test {
    my ($name) = @_;
    my $says = qx($^X -I$ROOT/tests/lib $ROOT/tests/$name.t 2>&1);
    return $? == 0 ? '' : $says;
}

# Some parts of t84-evidence.t.
sub run_evidence_part {
    local $ENV{EVIDENCE_ONLY} = $_[0];
    my $says = qx($^X -I$ROOT/tests/lib $ROOT/tests/t84-evidence.t 2>&1);
    return $? == 0 ? '' : $says;
}

sub run_claim { run_unit('claim') }
sub run_evidence { run_unit('evidence') }
sub run_store_moves { run_unit('store_moves') }
sub run_child { run_unit('child') }
sub run_store_backup { run_unit('store_backup') }
sub run_store_limits { run_unit('store_limits') }
sub run_store_clock { run_unit('store_clock') }

# A unit test, linked with the objects of the program under test.
sub run_unit {
    my ($name) = @_;
    my $test = "$ENV{RETRYSAFE_BUILD}/$name.test";
    run(qw(-std=gnu11 -D_GNU_SOURCE -O1 -g -fPIE -pie -DRETRYSAFE_FAULTS), "-I$ROOT/src",
        "-I$ROOT/tests", '-o', $test, "$ROOT/tests/unit/$name.c", @{ $objects{ $ENV{RETRYSAFE_BUILD} } },
        @LIBRARIES);
    my $says = qx($test 2>&1);
    return $? == 0 ? '' : $says;
}

sub torture_keepers { torture(3, { both => 3, gateway => 1, group => 1 }) }
sub torture_gateways { torture(2, { gateway => 1 }) }
sub torture_rollback { torture(4, { keeper => 3, both => 3, gateway => 1 }, policy => 'rollback') }
sub torture_rerun { torture(4, { keeper => 3, both => 3, gateway => 1 }, policy => 'rerun') }

sub torture {
    my ($seconds, $harm, @more) = @_;
    my $round = Round::run(seed => 62, seconds => $seconds, harm => $harm, rate => 60, clients => 8, @more);
    return join "\n", @{ $round->{complaints} };
}

# A sandbox with its gateways for one test.
sub stage {
    my ($act, %settings) = @_;
    my $sandbox = Sandbox->new;
    my $self = { sandbox => $sandbox, effects => Effects->new($sandbox), gateways => 0 };
    $sandbox->place_scripts('bare');
    write_config($sandbox, %settings);
    my @complaints = eval { $act->($self) };
    push @complaints, "died: $@" if $@;
    push @complaints, $sandbox->close;
    $sandbox->remove;
    return join "\n", @complaints;
}

# One more gateway takes the place of the last one on the socket; that one lives on.
sub start {
    my ($self, %how) = @_;
    unlink socket_path($self->{sandbox});
    my $pid = start_gateway($self->{sandbox}, name => 'gateway-' . ++$self->{gateways}, %how);
    $how{wrapper} or return $pid;
    return (split ' ', Process::contents("/proc/$pid/task/$pid/children"))[0];
}

# A signal to processes of this sandbox, and to nobody else.
sub hit {
    my ($self, $signal, @pids) = @_;
    for my $pid (@pids) {
        defined $pid && Process::has_tie($pid, $self->{sandbox}->dir) or die "nobody to hit\n";
        kill $signal, $pid;
    }
}

sub keeper_of { (split ' ', Process::contents("/proc/$_[0]/task/$_[0]/children"))[0] }
sub is_stopped { Process::contents("/proc/$_[0]/stat") =~ /\) [Tt] / }

sub send_request {
    my ($self, $key, %about) = @_;
    my $conn = FastCgi->connect(socket_path($self->{sandbox}));
    my @params = params(script => $self->{sandbox}->path('www/bare/effect.pl'), key => $key,
        body => 'a=1', %about);
    $conn->send(begin(1), params_record(1, @params), record(PARAMS, 1, ''), record(STDIN_DATA, 1, 'a=1'),
        record(STDIN_DATA, 1, ''));
    return $conn;
}

# The answer in one word: its status, or the type of its problem.
sub word {
    my ($conn, $seconds) = @_;
    my $answer = $conn->read_answer($seconds // 10)->{response} or return 'nothing';
    return $answer->problem || $answer->status;
}

sub ask { word(send_request(@_)) }

# A gateway that stands still between the claim and the start lives: its key is in progress.
sub check_stopped_witness {
    return stage(sub {
        my ($self) = @_;
        my $first = start($self, env => { RETRYSAFE_FAULT => 'claim.committed:stop' });
        my $conn = send_request($self, 'k');
        wait_until { is_stopped($first) } 10 or die "it does not stop\n";
        start($self);
        my $meanwhile = ask($self, 'k');
        hit($self, CONT => $first);
        my ($answer, $retry) = (word($conn), ask($self, 'k'));
        my $runs = $self->{effects}->runs('k');
        return "$meanwhile $answer $retry, $runs run" eq 'in-progress 200 200, 1 run' ? ()
            : "settled too early: first $meanwhile, then $answer and $retry, $runs runs";
    });
}

# Gateway, keeper and script die; every file of ours that was never synced is gone, as after a power
# cut.
sub check_lost_page_cache {
    return stage(sub {
        my ($self) = @_;
        my $sandbox = $self->{sandbox};
        my $calls = $sandbox->path('run/calls');
        my $gateway = start($self, wrapper => [qw(strace -qq -f -b execve -y -e),
            'trace=openat,open,creat,fsync,fdatasync,rename', '-o', $calls]);
        my $keeper = keeper_of($gateway);
        my $conn = send_request($self, 'k', query => 'gate=k');
        my $run = $self->{effects}->await('k', 'run', 10) or die "it does not run\n";
        hit($self, KILL => $gateway, $keeper, $run->[1]);
        wait_until { !grep { is_alive($_) } $gateway, $keeper, $run->[1] } 5;
        unlink never_synced($sandbox, Process::contents($calls));
        $sandbox->open_gate('k');
        start($self);
        my $answer = ask($self, 'k', query => 'gate=k');
        my $runs = $self->{effects}->runs('k');
        return $runs == 1 && $answer eq 'outcome-uncertain' ? () : "double: $runs runs, and $answer";
    });
}

sub never_synced {
    my ($sandbox, $trace) = @_;
    my (%is_new, @lost);
    for (split /^/, $trace) {
        $is_new{$1} //= 1 if /\bO_CREAT\b.*= \d+<([^>]*)>/;
        $is_new{$1} = 0 if /\bf(?:data)?sync\(\d+<([^>]*)>/;
        $is_new{$1} = 0 if /\brename\("[^"]*", "([^"]*)"/;
    }
    return grep { $is_new{$_} && m{\A\Q$sandbox->{dir}\E/(?:store|spool)/} } sort keys %is_new;
}

# An owner that stood still until an operator had settled its operation comes too late.
sub check_late_owner {
    return stage(sub {
        my ($self) = @_;
        my $first = start($self, env => { RETRYSAFE_FAULT => 'gateway.ended:stop' });
        my $keeper = keeper_of($first);
        my $conn = send_request($self, 'k');
        wait_until { is_stopped($first) } 10 or die "it does not stop\n";
        hit($self, STOP => $keeper);
        my $ref = (verb($self->{sandbox}, 'list'))[1]{ref};
        my ($exit) = verb($self->{sandbox}, 'settle', $ref, '--not-done', '--why', 'x', '--force');
        hit($self, CONT => $first, $keeper);
        my $late = word($conn);
        start($self);
        my ($retry, $runs) = (ask($self, 'k'), $self->{effects}->runs('k'));
        my $all = "settled with $exit, then $late, then $retry, $runs runs";
        return $all eq 'settled with 0, then outcome-uncertain, then 200, 2 runs' ? () : "overwritten: $all";
    });
}

# The end of a script that passed through comes when nobody waits for it any more, into the channel of
# the next run.
sub check_stale_message {
    return stage(sub {
        my ($self) = @_;
        my $gateway = start($self, env => { RETRYSAFE_FAULT => 'keeper.ended:stop' });
        my $keeper = keeper_of($gateway);
        my $passed = ask($self, undef);
        wait_until { is_stopped($keeper) } 10 or die "it does not stop\n";
        hit($self, CONT => $keeper);
        wait_until { is_idle($keeper) } 10;
        my $answer = ask($self, 'k', query => 'sleep=0.2');
        return "$passed $answer" eq '200 200' ? () : "mistaken: $passed, $answer";
    }, workers => 1, max_connections => 1);
}

# It waits, and has nothing to wait for but messages.
sub is_idle {
    my ($pid) = @_;
    return Process::contents("/proc/$pid/stat") =~ /\) S / && !keeper_of($pid);
}
