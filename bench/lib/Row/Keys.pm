# SPDX-License-Identifier: ISC
#
# Keys.pm - the cost of a request when the store has many keys: claim and replay, bytes, purging
#
# The stores are filled by programs/fill.c with keys that can be replayed like any other; replays
# ask for any of them at random.  KEYS= says how many the fullest has.
#
# For the replays all processes share one processor: on a virtual machine, waking an idle processor
# takes as long as a whole replay, and happens with some gateways and not with others.
package Row::Keys;
use strict;
use warnings;
use utf8;
use Gateway ();
use Load qw(load rounds spread ratio);
use Process qw(is_alive stop_process);
use Programs qw(program);
use Stage;
use Throughput qw(spreads);
use Time::HiRes qw(sleep);

my $SMALL = 10_000;
my $BODY = 2;    # bytes

sub figures { return (['keys/stored', \&stored], ['keys/purge', \&purge]) }

sub target { "/$_[0]/script.cgi?$BODY" }

# A gateway NAME behind nginx with so many keys NAME-0, NAME-1, ... in its store.  With `due` they
# expire at that time.  Returns the bytes the store's file grew by.
sub fill {
    my ($stage, $name, $n, $due) = @_;
    my $database = $stage->path('store', "$name.db");
    my $program = $stage->sandbox->copy(program('fill'), 'bin/fill');
    $stage->gateway($name);
    my $port = $stage->nginx($name => $stage->fastcgi($name));
    $stage->probe($port, target($name), "template", $BODY);
    $stage->stop($_) for 'nginx', $name;
    my $before = -s $database;
    my $pid = $stage->sandbox->start(name => 'fill', user => $stage->sandbox->user,
        command => [$program, $database, "/$name/script.cgi", 'template', "$name-", $n, $due // ()]);
    waitpid $pid, 0;
    $? == 0 or die "fill: ", $stage->sandbox->read('log/fill');
    my $grown = (-s $database) - $before;
    $stage->gateway($name);
    return $grown;
}

sub sizes {
    my ($keys) = @_;
    my @sizes = ($SMALL);
    push @sizes, $sizes[-1] * 10 while $sizes[-1] * 10 < $keys;
    return (@sizes, $keys > $SMALL ? $keys : $SMALL * 10);
}

sub stored {
    my ($options) = @_;
    my $stage = Stage->new(clients => 1);
    my @sizes = sizes($options->{keys});
    my %bytes;
    for my $n (@sizes) {
        $stage->prepare("n$n");
        $bytes{$n} = fill($stage, "n$n", $n);
        print STDERR "    filled $n\n" if $options->{verbose};
    }
    my $port = $stage->nginx(map { ("n$_" => $stage->fastcgi("n$_")) } @sizes);
    my (@claims, @replays, %runs);
    my $cpu = 0;
    for my $n (@sizes) {
        $stage->probe($port, target("n$n"), sprintf('n%d-%d', $n, $n - 1), $BODY)->is_replay or die "key $n is not there\n";
        push @claims, "claim $n", sub {
            my $r = load(port => $port, target => target("n$n"), seconds => $_[0], clients => 1, raw => 1);
            $runs{$n} += $r->{requests};
            return $r;
        };
        push @replays, "replay $n", sub {
            load(port => $port, target => target("n$n"), seconds => $_[0], clients => 1, raw => 1, cpu => $cpu,
                kind => 'random', key => "n$n-", keys => $n);
        };
    }
    my %rounds = rounds($options, @claims);
    $stage->pin($cpu);
    %rounds = (%rounds, rounds($options, @replays));
    for my $n (@sizes) {
        # The template, and what wrk gave up; a replay that ran would be far more.
        my $more = $stage->effects("n$n") - $runs{$n};
        $more >= 1 && $more <= 2 + $options->{rounds} + 1 or die "$n keys: $more runs more than first requests\n";
    }
    my ($bad, $requests) = (0, 0);
    $bad += $_->{bad}, $requests += $_->{requests} for map { @$_ } values %rounds;
    my $most = $sizes[-1];
    my @results = map { my $what = $_; {
        only => 'keys/stored', unit => 'x', target => ['<=', 1.3], bad => $bad, requests => $requests,
        value => ratio($rounds{"$what $most"}, $rounds{"$what $SMALL"}, 'p50'),
        says => "p50 of a $what, 1 client, with $most keys in the store against $SMALL",
        figures => { map { ("$_ keys" => spreads($rounds{"$what $_"}, qw(p50 p99))) } @sizes },
        series => { what => $what, points => [map { [$_, spreads($rounds{"$what $_"}, 'p50')->{p50}] } @sizes] },
    } } 'claim', 'replay';
    push @results, { only => 'keys/stored', unit => 'bytes', target => ['<=', 250], says => 'each key in the store, without its body',
        value => spread($bytes{$most} / $most - $BODY) };
    $stage->close;
    return @results;
}

# Requests while `retrysafe purge` removes what has expired, beside the same on a store in which
# nothing has.
sub purge {
    my ($options) = @_;
    my $stage = Stage->new(clients => 4);
    my $n = $options->{keys} < 1_000_000 ? $options->{keys} : 1_000_000;
    $stage->prepare('quiet', 'purging');
    fill($stage, 'quiet', $SMALL);
    fill($stage, 'purging', $n, (time - 10) * 1000);
    my $port = $stage->nginx(map { ($_ => $stage->fastcgi($_)) } 'quiet', 'purging');
    my $finished = 0;
    my $requests = sub {
        load(port => $port, target => target($_[0]), seconds => $_[1], clients => 4, raw => 1);
    };
    my %rounds = rounds($options,
        quiet => sub { $requests->('quiet', $_[0]) },
        purging => sub {
            my ($seconds) = @_;
            my $pid = $stage->sandbox->start(name => 'purge', user => $stage->sandbox->user, command => [
                $stage->sandbox->binary, 'purge', '--config', $stage->path('conf/purging.json')]);
            sleep 0.1;
            my $figures = $requests->('purging', $seconds);
            # To kill it is no harm: what it has committed is done, the rest is for the next.
            is_alive($pid) ? stop_process($pid, 'KILL') : $finished++;
            return $figures;
        });
    my ($bad, $requests_in_all) = (0, 0);
    $bad += $_->{bad}, $requests_in_all += $_->{requests} for map { @$_ } values %rounds;
    my ($left) = Programs::output('sqlite3 ' . $stage->path('store/purging.db')
        . " 'SELECT count(*) FROM operation WHERE due < 1000 * unixepoch()'") =~ /(\d+)/;
    $stage->close;
    return { only => 'keys/purge', unit => 'x', target => ['<=', 2], bad => $bad, requests => $requests_in_all,
        value => ratio($rounds{purging}, $rounds{quiet}, 'p99'),
        says => "p99 of first runs, 4 clients, while $n expired keys are purged, against a store with nothing to purge",
        figures => { map { ($_ => spreads($rounds{$_}, qw(rate p50 p99 max))) } 'quiet', 'purging' },
        notes => ["$left expired keys were left; in $finished rounds the purging ended before the round"] };
}

1;
