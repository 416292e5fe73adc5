# SPDX-License-Identifier: ISC
#
# Checker.pm - proves of a history that nothing was run twice, lost or mixed up
#
#   my $checker = Checker->new(history => \@lines, effects => \@effects, list => \@operations,
#       times => \@times, verbs => \@verbs, policy_of => sub { 'fail' }, attempts => 3, is_tame => 0);
#   print "$_\n" for $checker->complaints;
#   my $figures = $checker->figures;
#
# `history` are the lines of Requests.pm as hashes, `effects` and `times` the lines of effects.log and
# times.log as script.c left them, split into words, `verbs` the lines of operator.pl, `list` what `retrysafe
# list` said at the end.  `policy_of` says what becomes of a key that is uncertain, `attempts` is max_attempts;
# `is_tame` says that only gateways were killed and every script is well behaved: then nothing may be uncertain.
#
# A complaint begins with the name of its rule.  Of what ran:
#
#   overlap      a run, a probe or a rollback began while something of another one of its key worked or lived
#   double       more effects of a key than its policy allows.  fail, probe: one.  rerun: max_attempts.
#                rollback: one that is not undone, at any time
#   again        a run that neither the policy nor an operator had allowed
#   attempt      two runs of an operation with the same number
#   undone       a rollback undid the effect of a run whose answer was given, or of a key without that policy
#
# Of what was said:
#
#   phantom      an answer whose run is not among the effects of its key
#   adopted      the answer of a script whose end is not known
#   word         the answer of a probe or of an operator that has said no such thing
#   mixed        an answer to another body, or for somebody else
#   differing    two answers of one key are not the same
#   lost         an answer was seen, also the beginning of one, and the key did not end with it
#   order        after one answer, a request that was sent later was told something else
#   guessed      without a policy: after "uncertain" an answer came, or a request that was sent later ran
#   promise      a problem that promises that this request ran nothing, and it did
#   marker       the first answer is not its own run's, or the marker is wrong
#   unsettled    a key that is neither done nor uncertain when the faults are over
#   undecided    a key that is uncertain when the faults are over, though its policy could decide
#   uncertain    although only gateways died
#   list         `retrysafe list` says something else
#   odd          an answer that nobody should ever get
#
# Of what operators did:
#
#   settled      `settle` took an operation that had been answered, or one of which something lived
#   verb         a verb that ended as none may
#
# An operator who looked at the effects while something worked, or before something began, may have been
# wrong, and what follows for that key is not the program's fault: such keys are counted as "raced".
#
# Every rule is one pass over hashes.  Knows nothing of how the history came about.
package Checker;
use strict;
use warnings;

# These say that the request did not run the script.  Not in-progress: the request that runs it may
# get that as well, when its gateway has to leave.
my %PROMISES_NOTHING = map { $_ => 1 } qw(key-reused other-principal store-unavailable overloaded
    script-not-started script-missing script-not-executable script-not-allowed request-incomplete
    request-invalid request-too-large key-invalid key-missing configuration);
my %IS_UNCERTAIN = map { $_ => 1 } qw(outcome-uncertain script-failed script-timeout);
# What may be said although the answer is there: it could not be looked up.
my %IS_UNAVAILABLE = map { $_ => 1 } qw(store-unavailable overloaded request-incomplete);
my %IS_KNOWN = (%PROMISES_NOTHING, %IS_UNCERTAIN, 'in-progress' => 1);

sub new {
    my ($class, %given) = @_;
    my $self = bless { attempts => 1, list => [], times => [], verbs => [], policy_of => sub { 'fail' }, %given,
        complaints => [], count => {} }, $class;
    push @{ $self->{asked}{ $_->{key} } }, $_ for grep { defined $_->{key} } @{ $self->{history} };
    push @{ $self->{runs}{ $_->[0] } }, $_ for @{ $self->{effects} };
    push @{ $self->{happened}{ $_->[0] } }, $_ for @{ $self->{times} };
    $self->take_settles;
    $self->check_key($_) for sort keys %{ $self->{asked} };
    $self->complain('phantom', $_, 'an effect of a key that nobody has used')
        for grep { !$self->{asked}{$_} } sort keys %{ $self->{runs} };
    $self->check_times;
    $self->check_list;
    $self->check_verbs;
    return $self;
}

