# SPDX-License-Identifier: ISC
#
# Plot.pm - the plots of a run, as SVG written by hand: compared.svg and keys.svg
#
# compared.svg: for each comparison a bar for throughput and one for the median latency, as multiples
# of the compared program's, with the least and the most round, and a tick at the target.
# keys.svg: the median latency of a claim and of a replay against the number of keys in the store.
package Plot;
use strict;
use warnings;
use utf8;
use Exporter qw(import);
use Results qw(number);

our @EXPORT_OK = qw(compared_svg keys_svg);

my $STYLE = 'text{font:12px sans-serif;fill:#222}.small{font-size:11px;fill:#666}'
    . '.title{font-size:15px;font-weight:bold}.axis{stroke:#bbb}.one{stroke:#222;stroke-dasharray:3 3}'
    . '.rate{fill:#2a7ab0}.late{fill:#d08a3c}.range{stroke:#222}.target{stroke:#b03030;stroke-width:2}'
    . '.line{fill:none;stroke-width:2}';

sub escape { $_[0] =~ s/&/&amp;/gr =~ s/</&lt;/gr }

sub text {
    my ($x, $y, $what, %more) = @_;
    my $attributes = join '', map { qq( $_="$more{$_}") } sort keys %more;
    return sprintf qq(<text x="%.1f" y="%.1f"%s>%s</text>\n), $x, $y, $attributes, escape($what);
}

sub line {
    my ($x1, $y1, $x2, $y2, $class) = @_;
    return sprintf qq(<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>\n), $x1, $y1, $x2, $y2, $class;
}

sub document {
    my ($width, $height, $body) = @_;
    return qq(<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height" )
        . qq(viewBox="0 0 $width $height">\n<style>$STYLE</style>\n)
        . qq(<rect width="$width" height="$height" fill="#fff"/>\n$body</svg>\n);
}

# Results that compare the throughput of two candidates.
sub comparisons { grep { $_->{order} && $_->{target} } @_ }

sub compared_svg {
    my ($run) = @_;
    my @shown = comparisons(@{ $run->{results} });
    my ($left, $width, $top, $step) = (420, 420, 66, 44);
    my $most = 3;    # multiples; longer bars end in their number
    my $x = sub { $left + $width * ($_[0] > $most ? $most : $_[0]) / $most };
    my $height = $top + $step * @shown + 50;
    my $body = text(16, 26, 'retrysafe beside the compared programs', class => 'title')
        . text(16, 44, "$run->{machine}{date}, $run->{machine}{processor}; the compared program is 1; median, least and most of "
            . "$run->{rounds} rounds", class => 'small');

    for my $tick (0 .. $most * 2) {
        $body .= line($x->($tick / 2), $top - 8, $x->($tick / 2), $height - 42, $tick == 2 ? 'one' : 'axis')
            . text($x->($tick / 2), $height - 26, $tick / 2, 'text-anchor' => 'middle', class => 'small');
    }
    for my $i (0 .. $#shown) {
        my ($r, $y) = ($shown[$i], $top + $step * $i);
        my ($ours, $compared) = @{ $r->{order} };
        my $late = $r->{figures}{$ours}{p50}{median} / $r->{figures}{$compared}{p50}{median};
        $body .= text($left - 12, $y + 12, $r->{only}, 'text-anchor' => 'end')
            . text($left - 12, $y + 26, "$ours : $compared", 'text-anchor' => 'end', class => 'small')
            . bar($x, $y, 'rate', $r->{value}{median}) . bar($x, $y + 16, 'late', $late)
            . line($x->($r->{value}{min}), $y + 7, $x->($r->{value}{max}), $y + 7, 'range')
            . line($x->($r->{target}[1]), $y - 3, $x->($r->{target}[1]), $y + 16, 'target');
    }
    my $y = $height - 8;
    $body .= qq(<rect x="16" y="@{[$y - 10]}" width="12" height="10" class="rate"/>) . text(32, $y, 'throughput (more is better)')
        . qq(<rect x="216" y="@{[$y - 10]}" width="12" height="10" class="late"/>) . text(232, $y, 'median latency (less is better)')
        . line(456, $y - 12, 456, $y + 2, 'target') . text(464, $y, "the throughput's target");
    return document($left + $width + 70, $height, $body);
}

sub bar {
    my ($x, $y, $class, $value) = @_;
    return sprintf(qq(<rect x="%.1f" y="%d" width="%.1f" height="14" class="%s"/>\n), $x->(0), $y, $x->($value) - $x->(0), $class)
        . text($x->($value) + 6, $y + 11, number($value), class => 'small');
}

# Nothing when the run did not measure it.
sub keys_svg {
    my ($run) = @_;
    my @series = map { $_->{series} // () } @{ $run->{results} };
    return if !@series;
    my ($left, $top, $width, $height) = (70, 66, 480, 240);
    my @keys = map { $_->[0] } @{ $series[0]{points} };
    my ($most) = sort { $b <=> $a } map { $_->[1]{max} } map { @{ $_->{points} } } @series;
    $most = nice($most / 1000);
    my $x = sub { $left + $width * (log($_[0]) - log $keys[0]) / (log($keys[-1]) - log $keys[0]) };
    my $y = sub { $top + $height * (1 - $_[0] / 1000 / $most) };
    my $body = text(16, 26, 'What a request costs with so many keys in the store', class => 'title')
        . text(16, 44, "$run->{machine}{date}, $run->{machine}{processor}; 1 client; median, least and most of "
            . "$run->{rounds} rounds", class => 'small');
    for my $tick (0 .. 4) {
        my $ms = $most * $tick / 4;
        $body .= line($left, $y->($ms * 1000), $left + $width, $y->($ms * 1000), 'axis')
            . text($left - 8, $y->($ms * 1000) + 4, number($ms) . ' ms', 'text-anchor' => 'end', class => 'small');
    }
    $body .= text($x->($_), $top + $height + 20, grouped($_), 'text-anchor' => 'middle', class => 'small') for @keys;
    my %colour = (claim => '#2a7ab0', replay => '#d08a3c');
    for my $s (@series) {
        my $points = join ' ', map { sprintf '%.1f,%.1f', $x->($_->[0]), $y->($_->[1]{median}) } @{ $s->{points} };
        $body .= qq(<polyline points="$points" class="line" stroke="$colour{$s->{what}}"/>\n)
            . join '', map { line($x->($_->[0]), $y->($_->[1]{min}), $x->($_->[0]), $y->($_->[1]{max}), 'range') } @{ $s->{points} };
        my $last = $s->{points}[-1];
        $body .= text($x->($last->[0]) + 8, $y->($last->[1]{median}) + 4, $s->{what} eq 'claim' ? 'first run' : 'replay');
    }
    return document($left + $width + 90, $top + $height + 40, $body);
}

# The next number with one digit that is as large.
sub nice {
    my ($n) = @_;
    my $power = 10 ** int(log($n) / log(10) - ($n < 1 ? 1 : 0));
    return (grep { $_ * $power >= $n } 1, 2, 4, 5, 8, 10)[0] * $power;
}

sub grouped { scalar reverse(reverse($_[0]) =~ s/(\d{3})(?=\d)/$1 /gr) }

1;
