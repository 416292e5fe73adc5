# Claim: output on which web servers disagree is normalised once, so that every wiring answers the
# same and replays what it answered; a script that exits 0 without a response is done, with a 502
# script-failed that is replayed; one that fails without a response is 502 script-failed, then 409
# outcome-uncertain; and there is never a second run.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Sandbox;
use Site;
use Test::More;

# The rows of response.pl: status and body that it becomes ("nonce" stands for 16 hexadecimal
# digits), and fields that the answer must or, with undef, must not have.
my %VALID = (
    'no-content' => [204, ''],
    'no-reason' => [418, 'teapot nonce'],
    'nph' => [201, 'made nonce'],
    'nph-interim' => [200, 'after 100 nonce'],
    'cookies' => [200, 'cookies nonce', 'Set-Cookie' => 'a=1, b=2'],
    'dup' => [200, 'dup nonce', 'X-Dup' => '1, 2'],
    'folded' => [200, 'folded nonce', 'X-Folded' => 'one two'],
    # RFC 3875, 6.2.2 would be made anew by the server at each replay.
    'local-redirect' => [303, '', Location => '/elsewhere?nonce'],
    'redirect' => [302, '', Location => 'http://example.org/nonce'],
    'see-other' => [303, 'see nonce', Location => 'http://example.org/nonce'],
    'short-length' => [200, 'short nonce'],
    'long-length' => [200, 'long nonce'],
    'long-line' => [200, 'long line nonce', 'X-Long' => 'l' x 9000],
    'big-header' => [200, 'big header nonce', 'X-Big-40' => 'w' x 1000],
    'binary' => [200, join('', map { chr } 0 .. 255) . 'nonce'],
    'chunked' => [200, 'hello'],
    'interim' => [200, 'after 100 nonce'],
    'no-header' => [200, "just text, no header nonce\nand more\n"],
    'no-colon' => [200, 'no colon nonce'],
    'nul' => [200, 'nul nonce', 'X-Nul' => 'a b'],
    'no-blank-line' => [200, "Content-Type: text/plain\r\n"],
    'bare-lf' => [202, 'bare lf nonce'],
);

# What a server makes of a response although it is valid and recorded.
my %REFUSED_BY = ('long-line' => { apache => 500 });

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
my %seen;    # row => { essence => [names of wirings] }

for my $wiring ($site->wirings) {
    subtest $wiring->name => sub {
        check_valid($wiring, $_) for sort keys %VALID;
        check_ended($wiring, 'response.pl?row=empty');
        check_invalid($wiring, $_) for 'die.pl', 'segv.pl';
    };
}

for my $row (sort keys %seen) {
    my @different = values %{ $seen{$row} };
    is @different, 1, "$row: the same through every server"
        or diag join "\n", map { "$seen{$row}{$_}[0] and others: $_" } sort keys %{ $seen{$row} };
}

# The same URL, body and credentials through two servers are the same operation in one store.
subtest 'recorded through lighttpd, replayed through nginx' => sub {
    my ($one, $other) = map { $site->wiring($_) } 'lighttpd socket', 'nginx';
    for my $row (sort keys %VALID) {
        my ($first, $retry) = map { ask($_, "response.pl?row=$row", "shared-$row") } $one, $other;
        ok $retry->is_replay, "$row: a replay" or diag $retry->summary;
        is in_common($retry), in_common($first), "$row: the same";
        is $effects->runs("shared-$row"), 1, "$row: one run";
    }
};
$sandbox->finish;

# With credentials: a replay to a caller without any identity leaves out Set-Cookie.
sub ask {
    my ($wiring, $target, $key) = @_;
    return $wiring->request(POST => $target, key => $key, body => 'a=1',
        headers => [Authorization => 'Bearer t13']);
}

# What must be the same through all servers.  mod_fcgid and mod_proxy_fcgi give a response that has
# no type that of the script's file.
sub in_common {
    my ($answer) = @_;
    return without_nonce($answer->essence(1) =~ s{^content-type: text/x-perl\n}{}mr);
}

sub without_nonce { $_[0] =~ s/[0-9a-f]{16}/nonce/gr }

sub check_valid {
    my ($wiring, $row) = @_;
    my $key = join '-', 't13', $wiring->kind, $wiring->prefix, $row;
    my ($first, $retry) = map { ask($wiring, "response.pl?row=$row", $key) } 1 .. 2;
    my ($status, $body, %fields) = @{ $VALID{$row} };
    my $refusal = $REFUSED_BY{$row}{ $wiring->kind };

    is $effects->runs($key), 1, "$row: one run";
    if ($refusal) {
        is_deeply [$first->status, $retry->status], [$refusal, $refusal],
            "$row: more than this server takes";
        return;
    }
    is $first->status, $status, "$row: status" or diag $first->summary;
    is without_nonce($first->body), $body, "$row: body";
    is without_nonce(join ', ', $first->all($_)), $fields{$_}, "$row: $_" for sort keys %fields;
    ok $first->{complete} && $retry->{complete}, "$row: whole";
    ok $retry->is_replay && !$first->is_replay, "$row: the retry is a replay"
        or diag $retry->summary;
    is $retry->essence, $first->essence, "$row: of the same bytes";
    push @{ $seen{$row}{ in_common($first) } }, $wiring->name;
}

# It exited 0, so it has ended; its answer is a problem, and everybody gets the same.
sub check_ended {
    my ($wiring, $target) = @_;
    my $key = join '-', 't13', $wiring->kind, $wiring->prefix, 'ended';
    my ($first, @retries) = map { ask($wiring, $target, $key) } 1 .. 3;

    is_deeply [$first->status, $first->problem, $first->facts->{operation_state}],
        [502, 'script-failed', 'done'], "$target: the first is told" or diag $first->raw;
    for (@retries) {
        ok $_->is_replay, "$target: a retry gets a replay" or diag $_->summary;
        is $_->essence, $first->essence, "$target: of the same bytes";
    }
    is $effects->runs($key), 1, "$target: one run";
}

# A broken answer of a script that failed is a run with an unknown outcome: told to everybody, never
# run again.
sub check_invalid {
    my ($wiring, $target) = @_;
    my $key = join '-', 't13', $wiring->kind, $wiring->prefix, $target =~ s/.*=//r =~ s/\.pl//r;
    my ($first, @retries) = map { ask($wiring, $target, $key) } 1 .. 3;

    is_deeply [$first->status, $first->problem], [502, 'script-failed'],
        "$target: the first is told" or diag $first->raw;
    for (@retries) {
        is_deeply [$_->status, $_->problem], [409, 'outcome-uncertain'], "$target: so is a retry"
            or diag $_->raw;
        ok !defined $_->header('Retry-After'), "$target: and not to try again";
        is $_->facts->{operation_state}, 'uncertain', "$target: operation_state";
    }
    is $effects->runs($key), 1, "$target: one run";
}
