# Claim: many clients, several gateways on one store, gateways, keepers, recorders and scripts killed
# and stopped at random: nothing is run twice, no answer that was seen is lost or changes, every key
# settles, nothing is left over; when only gateways die, nothing is uncertain.
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
torture('gateways only', \%Round::GATEWAYS_ONLY, 5);
torture('everything', \%Round::EVERYTHING, 10);
torture('everything, and uncertain keys are run again', \%Round::EVERYTHING, 5, policy => 'rerun');
done_testing;

sub torture {
    my ($what, $harm, $seconds, @more) = @_;
    my $round;
    # On a busy machine a round that did too little says nothing: it is run again, for longer, and with
    # more time between two kills, so that what was killed gets to answer again.
    for my $longer (1, 2, 4) {
        $round = Round::run(seed => $SEED, seconds => $seconds * $longer, harm => $harm,
            rate => 80 / $longer, @more);
        last if @{ $round->{complaints} } || did_enough($round, $harm, $seconds);
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

sub did_enough {
    my ($round, $harm, $seconds) = @_;
    my @missing = ((grep { ($round->{figures}{answers}{$_} // 0) < 50 } qw(first replayed)),
        grep { !$round->{harm_done}{$_} } keys %$harm);
    return $round->kills >= 20 * $seconds && !@missing;
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
    like join("\n", $twice->complaints), qr/\Aoverlap: /, 'two runs at the same time';
    my $tame = Checker->new(history => [$doubt], effects => [], list => [$uncertain], is_tame => 1);
    like join("\n", $tame->complaints), qr/\Auncertain: /, 'uncertain, though only gateways died';
}
