# Claim: many clients, several gateways on one store, `recover`, `settle`, `purge` and `backup` beside them; gateways,
# keepers, recorders, verbs, scripts, probes and rollbacks killed and stopped at random: nothing is run twice or beside
# another run of its key, no answer that was seen is lost or changes, every policy does what it says, every key settles,
# nothing is left over; when only gateways die, nothing is uncertain.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/torture";
use Checker;
use Round;
use Test::More;

# A longer run, with its figures, is `make torture SECONDS=600 SEED=1`.
my $SEED = $ENV{SEED} // 60;

subtest 'the checker sees every kind of fault in a history' => \&check_the_checker;
subtest 'and what a policy or an operator may not do' => \&check_the_policies;
torture('gateways only', \%Round::GATEWAYS_ONLY, 4, policy => 'mixed');
torture('everything, and every policy', \%Round::EVERYTHING, 11, policy => 'mixed');
torture("without stalls, and the policy is $_", \%Round::WITHOUT_STALLS, 4, policy => $_) for qw(rerun probe rollback);
done_testing;

sub torture {
    my ($what, $harm, $seconds, @more) = @_;
    my $round;
    # On a busy machine a round that did too little says nothing: it is run again, for longer, and with
    # more time between two kills, so that what was killed gets to answer again.
    for my $longer (1, 2, 4) {
        $round = Round::run(seed => $SEED, seconds => $seconds * $longer, harm => $harm,
            rate => 80 / $longer, @more);
        my @missing = missing($round, $harm, $seconds) or last;
        last if @{ $round->{complaints} };
        diag "$what: too little of: @missing" if $longer < 4;
    }
    my $figures = $round->{figures};
    my %done = %{ $round->{harm_done} };
    my $kills = $round->kills;

    is join("\n", @{ $round->{complaints} }), '', "$what: nothing to complain of, seed $SEED";
    cmp_ok $kills, '>=', 20 * $seconds, "$what: enough was killed";
    cmp_ok $figures->{answers}{$_} // 0, '>=', 50, "$what: enough answers of the kind \"$_\""
        for qw(first replayed);
    is join(' ', grep { !$done{$_} } sort keys %$harm), '', "$what: every kind of harm was done";
    diag "$what: $figures->{operations} operations, $figures->{keys} keys, $kills kills;"
        . " $figures->{double} double, $figures->{lost} lost, $figures->{differing} differing"
        . " (95 %: below 3/$kills a kill), $figures->{uncertain} uncertain";
}

