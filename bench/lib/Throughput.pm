# SPDX-License-Identifier: ISC
#
# Throughput.pm - loads candidates equally and compares their throughput
#
#   my @results = throughput($options, $stage, size => 300, load => { clients => 8 },
#       candidates => [ 'nginx + retrysafe' => { port => ..., prefix => 'rs', script => 'script.cgi' }, ... ],
#       results => [ { only => 'first-c/nginx', says => ..., ours => NAME, compared => NAME, target => [...] } ]);
#
# Only right answers count: every candidate is asked once before, and must give the expected body;
# answers that are no success are counted; an answer must be as long as the first one was; and the
# script must have run once for each first request - or once for each key.
package Throughput;
use strict;
use warnings;
use utf8;
use Exporter qw(import);
use Load qw(load rounds spread ratio);

our @EXPORT_OK = qw(throughput checked_rounds spreads);

# Kinds of load: how often the script has to have run.  A request that wrk gave up at the end of a
# round may have run too.
sub check_effects {
    my ($stage, $name, $c, $load, $before, @all) = @_;
    my $had = $stage->effects($c->{prefix}) - $before;
    my $asked = 0;
    $asked += $_->{requests} for @all;
    my $kind = $c->{kind} // $load->{kind} // 'unique';
    my ($least, $most) = ($asked, $asked + ($all[0]{clients} + 1) * @all);

    return "no script" if $c->{no_script};
    ($least, $most) = (0, 0) if $kind eq 'repeat' || $kind eq 'random';    # all keys were used before
    return "$had runs for $asked answers" if $had >= $least && $had <= $most;
    die "$name: $had runs of the script for $asked answers ($kind)\n";
}

sub check_length {
    my ($name, $c, $round) = @_;
    my $differs = abs($round->{bytes_each} - $c->{length});
    return if $round->{bad} || $differs < 60 + 0.01 * $c->{length};
    die sprintf "%s: answers have %.0f bytes, the first one had %d\n", $name, $round->{bytes_each}, $c->{length};
}

# The rounds of all candidates, checked; NAME => [figures].
sub checked_rounds {
    my ($options, $stage, %o) = @_;
    my @names = grep { !ref } @{ $o{candidates} };
    my %candidate = @{ $o{candidates} };
    my (%before, @measures);

    for my $name (@names) {
        my $c = $candidate{$name};
        my %load = (%{ $o{load} // {} }, %{ $c->{load} // {} });
        $c->{target} //= "/$c->{prefix}/$c->{script}?$o{size}";
        prepare($stage, $c, \%load, $o{size});
        $before{$name} = $stage->effects($c->{prefix}) if !$c->{no_script};
        push @measures, $name, sub {
            my ($seconds) = @_;
            my $figures = load(port => $c->{port}, target => $c->{target}, seconds => $seconds, %load);
            check_length($name, $c, $figures);
            return $figures;
        };
    }
    # `besides`: what is measured in the same rounds, but is no request.
    my %rounds = rounds($options, @measures, @{ $o{besides} // [] });
    for my $name (@names) {
        my @all = ($rounds{$name}[0]{warm}, @{ $rounds{$name} });
        select undef, undef, undef, 0.3;    # what wrk gave up may still run
        $candidate{$name}{checked} = check_effects($stage, $name, $candidate{$name}, $o{load} // {},
            $before{$name} // 0, @all);
    }
    return %rounds;
}

# Asks once, and where keys are repeated, once with each of them.
sub prepare {
    my ($stage, $c, $load, $size) = @_;
    my $kind = $load->{kind} // 'unique';
    my $method = $kind eq 'get' ? 'GET' : 'POST';
    my @keys = $kind eq 'get' ? ('') : ("probe-$$-$c->{prefix}");

    @keys = map { "$load->{key}$_" } 0 .. $load->{keys} - 1 if $kind eq 'repeat';
    my $answer;
    $answer = $stage->probe($c->{port}, $c->{target}, $_, $size, $method) for @keys;
    $answer = $stage->probe($c->{port}, $c->{target}, $keys[0], $size, $method) if $kind eq 'repeat';
    $c->{is_fresh}->($answer) if $c->{is_fresh};
    $c->{length} = length $answer->raw;
}

sub throughput {
    my ($options, $stage, %o) = @_;
    my %rounds = checked_rounds($options, $stage, %o);
    my %candidate = @{ $o{candidates} };
    my @results;
    for my $wanted (@{ $o{results} }) {
        my ($ours, $compared) = @$wanted{qw(ours compared)};
        my ($bad, $requests) = (0, 0);
        for (map { @{ $rounds{$_} } } $ours, $compared) {
            $bad += $_->{bad};
            $requests += $_->{requests};
        }
        push @results, {
            only => $wanted->{only}, says => $wanted->{says}, target => $wanted->{target}, unit => 'x',
            value => ratio($rounds{$ours}, $rounds{$compared}, 'rate'),
            figures => { map { ($_ => spreads($rounds{$_}, qw(rate p50 p99))) } $ours, $compared },
            order => [$ours, $compared],
            bad => $bad, requests => $requests,
            notes => [map { "$_: $candidate{$_}{checked}" } $ours, $compared],
        };
    }
    return @results;
}

# A candidate's figures, each as its spread over the rounds.
sub spreads {
    my ($rounds, @figures) = @_;
    return { map { my $f = $_; ($f => spread(map { $_->{$f} } @$rounds)) } @figures };
}

1;
