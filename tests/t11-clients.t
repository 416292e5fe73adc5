# Claim: of 64 clients at once with one key one runs the script and every client gets its answer or
# 409, never a 5xx; 64 clients with 64 keys are 64 runs.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Crowd qw(crowd);
use Effects;
use Sandbox;
use Site;
use Test::More;

my $CLIENTS = 64;
my $sandbox = Sandbox->new;
my $site = Site->new($sandbox, 'lighttpd', 'nginx', { busy_timeout => '30s', route => { max_running => 100 } });
my $effects = Effects->new($sandbox);

my @names = ('lighttpd spawned', 'lighttpd socket', 'lighttpd cgi.assign', 'nginx');

for my $wiring (map { $site->wiring($_) } @names) {
    subtest $wiring->name . ', one key' => \&check_one_key, $wiring;
    subtest $wiring->name . ', many keys' => \&check_many_keys, $wiring;
}
$sandbox->finish;

sub summarise {
    my %count;
    $count{$_}++ for map { $_ ? $_->summary =~ s/, \d+ bytes//r : 'client died' } @_;
    return join '; ', map { "$count{$_} x $_" } sort keys %count;
}

sub check_one_key {
    my ($wiring) = @_;
    my $key = 'one-' . $wiring->name =~ s/\W/-/gr;
    my @request = (POST => 'effect.pl?sleep=0.3', key => $key, body => 'a=1');
    my @answers = crowd($CLIENTS, sub { $_[1]->(); $wiring->request(@request) });
    my @done = grep { $_ && $_->status == 200 } @answers;
    my @conflicts = grep { $_ && $_->status == 409 } @answers;

    diag summarise(@answers) if @done + @conflicts != $CLIENTS;
    is @done + @conflicts, $CLIENTS, 'everybody gets an answer or 409';
    ok @done >= 1, 'somebody gets the answer';
    is scalar(grep { !$_->is_replay } @done), 1, 'one of them is the first';
    my %essence = map { $_->essence => 1 } @done;
    is_deeply [keys %essence], [$done[0] && $done[0]->essence], 'it is the same answer for all';
    is_deeply [map { $_->summary } grep { $_->problem ne 'in-progress' } @conflicts], [],
        'a conflict says that the first is running';
    is scalar(grep { ($_->header('Retry-After') // '') =~ /\A[1-9][0-9]*\z/ } @conflicts),
        @conflicts, 'and when to come again';
    is $effects->runs($key), 1, 'one run';
    my $later = $wiring->request(@request);
    ok $later->is_replay && $essence{ $later->essence }, 'a later retry gets it too';
}

sub is_replay_of {
    my ($retry, $first) = @_;
    return $retry && $first && $retry->is_replay && $retry->essence eq $first->essence;
}

sub check_many_keys {
    my ($wiring) = @_;
    my $name = 'many-' . $wiring->name =~ s/\W/-/gr;
    my $ask = sub {
        my ($i, $barrier) = @_;
        $barrier->();
        return $wiring->request(POST => 'effect.pl', key => "$name-$i", body => "i=$i");
    };
    my @first = crowd($CLIENTS, $ask);
    my @retry = crowd($CLIENTS, $ask);

    my @ran = grep { $_ && $_->status == 200 && !$_->is_replay } @first;
    is @ran, $CLIENTS, 'everybody gets a first answer' or diag summarise(@first);
    my @once = grep { $effects->runs("$name-$_") == 1 } 0 .. $CLIENTS - 1;
    is @once, $CLIENTS, 'one run for every key';
    my @same = grep { is_replay_of($retry[$_], $first[$_]) } 0 .. $CLIENTS - 1;
    is @same, $CLIENTS, 'and every retry gets the answer of its key' or diag summarise(@retry);
}
