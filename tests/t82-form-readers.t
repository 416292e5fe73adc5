# Claim: where the gateway finds a field of a form, or finds none, Perl's CGI.pm and PHP read the same;
# where these two differ, it says so, and it says so of no form that is written in an ordinary way.
# SPDX-License-Identifier: ISC
#
# FORMS=N random forms (20000), SEED chooses them.
use strict;
use warnings;
use CGI ();
use Sandbox;
use Test::More;

my ($FORMS, $SEED) = ($ENV{FORMS} // 20_000, $ENV{SEED} // 1);
my $sandbox = Sandbox->new;
my $build = $ENV{RETRYSAFE_BUILD} // 'build';
my @NAMES = qw(k a_b a.b);
my @PIECES = ('&', '&', '&', '=', '=', ';', 'k', 'k', 'a_b', 'a.b', 'a+b', 'a%20b', 'a%2eb', '[', ']', '[]', '[x]', '%5B',
    '%5d', '%', '%4', '%4g', '%3b', '%26', '%3D', '%00', '+', ' ', '.', '_', '1', '2', 'x', 'K', '%6b', '%6B', "\xc3\xa4", '%c3%a4',
    "\r\n", "\t", '"', '#', '%0', '%e');
my @PLAIN = ('k', 'a_b', 'other', 'x1');

srand $SEED;
my @cases = map { [$NAMES[rand @NAMES], join '', map { $PIECES[rand @PIECES] } 1 .. 1 + rand 12] } 1 .. $FORMS;
# Ordinary forms: letters, and values as a browser encodes them.
push @cases, map {
    [$PLAIN[rand 2], join('&', map { $PLAIN[rand @PLAIN] . '=' . join '', map { ('a', '+', '%3B', '%26', '.', '%5B')[rand 6] } 1 .. rand 4 }
        1 .. 1 + rand 4), 'plain']
} 1 .. $FORMS / 4;
push @cases, ['k', ''], ['k', '&'], ['k', '='], ['k', 'k'], ['k', ';'];

my $forms = $sandbox->write('forms', join '', map { "$_->[0] " . unpack('H*', $_->[1]) . "\n" } @cases);
my $php = $sandbox->write('read.php', <<'PHP');
<?php
foreach (file(getenv('FORMS_FILE'), FILE_IGNORE_NEW_LINES) as $line) {
    [$name, $hex] = explode(' ', $line);
    $fields = [];
    parse_str(hex2bin($hex), $fields);
    $name = str_replace('.', '_', $name);
    $value = $fields[$name] ?? null;
    echo $value === null ? '-' : (is_array($value) ? 'array' : 's' . bin2hex($value)), "\n";
}
PHP
my @ours = split /\n/, `$build/unit/value_source read < $forms`, -1;
my @php = split /\n/, `FORMS_FILE=$forms php-cgi -q -d max_input_vars=100000 $php`, -1;
is @ours, @cases + 1, 'the gateway has read all of them';
is @php, @cases + 1, 'and PHP';

my (%count, @wrong);
for my $i (0 .. $#cases) {
    my ($name, $form, $is_plain) = @{ $cases[$i] };
    my @perl = length $form ? CGI->new($form)->multi_param($name) : ();
    my ($n, $value) = split / /, $ours[$i], -1;
    my $says = $n eq '?' ? 'ambiguous' : $n == 0 ? 'none' : $n == 1 ? 'one' : 'several';
    $count{$says}++;
    if ($n eq '?') {
        push @wrong, "$name in an ordinary form is ambiguous: $form" if $is_plain;
        next;
    }
    push @wrong, "CGI.pm, $name: $form: " . @perl . " instead of $n" if @perl != $n;
    push @wrong, "CGI.pm, $name: $form: another value" if $n > 0 && unpack('H*', $perl[0] // '') ne $value;
    my $last = $n > 0 ? 's' . unpack('H*', $perl[-1] // '') : '-';
    push @wrong, "PHP, $name: $form: $php[$i] instead of $last" if $php[$i] ne $last;
}
is join("\n", @wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]), '', scalar(@cases) . ' forms are read as CGI.pm and PHP do';
cmp_ok $count{$_} // 0, '>', $FORMS / 100, "$_: $count{$_}" for qw(ambiguous none one several);
$sandbox->finish;