sub complaints { @{ $_[0]{complaints} } }

# How many complaints of each rule, and what happened.
sub figures {
    my ($self) = @_;
    my %figures = %{ $self->{count} };
    $figures{double} //= 0;
    $figures{$_} //= 0 for qw(lost differing overlap uncertain raced);
    $figures{"by $_->[4]"}++ for grep { $_->[2] eq 'begin' && ($_->[4] // 'run') ne 'run' } @{ $self->{times} };
    $figures{'by settle'} = grep { $_->{verb} eq 'settle' && defined $_->{ref} && is_done_verb($_) }
        @{ $self->{verbs} };
    $figures{operations} = grep { defined $_->{key} } @{ $self->{history} };
    $figures{keys} = keys %{ $self->{asked} };
    $figures{runs} = @{ $self->{effects} };
    for my $line (@{ $self->{history} }) {
        next if !defined $line->{outcome};
        my $what = $line->{outcome} eq 'ok' ? $line->{replayed} ? 'replayed' : 'first'
            : $line->{type} // $line->{outcome};
        $figures{answers}{$what}++;
    }
    return \%figures;
}

sub complain {
    my ($self, $rule, $key, $text) = @_;
    $self->{count}{"$rule complaints"}++;
    $self->{count}{$rule}++ if $rule =~ /\A(?:double|lost|differing|overlap)\z/;
    push @{ $self->{complaints} }, "$rule: key $key: $text";
}

# ---- what operators did ----

sub is_done_verb { my ($verb) = @_; return $verb->{exit} == 0 && $verb->{signal} == 0 }

# A settle that was killed may have been carried out.
sub take_settles {
    my ($self) = @_;
    my (%key_of, %begun);
    for (grep { $_->[2] eq 'begin' && @$_ > 5 } @{ $self->{times} }) {
        $key_of{ $_->[5] } = $_->[0];
        push @{ $begun{ $_->[5] } }, $_->[3];
    }
    for my $settle (grep { $_->{verb} eq 'settle' && defined $_->{ref} } @{ $self->{verbs} }) {
        my $key = $key_of{ $settle->{ref} };
        next if !defined $key || !is_done_verb($settle) && !$settle->{signal};
        push @{ $self->{settled}{$key} }, $settle;
        $self->{raced}{$key} = 1 if $settle->{before}
            || grep { $_ > $settle->{look} && $_ < $settle->{done} } @{ $begun{ $settle->{ref} } };
    }
    $self->{count}{raced} = keys %{ $self->{raced} };
}

sub settles {
    my ($self, $key, $how) = @_;
    return grep { $_->{how} eq $how } @{ $self->{settled}{$key} // [] };
}

sub check_settles {
    my ($self, $key, $ok) = @_;
    for my $settle (grep { is_done_verb($_) } @{ $self->{settled}{$key} // [] }) {
        my ($answered) = grep { $_->{t1} * 1_000_000 < $settle->{look} } @$ok;
        $self->complain('settled', $key, "an operator settled it although $answered->{request} had been answered")
            if $answered;
        $self->complain('settled', $key, "an operator settled it although process $settle->{after} lived")
            if $settle->{how} eq 'not-done' && $settle->{before} && $settle->{before} == $settle->{after};
    }
}

# Nothing matched, and a store that is busy, are said by 1 and 111; the torture kills with SIGKILL.
sub check_verbs {
    my ($self) = @_;
    for (@{ $self->{verbs} }) {
        my $is_fine = $_->{signal} ? $_->{signal} == 9 : $_->{exit} == 0 || $_->{exit} == 1 || $_->{exit} == 111;
        $self->complain('verb', '(none)', "$_->{verb} ended with exit $_->{exit}, signal $_->{signal}") if !$is_fine;
    }
}

# ---- what happened when ----

# The end of a run that was killed is not known; of every other one it is.
sub check_times {
    my ($self) = @_;
    for my $key (sort keys %{ $self->{happened} }) {
        my (%run, $until);
        $run{ $_->[1] }{ $_->[2] } = $_->[3] for @{ $self->{happened}{$key} };
        $until = 0;
        for (sort { $a->{begin} <=> $b->{begin} } grep { defined $_->{begin} } values %run) {
            $self->complain('overlap', $key, "a run began at $_->{begin}, another one ended at $until")
                if $_->{begin} < $until;
            $until = $_->{end} if ($_->{end} // 0) > $until;
        }
        $self->complain('overlap', $key, "a $_->[4] began at $_->[3], and process " . ($_->[7] // '?') . " of the "
            . ($_->[5] // '?') . ' ' . ($_->[6] // '?') . ' lived')
            for grep { $_->[2] eq 'overlap' } @{ $self->{happened}{$key} };
    }
}

# Which runs a policy and operators allowed, in the order of times.log.
sub check_leave {
    my ($self, $key) = @_;
    my $policy = $self->{policy_of}->($key);
    my %word = (probe => 'not-done', rollback => 'undone');
    my @leaves = map { $_->{look} } $self->settles($key, 'not-done');
    my ($free, $seen, $command) = ($policy eq 'rerun' ? $self->{attempts} : 1, {}, $word{$policy} // '');
    for (@{ $self->{happened}{$key} // [] }) {
        my (undef, $nonce, $what, $at, $word, $ref, $attempt) = @$_;
        $free = 1 if $what eq 'word' && $word eq $command;
        next if $what ne 'begin' || ($word // 'run') ne 'run';
        if ($free > 0) {
            $free--;
        } elsif (@leaves && $leaves[0] < $at) {
            shift @leaves;
        } else {
            $self->complain('again', $key, "run $nonce began at $at, and nothing had allowed it");
        }
        $self->complain('attempt', $key, "two runs of operation $ref are attempt $attempt")
            if defined $attempt && $seen->{"$ref $attempt"}++;
    }
}

# Where effects are undone: how many there are at each time.
sub check_undone {
    my ($self, $key, $runs, $lines) = @_;
    my %has_effect = map { $_->[2] => 1 } @$runs;
    my %seen = map { $_->{nonce} => $_->{request} } grep { defined $_->{nonce} } @$lines;
    my %there;
    for (@{ $self->{happened}{$key} // [] }) {
        my (undef, $nonce, $what, $at, $word) = @$_;
        if ($what eq 'begin' && ($word // 'run') eq 'run' && $has_effect{$nonce}) {
            $there{$nonce} = 1;
            $self->complain('double', $key, join(' and ', sort keys %there) . ' have effects that are not undone')
                if keys %there > 1;
        }
        next if $what ne 'undo';
        delete $there{$word};
        $self->{undone}{$word} = 1;
        $self->complain('undone', $key, "the effect of $word was undone, and $seen{$word} saw its answer")
            if $seen{$word};
    }
}

# ---- one key ----

sub check_key {
    my ($self, $key) = @_;
    my @lines = sort { $a->{t0} <=> $b->{t0} } @{ $self->{asked}{$key} };
    my @runs = @{ $self->{runs}{$key} // [] };
    my @ok = grep { $_->{outcome} eq 'ok' } @lines;

    my $policy = $self->{policy_of}->($key);
    if (!$self->{raced}{$key}) {
        my $allowed = $policy eq 'rerun' ? $self->{attempts} + $self->settles($key, 'not-done') : 1;
        $self->complain('double', $key, @runs . ' runs: ' . join ', ', map { "by $_->[4]" } @runs)
            if $policy ne 'rollback' && @runs > $allowed;
        $self->check_undone($key, \@runs, \@lines) if $policy eq 'rollback';
    }
    $self->complain('undone', $key, 'a rollback has undone an effect, and its policy is ' . $policy)
        if $policy ne 'rollback' && grep { $_->[2] eq 'undo' } @{ $self->{happened}{$key} // [] };
    $self->check_leave($key);
    $self->check_settles($key, \@ok);
    $self->check_words($key, \@lines);
    $self->check_answers($key, \@ok, \@runs);
    $self->check_order($key, \@lines, \@ok);
    $self->check_promises($key, \@lines, \@runs);
    $self->check_end($key, \@lines, \@ok, \@runs);
}

# Nothing but the answers that docs/http.md lists.
sub check_words {
    my ($self, $key, $lines) = @_;
    for (@$lines) {
        $self->complain('odd', $key, "$_->{request}: $_->{why}") if $_->{outcome} eq 'odd';
        $self->complain('odd', $key, "$_->{request}: problem $_->{type}")
            if $_->{outcome} eq 'problem' && !$IS_KNOWN{ $_->{type} };
    }
}

sub check_answers {
    my ($self, $key, $ok, $runs) = @_;
    my %run_of = map { $_->[2] => $_ } @$runs;
    my %hashes = map { $_->{hash} => 1 } @$ok;
    my %nonces = map { $_->{nonce} => 1 } grep { defined $_->{nonce} } @{ $self->{asked}{$key} };
    my @happened = @{ $self->{happened}{$key} // [] };
    my %has_ended = map { $_->[1] => 1 } grep { $_->[2] eq 'end' } @happened;
    my %has_begun = map { $_->[1] => 1 } grep { $_->[2] eq 'begin' } @happened;

    $self->complain('differing', $key, keys(%hashes) . ' different answers') if keys %hashes > 1;
    for my $nonce (grep { !$run_of{$_} } sort keys %nonces) {
        $self->complain('phantom', $key, "an answer with $nonce, which no run has written down");
    }
    for my $line (@$ok) {
        my $run = $run_of{ $line->{nonce} } or next;
        my $teller = $line->{teller} // 'script';
        $self->complain('adopted', $key, "$line->{request} got the answer of $line->{nonce}, whose end is not known")
            if $teller eq 'script' && $has_begun{ $line->{nonce} } && !$has_ended{ $line->{nonce} };
        $self->complain('word', $key, "$line->{request} got an answer that no probe has given")
            if $teller eq 'probe' && !grep { $_->[2] eq 'word' && $_->[4] eq 'done' } @happened;
        $self->complain('word', $key, "$line->{request} got an answer that no operator has given")
            if $teller eq 'operator' && !$self->settles($key, 'done');
        $self->complain('mixed', $key, "$line->{request} ($line->{variant}) got the answer to $run->[3]")
            if $line->{variant} ne $run->[3];
        my $is_own = $line->{request} eq $run->[4];
        $self->complain('marker', $key, "$line->{request} got the run of $run->[4]"
            . ($line->{replayed} ? ' with' : ' without') . ' the marker')
            # A policy's run has the recorded request, whoever gets its answer.
            if $is_own == $line->{replayed} && $self->{policy_of}->($key) eq 'fail';
    }
}

# Real time: what was answered before a request was sent binds what that request is told.
sub check_order {
    my ($self, $key, $lines, $ok) = @_;
    my ($first) = sort { $a->{t1} <=> $b->{t1} } @$ok;
    my ($doubt) = sort { $a->{t1} <=> $b->{t1} }
        grep { is_doubt($_) } @$lines;

    for my $line ($first ? grep { $_->{t0} > $first->{t1} } @$lines : ()) {
        next if $line->{outcome} ne 'problem' || $IS_UNAVAILABLE{ $line->{type} };
        next if $line->{variant} ne $first->{variant}
            && $line->{type} =~ /\A(?:key-reused|other-principal)\z/;
        $self->complain('order', $key,
            "$line->{request} was told $line->{type} after $first->{request} had been answered");
    }
    my $may_not_change = $self->{policy_of}->($key) eq 'fail' && !$self->{settled}{$key};
    for my $line ($doubt && $may_not_change ? @$ok : ()) {
        $self->complain('guessed', $key,
            "$line->{request} was answered after $doubt->{request} had been told $doubt->{type}")
            if $line->{t0} > $doubt->{t1};
    }
}

sub check_promises {
    my ($self, $key, $lines, $runs) = @_;
    my %ran = map { $_->[4] => 1 } @$runs;
    for (grep { $_->{outcome} eq 'problem' && $PROMISES_NOTHING{ $_->{type} } } @$lines) {
        # A policy may run the recorded request of an attempt that was not started.
        next if $_->{type} eq 'script-not-started' && $self->{policy_of}->($key) ne 'fail';
        $self->complain('promise', $key, "$_->{request} was told $_->{type}, and it ran the script")
            if $ran{ $_->{request} };
    }
}

# The last thing that a key's own variant was told, when the faults were over.
sub check_end {
    my ($self, $key, $lines, $ok, $runs) = @_;
    my ($last) = grep { is_verdict($_) } reverse @$lines;
    my ($seen) = grep { defined $_->{nonce} } @$lines;

    if (!$last || $last != ($self->last_words($lines))) {
        $self->complain('unsettled', $key, 'its last answer was '
            . join ' ', map { $_->{outcome}, $_->{type} // '' } @$lines ? $lines->[-1] : ());
    }
    if ($seen && !($last && $last->{outcome} eq 'ok' && is_same($last, $seen))) {
        $self->complain('lost', $key, "$seen->{request} had seen its answer");
    }
    if ($last && $last->{outcome} eq 'problem') {
        $self->{count}{uncertain}++;
        $self->{count}{'uncertain by itself'}++ if grep { ($_->{type} // '') =~ /\Ascript-/
            && $_->{type} ne 'script-not-started' } @$lines;
        $self->complain('uncertain', $key, "$last->{type}, and only gateways had died")
            if $self->{is_tame};
    }
    $self->{verdict}{$key} = $last;
    $self->{ref}{$key} = (map { $_->[5] } @$runs)[0]
        // (map { $_->{ref} } grep { defined $_->{ref} } $last // ())[0];
}

sub is_same {
    my ($x, $y) = @_;
    return $x->{nonce} eq $y->{nonce} && ($x->{teller} // 'script') eq ($y->{teller} // 'script');
}

# Uncertain, and not only late: the late result of a running operation counts.
sub is_doubt {
    my ($line) = @_;
    return $line->{outcome} eq 'problem' && $IS_UNCERTAIN{ $line->{type} } && ($line->{state} // '') ne 'running';
}

sub is_verdict {
    my ($line) = @_;
    return $line->{outcome} eq 'ok' || is_doubt($line);
}

# The last line that is not about another body or somebody else.
sub last_words {
    my ($self, $lines) = @_;
    my ($last) = grep { ($_->{type} // '') !~ /\A(?:key-reused|other-principal)\z/ } reverse @$lines;
    return $last // 0;
}

# ---- the operator's view ----

sub check_list {
    my ($self) = @_;
    my %listed = map { $_->{ref} => $_ } @{ $self->{list} };
    my $settled = 0;

    for my $key (sort keys %{ $self->{verdict} }) {
        my $verdict = $self->{verdict}{$key} or next;
        my $expected = $verdict->{outcome} eq 'ok' ? 'done' : 'uncertain';
        my $ref = $self->{ref}{$key} // 'unknown';
        my $state = $listed{$ref} ? $listed{$ref}{state} : 'absent';
        $settled++;
        $self->check_decided($key, $listed{$ref}) if $expected eq 'uncertain';
        $self->complain('list', $key, "operation $ref is $state, the clients were told $expected")
            if $state ne $expected;
        $self->complain('list', $key, "operation $ref has status $listed{$ref}{status}")
            if $state eq 'done' && $listed{$ref}{status} != $verdict->{status};
    }
    $self->complain('list', '(all)', "$settled keys are settled, and "
        . @{ $self->{list} } . ' operations are listed') if $settled != @{ $self->{list} };
}

# Its request was kept before it ran: so where there is an effect, a probe or a rollback could decide.
sub check_decided {
    my ($self, $key, $listed) = @_;
    my $policy = $self->{policy_of}->($key);
    my @there = grep { !$self->{undone}{ $_->[2] } } @{ $self->{runs}{$key} // [] };
    $self->complain('undecided', $key, "it is uncertain, and $there[-1][2] has left an effect that the $policy knows")
        if $policy =~ /\A(?:probe|rollback)\z/ && @there;
    $self->complain('undecided', $key, "it is uncertain after $listed->{attempts} of $self->{attempts} attempts")
        if $policy eq 'rerun' && $listed && ($listed->{attempts} // $self->{attempts}) < $self->{attempts};
}

1;
