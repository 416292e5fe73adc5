# SPDX-License-Identifier: ISC
#
# Results.pm - writes results: a table on the terminal, results.json and results.md
#
# A result is a hash:
#   only      the name that repeats it (ONLY=)
#   says      the comparison in words
#   value     { median, min, max } of the target's figure, with `unit` ("x" for a ratio)
#   target    ['>=', 1.0], or nothing where there is none
#   figures   { candidate => { rate => spread, p50 => spread, ... } }
#   bad       answers that were no success, in all rounds
#   notes     lines for the reader
package Results;
use strict;
use warnings;
use utf8;
use Exporter qw(import);
use JSON::PP ();

our @EXPORT_OK = qw(reached result_line write_file target_text write_json write_markdown number);

sub reached {
    my ($r) = @_;
    return 0 if !$r->{target} || $r->{bad};    # what was no success does not count as reached
    my ($how, $bound) = @{ $r->{target} };
    my $value = $r->{value}{median};
    return $how eq '>=' ? $value >= $bound : $value <= $bound;
}

# Three significant digits, and no exponent.
sub number {
    my ($n) = @_;
    my $size = abs $n;
    return sprintf '%.0f', $n if $size >= 100;
    return sprintf '%.1f', $n if $size >= 10;
    return sprintf '%.2f', $n;
}

sub with_unit { number($_[0]) . ($_[1] eq 'x' ? ' ×' : " $_[1]") }

sub target_text {
    my ($r) = @_;
    return '–' if !$r->{target};
    return ($r->{target}[0] eq '>=' ? '≥ ' : '≤ ') . with_unit($r->{target}[1], $r->{unit});
}

sub verdict {
    my ($r) = @_;
    return '' if !$r->{target};
    return $r->{bad} ? 'MISSED: not every answer was a success' : reached($r) ? 'reached' : 'missed';
}

sub spread_text {
    my ($s, $unit) = @_;
    my $text = with_unit($s->{median}, $unit);
    $text .= sprintf ' (%s–%s)', number($s->{min}), number($s->{max}) if $s->{min} != $s->{max};
    return $text;
}

my %UNIT = (rate => '/s', p50 => 'µs', p99 => 'µs', p999 => 'µs', MBps => 'MB/s', first_byte => 'ms',
    us => 'µs', kib => 'KiB', calls => 'calls');

# The lines for a terminal.
sub result_line {
    my ($r) = @_;
    my @lines = (sprintf "  %-28s %-26s target %-12s %s", $r->{only}, spread_text($r->{value}, $r->{unit}),
        target_text($r), verdict($r));
    push @lines, "      $r->{says}";
    for my $name (sort keys %{ $r->{figures} // {} }) {
        my $f = $r->{figures}{$name};
        push @lines, sprintf "        %-26s %s", $name, join ', ',
            map { "$_ " . spread_text($f->{$_}, $UNIT{$_} // '') } sort keys %$f;
    }
    push @lines, sprintf '        answers that were no success: %d of %d', $r->{bad}, $r->{requests}
        if defined $r->{requests};
    push @lines, map { "        $_" } @{ $r->{notes} // [] };
    return join("\n", @lines) . "\n";
}

sub write_file {
    my ($file, $text) = @_;
    open my $fh, '>:encoding(UTF-8)', $file or die "$file: $!\n";
    print {$fh} $text;
    close $fh or die "$file: $!\n";
}

sub write_json {
    my ($file, $run) = @_;
    write_file($file, JSON::PP->new->canonical->pretty->encode($run));
}

sub write_markdown {
    my ($file, $run) = @_;
    my $m = $run->{machine};
    my $text = "# Measured\n\n" . join('', map { "- $_: $m->{$_}\n" } sort keys %$m) . "\n"
        . "Each figure is the median of $run->{rounds} interleaved rounds of $run->{seconds} s, with the "
        . "least and the most; ratios are taken round by round.\n"
        . "`make bench ONLY=name` repeats one.\n\n"
        . "| figure | against | value | target | | no success |\n|---|---|---|---|---|---|\n";
    for my $r (@{ $run->{results} }) {
        $text .= sprintf "| `%s` | %s | %s | %s | %s | %s |\n", $r->{only}, $r->{says},
            spread_text($r->{value}, $r->{unit}), target_text($r), verdict($r),
            defined $r->{requests} ? "$r->{bad} of $r->{requests}" : '';
    }
    for my $r (grep { @{ $_->{table} // [] } } @{ $run->{results} }) {
        my ($head, @rows) = @{ $r->{table} };
        $text .= "\n## $r->{only}\n\n| " . join(' | ', @$head) . " |\n|" . '---|' x @$head . "\n"
            . join '', map { '| ' . join(' | ', @$_) . " |\n" } @rows;
    }
    write_file($file, $text);
}

1;
