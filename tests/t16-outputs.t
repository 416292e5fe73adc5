# Claim: what any of Apache, lighttpd and nginx delivers of a script's output without us is recorded
# with the status and body of one that delivers it, and replayed; every wiring says the same.
# SPDX-License-Identifier: ISC
use strict;
use warnings;
use Effects;
use Sandbox;
use Server;
use Site;
use Test::More;

# What a body holds that a script made: a server's own error pages do not.
my $MARK = 'made by the script';
my $TEXT = "Content-Type: text/plain\r\n";
my $CHUNKS = "Transfer-Encoding: chunked\r\n\r\n12\r\n$MARK\r\n";

# Output; the status that it becomes; its body, when it is not $MARK.
my %outputs = (
    'usual' => ["Status: 201 Created\r\n$TEXT\r\n$MARK", 201],
    'no-cgi-field' => ["X-Powered-By: x\r\n\r\n$MARK", 200],
    'blank-before-colon' => ["${TEXT}X-A : b\r\n\r\n$MARK", 200],
    'blank-before-colon-first' => ["X-A : b\r\n\r\n$MARK", 200],
    'blank-in-name' => ["${TEXT}X A: b\r\n\r\n$MARK", 200],
    'no-name' => ["$TEXT: b\r\n\r\n$MARK", 200],
    'no-token' => ["${TEXT}X(y): b\r\n\r\n$MARK", 200],
    'no-ascii' => ["${TEXT}X\xc3\xa4: b\r\n\r\n$MARK", 200],
    'no-colon' => ["${TEXT}no colon here\r\n\r\n$MARK", 200],
    'no-colon-first' => ["no colon here\r\n$TEXT\r\n$MARK", 200],
    'text' => ["$MARK\n", 200, "$MARK\n"],
    'text-no-newline' => [$MARK, 200],
    'text-empty-line' => ["hello world\nand\n\n$MARK", 200, "hello world\nand\n\n$MARK"],
    'page' => ["<html>\n<p>$MARK</p>\n</html>\n", 200, "<html>\n<p>$MARK</p>\n</html>\n"],
    'empty-line-first' => ["\r\n$MARK", 200],
    'empty-line-first-lf' => ["\n$MARK", 200],
    'empty-line-then-head' => ["\n$TEXT\n$MARK", 200, "$TEXT\n$MARK"],
    'no-empty-line' => ["X-A: $MARK", 200, "X-A: $MARK"],
    'status-twice' => ["Status: 201\r\nStatus: 202\r\n$TEXT\r\n$MARK", 202],
    'status-999' => ["Status: 999 X\r\n$TEXT\r\n$MARK", 999],
    'status-600' => ["Status: 600\r\n$TEXT\r\n$MARK", 600],
    'status-2000' => ["Status: 2000\r\n$TEXT\r\n$MARK", 500],
    'status-20' => ["Status: 20\r\n$TEXT\r\n$MARK", 500],
    'status-0' => ["Status: 0\r\n$TEXT\r\n$MARK", 500],
    'status-empty' => ["Status:\r\n$TEXT\r\n$MARK", 500],
    'status-word' => ["Status: OK\r\n$TEXT\r\n$MARK", 500],
    'status-quoted' => ["Status: \"404 Not Found\"\r\n$TEXT\r\n$MARK", 500],
    'status-no-blank' => ["Status: 201Created\r\n$TEXT\r\n$MARK", 201],
    'status-plus' => ["Status: +201\r\n$TEXT\r\n$MARK", 201],
    'status-blanks' => ["Status:   201   Made  \r\n$TEXT\r\n$MARK", 201],
    'status-100-then' => ["Status: 100\r\n\r\nStatus: 201\r\n$TEXT\r\n$MARK", 201],
    'http-line' => ["HTTP/1.1 201 Made\r\n$TEXT\r\n$MARK", 201],
    'http-line-and-status' => ["HTTP/1.1 200 OK\r\nStatus: 404 No\r\n$TEXT\r\n$MARK", 404],
    'http-line-999' => ["HTTP/1.1 999 OK\r\n$TEXT\r\n$MARK", 999],
    'http-line-bad' => ["HTTP/1.1 abc\r\n$TEXT\r\n$MARK", 200],
    'http-line-second' => ["${TEXT}HTTP/1.1 201 Made\r\n\r\n$MARK", 200],
    'fold' => ["${TEXT}X-F: one\r\n two\r\n\r\n$MARK", 200],
    'fold-first' => [" X-F: one\r\n$TEXT\r\n$MARK", 200],
    'fold-of-blanks' => ["$TEXT \r\n\r\n$MARK", 200],
    'nul' => ["${TEXT}X-A: a\0b\r\n\r\n$MARK", 200],
    'bare-cr' => ["${TEXT}X-A: a\rSet-Cookie: b=1\r\n\r\n$MARK", 200],
    'two-cr' => ["${TEXT}X-A: a\r\r\n\r\n$MARK", 200],
    'escape' => ["${TEXT}X-A: a\e[0m\r\n\r\n$MARK", 200],
    'byte-order-mark' => ["\xef\xbb\xbf$TEXT\r\n$MARK", 200],
    'chunks' => ["$TEXT${CHUNKS}0\r\n\r\n", 200],
    'chunks-trailer' => ["$TEXT${CHUNKS}0;x=y\r\nX-T: u\r\n\r\n", 200],
    'chunks-no-last' => ["$TEXT$CHUNKS", 200],
    'chunks-broken' => ["${TEXT}Transfer-Encoding: chunked\r\n\r\n$MARK", 200],
    'chunks-and-length' => ["${TEXT}Content-Length: 3\r\n${CHUNKS}0\r\n\r\n", 200],
    'length-negative' => ["${TEXT}Content-Length: -5\r\n\r\n$MARK", 200],
    'length-too-large' => ["${TEXT}Content-Length: 500\r\n\r\n$MARK", 200],
    'type-empty' => ["Content-Type:\r\n\r\n$MARK", 200],
    'warning-first' => ["PHP Warning:  no such thing in x.php\r\n$TEXT\r\n$MARK", 200],
    'nothing' => ['', 502],
    'status-101' => ["Status: 101\r\n\r\nno answer", 502],
);

