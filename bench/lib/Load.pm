# SPDX-License-Identifier: ISC
#
# Load.pm - load from wrk, in interleaved rounds, and its figures
#
#   my %rounds = rounds($options, rs => sub { load(...) }, fcgiwrap => sub { load(...) });
#   my $rate = spread(map { $_->{rate} } @{ $rounds{rs} });       # { median, min, max }
#   my $times = ratio($rounds{rs}, $rounds{fcgiwrap}, 'rate');    # round by round, then the median
#
# Each round loads every candidate in turn, so that other work of the machine disturbs all of them; a
# first round warms up and is not counted.
package Load;
use strict;
use warnings;
use Exporter qw(import);
use FindBin;
use JSON::PP ();

our @EXPORT_OK = qw(load rounds spread ratio);

my $used = 0;    # numbers of keys, so that each key is new

# load(port =>, target =>, seconds =>, clients => 8, kind => 'unique', key => PREFIX, keys => N,
# raw => 1, pause => MS, cpu => N) - one run of wrk.  Returns what load.lua says, and: rate (successes a second), bad (those
# that were no success, and connections that broke), bytes_each.
sub load {
    my (%o) = @_;
    my $clients = $o{clients} // 8;
    my $threads = $o{raw} ? $clients : $clients < 2 ? 1 : 2;
    my $key = $o{key} // sprintf 'bench-%d-%d', $$, ++$used;
    my @command = (defined $o{cpu} ? ('taskset', '-c', $o{cpu}) : (), 'wrk', '-t', $threads, '-c', $clients, '-d', "$o{seconds}s", '--timeout', '30s',
        '-s', "$FindBin::Bin/programs/load.lua", "http://127.0.0.1:$o{port}$o{target}", '--',
        $o{kind} // 'unique', $key, $o{keys} // 0, $o{raw} ? ('raw', $o{pause} // 0) : ());

    open my $wrk, '-|', @command or die "wrk: $!\n";
    my $out = do { local $/; <$wrk> };
    close $wrk;
    my ($json) = $out =~ /^RESULT (.*)/m or die "@command:\n$out";
    my $r = JSON::PP::decode_json($json);
    die "$o{target}: not one answer\n$out" if !$r->{requests};
    $r->{bad} = 0;
    $r->{bad} += $r->{$_} for qw(status connect read write timeout);
    $r->{rate} = ($r->{requests} - $r->{status}) / ($r->{us} / 1e6);
    $r->{bytes_each} = $r->{bytes} / $r->{requests};
    $r->{clients} = $clients;
    return $r;
}

# rounds({ rounds => N, seconds => S }, NAME => sub { my ($seconds, $round) = @_; ... }, ...) - the
# subs in turn; round 0 warms up.  Returns NAME => [figures of round 1, 2, ...].
sub rounds {
    my ($options, @candidates) = @_;
    my (%of, %warm);

    for my $round (0 .. $options->{rounds}) {
        for (my $i = 0; $i < @candidates; $i += 2) {
            my ($name, $measure) = @candidates[$i, $i + 1];
            my $figures = $measure->($round ? $options->{seconds} : 1, $round);
            if ($round) {
                push @{ $of{$name} }, $figures;
                print STDERR $options->{verbose}
                    ? sprintf "    round %d  %-28s %s\n", $round, $name, brief($figures) : '.';
            } else {
                $warm{$name} = $figures;
            }
        }
    }
    print STDERR "\n" if !$options->{verbose};
    # Also the requests that warmed up had effects.
    $of{$_}[0]{warm} = $warm{$_} for keys %of;
    return %of;
}

sub brief {
    my ($f) = @_;
    return join ', ', map { sprintf '%s %.4g', $_, $f->{$_} }
        grep { defined $f->{$_} && !ref $f->{$_} } qw(rate p50 p99 p999 bad us MBps first_byte);
}

# The median with the least and the most.
sub spread {
    my @sorted = sort { $a <=> $b } @_;
    my $middle = $#sorted / 2;
    return {
        median => ($sorted[int $middle] + $sorted[int($middle + 0.5)]) / 2,
        min => $sorted[0], max => $sorted[-1],
    };
}

# One candidate's figure over another's, both of the same round.
sub ratio {
    my ($these, $those, $figure) = @_;
    return spread(map { $these->[$_]{$figure} / $those->[$_]{$figure} } 0 .. $#$these);
}

1;