sub missing {
    my ($round, $harm, $seconds) = @_;
    return ((grep { ($round->{figures}{answers}{$_} // 0) < 50 } qw(first replayed)),
        (grep { !$round->{harm_done}{$_} } keys %$harm), $round->kills < 20 * $seconds ? 'kills' : ());
}

# ---- the checker itself ----

sub line {
    my ($request, $t0, $t1, $outcome, %more) = @_;
    return { key => 'k', variant => 'A-a', request => $request, t0 => $t0, t1 => $t1,
        outcome => $outcome, %more };
}

sub ok_line {
    my ($request, $t0, $t1, %more) = @_;
    return line($request, $t0, $t1, 'ok', status => 200, hash => 'h', nonce => 'n', replayed => 1,
        %more);
}

sub problem {
    my ($request, $t0, $t1, $type, %more) = @_;
    return line($request, $t0, $t1, 'problem', type => $type, %more);
}

sub check_the_checker {
    my $first = ok_line('1', 1, 2, replayed => 0);
    my $doubt = problem('2', 3, 4, 'outcome-uncertain', ref => 'r');
    my $run = ['k', 7, 'n', 'A-a', '1', 'r'];
    my $done = { ref => 'r', state => 'done', status => 200 };
    my $uncertain = { ref => 'r', state => 'uncertain' };
    my $cut_off = line('1', 1, 2, 'info', nonce => 'n');
    # Name of the rule, history, effects, list, more.
    my @cases = (
        ['', [$first, problem('2', 1, 3, 'in-progress'), ok_line('3', 3, 4)], [$run], [$done]],
        ['', [$first, problem('2', 3, 4, 'store-unavailable'), ok_line('3', 5, 6)], [$run], [$done]],
        ['', [$first, problem('2', 3, 4, 'key-reused', variant => 'B-a')], [$run], [$done]],
        ['', [line('1', 1, 2, 'info'), $doubt], [$run], [$uncertain]],
        ['', [line('1', 1, 2, 'info'), $doubt], [], [$uncertain]],
        ['', [problem('2', 3, 4, 'outcome-uncertain', state => 'running'), ok_line('3', 5, 6, request => '1')],
            [$run], [$done], 'marker'],
        ['double', [$first], [$run, ['k', 8, 'm', 'A-a', '1', 'r']], [$done]],
        ['phantom', [$first], [['k', 7, 'm', 'A-a', '1', 'r']], [$done]],
        ['mixed', [$first], [['k', 7, 'n', 'B-a', '1', 'r']], [$done]],
        ['differing', [$first, ok_line('2', 3, 4, hash => 'i')], [$run], [$done]],
        ['lost', [line('1', 1, 2, 'info', nonce => 'n'), $doubt], [$run], [$uncertain]],
        ['lost', [$cut_off, ok_line('2', 3, 4, replayed => 0, nonce => 'm')],
            [['k', 8, 'm', 'A-a', '2', 'r']], [$done], 'phantom'],
        ['order', [$first, problem('2', 3, 4, 'in-progress'), ok_line('3', 5, 6)], [$run], [$done]],
        ['order', [$first, problem('2', 3, 4, 'script-not-started'), ok_line('3', 5, 6)], [$run],
            [$done]],
        ['guessed', [$doubt, ok_line('3', 5, 6, replayed => 0)], [['k', 7, 'n', 'A-a', '3', 'r']],
            [$done]],
        ['promise', [problem('1', 1, 2, 'store-unavailable'), ok_line('2', 3, 4)], [$run], [$done]],
        ['marker', [$first, ok_line('2', 3, 4, replayed => 0)], [$run], [$done]],
        ['marker', [ok_line('1', 1, 2)], [$run], [$done]],
        ['unsettled', [line('1', 1, 2, 'info'), problem('2', 3, 4, 'in-progress')], [$run], []],
        ['list', [$first], [$run], [$uncertain]],
        ['list', [$first], [$run], [{ %$done, status => 500 }]],
        ['list', [$first], [$run], [$done, { ref => 's', state => 'running' }]],
        ['odd', [$first, line('2', 3, 4, 'odd', why => 'x')], [$run], [$done], 'unsettled'],
    );
    for my $case (@cases) {
        my ($rule, $history, $effects, $list, $also) = @$case;
        my $checker = Checker->new(history => $history, effects => $effects, list => $list);
        my %found = map { (/\A(\w+)/)[0] => 1 } $checker->complaints;
        delete $found{$also} if defined $also;
        is join(' ', sort keys %found), $rule, $rule || 'a good history';
    }
    my @two = (['k', 'n', 'begin', 1], ['k', 'm', 'begin', 2], ['k', 'n', 'end', 3], ['k', 'm', 'end', 4]);
    my $twice = Checker->new(history => [$first], effects => [$run], list => [$done], times => \@two);
    like join("\n", $twice->complaints), qr/^overlap: .* another one ended/m, 'two runs at the same time';
    my $killed = Checker->new(history => [$first], effects => [$run], list => [$done],
        times => [begins('n', 1), ends('n', 2), ['k', 'm', 'overlap', 3, 'run', 'run', 'n', 7]]);
    like join("\n", $killed->complaints), qr/\Aoverlap: .* process 7 of the run n lived/, 'something of a run that was killed lives';
    my $tame = Checker->new(history => [$doubt], effects => [], list => [$uncertain], is_tame => 1);
    like join("\n", $tame->complaints), qr/\Auncertain: /, 'uncertain, though only gateways died';
}

# What script.c writes into times.log.
sub begins { my ($nonce, $at, $kind, $attempt) = @_; return ['k', $nonce, 'begin', $at, $kind // 'run', 'r', $attempt // 1] }
sub ends { my ($nonce, $at) = @_; return ['k', $nonce, 'end', $at] }
sub says { my ($nonce, $at, $word) = @_; return ['k', $nonce, 'word', $at, $word] }
sub undoes { my ($nonce, $at, $run) = @_; return ['k', $nonce, 'undo', $at, $run] }

# What operator.pl writes; in microseconds, as times.log.
sub settles {
    my ($how, $look, $done, %more) = @_;
    return { verb => 'settle', exit => 0, signal => 0, ref => 'r', how => $how, state => 'uncertain', look => $look,
        done => $done, before => 0, after => 0, %more };
}

sub check_the_policies {
    my $first = ok_line('1', 1, 2, replayed => 0);
    my $later = ok_line('2', 3, 4, nonce => 'm');    # the answer of a second run
    my $doubt = problem('2', 3, 4, 'outcome-uncertain', ref => 'r');
    my ($run, $again) = map { ['k', 7, $_, 'A-a', '1', 'r'] } qw(n m);
    my $done = { ref => 'r', state => 'done', status => 200 };
    my $uncertain = { ref => 'r', state => 'uncertain' };
    my @ran = (begins('n', 1), ends('n', 2));
    my @ran_again = (begins('m', 7, 'run', 2), ends('m', 8));
    my @probed = (begins('p', 3, 'probe'), says('p', 4, 'not-done'), ends('p', 5));
    my @found = (begins('p', 3, 'probe'), says('p', 4, 'done'), ends('p', 5));
    my @undone = (begins('p', 3, 'rollback'), undoes('p', 4, 'n'), says('p', 4, 'undone'), ends('p', 5));
    # Name of the rule, policy, history, effects, list, times, more.
    my @cases = (
        ['', 'fail', [$first], [$run], [$done], [@ran]],
        ['', 'rerun', [$later], [$run, $again], [$done], [@ran, @ran_again]],
        ['', 'probe', [ok_line('2', 3, 4, teller => 'probe')], [$run], [$done], [begins('n', 1), @found]],
        ['', 'probe', [$later], [$again], [$done], [begins('n', 1), @probed, @ran_again]],
        ['', 'probe', [$doubt], [], [$uncertain], [begins('n', 1)]],
        ['', 'rollback', [$later], [$run, $again], [$done], [@ran, @undone, @ran_again]],
        ['', 'fail', [$later], [$again], [$done], [begins('n', 1), @ran_again], verbs => [settles('not-done', 4, 6)]],
        ['', 'fail', [$doubt, ok_line('3', 5, 6, teller => 'operator')], [$run], [$done], [begins('n', 1)],
            verbs => [settles('done', 4_100_000, 4_200_000)]],
        # An operator who had looked before the run was over.
        ['', 'fail', [$later], [$run, $again], [$done], [@ran, @ran_again], verbs => [settles('not-done', 0, 6)]],
        ['double', 'rerun', [$later], [$run, $again, ['k', 8, 'o', 'A-a', '1', 'r']], [$done], [@ran, @ran_again]],
        ['double', 'probe', [$later], [$run, $again], [$done], [@ran, @probed, @ran_again]],
        ['double', 'rollback', [$later], [$run, $again], [$done],
            [@ran, begins('p', 3, 'rollback'), says('p', 4, 'undone'), ends('p', 5), @ran_again]],
        ['double', 'fail', [$later], [$run, $again], [$done], [@ran, @ran_again], verbs => [settles('not-done', 3, 4)]],
        ['again', 'fail', [$later], [$again], [$done], [@ran, @ran_again]],
        ['again', 'rerun', [$later], [$again], [$done], [@ran, @ran_again, begins('o', 9, 'run', 3)]],
        ['again', 'probe', [$later], [$again], [$done], [begins('n', 1), begins('p', 3, 'probe'),
            says('p', 4, 'unknown'), ends('p', 5), @ran_again]],
        ['again', 'probe', [$later], [$again], [$done], [begins('n', 1), @undone[0, 2, 3], @ran_again]],
        ['again', 'rollback', [$later], [$run, $again], [$done], [@ran, @undone[0, 1, 3], @ran_again]],
        ['attempt', 'rerun', [$later], [$run, $again], [$done], [@ran, begins('m', 7, 'run', 1), ends('m', 8)]],
        ['undone', 'rollback', [$first, $later], [$run, $again], [$done], [@ran, @undone, @ran_again], also => 'differing lost'],
        ['undone', 'probe', [$first], [$run], [$done], [@ran, undoes('p', 4, 'n')]],
        ['overlap', 'rollback', [$doubt], [], [$uncertain], [begins('p', 1, 'rollback'), begins('q', 2, 'rollback'),
            ends('p', 3), ends('q', 4)]],
        ['overlap', 'probe', [$later], [$again], [$done], [begins('n', 1), begins('p', 3, 'probe'),
            says('p', 4, 'not-done'), begins('m', 5, 'run', 2), ends('p', 6), ends('m', 8)]],
        ['adopted', 'fail', [$first], [$run], [$done], [begins('n', 1)]],
        ['word', 'probe', [ok_line('2', 3, 4, teller => 'probe')], [$run], [$done], [begins('n', 1), @probed]],
        ['word', 'fail', [ok_line('2', 3, 4, teller => 'operator')], [$run], [$done], [begins('n', 1)],
            verbs => [settles('done', 3, 4, exit => 1)]],
        ['differing', 'probe', [$first, ok_line('2', 3, 4, teller => 'probe', hash => 'i')], [$run], [$done],
            [@ran, @found], also => 'lost'],
        ['lost', 'probe', [line('1', 1, 2, 'info', nonce => 'n'), ok_line('2', 3, 4, teller => 'probe')], [$run], [$done],
            [@ran, @found]],
        ['undecided', 'probe', [$doubt], [$run], [$uncertain], [@ran]],
        ['undecided', 'rollback', [$doubt], [$run], [$uncertain], [@ran]],
        ['undecided', 'rerun', [$doubt], [$run], [{ %$uncertain, attempts => 1 }], [@ran]],
        ['settled', 'fail', [$first], [$run], [$done], [@ran], verbs => [settles('done', 3_000_000, 4_000_000)]],
        ['settled', 'fail', [$doubt], [$run], [$uncertain], [@ran],
            verbs => [settles('not-done', 3, 4, before => 7, after => 7)]],
        ['verb', 'fail', [$first], [$run], [$done], [@ran], verbs => [{ verb => 'purge', exit => 0, signal => 11 }]],
        ['verb', 'fail', [$first], [$run], [$done], [@ran], verbs => [{ verb => 'recover', exit => 100, signal => 0 }]],
    );
    for my $case (@cases) {
        my ($rule, $policy, $history, $effects, $list, $times, %more) = @$case;
        my $checker = Checker->new(history => $history, effects => $effects, list => $list, times => $times, attempts => 2,
            policy_of => sub { $policy }, %more);
        my %found = map { (/\A(\w+)/)[0] => 1 } $checker->complaints;
        delete @found{ split / /, $more{also} // '' };
        is join(' ', sort keys %found), $rule, ($rule || 'a good history') . ", $policy" or diag $checker->complaints;
    }
}
