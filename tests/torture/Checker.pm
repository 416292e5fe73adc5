# SPDX-License-Identifier: ISC
#
# Checker.pm - proves of a history that nothing was run twice, lost or mixed up
#
#   my $checker = Checker->new(history => \@lines, effects => \@effects, list => \@operations,
#       allowed => 1, is_tame => 0);
#   print "$_\n" for $checker->complaints;
#   my $figures = $checker->figures;
#
# `history` are the lines of Requests.pm as hashes, `effects` [key, pid, nonce, variant, request, ref]
# as the scripts left them, `list` what `retrysafe list` said at the end.  `allowed` is how many runs a
# key may have, `times` when they worked, [key, nonce, "begin" or "end", microseconds], `policy` what
# becomes of uncertain keys; `is_tame` says that only gateways were killed and every script is well behaved: then
# nothing may be uncertain.
#
# A complaint begins with the name of its rule:
#
#   overlap      two runs of one key at the same time
#   double       more effects of a key than allowed
#   phantom      an answer whose run is not among the effects of its key
#   mixed        an answer to another body, or for somebody else
#   differing    two answers of one key are not the same
#   lost         an answer was seen, also the beginning of one, and the key did not end with it
#   order        after one answer, a request that was sent later was told something else
#   guessed      after "uncertain" an answer came, or a request that was sent later ran
#   promise      a problem that promises that this request ran nothing, and it did
#   marker       the first answer is not its own run's, or the marker is wrong
#   unsettled    a key that is neither done nor uncertain when the faults are over
#   uncertain    although only gateways died
#   list         `retrysafe list` says something else
#   odd          an answer that nobody should ever get
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
    my $self = bless { allowed => 1, list => [], %given, complaints => [], count => {} }, $class;
    push @{ $self->{asked}{ $_->{key} } }, $_ for grep { defined $_->{key} } @{ $self->{history} };
    push @{ $self->{runs}{ $_->[0] } }, $_ for @{ $self->{effects} };
    $self->check_key($_) for sort keys %{ $self->{asked} };
    $self->complain('phantom', $_, 'an effect of a key that nobody has used')
        for grep { !$self->{asked}{$_} } sort keys %{ $self->{runs} };
    $self->check_times;
    $self->check_list;
    return $self;
}

sub complaints { @{ $_[0]{complaints} } }

# How many complaints of each rule, and what happened.
sub figures {
    my ($self) = @_;
    my %figures = %{ $self->{count} };
    $figures{double} //= 0;
    $figures{$_} //= 0 for qw(lost differing uncertain);
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
    $self->{count}{$rule}++ if $rule =~ /\A(?:double|lost|differing)\z/;
    push @{ $self->{complaints} }, "$rule: key $key: $text";
}

# The end of a run that was killed is not known; of every other one it is.
sub check_times {
    my ($self) = @_;
    my %run;
    for (@{ $self->{times} // [] }) {
        my ($key, $nonce, $what, $at) = @$_;
        $run{$key}{$nonce}{$what} = $at;
    }
    for my $key (sort keys %run) {
        my @runs = sort { $a->{begin} <=> $b->{begin} } values %{ $run{$key} };
        my $until = 0;
        for (@runs) {
            $self->complain('overlap', $key, "a run began at $_->{begin}, another one ended at $until")
                if $_->{begin} < $until;
            $until = $_->{end} if ($_->{end} // 0) > $until;
        }
    }
}

# ---- one key ----

sub check_key {
    my ($self, $key) = @_;
    my @lines = sort { $a->{t0} <=> $b->{t0} } @{ $self->{asked}{$key} };
    my @runs = @{ $self->{runs}{$key} // [] };
    my @ok = grep { $_->{outcome} eq 'ok' } @lines;

    $self->complain('double', $key, @runs . ' runs: ' . join ', ', map { "by $_->[4]" } @runs)
        if @runs > $self->{allowed};
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

    $self->complain('differing', $key, keys(%hashes) . ' different answers') if keys %hashes > 1;
    for my $nonce (grep { !$run_of{$_} } sort keys %nonces) {
        $self->complain('phantom', $key, "an answer with $nonce, which no run has written down");
    }
    for my $line (@$ok) {
        my $run = $run_of{ $line->{nonce} } or next;
        $self->complain('mixed', $key, "$line->{request} ($line->{variant}) got the answer to $run->[3]")
            if $line->{variant} ne $run->[3];
        my $is_own = $line->{request} eq $run->[4];
        $self->complain('marker', $key, "$line->{request} got the run of $run->[4]"
            . ($line->{replayed} ? ' with' : ' without') . ' the marker')
            # A policy's run has the recorded request, whoever gets its answer.
            if $is_own == $line->{replayed} && ($self->{policy} // 'fail') eq 'fail';
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
    for my $line ($doubt && ($self->{policy} // 'fail') eq 'fail' ? @$ok : ()) {
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
        next if $_->{type} eq 'script-not-started' && ($self->{policy} // 'fail') ne 'fail';
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
    if ($seen && !($last && $last->{outcome} eq 'ok' && $last->{nonce} eq $seen->{nonce})) {
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
        $self->complain('list', $key, "operation $ref is $state, the clients were told $expected")
            if $state ne $expected;
        $self->complain('list', $key, "operation $ref has status $listed{$ref}{status}")
            if $state eq 'done' && $listed{$ref}{status} != $verdict->{status};
    }
    $self->complain('list', '(all)', "$settled keys are settled, and "
        . @{ $self->{list} } . ' operations are listed') if $settled != @{ $self->{list} };
}

1;