# Where we make more of it: lighttpd shows such a header as the page.
my %is_better = ('no-colon-first' => 1);

my $sandbox = Sandbox->new;
my $site = Site->new($sandbox);
my $effects = Effects->new($sandbox);
mkdir $sandbox->path('www/outputs') or die "outputs: $!\n";
$sandbox->write("www/outputs/$_", $outputs{$_}[0]) for keys %outputs;

my @bare = (map { my $bare = $site->bare($_); [$_ => sub { $bare->request(@_) }] } qw(apache lighttpd));
my $nginx = Server::nginx_without_us($sandbox);
push @bare, [nginx => $nginx] if $nginx;
my @wirings = map { $site->wiring($_) } 'lighttpd socket', 'Apache mod_fcgid', 'nginx';
my @table;

for my $name (sort keys %outputs) {
    subtest $name => sub { check($name) };
}
note $_ for @table;
$sandbox->finish;

sub check {
    my ($name) = @_;
    my ($output, $status, $body) = @{ $outputs{$name} };
    my $target = "output.pl?of=$name";
    my %without = map { ($_->[0] => without_us($_->[1], $target)) } @bare;
    my @delivered = grep { is_delivered($_) } values %without;
    my @row = map { $_->[0] . ' ' . short($without{ $_->[0] }) } @bare;

    if ($status == 502) {
        is scalar @delivered, 0, 'no server delivers it';
    } else {
        $body //= $MARK;
        ok scalar @delivered, 'a server delivers it';
        ok scalar(grep { $_->body eq $body } @delivered) || $is_better{$name},
            'with this body' or diag map { short($_) . "\n" } @delivered;
        ok scalar(grep { $_->status == $status } @delivered), 'with this status'
            or diag map { short($_) . "\n" } @delivered;
    }
    for my $wiring (@wirings) {
        my $key = join '-', 't16', $wiring->kind, $name;
        my $passed = $wiring->request(POST => $target, body => 'a=1');
        my ($first, $retry) = map { $wiring->request(POST => $target, body => 'a=1', key => $key) } 1 .. 2;
        my $what = $wiring->name;

        is $first->status, $status, "$what: status" or diag $first->raw;
        is $status == 502 ? $first->problem : $first->body, $status == 502 ? 'script-failed' : $body,
            "$what: body";
        ok $first->{complete}, "$what: whole";
        is $first->header('Transfer-Encoding') // 'chunked', 'chunked', "$what: no coding of the script's";
        ok $retry->is_replay, "$what: the retry is a replay" or diag $retry->summary;
        is $retry->essence, $first->essence, "$what: of the same bytes";
        is $effects->runs($key), 1, "$what: one run";
        push @row, "$what: " . join ' / ', map { short($_) } $passed, $first, $retry;
    }
    push @table, "$name: " . join '; ', @row;
}

# lighttpd delivers an output without a header only when it sees the end of it after its bytes.
sub without_us {
    my ($ask, $target) = @_;
    my $answer;
    for (1 .. 5) {
        $answer = $ask->(POST => $target, body => 'a=1');
        last if is_delivered($answer);
    }
    return $answer;
}

# Not a page of the server's own, and what HTTP calls a final status.
sub is_delivered {
    my ($answer) = @_;
    return $answer->status >= 200 && index($answer->body, $MARK) >= 0;
}

sub short {
    my ($answer) = @_;
    my $body = substr($answer->body, 0, 40) =~ s/[^ -~]/./gr;
    return $answer->status . (is_delivered($answer) ? " \"$body\"" : '');
}
