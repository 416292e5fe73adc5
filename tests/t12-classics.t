# Claim: scripts that ignore a body of 3 MB, write 1 MB before reading, flood standard error, leave
# a grandchild on standard output, send binary bodies or repeat header fields are answered and
# replayed whole and at once, in every wiring.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Effects;
use Process qw(wait_until describe);
use Sandbox;
use Site;
use Test::More;

# A stall shows as one of the servers' limits: mod_cgid's is 5 s, the shortest.
my $AT_ONCE = 4;
my $MB3 = join '', map { pack 'N', $_ * 2654435761 & 0xffffffff } 1 .. 750_000;
my $DIGEST = sha256_hex($MB3);

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);

for my $wiring ($site->wirings) {
    subtest $wiring->name => sub {
        check($wiring, 'noread.pl', $MB3, qr/\Anot read, [0-9a-f]{16}\n\z/);
        check($wiring, 'errflood.pl', $MB3, qr/\Aflooded, [0-9a-f]{16}\n\z/);
        my $first = check($wiring, 'bigfirst.pl', $MB3, qr/\n[0-9a-f]{16} 3000000 $DIGEST\n\z/);
        is length $first->body, (1 << 20) + length "\n0123456789abcdef 3000000 $DIGEST\n",
            'bigfirst.pl: every byte of the first MB';

        my $all = join '', map { chr } 0 .. 255;
        my $binary = check($wiring, 'binary.pl', $all x 40 . "\r\n\0", qr/./s);
        ok $binary->body eq $all x 41 . "\r\n\0", 'binary.pl: all byte values, there and back';

        check($wiring, 'grandchild.pl', 'a=1', qr/\Athe script is done, [0-9a-f]{16}\n\z/);
        check_cookies($wiring);
    };
}

$sandbox->open_gate('grandchild');
ok wait_until { !grep { describe($_) =~ /grandchild/ } $sandbox->processes },
    'the grandchildren end';
for my $wiring ($site->wirings) {
    my $key = key_of($wiring, 'grandchild.pl');
    my $late = $wiring->request(POST => 'grandchild.pl', key => $key, body => 'a=1');
    like $late->body, qr/\Athe script is done, [0-9a-f]{16}\n\z/,
        $wiring->name . ': what they wrote later is not replayed';
}
$sandbox->finish;

sub key_of {
    my ($wiring, $script) = @_;
    return join '-', 't12', $wiring->kind, $wiring->prefix, $script =~ s/\W.*//r;
}

# Sends the request twice; returns the first answer.
sub check {
    my ($wiring, $script, $body, $wanted, @headers) = @_;
    my $key = key_of($wiring, $script);
    my ($first, $retry) = map {
        $wiring->request(POST => $script, key => $key, body => $body, headers => \@headers)
    } 1 .. 2;

    is $first->status, 200, "$script: answered" or diag $first->summary;
    like $first->body, $wanted, "$script: as the script wrote it" if $first->status == 200;
    ok $first->{complete}, "$script: whole";
    ok $first->{seconds} < $AT_ONCE, "$script: at once" or diag "$first->{seconds} s";
    ok $retry->is_replay, "$script: the retry is a replay" or diag $retry->summary;
    ok $retry->essence eq $first->essence, "$script: of the same bytes"
        or diag $first->summary, ' / ', $retry->summary;
    ok $retry->{seconds} < $AT_ONCE, "$script: at once, too" or diag "$retry->{seconds} s";
    is $effects->runs($key), 1, "$script: one run";
    return $first;
}

# With credentials: a replay to a caller without any identity leaves out Set-Cookie.
sub check_cookies {
    my ($wiring) = @_;
    my $answer = check($wiring, 'cookies.pl', 'a=1', qr/\Acookies /, Authorization => 'Bearer t12');
    is_deeply [$answer->all('Set-Cookie')], ['a=1; Path=/', 'b=2; HttpOnly'],
        'cookies.pl: both cookies, in order';
    # Apache joins repeats of other fields by itself.
    is join(', ', $answer->all('X-Dup')), 'first, second', 'cookies.pl: both X-Dup, in order';
}
